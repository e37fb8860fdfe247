"""Carries the movement of a driver's face over to another face, frame by frame.

Both faces are looked at in canonical coordinates, where the head's place, size and tilt are taken off, and are compared
with themselves at rest. What differs from rest is the movement: it is added to the target's own face at rest, in the
target's proportions, so that the target keeps its shape. The gap of the lips and the opening of each eye are carried
over as shares, so that lips and lids that meet on the driver meet on the target. A movement that is larger than the
target's renderer was trained on is held back.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from obamanet.constants import (
    INNER_BOTTOM,
    INNER_TOP,
    JAW,
    LANDMARK_COUNT,
    LEFT_EYE,
    LEFT_IRIS,
    MIRRORED,
    MOUTH,
    NOSE_BASE,
    RIGHT_EYE,
    RIGHT_IRIS,
)
from obamanet.keypoints.eyes import eye_openings
from obamanet.keypoints.opening import mouth_opening, mouth_width
from obamanet.keypoints.placement import fit_placement, fit_template, to_canonical, to_pixel, upright
from obamanet.types import CropBox, Placement

HOLD: Final = 0.4
"""Seconds for which the last movement is held when the driver's face is lost: shorter losses are not seen."""

EASE: Final = 0.8
"""Seconds in which the face then comes to rest."""

RETURN: Final = 0.2
"""Seconds in which a driver's face that is found again is caught up with."""

REST_SHARE: Final = 0.2
"""Share of a stretch's frames, those with the least gap of the lips, whose mean mouth is the mouth at rest."""

REACH_QUANTILE: Final = 0.995
"""Quantile over the target's frames of a movement that counts as its largest; beyond are landmark errors."""

BEYOND: Final = 0.5
"""Share of the target's largest movement by which a driver's may exceed it."""

SAME_SHAPE: Final = 0.015
"""Canonical units. Mean difference of a driver's coordinates at rest from the target's up to which the driver is taken
to be the same person (benchmarks/RESULTS.md, "Face to face"); of another one so alike it would make no difference."""

MAX_LID: Final = 1.35
"""Largest opening of an eye, as a share of its opening at rest."""

DEPTH: Final = np.array(
    [
        *(0.48, 0.66, 0.66, 0.57, 0.45, 0.33, 0.15, 0.02, 0.00, 0.02, 0.15, 0.33, 0.45, 0.57, 0.66, 0.66, 0.48),
        *(0.18, -0.06, -0.14, -0.21, -0.24, -0.24, -0.21, -0.14, -0.06, 0.18),
        *(-0.23, -0.33, -0.46, -0.49, -0.24, -0.26, -0.28, -0.26, -0.24),
        *(0.03, -0.05, -0.07, -0.03, -0.05, -0.03, -0.03, -0.07, -0.05, 0.03, -0.03, -0.05),
        *(-0.05, -0.23, -0.27, -0.28, -0.27, -0.23, -0.05, -0.17, -0.20, -0.20, -0.20, -0.17),
        *(-0.07, -0.20, -0.21, -0.20, -0.07, -0.19, -0.19, -0.19),
        *(10 * (-0.03,)),
    ]
)
"""Canonical units. Depth of the landmarks behind the corners of the eyes: the face mesh's, mean of five GRID talkers,
whose standard deviation is 0.03."""

RIGID: Final = (0, 1, 2, 14, 15, 16, *range(27, 48))
"""Landmarks that tell the head's turn: jaw ends by the ears, nose and eyes."""

EYES: Final = ((LEFT_EYE, LEFT_IRIS), (RIGHT_EYE, RIGHT_IRIS))


@dataclass(frozen=True)
class NeutralFace:
    """A face at rest: looking ahead, head upright, lips together, eyes open.

    Attributes:
        shape: shape (N, 2), canonical; N is 68, or 78 with irises.
        box: the square around the head of this shape, canonical.
        size: side of that square in the pictures, pixels.
    """

    shape: np.ndarray
    box: CropBox
    size: int

    @property
    def template(self) -> np.ndarray:
        """The 68 landmarks that placements are fitted to, shape (68, 2), canonical."""
        return self.shape[:LANDMARK_COUNT]

    @property
    def scale(self) -> float:
        """Pixels per canonical unit."""
        return self.size / self.box.side

    @property
    def centre(self) -> np.ndarray:
        """The canonical origin, shape (2,), pixels of the square."""
        return -np.array([self.box.left, self.box.top]) * self.scale


