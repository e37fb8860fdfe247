"""Moves a person's face live by another face in pictures."""

from __future__ import annotations

import math
from typing import Final, Protocol

import cv2
import numpy as np

from obamanet.constants import IMAGE_SIZE
from obamanet.face.landmark_models import Landmarks
from obamanet.face.landmarker import FaceFollower, load_landmarker
from obamanet.face.track import CUT_JUMP, split_segments
from obamanet.inference.faces_at_rest import neutral_face, target_face
from obamanet.keypoints.one_euro import OneEuroFilter
from obamanet.keypoints.retarget import GapFiller, Movement, Retargeter
from obamanet.person import Person
from obamanet.render.crop import portrait_box, to_square
from obamanet.types import CropBox

MIN_CUTOFF: Final = 2.0
"""Hz. The One-Euro filter's cut-off at rest, where it delays by 80 ms."""

BETA: Final = 60.0
"""Hz per face width a second, by which the cut-off rises: lips that speak are delayed by 14 ms (benchmarks/RESULTS.md,
"Live")."""

CUT_RATE: Final = 25.0
"""Frames per second for which :data:`obamanet.face.track.CUT_JUMP` is meant."""

SEARCH_SIDE: Final = 640
"""Pixels. Larger pictures are shrunk to it, since a search for a face that is not there takes longer than a frame."""

SQUARE_SECONDS: Final = 3.0
"""Time constant with which the driver's square follows the head, seconds: in training each clip of 3 s has its own."""

NEUTRAL_SECONDS: Final = 2.0
"""Seconds of a driver's face from which its rest is learned."""

ABSENT_SECONDS: Final = 2.0
"""Seconds after which a face that comes back may be another one."""


class Driver(Protocol):
    """Says where the person's landmarks are at a moment."""

    def next(self, image: np.ndarray | None, time: float) -> np.ndarray:
        """Returns the landmarks (N, 2), pixels of the person's square.

        Args:
            image: the newest frame of the source, shape (H, W, 3) uint8 BGR; None of a source without pictures.
            time: of that frame, seconds on the source's time line; frames between may have been dropped.
        """
        ...


class VideoDriver:
    """A :class:`Driver`: the face in the source's pictures, whose movement is carried over to the person.

    Its first two seconds, in which the person rests, tell what it is like at rest; a face that comes after a cut or a
    long absence may be another one, and begins anew. Where no face is there the movement is held, then eases to rest.

    Attributes:
        has_seen: whether there was a face so far.

    Args:
        follower: finds the face.
        person: who is moved.
    """

    def __init__(self, follower: FaceFollower, person: Person) -> None:
        self.has_seen = False
        self._follower, self._target = follower, target_face(person)
        # Places the person until a driver is known.
        self._retargeter = Retargeter(self._target.neutral, self._target)
        self._filler = GapFiller(self._retargeter.rest)
        self._smoother = LandmarkSmoother()
        self._first: list[np.ndarray] | None = []
        self._box = CropBox(0.0, 0.0, 1.0)
        self._begun = self._seen = self._time = 0.0

    def next(self, image: np.ndarray | None, time: float) -> np.ndarray:
        """Returns the landmarks that the face in ``image`` gives the person."""
        assert image is not None  # of a source with pictures
        shrink = SEARCH_SIDE / max(image.shape[:2])
        if shrink < 1:
            image = cv2.resize(image, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        face = self._follower.next(image)
        movement = None if face is None else self._movement(self._smoother.next(face.landmarks, time), time)
        shown = self._filler.next(movement, time - self._time)
        self._time = time
        return self._retargeter.place(shown)

    def _movement(self, landmarks: np.ndarray, time: float) -> Movement | None:
        """Returns the movement to ``landmarks`` (N, 2), pixels; None while it is not known what the face is at rest."""
        if self._smoother.is_new or time - self._seen > ABSENT_SECONDS:
            self._first, self._begun = [], time
        elapsed, self.has_seen, self._seen = time - self._seen, True, time
        if self._first is not None:
            self._first.append(landmarks)
            if time - self._begun < NEUTRAL_SECONDS:
                return None
            first, self._first = np.stack(self._first), None
            self._box = portrait_box(first)
            self._retargeter = Retargeter(neutral_face(to_square(first, self._box), IMAGE_SIZE), self._target)
        else:
            self._box = _nearer(self._box, portrait_box(landmarks[None]), 1 - math.exp(-elapsed / SQUARE_SECONDS))
        return self._retargeter.movement(to_square(landmarks, self._box))


def _nearer(box: CropBox, other: CropBox, share: float) -> CropBox:
    """Returns the square ``share`` of the way from ``box`` to ``other``."""
    return CropBox(
        box.left + share * (other.left - box.left),
        box.top + share * (other.top - box.top),
        box.side + share * (other.side - box.side),
    )


def video_driver(person: Person) -> VideoDriver:
    """Returns what has the face in a video move ``person``; raises FaceError where the models are not there."""
    return VideoDriver(load_landmarker(Landmarks.MESH).follow(), person)


class LandmarkSmoother:
    """Smooths one face's landmarks as they come; after a cut it begins anew.

    Attributes:
        is_new: whether the last landmarks were the first ones, or followed a cut.
    """

    def __init__(self) -> None:
        self.is_new = False
        self._filter = OneEuroFilter(MIN_CUTOFF, BETA)
        self._before: tuple[np.ndarray, float] | None = None

    def next(self, landmarks: np.ndarray, time: float) -> np.ndarray:
        """Returns ``landmarks`` (N, 2), pixels at ``time`` seconds, smoothed: (N, 2) float32."""
        self.is_new = self._before is None
        if self._before is not None:
            before, then = self._before
            # A face that was not seen for a while may have moved further.
            jump = CUT_JUMP * max(1.0, CUT_RATE * (time - then))
            self.is_new = bool(split_segments(np.stack([before, landmarks]), cut_jump=jump)[1])
        if self.is_new:
            self._filter.reset()
        self._before = landmarks, time
        width = float(np.linalg.norm(landmarks[16] - landmarks[0]))
        return self._filter.next(landmarks, time, unit=width).astype(np.float32)
