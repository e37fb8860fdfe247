"""Finds frontal faces in a picture: dlib's HOG detector (King, "Max-Margin Object Detection", 2015)."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

DETECTION_SIDE = 480
"""Pixels. Larger pictures are shrunk to this longer side: HOG needs a face of 80 px, and time grows with area."""


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


class FaceDetector:
    """Finds upright frontal faces; build it once per process, it holds dlib's detector."""

    def __init__(self) -> None:
        import dlib

        self._detector = dlib.get_frontal_face_detector()

    def find(self, image: np.ndarray) -> list[FaceBox]:
        """Return the faces in ``image`` (H, W, 3) uint8 BGR, the largest first; an empty list when there is none."""
        shrink = min(1.0, DETECTION_SIDE / max(image.shape[:2]))
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        if shrink < 1.0:
            grey = cv2.resize(grey, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        # A doubled picture finds the faces under 80 px, at four times the cost: only asked for when needed.
        found = self._detector(grey, 0) or self._detector(grey, 1)
        boxes = [FaceBox(r.left() / shrink, r.top() / shrink, r.right() / shrink, r.bottom() / shrink) for r in found]
        return sorted(boxes, key=lambda box: -box.area)