@dataclass(frozen=True)
class MovementRange:
    """How far a person moved in the footage that its renderer was trained on.

    Attributes:
        reach: largest movement of each coordinate from rest, shape (N, 2), canonical.
        gap: largest gap of the lips, canonical.
        drift: largest move of the head from its middle: x and y in canonical units, logarithm of the scale, tilt in
            radians; shape (4,).
    """

    reach: np.ndarray
    gap: float
    drift: np.ndarray


@dataclass(frozen=True)
class TargetFace:
    """A face that movement is carried over to: the face at rest, and how far it may move."""

    neutral: NeutralFace
    range: MovementRange


@dataclass(frozen=True)
class Movement:
    """What differs from rest in one frame, in the target's measures.

    Attributes:
        face: landmarks of the target, shape (N, 2), canonical.
        head: move of the head, shape (4,), as :attr:`MovementRange.drift`.
    """

    face: np.ndarray
    head: np.ndarray

    def towards(self, other: Movement, share: float) -> Movement:
        """Returns the movement ``share`` of the way from this one to ``other``."""
        return Movement(
            self.face + share * (other.face - self.face),
            self.head + share * (other.head - self.head),
        )


def find_rest(landmarks: np.ndarray) -> np.ndarray:
    """Finds a face at rest in a stretch of frames, in which it may speak and move, with its head turned as it likes.

    The mean turn to a side is taken off: it shifts points by their depth, which is much the same for all people. A mean
    nod is not told from the shape.

    Args:
        landmarks: shape (T, N, 2), pixels.

    Returns:
        Shape (N, 2), canonical.
    """
    template = fit_template(landmarks)
    canonical = to_canonical(landmarks, fit_placement(landmarks, template))
    # Blinks do not move the median, since eyes are open most of the time.
    shape = np.median(canonical, axis=0)
    gaps = mouth_opening(canonical[:, MOUTH])
    resting = np.argsort(gaps, kind="stable")[: max(1, round(REST_SHARE * len(gaps)))]
    for points in (MOUTH, JAW):
        shape[points] = canonical[resting, points].mean(axis=0)
    shape[:, 0] -= _turn(shape) * DEPTH[: len(shape)]
    return upright(shape)


def fit_range(landmarks: np.ndarray, neutral: NeutralFace) -> MovementRange:
    """Measures how far a person moves.

    Args:
        landmarks: of the person's footage, shape (T, N, 2), pixels of squares of ``neutral.size``.
        neutral: the person at rest.
    """
    placement = fit_placement(landmarks, neutral.template)
    canonical = to_canonical(landmarks, placement)
    reach = np.quantile(np.abs(canonical - neutral.shape), REACH_QUANTILE, axis=0)
    gap = float(np.quantile(mouth_opening(canonical[:, MOUTH]), REACH_QUANTILE))
    return MovementRange(reach, gap, np.quantile(np.abs(_moves(placement, neutral)), REACH_QUANTILE, axis=0))


