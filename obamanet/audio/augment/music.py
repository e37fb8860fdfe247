"""Random instrumental music: chords, bass, melody and drums in varying timbres, without voices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from obamanet.audio.augment.level import NOISE_LEVEL, at_level
from obamanet.audio.augment.room import room
from obamanet.constants import SAMPLE_RATE

BEATS_PER_MINUTE: Final = (65.0, 165.0)
"""Range of the tempo."""
BEATS_PER_BAR: Final = (3, 4, 4, 4)
"""Values that the bar length is drawn from, beats."""

SCALES: Final = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 3, 5, 7, 9, 10))
"""Semitones above the key: major, natural minor and dorian."""

PROGRESSIONS: Final = ((0, 4, 5, 3), (0, 5, 3, 4), (1, 4, 0, 0), (0, 3, 0, 4), (5, 3, 0, 4), (0, 6, 5, 4))
"""Chords by the scale degree of their root, one per bar; common progressions of popular songs."""

ROOM_PROBABILITY: Final = 0.6
"""Probability that a piece gets a room's reverberation; the others are dry."""

Note = Callable[[float, int, np.random.Generator], np.ndarray]
"""An instrument: frequency in Hz and length in samples to samples (n,) with amplitude about 1."""

Stroke = Callable[[np.random.Generator], np.ndarray]
"""A drum: samples (n,) with amplitude about 1."""


