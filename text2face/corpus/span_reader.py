"""A video's frames and sound, stretch by stretch in order, each read once; memory is that of one stretch."""

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
"""Frames remembered: neighbouring stretches share one, and the tracker looks two further on either side."""

KEPT_SECONDS: Final = 1
"""Of sound that are remembered, since a clip covers whole frames."""

BLOCK_SECONDS: Final = 2.0


class FrameReader:
    """Gives stretches of a video's frames, each beginning at most KEPT_FRAMES before the last one's end."""

    def __init__(self, path: Path, fps: Fraction) -> None:
        self._frames = enumerate(frame.image for frame in read_frames(path, fps))
        self._kept: deque[tuple[int, np.ndarray]] = deque(maxlen=KEPT_FRAMES)

    def stretch(self, first: int, last: int) -> Iterator[np.ndarray]:
        """Yield the frames ``first`` to ``last``, (H, W, 3) uint8 BGR, fewer where the video ends.

        Raises :class:`obamanet.errors.VideoError`.
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
    """Gives stretches of a video's sound, mono at 16 kHz, each beginning less than a second before the last one's end.

    Raises :class:`obamanet.errors.SoundError` at once for a sound track that cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._source = str(path)
        self._blocks = stream_sound(path, SAMPLE_RATE, BLOCK_SECONDS)
        self._waiting = np.zeros(0, np.float32)
        self._first = 0

    def stretch(self, start: float, end: float) -> AudioClip:
        """Return the sound from ``start`` to ``end`` seconds, silence where the sound track is over."""
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
        """Forget the samples before sample number ``before``."""
        count = min(max(0, before - self._first), len(self._waiting))
        self._waiting = self._waiting[count:]
        self._first += count
