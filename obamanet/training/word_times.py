"""Reads when the words of a recorded sentence are said, from files as the GRID corpus has them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from obamanet.errors import DatasetError

TICKS = 25_000
"""Per second, in the files: a row is start, end and word (Cooke et al. 2006)."""

LATE = 0.04
"""Seconds by which GRID's word times are late, in the median (measured against the sound)."""

SILENT_TAGS = frozenset({"sil", "sp"})


@dataclass(frozen=True)
class TimedWord:
    """A word and when it is said, in seconds."""

    word: str
    start: float
    end: float


def read_word_times(path: Path) -> tuple[TimedWord, ...]:
    """Return the words in ``path``, LATE seconds earlier than written; raises :class:`DatasetError` for none."""
    try:
        rows = [line.split() for line in path.read_text("utf-8").splitlines() if line.strip()]
        words = tuple(
            TimedWord(tag, int(start) / TICKS - LATE, int(end) / TICKS - LATE)
            for start, end, tag in rows
            if tag not in SILENT_TAGS
        )
    except FileNotFoundError:
        raise DatasetError(f"no word times for the clip: {path} is missing") from None
    except (OSError, ValueError) as error:
        raise DatasetError(f"word times are unreadable: {path}: {error}; a row is: start end word") from None
    if not words:
        raise DatasetError(f"word times hold no word: {path}")
    return words
