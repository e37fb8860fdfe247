"""How far the eyes are open, where they look, and blinks."""

from __future__ import annotations

from typing import Final

import numpy as np

from obamanet.constants import LEFT_EYE, LEFT_IRIS, RIGHT_EYE, RIGHT_IRIS

BLINK_SHARE: Final = 0.6
"""Share of the open eye's opening below which the eye blinks (benchmarks/RESULTS.md, "Face to face")."""

OPEN_QUANTILE: Final = 0.75
"""Quantile over a video's frames of an eye's opening that counts as open: eyes are shut for a tenth of the time."""


def eye_openings(landmarks: np.ndarray) -> np.ndarray:
    """Returns the eye aspect ratio (Soukupova and Cech 2016) of both eyes, left and right in the picture.

    Args:
        landmarks: shape (..., 68, 2) or (..., 78, 2).

    Returns:
        Shape (..., 2): mean height of an eye over its width.
    """
    return np.stack([_aspect(landmarks[..., eye, :]) for eye in (LEFT_EYE, RIGHT_EYE)], axis=-1)


def gaze(landmarks: np.ndarray) -> np.ndarray:
    """Returns where the eyes look: the mean offset of the irises from the middle between their eye's corners.

    Args:
        landmarks: shape (..., 78, 2).

    Returns:
        Shape (..., 2): along the line between the corners and across it, downwards, in widths of the eye.
    """
    offsets = []
    for eye, iris in ((LEFT_EYE, LEFT_IRIS), (RIGHT_EYE, RIGHT_IRIS)):
        first, second = landmarks[..., eye.start, :], landmarks[..., eye.start + 3, :]
        offset = landmarks[..., iris.start, :] - (first + second) / 2
        along = second - first
        across = np.stack([-along[..., 1], along[..., 0]], axis=-1)
        squared = (along**2).sum(axis=-1)
        offsets.append(np.stack([(offset * along).sum(axis=-1), (offset * across).sum(axis=-1)], axis=-1))
        offsets[-1] /= squared[..., None]
    return np.mean(offsets, axis=0)


def find_blinks(openings: np.ndarray) -> list[tuple[int, int]]:
    """Returns the blinks in a series of openings, (T,), of one eye or of both: first frame and the one after the last.

    A blink is a stretch below BLINK_SHARE of the open eye's opening that begins and ends with an open eye; a drowsy eye
    that stays narrow is none.
    """
    shut = openings < BLINK_SHARE * np.quantile(openings, OPEN_QUANTILE)
    edges = np.flatnonzero(np.diff(shut.astype(np.int8))) + 1
    if len(shut) and shut[0]:
        edges = edges[1:]
    return [(int(first), int(last)) for first, last in zip(edges[0::2], edges[1::2], strict=False)]


def _aspect(eye: np.ndarray) -> np.ndarray:
    """Returns the mean height over the width of ``eye`` (..., 6, 2): shape (...)."""
    heights = np.linalg.norm(eye[..., (5, 4), :] - eye[..., (1, 2), :], axis=-1).mean(axis=-1)
    return heights / np.maximum(np.linalg.norm(eye[..., 3, :] - eye[..., 0, :], axis=-1), 1e-9)
