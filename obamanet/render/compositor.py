"""Blanks the mouth region of a frame for in-painting, and blends what was painted back with a soft mask."""

from __future__ import annotations

import cv2
import numpy as np

from obamanet.constants import JAW, MOUTH, NOSE_BASE
from obamanet.render.crop import to_square
from obamanet.render.sketch import draw_lips
from obamanet.types import CropBox

FEATHER = 0.03
"""Width of the mask's soft edge as a share of the picture's side; wider would let recorded lips show through."""

JAW_SHARE = 0.92
"""How far the blanked region reaches from the mouth towards the jaw line: the contour itself stays recorded."""

CHEEK_POINTS = range(3, 14)
"""Points of the jaw, cheek to cheek, under the mouth."""


def mouth_region(landmarks: np.ndarray) -> np.ndarray:
    """Return the outline of the region that speech moves, nose to chin, of ``landmarks`` (68, 2): (N, 2) float32."""
    middle = landmarks[MOUTH].mean(axis=0)
    jaw = middle + JAW_SHARE * (landmarks[JAW][list(CHEEK_POINTS)] - middle)
    under_nose = landmarks[NOSE_BASE].mean(axis=0) * 0.8 + middle * 0.2
    return cv2.convexHull(np.vstack([jaw, under_nose]).astype(np.float32))[:, 0]


def region_mask(landmarks: np.ndarray, size: int) -> np.ndarray:
    """Return the hard mask of :func:`mouth_region` in a square of ``size`` pixels: (size, size) uint8, 0 or 255."""
    mask = np.zeros((size, size), dtype=np.uint8)
    cv2.fillConvexPoly(mask, np.round(mouth_region(landmarks)).astype(np.int32), 255)
    return mask


def draw_inpainting(square: np.ndarray, reference: np.ndarray, spoken: np.ndarray) -> np.ndarray:
    """Return the in-painting condition: ``square`` (S, S, 3) with its mouth region blanked and the new lips drawn.

    ``reference`` (68, 2) are the landmarks of the footage, which say what to blank; ``spoken`` (20, 2) the keypoints to
    draw, both in pixels of the square. Nothing outside the mouth region is touched.
    """
    mask = region_mask(reference, square.shape[0])
    condition = square.copy()
    condition[mask > 0] = 0
    lips = np.zeros_like(square)
    draw_lips(lips, spoken)
    drawn = (mask > 0) & (lips.max(axis=-1) > 0)
    condition[drawn] = lips[drawn]
    return condition


def soft_mask(landmarks: np.ndarray, size: int) -> np.ndarray:
    """Return the mouth region's blending mask: (size, size, 1) float32, 1 inside, falling to 0 within the region.

    The fall is a smooth step of the distance to the region's edge, and ends before the lips begin.
    """
    # A border of zeros: where the region leaves the picture, its edge is the picture's.
    hard = cv2.copyMakeBorder(region_mask(landmarks, size), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    distance = cv2.distanceTransform(hard, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    share = np.clip(distance / (FEATHER * size), 0.0, 1.0)
    return (share * share * (3 - 2 * share)).astype(np.float32)[..., None]


def blend(square: np.ndarray, painted: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return ``painted`` laid over ``square``, both (S, S, 3) uint8, by ``mask`` (S, S, 1) float32 in [0, 1]."""
    return np.round(square + mask * (painted.astype(np.float32) - square)).astype(np.uint8)


def paste_square(frame: np.ndarray, square: np.ndarray, mask: np.ndarray, box: CropBox) -> np.ndarray:
    """Return ``frame`` (H, W, 3) uint8 with ``square`` (S, S, 3) blended into its ``box`` by ``mask`` (S, S, 1).

    Pixels where the mask is 0 keep the frame's own value exactly.
    """
    size = square.shape[0]
    corners = to_square(np.array([[0.0, 0.0]]), box, size)[0]
    zoom = size / box.side
    # From frame pixels to square pixels; warpAffine wants exactly this inverse map.
    matrix = np.array([[zoom, 0, corners[0]], [0, zoom, corners[1]]])
    height, width = frame.shape[:2]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    back = cv2.warpAffine(square, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    weight = cv2.warpAffine(mask[..., 0], matrix, (width, height), flags=flags, borderValue=0)[..., None]
    return blend(frame, back, weight)
