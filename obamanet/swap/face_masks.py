"""Masks of a face from its landmarks: the whole face, the mouth's inside, the eyes; and what hides the face."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import cv2
import numpy as np

from obamanet.constants import INNER_LIPS, LEFT_EYE, MOUTH, RIGHT_EYE

BROWS: Final = slice(17, 27)
NOSE: Final = slice(27, 36)
"""Indices of brows and nose among the 68 landmarks."""

FOREHEAD: Final = 0.6
"""Height that the face reaches above the brows, in distances from the eyes to the brows; hair begins above."""

EYE_MARGIN: Final = 0.25
"""Margin around the landmarks of an eye, as a share of its width: lids and lashes."""

EYE_ROUNDNESS: Final = 0.45
"""Height of the ellipse over an eye as a share of its width, as of one that is wide open."""

PART_MARGIN: Final = 0.12
"""Margin around the landmarks of a part, in distances of the outer eye corners."""

SKIN_DISTANCE: Final = 5.0
"""Mahalanobis distance of a pixel's colour from the cheeks', in chroma, beyond which it is not skin."""

MIN_OCCLUSION: Final = 0.01
"""Share of the face that a patch of another colour must take to count as something before the face."""

SHIFT: Final = 4
"""Bits of a pixel's fraction that OpenCV's polygons are drawn with."""


class EyeMask(StrEnum):
    """How the eyes' mask is made."""

    CONTOUR = "contour"
    """The lids' own contour with a margin: it narrows in a blink."""

    ELLIPSE = "ellipse"
    """An ellipse over the eye's corners, as high as an open eye: it stays when the eye shuts."""


class Part(StrEnum):
    """The parts of a face that can be swapped alone; any union of them is allowed."""

    MOUTH = "mouth"
    NOSE = "nose"
    EYES = "eyes"
    BROWS = "brows"


def hull_mask(landmarks: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Returns the mask of the face, from the chin to above the brows: (H, W) uint8, 0 or 255.

    Args:
        landmarks: shape (68, 2), pixels.
        size: height and width of the picture.
    """
    eyes = (landmarks[LEFT_EYE].mean(axis=0) + landmarks[RIGHT_EYE].mean(axis=0)) / 2
    up = landmarks[BROWS].mean(axis=0) - eyes
    raised = landmarks[BROWS] + FOREHEAD * up
    return _filled([cv2.convexHull(np.concatenate([landmarks[:68], raised]).astype(np.float32))[:, 0]], size)


def mouth_mask(landmarks: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Returns the mask of the mouth's inside, between the lips: (H, W) uint8, 0 or 255; arguments as above."""
    return _filled([landmarks[MOUTH][INNER_LIPS]], size)


def eyes_mask(landmarks: np.ndarray, size: tuple[int, int], method: EyeMask = EyeMask.CONTOUR) -> np.ndarray:
    """Returns the mask of both eyes by ``method``: (H, W) uint8, 0 or 255; other arguments as above."""
    polygons = []
    for part in (LEFT_EYE, RIGHT_EYE):
        eye = landmarks[part].astype(np.float64)
        along = eye[3] - eye[0]
        width = max(float(np.linalg.norm(along)), 1e-6)
        if method is EyeMask.CONTOUR:
            polygons.append(_widened(cv2.convexHull(eye.astype(np.float32))[:, 0], EYE_MARGIN * width))
            continue
        turn = np.linspace(0, 2 * np.pi, 32, endpoint=False)
        across = np.array([-along[1], along[0]]) * EYE_ROUNDNESS
        reach = 0.5 + EYE_MARGIN
        middle = (eye[0] + eye[3]) / 2
        polygons.append(middle + reach * (np.cos(turn)[:, None] * along + np.sin(turn)[:, None] * across))
    return _filled(polygons, size)


def parts_mask(landmarks: np.ndarray, size: tuple[int, int], parts: frozenset[Part]) -> np.ndarray:
    """Returns the mask of the union of ``parts``: (H, W) uint8, 0 or 255; other arguments as above."""
    margin = PART_MARGIN * float(np.linalg.norm(landmarks[45] - landmarks[36]))
    pieces = {
        Part.MOUTH: [landmarks[MOUTH]],
        Part.NOSE: [landmarks[NOSE]],
        Part.EYES: [landmarks[LEFT_EYE], landmarks[RIGHT_EYE]],
        Part.BROWS: [landmarks[17:22], landmarks[22:27]],
    }
    outlines = [cv2.convexHull(piece.astype(np.float32))[:, 0] for part in sorted(parts) for piece in pieces[part]]
    return _filled([_widened(outline, margin) for outline in outlines], size)


def occlusion_mask(image: np.ndarray, landmarks: np.ndarray, hull: np.ndarray) -> np.ndarray:
    """Returns where something hides the face, such as hair: (H, W) uint8, 0 or 255.

    The chroma (CIE Lab a and b) of cheeks and nose is taken for that of skin; a patch of another chroma inside the hull
    that begins at the hull's edge is taken for something before the face. Hands, which are skin, are not seen so, nor
    is anything that does not reach the edge: eyes, brows, lips and glasses stay.

    Args:
        image: shape (H, W, 3) uint8 BGR.
        landmarks: shape (68, 2), pixels.
        hull: mask of the face, shape (H, W) uint8.
    """
    cheeks = cv2.erode(_filled([landmarks[[2, 31, 33, 35, 14, 45, 42, 39, 36]]], hull.shape), np.ones((3, 3)))
    eyes = eyes_mask(landmarks, (hull.shape[0], hull.shape[1]))
    chroma = cv2.cvtColor(image, cv2.COLOR_BGR2LAB)[..., 1:].astype(np.float64)
    skin = chroma[(cheeks > 0) & (eyes == 0)]
    if len(skin) < 20:
        return np.zeros_like(hull)
    middle = np.median(skin, axis=0)
    spread = np.linalg.inv(np.cov((skin - middle).T) + 4.0 * np.eye(2))
    away = chroma - middle
    distance = np.sqrt(np.einsum("hwi,ij,hwj->hw", away, spread, away))
    other = ((distance > SKIN_DISTANCE) & (hull > 0)).astype(np.uint8)
    other = cv2.morphologyEx(other, cv2.MORPH_OPEN, np.ones((3, 3)))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(other)
    edge = (hull > 0) & (cv2.erode(hull, np.ones((5, 5))) == 0)
    least = MIN_OCCLUSION * np.count_nonzero(hull)
    at_edge = set(np.unique(labels[edge]).tolist())
    kept = [n for n in range(1, count) if n in at_edge and stats[n, cv2.CC_STAT_AREA] >= least]
    return np.where(np.isin(labels, kept), 255, 0).astype(np.uint8)


def _widened(outline: np.ndarray, margin: float) -> np.ndarray:
    """Returns the convex ``outline`` (N, 2) with every corner moved out from the middle by ``margin`` pixels."""
    middle = outline.mean(axis=0)
    away = outline - middle
    length = np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-6)
    return middle + away * (1 + margin / length)


def _filled(polygons: list[np.ndarray], size: tuple[int, int] | tuple[int, ...]) -> np.ndarray:
    mask = np.zeros(size, np.uint8)
    for polygon in polygons:
        cv2.fillPoly(mask, [np.round(polygon * 2**SHIFT).astype(np.int32)], 255, shift=SHIFT)
    return mask
