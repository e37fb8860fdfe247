"""Articulatory features of phonemes of any language: what lips, jaw and tongue do, as a vector of numbers.

Phonemes that look alike have similar features, so that a network generalises to phonemes it was not trained on:
Spanish ɲ is a palatal nasal, between n and j.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Final

import numpy as np

VOWELS: Final = {
    "i": (1.0, 0.0, 0.0), "y": (1.0, 0.0, 1.0), "ɨ": (1.0, 0.5, 0.0), "ᵻ": (0.9, 0.4, 0.0), "ʉ": (1.0, 0.5, 1.0),
    "ᵿ": (0.9, 0.6, 0.7), "ɯ": (1.0, 1.0, 0.0), "u": (1.0, 1.0, 1.0), "ɪ": (0.85, 0.15, 0.0), "ʏ": (0.85, 0.15, 1.0),
    "ʊ": (0.85, 0.85, 0.8), "e": (0.7, 0.0, 0.0), "ø": (0.7, 0.0, 1.0), "ɘ": (0.7, 0.5, 0.0), "ɵ": (0.7, 0.5, 1.0),
    "ɤ": (0.7, 1.0, 0.0), "o": (0.65, 1.0, 1.0), "ə": (0.5, 0.5, 0.0), "ɚ": (0.5, 0.5, 0.3), "ɛ": (0.4, 0.1, 0.0),
    "œ": (0.4, 0.1, 1.0), "ɜ": (0.4, 0.5, 0.1), "ɝ": (0.4, 0.5, 0.3), "ɞ": (0.4, 0.5, 1.0), "ʌ": (0.35, 0.8, 0.0),
    "ɔ": (0.4, 1.0, 0.9), "æ": (0.15, 0.1, 0.0), "ɐ": (0.25, 0.5, 0.0), "a": (0.0, 0.3, 0.0), "ɑ": (0.0, 1.0, 0.0),
    "ɒ": (0.1, 1.0, 0.6), "ɶ": (0.0, 0.1, 1.0),
}  # fmt: skip
"""Height (1 is close), backness and rounding of vowels, 0 to 1, after the IPA's chart."""

PLACES: Final = {
    "bilabial": "p b m β ɸ", "labiodental": "f v ʋ ɱ", "dental": "θ ð", "alveolar": "t d n s z l r ɾ ɹ ɬ ɮ ɫ",
    "postalveolar": "ʃ ʒ ɕ ʑ ʂ ʐ ʈ ɖ ɳ ɻ", "palatal": "j c ɟ ɲ ʎ ç ʝ ɥ", "velar": "k ɡ g ŋ x ɣ ɰ w ʍ",
    "glottal": "h ɦ ʔ q χ ʁ ʀ ħ",
}  # fmt: skip
"""Consonants by place of articulation; uvular and pharyngeal ones count as glottal, as they look the same."""

MANNERS: Final = {
    "stop": "p b t d k ɡ g ʔ q c ɟ ʈ ɖ", "nasal": "m n ŋ ɲ ɱ ɳ",
    "fricative": "f v θ ð s z ʃ ʒ ɕ ʑ ʂ ʐ x ɣ h ɦ ç ʝ β ɸ χ ʁ ħ ɬ ɮ",
    "approximant": "ɹ j w ʍ ɥ ʋ ɰ ɻ", "lateral": "l ɫ ʎ", "trill": "r ɾ ʀ",
}  # fmt: skip
"""Consonants by manner of articulation."""

VOICELESS: Final = frozenset("ptkʔqcʈfθsʃɕʂxhçɸχħɬʍ")
"""Voiceless consonants."""

CONSONANT_ROUNDING: Final = {
    "w": 1.0,
    "ʍ": 1.0,
    "ɥ": 1.0,
    "ʃ": 0.5,
    "ʒ": 0.5,
    "ɹ": 0.4,
    "ɻ": 0.4,
    "ɕ": 0.3,
    "ʑ": 0.3,
}
"""Lip rounding of consonants, 0 to 1 (Cruttenden, Gimson's Pronunciation of English, 8th edition, 9.4 and 9.7)."""

NAMES: Final = (
    "vowel", "height", "backness", "rounding", "jaw", "rhotic", "long", *PLACES, *MANNERS, "voiced",
)  # fmt: skip
"""Names of the features of a phoneme, in order; all of them are 0 to 1."""

SIZE: Final = len(NAMES)
"""Number of features."""

ROUNDING: Final = NAMES.index("rounding")
"""Index of the rounding."""

JAW: Final = NAMES.index("jaw")
"""Index of the jaw's opening."""

HALF_OPEN: Final = 0.6
"""Jaw opening, 0 to 1, above which a vowel is open."""

BILABIALS: Final = frozenset("pbmβɸ")
"""Phonemes at which the lips meet; at Spanish b and v between vowels (β) they do in careful speech."""


@cache
def articulation(symbol: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns the features at the start and at the end of the IPA ``symbol``, (SIZE,) float32 each, 0 to 1.

    The two differ for diphthongs and affricates. Unknown characters are skipped; a symbol without a known one has the
    features of a mid central vowel, the neutral mouth.
    """
    signs = letters(symbol) or "ə"
    long = "ː" in symbol or "ˑ" in symbol
    return _numbers(signs[0], long), _numbers(signs[-1], long)


def rounding(symbol: str) -> tuple[float, float]:
    """Returns the rounding of the lips, 0 to 1, at the start and at the end of the IPA ``symbol``.

    A diphthong that starts with an open vowel does not reach the rounding of its end, see benchmarks/RESULTS.md.
    """
    start, end = articulation(symbol)
    reached = start[JAW] <= HALF_OPEN
    return float(start[ROUNDING]), float(end[ROUNDING]) if reached else 0.0


def letters(symbol: str) -> str:
    """Returns the characters of an IPA ``symbol`` that are vowels or consonants, without length and other marks."""
    plain = unicodedata.normalize("NFD", symbol)
    return "".join(sign for sign in plain if sign in VOWELS or _is_consonant(sign))


def _is_consonant(sign: str) -> bool:
    return any(sign in signs.split() for signs in PLACES.values())


def _numbers(sign: str, long: bool) -> np.ndarray:
    value = dict.fromkeys(NAMES, 0.0)
    value["long"] = float(long)
    value["voiced"] = float(sign not in VOICELESS)
    if sign in VOWELS:
        value["vowel"] = 1.0
        value["height"], value["backness"], value["rounding"] = VOWELS[sign]
        value["jaw"] = 1.0 - value["height"]
        value["rhotic"] = float(sign in "ɚɝ")
    else:
        value["rounding"] = CONSONANT_ROUNDING.get(sign, 0.0)
        for names in (PLACES, MANNERS):
            value.update({name: float(sign in signs.split()) for name, signs in names.items()})
    numbers = np.array(list(value.values()), np.float32)
    numbers.flags.writeable = False
    return numbers
