"""Sounds of a word to syllables: every syllable takes as many consonants before its vowel as may begin a word."""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Sequence
from typing import Final

from text2face.timed_speech import Phoneme

VOWELS: Final = frozenset("aeiouyøœɶɑɒæɐɛɜɝɞəɘɚɪɨʉʊʌɔɤɯʏɵᵻᵿ")
"""First signs of vowels in the IPA, and the two that eSpeak NG adds."""

SYLLABIC: Final = "\u0329"
"""The stroke under a consonant that stands for a vowel (n in button)."""

SAME_ONSET: Final = {"ɾ": "t", "ʔ": "t", "r": "ɹ", "g": "ɡ", "ɫ": "l"}
"""Ways in which English says a sound inside a word, and the sound that may begin one."""

ENGLISH_ONSETS: Final = frozenset(
    [first + "l" for first in "pbkɡfs"]
    + [first + "ɹ" for first in "pbtdkɡfθʃ"]
    + ["s" + second for second in "mnptkfw"]
    + [first + "w" for first in "tdkɡθh"]
    + [first + "j" for first in "pbtdkɡfvθmnlhsz"]
    + ["spl", "spɹ", "stɹ", "skɹ", "skw", "spj", "stj", "skj"]
)
"""Groups of consonants that begin English words; books on English phonology list them, as Algeo (1978) in "What
Consonant Clusters Are Possible?", Word 29(3). Rare ones, as in vroom and schwa, are left out."""

LIQUIDS: Final = frozenset("lɾrɹʁʀ")
GLIDES: Final = frozenset("jwɥʝ")
OBSTRUENTS: Final = frozenset("pbtdkɡgfvβðɣθ")


def is_vowel(symbol: str) -> bool:
    """Say whether the IPA ``symbol`` is the core of a syllable: a vowel, a diphthong or a syllabic consonant."""
    return symbol[:1] in VOWELS or SYLLABIC in symbol


def split_sounds(phonemes: Sequence[Phoneme], language: str) -> tuple[tuple[Phoneme, ...], ...]:
    """Return ``phonemes`` of one word as syllables, by the maximal onset principle; without a vowel they are one.

    English has its own groups of consonants that begin a syllable; in other languages a stop or fricative and a liquid
    begin one together, and any consonant and a glide.
    """
    english = language.split("-", maxsplit=1)[0] == "en"
    cores = [index for index, phoneme in enumerate(phonemes) if is_vowel(phoneme.symbol)]
    cuts = [0]
    for before, core in itertools.pairwise(cores):
        start = core
        while start - 1 > before and _begins(phonemes[start - 1 : core], english):
            start -= 1
        cuts.append(start)
    edges = [*cuts, len(phonemes)]
    return tuple(tuple(phonemes[a:b]) for a, b in itertools.pairwise(edges))


def _begins(consonants: Sequence[Phoneme], english: bool) -> bool:
    """Say whether ``consonants`` may stand together before a vowel."""
    if english:
        symbols = [_plain(phoneme.symbol) for phoneme in consonants]
        return symbols != ["ŋ"] if len(symbols) == 1 else "".join(symbols) in ENGLISH_ONSETS
    symbols = [phoneme.symbol for phoneme in consonants]
    while len(symbols) > 1 and symbols[-1][:1] in GLIDES:
        symbols.pop()
    if len(symbols) == 2 and symbols[1][:1] in LIQUIDS:
        return symbols[0][:1] in OBSTRUENTS and symbols[0] + symbols[1][:1] not in {"tl", "dl"}
    return len(symbols) == 1


def _plain(symbol: str) -> str:
    """Return a consonant without length and other marks, as it would begin a word."""
    bare = "".join(sign for sign in symbol if not unicodedata.combining(sign) and sign not in "ːʰʲˑ")
    return SAME_ONSET.get(bare, bare)
