"""Finds the 478 points of a face, irises among them, by MediaPipe's face mesh (Kartynnik et al. 2019)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from obamanet.engine.network import load_network
from obamanet.face.blazeface import DetectedFace
from obamanet.face.face_models import MESH, face_network
from obamanet.types import Picture

POINTS: Final = 478

CUT_SCALE: Final = 1.5
"""Side of the square that the mesh reads, in sides of the box around its points, MediaPipe's own."""

RIGHT_EYE, LEFT_EYE = 33, 263
"""Outer corners of the person's eyes; the line through them is brought level."""

ROUNDS: Final = 3
"""Times that the mesh looks at a face found by the detector, whose box is not the mesh's."""

# fmt: off
LANDMARKS: Final = (
    162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389,  # jaw
    71, 63, 105, 66, 107, 336, 296, 334, 293, 301,                                      # brows
    168, 197, 5, 4, 75, 97, 2, 326, 305,                                                # nose
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,                          # eyes
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181,                                # outer lips
    78, 82, 13, 312, 308, 317, 14, 87,                                                  # inner lips
)
# fmt: on
"""Points of the mesh that stand for the 68 landmarks, in their order."""

IRISES: Final = tuple(range(468, 478))
"""Points of the irises, five each, that of the person's right eye, left in the picture, first."""


@dataclass(frozen=True)
class FaceCut:
    """The square that the mesh reads: ``centre`` (2,) and ``side`` in pixels, ``angle`` of the eye line in radians."""

    centre: np.ndarray
    side: float
    angle: float


@dataclass(frozen=True)
class MeshFace:
    """A face: ``points`` (478, 3) float32, x and y in pixels of the picture, z in the same scale, and its ``score``."""

    points: np.ndarray
    score: float

    @property
    def landmarks(self) -> np.ndarray:
        """The 68 landmarks and the irises, (78, 2) float32 pixels."""
        return self.points[LANDMARKS + IRISES, :2]


class FaceMesh:
    """Finds the points of faces; build it once per process."""

    def __init__(self, threads: int = 1) -> None:
        stored = face_network(MESH)
        self._side = stored.config.side
        self._network = load_network(stored, threads=threads)

    def predict(self, image: Picture, cut: FaceCut) -> MeshFace:
        """Finds the points of the face in ``cut`` of a picture (H, W, 3) uint8 BGR; where none is, the score is low."""
        to_cut = _to_cut(cut, self._side)
        rgb = cv2.cvtColor(warp_part(image, to_cut, self._side), cv2.COLOR_BGR2RGB)
        values, logit = self._network(np.multiply(rgb[None], np.float32(1 / 255), dtype=np.float32))
        points = values.reshape(POINTS, 3)
        back = cv2.invertAffineTransform(to_cut)
        placed = points[:, :2] @ back[:, :2].T + back[:, 2]
        depth = points[:, 2:] * (cut.side / self._side)
        score = 1.0 / (1.0 + math.exp(-float(np.clip(logit.ravel()[0], -100, 100))))
        return MeshFace(np.concatenate([placed, depth], axis=1).astype(np.float32), score)

    def look(self, image: Picture, face: DetectedFace) -> MeshFace:
        """Finds the points of a face that the detector found, in :data:`ROUNDS` looks, each around the one before."""
        found = self.predict(image, cut_around_face(face))
        for _ in range(ROUNDS - 1):
            found = self.predict(image, cut_around(found.points))
        return found


def warp_part(image: Picture, matrix: np.ndarray, side: int) -> np.ndarray:
    """Returns ``cv2.warpAffine(image, matrix, (side, side))``, looking only at the part of ``image`` that it shows.

    Args:
        image: shape (H, W, 3) uint8 BGR.
        matrix: shape (2, 3), from pixels of the picture to pixels of what is returned.
        side: pixels.
    """
    back = cv2.invertAffineTransform(matrix)
    corners = np.array([(0, 0), (side, 0), (0, side), (side, side)]) @ back[:, :2].T + back[:, 2]
    low, high = np.floor(corners.min(axis=0)).astype(int) - 1, np.ceil(corners.max(axis=0)).astype(int) + 2
    height, width = image.shape[:2]
    # What lies outside of the picture is black, however far away.
    left, top = min(max(int(low[0]), 0), width - 1), min(max(int(low[1]), 0), height - 1)
    piece = image[top : max(int(high[1]), top + 1), left : max(int(high[0]), left + 1)]
    moved = np.column_stack([matrix[:, :2], matrix[:, 2] + matrix[:, :2] @ (left, top)])
    return cv2.warpAffine(piece, moved, (side, side))


def cut_around(points: np.ndarray) -> FaceCut:
    """Returns the square to read next around the ``points`` (478, 3) of the look before."""
    eyes = points[LEFT_EYE, :2] - points[RIGHT_EYE, :2]
    angle = math.atan2(float(eyes[1]), float(eyes[0]))
    return _cut_of(points[:, :2], angle)


def cut_around_face(face: DetectedFace) -> FaceCut:
    """Returns the square to read first around a detected face."""
    eyes = face.points[1] - face.points[0]
    centre = (face.box[:2] + face.box[2:]) / 2
    return FaceCut(centre, CUT_SCALE * face.side, math.atan2(float(eyes[1]), float(eyes[0])))


def _cut_of(points: np.ndarray, angle: float) -> FaceCut:
    """Returns the square around ``points`` (N, 2) whose sides lie along ``angle``."""
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    level = points @ turn.T
    low, high = level.min(axis=0), level.max(axis=0)
    return FaceCut(((low + high) / 2) @ turn, CUT_SCALE * float((high - low).max()), angle)


def _to_cut(cut: FaceCut, side: int) -> np.ndarray:
    """Returns the matrix (2, 3) from pixels of the picture to pixels of the cut brought to ``side``."""
    zoom = side / cut.side
    cosine, sine = zoom * math.cos(cut.angle), zoom * math.sin(cut.angle)
    turn = np.array([[cosine, sine], [-sine, cosine]])
    return np.column_stack([turn, side / 2 - turn @ cut.centre])
