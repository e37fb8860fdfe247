"""Gathers the feature frames around each video frame, for training and for running alike."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from obamanet.constants import FEATURE_RATE
from obamanet.timing import feature_indices
from obamanet.types import FeatureSequence

BEFORE = Fraction(2, 100)
"""Seconds before a video frame's start that it sees: where a consonant's closure began."""

AFTER = Fraction(6, 100)
"""Seconds from the video frame's start on that it sees: 40 ms of its own at 25 fps, and the overlap with the next."""


def stacked_size(features: int, rate: Fraction = FEATURE_RATE) -> int:
    """Return how many values one video frame has after stacking ``features`` values of ``rate`` feature frames/s."""
    return features * len(_offsets(rate))


def stack_features(
    features: FeatureSequence, fps: Fraction, first: int, count: int, quiet: np.ndarray, start: int = 0
) -> np.ndarray:
    """Return the stacked features of video frames ``first`` to ``first + count`` at ``fps``: (count, S) float32.

    S is the :func:`stacked_size`. Where there is no sound, before the start and after the end, the normalised ``quiet``
    vector (D,) stands. ``features`` begin with feature frame ``start`` of the utterance.
    """
    at = feature_indices(first, count, fps, features.rate) - start
    wanted = at[:, None] + _offsets(features.rate)
    inside = (wanted >= 0) & (wanted < len(features.values))
    gathered = features.values[np.clip(wanted, 0, len(features.values) - 1)]
    return np.where(inside[..., None], gathered, quiet).reshape(count, -1).astype(np.float32)


def stacked_span(fps: Fraction, frame: int, rate: Fraction) -> tuple[int, int]:
    """Return the first feature frame that video frame ``frame`` sees, and the one after the last."""
    at, offsets = int(feature_indices(frame, 1, fps, rate)[0]), _offsets(rate)
    return at + int(offsets[0]), at + int(offsets[-1]) + 1


def _offsets(rate: Fraction) -> np.ndarray:
    return np.arange(-int(BEFORE * rate), int(AFTER * rate))
