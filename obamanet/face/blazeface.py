"""Finds faces by BlazeFace, short range (Bazarevsky et al. 2019, "BlazeFace", MediaPipe's weights)."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from obamanet.engine.network import load_network
from obamanet.face.face_models import DETECTOR, face_network
from obamanet.types import Picture

ANCHOR_GRIDS: Final = ((16, 2), (8, 6))
"""Cells along a side, and anchors in each cell: strides 8 and 16 of 128 pixels."""

MIN_SCORE: Final = 0.5
"""Probability from which on a face is reported, MediaPipe's own."""

SURE_SCORE: Final = 0.8
"""Score from which on a face is held the right way up."""

CLEARLY: Final = 0.1
"""Score by which a face must be surer upside down to be held so; recorded faces are by 0.2 and more."""

MAX_OVERLAP: Final = 0.3
"""Intersection over union from which on two boxes are one face, MediaPipe's own."""

MAX_LOGIT: Final = 80.0
"""Logits are clipped to this, whose exponential single precision still holds."""

MIN_SHARE: Final = 0.16
"""Share of the picture's side that a face must take to be found surely; smaller ones need tiles."""

MIN_TILE: Final = 200
"""Pixels: side of the smallest tile that is searched, in which a face of 40 px takes a fifth."""

SMALL_SIDE: Final = 512
"""Pixels. Longer side to which pictures are thinned where only large faces are looked for: four times the network's."""


@dataclass(frozen=True)
class DetectedFace:
    """A face in pixels of its picture.

    ``box`` (4,) is left, top, right, bottom; ``points`` (6, 2) are the eyes (the person's right one first), the tip of
    the nose, the mouth's centre and the ears; ``score`` is the detector's probability.
    """

    box: np.ndarray
    points: np.ndarray
    score: float

    @property
    def side(self) -> float:
        """Longer side of the box in pixels."""
        return float(max(self.box[2] - self.box[0], self.box[3] - self.box[1]))


