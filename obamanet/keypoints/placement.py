"""Conversion between pixel and canonical coordinates.

Canonical coordinates are those of an upright mean face: the origin in the middle of the resting mouth, x right, y
down, the unit the distance between the outer eye corners. Position, size and tilt of the head are fitted to nose and
eye corners, which speech hardly moves, so that the jaw's opening stays in the keypoints.
"""

from __future__ import annotations

import numpy as np

from obamanet.constants import LANDMARK_COUNT, MOUTH, STABLE_POINTS
from obamanet.types import Placement

LEFT_EYE_CORNER, RIGHT_EYE_CORNER = 36, 45
"""Indices of the outer eye corners among the 68 landmarks, left and right in the picture."""


def fit_template(landmarks: np.ndarray, rounds: int = 5) -> np.ndarray:
    """Returns the mean face of ``landmarks`` (T, 68, 2) or (T, 78, 2) in canonical coordinates: (68, 2) float64.

    Generalised Procrustes analysis (Gower 1975): ``rounds`` times every frame is fitted to the mean and the mean is
    updated.
    """
    landmarks = landmarks[:, :LANDMARK_COUNT]
    template = upright(landmarks[0].astype(np.float64))
    for _ in range(rounds):
        canonical = to_canonical(landmarks, fit_placement(landmarks, template))
        template = upright(canonical.mean(axis=0))
    return template


def fit_placement(landmarks: np.ndarray, template: np.ndarray) -> Placement:
    """Returns the least-squares similarity from ``template`` (68, 2) to each frame of ``landmarks`` (T, 68, 2).

    Closed form with points as complex numbers: w = a z + b, a = sum(conj(z) w) / sum |z|^2 about the means.
    """
    stable = list(STABLE_POINTS)
    z = _complex(template[stable].astype(np.float64))
    w = _complex(landmarks[:, stable].astype(np.float64))
    z_mean, w_mean = z.mean(), w.mean(axis=1)
    factor = ((w - w_mean[:, None]) * np.conj(z - z_mean)).sum(axis=1) / (np.abs(z - z_mean) ** 2).sum()
    centre = w_mean - factor * z_mean
    return Placement(np.stack([centre.real, centre.imag], axis=-1), np.abs(factor), np.angle(factor))


def to_canonical(points: np.ndarray, placement: Placement) -> np.ndarray:
    """Returns ``points`` (T, N, 2) pixels in canonical coordinates: (T, N, 2) float64."""
    moved = _complex(points.astype(np.float64)) - _complex(placement.centre)[:, None]
    upright = _points(moved / _factor(placement)[:, None])
    upright[..., 0] /= _stretch(placement)
    return upright


def to_pixel(points: np.ndarray, placement: Placement) -> np.ndarray:
    """Returns canonical ``points`` (T, N, 2) in pixels: (T, N, 2) float64; the inverse of :func:`to_canonical`."""
    stretched = points.astype(np.float64)
    stretched[..., 0] *= _stretch(placement)
    turned = _complex(stretched) * _factor(placement)[:, None]
    return _points(turned + _complex(placement.centre)[:, None])


def upright(face: np.ndarray) -> np.ndarray:
    """Returns ``face`` (N, 2), of any size, place and tilt, in canonical coordinates: (N, 2) float64."""
    eyes = _complex(face[RIGHT_EYE_CORNER] - face[LEFT_EYE_CORNER])
    return _points((_complex(face) - _complex(face[MOUTH].mean(axis=0))) / eyes)


def _factor(placement: Placement) -> np.ndarray:
    return placement.scale * np.exp(1j * placement.tilt)


def _stretch(placement: Placement) -> np.ndarray:
    return np.reshape(placement.stretch, (-1, 1))


def _complex(points: np.ndarray) -> np.ndarray:
    return points[..., 0] + 1j * points[..., 1]


def _points(numbers: np.ndarray) -> np.ndarray:
    return np.stack([numbers.real, numbers.imag], axis=-1)
