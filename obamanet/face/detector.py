"""Detection of frontal faces by dlib's HOG detector (King, "Max-Margin Object Detection", 2015)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

DETECTION_SIDE = 480
"""Pixels. Larger pictures are scaled down to this longer side: HOG needs a face of 80 px, and time grows with area."""

MIN_FACE_SIDE = 40
"""Pixels. Smallest face found in a picture of at most DETECTION_SIDE: dlib's 80 px, in the picture enlarged twice."""


@dataclass(frozen=True)
class FaceBox:
    """A detected face; the four edges in pixels of the picture."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def area(self) -> float:
        """Area in square pixels."""
        return (self.right - self.left) * (self.bottom - self.top)


def smallest_face(width: int, height: int) -> int:
    """Returns the side, in pixels, of the smallest face that is found in pictures of ``width`` x ``height`` pixels."""
    return math.ceil(MIN_FACE_SIDE / _shrink(width, height))


class FaceDetector:
    """Detects upright frontal faces; build it once per process, it holds dlib's detector."""

    def __init__(self) -> None:
        import dlib

        self._detector = dlib.get_frontal_face_detector()

    def detect(self, image: np.ndarray) -> list[FaceBox]:
        """Returns the faces in ``image`` (H, W, 3) uint8 BGR, the largest first; empty where there is none."""
        shrink = _shrink(image.shape[1], image.shape[0])
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        if shrink < 1.0:
            grey = cv2.resize(grey, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        # In a picture enlarged twice faces under 80 px are found too, at four times the cost: only where needed.
        rectangles = self._detector(grey, 0) or self._detector(grey, 1)
        boxes = [
            FaceBox(r.left() / shrink, r.top() / shrink, r.right() / shrink, r.bottom() / shrink) for r in rectangles
        ]
        return sorted(boxes, key=lambda box: -box.area)


def _shrink(width: int, height: int) -> float:
    """Returns the factor, at most 1, by which pictures are scaled down before detection."""
    return min(1.0, DETECTION_SIDE / max(width, height))