class BlazeFace:
    """Finds faces of any size from 40 pixels on; build it once per process."""

    def __init__(self, threads: int = 1) -> None:
        stored = face_network(DETECTOR)
        self._side = stored.config.side
        self._network = load_network(stored, threads=threads)
        self._anchors = np.concatenate([_cell_centres(cells, count) for cells, count in ANCHOR_GRIDS])

    def detect(self, picture: Picture) -> list[DetectedFace]:
        """Finds the faces of a picture: in the whole picture first, then in ever smaller tiles until there is one.

        Where no face is sure, the picture is searched upside down too: as such its face would be taken for another.

        Args:
            picture: shape (H, W, 3) uint8 BGR.

        Returns:
            The faces, the largest first; an empty list when there is none.
        """
        image = np.asarray(picture)
        side: float = max(image.shape)
        while True:
            faces = self._upright_at(image, side)
            if faces or side <= MIN_TILE:
                return faces
            side = max(side / 2, MIN_TILE)

    def detect_large(self, picture: Picture) -> list[DetectedFace]:
        """Finds the faces that take MIN_SHARE of a picture's side, in small: in 4K at a hundredth of the time.

        Takes and returns what :meth:`detect` does.
        """
        step = max(1, max(picture.shape) // SMALL_SIDE)
        small = np.ascontiguousarray(picture[::step, ::step])
        faces = self._upright_at(small, max(small.shape))
        return [DetectedFace(step * face.box, step * face.points, face.score) for face in faces]

    def _upright_at(self, image: np.ndarray, side: float) -> list[DetectedFace]:
        """Finds faces in square tiles of ``side`` pixels, the largest first, and upside down where none is sure."""
        height, width = image.shape[:2]
        faces = self._find_at(image, side)
        if faces and _best(faces) < SURE_SCORE:
            turned = self._find_at(np.ascontiguousarray(image[::-1, ::-1]), side)
            if _best(turned) > _best(faces) + CLEARLY:
                faces = [_turned_back(face, width, height) for face in turned]
        return sorted(faces, key=lambda face: -face.side)

    def _find_at(self, image: np.ndarray, side: float) -> list[DetectedFace]:
        """Finds faces in square tiles of ``side`` pixels."""
        height, width = image.shape[:2]
        tiles = itertools.product(_starts(width, side), _starts(height, side))
        return _without_doubles([face for left, top in tiles for face in self._find_in(image, left, top, side)])

    def _find_in(self, image: np.ndarray, left: float, top: float, side: float) -> list[DetectedFace]:
        """Finds faces in the square tile at ``left``, ``top``; what lies outside the picture is black."""
        zoom = self._side / side
        to_tile = np.array([[zoom, 0, -left * zoom], [0, zoom, -top * zoom]])
        # Pixel areas, not points: shrinking without an average would lose small faces.
        if zoom < 0.5:
            x, y = int(max(left, 0)), int(max(top, 0))
            piece = image[y : math.ceil(top + side), x : math.ceil(left + side)]
            size = (max(1, round(piece.shape[1] * zoom)), max(1, round(piece.shape[0] * zoom)))
            shrunk = cv2.resize(piece, size, interpolation=cv2.INTER_AREA)
            to_tile = np.array([[1.0, 0, (x - left) * zoom], [0, 1.0, (y - top) * zoom]])
            tile = cv2.warpAffine(shrunk, to_tile, (self._side, self._side))
        else:
            tile = cv2.warpAffine(image, to_tile, (self._side, self._side))
        rgb = tile[None, ..., ::-1].astype(np.float32) / 127.5 - 1.0
        regressors, logits = self._network(rgb)
        scores = 1.0 / (1.0 + np.exp(-np.clip(logits[0, :, 0], -MAX_LOGIT, MAX_LOGIT)))
        faces = []
        for index in np.flatnonzero(scores >= MIN_SCORE):
            values = regressors[0, index].reshape(8, 2) / self._side
            centre, size, points = values[0] + self._anchors[index], values[1], values[2:] + self._anchors[index]
            corners = np.concatenate([centre - size / 2, centre + size / 2])
            box = corners * side + np.tile((left, top), 2)
            faces.append(DetectedFace(box, points * side + (left, top), float(scores[index])))
        return _without_doubles(faces)


def smallest_face(width: int, height: int) -> int:
    """Returns the side in pixels of the smallest face that is found surely in pictures of this size."""
    return math.ceil(MIN_SHARE * min(max(width, height), MIN_TILE))


def _cell_centres(cells: int, count: int) -> np.ndarray:
    """Returns the centres (cells * cells * count, 2) of the anchors, x and y in shares of the side."""
    along = (np.arange(cells) + 0.5) / cells
    grid = np.stack(np.meshgrid(along, along), axis=-1).reshape(-1, 2)
    return np.repeat(grid, count, axis=0).astype(np.float32)


def _starts(length: int, side: float) -> list[float]:
    """Returns where tiles of ``side`` begin that cover ``length`` and overlap by half; a centred one if it fits."""
    if length <= side:
        return [(length - side) / 2]
    steps = math.ceil((length - side) / (side / 2))
    return [float(start) for start in np.linspace(0, length - side, steps + 1)]


def _best(faces: list[DetectedFace]) -> float:
    """Returns the score of the surest of ``faces``, 0 where there is none."""
    return max((face.score for face in faces), default=0.0)


def _turned_back(face: DetectedFace, width: int, height: int) -> DetectedFace:
    """Returns ``face``, found in a picture that was turned by 180 degrees, in the picture as it was."""
    size = np.array([width, height])
    left, top, right, bottom = face.box
    box = np.array([width - right, height - bottom, width - left, height - top])
    return DetectedFace(box, size - face.points, face.score)


def _without_doubles(faces: list[DetectedFace]) -> list[DetectedFace]:
    """Returns one face where several overlap: the mean of their boxes and points by score."""
    left = sorted(faces, key=lambda face: -face.score)
    kept = []
    while left:
        best = left[0]
        same = [face for face in left if _overlap(face.box, best.box) > MAX_OVERLAP]
        left = [face for face in left if _overlap(face.box, best.box) <= MAX_OVERLAP]
        weights = np.array([face.score for face in same])
        box = np.average([face.box for face in same], axis=0, weights=weights)
        points = np.average([face.points for face in same], axis=0, weights=weights)
        kept.append(DetectedFace(box, points, best.score))
    return kept


def _overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Returns the intersection over union of two boxes (4,)."""
    size = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    shared = float(np.prod(np.maximum(size, 0)))
    areas = float(np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2]))
    return shared / max(areas - shared, 1e-9)
