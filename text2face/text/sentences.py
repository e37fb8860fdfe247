"""Text of any length to sentences, one at a time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from text2face.text.languages import wording_of

MAX_LENGTH: Final = 500
"""Signs. A longer stretch without a sentence's end is cut at a comma or a space, so that memory stays flat."""

PIECE: Final = 8192
"""Signs looked at together."""

END: Final = re.compile(r"[.!?…]+[\"'»”’)\]]*(?=\s)|\n[ \t\r]*\n")
"""A sentence's end: its sign and what closes after it, before a space; or an empty line."""


def split_sentences(chunks: Iterable[str], language: str) -> Iterator[str]:
    """Yield the sentences of the text that ``chunks`` joined are, without space around them, none of them blank.

    A point after an abbreviation or an initial, or before a small letter, does not end one.
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
    """Return where the first sentence of ``text`` ends, or None when more text may change that."""
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
    """Say whether the point found by ``match`` ends a sentence."""
    rest = text[match.end() :].lstrip()
    if rest and rest[0].islower():
        return False
    words = text[: match.start() + 1].split()
    last = words[-1].lower() if words else ""
    initial = len(last) == 2 and last[0].isalpha()
    return not rest or not (initial or last in abbreviations)
