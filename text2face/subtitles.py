"""Reads subtitle files, SubRip (srt) and WebVTT, as timed cues."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from obamanet.errors import DatasetError

TIME: Final = r"(?:(\d{1,6}):)?([0-5]?\d):([0-5]?\d)[.,](\d{1,3})"
"""A time: hours, optional in WebVTT and of any number of digits there (more than six are an error), minutes, seconds
and thousandths."""

TIMING: Final = re.compile(rf"\s*{TIME}\s*-->\s*{TIME}(?:\s.*)?\s*")
"""The line with a cue's start and end."""

MARK: Final = re.compile(rf"<{TIME}>|\{{\\[kK][fo]?(\d{{1,9}})\}}")
"""A karaoke time: start of the following words (WebVTT), or their duration in hundredths of a second (SubStation)."""

PLACEHOLDERS: Final = range(0xE000, 0xF900)
"""Characters of Unicode's private use area, placeholders of karaoke times while other markup is removed."""

TAG: Final = re.compile(r"</?[a-zA-Z][^<>]*>|</>|<(?:\d+:)?\d+:\d+[.,]\d+>|\{\\[^{}]*\}|\{/?[biu]\}")
"""Markup: HTML's and WebVTT's tags (voices and classes too), karaoke times, and SubStation's overrides."""

DESCRIPTION: Final = re.compile(r"\[[^\[\]]*\]|\([^()]*\)|♪[^♪]*♪|[♪♫]")
"""Descriptions of sounds, which are not spoken: [door closes], (laughs), songs."""

SPEAKER: Final = re.compile(r"^\s*(?:-|–|—|>>+)\s*|^\s*[A-ZÁÉÍÓÚÑ][A-ZÁÉÍÓÚÑ .']{1,30}:\s+")
"""A dash or a speaker's name in capitals before the spoken text."""


@dataclass(frozen=True)
class Mark:
    """A karaoke time: ``time`` in seconds at which the word at index ``place`` of the cue's text starts.

    A mark at the end of the text is the end of the last word.
    """

    time: float
    place: int


@dataclass(frozen=True)
class Cue:
    """One subtitle.

    Attributes:
        start: in seconds.
        end: in seconds.
        text: spoken text on one line, without markup.
        line: line number of its times in the file, from 1.
        marks: karaoke times, in order.
    """

    start: float
    end: float
    text: str
    line: int
    marks: tuple[Mark, ...] = ()


def read_subtitles(path: Path) -> tuple[Cue, ...]:
    """Returns the cues of the srt or vtt file at ``path``, sorted by time, without those that have no words.

    A cue that repeats words of the one before it, as in roll-up captions, keeps only the new ones.

    Raises:
        DatasetError: a time cannot be read or a cue ends before it starts (the message names the line), or the file
            has no cue with words.
    """
    cues = [cue for cue in parse_subtitles(_load(path), str(path)) if cue.text]
    if not cues:
        raise DatasetError(f"subtitles hold no cue with words: {path}")
    return tuple(_without_repeats(sorted(cues, key=lambda cue: (cue.start, cue.line))))


def parse_subtitles(content: str, source: str) -> list[Cue]:
    """Returns all cues in ``content``, in its order, with cleaned text; ``source`` is the file's name for errors."""
    lines = content.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    cues: list[Cue] = []
    index = 0
    if lines[0].startswith("WEBVTT"):
        index = _after_block(lines, 0)
    while index < len(lines):
        line = lines[index].strip()
        if not line:
            index += 1
        elif re.match(r"(NOTE|STYLE|REGION)(\s|$)", line):
            index = _after_block(lines, index)
        elif "-->" in line:
            end = _after_block(lines, index)
            cues.append(_cue(lines[index:end], index + 1, source))
            index = end
        elif index + 1 < len(lines) and "-->" in lines[index + 1]:
            index += 1  # number or name of a cue
        elif cues and not re.fullmatch(r"\d+", line):
            # An empty line inside a cue: its text continues.
            end = _after_block(lines, index)
            cues[-1] = _appended(cues[-1], "\n".join(lines[index:end]))
            index = end
        elif cues and not any(rest.strip() for rest in lines[index + 1 :]):
            index += 1  # number of a cue that is missing
        else:
            raise DatasetError(f"subtitles line {index + 1}: a time line is expected, got {line[:60]!r}: {source}")
    return cues


def clean_cue(text: str) -> str:
    """Returns the spoken text of a cue as one line, without markup, speakers' names and descriptions of sounds."""
    plain = TAG.sub("", html.unescape(TAG.sub("", text)))
    spoken = [SPEAKER.sub("", line) for line in DESCRIPTION.sub(" ", plain).split("\n")]
    return " ".join(" ".join(spoken).split())


