"""Reads the word times of a recorded sentence: GRID's rows, Praat's TextGrid, NIST's CTM."""

from __future__ import annotations

import codecs
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from obamanet.errors import DatasetError

SUFFIXES = (".align", ".textgrid", ".ctm")
"""Suffixes of word time files, lower case; the format is recognised by the content."""

TICKS = 25_000
"""Time units per second in GRID's files, whose rows are start, end and word (Cooke et al. 2006)."""

GRID_DELAY = 0.04
"""Seconds by which GRID's word times are late; median, measured against the sound."""

GRID_LETTERS = {"a": "ay"}
"""Spellings by which a TTS voice speaks the letter's name and not a word; GRID's single letters are names."""

SILENT = frozenset({"", "sil", "sp", "<eps>", "<sil>", "!sil", "[sil]", "<p:>"})
"""Labels of pauses, lower case."""

UNKNOWN = frozenset({"<unk>", "[unk]", "<oov>", "spn", "<spoken_noise>"})
"""Labels of words unknown to the aligner, lower case."""

_TEXTGRID_VALUE = re.compile(r'"((?:[^"]|"")*)"|(?<!\S)(-?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)(?!\S)|(?<!\S)![^\n]*')
"""Values of a TextGrid, in its long and its short form: quoted texts and free-standing numbers, without comments."""


@dataclass(frozen=True)
class TimedWord:
    """A word, its ``start`` and ``end`` in seconds, and its ``spelling`` for a TTS voice, "" for the word itself."""

    word: str
    start: float
    end: float
    spelling: str = ""


def text_of(words: Sequence[TimedWord]) -> str:
    """Returns the text of ``words`` for a TTS voice."""
    return " ".join(word.spelling or word.word for word in words)


def read_word_times(align: Path, name: str) -> tuple[TimedWord, ...]:
    """Returns the words of the clip ``name``, in order.

    Args:
        align: a folder that holds NAME.align (GRID), NAME.TextGrid (as the Montreal Forced Aligner writes it; the tier
            "words" is read) or NAME.ctm, or one CTM file with the rows of all clips.
        name: of the clip; in a CTM file with rows of several clips only its own rows are read.

    Returns:
        Words with their times in seconds; GRID_DELAY is subtracted from GRID's times.

    Raises:
        DatasetError: there is no file, its format is not recognised, or it has no words, unknown words or times that
            are out of order.
    """
    path = align if align.is_file() else _find(align, name)
    try:
        content = _decoded(path.read_bytes())
        words = tuple(_rows(content, name))
    except (OSError, ValueError) as error:
        raise DatasetError(f"word times are unreadable: {path}: {error}") from None
    if not words:
        raise DatasetError(f"word times hold no word of the clip {name}: {path}")
    unknown = next((word for word in words if word.word.lower() in UNKNOWN), None)
    if unknown:
        raise DatasetError(
            f"word times have a word that the aligner did not know, {unknown.word} at {unknown.start:.2f} s: {path}; "
            "give it a dictionary with that word, or leave the clip out"
        )
    _check_order(words, path)
    return words


def _find(folder: Path, name: str) -> Path:
    """Returns the one file of word times of the clip ``name`` in ``folder``."""
    found = [folder / f for f in sorted(_names(folder)) if Path(f).stem == name and Path(f).suffix.lower() in SUFFIXES]
    if not found:
        raise DatasetError(
            f"no word times for the clip: {folder / name}.align is missing, and so is {name}.TextGrid or .ctm"
        )
    if len(found) > 1:
        names = " and ".join(path.name for path in found)
        raise DatasetError(f"word times of one clip are there {len(found)} times: {folder} has {names}; leave one")
    return found[0]


def _names(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except OSError as error:
        raise DatasetError(f"no word times: {folder} is no folder and no CTM file ({error.strerror})") from None


def _decoded(content: bytes) -> str:
    """Returns the text of a file; Praat writes UTF-16 where there are letters beyond ASCII."""
    utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if utf16 else "utf-8-sig")


