"""Serves live pictures as MJPEG over HTTP, which browsers, players and OpenCV read."""

from __future__ import annotations

import errno
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Final, Self

import cv2
import numpy as np

from obamanet.background import Slot
from obamanet.errors import VideoError

QUALITY: Final = 85
"""JPEG quality, 0 to 100."""

MAX_CLIENTS: Final = 32
"""Clients that are served at once; each has a thread and one picture."""

SEND_SECONDS: Final = 10.0
"""Seconds after which a client that takes nothing is let go."""

BOUNDARY: Final = "frame"

HTTP: Final = "http://"
"""Begins the server's address."""


class MjpegServer:
    """A server of the newest picture, in as many parts of one answer as there are pictures, to every client.

    Clients have a thread each and take what is newest, so that a slow one keeps up nothing and takes no memory.

    Args:
        host: address of this machine to be reached at.
        port: 1 to 65535, or 0 for any that is free.

    Raises:
        VideoError: on entering, when the port is in use, or the address is not this machine's.
    """

    def __init__(self, host: str, port: int) -> None:
        self._place = host, port
        self._clients: set[Slot[bytes]] = set()
        self._lock = threading.Lock()

    @property
    def address(self) -> str:
        """Where the pictures are."""
        host, port = self._server.server_address[:2]
        return f"{HTTP}{host!s}:{port}/"

    def __enter__(self) -> Self:
        host, port = self._place
        try:
            self._server = ThreadingHTTPServer(self._place, _handler(self))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise VideoError(f"port {port} of {host} is in use: name another one with --stream") from error
            raise VideoError(f"cannot serve at {HTTP}{host}:{port} ({error.strerror})") from error
        # Otherwise the end would wait for clients that read slowly.
        self._server.block_on_close = False
        serve = self._server.serve_forever
        threading.Thread(target=serve, kwargs={"poll_interval": 0.1}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        with self._lock:
            for client in self._clients:
                client.close()

    def write(self, picture: np.ndarray, time: float) -> None:
        """Shows ``picture`` (H, W, 3) uint8 BGR to all clients; never waits for one."""
        with self._lock:
            clients = list(self._clients)
        if clients:
            jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
            for client in clients:
                client.put(jpeg)

    def join(self) -> Slot[bytes] | None:
        """Returns where a new client takes its pictures; None where there are too many."""
        with self._lock:
            if len(self._clients) >= MAX_CLIENTS:
                return None
            client: Slot[bytes] = Slot()
            self._clients.add(client)
            return client

    def leave(self, client: Slot[bytes]) -> None:
        """Forgets a client."""
        with self._lock:
            self._clients.discard(client)


def _handler(server: MjpegServer) -> type[BaseHTTPRequestHandler]:
    """Returns the class that answers the clients of ``server``."""

    class Handler(BaseHTTPRequestHandler):
        timeout = SEND_SECONDS

        def do_GET(self) -> None:
            client = server.join()
            if client is None:
                self.send_error(503, "too many clients")
                return
            try:
                self.send_response(200)
                self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={BOUNDARY}")
                self.send_header("Cache-Control", "no-store")
                self.end_headers()
                while (jpeg := client.take()) is not None:
                    head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                    self.wfile.write(head.encode() + jpeg + b"\r\n")
            except OSError:
                pass  # The client has gone, or takes nothing.
            finally:
                server.leave(client)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    return Handler
