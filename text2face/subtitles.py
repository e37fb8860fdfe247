"""Subtitle files, SubRip (srt) and WebVTT, to cues: what is said from when to when."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from obamanet.errors import DatasetError

TIME: Final = r"(?:(\d{1,6}):)?([0-5]?\d):([0-5]?\d)[.,](\d{1,3})"
"""Hours, which WebVTT may leave out and gives any number of digits (more than six are a fault), minutes, seconds and
thousandths."""

TIMING: Final = re.compile(rf"\s*{TIME}\s*-->\s*{TIME}(?:\s.*)?\s*")

MARK: Final = re.compile(rf"<{TIME}>|\{{\\[kK][fo]?(\d{{1,9}})\}}")
"""Karaoke: the time at which what follows is said (WebVTT), or the hundredths that it lasts (SubStation)."""

PLACEHOLDERS: Final = range(0xE000, 0xF900)
"""Signs of Unicode's private use area, which stand for karaoke times while the rest of the markup is taken away."""

TAG: Final = re.compile(r"</?[a-zA-Z][^<>]*>|</>|<(?:\d+:)?\d+:\d+[.,]\d+>|\{\\[^{}]*\}|\{/?[biu]\}")
"""Markup: HTML's and WebVTT's tags (voices and classes too), karaoke times, and SubStation's overrides."""

DESCRIPTION: Final = re.compile(r"\[[^\[\]]*\]|\([^()]*\)|♪[^♪]*♪|[♪♫]")
"""What is heard but not said: [door closes], (laughs), songs."""

SPEAKER: Final = re.compile(r"^\s*(?:-|–|—|>>+)\s*|^\s*[A-ZÁÉÍÓÚÑ][A-ZÁÉÍÓÚÑ .']{1,30}:\s+")
"""A dash or a name in capitals before what somebody says."""


@dataclass(frozen=True)
class Mark:
    """A karaoke time: the word that begins at ``place`` in its cue's text is said from ``time`` on, in seconds.

    A mark at the text's end says when the last word ends.
    """

    time: float
    place: int


@dataclass(frozen=True)
class Cue:
    """What is said between two times, in seconds, on one line and without markup; ``line`` in the file, from 1.

    ``marks`` are its karaoke times, in order; most subtitles have none.
    """

    start: float
    end: float
    text: str
    line: int
    marks: tuple[Mark, ...] = ()


def read_subtitles(path: Path) -> tuple[Cue, ...]:
    """Return the cues of the srt or vtt file at ``path`` in the order of their times; cues without words are left out.

    Where a cue repeats what the one before it still shows, as in rolled-up captions, only what is new is kept. Raises
    :class:`DatasetError`, with the line's number, for times that cannot be read or run backward, and for a file without
    cues.
    """
    cues = [cue for cue in parse_subtitles(_load(path), str(path)) if cue.text]
    if not cues:
        raise DatasetError(f"subtitles hold no cue with words: {path}")
    return tuple(_without_repeats(sorted(cues, key=lambda cue: (cue.start, cue.line))))


def parse_subtitles(content: str, source: str) -> list[Cue]:
    """Return every cue in ``content`` as it stands there, cleaned; ``source`` names the file in errors."""
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
            index += 1  # a cue's number or name
        elif cues and not re.fullmatch(r"\d+", line):
            # An empty line inside a cue: its words go on.
            end = _after_block(lines, index)
            cues[-1] = _longer(cues[-1], "\n".join(lines[index:end]))
            index = end
        elif cues and not any(rest.strip() for rest in lines[index + 1 :]):
            index += 1  # the number of a cue that was never written
        else:
            raise DatasetError(f"subtitles line {index + 1}: a time line is expected, got {line[:60]!r}: {source}")
    return cues


