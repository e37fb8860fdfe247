"""Draws landmarks as the renderer's condition image.

Lines have sub-pixel ends and are anti-aliased: a sketch of whole pixels makes the rendered face jitter. In the default
style each part has its own colour, so that the renderer cannot confuse lips and chin; the lips, the inside of the mouth
and the irises are filled.
"""

from __future__ import annotations

import cv2
import numpy as np

from obamanet.constants import (
    IMAGE_SIZE,
    INNER_LIPS,
    LANDMARK_COUNT,
    LEFT_EYE,
    LEFT_IRIS,
    MOUTH,
    OUTER_LIPS,
    RIGHT_EYE,
    RIGHT_IRIS,
)
from obamanet.types import SketchStyle

SUBPIXEL_BITS = 6
"""Fractional bits of a coordinate passed to OpenCV: steps of 1/64 pixel."""

EDGE = 2
"""Pixels by which a filled shape with smooth edges may reach beyond its corners, and one more."""

LINE_WIDTH = 2
"""Pixels; wide enough to survive the renderer's first, strided convolution."""

Colour = tuple[int, int, int]

FACE_LINES: tuple[tuple[tuple[int, ...], bool, Colour], ...] = (
    (tuple(range(0, 17)), False, (255, 255, 255)),
    (tuple(range(17, 22)), False, (0, 255, 0)),
    (tuple(range(22, 27)), False, (0, 255, 0)),
    (tuple(range(27, 31)), False, (255, 255, 0)),
    # Point 35, the right nostril, belongs to the nose; many public scripts lose it to an exclusive range.
    (tuple(range(31, 36)), False, (255, 255, 0)),
    ((*range(36, 42),), True, (255, 0, 0)),
    ((*range(42, 48),), True, (255, 0, 0)),
)
"""Landmarks of each line of style PARTS, whether it is closed, and its colour (BGR)."""

LIP_LINES: tuple[tuple[int, ...], ...] = (tuple(range(48, 60)), tuple(range(60, 68)))
"""Landmarks of the closed lines of the lips in style LINES."""

FACE_REGIONS: tuple[tuple[tuple[int, ...], Colour], ...] = (
    ((*range(0, 17), *range(26, 16, -1)), (0, 255, 0)),
    (tuple(range(17, 22)), (0, 255, 255)),
    (tuple(range(22, 27)), (0, 255, 255)),
    ((27, *range(31, 36)), (255, 0, 255)),
    (tuple(range(36, 42)), (255, 255, 0)),
    (tuple(range(42, 48)), (255, 255, 0)),
    (tuple(range(48, 60)), (0, 0, 0)),
    (tuple(range(60, 68)), (255, 0, 0)),
)
"""Landmarks of each filled region of style REGIONS, in the order of drawing, and its colour (BGR)."""

WHITE: Colour = (255, 255, 255)

EYES: tuple[tuple[slice, slice], ...] = ((LEFT_EYE, LEFT_IRIS), (RIGHT_EYE, RIGHT_IRIS))
"""Landmarks of each eye and of its iris."""

LIP_FILL: Colour = (0, 0, 255)
MOUTH_FILL: Colour = (255, 0, 255)
INNER_LINE: Colour = (0, 255, 255)
"""Colours (BGR) of the lips, of the mouth's inside and of the line between them."""


