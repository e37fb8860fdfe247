"""Records what is shown live, at a constant frame rate, whole and playable however the session ends."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from obamanet.video.sound_encoder import ArrivingSound, SoundSpan
from obamanet.video.writer import VideoWriter


class LiveRecording:
    """An mp4 of pictures that come at any time: frame n shows the picture nearest to n / fps seconds.

    Where none came the one before is repeated; where several did, the last one is taken. The file is completed when the
    ``with`` block ends, also by an exception; without a single picture there is no file.

    Args:
        path: the mp4.
        size: width and height in pixels.
        fps: frame rate.
        sound: sound from time 0 on, cut at the end of the last frame; None for a silent video.
        comment: metadata tag that says that the video is synthetic.
        finish: called with the complete file before it takes its name, e.g. to sign it.

    Raises:
        ObamanetError: as :class:`obamanet.video.writer.VideoWriter`.
    """

    def __init__(
        self,
        path: Path,
        size: tuple[int, int],
        fps: Fraction,
        sound: SoundSpan | ArrivingSound | None = None,
        comment: str = "",
        finish: Callable[[Path], None] | None = None,
    ) -> None:
        spans = [sound] if sound else None
        self._writer = VideoWriter(path, size, fps, spans, comment, cut_sound=True, finish=finish)
        self._fps = fps
        self._latest: np.ndarray | None = None
        self._index = 0

    def __enter__(self) -> Self:
        self._writer.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._latest is None:
            self._writer.__exit__(kind, error, trace)
            return
        with ExitStack() as stack:
            # Is told of what goes wrong in this block, not of what ended the session.
            stack.push(self._writer)
            self._writer.write(self._latest)

    def write(self, picture: np.ndarray, time: float) -> None:
        """Shows ``picture`` (H, W, 3) uint8 BGR from ``time`` on, seconds, which never decrease."""
        index = round(time * self._fps)
        earlier = picture if self._latest is None else self._latest
        for _ in range(self._index, index):
            self._writer.write(earlier)
        self._latest, self._index = picture, max(index, self._index)
