"""Whose face it is: dlib's face embedding."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

from obamanet.errors import FaceError

SAME_WITHIN = 0.6
"""Distance from a person's mean embedding up to which a face is theirs, as dlib's model is trained (King 2017). Frames
of GRID's talker s1 lie at 0.31 at most from his mean (139 frames of 20 sentences), four others' at 0.70 to 0.93."""

MAX_TRIED = 500
"""Faces that are compared with all others to find the person who is seen most."""

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


def main_face(faces: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the mean embedding (128,) of the person who is seen most in ``faces`` (N, 128), N at least 1.

    ``weights`` (N,) say for how long each face is seen.
    """
    # Of hours of footage not every face is tried: a person who is seen most is among those that are.
    tried = faces[:: max(1, len(faces) // MAX_TRIED)]
    same = max((np.linalg.norm(faces - face, axis=1) <= SAME_WITHIN for face in tried), key=weights.__matmul__)
    return np.average(faces[same], axis=0, weights=weights[same])


def identity_distance(faces: np.ndarray, others: np.ndarray) -> float:
    """Return the distance between the mean embeddings of ``faces`` and ``others`` (N, 128); 0 is best.

    Euclidean; up to SAME_WITHIN they are of one person.
    """
    return float(np.linalg.norm(faces.mean(axis=0) - others.mean(axis=0)))
