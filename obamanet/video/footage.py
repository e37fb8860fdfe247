"""Keeps a person's footage as a small mp4 of which any frame can be read, forward or backward."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import numpy as np

from obamanet.errors import VideoError
from obamanet.video.picture import BgrConverter, Shape
from obamanet.video.writer import VideoWriter

GROUP = 12
"""Frames from one keyframe to the next: reading backward decodes and holds one such group at a time."""

CRF = 12
"""x264's constant rate factor for footage: visually lossless, since what is made from it is encoded once more."""


def write_footage(path: Path, frames: Iterable[np.ndarray], fps: Fraction) -> int:
    """Writes ``frames`` (H, W, 3) uint8 BGR of one size as footage; returns their number.

    Raises :class:`VideoError` when there is no frame.
    """
    iterator = iter(frames)
    first = next(iterator, None)
    if first is None:
        raise VideoError(f"footage has no frames: {path}")
    size = (first.shape[1], first.shape[0])
    with VideoWriter(path, size, fps, comment="Recorded footage of a person.", crf=CRF, group=GROUP) as writer:
        writer.write(first)
        for frame in iterator:
            writer.write(frame)
    return writer.frame_count


class FootageReader:
    """Any frame of footage by its number; neighbours in either direction cost one decoding of their group."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._group: dict[int, np.ndarray] = {}
        self._converter = BgrConverter()

    def __enter__(self) -> FootageReader:
        import av

        try:
            self._container = av.open(str(self._path.absolute()))
            self._stream = self._container.streams.video[0]
        except (av.FFmpegError, OSError, IndexError) as error:
            raise VideoError(f"footage cannot be read: {self._path}: {error}") from error
        rate = self._stream.average_rate
        if rate is None or self._stream.time_base is None:
            raise VideoError(f"footage does not say its frame rate: {self._path}")
        self._per_frame = 1 / (Fraction(rate) * Fraction(self._stream.time_base))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._container.close()

    def frame(self, index: int) -> np.ndarray:
        """Returns frame ``index``, (H, W, 3) uint8 BGR; raises :class:`VideoError` when there is none."""
        if index not in self._group:
            self._group = self._decode_group(index)
        if index not in self._group:
            raise VideoError(f"footage has no frame {index}: {self._path}")
        return self._group[index]

    def _decode_group(self, index: int) -> dict[int, np.ndarray]:
        self._container.seek(round(index * self._per_frame), stream=self._stream, backward=True)
        group: dict[int, np.ndarray] = {}
        for frame in self._container.decode(self._stream):
            if frame.pts is None:
                continue
            number = round(frame.pts / self._per_frame)
            if frame.key_frame and number > index:
                break
            group[number] = self._converter.whole(frame, Shape(frame.width, frame.height))
        return group
