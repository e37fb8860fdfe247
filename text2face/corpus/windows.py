"""Plans the windows of a video in which the cues are searched; windows do not overlap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from text2face.subtitles import Cue, Mark

REACH: Final = 0.25
"""Seconds before and after a cue in which its words are searched too, as subtitles are timed by hand."""

MAX_SPEECH: Final = 25
"""Maximum letters per second of speech; subtitles are written to be read at half of that."""

MAX_LENGTH: Final = 100.0
"""Maximum length of a window in seconds, which bounds memory where a cue's end is wrong."""


@dataclass(frozen=True)
class Window:
    """A cue, its ``number`` from 1, and ``start`` and ``end`` of the stretch in which it is searched, in seconds."""

    number: int
    cue: Cue
    start: float
    end: float


@dataclass(frozen=True)
class Plan:
    """The windows in order of time, and the cues that start after the end of the video."""

    windows: tuple[Window, ...]
    beyond: tuple[Cue, ...]


def plan_windows(cues: Sequence[Cue], duration: float) -> Plan:
    """Returns the windows of ``cues``, sorted by start, in a video of ``duration`` seconds.

    A cue that overlaps the next one ends at its start, as in roll-up captions; when that leaves too little time to
    speak it, the two are joined.
    """
    beyond = tuple(cue for cue in cues if cue.start >= duration)
    apart = list(_apart([cue for cue in cues if cue.start < duration]))
    if not apart:
        return Plan((), beyond)
    edges = [0.0, *((before.end + after.start) / 2 for before, after in pairwise(apart)), duration]
    windows = (
        Window(number, cue, max(cue.start - REACH, before), max(min(cue.end + REACH, after), cue.start))
        for number, (cue, (before, after)) in enumerate(zip(apart, pairwise(edges), strict=True), start=1)
    )
    return Plan(tuple(replace(one, end=min(one.end, one.start + MAX_LENGTH)) for one in windows), beyond)


def _apart(cues: Sequence[Cue]) -> Iterator[Cue]:
    """Yields ``cues`` without overlaps."""
    waiting: Cue | None = None
    for cue in cues:
        if waiting is None:
            waiting = cue
        elif cue.start >= waiting.end:
            yield waiting
            waiting = cue
        elif cue.start - waiting.start >= len(waiting.text) / MAX_SPEECH:
            marks = tuple(mark for mark in waiting.marks if mark.time <= cue.start)
            yield replace(waiting, end=cue.start, marks=marks)
            waiting = cue
        else:
            waiting = _joined(waiting, cue)
    if waiting is not None:
        yield waiting


def _joined(first: Cue, second: Cue) -> Cue:
    """Returns two cues joined; karaoke times are kept when both have them and they are in order."""
    place = len(first.text) + 1
    marks = tuple(Mark(mark.time, place + mark.place) for mark in second.marks)
    ordered = bool(first.marks and marks) and first.marks[-1].time < marks[0].time
    return Cue(
        first.start,
        max(first.end, second.end),
        f"{first.text} {second.text}",
        first.line,
        first.marks + marks if ordered else (),
    )