def _rows(content: str, name: str) -> Iterator[TimedWord]:
    """Yields the words in ``content``, whose format is recognised; raises ValueError."""
    if content.lstrip().startswith("File type") or '"TextGrid"' in content[:200]:
        return _textgrid_words(content)
    rows = [line.split() for line in content.splitlines() if line.strip() and not line.startswith(";;")]
    if rows and all(len(row) == 3 and row[0].isdecimal() and row[1].isdecimal() for row in rows):
        return _grid_words(rows)
    if rows and all(len(row) in (5, 6) for row in rows):
        return _ctm_words(rows, name)
    raise ValueError(
        "it is none of: GRID's rows (start end word, in 25000ths of a second), a TextGrid, "
        "CTM rows (clip channel start duration word)"
    )


def _grid_words(rows: Sequence[Sequence[str]]) -> Iterator[TimedWord]:
    for start, end, tag in rows:
        if tag.lower() not in SILENT:
            times = (int(start) / TICKS - GRID_DELAY, int(end) / TICKS - GRID_DELAY)
            yield TimedWord(tag, *times, GRID_LETTERS.get(tag, ""))


def _ctm_words(rows: Sequence[Sequence[str]], name: str) -> Iterator[TimedWord]:
    """Yields the words of CTM rows: clip, channel, start, duration, word and perhaps a confidence."""
    clips = {row[0] for row in rows}
    if name not in clips and len(clips) > 1:
        raise ValueError(f"its rows are of {len(clips)} clips, none of them {name}")
    for clip, _, start, duration, word, *_ in rows:
        if clip == name or len(clips) == 1:
            first, length = _seconds(start), _seconds(duration)
            if word.lower() not in SILENT:
                yield TimedWord(word, first, first + length)


def _textgrid_words(content: str) -> Iterator[TimedWord]:
    """Yields the intervals of the tier "words" that hold a word (Praat's manual, "TextGrid file formats")."""
    tiers = _tiers(content)
    named = [name for name in tiers if re.fullmatch(r"(.* - )?words?", name.strip().lower())]
    if len(named) != 1:
        there = ", ".join(map(repr, tiers)) or "none"
        raise ValueError(f'one interval tier must be named "words": its interval tiers are {there}')
    for start, end, text in tiers[named[0]]:
        if text.strip().lower() not in SILENT:
            yield TimedWord(text.strip(), start, end)


def _tiers(content: str) -> dict[str, list[tuple[float, float, str]]]:
    """Returns the interval tiers: start, end and text of each interval; point tiers are left out."""
    found = (match.group(1, 2) for match in _TEXTGRID_VALUE.finditer(content))
    values = iter([text.replace('""', '"') if text is not None else float(number) for text, number in found
                   if text is not None or number is not None])  # fmt: skip

    def read(kind: type[str] | type[float]) -> str | float:
        value = next(values, None)
        if not isinstance(value, kind):
            what = "a text" if kind is str else "a number"
            raise ValueError(f"the TextGrid is incomplete or damaged: {what} is missing, got {value!r}")
        return value

    def number() -> float:
        return float(read(float))

    def text() -> str:
        return str(read(str))

    if (text(), text()) != ("ooTextFile", "TextGrid"):
        raise ValueError("it is a file of Praat's, but no TextGrid")
    number(), number()
    tiers: dict[str, list[tuple[float, float, str]]] = {}
    for _ in range(int(number())):
        kind, name = text(), text()
        number(), number()
        count = int(number())
        if kind == "IntervalTier":
            tiers[name] = [(number(), number(), text()) for _ in range(count)]
        else:
            for _ in range(count):
                number(), text()
    return tiers


def _seconds(spelled: str) -> float:
    value = float(spelled)
    if not math.isfinite(value):
        raise ValueError(f"a time is no number of seconds: {spelled}")
    return value


def _check_order(words: Sequence[TimedWord], path: Path) -> None:
    """Raises DatasetError unless every word ends after its start and starts after the one before it."""
    wrong = next((word for word in words if not word.start < word.end), None)
    wrong = wrong or next((after for before, after in pairwise(words) if after.start < before.start), None)
    if wrong:
        times = f"{wrong.start:.3f} to {wrong.end:.3f} s"
        raise DatasetError(f"word times are not in order: {wrong.word!r} is said from {times}: {path}")
