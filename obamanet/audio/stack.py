"""Stacks the feature frames around each video frame into the predictor's input, in training and inference."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from obamanet.constants import FEATURE_RATE
from obamanet.timing import feature_indices
from obamanet.types import FeatureSequence

CONTEXT_BEFORE = Fraction(2, 100)
"""Seconds of features before a video frame's start in its input; holds the beginning of a consonant's closure."""

CONTEXT_AFTER = Fraction(6, 100)
"""Seconds of features from a video frame's start on in its input: 40 ms of its own at 25 fps, and 20 ms of the next."""


def stacked_size(features: int, rate: Fraction = FEATURE_RATE) -> int:
    """Returns the number of values per video frame.

    Args:
        features: values per feature frame.
        rate: feature frames per second.
    """
    return features * len(_offsets(rate))


def stack_features(
    features: FeatureSequence, fps: Fraction, first: int, count: int, silence: np.ndarray, start: int = 0
) -> np.ndarray:
    """Stacks the feature frames around each of ``count`` video frames.

    Args:
        features: normalised or encoded features; they begin with feature frame ``start`` of the utterance.
        fps: video frames per second.
        first: first video frame.
        count: number of video frames.
        silence: features of silence, shape (D,), which stand before the start and after the end of the sound.
        start: index of the first feature frame in ``features``.

    Returns:
        Shape (count, S) float32, S the :func:`stacked_size`.
    """
    at = feature_indices(first, count, fps, features.rate) - start
    indices = at[:, None] + _offsets(features.rate)
    inside = (indices >= 0) & (indices < len(features.values))
    gathered = features.values[np.clip(indices, 0, len(features.values) - 1)]
    return np.where(inside[..., None], gathered, silence).reshape(count, -1).astype(np.float32)


def stacked_span(fps: Fraction, frame: int, rate: Fraction) -> tuple[int, int]:
    """Returns the first feature frame in the input of video frame ``frame``, and the one after the last."""
    at, offsets = int(feature_indices(frame, 1, fps, rate)[0]), _offsets(rate)
    return at + int(offsets[0]), at + int(offsets[-1]) + 1


def _offsets(rate: Fraction) -> np.ndarray:
    return np.arange(-int(CONTEXT_BEFORE * rate), int(CONTEXT_AFTER * rate))
