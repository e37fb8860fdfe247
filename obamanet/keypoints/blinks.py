"""Blinks for a reference track that has too few of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from obamanet.constants import LEFT_EYE, RIGHT_EYE
from obamanet.keypoints.eyes import eye_openings, find_blinks

MIN_RATE: Final = 6.0
"""Blinks per minute below which a track gets further ones; people who talk blink 10 to 30 times (Bentivoglio et al.
1997)."""

MEDIAN_INTERVAL: Final = 3.5
"""Seconds between two added blinks, the median of a log-normal distribution."""

INTERVAL_SIGMA: Final = 0.45
"""Standard deviation of the interval's logarithm."""

CLOSING, SHUT, OPENING = 0.09, 0.04, 0.17
"""Seconds in which the lids close, stay shut and open again (VanderWerf et al. 2003)."""

SEED: Final = 1
"""Seed of the intervals: the same person blinks at the same times."""

UPPER_LIDS: Final = tuple(eye.start + point for eye in (LEFT_EYE, RIGHT_EYE) for point in (1, 2))
LOWER_LIDS: Final = tuple(eye.start + point for eye in (LEFT_EYE, RIGHT_EYE) for point in (5, 4))
"""Indices among the 68 landmarks: points of the upper lids, and those of the lower lids below them."""


def blinks_too_seldom(landmarks: np.ndarray, fps: float) -> bool:
    """Returns whether a track of landmarks, (T, N, 2) at ``fps`` frames per second, has fewer than MIN_RATE blinks."""
    blinks = find_blinks(eye_openings(landmarks).mean(axis=-1))
    return len(blinks) < MIN_RATE * len(landmarks) / fps / 60


def shut_lids(landmarks: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Returns ``landmarks`` (T, N, 2) with blinks at seeded intervals; ``times`` (T,) are in seconds, ascending.

    The upper lids come down to the lower ones; eyes that are shut already stay so.
    """
    share = np.zeros(len(times))
    for start in _starts(float(times[-1]) if len(times) else 0.0):
        since = times - start
        closing, opening = since / CLOSING, 1 - (since - CLOSING - SHUT) / OPENING
        share = np.maximum(share, 0.5 - 0.5 * np.cos(np.pi * np.clip(np.minimum(closing, opening), 0, 1)))
    blinking = landmarks.copy()
    upper, lower = list(UPPER_LIDS), list(LOWER_LIDS)
    blinking[:, upper] += share[:, None, None] * (landmarks[:, lower] - landmarks[:, upper])
    return blinking


def _starts(end: float) -> Iterator[float]:
    """Yields the beginnings of blinks, in seconds from 0, up to ``end``."""
    random = np.random.default_rng(SEED)
    start = 0.0
    while True:
        start += float(random.lognormal(np.log(MEDIAN_INTERVAL), INTERVAL_SIGMA))
        if start > end:
            return
        yield start