class Retargeter:
    """Carries the movement of one driver over to one target; a frame depends on no later one.

    Args:
        driver: the driver's face at rest.
        target: the target's face; with as many landmarks as the driver's, or without irises. A driver of the same shape
            is the person himself and keeps it.
    """

    def __init__(self, driver: NeutralFace, target: TargetFace) -> None:
        self._count = len(target.neutral.shape)
        if _is_same_face(driver, target.neutral):
            # The same person's hair and light are told by details of the sketch that belong to the day.
            own = NeutralFace(driver.shape[: self._count], driver.box, target.neutral.size)
            target = replace(target, neutral=own)
        self._driver, self._target = driver, target
        mouths = [face.shape[MOUTH] for face in (target.neutral, driver)]
        self._proportion = float(mouth_width(mouths[0]) / mouth_width(mouths[1]))
        self._lids = eye_openings(driver.shape)

    @property
    def rest(self) -> Movement:
        """The target at rest."""
        return Movement(self._target.neutral.shape, np.zeros(4))

    def movement(self, landmarks: np.ndarray) -> Movement:
        """Returns the movement of a frame.

        Args:
            landmarks: of the driver, shape (N, 2), pixels of the square around the driver's head; at least as many as
                the target's.
        """
        driver, target = self._driver, self._target
        placement = fit_placement(landmarks[None], driver.template)
        canonical = to_canonical(landmarks[None, : self._count], placement)[0]
        moved = canonical - driver.shape[: self._count]
        moved[MOUTH] *= self._proportion
        face = target.neutral.shape + _limited(moved, target.range.reach)
        gap = float(_limited(self._proportion * mouth_opening(canonical[MOUTH]), target.range.gap))
        _set_gap(face[MOUTH], gap)
        shares = np.clip(eye_openings(canonical) / self._lids, 0, MAX_LID)
        for number, (eye, iris) in enumerate(EYES):
            _set_lids(face[eye], target.neutral.shape[eye], float(shares[number]))
            if self._count > LANDMARK_COUNT:
                _set_iris(face, eye, iris, canonical, driver.shape, target.neutral.shape)
        return Movement(face, _limited_together(_moves(placement, driver)[0], target.range.drift))

    def mouths(self, movements: Iterable[Movement], template: np.ndarray) -> np.ndarray:
        """Returns the mouth of each of T ``movements`` without the head's turn: (T, 20, 2) float32, canonical.

        Args:
            movements: of the target.
            template: mean face of the target in whose canonical coordinates the mouths are returned, shape (68, 2).
        """
        neutral = self._target.neutral
        faces = np.stack([movement.face for movement in movements])
        # The nose's base turns with the head as the mouth beside it does, and does not speak.
        turns = (faces[:, NOSE_BASE] - neutral.shape[NOSE_BASE]).mean(axis=1, keepdims=True)
        onto = fit_placement(neutral.template[None], template)
        return to_canonical(faces[:, MOUTH] - turns, onto).astype(np.float32)

    def place(self, movement: Movement) -> np.ndarray:
        """Returns the target's landmarks in ``movement``: (N, 2) float32, pixels of the square."""
        neutral, head = self._target.neutral, movement.head
        centre, scale = neutral.centre + head[:2] * neutral.scale, neutral.scale * np.exp(head[2])
        placement = Placement(centre[None], np.array([scale]), head[3:])
        return to_pixel(movement.face[None], placement)[0].astype(np.float32)


class GapFiller:
    """Fills frames without a face: the last movement is held, then eases to rest; a face that returns is eased in.

    Args:
        rest: the movement at rest, which is shown until there is a face.
    """

    def __init__(self, rest: Movement) -> None:
        self._rest = self._shown = self._before = rest
        self._last: Movement | None = None
        self._missing = self._returned = math.inf

    def next(self, movement: Movement | None, seconds: float) -> Movement:
        """Returns the movement to show.

        Args:
            movement: of this frame; None without a face.
            seconds: since the frame before.
        """
        if movement is None:
            self._missing = seconds if self._missing == 0 else self._missing + seconds
            if self._last is not None:
                self._shown = self._last.towards(self._rest, _eased((self._missing - HOLD) / EASE))
            return self._shown
        if self._missing > 0:
            # The first face of all is followed at once.
            self._returned = 0.0 if self._last is not None else math.inf
            self._before = self._shown
        self._missing = 0.0
        self._returned += seconds
        self._last = self._shown = self._before.towards(movement, _eased(self._returned / RETURN))
        return self._shown


def _is_same_face(driver: NeutralFace, target: NeutralFace) -> bool:
    """Returns whether the driver's face at rest is the target's within SAME_SHAPE."""
    return bool(np.abs(driver.template - target.template).mean() <= SAME_SHAPE)