def clean_cue(text: str) -> str:
    """Return what is said in a cue of several lines, as one line without markup and descriptions of sounds."""
    plain = TAG.sub("", html.unescape(TAG.sub("", text)))
    said = [SPEAKER.sub("", line) for line in DESCRIPTION.sub(" ", plain).split("\n")]
    return " ".join(" ".join(said).split())


def _cue(block: list[str], line: int, source: str) -> Cue:
    match = TIMING.fullmatch(block[0])
    if match is None:
        wanted = "allowed is 00:00:01,000 --> 00:00:02,500"
        raise DatasetError(
            f"subtitles line {line}: times cannot be read, got {block[0].strip()[:60]!r}, {wanted}: {source}"
        )
    start, end = _seconds(match.groups()[:4]), _seconds(match.groups()[4:])
    if end <= start:
        raise DatasetError(f"subtitles line {line}: cue ends before it begins, got {block[0].strip()[:60]!r}: {source}")
    return _with_text("\n".join(block[1:]), Cue(start, end, "", line))


def _longer(cue: Cue, text: str) -> Cue:
    """Return ``cue`` with more text after its own."""
    more = _with_text(text, replace(cue, marks=()))
    if not cue.text or not more.text:
        return replace(cue, text=cue.text or more.text, marks=cue.marks or more.marks)
    first = len(cue.text) + 1
    later = tuple(Mark(mark.time, first + mark.place) for mark in more.marks)
    return replace(cue, text=f"{cue.text} {more.text}", marks=_in_order(cue.marks + later))


def _with_text(text: str, cue: Cue) -> Cue:
    """Return ``cue`` with the words and karaoke times of ``text``."""
    times: list[float] = []
    said = cue.start

    def place(match: re.Match[str]) -> str:
        nonlocal said
        *clock, hundredths = match.groups()
        times.append(said if hundredths else _seconds(tuple(clock)))
        said += int(hundredths or 0) / 100
        return chr(PLACEHOLDERS[len(times) - 1]) if len(times) <= len(PLACEHOLDERS) else ""

    bare = "".join(sign for sign in text if ord(sign) not in PLACEHOLDERS)
    words, marks = "", []
    for sign in clean_cue(MARK.sub(place, bare)):
        index = ord(sign) - PLACEHOLDERS.start
        if 0 <= index < len(times):
            marks.append(Mark(times[index], len(words)))
        elif sign != " " or (words and words[-1] != " "):
            words += sign
    return replace(cue, text=words.strip(), marks=_in_order(_at_words(marks, words, cue)))


def _at_words(marks: list[Mark], words: str, cue: Cue) -> Iterator[Mark]:
    """Yield those of ``marks`` that lie inside the cue, and before a word or at the end, not inside a word."""
    end = len(words.rstrip())
    for mark in marks:
        place = min(mark.place + 1 if words[mark.place : mark.place + 1] == " " else mark.place, end)
        inside = 0 < place < end and words[place - 1] != " "
        if not inside and cue.start <= mark.time <= cue.end:
            yield Mark(mark.time, place)


def _in_order(marks: Iterable[Mark]) -> tuple[Mark, ...]:
    """Return ``marks`` without those whose time or place does not come after the one before."""
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
    """Return the place of the empty line that ends the block at ``index``, or of the next cue's name or times.

    Some writers leave the empty line out.
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
    """Return ``cues`` without what a cue repeats of the one before it that it overlaps or follows at once."""
    kept: list[Cue] = []
    shown: Cue | None = None
    for cue in cues:
        text = cue.text
        if shown is not None and cue.start <= shown.end + 0.1:
            text = _new_words(shown.text, cue.text)
        shown = cue
        if text:
            gone = len(cue.text) - len(text)
            marks = tuple(Mark(mark.time, mark.place - gone) for mark in cue.marks if mark.place >= gone)
            kept.append(replace(cue, text=text, marks=marks))
    return kept


def _new_words(before: str, now: str) -> str:
    """Return ``now`` without the words at its beginning with which ``before`` ends, two or more of them."""
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
