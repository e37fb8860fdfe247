"""Blanks the mouth region for in-painting, and blends the renderer's output into the frame."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from obamanet.constants import MOUTH
from obamanet.render.crop import to_square
from obamanet.render.sketch import draw_jaw, draw_lips
from obamanet.types import CropBox

FEATHER = 0.03
"""Width of the mask's soft edge as a share of the image's side; a wider one would show the recorded lips."""

MATCH_REACHES = ((0.03, 1.0), (0.08, 0.1), (0.2, 0.01))
"""Sigmas, as shares of the image's side, over which colour differences are averaged, and their weights. Distant
differences count only where there are no near ones, so that light varies smoothly across the region."""

MATCH_TOLERANCE = 30.0
"""Grey levels (of 255). Difference of matched colours at which their weight falls to 1/e: larger ones are not light."""

MATCH_PRIOR = 1e-5
"""Weight of a difference of zero, used where there is nothing to compare."""

MATCH_SHRINK = 4
"""Pixels averaged each way before colours are compared, so that small misalignments do not matter."""

MATCH_MIN_PIXELS = 20
"""Minimum number of averaged pixels for the fit."""

MATCH_RIDGE = 25.0
"""Ridge regularisation, squared grey levels; a face's colours have a variance of about a thousand."""

MATCH_GRADIENT = 255.0
"""Grey levels across the image per unit of the linear change of light."""

MATCH_ROUNDS = 4
"""Rounds of iterative reweighting."""


def region_mask(outline: np.ndarray, size: int) -> np.ndarray:
    """Returns the hard mask of a convex region: (size, size) uint8, 0 or 255.

    Args:
        outline: corners, shape (N, 2), pixels of the square.
        size: side of the square, pixels.
    """
    mask = np.zeros((size, size), dtype=np.uint8)
    cv2.fillConvexPoly(mask, np.round(outline).astype(np.int32), 255)
    return mask