def draw_face(landmarks: np.ndarray, size: int = IMAGE_SIZE, style: SketchStyle = SketchStyle.PARTS) -> np.ndarray:
    """Returns the whole-face sketch.

    Args:
        landmarks: shape (68, 2), or (78, 2) with irises, pixels of the square; points outside it are clipped.
        size: side of the square, pixels.
        style: how it is drawn; irises are drawn where they are known, and style LINES has none.

    Returns:
        Shape (size, size, 3) uint8 BGR.
    """
    sketch = np.zeros((size, size, 3), dtype=np.uint8)
    if style is SketchStyle.REGIONS:
        for indices, colour in FACE_REGIONS:
            cv2.fillPoly(sketch, [_fixed(landmarks[list(indices)])], colour, cv2.LINE_AA, SUBPIXEL_BITS)
    else:
        for indices, closed, colour in FACE_LINES:
            _line(sketch, landmarks[list(indices)], closed, colour if style is SketchStyle.PARTS else WHITE)
    if style is SketchStyle.PARTS:
        draw_lips(sketch, landmarks[MOUTH])
    if style is SketchStyle.LINES:
        for indices in LIP_LINES:
            _line(sketch, landmarks[list(indices)], True, WHITE)
    elif len(landmarks) > LANDMARK_COUNT:
        for eye, iris in EYES:
            _draw_iris(sketch, landmarks[eye], landmarks[iris])
    return sketch


def draw_jaw(image: np.ndarray, landmarks: np.ndarray) -> None:
    """Draws the jaw line of ``landmarks`` (68, 2), pixels, into ``image`` (H, W, 3) uint8 BGR, in place."""
    indices, closed, colour = FACE_LINES[0]
    _line(image, landmarks[list(indices)], closed, colour)


def draw_lips(image: np.ndarray, keypoints: np.ndarray) -> None:
    """Draws the lips of ``keypoints`` (20, 2), pixels, into ``image`` (H, W, 3) uint8 BGR, in place."""
    outer, inner = _fixed(keypoints[OUTER_LIPS]), _fixed(keypoints[INNER_LIPS])
    cv2.fillPoly(image, [outer], LIP_FILL, cv2.LINE_AA, SUBPIXEL_BITS)
    cv2.fillPoly(image, [inner], MOUTH_FILL, cv2.LINE_AA, SUBPIXEL_BITS)
    cv2.polylines(image, [inner], True, INNER_LINE, 1, cv2.LINE_AA, SUBPIXEL_BITS)


def _draw_iris(image: np.ndarray, eye: np.ndarray, iris: np.ndarray) -> None:
    """Draws what the open ``eye`` (6, 2) shows of the ``iris`` (5, 2), pixels, as a white disc."""
    centre = iris[0]
    radius = min(float(np.linalg.norm(iris[1:] - centre, axis=1).mean()), float(max(image.shape)))
    disc, opening = np.zeros(image.shape[:2], np.uint8), np.zeros(image.shape[:2], np.uint8)
    middle = tuple(int(value) for value in _fixed(centre))
    cv2.circle(disc, middle, round(radius * (1 << SUBPIXEL_BITS)), 255, -1, cv2.LINE_AA, SUBPIXEL_BITS)
    cv2.fillPoly(opening, [_fixed(eye)], 255, cv2.LINE_AA, SUBPIXEL_BITS)
    # Elsewhere the eye shows nothing, and whole pictures would take six times as long as all other lines together.
    (left, top), (right, bottom) = (np.clip(edge, 0, max(image.shape)).astype(int) for edge in _extent(eye))
    part = (slice(top, bottom), slice(left, right))
    np.maximum(image[part], np.minimum(disc[part], opening[part])[..., None], out=image[part])


def _extent(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the corners, upper left and lower right, of the pixels that a shape of ``points`` (N, 2) may touch."""
    return np.floor(points.min(axis=0)) - EDGE, np.ceil(points.max(axis=0)) + EDGE + 1


def _line(image: np.ndarray, points: np.ndarray, closed: bool, colour: Colour) -> None:
    cv2.polylines(image, [_fixed(points)], closed, colour, LINE_WIDTH, cv2.LINE_AA, SUBPIXEL_BITS)


def _fixed(points: np.ndarray) -> np.ndarray:
    # Distant points would overflow OpenCV's fixed-point numbers and hang its line clipper.
    return np.round(np.clip(points, -4096, 4096) * (1 << SUBPIXEL_BITS)).astype(np.int32)
