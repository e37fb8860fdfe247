"""Moves the lower jaw with the mouth.

The chin of the reference track moves with what was said in the reference. A linear regression from mouth to lower jaw,
fitted on the footage, gives the part of the chin's position that depends on the mouth; that part is exchanged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from obamanet.constants import JAW, MOUTH, MOUTH_COUNT
from obamanet.keypoints.placement import to_canonical, to_pixel
from obamanet.types import Placement

LOWER_JAW = tuple(range(3, 14))
"""Indices of the jaw points that move with the mouth, cheek to cheek; the ends by the ears do not move."""

RIDGE = 1e-2
"""Ridge regularisation, squared canonical units per 100 frames; needed because the mouth's points are nearly
collinear."""


@dataclass(frozen=True)
class JawModel:
    """Regression from mouth to lower jaw.

    Attributes:
        weights: shape (40, 22), canonical jaw units per canonical mouth unit, x and y of a point adjacent.
    """

    weights: np.ndarray


def fit_jaw(canonical: np.ndarray) -> JawModel:
    """Fits the jaw regression to ``canonical`` landmarks (T, 68, 2) by ridge regression."""
    from sklearn.linear_model import Ridge

    mouth = canonical[:, MOUTH].reshape(len(canonical), 2 * MOUTH_COUNT)
    jaw = canonical[:, JAW][:, list(LOWER_JAW)].reshape(len(canonical), 2 * len(LOWER_JAW))
    ridge = Ridge(alpha=RIDGE * len(canonical) / 100).fit(mouth, jaw)
    return JawModel(weights=ridge.coef_.T.astype(np.float32))


def place_mouth(landmarks: np.ndarray, placement: Placement, keypoints: np.ndarray, jaw: JawModel) -> np.ndarray:
    """Returns reference landmarks with the mouth exchanged and the lower jaw moved along; the head does not move.

    Args:
        landmarks: of the reference, shape (T, 68, 2), pixels.
        placement: of those landmarks.
        keypoints: the new mouth, shape (T, 20, 2), canonical.
        jaw: the person's jaw regression.

    Returns:
        Shape (T, 68, 2) float32, pixels.
    """
    canonical = to_canonical(landmarks, placement)
    change = (keypoints - canonical[:, MOUTH]).reshape(len(landmarks), 2 * MOUTH_COUNT)
    canonical[:, list(LOWER_JAW)] += (change @ jaw.weights).reshape(len(landmarks), len(LOWER_JAW), 2)
    canonical[:, MOUTH] = keypoints
    return to_pixel(canonical, placement).astype(np.float32)
