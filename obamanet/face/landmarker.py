"""What finds the landmarks in the frames of a video: the face mesh, or dlib's 68-point model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from obamanet.card import Card, CardError
from obamanet.face.landmark_models import Landmarks
from obamanet.types import Picture


@dataclass(frozen=True)
class FrameFace:
    """The followed face in one frame.

    Attributes:
        landmarks: shape (68, 2) float32, or (78, 2) with irises, pixels.
        raw: the same without averaging.
    """

    landmarks: np.ndarray
    raw: np.ndarray


class FaceFollower(Protocol):
    """Follows the largest face through one video."""

    @property
    def faces(self) -> int:
        """Number of faces in the frame before."""
        ...

    def next(self, image: Picture) -> FrameFace | None:
        """Returns the followed face in the next frame, (H, W, 3) uint8 BGR; None where there is none."""
        ...


class Landmarker(Protocol):
    """Finds faces and their landmarks; build it once per process, it holds the models."""

    def follow(self) -> FaceFollower:
        """Returns what follows the largest face through a new video."""
        ...

    def smallest_face(self, width: int, height: int) -> int:
        """Returns the side, in pixels, of the smallest face that is found in pictures of this size."""
        ...


def load_landmarker(kind: Landmarks) -> Landmarker:
    """Loads the models of ``kind``; raises :class:`obamanet.errors.FaceError` when they are not there."""
    if kind is Landmarks.DLIB:
        from obamanet.face.dlib_landmarker import DlibLandmarker

        return DlibLandmarker()
    from obamanet.face.mesh_landmarker import MeshLandmarker

    return MeshLandmarker()


def landmarks_of_card(card: Card) -> Landmarks:
    """Returns the model that ``card`` names, DLIB for an older one that names none; raises CardError for another."""
    name = card.text("landmarks") if card.has("landmarks") else Landmarks.DLIB
    if name not in list(Landmarks):
        raise CardError(f"{card.path}: landmarks must be one of {', '.join(Landmarks)}, got {name!r}")
    return Landmarks(name)
