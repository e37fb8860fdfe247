"""How a live session is going: frame rate, latency, dropped frames."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np

MAX_LATENCY: Final = 10_000
"""Milliseconds. Longer latencies count as this, so that memory does not grow with the session."""

SHOWN_FRAMES: Final = 30
"""Frames over which the shown frame rate is averaged."""


@dataclass(frozen=True)
class LiveReport:
    """How a live session went.

    Attributes:
        frames: number of pictures shown.
        dropped: number of the source's frames that were left out, since newer ones had come.
        seconds: from the first picture to the last.
        latency: seconds from frame in to picture out: median, 95th percentile, largest.
    """

    frames: int
    dropped: int
    seconds: float
    latency: tuple[float, float, float]

    @property
    def fps(self) -> float:
        """Pictures per second."""
        return (self.frames - 1) / self.seconds if self.seconds > 0 else 0.0

    def __str__(self) -> str:
        median, high, most = (f"{1000 * value:.0f} ms" for value in self.latency)
        return (
            f"{self.frames} frames in {self.seconds:.1f} s, {self.fps:.1f} fps, {self.dropped} dropped; "
            f"latency {median}, 95th percentile {high}, at most {most}"
        )


class LiveMeter:
    """Measures frame rate and latency; its memory does not grow.

    Attributes:
        latency: of the last picture, seconds.
    """

    def __init__(self) -> None:
        self.latency = 0.0
        self._counts = np.zeros(MAX_LATENCY + 1, np.int64)
        self._most = 0.0
        self._first = self._last = 0.0
        self._shown: deque[float] = deque(maxlen=SHOWN_FRAMES)

    @property
    def fps(self) -> float:
        """Pictures per second of late."""
        return (len(self._shown) - 1) / (self._shown[-1] - self._shown[0]) if len(self._shown) > 1 else 0.0

    def add(self, arrived: float) -> None:
        """Counts a picture that is out now and whose frame came in at ``arrived``, by :func:`time.monotonic`."""
        now = time.monotonic()
        self._first, self._last = self._first or now, now
        self._shown.append(now)
        self.latency = now - arrived
        self._most = max(self._most, self.latency)
        self._counts[min(MAX_LATENCY, max(0, round(1000 * self.latency)))] += 1

    def report(self, dropped: int) -> LiveReport:
        """Returns how it went, with the number of frames that were left out."""
        frames = int(self._counts.sum())
        reached = np.cumsum(self._counts)
        median, high = (float(np.searchsorted(reached, share * frames)) / 1000 for share in (0.5, 0.95))
        return LiveReport(frames, dropped, self._last - self._first, (median, high, self._most))
