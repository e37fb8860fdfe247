"""Draws landmarks as the renderer's condition image.

Lines have sub-pixel ends and are anti-aliased: a sketch of whole pixels makes the rendered face jitter. Each part has
its own colour, so that the renderer cannot confuse lips and chin. The lips and the inside of the mouth are filled.
"""

from __future__ import annotations

import cv2
import numpy as np

from obamanet.constants import IMAGE_SIZE, INNER_LIPS, MOUTH, OUTER_LIPS

SUBPIXEL_BITS = 6
"""Fractional bits of a coordinate passed to OpenCV: steps of 1/64 pixel."""

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
"""Landmarks of each drawn line, whether it is closed, and its colour (BGR)."""

LIP_FILL: Colour = (0, 0, 255)
MOUTH_FILL: Colour = (255, 0, 255)
INNER_LINE: Colour = (0, 255, 255)
"""Colours (BGR) of the lips, of the mouth's inside and of the line between them."""


def draw_face(landmarks: np.ndarray, size: int = IMAGE_SIZE) -> np.ndarray:
    """Returns the whole-face sketch.

    Args:
        landmarks: shape (68, 2), pixels of the square; points outside it are clipped.
        size: side of the square, pixels.

    Returns:
        Shape (size, size, 3) uint8 BGR.
    """
    sketch = np.zeros((size, size, 3), dtype=np.uint8)
    for indices, closed, colour in FACE_LINES:
        _line(sketch, landmarks[list(indices)], closed, colour)
    draw_lips(sketch, landmarks[MOUTH])
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


def _line(image: np.ndarray, points: np.ndarray, closed: bool, colour: Colour) -> None:
    cv2.polylines(image, [_fixed(points)], closed, colour, LINE_WIDTH, cv2.LINE_AA, SUBPIXEL_BITS)


def _fixed(points: np.ndarray) -> np.ndarray:
    # Distant points would overflow OpenCV's fixed-point numbers and hang its line clipper.
    return np.round(np.clip(points, -4096, 4096) * (1 << SUBPIXEL_BITS)).astype(np.int32)
