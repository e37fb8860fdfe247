"""Reads a video's frames and sound in consecutive stretches, each once, with the memory of one stretch."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np

from obamanet.audio.load import stream_sound
from obamanet.constants import SAMPLE_RATE
from obamanet.types import AudioClip
from obamanet.video.reader import read_frames

KEPT_FRAMES: Final = 8
"""Frames that are kept for the next stretch: consecutive ones share one frame, and the tracker needs two more on either
side."""

KEPT_SECONDS: Final = 1
"""Seconds of sound that are kept for the next stretch, as clips cover whole frames."""

BLOCK_SECONDS: Final = 2.0
"""Seconds of sound that are read at once."""


class FrameReader:
    """Reads stretches of a video's frames; each must start at most KEPT_FRAMES before the end of the one before."""

    def __init__(self, path: Path, fps: Fraction) -> None:
        self._frames = enumerate(frame.image for frame in read_frames(path, fps))
        self._kept: deque[tuple[int, np.ndarray]] = deque(maxlen=KEPT_FRAMES)

    def stretch(self, first: int, last: int) -> Iterator[np.ndarray]:
        """Yields frames ``first`` to ``last``, (H, W, 3) uint8 BGR, fewer at the end of the video.

        Raises :class:`obamanet.errors.VideoError` when the video cannot be read.
        """
        for index, image in list(self._kept):
            if first <= index <= last:
                yield image
        while not self._kept or self._kept[-1][0] < last:
            following = next(self._frames, None)
            if following is None:
                return
            self._kept.append(following)
            if following[0] >= first:
                yield following[1]


class SoundReader:
    """Reads stretches of a video's sound, mono at 16 kHz.

    Each must start less than KEPT_SECONDS before the end of the one before. The constructor raises
    :class:`obamanet.errors.SoundError` for a sound track that cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._source = str(path)
        self._blocks = stream_sound(path, SAMPLE_RATE, BLOCK_SECONDS)
        self._waiting = np.zeros(0, np.float32)
        self._first = 0

    def stretch(self, start: float, end: float) -> AudioClip:
        """Returns the sound from ``start`` to ``end`` seconds, with silence after the end of the sound track."""
        first, last = round(start * SAMPLE_RATE), round(end * SAMPLE_RATE)
        while self._first + len(self._waiting) < last:
            block = next(self._blocks, None)
            if block is None:
                break
            self._drop(first - KEPT_SECONDS * SAMPLE_RATE)
            self._waiting = np.concatenate([self._waiting, block])
        samples = self._waiting[max(0, first - self._first) : max(0, last - self._first)]
        return AudioClip(np.pad(samples, (0, last - first - len(samples))), SAMPLE_RATE, self._source)

    def _drop(self, before: int) -> None:
        """Drops the samples before sample number ``before``."""
        count = min(max(0, before - self._first), len(self._waiting))
        self._waiting = self._waiting[count:]
        self._first += count
