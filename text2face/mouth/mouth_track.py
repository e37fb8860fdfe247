"""The mouth of a whole text, collected sentence by sentence, at any frame rate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from obamanet.keypoints.lips import LEAD, RELEASE, close_lips, hold_still, round_lips
from obamanet.person import Person, poses_of
from obamanet.timing import frame_times, frames_to_cover
from obamanet.types import CanonicalKeypoints, Span
from text2face.mouth.lip_times import joined, lip_closures, lip_roundings, sounding
from text2face.mouth.pose_features import Word
from text2face.mouth.pose_predictor import Poser
from text2face.timeline import PoseTrack, pose_track

CHUNK_FRAMES = 5000
"""Maximum number of frames that are articulated at once, to bound memory; the result does not depend on it."""


class MouthTrack:
    """The mouth of a text: times at which the lips are shut, round and at rest, and keypoints predicted by a poser.

    It stores two times for each p, b, m, o, u and pause, and 160 bytes for each frame that the poser predicts.

    Args:
        person: the person.
        poser: predicts the keypoints; None when they are predicted from the sound.

    Raises:
        obamanet.errors.PersonError: the person has no speech part, and so no mouth model.
    """

    def __init__(self, person: Person, poser: Poser | None = None) -> None:
        self._person, self._poser, self._mouth = person, poser, person.mouth
        self._parts: list[tuple[int, np.ndarray]] = []
        self._closures: list[Span] = []
        self._roundings: list[Span] = []
        self._spoken: list[Span] = []

    def add(self, words: Sequence[Word], start: float, end: float) -> PoseTrack | None:
        """Adds the next sentence, which must not start before the end of the one before.

        Args:
            words: its words; their times count from ``start``.
            start: in seconds from the start of the sound.
            end: in seconds from the start of the sound.

        Returns:
            Its mouth poses, with closed lips at closures; None without a poser.
        """
        closures = [span.shifted(start) for span in lip_closures(words)]
        self._closures += closures
        self._roundings += [span.shifted(start) for span in lip_roundings(words)]
        self._spoken += [span.shifted(start) for span in sounding(words)]
        if self._poser is None:
            return None
        fps = float(self._person.fps)
        # The mouth opens before a sentence and shuts after it, in the silence between two sentences of a recording.
        first, stop = max(0, math.ceil((start - LEAD) * fps)), math.ceil((end + RELEASE) * fps)
        moved = [tuple(syllable.shifted(start - first / fps) for syllable in word) for word in words]
        part = self._poser.predict(moved, 0, stop - first)
        self._parts.append((first, part))
        pca, rest = self._mouth.pca, self._mouth.rest
        closed = close_lips(part, first / fps + frame_times(len(part), self._person.fps), closures, pca, rest)
        return pose_track(CanonicalKeypoints(closed, self._person.fps), poses_of(self._person), pca, first / fps)

    def keypoints(self, duration: Fraction) -> CanonicalKeypoints:
        """Returns the predicted keypoints for a sound of ``duration`` seconds; between sentences the mouth rests."""
        count = frames_to_cover(duration, self._person.fps)
        points = np.repeat(self._mouth.rest[None].astype(np.float32), count, axis=0)
        for first, part in self._parts:
            points[first : first + len(part)] = part[: max(0, count - first)]
        return CanonicalKeypoints(points, self._person.fps)

    def articulate(self, keypoints: CanonicalKeypoints) -> CanonicalKeypoints:
        """Returns ``keypoints`` of the same sound with the lips shut, round and at rest at the times of the text."""
        if not self._spoken:
            return keypoints
        pca, rest, spoken = self._mouth.pca, self._mouth.rest, joined(self._spoken)
        times = frame_times(len(keypoints.points), keypoints.fps)
        points = np.empty_like(keypoints.points)
        for first in range(0, len(points), CHUNK_FRAMES):
            part = slice(first, first + CHUNK_FRAMES)
            rounded = round_lips(keypoints.points[part], times[part], self._roundings, pca, rest)
            closed = close_lips(rounded, times[part], self._closures, pca, rest)
            points[part] = hold_still(closed, times[part], spoken, rest)
        return CanonicalKeypoints(points, keypoints.fps)
