"""Scores when lips are shut: at the sounds that ask for it, and where they should be open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from obamanet.types import Span

NEAR: Final = 0.08
"""Seconds. Maximum distance between shut lips and the closure, or the recorded shut lips, that they are compared with:
two frames at 25 per second."""


@dataclass(frozen=True)
class LipScore:
    """Number of ``closures`` asked for, at how many the lips are ``shut``, and of ``false`` stretches of shut lips."""

    closures: int = 0
    shut: int = 0
    false: int = 0

    def __add__(self, other: LipScore) -> LipScore:
        """Returns the sum of both scores."""
        return LipScore(self.closures + other.closures, self.shut + other.shut, self.false + other.false)

    @property
    def shut_share(self) -> float:
        """Share of the closures at which the lips are shut, 0 to 1 (recall); 0 without closures."""
        return self.shut / self.closures if self.closures else 0.0

    @property
    def false_share(self) -> float:
        """False stretches for each closure; infinite where there are only false ones."""
        return self.false / self.closures if self.closures else float("inf") if self.false else 0.0

    @property
    def f1(self) -> float:
        """The harmonic mean of shut share and precision, 0 to 1."""
        return 2 * self.shut / (self.closures + self.shut + self.false) if self.closures + self.false else 0.0


def score_lips(shut: np.ndarray, times: np.ndarray, closures: Sequence[Span], opened: np.ndarray) -> LipScore:
    """Scores the lips of one sentence.

    A stretch of shut lips is cut to where they should be open, so that lips which are always shut are false at every
    such place.

    Args:
        shut: frames with shut lips, (T,) bool.
        times: of the frames, (T,) in seconds.
        closures: when lips are shut according to the text, in seconds; frames up to NEAR away count.
        opened: frames in which the lips should be open, (T,) bool.
    """
    hits = [bool(shut[frames_within(times, [span], NEAR)].any()) for span in closures]
    false = np.concatenate([[False], shut & opened])
    return LipScore(len(closures), sum(hits), int((false[1:] & ~false[:-1]).sum()))


def open_when_recorded(recorded: np.ndarray, times: np.ndarray, speech: Sequence[Span]) -> np.ndarray:
    """Returns the frames of ``speech`` further than NEAR from every frame in which ``recorded`` lips are shut: (T,)."""
    shut = times[recorded]
    near = np.array([np.any(np.abs(shut - time) <= NEAR + 1e-6) for time in times], bool)
    return frames_within(times, speech) & ~near


def frames_within(times: np.ndarray, spans: Sequence[Span], margin: float = 0.0) -> np.ndarray:
    """Returns the frames inside ``spans`` widened by ``margin`` seconds: (T,) bool."""
    inside = np.zeros(len(times), bool)
    for span in spans:
        inside |= (times >= span.start - margin - 1e-6) & (times <= span.end + margin + 1e-6)
    return inside
