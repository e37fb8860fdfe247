"""Phonemes to the nine mouth shapes that animators draw."""

from __future__ import annotations

import unicodedata
from typing import Final

IDLE: Final = "X"
"""Shape of the mouth at rest, in pauses."""

SHAPES: Final = {
    "A": "p b m",
    "B": "k ɡ g s z t d n ɲ ŋ ɹ r ɾ ʁ ʀ θ ð ʃ ʒ ɕ ʑ ç x ɣ h ɦ j ʝ ɟ c ʔ q χ ħ i ɪ ɨ ᵻ y ʏ ts tʃ dʒ tɕ dʑ",
    "C": "e ɛ æ ə ɐ ɘ ø œ ʌ",
    "D": "a ɑ",
    "E": "ɔ ɒ ɜ ɝ ɚ ɞ ɵ o ɤ əʊ",
    "F": "u ʊ ʉ w ɯ ɥ ʍ",
    "G": "f v ɸ ʋ",
    "H": "l ɫ ʎ ɬ ɮ",
}
"""IPA symbols of each mouth shape, after the descriptions in Rhubarb Lip Sync's README: A to F are the six of
Hanna-Barbera's and Preston Blair's charts, G, H and X the extended ones."""

VISEME_OF: Final = {symbol: shape for shape, symbols in SHAPES.items() for symbol in symbols.split()}
"""Mouth shape of each IPA symbol."""

BILABIAL_FRICATIVES: Final = frozenset("β")
"""Spanish b and v between vowels: the lips approach without closing, and are drawn closed."""


def viseme_of(symbol: str) -> str:
    """Returns the mouth shape, A to H, of an IPA ``symbol``.

    A symbol that is not in the table, such as a diphthong, has the shape of its first character, or else B, that of
    most consonants.
    """
    bare = "".join(sign for sign in unicodedata.normalize("NFD", symbol) if not unicodedata.combining(sign))
    bare = bare.strip("ːˑʰʲˠ")
    if bare[:1] in BILABIAL_FRICATIVES:
        return "A"
    return VISEME_OF.get(bare) or VISEME_OF.get(bare[:1], "B")
