"""A timed cue to clips: one per syllable or word, with the mouth in every frame, and what was left out and why."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Final

import numpy as np

from obamanet.face.track import FaceTrack
from text2face.corpus.cue_times import TimedCue
from text2face.syllables.timed import syllables_of
from text2face.timed_speech import Syllable

BEYOND: Final = "beyond the video's end"


class Unit(StrEnum):
    """What a clip shows."""

    SYLLABLE = "syllable"
    WORD = "word"


@dataclass(frozen=True)
class Cut:
    """A syllable or word to be cut: its written syllables, sounds and times, its word, and the frames that cover it.

    ``first`` and ``last`` are numbers of frames; frame n is shown from n / fps to (n + 1) / fps seconds.
    """

    syllable: str
    phonemes: str
    stress: int
    start: float
    end: float
    word: str
    word_start: float
    word_end: float
    first: int
    last: int


@dataclass(frozen=True)
class Absence:
    """Why a syllable or word cannot be used, and the first and the last of the frames that are to blame."""

    reason: str
    first: int
    last: int


@dataclass(frozen=True)
class Reject:
    """What was left out: the cue, the line it stands on, why, a syllable of it or all (""), the frames to blame."""

    cue: int
    line: int
    reason: str
    part: str = ""
    first: int | None = None
    last: int | None = None


def cuts_of(timed: TimedCue, language: str, unit: Unit, fps: Fraction) -> tuple[Cut, ...]:
    """Return what is to be cut out of a cue; the frames are rounded outwards, so that they show the whole of it."""
    cuts: list[Cut] = []
    for word in timed.words:
        syllables = syllables_of(word, language)
        for syllable in syllables if unit is Unit.SYLLABLE else [_whole(syllables)]:
            cuts.append(
                Cut(
                    syllable.text,
                    " ".join(sound.symbol for sound in syllable.phonemes),
                    syllable.stress,
                    syllable.start,
                    syllable.end,
                    word.text,
                    syllables[0].start,
                    syllables[-1].end,
                    *frames_of(syllable.start, syllable.end, fps),
                )
            )
    return tuple(cuts)


def frames_of(start: float, end: float, fps: Fraction) -> tuple[int, int]:
    """Return the first and the last frame that show something of ``start`` to ``end`` seconds."""
    # A millionth of a frame is rounding, no part of a frame.
    first = math.floor(start * float(fps) + 1e-6)
    return first, max(first, math.ceil(end * float(fps) - 1e-6) - 1)


def why_not(cut: Cut, track: FaceTrack, first: int) -> Absence | None:
    """Return why ``cut`` cannot be used, None when it can; ``first`` is the number of the track's first frame."""
    segment = track.segment[cut.first - first : cut.last + 1 - first]
    without = cut.first + np.flatnonzero(segment < 0)
    if len(segment) < cut.last + 1 - cut.first:
        return Absence(BEYOND, cut.first + len(segment), cut.last)
    if len(without):
        return Absence("no face in all of its frames", int(without[0]), int(without[-1]))
    jumps = cut.first + 1 + np.flatnonzero(np.diff(segment))
    if len(jumps):
        return Absence("the picture jumps inside", int(jumps[0]), int(jumps[-1]))
    return None


def _whole(syllables: tuple[Syllable, ...]) -> Syllable:
    """Return a word's syllables as one, parted by hyphens."""
    stress = min((syllable.stress for syllable in syllables if syllable.stress), default=0)
    sounds = tuple(sound for syllable in syllables for sound in syllable.phonemes)
    return Syllable("-".join(one.text for one in syllables), sounds, stress, syllables[0].start, syllables[-1].end)
