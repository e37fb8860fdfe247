"""Follows a face by dlib's detector and 68-point model, looked for anew in each frame."""

from __future__ import annotations

import numpy as np

from obamanet.face.detector import FaceBox, FaceDetector, smallest_face
from obamanet.face.landmarker import FrameFace
from obamanet.face.landmarks import LandmarkPredictor
from obamanet.types import Picture


class DlibLandmarker:
    """A :class:`obamanet.face.landmarker.Landmarker`."""

    def __init__(self, detector: FaceDetector | None = None, predictor: LandmarkPredictor | None = None) -> None:
        self.detector, self.predictor = detector or FaceDetector(), predictor or LandmarkPredictor()

    def follow(self) -> DlibFollower:
        """Returns what follows the largest face through a new video."""
        return DlibFollower(self)

    def smallest_face(self, width: int, height: int) -> int:
        """Returns the side, in pixels, of the smallest face that is found in pictures of this size."""
        return smallest_face(width, height)


class DlibFollower:
    """A :class:`obamanet.face.landmarker.FaceFollower`."""

    def __init__(self, models: DlibLandmarker) -> None:
        self._models = models
        self._box: FaceBox | None = None
        self._faces = 0

    @property
    def faces(self) -> int:
        """Number of faces in the frame before."""
        return self._faces

    def next(self, picture: Picture) -> FrameFace | None:
        """Returns the followed face in the next frame, (H, W, 3) uint8 BGR; None where there is none."""
        image = np.asarray(picture)
        boxes = self._models.detector.detect(image)
        self._faces = len(boxes)
        if not boxes:
            self._box = None
            return None
        box = _same_face(self._box, boxes)
        raw = self._models.predictor.predict_unaveraged(image, box)
        # The detector's box jumps by whole pyramid steps; its running mean moves the averaged landmarks less.
        self._box = box if self._box is None else _blend(self._box, box)
        return FrameFace(self._models.predictor.predict(image, self._box), raw)


def _same_face(previous: FaceBox | None, boxes: list[FaceBox]) -> FaceBox:
    """Returns the box that overlaps ``previous``, else the largest: two faces of equal size must not alternate."""
    if previous is not None:
        for box in boxes:
            width = min(box.right, previous.right) - max(box.left, previous.left)
            height = min(box.bottom, previous.bottom) - max(box.top, previous.top)
            if width > 0 and height > 0 and width * height > 0.5 * previous.area:
                return box
    return boxes[0]


def _blend(previous: FaceBox, box: FaceBox, share: float = 0.5) -> FaceBox:
    if _is_far(previous, box):
        return box
    return FaceBox(
        previous.left + share * (box.left - previous.left),
        previous.top + share * (box.top - previous.top),
        previous.right + share * (box.right - previous.right),
        previous.bottom + share * (box.bottom - previous.bottom),
    )


def _is_far(previous: FaceBox, box: FaceBox) -> bool:
    side = previous.right - previous.left
    return abs(box.left - previous.left) + abs(box.top - previous.top) > 0.5 * side