def music(random: np.random.Generator, length: int) -> np.ndarray:
    """Returns ``length`` samples of random instrumental music at -26 dBFS, float32.

    Tempo, key, scale, chords, rhythm, instruments, their balance, drums and the room are drawn from ``random``.
    """
    instruments: tuple[Note, ...] = (_plucked, _organ, _electric_piano, _strings, _flute, _brass)
    bar_beats = int(random.choice(BEATS_PER_BAR))
    beat = round(60 / random.uniform(*BEATS_PER_MINUTE) * SAMPLE_RATE)
    key = int(random.integers(36, 48))
    scale = SCALES[int(random.integers(len(SCALES)))]
    chords = PROGRESSIONS[int(random.integers(len(PROGRESSIONS)))]
    comping, lead, bass = (instruments[int(random.integers(len(instruments)))] for _ in range(3))
    chord_level, lead_level, bass_level, drum_level = random.uniform((0.3, 0.2, 0.4, 0.0), (0.8, 0.9, 0.9, 1.0))
    arpeggio, has_drums = random.random() < 0.4, random.random() < 0.7
    pattern = _drum_pattern(random, bar_beats)
    step = int(random.integers(7, 14))
    bars = -(-length // (bar_beats * beat))
    sound = np.zeros((bars + 2) * bar_beats * beat)

    def play(note: Note, degree: int, start: int, span: int, level: float) -> None:
        octave, scale_step = divmod(degree, len(scale))
        semitones = key + 12 * octave + scale[scale_step] - 69
        played = note(440 * 2 ** (semitones / 12), span, random)
        sound[start : start + len(played)] += level * random.uniform(0.7, 1) * played

    for bar in range(bars):
        start, root = bar * bar_beats * beat, chords[bar % len(chords)]
        for tone, degree in enumerate((root + 7, root + 9, root + 11)):
            if arpeggio:
                for number in range(tone, 2 * bar_beats, 3):
                    play(comping, degree, start + number * beat // 2, beat, chord_level)
            else:
                play(comping, degree, start, bar_beats * beat, 0.6 * chord_level)
        for number in range(0, bar_beats, 2):
            play(bass, root, start + number * beat, beat, bass_level)
        at = 0
        while at < 2 * bar_beats:
            halves = int(random.choice((1, 1, 2, 2, 3, 4)))
            if random.random() < 0.85:
                step = int(np.clip(step + random.integers(-3, 4), 7, 20))
                play(lead, step + 7, start + at * beat // 2, halves * beat // 2, lead_level)
            at += halves
        if has_drums:
            for number, strokes in enumerate(pattern):
                for stroke in strokes:
                    hit = stroke(random)
                    onset = start + number * beat // 2
                    sound[onset : onset + len(hit)] += drum_level * random.uniform(0.6, 1) * hit
    mixed = at_level(sound[:length])
    if random.random() < ROOM_PROBABILITY:
        mixed = room(mixed, random, random.uniform(0.3, 1.5), random.uniform(-3, 10))
    # Recordings are never digitally silent between notes.
    floor = NOISE_LEVEL * 10 ** (random.uniform(-60, -35) / 20)
    return at_level(mixed + floor * random.normal(size=length))


def _time(span: int) -> np.ndarray:
    return np.arange(span) / SAMPLE_RATE


def _overtones(
    frequency: float, span: int, strengths: np.ndarray, decays: np.ndarray, cents: np.ndarray | float = 0.0
) -> np.ndarray:
    """Returns the overtones 1, 2, ... of ``frequency`` below 7 kHz, summed.

    Args:
        frequency: Hz.
        span: length in samples.
        strengths: amplitude of each overtone.
        decays: exponential decay of each overtone, per second.
        cents: deviation of the pitch, one value or one per sample.
    """
    time = _time(span)
    numbers = np.arange(1, len(strengths) + 1)
    audible = numbers * frequency < 7000
    phase = 2 * np.pi * frequency * np.cumsum(np.broadcast_to(2 ** (np.asarray(cents) / 1200), (span,))) / SAMPLE_RATE
    waves = np.sin(numbers[audible, None] * phase) * np.exp(-decays[audible, None] * time)
    return strengths[audible] @ waves


def _shaped(wave: np.ndarray, attack: float, release: float) -> np.ndarray:
    """Returns ``wave`` with a linear attack and release, both in seconds."""
    time = _time(len(wave))
    return wave * np.clip(time / attack, 0, 1) * np.clip((len(wave) / SAMPLE_RATE - time) / release, 0, 1)


def _plucked(frequency: float, span: int, random: np.random.Generator) -> np.ndarray:
    numbers = np.arange(1, 17)
    # A string plucked at a share of its length lacks the overtones that rest there.
    strengths = np.sin(np.pi * numbers * random.uniform(0.1, 0.4)) / numbers
    return _shaped(_overtones(frequency, 2 * span, strengths, 1.5 + 0.5 * numbers), 0.002, 0.05)


def _organ(frequency: float, span: int, random: np.random.Generator) -> np.ndarray:
    strengths = random.uniform(0, 1, 8) * np.array([1, 1, 0.6, 0.8, 0.2, 0.4, 0.1, 0.4])
    return 0.6 * _shaped(_overtones(frequency, span, strengths, np.zeros(8)), 0.01, 0.03)


def _electric_piano(frequency: float, span: int, random: np.random.Generator) -> np.ndarray:
    time = _time(2 * span)
    depth = random.uniform(0.5, 2.5) * np.exp(-4 * time)
    angle = 2 * np.pi * frequency * time
    return _shaped(np.sin(angle + depth * np.sin(random.choice((1, 2, 3)) * angle)) * np.exp(-2 * time), 0.003, 0.05)


def _strings(frequency: float, span: int, random: np.random.Generator) -> np.ndarray:
    numbers = np.arange(1, 13)
    vibrato = 8 * np.sin(2 * np.pi * random.uniform(4.5, 6) * _time(span))
    desks = [_overtones(frequency * 2 ** (c / 1200), span, 1 / numbers, 0 * numbers, vibrato) for c in (-6.0, 0.0, 7.0)]
    return 0.3 * _shaped(np.sum(desks, axis=0), 0.08, 0.1)


def _flute(frequency: float, span: int, random: np.random.Generator) -> np.ndarray:
    vibrato = 12 * np.sin(2 * np.pi * random.uniform(4.5, 6) * _time(span))
    tone = _overtones(frequency, span, np.array([1, 0.3, 0.1, 0.03]), np.zeros(4), vibrato)
    return _shaped(tone + 0.02 * random.normal(size=span), 0.04, 0.05)


def _brass(frequency: float, span: int, random: np.random.Generator) -> np.ndarray:
    numbers = np.arange(1, 13)
    dull = _overtones(frequency, span, 1 / numbers**2.5, 0 * numbers)
    bright = _overtones(frequency, span, 1 / numbers, 0 * numbers)
    # A horn's overtones come in after its fundamental.
    opened = np.clip(_time(span) / random.uniform(0.05, 0.15), 0, 1)
    return 0.6 * _shaped(dull + opened * (bright - dull), 0.02, 0.06)


def _kick(random: np.random.Generator) -> np.ndarray:
    time = _time(SAMPLE_RATE // 5)
    return np.sin(2 * np.pi * (50 * time - 4 * np.exp(-30 * time))) * np.exp(-15 * time)


def _snare(random: np.random.Generator) -> np.ndarray:
    time = _time(SAMPLE_RATE // 6)
    return (0.5 * np.sin(2 * np.pi * 190 * time) + 0.4 * random.normal(size=len(time))) * np.exp(-25 * time)


def _hat(random: np.random.Generator) -> np.ndarray:
    time = _time(SAMPLE_RATE // 12)
    return 0.3 * np.diff(random.normal(size=len(time) + 1)) * np.exp(-60 * time)


def _drum_pattern(random: np.random.Generator, beats: int) -> list[list[Stroke]]:
    """Returns the strokes on each half beat of a bar: kick on one, snare on the backbeat, hat, and random extras."""
    pattern: list[list[Stroke]] = []
    for half in range(2 * beats):
        strokes: list[Stroke] = [_hat] if half % 2 == 0 or random.random() < 0.6 else []
        if half == 0 or random.random() < 0.15:
            strokes.append(_kick)
        if half % 4 == 2:
            strokes.append(_snare)
        pattern.append(strokes)
    return pattern
