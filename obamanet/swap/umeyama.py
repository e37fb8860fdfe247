"""Alignment: the similarity that brings a face to the place it has in every aligned picture."""

from __future__ import annotations

from math import ceil
from typing import Final

import cv2
import numpy as np

from obamanet.constants import STABLE_POINTS

EYE_DISTANCE: Final = 0.36
"""Distance of the outer eye corners, as a share of the aligned picture's side; the chin lies at 0.89 of its height."""

EYE_HEIGHT: Final = 0.38
"""Height of the eyes from the aligned picture's upper edge, as a share of its side."""

# fmt: off
MEAN_FACE: Final = np.array([
    (0.0, -0.036), (0.0, 0.134), (0.0, 0.284), (0.0, 0.380),                            # bridge of the nose
    (-0.143, 0.505), (-0.091, 0.543), (0.0, 0.547), (0.091, 0.543), (0.143, 0.505),     # its base
    (-0.5, 0.0), (-0.192, 0.022), (0.192, 0.022), (0.5, 0.0),                           # eye corners
])
# fmt: on
"""Nose and eye corners, :data:`obamanet.constants.STABLE_POINTS`, of the mean face: origin between the outer eye
corners, whose distance is 1. Generalised Procrustes mean of five GRID talkers and their mirror images."""


def umeyama(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Returns the least-squares similarity from ``source`` to ``target`` (Umeyama 1991, equations 40 to 42).

    Args:
        source: points, shape (N, 2), not all the same.
        target: where they should be, shape (N, 2).

    Returns:
        Shape (2, 3) float64: rotation times scale, and translation; never a reflection.
    """
    source, target = source.astype(np.float64), target.astype(np.float64)
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    centred = source - source_mean
    covariance = (target - target_mean).T @ centred / len(source)
    left, stretches, right = np.linalg.svd(covariance)
    signs = np.array([1.0, np.sign(np.linalg.det(left) * np.linalg.det(right)) or 1.0])
    rotation = left * signs @ right
    scale = (stretches * signs).sum() / centred.var(axis=0).sum()
    return np.column_stack([scale * rotation, target_mean - scale * rotation @ source_mean])


def mean_face(side: float) -> np.ndarray:
    """Returns nose and eye corners of the mean face in pixels of an aligned picture of ``side`` pixels: (13, 2)."""
    return (MEAN_FACE * EYE_DISTANCE + (0.5, EYE_HEIGHT)) * side - 0.5


def alignment(landmarks: np.ndarray, side: float) -> np.ndarray:
    """Returns the similarity (2, 3) that brings ``landmarks`` (68, 2) to an aligned picture of ``side`` pixels.

    It is fitted to nose and eye corners, which neither speech nor blinks move.
    """
    return umeyama(landmarks[list(STABLE_POINTS)], mean_face(side))


def transform(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Returns ``points`` (..., 2) mapped by ``matrix`` (2, 3): the same shape, float32."""
    return (points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)


def scale_of(matrix: np.ndarray) -> float:
    """Returns the scale of a similarity (2, 3)."""
    return float(np.hypot(matrix[0, 0], matrix[1, 0]))


def moved(matrix: np.ndarray, left: float, top: float) -> np.ndarray:
    """Returns the similarity (2, 3) that does to a window of the picture what ``matrix`` does to the whole.

    Args:
        matrix: of the whole picture.
        left: where the window begins, pixels.
        top: where it begins, pixels.
    """
    return np.column_stack([matrix[:, :2], matrix[:, 2] + matrix[:, :2] @ (left, top)])


def window_of(matrix: np.ndarray, side: int, shape: tuple[int, ...], margin: int = 1) -> tuple[int, int, int, int]:
    """Returns the part of a picture that the square of ``side`` pixels shows: left, top, right and bottom.

    Args:
        matrix: similarity (2, 3) from the picture to the square.
        side: pixels.
        shape: height and width of the picture, and what may follow.
        margin: pixels around it.

    Returns:
        The window, inside the picture; empty where the square lies beside it.
    """
    corners = np.array([[0, 0], [side - 1, 0], [0, side - 1], [side - 1, side - 1]], np.float64)
    there = (corners - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    left, top = np.maximum(np.floor(there.min(axis=0)) - margin, 0).astype(int)
    right, bottom = np.minimum(np.ceil(there.max(axis=0)) + 1 + margin, (shape[1], shape[0])).astype(int)
    return int(left), int(top), int(right), int(bottom)


def warp(image: np.ndarray, matrix: np.ndarray, side: int) -> np.ndarray:
    """Returns the square of ``side`` pixels that ``matrix`` (2, 3) makes of ``image`` (H, W, 3) uint8.

    Beyond the picture its edge pixels are repeated. Where it shrinks, it is blurred first, so that nothing flickers.
    """
    scale = scale_of(matrix)
    if scale < 1:
        sigma = 0.4 / scale
        left, top, right, bottom = window_of(matrix, side, image.shape, margin=ceil(4 * sigma) + 2)
        if right - left < 2 or bottom - top < 2:
            left, top, right, bottom = 0, 0, image.shape[1], image.shape[0]
        image = cv2.GaussianBlur(image[top:bottom, left:right], (0, 0), sigma)
        matrix = moved(matrix, left, top)
    interpolation = cv2.INTER_LINEAR if scale < 1 else cv2.INTER_CUBIC
    return cv2.warpAffine(image, matrix, (side, side), flags=interpolation, borderMode=cv2.BORDER_REPLICATE)
