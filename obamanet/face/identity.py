"""Whose face it is: dlib's face embedding."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

from obamanet.errors import FaceError

SAME_PERSON = 0.6
"""Distance below which dlib's model takes two faces for one person (King 2017)."""

MODEL_FILE = "dlib_face_recognition_resnet_model_v1.dat"


def embedding_model_path() -> Path:
    """Return the file of the embedding network inside face_recognition_models, found without importing that package.

    Raises :class:`FaceError` when it is not installed.
    """
    spec = importlib.util.find_spec("face_recognition_models")
    for folder in list(spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "models" / MODEL_FILE
        if path.is_file():
            return path
    raise FaceError("the face embedding model is missing: install the package face_recognition_models")


class FaceEmbedder:
    """Turns a face into 128 numbers; build it once per process."""

    def __init__(self) -> None:
        import dlib

        self._dlib = dlib
        self._model = dlib.face_recognition_model_v1(str(embedding_model_path()))

    def embed(self, image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        """Return the embedding (128,) float64 of the face at ``landmarks`` (68, 2) in ``image`` (H, W, 3) uint8 BGR."""
        points = self._dlib.points()
        for x, y in np.rint(landmarks).astype(int).tolist():
            points.append(self._dlib.point(x, y))
        left, top = (int(value) for value in landmarks.min(axis=0))
        right, bottom = (int(value) for value in landmarks.max(axis=0))
        face = self._dlib.full_object_detection(self._dlib.rectangle(left, top, right, bottom), points)
        return np.array(self._model.compute_face_descriptor(np.ascontiguousarray(image[..., ::-1]), face))


def identity_distance(faces: np.ndarray, others: np.ndarray) -> float:
    """Return the distance between the mean embeddings of ``faces`` and ``others`` (N, 128); 0 is best.

    Euclidean, as dlib's model is trained: below SAME_PERSON it takes two faces for one person.
    """
    return float(np.linalg.norm(faces.mean(axis=0) - others.mean(axis=0)))