def _turn(shape: np.ndarray) -> float:
    """Returns how far the head of ``shape`` (N, 2) is turned: the shift to the right per depth.

    A shape and its mirror image differ by it; least squares over points that do not speak.
    """
    points = list(RIGID)
    across = shape[points, 0] + shape[[MIRRORED[point] for point in points], 0]
    return float(np.polyfit(DEPTH[points], across / 2, 1)[0])


def _moves(placement: Placement, neutral: NeutralFace) -> np.ndarray:
    """Returns how far the head is from that of ``neutral``: (T, 4), as :attr:`MovementRange.drift`."""
    shift = (placement.centre - neutral.centre) / neutral.scale
    return np.column_stack([shift, np.log(placement.scale / neutral.scale), placement.tilt])


def _limited(values: np.ndarray | float, reach: np.ndarray | float) -> np.ndarray:
    """Returns ``values``, unchanged up to ``reach`` and smoothly held below (1 + BEYOND) times it."""
    size = np.abs(values)
    room = np.maximum(BEYOND * np.asarray(reach), 1e-9)
    held = reach + room * np.tanh((size - reach) / room)
    return np.sign(values) * np.where(size <= reach, size, held)


def _limited_together(moves: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """Returns ``moves`` in their direction, held as :func:`_limited` holds the length of ``moves / reach`` at 1.

    Each alone within its reach may still be a corner that the renderer has not seen.
    """
    length = float(np.linalg.norm(moves / np.maximum(reach, 1e-9)))
    return moves if length <= 1 else moves * (float(_limited(length, 1.0)) / length)


def _set_gap(mouth: np.ndarray, gap: float) -> None:
    """Moves the inner lips of ``mouth`` (20, 2), canonical, until their mean gap is ``gap``, in place.

    The three pairs keep their shares of it; lips that are together have no gap anywhere.
    """
    upper, lower = list(INNER_TOP), list(INNER_BOTTOM)
    gaps = np.maximum(mouth[lower, 1] - mouth[upper, 1], 0.0)
    wanted = gaps * (gap / gaps.mean()) if gaps.mean() > 1e-6 else np.full(len(gaps), gap)
    middle = (mouth[lower, 1] + mouth[upper, 1]) / 2
    mouth[lower, 1], mouth[upper, 1] = middle + wanted / 2, middle - wanted / 2


def _set_lids(eye: np.ndarray, rest: np.ndarray, share: float) -> None:
    """Gives ``eye`` (6, 2) the lids of the eye at ``rest``, ``share`` as far apart, in place; the corners stay."""
    height = eye[[1, 2, 4, 5], 1] - np.interp(eye[[1, 2, 4, 5], 0], eye[[0, 3], 0], eye[[0, 3], 1])
    own = rest[[1, 2, 4, 5], 1] - np.interp(rest[[1, 2, 4, 5], 0], rest[[0, 3], 0], rest[[0, 3], 1])
    # Lids meet below the middle: the upper one moves, the lower one hardly does.
    meeting = own[[3, 2, 1, 0]]
    lower = np.where(np.array([True, True, False, False]), meeting, own)
    eye[[1, 2, 4, 5], 1] += lower + share * (own - lower) - height


def _set_iris(
    face: np.ndarray, eye: slice, iris: slice, canonical: np.ndarray, driver: np.ndarray, target: np.ndarray
) -> None:
    """Moves the iris of ``face`` (78, 2) as far from its eye's middle as the driver's has moved, in widths of the eye,
    in place; it keeps the target's size.
    """

    def place(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        corners = points[[eye.start, eye.start + 3]]
        return points[iris.start], corners.mean(axis=0), float(np.linalg.norm(corners[1] - corners[0]))

    centre, middle, width = place(canonical)
    still, still_middle, still_width = place(driver)
    own, own_middle, own_width = place(target)
    turned = (centre - middle) / width - (still - still_middle) / still_width
    _, face_middle, face_width = place(face)
    offset = (own - own_middle) / own_width + turned
    face[iris] = face_middle + offset * face_width + (target[iris] - own) * (face_width / own_width)


def _eased(share: float) -> float:
    """Returns a raised cosine from 0 to 1 for ``share``."""
    return float(0.5 - 0.5 * np.cos(np.pi * np.clip(share, 0.0, 1.0)))
