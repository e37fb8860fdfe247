"""A cue's words and sounds with their times: from karaoke tags, by alignment with the sound, or in proportion."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise
from typing import Final

import numpy as np

from obamanet.errors import SoundError
from obamanet.types import AudioClip
from text2face.corpus.windows import Window
from text2face.subtitles import Cue, Mark
from text2face.text.normalise import read_out
from text2face.timed_speech import Phoneme, Speech, SpokenWord
from text2face.voice.align import retime
from text2face.voice.aligners import Aligner, align
from text2face.voice.espeak import NothingToSayError, speak_timed

SLOWEST: Final = 1.6
"""Times the synthetic voice's length that speech takes where only its beginning is known; the rest is a pause."""

QUICKEST: Final = 0.03
"""Seconds per sound in the mean, about twice as fast as the fastest talkers; less comes from text that was not said."""


class HowTimed(StrEnum):
    """How a cue's times were found."""

    KARAOKE = "karaoke"
    """From the cue's own times of words; sounds inside a word in proportion."""

    POCKETSPHINX = "pocketsphinx"
    WARPING = "warping"
    """By alignment with the sound."""

    PROPORTIONAL = "proportional"
    """There is no sound: shared out over the cue's time as the synthetic voice says it."""


@dataclass(frozen=True)
class TimedCue:
    """A cue's words, their sounds' times in seconds from the video's start, and how these were found."""

    words: tuple[SpokenWord, ...]
    how: HowTimed


@dataclass(frozen=True)
class Untimed:
    """Why a cue cannot be used."""

    reason: str


def time_cue(window: Window, sound: AudioClip | None, language: str, aligner: Aligner) -> TimedCue | Untimed:
    """Return when the cue of ``window`` is said; ``sound`` is that of the window alone, None for a silent video."""
    cue = window.cue
    text, marks = _read(cue, language)
    if not text:
        return Untimed("nothing that can be said")
    try:
        spoken = speak_timed(text, language)
    except NothingToSayError:
        return Untimed("nothing that can be said")
    if marks or sound is None:
        shared = _shared_out(spoken, text, marks, cue)
        how = HowTimed.KARAOKE if marks else HowTimed.PROPORTIONAL
        if sound is None:
            words = _moved(spoken.words, shared)
        else:
            words = _later(retime(spoken, shared - window.start, sound).words, window.start)
    else:
        try:
            alignment = align(sound, spoken, aligner)
        except SoundError as error:
            return Untimed(str(error).removesuffix(f": {sound.source}").replace("recording is", "sound is"))
        words, how = _later(alignment.speech.words, window.start), HowTimed(alignment.aligner.value)
    sounds = [phoneme for word in words for phoneme in word.phonemes]
    length = sounds[-1].end - sounds[0].start
    if length < QUICKEST * len(sounds):
        return Untimed("too little time for its text")
    return TimedCue(words, how)


def _read(cue: Cue, language: str) -> tuple[str, tuple[Mark, ...]]:
    """Return the cue's text as it is said, and its karaoke times with their places in that; () without any."""
    if not any(mark.place < len(cue.text) for mark in cue.marks):
        return read_out(cue.text, language).text, ()
    edges = [0, *(mark.place for mark in cue.marks if 0 < mark.place < len(cue.text)), len(cue.text)]
    times = {mark.place: mark.time for mark in cue.marks}
    text, marks = "", []
    for first, last in pairwise(edges):
        part = read_out(cue.text[first:last], language).text
        if part:
            marks.append(Mark(times.get(first, cue.start), len(text) + bool(text)))
            text = f"{text} {part}".strip()
    if len(cue.text) in times:
        marks.append(Mark(times[len(cue.text)], len(text)))
    return text, tuple(marks)


def _shared_out(spoken: Speech, text: str, marks: tuple[Mark, ...], cue: Cue) -> np.ndarray:
    """Return start and end of every sound (P, 2): between two marks in proportion to the synthetic voice's times."""
    marks = marks or (Mark(cue.start, 0),)
    ends = [mark.time for mark in marks[1:]] + [cue.end]
    # A voice that runs words together has one place for both: the later mark goes with it.
    places = list(_places(spoken.words, text))
    owner = [max((i for i, mark in enumerate(marks) if mark.place <= place), default=0) for place in places]
    parts: dict[int, list[SpokenWord]] = {}
    for word, index in zip(spoken.words, owner, strict=True):
        parts.setdefault(index, []).append(word)
    rows: list[tuple[float, float]] = []
    for index, words in parts.items():
        sounds = [sound for word in words for sound in word.phonemes]
        first, length = sounds[0].start, sounds[-1].end - sounds[0].start
        share = min((ends[index] - marks[index].time) / length, SLOWEST)
        start = marks[index].time
        rows += [(start + share * (sound.start - first), start + share * (sound.end - first)) for sound in sounds]
    return np.array(rows)


def _places(words: tuple[SpokenWord, ...], text: str) -> Iterator[int]:
    """Yield where in ``text`` each word begins."""
    place = 0
    for word in words:
        found = text.find(word.text, place)
        place = found if found >= 0 else place
        yield place
        place += len(word.text)


def _moved(words: tuple[SpokenWord, ...], edges: np.ndarray) -> tuple[SpokenWord, ...]:
    rows = iter(edges.tolist())

    def at(sound: Phoneme) -> Phoneme:
        start, end = next(rows)
        return replace(sound, start=start, end=end)

    return tuple(SpokenWord(word.text, tuple(map(at, word.phonemes))) for word in words)


def _later(words: tuple[SpokenWord, ...], seconds: float) -> tuple[SpokenWord, ...]:
    return tuple(SpokenWord(word.text, tuple(sound.shifted(seconds) for sound in word.phonemes)) for word in words)
