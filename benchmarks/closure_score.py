"""Scores closures of the lips that are seen against the true ones: found, missed and false ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from obamanet.types import Span

TOLERANCE: Final = 0.04
"""Maximum distance in seconds between a found closure and a true one, and between closures that are joined into one: a
frame at 25 per second."""

COLLAR: Final = 0.12
"""Maximum time in seconds that a found closure may start before a true one and end after it: three frames at 25 per
second. More would cover a syllable, and lips that stay shut would count as a closure."""

TO_REST: Final = 0.12
"""Maximum time in seconds for which lips may be shut at the edge of a silence, where they come to rest, without being a
false closure."""


@dataclass(frozen=True)
class ClosureScore:
    """Number of ``true`` closures, of those ``found``, and of ``false`` detections."""

    true: int = 0
    found: int = 0
    false: int = 0

    def __add__(self, other: ClosureScore) -> ClosureScore:
        """Returns the sum of both scores."""
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
    """Scores ``found`` closures against ``true`` ones.

    A detection matches at most one true closure. It must be within TOLERANCE of it, and may cover at most COLLAR
    before, between and after the closures that it touches.

    Args:
        found: detected closures, in seconds.
        true: true closures, in seconds.
        speech: where to score, as lips may be shut or open in silence; None for everywhere.
    """
    true = _joined(true, TOLERANCE)
    pieces = [(span, False) for span in _joined(found, TOLERANCE)]
    if speech is not None:
        pieces = _inside([span for span, _ in pieces], _joined([*speech, *true], 0.0))
    matched, false, rest = 0, 0, list(true)
    for span, at_silence in pieces:
        near = [one for one in rest if span.start <= one.end + TOLERANCE and one.start <= span.end + TOLERANCE]
        # Borders, in pairs, of what the span covers before, between and after the closures that it touches.
        borders = [span.start, *(time for one in near for time in (one.start, one.end)), span.end]
        if near and max(late - early for early, late in zip(borders[::2], borders[1::2], strict=True)) <= COLLAR:
            # Both are sorted by time, so matching the first one leaves most for the next detections.
            rest.remove(near[0])
            matched += 1
        elif not (at_silence and span.end - span.start <= TO_REST):
            false += 1
    return ClosureScore(len(true), matched, false)


def shut_runs(gap: np.ndarray, times: np.ndarray, below: float) -> tuple[Span, ...]:
    """Returns the runs of frames with a closed mouth, from the first frame's time to the last's.

    Args:
        gap: distance between the lips, (T,); NaN, where no mouth was found, is not closed.
        times: of the frames, (T,) in seconds.
        below: threshold of the gap.
    """
    shut = np.concatenate([[False], np.nan_to_num(gap, nan=np.inf) < below, [False]])
    borders = np.flatnonzero(np.diff(shut.astype(np.int8)))
    return tuple(Span(float(times[a]), float(times[b - 1])) for a, b in zip(borders[::2], borders[1::2], strict=True))


def _joined(spans: Sequence[Span], max_gap: float) -> list[Span]:
    """Returns ``spans`` sorted, with those joined that are at most ``max_gap`` seconds apart."""
    whole: list[Span] = []
    for span in sorted(spans, key=lambda span: span.start):
        if whole and span.start - whole[-1].end <= max_gap:
            whole[-1] = Span(whole[-1].start, max(whole[-1].end, span.end))
        else:
            whole.append(span)
    return whole


def _inside(spans: Sequence[Span], speech: Sequence[Span]) -> list[tuple[Span, bool]]:
    """Returns the parts of ``spans`` inside ``speech``, and whether each span continues into silence."""
    return [
        (Span(max(span.start, part.start), min(span.end, part.end)), span.start < part.start or span.end > part.end)
        for span in spans
        for part in speech
        if span.start <= part.end and part.start <= span.end
    ]
