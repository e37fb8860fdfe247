"""Carries the lower jaw along with the mouth, so that the drawn chin belongs to the spoken words.

The reference track's own chin moves with what was said in the reference. A linear regression from mouth to lower jaw,
fitted on the footage, tells how much of the chin's place belongs to the mouth; that part is exchanged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from obamanet.constants import JAW, MOUTH, MOUTH_COUNT
from obamanet.keypoints.placement import to_canonical, to_pixel
from obamanet.types import Placement

LOWER_JAW = tuple(range(3, 14))
"""Jaw points that move with the mouth, cheek to cheek; the ears' ends of the contour do not."""

RIDGE = 1e-2
"""Regularisation of the regression in squared canonical units per frame; the mouth's points move almost together."""


@dataclass(frozen=True)
class JawModel:
    """How far the lower jaw moves with the mouth: ``weights`` (40, 22), canonical jaw units per mouth unit."""

    weights: np.ndarray


def fit_jaw(canonical: np.ndarray) -> JawModel:
    """Fit the lower jaw to the mouth over ``canonical`` landmarks (T, 68, 2) by ridge regression."""
    from sklearn.linear_model import Ridge

    mouth = canonical[:, MOUTH].reshape(len(canonical), 2 * MOUTH_COUNT)
    jaw = canonical[:, JAW][:, list(LOWER_JAW)].reshape(len(canonical), 2 * len(LOWER_JAW))
    ridge = Ridge(alpha=RIDGE * len(canonical) / 100).fit(mouth, jaw)
    return JawModel(weights=ridge.coef_.T.astype(np.float32))


def place_mouth(landmarks: np.ndarray, placement: Placement, keypoints: np.ndarray, jaw: JawModel) -> np.ndarray:
    """Return reference ``landmarks`` (T, 68, 2) with their mouth exchanged for canonical ``keypoints`` (T, 20, 2).

    The head stays where ``placement`` has it; the lower jaw follows the new mouth. Returns (T, 68, 2) float32 pixels.
    """
    canonical = to_canonical(landmarks, placement)
    change = (keypoints - canonical[:, MOUTH]).reshape(len(landmarks), 2 * MOUTH_COUNT)
    canonical[:, list(LOWER_JAW)] += (change @ jaw.weights).reshape(len(landmarks), len(LOWER_JAW), 2)
    canonical[:, MOUTH] = keypoints
    return to_pixel(canonical, placement).astype(np.float32)
