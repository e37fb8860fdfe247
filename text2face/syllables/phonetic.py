"""Divides the phonemes of a word into syllables by the maximal onset principle."""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Sequence
from typing import Final

from text2face.timed_speech import Phoneme

VOWELS: Final = frozenset("aeiouyøœɶɑɒæɐɛɜɝɞəɘɚɪɨʉʊʌɔɤɯʏɵᵻᵿ")
"""First characters of vowels in the IPA, and the two that eSpeak NG adds."""

SYLLABIC: Final = "\u0329"
"""The mark under a syllabic consonant (n in button)."""

SAME_ONSET: Final = {"ɾ": "t", "ʔ": "t", "r": "ɹ", "g": "ɡ", "ɫ": "l"}
"""English allophones inside a word, each with the one that begins words."""

ENGLISH_ONSETS: Final = frozenset(
    [first + "l" for first in "pbkɡfs"]
    + [first + "ɹ" for first in "pbtdkɡfθʃ"]
    + ["s" + second for second in "mnptkfw"]
    + [first + "w" for first in "tdkɡθh"]
    + [first + "j" for first in "pbtdkɡfvθmnlhsz"]
    + ["spl", "spɹ", "stɹ", "skɹ", "skw", "spj", "stj", "skj"]
)
"""Consonant clusters that begin English words, after Algeo (1978), "What Consonant Clusters Are Possible?", Word 29(3);
rare ones, as in vroom and schwa, are left out."""

LIQUIDS: Final = frozenset("lɾrɹʁʀ")
"""Second consonants of an onset in other languages."""

GLIDES: Final = frozenset("jwɥʝ")
"""Last consonants of an onset in other languages."""

OBSTRUENTS: Final = frozenset("pbtdkɡgfvβðɣθ")
"""First consonants of an onset before a liquid."""


def is_vowel(symbol: str) -> bool:
    """Returns whether the IPA ``symbol`` is a syllable's nucleus: a vowel, a diphthong or a syllabic consonant."""
    return symbol[:1] in VOWELS or SYLLABIC in symbol


def split_sounds(phonemes: Sequence[Phoneme], language: str) -> tuple[tuple[Phoneme, ...], ...]:
    """Returns the ``phonemes`` of one word divided into syllables; a word without a vowel is one syllable.

    Every syllable has the longest possible onset: in English one of ENGLISH_ONSETS; in other languages one consonant,
    or a stop or fricative with a liquid, each perhaps with glides.
    """
    english = language.split("-", maxsplit=1)[0] == "en"
    cores = [index for index, phoneme in enumerate(phonemes) if is_vowel(phoneme.symbol)]
    cuts = [0]
    for before, core in itertools.pairwise(cores):
        start = core
        while start - 1 > before and _is_onset(phonemes[start - 1 : core], english):
            start -= 1
        cuts.append(start)
    edges = [*cuts, len(phonemes)]
    return tuple(tuple(phonemes[a:b]) for a, b in itertools.pairwise(edges))


def _is_onset(consonants: Sequence[Phoneme], english: bool) -> bool:
    """Returns whether ``consonants`` can be the onset of a syllable."""
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
    """Returns a consonant without length and other marks, as the allophone that begins words."""
    bare = "".join(sign for sign in symbol if not unicodedata.combining(sign) and sign not in "ːʰʲˑ")
    return SAME_ONSET.get(bare, bare)
