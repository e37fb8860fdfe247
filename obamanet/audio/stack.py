"""Gathers the feature frames around each video frame, for training and for running alike."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from obamanet.timing import feature_indices
from obamanet.types import FeatureSequence

FRAMES_BEFORE = 2
"""Feature frames (10 ms) before a video frame's start that it sees: where a consonant's closure began."""

FRAMES_AFTER = 6
"""Feature frames from the video frame's start on: 40 ms of its own at 25 fps, and the overlap with the next."""


def stacked_size(features: int) -> int:
    """Return how many values one video frame has after stacking ``features`` values per feature frame."""
    return features * (FRAMES_BEFORE + FRAMES_AFTER)


def stack_features(features: FeatureSequence, fps: Fraction, first: int, count: int, quiet: np.ndarray) -> np.ndarray:
    """Return the stacked features of video frames ``first`` to ``first + count`` at ``fps``: (count, 8 D) float32.

    Where there is no sound, before the start and after the end, the normalised ``quiet`` vector (D,) stands.
    """
    at = feature_indices(first, count, fps, features.rate)
    offsets = np.arange(-FRAMES_BEFORE, FRAMES_AFTER)
    wanted = at[:, None] + offsets
    inside = (wanted >= 0) & (wanted < len(features.values))
    gathered = features.values[np.clip(wanted, 0, len(features.values) - 1)]
    return np.where(inside[..., None], gathered, quiet).reshape(count, -1).astype(np.float32)
