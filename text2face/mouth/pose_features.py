"""Timed syllables to what the pose network reads: for each video frame the sound that is said, and those around it."""

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
"""Seconds around a frame's time over which sounds are averaged, by their share: one frame at 25 fps, so that no sound,
however short, falls between two frames."""

TASTERS: Final = 5
"""Points of time at which a window is looked at."""

MIN_PAUSE: Final = 0.02
"""Seconds. A smaller gap between two sounds is rounding."""

SYMBOLS: Final = ("padding", "silence", "word boundary")
"""What is no sound has numbers of its own, which no sound shares."""

PLACE: Final = (
    "position in the sound",
    "its length",
    "position in the syllable",
    "its length",
    "stressed",
    "half stressed",
)
REACH: Final = ("time since silence", "time to silence")

INPUTS: Final = 3 * SIZE + len(SYMBOLS) + len(PLACE) + len(REACH)
"""Numbers per frame: the articulation of this sound, the one before and the one after, and the rows above."""

PADDING: Final = 3 * SIZE
SILENCE: Final = 3 * SIZE + 1
BOUNDARY: Final = 3 * SIZE + 2

LONG: Final = 0.25
"""Seconds that count as length 1."""


@dataclass(frozen=True)
class _Stretch:
    """A sound in its syllable, or a pause (no ``sound``)."""

    start: float
    end: float
    sound: Phoneme | None = None
    syllable: Syllable | None = None
    first: bool = False


def describe(words: Sequence[Word], times: np.ndarray) -> np.ndarray:
    """Return the network's inputs (T, 77) float32 for frames at ``times`` (T,), seconds as in ``words``.

    Before the first sound, after the last one and between two that do not meet there is silence. Padding is never
    written here: :func:`padding` is what a batch is filled up with.
    """
    stretches = list(_stretches(words))
    if not stretches:
        return np.repeat(_silence()[None], len(times), axis=0)
    offsets = ((np.arange(TASTERS) + 0.5) / TASTERS - 0.5) * WINDOW
    wanted = (times[:, None] + offsets).ravel()
    starts = np.array([stretch.start for stretch in stretches])
    places = np.searchsorted(starts, wanted, side="right") - 1
    rows = np.stack([_row(stretches, int(place), float(time)) for place, time in zip(places, wanted, strict=True)])
    return rows.reshape(len(times), TASTERS, INPUTS).mean(axis=1).astype(np.float32)


def padding() -> np.ndarray:
    """Return the inputs (77,) float32 of a frame that is in no sentence."""
    row = np.zeros(INPUTS, np.float32)
    row[PADDING] = 1.0
    return row


def _silence() -> np.ndarray:
    row = np.zeros(INPUTS, np.float32)
    row[[SILENCE, -2, -1]] = (1.0, 0.0, 0.0)
    return row


def _stretches(words: Sequence[Word]) -> list[_Stretch]:
    """Return all sounds and the pauses between them, in order."""
    stretches: list[_Stretch] = []
    for word in words:
        for number, syllable in enumerate(word):
            for index, sound in enumerate(syllable.phonemes):
                if stretches and sound.start - stretches[-1].end > MIN_PAUSE:
                    stretches.append(_Stretch(stretches[-1].end, sound.start))
                stretches.append(_Stretch(sound.start, sound.end, sound, syllable, number == index == 0))
    return stretches


def _row(stretches: Sequence[_Stretch], place: int, time: float) -> np.ndarray:
    """Return the inputs at one point of time, in the stretch that began last."""
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
    """Return the articulation where the stretch at ``place`` begins (0) or ends (1): zeros for a pause or none."""
    sound = stretches[place].sound if 0 <= place < len(stretches) else None
    return articulation(sound.symbol)[side] if sound else np.zeros(SIZE, np.float32)


def _position(time: float, start: float, end: float) -> float:
    return float(np.clip((time - start) / max(end - start, 1e-6), 0.0, 1.0))
