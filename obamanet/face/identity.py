"""Identity of a face by dlib's face embedding."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

from obamanet.constants import LANDMARK_COUNT
from obamanet.errors import FaceError
from obamanet.types import Picture

SAME_PERSON_DISTANCE = 0.6
"""Euclidean distance from a person's mean embedding up to which a face is that person's: the threshold dlib's model is
trained with (King 2017); checked on GRID, benchmarks/RESULTS.md, "Constants"."""

MAX_CANDIDATES = 500
"""Maximum number of faces compared with all others in the search for the main person."""

MODEL_FILE = "dlib_face_recognition_resnet_model_v1.dat"
"""Name of the embedding network's file in face_recognition_models."""


def embedding_model_path() -> Path:
    """Returns the file of the embedding network inside face_recognition_models, found without importing that package.

    Raises:
        FaceError: the package is not installed.
    """
    spec = importlib.util.find_spec("face_recognition_models")
    for folder in list(spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "models" / MODEL_FILE
        if path.is_file():
            return path
    raise FaceError("the face embedding model is missing: install the package face_recognition_models")


class FaceEmbedder:
    """Computes face embeddings; build it once per process."""

    def __init__(self) -> None:
        import dlib

        self._dlib = dlib
        self._model = dlib.face_recognition_model_v1(str(embedding_model_path()))

    def embed(self, image: Picture, landmarks: np.ndarray) -> np.ndarray:
        """Returns the embedding of a face.

        Args:
            image: shape (H, W, 3) uint8 BGR.
            landmarks: of the face, shape (68, 2) or (78, 2), pixels.

        Returns:
            Shape (128,) float64.
        """
        points = self._dlib.points()
        for x, y in np.rint(landmarks[:LANDMARK_COUNT]).astype(int).tolist():
            points.append(self._dlib.point(x, y))
        left, top = (int(value) for value in landmarks.min(axis=0))
        right, bottom = (int(value) for value in landmarks.max(axis=0))
        face = self._dlib.full_object_detection(self._dlib.rectangle(left, top, right, bottom), points)
        return np.array(self._model.compute_face_descriptor(np.ascontiguousarray(np.asarray(image)[..., ::-1]), face))


def main_face(faces: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Returns the mean embedding of the person who is visible longest.

    Args:
        faces: embeddings, shape (N, 128), N >= 1.
        weights: duration for which each face is visible, shape (N,).

    Returns:
        Shape (128,).
    """
    # Hours of footage have too many faces to compare; the main person is among any sample of them.
    candidates = faces[:: max(1, len(faces) // MAX_CANDIDATES)]
    same = max(
        (np.linalg.norm(faces - face, axis=1) <= SAME_PERSON_DISTANCE for face in candidates), key=weights.__matmul__
    )
    return np.average(faces[same], axis=0, weights=weights[same])


def identity_distance(faces: np.ndarray, others: np.ndarray) -> float:
    """Returns the Euclidean distance between the mean embeddings of ``faces`` and ``others``, (N, 128) each.

    Up to SAME_PERSON_DISTANCE both are the same person.
    """
    return float(np.linalg.norm(faces.mean(axis=0) - others.mean(axis=0)))
