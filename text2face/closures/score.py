"""Holds closures of the lips that were found against the true ones: what was found, what was missed, what was false."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from obamanet.types import Span

TOLERANCE: Final = 0.04
"""Seconds, a frame of 25 per second: by so much a found closure may miss a true one, and closures that are nearer to
each other than this are one."""

COLLAR: Final = 0.12
"""Seconds, three frames of 25 per second, by which a found closure may begin before a true one and end after it. More
would swallow a syllable: lips that stay shut are no closure."""

TO_REST: Final = 0.12
"""Seconds for which lips may be shut at the edge of a silence without that being a false closure: they rest there."""


@dataclass(frozen=True)
class ClosureScore:
    """How many closures were ``true``, how many of them were ``found``, and how many more found ones are ``false``."""

    true: int = 0
    found: int = 0
    false: int = 0

    def __add__(self, other: ClosureScore) -> ClosureScore:
        """Return the score over both."""
        return ClosureScore(self.true + other.true, self.found + other.found, self.false + other.false)

    @property
    def found_share(self) -> float:
        """Share of the true closures that were found, 0 to 1 (recall); 0 where there are none."""
        return self.found / self.true if self.true else 0.0

    @property
    def false_per_true(self) -> float:
        """False closures for each true one; infinite where there are only false ones."""
        return self.false / self.true if self.true else float("inf") if self.false else 0.0

    @property
    def f1(self) -> float:
        """The harmonic mean of found share and precision, 2 found / (true + found + false), 0 to 1."""
        return 2 * self.found / (self.true + self.found + self.false) if self.true + self.false else 0.0


def score_closures(found: Sequence[Span], true: Sequence[Span], speech: Sequence[Span] | None = None) -> ClosureScore:
    """Return how well ``found`` closures agree with ``true`` ones, seconds each.

    Each finds at most one: it comes within :data:`TOLERANCE` of it and covers no more than :data:`COLLAR` of what lies
    before, between and after the closures that it touches. Where ``speech`` is given, only what lies in it counts: in
    silence lips may be shut or not.
    """
    true = _joined(true, TOLERANCE)
    pieces = [(span, False) for span in _joined(found, TOLERANCE)]
    if speech is not None:
        pieces = _inside([span for span, _ in pieces], _joined([*speech, *true], 0.0))
    matched, false, rest = 0, 0, list(true)
    for span, at_silence in pieces:
        near = [one for one in rest if span.start <= one.end + TOLERANCE and one.start <= span.end + TOLERANCE]
        # From border to border: what the span covers before, between and after the closures that it touches.
        borders = [span.start, *(time for one in near for time in (one.start, one.end)), span.end]
        if near and max(late - early for early, late in zip(borders[::2], borders[1::2], strict=True)) <= COLLAR:
            # Both are in order of time: to take the first leaves the most for those that follow.
            rest.remove(near[0])
            matched += 1
        elif not (at_silence and span.end - span.start <= TO_REST):
            false += 1
    return ClosureScore(len(true), matched, false)


def shut_runs(gap: np.ndarray, times: np.ndarray, below: float) -> tuple[Span, ...]:
    """Return the stretches, from first to last frame, in which ``gap`` (T,) at ``times`` (T,) seconds is ``below``.

    NaN, where no mouth was found, is not shut.
    """
    shut = np.concatenate([[False], np.nan_to_num(gap, nan=np.inf) < below, [False]])
    borders = np.flatnonzero(np.diff(shut.astype(np.int8)))
    return tuple(Span(float(times[a]), float(times[b - 1])) for a, b in zip(borders[::2], borders[1::2], strict=True))


def _joined(spans: Sequence[Span], nearer: float) -> list[Span]:
    """Return ``spans`` in order, those in one that lie no further than ``nearer`` seconds apart."""
    whole: list[Span] = []
    for span in sorted(spans, key=lambda span: span.start):
        if whole and span.start - whole[-1].end <= nearer:
            whole[-1] = Span(whole[-1].start, max(whole[-1].end, span.end))
        else:
            whole.append(span)
    return whole


def _inside(spans: Sequence[Span], speech: Sequence[Span]) -> list[tuple[Span, bool]]:
    """Return the parts of ``spans`` that lie in ``speech``, and whether each reaches into a silence."""
    return [
        (Span(max(span.start, said.start), min(span.end, said.end)), span.start < said.start or span.end > said.end)
        for span in spans
        for said in speech
        if span.start <= said.end and said.start <= span.end
    ]
