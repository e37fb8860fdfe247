"""Splits text of any length into sentences, one at a time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from text2face.text.languages import wording_of

MAX_LENGTH: Final = 500
"""Maximum length of a sentence in characters, to bound memory; a longer one is cut at a comma or a space."""

PIECE: Final = 8192
"""Maximum number of characters that are added at once."""

END: Final = re.compile(r"[.!?…]+[\"'»”’)\]]*(?=\s)|\n[ \t\r]*\n")
"""End of a sentence: its punctuation with closing quotes and brackets, before a space; or an empty line."""


def split_sentences(chunks: Iterable[str], language: str) -> Iterator[str]:
    """Yields the sentences of a text, stripped and not blank.

    A point after an abbreviation or an initial, or before a lower case letter, does not end a sentence.

    Args:
        chunks: the text in pieces, cut anywhere.
        language: tag such as "en-gb", for the abbreviations.
    """
    wording = wording_of(language)
    shorts = " ".join(wording.abbreviations).lower().split() if wording else []
    abbreviations = frozenset(short for short in shorts if short.endswith("."))
    waiting = ""
    for piece in _pieces(chunks):
        waiting += piece
        while (end := _end(waiting, abbreviations, last=False)) is not None:
            if sentence := waiting[:end].strip():
                yield sentence
            waiting = waiting[end:]
    while waiting.strip():
        end = _end(waiting + "\n\n", abbreviations, last=True)
        if sentence := waiting[:end].strip():
            yield sentence
        waiting = waiting[end:]


def _pieces(chunks: Iterable[str]) -> Iterator[str]:
    for chunk in chunks:
        for start in range(0, len(chunk), PIECE):
            yield chunk[start : start + PIECE]


def _end(text: str, abbreviations: frozenset[str], *, last: bool) -> int | None:
    """Returns the end of the first sentence of ``text``; None when it depends on further text."""
    for match in END.finditer(text, 0, 2 * MAX_LENGTH):
        if match.end() > MAX_LENGTH:
            break
        if not last and text[match.end() :].isspace():
            return None
        if match.group()[0] != "." or _ends_sentence(text, match, abbreviations):
            return match.end()
    if last and len(text) <= MAX_LENGTH:
        return len(text)
    if not last and len(text) < 2 * MAX_LENGTH:
        return None
    head = text[:MAX_LENGTH]
    cut = max(head.rfind(sign) + 1 for sign in ",;:\n")
    return cut or max(head.rfind(" "), head.rfind("\t")) + 1 or MAX_LENGTH


def _ends_sentence(text: str, match: re.Match[str], abbreviations: frozenset[str]) -> bool:
    """Returns whether the point found by ``match`` ends a sentence."""
    rest = text[match.end() :].lstrip()
    if rest and rest[0].islower():
        return False
    words = text[: match.start() + 1].split()
    last = words[-1].lower() if words else ""
    initial = len(last) == 2 and last[0].isalpha()
    return not rest or not (initial or last in abbreviations)
