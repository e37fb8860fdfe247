"""Removes characters that a voice cannot read, and counts them."""

from __future__ import annotations

import unicodedata
from collections import Counter
from typing import Final

KEPT: Final = frozenset("ºª°½¼¾²³µ…")
"""Symbols with words of their own, which compatibility normalisation would replace."""

SPACES: Final = frozenset("\t\n\r\v\f\u0085\u2028\u2029")
"""Control characters that separate words."""

PUNCTUATION: Final = frozenset(".,;:!?¡¿'’‘-–—()[]{}\"“”«»…")
"""Punctuation that is kept."""

LATIN_LANGUAGES: Final = frozenset({"en", "es"})
"""Languages in which letters of other scripts are removed."""


def clean_signs(text: str, language: str, readable: frozenset[str]) -> tuple[str, Counter[str]]:
    """Removes characters that cannot be read out.

    Digits of any script become 0 to 9. In English and Spanish, letters of other scripts are removed. Marks of writing
    direction and joiners are removed without being counted.

    Args:
        text: the text.
        language: tag such as "en-gb".
        readable: symbols to keep, as they are replaced by words later.

    Returns:
        The text, and the number of removed characters by kind.
    """
    latin = language.split("-", maxsplit=1)[0] in LATIN_LANGUAGES
    left_out: Counter[str] = Counter()
    kept: list[str] = []
    for sign in _composed(text):
        kind = unicodedata.category(sign)
        if sign in SPACES or kind == "Zs":
            kept.append(" ")
        elif sign in readable or sign in PUNCTUATION or kind == "Nd":
            kept.append(str(unicodedata.digit(sign)) if kind == "Nd" else sign)
        elif kind == "Cf" or "\ufe00" <= sign <= "\ufe0f":
            continue
        elif kind in ("Cc", "Cs", "Co", "Cn"):
            left_out["control or unknown characters"] += 1
            kept.append(" ")
        elif kind[0] in "LM":
            script = unicodedata.name(sign, "unknown").split()[0]
            if latin and script not in ("LATIN", "COMBINING", "MODIFIER"):
                left_out[f"letters of the {script.capitalize()} script"] += 1
                kept.append(" ")
            else:
                kept.append(sign)
        elif kind[0] == "P":
            # Brackets, dashes and points of other scripts separate words as a comma does.
            kept.append(", " if kind != "Pc" else " ")
        else:
            left_out["emoji or symbols"] += 1
            kept.append(" ")
    return " ".join("".join(kept).split()), left_out


def _composed(text: str) -> str:
    """Returns ``text`` in compatibility composition (NFKC), except for the symbols in KEPT."""
    parts = [sign if sign in KEPT else unicodedata.normalize("NFKC", sign) for sign in text]
    return unicodedata.normalize("NFC", "".join(parts))
