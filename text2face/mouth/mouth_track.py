"""The mouth of a whole text, gathered sentence by sentence, at any frame rate."""

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
"""Frames held to the text at once, so that an hour needs hardly more memory than a minute."""


class MouthTrack:
    """What a text's times say of the mouth: where lips meet, round and rest and, with a ``poser``, how it moves.

    It keeps two times for each p, b, m, o, u and pause, and 160 bytes for each frame that the poser makes. Raises
    :class:`obamanet.errors.PersonError` for a person without speech part, which has no mouth.
    """

    def __init__(self, person: Person, poser: Poser | None = None) -> None:
        self._person, self._poser, self._mouth = person, poser, person.mouth
        self._parts: list[tuple[int, np.ndarray]] = []
        self._closures: list[Span] = []
        self._roundings: list[Span] = []
        self._said: list[Span] = []

    def add(self, words: Sequence[Word], start: float, end: float) -> PoseTrack | None:
        """Take the next sentence, from ``start`` to ``end`` seconds of the sound; its words' times count from there.

        It must not begin before the last one ended. Returns its mouth poses, lips met where they shall, when there is a
        poser.
        """
        closures = [span.shifted(start) for span in lip_closures(words)]
        self._closures += closures
        self._roundings += [span.shifted(start) for span in lip_roundings(words)]
        self._said += [span.shifted(start) for span in sounding(words)]
        if self._poser is None:
            return None
        fps = float(self._person.fps)
        # Sentences of a recording have silence around them that belongs to none: the mouth opens and shuts in it.
        first, stop = max(0, math.ceil((start - LEAD) * fps)), math.ceil((end + RELEASE) * fps)
        here = [tuple(syllable.shifted(start - first / fps) for syllable in word) for word in words]
        part = self._poser.predict(here, 0, stop - first)
        self._parts.append((first, part))
        pca, rest = self._mouth.pca, self._mouth.rest
        closed = close_lips(part, first / fps + frame_times(len(part), self._person.fps), closures, pca, rest)
        return pose_track(CanonicalKeypoints(closed, self._person.fps), poses_of(self._person), pca, first / fps)

    def keypoints(self, duration: Fraction) -> CanonicalKeypoints:
        """Return what the poser made of the sentences, at the person's frame rate, for ``duration`` seconds in all."""
        count = frames_to_cover(duration, self._person.fps)
        points = np.repeat(self._mouth.rest[None].astype(np.float32), count, axis=0)
        for first, part in self._parts:
            points[first : first + len(part)] = part[: max(0, count - first)]
        return CanonicalKeypoints(points, self._person.fps)

    def articulate(self, keypoints: CanonicalKeypoints) -> CanonicalKeypoints:
        """Return ``keypoints`` of the same sound with lips that meet, round and rest at the text's times, if any."""
        if not self._said:
            return keypoints
        pca, rest, said = self._mouth.pca, self._mouth.rest, joined(self._said)
        times = frame_times(len(keypoints.points), keypoints.fps)
        points = np.empty_like(keypoints.points)
        for first in range(0, len(points), CHUNK_FRAMES):
            part = slice(first, first + CHUNK_FRAMES)
            rounded = round_lips(keypoints.points[part], times[part], self._roundings, pca, rest)
            closed = close_lips(rounded, times[part], self._closures, pca, rest)
            points[part] = hold_still(closed, times[part], said, rest)
        return CanonicalKeypoints(points, keypoints.fps)
