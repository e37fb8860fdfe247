"""Prediction of the 68 landmarks of a face, with reduced jitter.

dlib's predictor (Kazemi and Sullivan, "One Millisecond Face Alignment with an Ensemble of Regression Trees", 2014) was
trained on still photographs: on video its points jitter with the detector's box, and they are whole pixels. Here the
face is enlarged first, so that a whole pixel is a small step, and the points are averaged over slightly moved and
scaled boxes.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import cv2
import numpy as np

from obamanet.constants import LANDMARK_COUNT
from obamanet.errors import FaceError
from obamanet.face.detector import FaceBox

FACE_SIDE = 360
"""Pixels. Side to which the face box is enlarged before prediction; a whole pixel is then 1/360 of the face."""

BOX_MARGIN = 0.5
"""Margin around the box as a share of its side, so that jaw and brows lie inside the enlarged crop."""

BOX_SHIFTS = ((-0.025, -0.025), (0.025, -0.025), (-0.025, 0.025), (0.025, 0.025))
BOX_SCALES = (0.97, 1.03)
"""Shifts (x, y) and scales of the box that are averaged over, as shares of its side; about the detector's own
scatter."""


def landmark_model_path() -> Path:
    """Returns the file of the 68-point model inside face_recognition_models, found without importing that package.

    Importing it needs pkg_resources, which a fresh Python 3.12 does not have.

    Raises:
        FaceError: the package is not installed.
    """
    spec = importlib.util.find_spec("face_recognition_models")
    folders = list(spec.submodule_search_locations or []) if spec else []
    for folder in folders:
        path = Path(folder) / "models" / "shape_predictor_68_face_landmarks.dat"
        if path.is_file():
            return path
    raise FaceError("the 68-point landmark model is missing: install the package face_recognition_models")


class LandmarkPredictor:
    """Predicts 68 landmarks in a face box; build it once per process, the model is 100 MB."""

    def __init__(self) -> None:
        import dlib

        self._dlib = dlib
        self._predictor = dlib.shape_predictor(str(landmark_model_path()))

    def predict_unaveraged(self, image: np.ndarray, box: FaceBox) -> np.ndarray:
        """Returns unaveraged landmarks of ``image`` (H, W, 3) uint8 in ``box``: (68, 2) float32, whole pixels."""
        return self._predict(image, box)

    def predict(self, image: np.ndarray, box: FaceBox) -> np.ndarray:
        """Returns landmarks averaged over shifted and scaled boxes of the enlarged face: (68, 2) float32, sub-pixel."""
        side = max(box.right - box.left, box.bottom - box.top)
        zoom = FACE_SIDE / side
        left, top = box.left - BOX_MARGIN * side, box.top - BOX_MARGIN * side
        extent = round((1 + 2 * BOX_MARGIN) * FACE_SIDE)
        to_crop = np.array([[zoom, 0, -left * zoom], [0, zoom, -top * zoom]])
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        crop = cv2.warpAffine(grey, to_crop, (extent, extent), borderMode=cv2.BORDER_REPLICATE)
        total = np.zeros((LANDMARK_COUNT, 2))
        for scale in BOX_SCALES:
            half = FACE_SIDE / 2 * scale
            for dx, dy in BOX_SHIFTS:
                x, y = extent / 2 + dx * FACE_SIDE, extent / 2 + dy * FACE_SIDE
                total += self._predict(crop, FaceBox(x - half, y - half, x + half, y + half))
        points = total / (len(BOX_SCALES) * len(BOX_SHIFTS))
        return (points / zoom + (left, top)).astype(np.float32)

    def _predict(self, image: np.ndarray, box: FaceBox) -> np.ndarray:
        rectangle = self._dlib.rectangle(round(box.left), round(box.top), round(box.right), round(box.bottom))
        shape = self._predictor(image, rectangle)
        return np.array([(part.x, part.y) for part in shape.parts()], dtype=np.float32)
