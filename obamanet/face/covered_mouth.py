"""Notices a hand or a thing before the mouth, where landmark models go on to see lips.

Lips differ from the skin around them in colour by nearly the same amount in all frames of a face, open and shut; what
is before the mouth does not. Measured in benchmarks/RESULTS.md, "A covered mouth".
"""

from __future__ import annotations

import itertools
from typing import Final

import cv2
import numpy as np

from obamanet.constants import INNER_LIPS, LEFT_EYE, MOUTH, RIGHT_EYE
from obamanet.face.mesh import warp_part
from obamanet.types import Picture

OUTER_LIPS: Final = slice(0, 12)
"""Indices of the outer lips among the mouth's keypoints."""

SIDE: Final = 48
"""Pixels. Side of the square around the mouth that is looked at."""

EYE_DISTANCE: Final = 38.0
"""Pixels between the middles of the eyes in it."""

SKIN_MARGIN: Final = 5
"""Pixels around the lips, in the square, that are taken for skin."""

MAX_CHANGE: Final = 0.45
"""Distance from the usual contrast of lips and skin, as a share of it, beyond which the mouth is covered."""

MIN_CONTRAST: Final = 5.0
"""Usual contrast, in CIE Lab as OpenCV scales it, below which nothing is known of what covers the lips."""

MIN_SCATTERS: Final = 5.0
"""Median distances from the usual contrast that a change must be at least: pictures may be noisy."""

MIN_FRAMES: Final = 3
"""Frames of the shortest cover."""

AROUND: Final = 2
"""Frames before and after a cover that are taken to be partly covered."""


def lip_contrast(image: Picture, landmarks: np.ndarray) -> np.ndarray:
    """Returns by how much the lips differ in chroma from the skin around them: CIE Lab a and b, (2,) float32.

    Args:
        image: shape (H, W, 3) uint8 BGR.
        landmarks: shape (68, 2) or (78, 2), pixels.
    """
    eyes = landmarks[RIGHT_EYE].mean(axis=0) - landmarks[LEFT_EYE].mean(axis=0)
    along = EYE_DISTANCE * eyes / max(float(eyes @ eyes), 1e-6)
    turn = np.array([[along[0], along[1]], [-along[1], along[0]]])
    middle = landmarks[MOUTH].mean(axis=0)
    matrix = np.column_stack([turn, SIDE / 2 - turn @ middle])
    chroma = cv2.cvtColor(warp_part(image, matrix, SIDE), cv2.COLOR_BGR2LAB)[..., 1:]
    mouth = landmarks[MOUTH] @ turn.T + matrix[:, 2]
    outer, inner = _filled(mouth[OUTER_LIPS]), _filled(mouth[INNER_LIPS])
    lips = (outer > 0) & (inner == 0)
    reach = np.ones((2 * SKIN_MARGIN + 1,) * 2, np.uint8)
    skin = (cv2.dilate(outer, reach) > 0) & (cv2.dilate(outer, np.ones((3, 3), np.uint8)) == 0)
    if not lips.any() or not skin.any():
        return np.full(2, np.nan, np.float32)
    return (np.median(chroma[lips], axis=0) - np.median(chroma[skin], axis=0)).astype(np.float32)


def covered_frames(contrast: np.ndarray, segment: np.ndarray) -> np.ndarray:
    """Returns the frames whose mouth is covered, (T,) bool; of each segment less than half can be.

    Args:
        contrast: :func:`lip_contrast` of each frame, shape (T, 2), NaN without a face.
        segment: shape (T,); consecutive frames without a gap or cut have one number, -1 means no face.
    """
    covered = np.zeros(len(contrast), bool)
    for number in range(int(segment.max(initial=-1)) + 1):
        inside = np.flatnonzero((segment == number) & np.isfinite(contrast[:, 0]))
        usual = np.median(contrast[inside], axis=0) if len(inside) else np.zeros(2)
        size = float(np.linalg.norm(usual))
        if size < MIN_CONTRAST:
            continue
        change = np.linalg.norm(contrast[inside] - usual, axis=1)
        departs = np.zeros(len(contrast), bool)
        departs[inside] = change > max(MAX_CHANGE * size, MIN_SCATTERS * float(np.median(change)))
        for is_covered, run in itertools.groupby(np.flatnonzero(segment == number), key=departs.__getitem__):
            frames = list(run)
            if is_covered and len(frames) >= MIN_FRAMES:
                covered[max(frames[0] - AROUND, 0) : frames[-1] + AROUND + 1] = True
    return covered & (segment >= 0)


def _filled(outline: np.ndarray) -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillPoly(mask, [np.round(outline * 16).astype(np.int32)], 1, shift=4)
    return mask
