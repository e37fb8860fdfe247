"""Computes the pose network's inputs from timed syllables: each frame's phoneme and its neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from text2face.mouth.articulation import SIZE, articulation
from text2face.timed_speech import Phoneme, Syllable

Word = tuple[Syllable, ...]
"""A word's timed syllables."""

WINDOW: Final = 0.04
"""Seconds around a frame's time over which inputs are averaged: one frame at 25 fps, so that no phoneme is between two
frames, however short it is."""

WINDOW_SAMPLES: Final = 5
"""Number of times in a window at which inputs are computed."""

MIN_PAUSE: Final = 0.02
"""Minimum pause in seconds; a smaller gap between two phonemes is rounding."""

SYMBOLS: Final = ("padding", "silence", "word boundary")
"""Inputs that are 1 where there is no phoneme, and at the start of a word."""

PLACE: Final = (
    "position in the sound",
    "its length",
    "position in the syllable",
    "its length",
    "stressed",
    "half stressed",
)
"""Inputs of a phoneme's place in time; lengths are in units of LONG."""

REACH: Final = ("time since speech", "time to speech")
"""Inputs of a silence, exp(-t / LONG) of the seconds t since the last phoneme and until the next."""

INPUTS: Final = 3 * SIZE + len(SYMBOLS) + len(PLACE) + len(REACH)
"""Number of inputs per frame: articulation of the phoneme, of the one before and of the one after, and those above."""

PADDING: Final = 3 * SIZE
"""Index of the input that is 1 in padding."""

SILENCE: Final = 3 * SIZE + 1
"""Index of the input that is 1 in silence."""

BOUNDARY: Final = 3 * SIZE + 2
"""Index of the input that is 1 in the first half of a word's first phoneme."""

LONG: Final = 0.25
"""Unit of length and time inputs, in seconds."""


@dataclass(frozen=True)
class _Stretch:
    """A phoneme in its syllable, or a pause (``sound`` is None); ``first`` of its word or not."""

    start: float
    end: float
    sound: Phoneme | None = None
    syllable: Syllable | None = None
    first: bool = False


def describe(words: Sequence[Word], times: np.ndarray) -> np.ndarray:
    """Returns the network's inputs (T, INPUTS) float32 for frames at ``times`` (T,), in seconds as in ``words``.

    There is silence before the first phoneme, after the last, and in pauses.
    """
    stretches = list(_stretches(words))
    if not stretches:
        return np.repeat(_silence()[None], len(times), axis=0)
    offsets = ((np.arange(WINDOW_SAMPLES) + 0.5) / WINDOW_SAMPLES - 0.5) * WINDOW
    sampled = (times[:, None] + offsets).ravel()
    starts = np.array([stretch.start for stretch in stretches])
    places = np.searchsorted(starts, sampled, side="right") - 1
    rows = np.stack([_row(stretches, int(place), float(time)) for place, time in zip(places, sampled, strict=True)])
    return rows.reshape(len(times), WINDOW_SAMPLES, INPUTS).mean(axis=1).astype(np.float32)


def padding() -> np.ndarray:
    """Returns the inputs (INPUTS,) float32 of a frame that is in no sentence, to fill up batches with."""
    row = np.zeros(INPUTS, np.float32)
    row[PADDING] = 1.0
    return row


def _silence() -> np.ndarray:
    row = np.zeros(INPUTS, np.float32)
    row[[SILENCE, -2, -1]] = (1.0, 0.0, 0.0)
    return row


def _stretches(words: Sequence[Word]) -> list[_Stretch]:
    """Returns all phonemes and the pauses between them, in order."""
    stretches: list[_Stretch] = []
    for word in words:
        for number, syllable in enumerate(word):
            for index, sound in enumerate(syllable.phonemes):
                if stretches and sound.start - stretches[-1].end > MIN_PAUSE:
                    stretches.append(_Stretch(stretches[-1].end, sound.start))
                stretches.append(_Stretch(sound.start, sound.end, sound, syllable, number == index == 0))
    return stretches


def _row(stretches: Sequence[_Stretch], place: int, time: float) -> np.ndarray:
    """Returns the inputs at ``time``, where ``place`` is the index of the last stretch that has started, or -1."""
    here = stretches[place] if place >= 0 else None
    if here is None or here.sound is None or time >= here.end + MIN_PAUSE:
        row = _silence()
        after = place + 1
        if here is not None and here.sound is not None:
            row[SIZE : 2 * SIZE] = articulation(here.sound.symbol)[1]
        elif place > 0:
            row[SIZE : 2 * SIZE] = _edge(stretches, place - 1, 1)
        row[2 * SIZE : 3 * SIZE] = _edge(stretches, after, 0)
        if here is not None:
            begun = here.end if here.sound is not None else here.start
            row[-2] = np.exp(-(time - begun) / LONG)
        if after < len(stretches):
            row[-1] = np.exp(-(stretches[after].start - time) / LONG)
        return row
    row = np.zeros(INPUTS, np.float32)
    syllable = here.syllable
    assert syllable is not None
    position = _position(time, here.start, here.end)
    begin, end = articulation(here.sound.symbol)
    row[:SIZE] = (1 - position) * begin + position * end
    row[SIZE : 2 * SIZE] = _edge(stretches, place - 1, 1)
    row[2 * SIZE : 3 * SIZE] = _edge(stretches, place + 1, 0)
    row[BOUNDARY] = float(here.first and position < 0.5)
    row[BOUNDARY + 1 :] = (
        position,
        min(2.0, (here.end - here.start) / LONG),
        _position(time, syllable.start, syllable.end),
        min(2.0, (syllable.end - syllable.start) / LONG),
        float(syllable.stress == 1),
        float(syllable.stress == 2),
        0.0,
        0.0,
    )
    return row


def _edge(stretches: Sequence[_Stretch], place: int, side: int) -> np.ndarray:
    """Returns the articulation at the start (0) or end (1) of the stretch at ``place``; zeros for a pause or none."""
    sound = stretches[place].sound if 0 <= place < len(stretches) else None
    return articulation(sound.symbol)[side] if sound else np.zeros(SIZE, np.float32)


def _position(time: float, start: float, end: float) -> float:
    return float(np.clip((time - start) / max(end - start, 1e-6), 0.0, 1.0))
