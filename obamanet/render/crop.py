"""Crops the square portrait around a head, and converts points between frame and square."""

from __future__ import annotations

import math

import cv2
import numpy as np

from obamanet.constants import IMAGE_SIZE, JAW, LEFT_EYE, RIGHT_EYE
from obamanet.types import CropBox, Picture

PORTRAIT_SIDE = 2.3
"""Side of the square in units of the height from eyes to chin; holds hair and neck, the face takes about half the
width."""

PORTRAIT_DROP = 0.0
"""Distance of the square's middle below the eyes, in the same unit."""


def portrait_box(landmarks: np.ndarray) -> CropBox:
    """Returns the square around the head for all of ``landmarks`` (T, 68, 2) pixels: the median over frames.

    One box serves a whole clip: a box that followed the head frame by frame would shake the background.
    """
    eyes = (landmarks[:, LEFT_EYE].mean(axis=1) + landmarks[:, RIGHT_EYE].mean(axis=1)) / 2
    chin = landmarks[:, JAW.start + 8]
    height = float(np.median(np.linalg.norm(chin - eyes, axis=1)))
    side = PORTRAIT_SIDE * height
    middle_x = float(np.median(landmarks[:, JAW, 0].mean(axis=1)))
    middle_y = float(np.median(eyes[:, 1])) + PORTRAIT_DROP * height
    return CropBox(left=middle_x - side / 2, top=middle_y - side / 2, side=side)


def cut_square(image: Picture, box: CropBox, size: int = IMAGE_SIZE) -> np.ndarray:
    """Returns the square ``box`` of ``image`` (H, W, 3) uint8, resized to (size, size, 3).

    Beyond the frame the edge pixels are repeated.
    """
    zoom = size / box.side
    # Pixel centres lie at half pixels, so the middle of the box lands in the middle of the square.
    shift = (zoom - 1) / 2
    # What the square shows, with as much around it as interpolation and, where it shrinks, the blur reach.
    reach = math.ceil(2 / zoom) + 4
    left = min(max(math.floor(box.left) - reach, 0), image.shape[1] - 1)
    top = min(max(math.floor(box.top) - reach, 0), image.shape[0] - 1)
    right, bottom = math.ceil(box.left + box.side) + reach, math.ceil(box.top + box.side) + reach
    part = image[top : max(bottom, top + 1), left : max(right, left + 1)]
    matrix = np.array([[zoom, 0, shift - (box.left - left) * zoom], [0, zoom, shift - (box.top - top) * zoom]])
    interpolation = cv2.INTER_CUBIC
    if zoom < 1:
        # warpAffine does not average when shrinking: blur by the shrink first, so that nothing flickers.
        part = cv2.GaussianBlur(part, (0, 0), 0.5 / zoom)
        interpolation = cv2.INTER_LINEAR
    return cv2.warpAffine(part, matrix, (size, size), flags=interpolation, borderMode=cv2.BORDER_REPLICATE)


def to_square(points: np.ndarray, box: CropBox, size: int = IMAGE_SIZE) -> np.ndarray:
    """Returns ``points`` (..., 2), pixels of the frame, in pixels of the cut square: (..., 2) float32."""
    zoom = size / box.side
    origin = np.array([box.left, box.top])
    return ((points - origin) * zoom + (zoom - 1) / 2).astype(np.float32)


def from_square(points: np.ndarray, box: CropBox, size: int = IMAGE_SIZE) -> np.ndarray:
    """Returns ``points`` (..., 2), pixels of the cut square, in pixels of the frame; undoes :func:`to_square`."""
    zoom = size / box.side
    origin = np.array([box.left, box.top])
    return ((points - (zoom - 1) / 2) / zoom + origin).astype(np.float32)
