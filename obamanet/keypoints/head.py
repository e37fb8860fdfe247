"""Says where the resting mouth lies on a head that turns and nods.

A similarity fitted to nose and eyes knows a head's place, size and tilt in the picture, but a nod or a turn shifts the
mouth against nose and eyes too: by 0.8 pixel on average from sentence to sentence of GRID talker s1, almost as far as
speech itself moves its middle. How far is read from where ears, nose bridge and eye corners, which speech does not
move, deviate from the mean face, by a linear regression fitted on the footage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from obamanet.constants import MOUTH
from obamanet.keypoints.placement import fit_placement, to_canonical, to_pixel
from obamanet.types import Placement

TURN_POINTS = (0, 1, 15, 16, 27, 28, 29, 30, 36, 39, 42, 45)
"""Landmarks that show how the head is turned: jaw ends by the ears, nose bridge, eye corners."""

WINDOW = 25
"""Frames averaged for the fit, about a second: speech averages out, the head's turn does not."""

RIDGE = 2.5e-4
"""Regularisation per window in squared canonical units; less lets the landmarks' tremble through, more the turn."""


@dataclass(frozen=True)
class Head:
    """A head in canonical units: ``template`` (68, 2) is the mean face, ``turn`` (24, 2) the regression."""

    template: np.ndarray
    turn: np.ndarray


def fit_head(stretches: Sequence[np.ndarray], template: np.ndarray) -> Head:
    """Return the head of a person whose landmarks in ``stretches`` of footage, (T_i, 68, 2) each, have ``template``."""
    from sklearn.linear_model import Ridge

    turns, shifts = [], []
    for landmarks in stretches:
        canonical = to_canonical(landmarks, fit_placement(landmarks, template))
        middle = canonical[:, MOUTH].mean(axis=1)
        for first in range(0, len(landmarks), WINDOW):
            window = slice(first, first + WINDOW)
            turns.append(_deviation(canonical[window], template).mean(axis=0))
            shifts.append(middle[window].mean(axis=0) - template[MOUTH].mean(axis=0))
    ridge = Ridge(alpha=RIDGE * len(turns), fit_intercept=False).fit(np.stack(turns), np.stack(shifts))
    return Head(template, ridge.coef_.T)


def place_head(landmarks: np.ndarray, head: Head) -> Placement:
    """Return the placement of each frame of ``landmarks`` (T, 68, 2) pixels, the head's turn taken into account."""
    upright = fit_placement(landmarks, head.template)
    shift = _deviation(to_canonical(landmarks, upright), head.template) @ head.turn
    centre = to_pixel(shift[:, None], upright)[:, 0]
    return Placement(centre, upright.scale, upright.tilt)


def _deviation(canonical: np.ndarray, template: np.ndarray) -> np.ndarray:
    points = list(TURN_POINTS)
    return (canonical[:, points] - template[points]).reshape(len(canonical), 2 * len(points))
