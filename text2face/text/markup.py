"""Removes SSML tags from text, and counts them."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

NAMES: Final = (
    "amazon:[a-z-]+|audio|break|desc|emphasis|lang|lexicon|lookup|mark|meta|metadata|mstts:[a-z-]+|p|paragraph|phoneme|"
    "prosody|s|say-as|sentence|speak|sub|token|voice|w"
)
"""Elements of SSML 1.1 (W3C, 2010), and those that two services add."""

MARKUP: Final = re.compile(
    rf"<(?P<end>/?)(?P<name>{NAMES})(?:\s+[\w:.-]+\s*=\s*(?:\"[^\"<>]*\"|'[^'<>]*'))*\s*/?>"
    r"|<!--.*?-->|<\?xml[^<>]*\?>|(?P<entity>&(?:amp|lt|gt|quot|apos|#\d{1,6}|#x[0-9a-fA-F]{1,5});)",
    re.DOTALL,
)
"""SSML tags, XML comments and declarations, and entities."""

PAUSES: Final = frozenset({"break"})
"""Elements that are replaced by a comma."""

BREAKS: Final = frozenset({"p", "paragraph", "s", "sentence"})
"""Elements that end a sentence."""

MAX_TAG: Final = 1000
"""Maximum length of a tag in characters; anything longer is text."""

MAX_ENTITY: Final = 10
"""Maximum length of an entity in characters."""


class MarkupRemover:
    """Removes SSML from a text in pieces, which may be cut anywhere; ``removed`` counts the elements by name.

    A break becomes a comma, and paragraph and sentence end a sentence; of all other elements the content is kept. Text
    without tags is not changed. After <speak>, entities such as &amp; are decoded.
    """

    def __init__(self) -> None:
        self.removed: Counter[str] = Counter()

    def plain(self, pieces: Iterable[str]) -> Iterator[str]:
        """Yields the text of ``pieces`` without markup."""
        waiting = ""
        for piece in pieces:
            waiting += piece
            keep = min(
                _unfinished(waiting, "<", ">", MAX_TAG),
                _unfinished(waiting, "<!--", "-->", MAX_TAG),
                _unfinished(waiting, "&", ";", MAX_ENTITY),
            )
            yield self._clean(waiting[:keep])
            waiting = waiting[keep:]
        yield self._clean(waiting)

    def notice(self) -> str:
        """Returns a message about the removed elements; "" without any."""
        if not self.removed:
            return ""
        counts = ", ".join(f"{count} {name}" for name, count in sorted(self.removed.items()))
        comma = "; a break is said as a comma" if self.removed.keys() & PAUSES else ""
        return f"SSML is not obeyed, its tags are left out: {counts}{comma}"

    def _clean(self, text: str) -> str:
        return MARKUP.sub(self._replace, text)

    def _replace(self, match: re.Match[str]) -> str:
        name = match["name"]
        if match["entity"]:
            return html.unescape(match["entity"]) if "speak" in self.removed else match["entity"]
        if name is None:
            return " "
        if not match["end"]:
            self.removed[name] += 1
        if name in PAUSES:
            return ", "
        return "\n\n" if name in BREAKS else ""


def _unfinished(text: str, first: str, last: str, max_length: int) -> int:
    """Returns the index in ``text`` of an element that may end in the next piece; the text's length without one."""
    start = text.rfind(first)
    return start if start >= 0 and last not in text[start:] and len(text) - start < max_length else len(text)
