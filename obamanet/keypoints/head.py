"""Placement of the mouth on a head that turns and nods.

A similarity fitted to nose and eyes gives the head's position, size and tilt in the picture, but a nod or turn also
shifts the mouth relative to nose and eyes, and makes it narrower or wider. Both are predicted by a linear regression,
fitted on the footage, from the deviation of points that speech does not move (ears, nose bridge, eye corners) from the
mean face. Their size on GRID is in benchmarks/RESULTS.md, "Constants".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from obamanet.constants import MOUTH
from obamanet.keypoints.opening import mouth_width
from obamanet.keypoints.placement import fit_placement, to_canonical, to_pixel
from obamanet.types import Placement

TURN_POINTS = (0, 1, 15, 16, 27, 28, 29, 30, 36, 39, 42, 45)
"""Indices among the 68 landmarks: jaw ends by the ears, nose bridge, eye corners; inputs of the regression."""

WINDOW_FRAMES = 25
"""Frames averaged for the fit, about a second: speech averages out, the head's turn does not."""

RIDGE = 2.5e-4
"""Ridge regularisation per window, squared canonical units; less lets landmark jitter through, more suppresses the
turn."""


@dataclass(frozen=True)
class Head:
    """Head model of a person, canonical units.

    Attributes:
        template: the mean face, shape (68, 2).
        turn: weights of the regression from TURN_POINTS' deviations (x and y of a point adjacent) to the mouth's shift,
            shape (24, 2).
        stretch: weights of the regression from the same to the logarithm of the mouth's width, shape (24,).
    """

    template: np.ndarray
    turn: np.ndarray
    stretch: np.ndarray


def fit_head(stretches: Sequence[np.ndarray], template: np.ndarray) -> Head:
    """Fits the head model of a person by ridge regression.

    Args:
        stretches: landmarks of continuous footage, shape (T_i, 68, 2) each, pixels.
        template: the person's mean face, shape (68, 2), canonical.
    """
    from sklearn.linear_model import Ridge

    turns, shifts, widths = [], [], []
    for landmarks in stretches:
        canonical = to_canonical(landmarks, fit_placement(landmarks, template))
        for first in range(0, len(landmarks), WINDOW_FRAMES):
            window = canonical[first : first + WINDOW_FRAMES]
            turns.append(_deviation(window, template).mean(axis=0))
            shifts.append(window[:, MOUTH].mean(axis=(0, 1)) - template[MOUTH].mean(axis=0))
            widths.append(np.log(mouth_width(window[:, MOUTH]).mean()))
    wanted = np.column_stack([shifts, np.array(widths) - np.mean(widths)])
    weights = Ridge(alpha=RIDGE * len(turns), fit_intercept=False).fit(np.stack(turns), wanted).coef_.T
    return Head(template, weights[:, :2], weights[:, 2])


def place_head(landmarks: np.ndarray, head: Head) -> Placement:
    """Returns the placement of the resting mouth in each frame of ``landmarks`` (T, 68, 2) pixels, turns included."""
    upright = fit_placement(landmarks, head.template)
    deviation = _deviation(to_canonical(landmarks, upright), head.template)
    centre = to_pixel((deviation @ head.turn)[:, None], upright)[:, 0]
    return replace(upright, centre=centre, stretch=np.exp(deviation @ head.stretch))


def _deviation(canonical: np.ndarray, template: np.ndarray) -> np.ndarray:
    """Returns the deviation of TURN_POINTS from ``template``: (T, 24), canonical units."""
    points = list(TURN_POINTS)
    return (canonical[:, points] - template[points]).reshape(len(canonical), 2 * len(points))
