"""Text with SSML in it to the plain text that is said; what was left out is counted."""

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

PAUSES: Final = frozenset({"break"})
"""Elements that are said as a comma."""

BREAKS: Final = frozenset({"p", "paragraph", "s", "sentence"})
"""Elements that end a sentence."""

MAX_TAG: Final = 1000
"""Characters; what begins like a tag and is longer is text."""

MAX_ENTITY: Final = 10


class MarkupRemover:
    """Takes SSML out of a text that comes in pieces, cut anywhere; ``removed`` counts the elements by their names.

    A break is a comma, a paragraph or sentence ends a sentence, of all others the content stays. Text without a tag is
    not changed; in text with <speak> entities such as &amp; are read too.
    """

    def __init__(self) -> None:
        self.removed: Counter[str] = Counter()

    def plain(self, pieces: Iterable[str]) -> Iterator[str]:
        """Yield the text of ``pieces`` without markup."""
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
        """Return in words what was not obeyed, "" where nothing was."""
        if not self.removed:
            return ""
        told = ", ".join(f"{count} {name}" for name, count in sorted(self.removed.items()))
        comma = "; a break is said as a comma" if self.removed.keys() & PAUSES else ""
        return f"SSML is not obeyed, its tags are left out: {told}{comma}"

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


def _unfinished(text: str, first: str, last: str, longest: int) -> int:
    """Return where in ``text`` something begins that may end in the next piece, else the text's length."""
    start = text.rfind(first)
    return start if start >= 0 and last not in text[start:] and len(text) - start < longest else len(text)
