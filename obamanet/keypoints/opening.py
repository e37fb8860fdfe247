"""Opening of the mouth: gap and width."""

from __future__ import annotations

import numpy as np

from obamanet.constants import INNER_BOTTOM, INNER_TOP, LEFT_CORNER, RIGHT_CORNER


def mouth_opening(keypoints: np.ndarray) -> np.ndarray:
    """Returns the mean distance between the inner lips of ``keypoints`` (..., 20, 2): shape (...), in their unit."""
    gaps = keypoints[..., list(INNER_BOTTOM), :] - keypoints[..., list(INNER_TOP), :]
    return np.linalg.norm(gaps, axis=-1).mean(axis=-1)


def mouth_width(keypoints: np.ndarray) -> np.ndarray:
    """Returns the distance between the mouth corners of ``keypoints`` (..., 20, 2): shape (...), in their unit."""
    return np.linalg.norm(keypoints[..., RIGHT_CORNER, :] - keypoints[..., LEFT_CORNER, :], axis=-1)
