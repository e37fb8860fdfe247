"""Divides Spanish words into written syllables.

Rules: RAE and ASALE, Ortografía de la lengua española (2010), chapter II, on diphthong, triphthong and hiatus (for
spelling, not for regional pronunciation) and on digraphs; Diccionario panhispánico de dudas, entries h, tl, sub-.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

STRONG: Final = frozenset("aeoáéóàèòâêôäëö")
"""Opens vowels; two of them are in different syllables."""

WEAK: Final = frozenset("iuüìùîû")
"""Closes vowels, which form a diphthong with another vowel."""

STRESSED_WEAK: Final = frozenset("íúï")
"""An i or u with an accent, or i with a diaeresis, which forms a hiatus with an open vowel beside it."""

VOWELS: Final = STRONG | WEAK | STRESSED_WEAK
"""All vowels."""

INSEPARABLE: Final = frozenset(
    [stop + liquid for stop in "pbfgkctdv" for liquid in "lr" if stop + liquid not in {"dl", "tl"}]
)
"""Pairs of consonants that begin a syllable together."""

UNIT: Final = re.compile(r"ch|ll|rr|qu(?=[eiéíëï])|gu(?=[eiéíëï])|.", re.DOTALL)
"""One letter or digraph."""

SPLIT_PREFIX: Final = re.compile(r"sub(?=r[aeiouáéíóú]|lun|lin[gu]|limin)")
"""The prefix sub-, which is a syllable of its own before r, and before l in these words."""


@dataclass(frozen=True)
class _Unit:
    """A letter or digraph: its index in the word, its spelling, and whether it is a vowel."""

    start: int
    text: str
    vowel: bool


def syllabify_spanish(word: str, *, american: bool = False) -> tuple[str, ...]:
    """Returns the written syllables of a Spanish word.

    Args:
        word: one word; case and accents are kept.
        american: keep tl together (a-tle-ta), as in Mexico and most of America, and not divided (at-le-ta), as in most
            of Spain.

    Returns:
        The syllables, whose concatenation is ``word``; a word without a vowel is one syllable.
    """
    word = unicodedata.normalize("NFC", word)
    lower = word.lower()
    if len(lower) != len(word):  # a few foreign capitals change their length, and indices would no longer fit
        return (word,)
    units = list(_units(lower))
    nuclei = list(_nuclei(units))
    if len(nuclei) < 2:
        return (word,)
    inseparable = INSEPARABLE | {"tl"} if american else INSEPARABLE
    cuts = []
    for (_, end), (start, _) in itertools.pairwise(nuclei):
        between = units[end:start]
        cuts.append(units[end + _coda_length([unit.text for unit in between], inseparable)].start)
    if prefix := SPLIT_PREFIX.match(lower):
        cuts[0] = prefix.end()
    edges = [0, *cuts, len(word)]
    return tuple(word[a:b] for a, b in itertools.pairwise(edges))


def _units(word: str) -> Iterator[_Unit]:
    for match in UNIT.finditer(word):
        text, start, end = match.group(), match.start(), match.end()
        if text == "y":
            # A vowel at the end of a word and before a consonant (ley, Ayrton); a consonant before a vowel.
            yield _Unit(start, text, end == len(word) or word[end] not in VOWELS | {"y"})
        else:
            yield _Unit(start, text, text in VOWELS)


def _nuclei(units: list[_Unit]) -> Iterator[tuple[int, int]]:
    """Yields first unit and end of each vowel group; there may be a silent h inside one."""
    index = 0
    while index < len(units):
        if not units[index].vowel:
            index += 1
            continue
        end = index + 1
        core = units[index].text in STRONG
        while (following := _next_vowel(units, end)) is not None:
            last, vowel = units[end - 1].text, units[following].text
            strong = vowel in STRONG
            if not _join(last, vowel) or (core and strong) or _parted(units, end, following):
                break
            end, core = following + 1, core or strong
        yield index, end
        index = end


def _next_vowel(units: list[_Unit], index: int) -> int | None:
    """Returns the index of the vowel at ``index``, or after an h there; None for a consonant."""
    if index < len(units) and units[index].text == "h":
        index += 1
    return index if index < len(units) and units[index].vowel else None


def _join(first: str, second: str) -> bool:
    """Returns whether two vowels are in the same syllable."""
    if first in STRONG or second in STRONG:
        return (first in STRONG) != (second in STRONG) and not {first, second} & STRESSED_WEAK
    # i and u make a diphthong in either order, whichever is stressed; a doubled vowel does not.
    return ("u" if first in "uüúùû" else "i") != ("u" if second in "uüúùû" else "i")


def _parted(units: list[_Unit], end: int, following: int) -> bool:
    """Returns whether an h divides the vowels: hue, hie and hui begin a syllable (ca-ca-hue-te, re-huir)."""
    if following == end:
        return False
    after = following + 1
    return (
        units[following].text in WEAK
        and after < len(units)
        and units[after].vowel
        and _join(units[following].text, units[after].text)
    )


def _coda_length(consonants: list[str], inseparable: frozenset[str]) -> int:
    """Returns how many of the consonants between two vowels belong to the first syllable."""
    count = len(consonants)
    if count < 2:
        return 0
    return count - 2 if "".join(consonants[-2:]) in inseparable else count - 1
