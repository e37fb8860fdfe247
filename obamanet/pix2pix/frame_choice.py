"""Chooses frames of a prepared dataset: every N-th, N spread evenly, or N that cover how the face moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from obamanet.constants import LANDMARK_COUNT, LEFT_EYE, MOUTH, RIGHT_EYE
from obamanet.errors import OptionError
from obamanet.keypoints.eyes import gaze
from obamanet.keypoints.opening import mouth_opening
from obamanet.keypoints.placement import LEFT_EYE_CORNER, RIGHT_EYE_CORNER
from obamanet.training.loop.training_options import check_seed
from obamanet.training.renderer.pix2pix_training import spread_evenly

COUNT: Final = 400
"""Frames chosen where no number is given: the classic number for face2face with pix2pix."""

TAIL: Final = 0.1
"""Percent of the frames at either end of a feature that count as no further out than the rest: a landmark that was
found wrongly must not stretch the scale."""

NOSE_TIP: Final = 30
LEFT_EAR, RIGHT_EAR = 0, 16
"""Indices among the 68 landmarks: the nose's tip, and the ends of the jaw line."""


class Spread(StrEnum):
    """How a number of frames is chosen."""

    EVEN = "even"
    """At equal distances over the whole footage."""

    COVER = "cover"
    """So that every opening, turn and gaze in the footage has a chosen one near it."""


@dataclass(frozen=True)
class FrameOptions:
    """Which frames are chosen.

    Attributes:
        every: choose each frame of a clip whose number this divides, from 0 on; None to choose ``count`` frames.
        count: number of frames; None for COUNT.
        spread: how that number is chosen.
        seed: of the frame that covering starts with.

    Raises:
        OptionError: a number is below 1, or options exclude each other.
    """

    every: int | None = None
    count: int | None = None
    spread: Spread = Spread.EVEN
    seed: int = 1

    def __post_init__(self) -> None:
        check_seed(self.seed)
        for name, value in (("every", self.every), ("count", self.count)):
            if value is not None and value < 1:
                raise OptionError(f"{name} must be at least 1: got {value}")
        if self.every is not None and (self.count is not None or self.spread is not Spread.EVEN):
            raise OptionError("every N-th frame leaves nothing to choose: give --every, or --count and --spread")

    @property
    def wanted(self) -> int:
        """The number of frames to choose, where ``every`` is None."""
        return COUNT if self.count is None else self.count

    def __str__(self) -> str:
        if self.every is not None:
            return f"every frame whose number {self.every} divides"
        if self.spread is Spread.EVEN:
            return "spread evenly over the footage"
        return "chosen to cover mouth opening, head turn and gaze"


@dataclass(frozen=True)
class Features:
    """How the face is held in N frames.

    Attributes:
        names: of the F features.
        values: shape (N, F) float64, each in its own unit.
        scaled: the same with each feature from 0 to 1 over the footage, shape (N, F).
    """

    names: tuple[str, ...]
    values: np.ndarray
    scaled: np.ndarray


def face_features(landmarks: np.ndarray) -> Features:
    """Returns opening, turn and nod of the faces, and the gaze where there are irises.

    All are measured along or across the line of the eyes, so that tilt, place and size of the head do not count. Each
    is scaled by its own range in the footage, without the outermost TAIL percent at either end.

    Args:
        landmarks: shape (N, 68, 2), or (N, 78, 2) with irises, pixels.
    """
    points = landmarks.astype(np.float64)
    eyes = (points[:, LEFT_EYE].mean(axis=1) + points[:, RIGHT_EYE].mean(axis=1)) / 2
    across = points[:, RIGHT_EYE_CORNER] - points[:, LEFT_EYE_CORNER]
    distance = np.linalg.norm(across, axis=1)
    across /= distance[:, None]
    down = np.stack([-across[:, 1], across[:, 0]], axis=1)
    ears = (points[:, LEFT_EAR] + points[:, RIGHT_EAR]) / 2
    named = {
        "mouth opening": mouth_opening(points[:, MOUTH]) / distance,
        "head turn": _along(points[:, NOSE_TIP] - ears, across) / distance,
        "head nod": _along(points[:, NOSE_TIP] - eyes, down) / distance,
    }
    if points.shape[1] > LANDMARK_COUNT:
        named["gaze across"], named["gaze down"] = gaze(points).T
    values = np.stack(list(named.values()), axis=1)
    low, high = np.percentile(values, (TAIL, 100 - TAIL), axis=0)
    span = np.where(high > low, high - low, 1.0)
    return Features(tuple(named), values, np.clip((values - low) / span, 0.0, 1.0))


def choose_frames(features: np.ndarray, numbers: np.ndarray, options: FrameOptions) -> np.ndarray:
    """Returns the chosen frames' indices, ascending.

    Args:
        features: scaled features, shape (N, F); used to cover alone.
        numbers: each frame's number in its clip, shape (N,).
        options: what is chosen. Where there are no more frames than wanted, all are.
    """
    if options.every is not None:
        return np.flatnonzero(numbers % options.every == 0)
    if options.wanted >= len(features):
        return np.arange(len(features))
    if options.spread is Spread.EVEN:
        return np.array(spread_evenly(len(features), options.wanted))
    return _cover(features, options.wanted, options.seed)


def covering_radius(features: np.ndarray, chosen: Sequence[int] | np.ndarray) -> float:
    """Returns the largest distance of a frame's ``features`` (N, F) from those of the nearest chosen frame."""
    nearest = np.full(len(features), np.inf)
    for index in chosen:
        nearest = np.minimum(nearest, _distances(features, int(index)))
    return float(nearest.max())


def _cover(features: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Returns ``count`` frames by greedy k-centre: each next one is the farthest from all chosen (Gonzalez 1985).

    Its covering radius is at most twice the smallest possible one.
    """
    chosen = [int(np.random.default_rng(seed).integers(len(features)))]
    nearest = _distances(features, chosen[0])
    while len(chosen) < count:
        # Of frames that are all alike the first is taken that is not chosen yet.
        nearest[chosen[-1]] = -1.0
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, _distances(features, chosen[-1]))
    return np.sort(np.array(chosen))


def _distances(features: np.ndarray, index: int) -> np.ndarray:
    return np.asarray(np.linalg.norm(features - features[index], axis=1))


def _along(points: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """Returns how far each of ``points`` (N, 2) lies along its unit vector in ``axis`` (N, 2)."""
    return np.asarray((points * axis).sum(axis=1))
