"""Divides spoken words into timed syllables, by aligning the letters of a word with its phonemes."""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Sequence
from typing import Final

from text2face.syllables.phonetic import is_vowel, split_sounds
from text2face.syllables.spanish import syllabify_spanish
from text2face.timed_speech import Phoneme, SpokenWord, Syllable

AMERICAN_SPANISH: Final = frozenset({"es-419", "es-mx"})
"""Languages in which tl is not divided."""

SOUNDS_OF: Final = {
    "b": "bβv", "c": "ksθʃt", "d": "dðɾt", "f": "fv", "g": "ɡɣdʒxɟ", "h": "hx", "j": "dʒjx", "k": "k", "l": "lʎɫ",
    "m": "m", "n": "nŋɲm", "ñ": "ɲ", "p": "pf", "q": "k", "r": "ɹrɾɚɜ", "s": "szʃʒθ", "t": "tɾʔθðʃ", "v": "vbβf",
    "w": "wvʍ", "x": "kɡzsʃx", "y": "jʝɟ", "z": "zsθ", "ç": "s",
}  # fmt: skip
"""First characters of the phonemes that a consonant usually stands for in English and Spanish; for alignment only."""

SEMIVOWELS: Final = {"i": "jʝ", "y": "jʝ", "u": "wj", "w": "wʊu", "l": "ʎ", "r": "ɚɜə", "o": "w", "e": "j"}
"""Letters that can be vowels or consonants, and the other letters' phonemes of that kind."""

UNLIKE: Final = 1.5
"""Cost of aligning a letter with a phoneme of the same kind that it does not usually stand for."""

FOREIGN: Final = 3.0
"""Cost of aligning a vowel with a consonant."""

MAX_VOWELS: Final = 3
"""Maximum number of vowel phonemes in one written syllable, as in Uruguay; more are letters spelled out."""

SILENT_LETTER: Final = 0.6
"""Cost of a letter without a phoneme."""

UNWRITTEN_SOUND: Final = 0.9
"""Cost of a phoneme without a letter."""


def syllables_of(word: SpokenWord, language: str) -> tuple[Syllable, ...]:
    """Returns the syllables of ``word`` with their phonemes and times; their texts joined are the word's letters.

    Spanish is divided by spelling, and each syllable gets its phonemes. Where spelling and phonemes disagree (letters
    spelled out, foreign names), and in all other languages, the phonemes are divided, and each syllable gets its
    letters.
    """
    letters = [sign for sign in word.text if sign.isalnum() or unicodedata.combining(sign)]
    places = _letter_of_each(letters, word.phonemes)
    if language.split("-", maxsplit=1)[0] == "es":
        written = [
            syllable
            for part in "".join(sign if sign in letters else " " for sign in word.text).split()
            for syllable in syllabify_spanish(part, american=language in AMERICAN_SPANISH)
        ]
        sounds = _assign(written, places, word.phonemes)
        if sounds:
            return tuple(_syllable(text, group) for text, group in zip(written, sounds, strict=True))
    groups = split_sounds(word.phonemes, language)
    if len(letters) == len(groups) and word.text.isupper():  # letters spelled out, one syllable each
        return tuple(_syllable(letter, group) for letter, group in zip(letters, groups, strict=True))
    edges, first = [0], 0
    for group in groups[:-1]:
        first += len(group)
        edges.append(max(edges[-1], _first_letter(places, first, len(letters))))
    edges.append(len(letters))
    texts = ["".join(letters[a:b]) for a, b in itertools.pairwise(edges)]
    return tuple(_syllable(text, group) for text, group in zip(texts, groups, strict=True))


def _syllable(text: str, phonemes: Sequence[Phoneme]) -> Syllable:
    stress = min((phoneme.stress for phoneme in phonemes if phoneme.stress), default=0)
    return Syllable(text, tuple(phonemes), stress, phonemes[0].start, phonemes[-1].end)


def _assign(
    written: list[str], places: list[int | None], phonemes: tuple[Phoneme, ...]
) -> list[tuple[Phoneme, ...]] | None:
    """Returns the phonemes of each written syllable; None when one of them would have no vowel or too many."""
    owner = [index for index, syllable in enumerate(written) for _ in syllable]
    groups: list[list[Phoneme]] = [[] for _ in written]
    current = 0
    for place, phoneme in zip(places, phonemes, strict=True):
        if place is not None and place < len(owner):
            current = owner[place]
        if groups:
            groups[current].append(phoneme)
    vowels = [sum(is_vowel(phoneme.symbol) for phoneme in group) for group in groups]
    if not groups or not 1 <= min(vowels) <= max(vowels) <= MAX_VOWELS:
        return None
    return [tuple(group) for group in groups]


def _first_letter(places: list[int | None], first: int, end: int) -> int:
    """Returns the index of the first letter of the phonemes from ``first`` on."""
    return next((place for place in places[first:] if place is not None), end)


def _letter_of_each(letters: Sequence[str], phonemes: Sequence[Phoneme]) -> list[int | None]:
    """Returns for each phoneme the index of its letter, None for one that is not written.

    The alignment has the minimum cost (Needleman and Wunsch 1970).
    """
    plain = [unicodedata.normalize("NFD", letter.lower())[:1] for letter in letters]
    cost = [[column * UNWRITTEN_SOUND for column in range(len(phonemes) + 1)]]
    for letter, base in zip(letters, plain, strict=True):
        above = cost[-1]
        row = [above[0] + SILENT_LETTER]
        for column, phoneme in enumerate(phonemes):
            row.append(
                min(
                    above[column] + _distance(letter.lower(), base, phoneme.symbol),
                    above[column + 1] + SILENT_LETTER,
                    row[column] + UNWRITTEN_SOUND,
                )
            )
        cost.append(row)
    places: list[int | None] = [None] * len(phonemes)
    row_index, column = len(letters), len(phonemes)
    while row_index and column:
        here = cost[row_index][column]
        # A silent letter is skipped first: of two equal letters the earlier one is aligned with the phoneme.
        if here == cost[row_index - 1][column] + SILENT_LETTER:
            row_index -= 1
        elif here == cost[row_index][column - 1] + UNWRITTEN_SOUND:
            column -= 1
        else:
            row_index, column = row_index - 1, column - 1
            places[column] = row_index
    return places


def _distance(letter: str, base: str, symbol: str) -> float:
    """Returns the cost of aligning ``letter``, whose form without accent is ``base``, with the phoneme ``symbol``."""
    if symbol[:1] in SEMIVOWELS.get(base, ""):
        return 0.2
    if base and base in "aeiouyw" and is_vowel(symbol):
        return 0.0 if symbol[:1] == base else 0.2
    usual = SOUNDS_OF.get(letter, SOUNDS_OF.get(base, ""))
    if usual and not is_vowel(symbol):
        return 0.0 if symbol[:1] in usual else UNLIKE
    return FOREIGN
