"""Carries the movement of a driver's face over to another face, frame by frame.

Both faces are looked at in canonical coordinates, where the head's place, size and tilt are taken off, and are compared
with themselves at rest. What differs from rest is the movement: it is added to the target's own face at rest, in the
target's proportions, so that the target keeps its shape. The gap of the lips and the opening of each eye are carried
over as shares, so that lips and lids that meet on the driver meet on the target. A movement that is larger than the
target's renderer was trained on is held back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from obamanet.constants import (
    INNER_BOTTOM,
    INNER_TOP,
    JAW,
    LANDMARK_COUNT,
    LEFT_EYE,
    LEFT_IRIS,
    MOUTH,
    NOSE_BASE,
    RIGHT_EYE,
    RIGHT_IRIS,
)
from obamanet.keypoints.eyes import eye_openings
from obamanet.keypoints.opening import mouth_opening, mouth_width
from obamanet.keypoints.placement import fit_placement, fit_template, to_canonical, to_pixel
from obamanet.types import Placement

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

MAX_LID: Final = 1.35
"""Largest opening of an eye, as a share of its opening at rest."""

EYES: Final = ((LEFT_EYE, LEFT_IRIS), (RIGHT_EYE, RIGHT_IRIS))


@dataclass(frozen=True)
class NeutralFace:
    """A face at rest: lips together, eyes open.

    Attributes:
        shape: shape (N, 2), canonical; N is 68, or 78 with irises.
        centre: the canonical origin, shape (2,), pixels of the square.
        scale: pixels per canonical unit.
        tilt: radians.
        lids: opening of both eyes, shape (2,), as of :func:`obamanet.keypoints.eyes.eye_openings`.
    """

    shape: np.ndarray
    centre: np.ndarray
    scale: float
    tilt: float
    lids: np.ndarray

    @property
    def template(self) -> np.ndarray:
        """The 68 landmarks that placements are fitted to, shape (68, 2), canonical."""
        return self.shape[:LANDMARK_COUNT]


@dataclass(frozen=True)
class TargetFace:
    """A face that movement is carried over to.

    Attributes:
        neutral: the face at rest.
        reach: largest movement of each coordinate, shape (N, 2), canonical.
        gap: largest gap of the lips, canonical.
        drift: largest move of the head: x and y in canonical units, logarithm of the scale, tilt in radians; shape
            (4,).
    """

    neutral: NeutralFace
    reach: np.ndarray
    gap: float
    drift: np.ndarray


@dataclass(frozen=True)
class Movement:
    """What differs from rest in one frame, in the target's measures.

    Attributes:
        face: landmarks of the target, shape (N, 2), canonical.
        head: move of the head, shape (4,), as :attr:`TargetFace.drift`.
    """

    face: np.ndarray
    head: np.ndarray

    def towards(self, other: Movement, share: float) -> Movement:
        """Returns the movement ``share`` of the way from this one to ``other``."""
        return Movement(
            self.face + share * (other.face - self.face),
            self.head + share * (other.head - self.head),
        )


def fit_neutral(landmarks: np.ndarray) -> NeutralFace:
    """Finds a face at rest in a stretch of frames, in which it may speak and move.

    Args:
        landmarks: shape (T, N, 2), pixels of a square around the head.
    """
    template = fit_template(landmarks)
    placement = fit_placement(landmarks, template)
    canonical = to_canonical(landmarks, placement)
    shape = np.median(canonical, axis=0)
    gaps = mouth_opening(canonical[:, MOUTH])
    resting = np.argsort(gaps, kind="stable")[: max(1, round(REST_SHARE * len(gaps)))]
    for points in (MOUTH, JAW):
        shape[points] = canonical[resting, points].mean(axis=0)
    # Blinks do not move the median, since eyes are open most of the time.
    return NeutralFace(
        shape,
        np.median(placement.centre, axis=0),
        float(np.median(placement.scale)),
        float(np.median(placement.tilt)),
        eye_openings(shape),
    )


def fit_target(landmarks: np.ndarray) -> TargetFace:
    """Measures the face of a person that is to be driven.

    Args:
        landmarks: of the person's reference track, shape (T, N, 2), pixels of the square.
    """
    neutral = fit_neutral(landmarks)
    placement = fit_placement(landmarks, neutral.template)
    canonical = to_canonical(landmarks, placement)
    reach = np.quantile(np.abs(canonical - neutral.shape), REACH_QUANTILE, axis=0)
    gap = float(np.quantile(mouth_opening(canonical[:, MOUTH]), REACH_QUANTILE))
    moves = np.quantile(np.abs(_moves(placement, neutral)), REACH_QUANTILE, axis=0)
    return TargetFace(neutral, reach, gap, moves)


class Retargeter:
    """Carries the movement of one driver over to one target; a frame depends on no later one.

    Args:
        driver: the driver's face at rest.
        target: the target's face; with as many landmarks as the driver's, or without irises.
    """

    def __init__(self, driver: NeutralFace, target: TargetFace) -> None:
        self._driver, self._target = driver, target
        self._count = len(target.neutral.shape)
        mouths = [face.shape[MOUTH] for face in (target.neutral, driver)]
        self._proportion = float(mouth_width(mouths[0]) / mouth_width(mouths[1]))
        self._rest_gap = float(mouth_opening(mouths[1]))

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
        face = target.neutral.shape + _limited(moved, target.reach)
        gap = float(_limited(self._proportion * mouth_opening(canonical[MOUTH]), target.gap))
        _set_gap(face[MOUTH], gap)
        shares = np.clip(eye_openings(canonical) / driver.lids, 0, MAX_LID)
        for number, (eye, iris) in enumerate(EYES):
            _set_lids(face[eye], target.neutral.shape[eye], float(shares[number]))
            if self._count > LANDMARK_COUNT:
                _set_iris(face, eye, iris, canonical, driver.shape, target.neutral.shape)
        return Movement(face, _limited(_moves(placement, driver)[0], target.drift))

    def mouth(self, movement: Movement, template: np.ndarray) -> np.ndarray:
        """Returns the mouth of ``movement`` without the head's turn: (20, 2) float32, canonical.

        Args:
            movement: of the target.
            template: mean face of the target in whose canonical coordinates the mouth is returned, shape (68, 2).
        """
        neutral = self._target.neutral
        # The nose's base turns with the head as the mouth beside it does, and does not speak.
        turn = (movement.face[NOSE_BASE] - neutral.shape[NOSE_BASE]).mean(axis=0)
        upright = fit_placement(neutral.template[None], template)
        return to_canonical((movement.face[MOUTH] - turn)[None], upright)[0].astype(np.float32)

    def place(self, movement: Movement) -> np.ndarray:
        """Returns the target's landmarks in ``movement``: (N, 2) float32, pixels of the square."""
        neutral, head = self._target.neutral, movement.head
        scale = neutral.scale * np.exp(head[2])
        placement = Placement(
            (neutral.centre + head[:2] * neutral.scale)[None], np.array([scale]), np.array([neutral.tilt + head[3]])
        )
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


def _moves(placement: Placement, neutral: NeutralFace) -> np.ndarray:
    """Returns how far the head is from that of ``neutral``: (T, 4), as :attr:`TargetFace.drift`."""
    shift = (placement.centre - neutral.centre) / neutral.scale
    return np.column_stack([shift, np.log(placement.scale / neutral.scale), placement.tilt - neutral.tilt])


def _limited(values: np.ndarray | float, reach: np.ndarray | float) -> np.ndarray:
    """Returns ``values``, unchanged up to ``reach`` and smoothly held below (1 + BEYOND) times it."""
    size = np.abs(values)
    room = np.maximum(BEYOND * np.asarray(reach), 1e-9)
    held = reach + room * np.tanh((size - reach) / room)
    return np.sign(values) * np.where(size <= reach, size, held)


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
