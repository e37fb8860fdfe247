"""Divides a timed cue into clips, one per syllable or word, and checks that each of their frames shows the mouth."""

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
"""Reason of a reject whose frames are after the end of the video."""


class Unit(StrEnum):
    """What a clip shows: a syllable or a word."""

    SYLLABLE = "syllable"
    WORD = "word"


@dataclass(frozen=True)
class Cut:
    """A syllable or word to cut.

    Attributes:
        syllable: written syllable; of a word all of them, joined by hyphens.
        phonemes: IPA symbols, separated by spaces.
        stress: 0, 1 or 2 as in :class:`text2face.timed_speech.Phoneme`.
        start: in seconds.
        end: in seconds.
        word: the word as written.
        word_start: in seconds.
        word_end: in seconds.
        first: first frame; frame n is shown from n / fps to (n + 1) / fps seconds.
        last: last frame, inclusive.
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
    """The ``reason`` why a syllable or word cannot be used, and the ``first`` and ``last`` frame that cause it."""

    reason: str
    first: int
    last: int


@dataclass(frozen=True)
class Reject:
    """A cue, or a part of it, that was left out.

    Attributes:
        cue: number of the cue, from 1.
        line: its line in the subtitles.
        reason: in words.
        part: the syllable or word; "" for the whole cue.
        first: first frame that is the cause; None where there is none.
        last: last such frame.
    """

    cue: int
    line: int
    reason: str
    part: str = ""
    first: int | None = None
    last: int | None = None


def cuts_of(timed: TimedCue, language: str, unit: Unit, fps: Fraction) -> tuple[Cut, ...]:
    """Returns the syllables or words of a cue, each with the frames that cover it completely."""
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
    """Returns the first and the last frame that show a part of ``start`` to ``end`` seconds."""
    # A millionth of a frame is rounding.
    first = math.floor(start * float(fps) + 1e-6)
    return first, max(first, math.ceil(end * float(fps) - 1e-6) - 1)


def why_not(cut: Cut, track: FaceTrack, first: int) -> Absence | None:
    """Returns the reason why ``cut`` cannot be used; None when it can.

    Args:
        cut: the syllable or word.
        track: face track of the cue.
        first: number of the track's first frame.
    """
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
    """Returns a word's syllables as one, with hyphens between them."""
    stress = min((syllable.stress for syllable in syllables if syllable.stress), default=0)
    sounds = tuple(sound for syllable in syllables for sound in syllable.phonemes)
    return Syllable("-".join(one.text for one in syllables), sounds, stress, syllables[0].start, syllables[-1].end)
