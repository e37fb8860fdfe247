"""Sends live pictures to other programs by ffmpeg: over UDP or RTSP, or to a virtual camera (v4l2loopback)."""

from __future__ import annotations

import subprocess
import threading
from fractions import Fraction
from pathlib import Path
from shutil import which
from types import TracebackType
from typing import Final, Self

import numpy as np

from obamanet.background import Slot
from obamanet.errors import VideoError

PROGRAM: Final = "ffmpeg"

ENCODED: Final = ("-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p", "-g", "30")
"""Options of H.264 without look-ahead; a client that joins later waits for a key frame, a second at most."""

OUTPUTS: Final = {
    "udp://": (*ENCODED, "-f", "mpegts"),
    "rtsp://": (*ENCODED, "-f", "rtsp", "-rtsp_transport", "tcp"),
    "/dev/video": ("-pix_fmt", "yuv420p", "-f", "v4l2"),
}
"""Options of ffmpeg by the beginning of an address."""

END_SECONDS: Final = 3.0
"""Seconds in which ffmpeg ends by itself."""


class FfmpegStream:
    """Pictures for ffmpeg, which runs as a process of its own; where it is slow it gets fewer.

    Attributes:
        address: where it sends them.

    Args:
        address: begins with one of :data:`OUTPUTS`.
        size: width and height in pixels.
        fps: frames per second of what is sent; pictures that come at other times are repeated or left out.

    Raises:
        VideoError: ffmpeg is not installed, or there is no such virtual camera.
    """

    def __init__(self, address: str, size: tuple[int, int], fps: Fraction) -> None:
        program = which(PROGRAM)
        if program is None:
            raise VideoError(f"{address} needs ffmpeg, which is not installed; http://localhost:PORT does not need it")
        options = next(options for beginning, options in OUTPUTS.items() if address.startswith(beginning))
        if address.startswith("/") and not Path(address).exists():
            raise VideoError(f"no virtual camera {address}: load it with modprobe v4l2loopback")
        self.address = address
        self._command = [
            *(program, "-nostdin", "-hide_banner", "-loglevel", "error"),
            *("-f", "rawvideo", "-pix_fmt", "bgr24", "-video_size", f"{size[0]}x{size[1]}"),
            *("-use_wallclock_as_timestamps", "1", "-framerate", str(fps), "-i", "-"),
            *("-vf", f"fps={fps},pad=ceil(iw/2)*2:ceil(ih/2)*2", *options, address),
        ]
        self._pictures: Slot[np.ndarray] = Slot()
        self._told = ""

    def __enter__(self) -> Self:
        # A session of its own, so that Ctrl-C ends this program first.
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._feeder = threading.Thread(target=self._feed, daemon=True)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._feeder.start()
        self._listener.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pictures.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._feeder.join()
        self._listener.join()

    def write(self, picture: np.ndarray, time: float) -> None:
        """Sends ``picture`` (H, W, 3) uint8 BGR; never waits.

        Raises:
            VideoError: ffmpeg has ended.
        """
        if self._process.poll() is not None:
            self._listener.join()
            raise VideoError(
                f"stream has ended ({self._told or f'exit code {self._process.returncode}'}): {self.address}"
            )
        self._pictures.put(picture)

    def _feed(self) -> None:
        """Writes pictures to ffmpeg until there are no more, or it has ended."""
        assert self._process.stdin is not None
        try:
            with self._process.stdin as pipe:
                while (picture := self._pictures.take()) is not None:
                    pipe.write(np.ascontiguousarray(picture).data)
        except OSError:
            pass  # It has ended; what it said is told by write.

    def _listen(self) -> None:
        """Keeps the first line that ffmpeg says, and reads the others too, lest it wait for a reader."""
        assert self._process.stderr is not None
        with self._process.stderr as lines:
            for line in lines:
                # Before it, in brackets, stands which part of ffmpeg says so.
                self._told = self._told or line.decode("utf-8", "replace").rpartition("] ")[2].strip()
