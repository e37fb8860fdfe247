"""What a text's times say of the lips: when they are shut, round, and at rest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from obamanet.types import Span
from text2face.mouth.articulation import BILABIALS, letters, rounding
from text2face.mouth.pose_features import Word
from text2face.timed_speech import Phoneme

MIN_CLOSURE: Final = 0.06
"""Seconds that lips stay shut at least: closures of connected speech last 50 to 100 ms (Byrd 1993, on TIMIT), and at 24
frames per second one frame at least falls into this."""

BURST: Final = 0.012
"""Seconds after its time that a p opens: the voice gives the burst's time, and the silence before it is closure."""

VOICE_BAR: Final = 0.045
"""Seconds of a b that sound through shut lips, where the voice makes it long enough."""

ROUND_FROM: Final = 0.8
"""Rounding of a sound, 0 to 1, from which on lips are held round: u, ʊ, o, ɔ and w."""

PAUSE: Final = 0.3
"""Seconds. In shorter silences the mouth goes on moving from one sound to the next."""


def lip_closures(words: Sequence[Word]) -> tuple[Span, ...]:
    """Return when the lips are shut: at p, b, m and the Spanish b and v, each for 60 ms or longer."""
    return closures_of(sound for word in words for syllable in word for sound in syllable.phonemes)


def closures_of(sounds: Iterable[Phoneme]) -> tuple[Span, ...]:
    """Return when the lips are shut in ``sounds``, as :func:`lip_closures` does for words."""
    return tuple(_closure(sound) for sound in sounds if letters(sound.symbol)[:1] in BILABIALS)


def lip_roundings(words: Sequence[Word]) -> tuple[Span, ...]:
    """Return when the lips are round: at o, u and w, and at the half of a diphthong that is one of these."""
    spans = []
    for sound in (sound for word in words for syllable in word for sound in syllable.phonemes):
        begins, ends = (round_enough >= ROUND_FROM for round_enough in rounding(sound.symbol))
        middle = (sound.start + sound.end) / 2
        if begins or ends:
            spans.append(Span(sound.start if begins else middle, sound.end if ends else middle))
    return tuple(spans)


def sounding(words: Sequence[Word]) -> tuple[Span, ...]:
    """Return the stretches in which something is said: sounds with pauses of at most 300 ms between them.

    A p or b begins with its closure, which is silent.
    """
    spans = [Span(syllable.start, syllable.end) for word in words for syllable in word]
    return joined(sorted([*spans, *lip_closures(words)], key=lambda span: span.start))


def joined(spans: Sequence[Span]) -> tuple[Span, ...]:
    """Return ``spans``, which are in order, with those in one that have at most 300 ms between them."""
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
