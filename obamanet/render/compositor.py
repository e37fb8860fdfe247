"""Blanks the mouth region of a frame for in-painting, and blends what was painted back with a soft mask."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from obamanet.constants import MOUTH
from obamanet.render.crop import to_square
from obamanet.render.sketch import draw_jaw, draw_lips
from obamanet.types import CropBox

FEATHER = 0.03
"""Width of the mask's soft edge as a share of the picture's side; wider would let recorded lips show through."""


MATCH_REACHES = ((0.03, 1.0), (0.08, 0.1), (0.2, 0.01))
"""Sigmas, as shares of the picture's side, over which differences are averaged, and their weights: from far away little
counts, but where nothing is nearer it decides, so that light changes smoothly across the region."""

MATCH_TOLERANCE = 30.0
"""Levels of 255 by which a colour may be off once the light is matched, and still count as the same thing."""

MATCH_NOTHING = 1e-5
"""Weight of no difference at all, where there is nothing to compare."""

MATCH_SHRINK = 4
"""Pixels averaged each way before colours are compared, so that a painted brow need not lie on the recorded one."""

MATCH_FEWEST = 20
"""Such averages that are needed for a fit."""

MATCH_RIDGE = 25.0
"""Squared levels. Holds the fit where a face has too few colours to tell; faces have a variance of about a thousand."""

MATCH_EVEN = 255.0
"""Levels across the picture that count as one unit of even change."""

MATCH_ROUNDS = 4
"""Times the fit is reweighted."""


def region_mask(outline: np.ndarray, size: int) -> np.ndarray:
    """Return the hard mask of the convex ``outline`` (N, 2), pixels of a square of ``size``: (size, size), 0 or 255."""
    mask = np.zeros((size, size), dtype=np.uint8)
    cv2.fillConvexPoly(mask, np.round(outline).astype(np.int32), 255)
    return mask


def draw_inpainting(square: np.ndarray, outline: np.ndarray, spoken: np.ndarray) -> np.ndarray:
    """Return the in-painting condition: ``square`` (S, S, 3) with its mouth region blanked, the new face drawn in it.

    ``outline`` (N, 2) says what is blanked, ``spoken`` (68, 2) are the landmarks whose jaw and lips are drawn, both in
    pixels of the square. Nothing outside the outline is touched, and nothing of what was inside is left.
    """
    inside = region_mask(outline, square.shape[0]) > 0
    drawn = np.zeros_like(square)
    draw_jaw(drawn, spoken)
    draw_lips(drawn, spoken[MOUTH])
    condition = square.copy()
    condition[inside] = drawn[inside]
    return condition


def soft_mask(outline: np.ndarray, size: int) -> np.ndarray:
    """Return the blending mask of ``outline``: (size, size, 1) float32, 1 inside, falling to 0 within the region.

    The fall is a smooth step of the distance to the region's edge, and ends before the lips begin.
    """
    # A border of zeros: where the region leaves the picture, its edge is the picture's.
    hard = cv2.copyMakeBorder(region_mask(outline, size), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    distance = cv2.distanceTransform(hard, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    share = np.clip(distance / (FEATHER * size), 0.0, 1.0)
    return (share * share * (3 - 2 * share)).astype(np.float32)[..., None]


def match_colours(painted: np.ndarray, recorded: np.ndarray, outline: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Return ``painted`` (S, S, 3) uint8 in the light of ``recorded`` (S, S, 3), which shows the same face elsewhere.

    ``landmarks`` (68, 2) say where both show that face, ``outline`` (N, 2) the region in which they need not be alike.
    From the face outside the region the linear map of colours is fitted that brings the painted nearest to the
    recorded. What is left of the difference around the region is carried inside, the nearest counting most; what is
    not the same thing there, as another collar, counts little.
    """
    size = painted.shape[0]
    inside, face = region_mask(outline, size) > 0, region_mask(_hull(landmarks), size) > 0
    ours, theirs, outside, same_face = map(_shrunk, (painted, recorded, ~inside, face & ~inside))
    lit, apply = _fitted_light(ours, theirs, same_face > 1 - 1e-6)
    difference = theirs - lit
    weight = (np.where(outside > 1 - 1e-6, _likeness(difference), 0.0)).astype(np.float32)[..., None]
    total, summed = np.full_like(weight, MATCH_NOTHING), np.zeros_like(difference)
    for reach, share in MATCH_REACHES:
        total += share * cv2.GaussianBlur(weight, (0, 0), reach * len(weight))[..., None]
        summed += share * cv2.GaussianBlur(weight * difference, (0, 0), reach * len(weight))
    rest = cv2.resize(summed / total, (size, size), interpolation=cv2.INTER_LINEAR)
    return np.clip(np.round(apply(painted) + rest), 0, 255).astype(np.uint8)


def _fitted_light(
    ours: np.ndarray, theirs: np.ndarray, where: np.ndarray
) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """Return ``ours`` (H, W, 3) with its colours mapped as fits best ``where`` (H, W) both show the same, and the map.

    A least-squares map of three channels, iteratively reweighted by how alike both are then, and held near to the one
    that changes the brightness alone. Light that changes evenly across the face is fitted too, since shades of skin
    would be taken for it, but is not in the map. No map where there is too little to compare.
    """
    if where.sum() < MATCH_FEWEST:
        return ours, lambda colours: colours.astype(np.float32)
    places = np.stack(np.nonzero(where), axis=1) * (MATCH_EVEN / len(where))
    x, y = np.column_stack([ours[where], places]).astype(np.float64), theirs[where].astype(np.float64)
    weight = np.ones(len(x))
    for _ in range(MATCH_ROUNDS):
        share = (weight / weight.sum())[:, None]
        middle, wanted = (share * x).sum(axis=0), (share * y).sum(axis=0)
        brighter = np.eye(5, 3) * wanted.sum() / max(float(middle[:3].sum()), 1.0)
        spread, shared = (share * (x - middle)).T @ (x - middle), (share * (x - middle)).T @ (y - wanted)
        map_ = np.linalg.solve(spread + MATCH_RIDGE * np.eye(5), shared + MATCH_RIDGE * brighter)
        weight = _likeness(y - wanted - (x - middle) @ map_)

    def apply(colours: np.ndarray) -> np.ndarray:
        return np.asarray((colours - middle[:3]) @ map_[:3] + wanted, np.float32)

    return apply(ours), apply


def _shrunk(picture: np.ndarray) -> np.ndarray:
    """Return ``picture`` (S, S[, 3]) averaged over MATCH_SHRINK pixels each way, float32."""
    side = len(picture) // MATCH_SHRINK
    return cv2.resize(picture.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA)


def _likeness(difference: np.ndarray) -> np.ndarray:
    """Return for a ``difference`` in colour (..., 3) how far it is one of light alone, not of things: 1 to 0."""
    return np.asarray(np.exp(-((np.abs(difference).max(axis=-1) / MATCH_TOLERANCE) ** 2)))


def _hull(points: np.ndarray) -> np.ndarray:
    return cv2.convexHull(points.astype(np.float32))[:, 0]


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
