"""Where live frames come from: a camera, a network stream, or a file that is played at its own pace."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from obamanet.errors import VideoError
from obamanet.timing import standard_rate
from obamanet.video.picture import BgrConverter, Shape
from obamanet.video.reader import probe_video, read_frames
from obamanet.video.sound_encoder import ArrivingSound, SoundSpan

if TYPE_CHECKING:
    from av.container import InputContainer

CAMERA_FPS = Fraction(30)
"""Frames per second of a camera that does not tell its own."""

CAMERA_SIZE = (640, 480)
"""Pixels, width and height, that a camera is asked for: enough for a face, and the nearest size it has comes."""

OPEN_SECONDS, READ_SECONDS = 10.0, 5.0
"""Seconds that a network stream may take to answer, and from one frame to the next."""

MAX_LATE = 0.1
"""Seconds. A file whose decoding is later than this is played slower."""

NETWORK_PROTOCOLS = "http,https,tcp,tls,udp,rtp,rtsp,rtmp,crypto"
"""Protocols that a network stream may use; no file of this machine is among them."""

DEVICE = re.compile(r"\d+|/dev/video\d+")
"""What names a camera: its number, or its device on Linux."""


@dataclass(frozen=True)
class LiveFrame:
    """A moment of a live source.

    Attributes:
        time: seconds on the source's own time line, which begins with 0.
        arrived: seconds of :func:`time.monotonic` at which it came.
        image: the frame, shape (H, W, 3) uint8 BGR; None of a source without pictures.
    """

    time: float
    arrived: float
    image: np.ndarray | None = None


class LiveSource(Protocol):
    """Gives frames as time goes by."""

    @property
    def fps(self) -> Fraction:
        """Frames per second, about."""
        ...

    @property
    def recorded(self) -> SoundSpan | ArrivingSound | None:
        """The sound that belongs to it, from its time 0 on; None for a silent one."""
        ...

    def frames(self) -> Iterator[LiveFrame]:
        """Yields frames when they are due; the iterator ends where the source does.

        Raises:
            ObamanetError: the source vanished.
        """
        ...


def open_source(name: str) -> LiveSource:
    """Opens a source of pictures.

    Args:
        name: a camera's number or device (``0``, ``/dev/video0``), a video file, or a URL.

    Raises:
        VideoError: there is no such camera, file or stream, or it has no pictures.
    """
    if DEVICE.fullmatch(name):
        return Camera(name)
    return NetworkStream(name) if "://" in name else PlayedFile(Path(name))


class PlayedFile:
    """A video file played once at its own pace.

    Raises:
        VideoError: it cannot be read.
    """

    recorded = None

    def __init__(self, path: Path) -> None:
        self._path = path
        self.fps = probe_video(path).fps

    def frames(self) -> Iterator[LiveFrame]:
        """Yields each frame when it is due; a file that cannot be decoded in time is played slower."""
        start: float | None = None
        for frame in read_frames(self._path):
            now = time.monotonic()
            start = now - frame.time if start is None else start
            late = now - (start + frame.time)
            if late > MAX_LATE:
                start += late
            elif late < 0:
                time.sleep(-late)
            yield LiveFrame(frame.time, start + frame.time, frame.image)


class Camera:
    """A camera of this machine.

    Args:
        name: its number, or on Linux its device.

    Raises:
        VideoError: it is not there, or another program has it.
    """

    recorded = None

    def __init__(self, name: str) -> None:
        import cv2

        self._name = name
        self._capture: Any = cv2.VideoCapture(int(name) if name.isdigit() else name)
        if not self._capture.isOpened():
            raise VideoError(f"no camera {name}: none is connected there, or another program has it")
        self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, CAMERA_SIZE[0])
        self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, CAMERA_SIZE[1])
        # Old pictures are of no use here.
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        told = self._capture.get(cv2.CAP_PROP_FPS)
        self.fps = standard_rate(Fraction(told).limit_denominator(1001)) if 1 <= told <= 240 else CAMERA_FPS

    def frames(self) -> Iterator[LiveFrame]:
        """Yields each frame as it comes.

        Raises:
            VideoError: the camera vanished.
        """
        start: float | None = None
        try:
            while True:
                read, image = self._capture.read()
                arrived = time.monotonic()
                if not read:
                    raise VideoError(f"camera {self._name} has vanished: it was unplugged, or another program took it")
                start = arrived if start is None else start
                yield LiveFrame(arrived - start, arrived, image)
        finally:
            self._capture.release()


class NetworkStream:
    """Pictures from the network.

    Args:
        url: of any kind that FFmpeg reads: ``rtsp://``, ``http://`` (also MJPEG), ``udp://``, ``rtmp://``.

    Raises:
        VideoError: nothing answers there, or it has no pictures.
    """

    recorded = None

    def __init__(self, url: str) -> None:
        self._url = url
        self._container = self._opened()
        if not self._container.streams.video:
            self._container.close()
            raise VideoError(f"stream has no pictures: {url}")
        self._stream = self._container.streams.video[0]
        rate = self._stream.average_rate or self._stream.guessed_rate
        self.fps = standard_rate(Fraction(rate)) if rate else CAMERA_FPS

    def frames(self) -> Iterator[LiveFrame]:
        """Yields each frame as it comes; what has a length, as a file behind ``http://`` has, may end.

        Raises:
            VideoError: the stream breaks off.
        """
        start: float | None = None
        converter = BgrConverter()
        with self._container, self._explained("stream has vanished"):
            for native in self._container.decode(self._stream):
                image = converter.whole(native, Shape(native.width, native.height))
                arrived = time.monotonic()
                start = arrived if start is None else start
                yield LiveFrame(arrived - start, arrived, image)
            if self._container.duration is None:
                raise VideoError(f"stream has vanished (it was closed at the other end): {self._url}")

    def _opened(self) -> InputContainer:
        import av

        options = {"protocol_whitelist": NETWORK_PROTOCOLS, "rtsp_transport": "tcp", "fflags": "nobuffer"}
        with self._explained("no stream"):
            return av.open(self._url, options=options, timeout=(OPEN_SECONDS, READ_SECONDS), metadata_errors="replace")

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        """Turns FFmpeg's errors inside the block into one line."""
        import av

        try:
            yield
        except (av.FFmpegError, OSError) as error:
            raise VideoError(f"{what} ({error.strerror or 'no answer'}): {self._url}") from error