def _cue(block: list[str], line: int, source: str) -> Cue:
    match = TIMING.fullmatch(block[0])
    if match is None:
        allowed = "allowed is 00:00:01,000 --> 00:00:02,500"
        raise DatasetError(
            f"subtitles line {line}: times cannot be read, got {block[0].strip()[:60]!r}, {allowed}: {source}"
        )
    start, end = _seconds(match.groups()[:4]), _seconds(match.groups()[4:])
    if end <= start:
        raise DatasetError(f"subtitles line {line}: cue ends before it begins, got {block[0].strip()[:60]!r}: {source}")
    return _with_text("\n".join(block[1:]), Cue(start, end, "", line))


def _appended(cue: Cue, text: str) -> Cue:
    """Returns ``cue`` with ``text`` appended to its own."""
    more = _with_text(text, replace(cue, marks=()))
    if not cue.text or not more.text:
        return replace(cue, text=cue.text or more.text, marks=cue.marks or more.marks)
    first = len(cue.text) + 1
    moved = tuple(Mark(mark.time, first + mark.place) for mark in more.marks)
    return replace(cue, text=f"{cue.text} {more.text}", marks=_in_order(cue.marks + moved))


def _with_text(text: str, cue: Cue) -> Cue:
    """Returns ``cue`` with the words and karaoke times of ``text``."""
    times: list[float] = []
    elapsed = cue.start

    def placeholder(match: re.Match[str]) -> str:
        nonlocal elapsed
        *clock, hundredths = match.groups()
        times.append(elapsed if hundredths else _seconds(tuple(clock)))
        elapsed += int(hundredths or 0) / 100
        return chr(PLACEHOLDERS[len(times) - 1]) if len(times) <= len(PLACEHOLDERS) else ""

    bare = "".join(sign for sign in text if ord(sign) not in PLACEHOLDERS)
    words, marks = "", []
    for sign in clean_cue(MARK.sub(placeholder, bare)):
        index = ord(sign) - PLACEHOLDERS.start
        if 0 <= index < len(times):
            marks.append(Mark(times[index], len(words)))
        elif sign != " " or (words and words[-1] != " "):
            words += sign
    return replace(cue, text=words.strip(), marks=_in_order(_at_words(marks, words, cue)))


def _at_words(marks: list[Mark], words: str, cue: Cue) -> Iterator[Mark]:
    """Yields the ``marks`` that are within the cue's times, and before a word or at the end of the text."""
    end = len(words.rstrip())
    for mark in marks:
        place = min(mark.place + 1 if words[mark.place : mark.place + 1] == " " else mark.place, end)
        inside = 0 < place < end and words[place - 1] != " "
        if not inside and cue.start <= mark.time <= cue.end:
            yield Mark(mark.time, place)


def _in_order(marks: Iterable[Mark]) -> tuple[Mark, ...]:
    """Returns ``marks`` without those whose time or place is not after that of the one before."""
    kept: list[Mark] = []
    for mark in marks:
        if not kept or (mark.time > kept[-1].time and mark.place > kept[-1].place):
            kept.append(mark)
    return tuple(kept)


def _seconds(parts: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, thousandths = parts
    return (
        3600 * int(hours or 0)
        + 60 * int(minutes or 0)
        + int(seconds or 0)
        + int((thousandths or "0").ljust(3, "0")) / 1000
    )


def _after_block(lines: list[str], index: int) -> int:
    """Returns the index of the empty line that ends the block at ``index``, or of the next cue's number or times.

    Some programs do not write the empty line.
    """
    end = index + 1
    while end < len(lines) and lines[end].strip():
        if "-->" in lines[end]:
            return end
        if re.fullmatch(r"\s*\d+\s*", lines[end]) and end + 1 < len(lines) and "-->" in lines[end + 1]:
            return end
        end += 1
    return end


def _without_repeats(cues: list[Cue]) -> list[Cue]:
    """Returns ``cues`` without words repeated from the cue before, where that overlaps or ends just before."""
    kept: list[Cue] = []
    shown: Cue | None = None
    for cue in cues:
        text = cue.text
        if shown is not None and cue.start <= shown.end + 0.1:
            text = _new_words(shown.text, cue.text)
        shown = cue
        if text:
            removed = len(cue.text) - len(text)
            marks = tuple(Mark(mark.time, mark.place - removed) for mark in cue.marks if mark.place >= removed)
            kept.append(replace(cue, text=text, marks=marks))
    return kept


def _new_words(before: str, now: str) -> str:
    """Returns ``now`` without the two or more words at its start that are also the end of ``before``."""
    old, new = before.split(), now.split()
    for count in range(min(len(old), len(new)), 1, -1):
        if old[-count:] == new[:count]:
            return " ".join(new[count:])
    return now


def _load(path: Path) -> str:
    if not path.is_file():
        what = "subtitles must be a file, got a directory or device" if path.exists() else "no such subtitle file"
        raise DatasetError(f"{what}: {path}")
    content = path.read_bytes()
    if b"\0" in content[:1000] and not content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DatasetError(f"not a subtitle file, it holds binary data: {path}")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        # Older files are in Windows' Western encoding; every byte has a letter there or is replaced.
        return content.decode("cp1252", errors="replace")