def draw_inpainting(square: np.ndarray, outline: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Returns the in-painting condition: a recorded square, its mouth region blanked, the new jaw and lips drawn in it.

    Outside the outline nothing changes; inside nothing of the recording is left.

    Args:
        square: shape (S, S, 3) uint8 BGR.
        outline: of the blanked region, shape (N, 2), pixels of the square.
        landmarks: whose jaw and lips are drawn, shape (68, 2), pixels of the square.

    Returns:
        Shape (S, S, 3) uint8 BGR.
    """
    inside = region_mask(outline, square.shape[0]) > 0
    drawn = np.zeros_like(square)
    draw_jaw(drawn, landmarks)
    draw_lips(drawn, landmarks[MOUTH])
    condition = square.copy()
    condition[inside] = drawn[inside]
    return condition


def soft_mask(outline: np.ndarray, size: int) -> np.ndarray:
    """Returns the blending mask of ``outline``: (size, size, 1) float32, 1 inside, falling to 0 at the region's edge.

    The fall is a smooth step of the distance to the edge and ends before the lips begin. Arguments as for
    :func:`region_mask`.
    """
    # A border of zeros: where the region leaves the picture, its edge is the picture's.
    hard = cv2.copyMakeBorder(region_mask(outline, size), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    distance = cv2.distanceTransform(hard, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    share = np.clip(distance / (FEATHER * size), 0.0, 1.0)
    return (share * share * (3 - 2 * share)).astype(np.float32)[..., None]


def match_colours(painted: np.ndarray, recorded: np.ndarray, outline: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Adapts the light of a painted face to that of a recorded one.

    A linear map of colours is fitted on the face outside the region. The remaining difference around the region is
    propagated inside, weighted by distance. Differences that are too large to be light, such as of another collar, have
    little weight.

    Args:
        painted: shape (S, S, 3) uint8 BGR.
        recorded: the same face, shape (S, S, 3) uint8 BGR.
        outline: region in which the two may differ, shape (N, 2), pixels of the square.
        landmarks: of the face in both, shape (68, 2), pixels of the square.

    Returns:
        ``painted`` in the light of ``recorded``, shape (S, S, 3) uint8 BGR.
    """
    size = painted.shape[0]
    inside, face = region_mask(outline, size) > 0, region_mask(_hull(landmarks), size) > 0
    small, small_recorded, outside, same_face = map(_shrunk, (painted, recorded, ~inside, face & ~inside))
    lit, apply = _fitted_light(small, small_recorded, same_face > 1 - 1e-6)
    difference = small_recorded - lit
    weight = (np.where(outside > 1 - 1e-6, _likeness(difference), 0.0)).astype(np.float32)[..., None]
    total, summed = np.full_like(weight, MATCH_PRIOR), np.zeros_like(difference)
    for reach, share in MATCH_REACHES:
        total += share * cv2.GaussianBlur(weight, (0, 0), reach * len(weight))[..., None]
        summed += share * cv2.GaussianBlur(weight * difference, (0, 0), reach * len(weight))
    residual = cv2.resize(summed / total, (size, size), interpolation=cv2.INTER_LINEAR)
    return np.clip(np.round(apply(painted) + residual), 0, 255).astype(np.uint8)


def _fitted_light(
    painted: np.ndarray, recorded: np.ndarray, where: np.ndarray
) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """Fits the map of colours from painted to recorded.

    Iteratively reweighted least squares with a ridge towards a pure change of brightness. A linear change of light
    across the face is fitted too, or shades of skin would be taken for it, but is not part of the map.

    Args:
        painted: shape (H, W, 3) float32.
        recorded: shape (H, W, 3) float32.
        where: pixels at which both show the same face, shape (H, W) bool.

    Returns:
        ``painted`` mapped, and the map; the identity where there is too little to compare.
    """
    if where.sum() < MATCH_MIN_PIXELS:
        return painted, lambda colours: colours.astype(np.float32)
    positions = np.stack(np.nonzero(where), axis=1) * (MATCH_GRADIENT / len(where))
    x, y = np.column_stack([painted[where], positions]).astype(np.float64), recorded[where].astype(np.float64)
    weight = np.ones(len(x))
    for _ in range(MATCH_ROUNDS):
        share = (weight / weight.sum())[:, None]
        x_mean, y_mean = (share * x).sum(axis=0), (share * y).sum(axis=0)
        brighter = np.eye(5, 3) * y_mean.sum() / max(float(x_mean[:3].sum()), 1.0)
        variance, covariance = (share * (x - x_mean)).T @ (x - x_mean), (share * (x - x_mean)).T @ (y - y_mean)
        map_ = np.linalg.solve(variance + MATCH_RIDGE * np.eye(5), covariance + MATCH_RIDGE * brighter)
        weight = _likeness(y - y_mean - (x - x_mean) @ map_)

    def apply(colours: np.ndarray) -> np.ndarray:
        return np.asarray((colours - x_mean[:3]) @ map_[:3] + y_mean, np.float32)

    return apply(painted), apply


def _shrunk(picture: np.ndarray) -> np.ndarray:
    """Returns ``picture`` (S, S[, 3]) averaged over MATCH_SHRINK pixels each way, float32."""
    side = len(picture) // MATCH_SHRINK
    return cv2.resize(picture.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA)


def _likeness(difference: np.ndarray) -> np.ndarray:
    """Returns the weight, 1 to 0, of a colour ``difference`` (..., 3): 1 for one of light, 0 for different things."""
    return np.asarray(np.exp(-((np.abs(difference).max(axis=-1) / MATCH_TOLERANCE) ** 2)))


def _hull(points: np.ndarray) -> np.ndarray:
    return cv2.convexHull(points.astype(np.float32))[:, 0]


def blend(square: np.ndarray, painted: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Returns ``painted`` blended over ``square``, both (S, S, 3) uint8, with ``mask`` (S, S, 1) float32 in [0, 1]."""
    return np.round(square + mask * (painted.astype(np.float32) - square)).astype(np.uint8)


def paste_square(frame: np.ndarray, square: np.ndarray, mask: np.ndarray, box: CropBox) -> np.ndarray:
    """Returns ``frame`` with a square blended into it.

    Args:
        frame: shape (H, W, 3) uint8 BGR; pixels where the mask is 0 keep their exact value.
        square: shape (S, S, 3) uint8 BGR.
        mask: shape (S, S, 1) float32 in [0, 1].
        box: place of the square in the frame.

    Returns:
        Shape (H, W, 3) uint8 BGR.
    """
    size = square.shape[0]
    corners = to_square(np.array([[0.0, 0.0]]), box, size)[0]
    zoom = size / box.side
    # From frame pixels to square pixels, the inverse map that warpAffine takes here.
    matrix = np.array([[zoom, 0, corners[0]], [0, zoom, corners[1]]])
    height, width = frame.shape[:2]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    back = cv2.warpAffine(square, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    weight = cv2.warpAffine(mask[..., 0], matrix, (width, height), flags=flags, borderValue=0)[..., None]
    return blend(frame, back, weight)
