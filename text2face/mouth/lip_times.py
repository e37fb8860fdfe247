"""Times at which the lips are shut, round and at rest, from timed phonemes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from obamanet.types import Span
from text2face.mouth.articulation import BILABIALS, VOWELS, letters, rounding
from text2face.mouth.pose_features import Word
from text2face.timed_speech import Phoneme

MIN_CLOSURE: Final = 0.06
"""Minimum duration of a closure in seconds: closures of connected speech last 50 to 100 ms (Byrd 1993, on TIMIT), and
at 24 frames per second this covers at least one frame."""

BURST: Final = 0.012
"""Seconds from the start of a p to the opening of the lips: eSpeak NG gives the time of the burst, and the closure is
the silence before it."""

VOICE_BAR: Final = 0.045
"""Maximum seconds of a b that are voiced behind closed lips."""

ROUND_FROM: Final = 0.8
"""Minimum rounding of a phoneme, 0 to 1, at which lips are held round: u, ʊ, o, ɔ and w."""

PAUSE: Final = 0.3
"""Maximum silence in seconds during which the mouth moves on to the next phoneme without coming to rest."""


def lip_closures(words: Sequence[Word]) -> tuple[Span, ...]:
    """Returns the spans in which the lips are shut: at p, b, m and Spanish b and v, each of MIN_CLOSURE or longer."""
    sounds = (sound for word in words for syllable in word for sound in syllable.phonemes)
    return tuple(_closure(sound) for sound in sounds if letters(sound.symbol)[:1] in BILABIALS)


def lip_roundings(words: Sequence[Word]) -> tuple[Span, ...]:
    """Returns the spans in which the lips are round: at o, u and w, and at the half of a diphthong that is like one."""
    spans = []
    for sound in (sound for word in words for syllable in word for sound in syllable.phonemes):
        begins, ends = (round_enough >= ROUND_FROM for round_enough in rounding(sound.symbol))
        middle = (sound.start + sound.end) / 2
        if begins or ends:
            spans.append(Span(sound.start if begins else middle, sound.end if ends else middle))
    return tuple(spans)


def open_vowels(words: Sequence[Word]) -> tuple[Span, ...]:
    """Returns the middle halves of the vowels that do not round the lips: there they are open."""
    sounds = (sound for word in words for syllable in word for sound in syllable.phonemes)
    spans = []
    for sound in sounds:
        if letters(sound.symbol)[:1] in VOWELS and max(rounding(sound.symbol)) < ROUND_FROM:
            quarter = (sound.end - sound.start) / 4
            spans.append(Span(sound.start + quarter, sound.end - quarter))
    return tuple(spans)


def sounding(words: Sequence[Word]) -> tuple[Span, ...]:
    """Returns the spans of speech: phonemes, and pauses of up to PAUSE between them.

    A p or b starts with its closure, which is silent.
    """
    spans = [Span(syllable.start, syllable.end) for word in words for syllable in word]
    return joined(sorted([*spans, *lip_closures(words)], key=lambda span: span.start))


def joined(spans: Sequence[Span]) -> tuple[Span, ...]:
    """Returns ``spans``, sorted by time, with those joined that are at most PAUSE apart."""
    whole: list[Span] = []
    for span in spans:
        if whole and span.start - whole[-1].end <= PAUSE:
            whole[-1] = Span(whole[-1].start, max(whole[-1].end, span.end))
        else:
            whole.append(span)
    return tuple(whole)


def _closure(sound: Phoneme) -> Span:
    match letters(sound.symbol)[0]:
        case "p":
            end = min(sound.start + BURST, sound.end)
        case "b":
            end = min(sound.start + VOICE_BAR, sound.end)
        case _:
            end = sound.end
    return Span(min(sound.start, end - MIN_CLOSURE), end)
