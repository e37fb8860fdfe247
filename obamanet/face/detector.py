"""Finds frontal faces in a picture: dlib's HOG detector (King, "Max-Margin Object Detection", 2015)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

DETECTION_SIDE = 480
"""Pixels. Larger pictures are shrunk to this longer side: HOG needs a face of 80 px, and time grows with area."""

MIN_FOUND = 40
"""Pixels. Side of the smallest face found in a picture of at most DETECTION_SIDE: dlib's 80 px, in the doubled one."""


@dataclass(frozen=True)
class FaceBox:
    """A detected face in pixels of the picture it was found in: left, top, right, bottom."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def area(self) -> float:
        """Pixels squared."""
        return (self.right - self.left) * (self.bottom - self.top)


def smallest_face(width: int, height: int) -> int:
    """Return the side in pixels of the smallest face that is found in pictures of ``width`` x ``height`` pixels."""
    return math.ceil(MIN_FOUND / _shrink(width, height))


class FaceDetector:
    """Finds upright frontal faces; build it once per process, it holds dlib's detector."""

    def __init__(self) -> None:
        import dlib

        self._detector = dlib.get_frontal_face_detector()

    def find(self, image: np.ndarray) -> list[FaceBox]:
        """Return the faces in ``image`` (H, W, 3) uint8 BGR, the largest first; an empty list when there is none."""
        shrink = _shrink(image.shape[1], image.shape[0])
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        if shrink < 1.0:
            grey = cv2.resize(grey, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        # A doubled picture finds the faces under 80 px, at four times the cost: only asked for when needed.
        found = self._detector(grey, 0) or self._detector(grey, 1)
        boxes = [FaceBox(r.left() / shrink, r.top() / shrink, r.right() / shrink, r.bottom() / shrink) for r in found]
        return sorted(boxes, key=lambda box: -box.area)


def _shrink(width: int, height: int) -> float:
    """Return the factor by which pictures of this size are made smaller before detection, at most 1."""
    return min(1.0, DETECTION_SIDE / max(width, height))
