"""Shut lips are scored by both errors, as the benchmarks do it."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from obamanet.types import Span
from text2face.syllables.timed import syllables_of
from text2face.voice.espeak import speak_timed

SENTENCES = (
    "Bob bought a big map of the harbour.",
    "My mother may pick some plums before supper.",
    "The boy jumped over a broken beam.",
    "Please pay the man a penny for his paper.",
)

TIMES = np.arange(50) / 25


def frames(*shut: int) -> np.ndarray:
    """Return fifty frames, (50,) bool, of which ``shut`` are."""
    return np.isin(np.arange(50), shut)


@pytest.fixture
def scoring(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the benchmarks' module closure_score; their folder is on the path until the test ends."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
    return importlib.import_module("closure_score")


def test_shut_missed_and_false_ones_are_counted(scoring: ModuleType) -> None:
    closures = (Span(0.4, 0.44), Span(1.0, 1.04))
    opened = frames(*range(20, 24), *range(40, 48))
    # 0.48 s is 40 ms from the first closure, 1.16 s is 120 ms from the second one.
    score = scoring.score_lips(frames(12, 22, 29, 41, 42, 45), TIMES, closures, opened)
    assert score == scoring.LipScore(closures=2, shut=1, false=3)
    assert (score.shut_share, score.false_share, score.f1) == (0.5, 1.5, pytest.approx(2 / 6))
    assert scoring.score_lips(frames(10, 11, 25, 26), TIMES, closures, opened).f1 == 1
    assert scoring.score_lips(frames(), TIMES, closures, opened) == scoring.LipScore(2, 0, 0)
    assert score + scoring.LipScore(1, 0, 2) == scoring.LipScore(3, 1, 5)


def test_recorded_lips_tell_where_lips_may_be_shut(scoring: ModuleType) -> None:
    recorded, closures, speech = frames(10, 11, 30, 31, 32), (Span(0.42, 0.44),), (Span(0.2, 1.8),)
    opened = scoring.open_when_recorded(recorded, TIMES, speech)
    assert np.flatnonzero(opened).tolist() == [*range(5, 8), *range(14, 28), *range(35, 46)]

    def scored(shut: np.ndarray) -> tuple[int, int]:
        score = scoring.score_lips(shut, TIMES, closures, opened)
        return score.shut, score.false

    assert scored(recorded) == (1, 0)
    assert scored(np.roll(recorded, 2)) == (1, 0)
    # Frames 15 and 16, then 35 to 37.
    assert scored(np.roll(recorded, 5)) == (0, 2)
    # Before, between and after the recorded stretches.
    assert scored(np.ones(50, bool)) == (1, 3)


@pytest.mark.usefixtures("scoring")
@pytest.mark.parametrize("gap", [0.0, 1.0], ids=["always shut", "never shut"])
def test_a_mouth_that_does_not_move_scores_badly(gap: float) -> None:
    looked = importlib.import_module("seen").Seen()
    for text in SENTENCES:
        speech = speak_timed(text, "en-us")
        words = tuple(syllables_of(word, "en-us") for word in speech.words)
        times = np.arange(round(25 * speech.clip.duration)) / 25
        mouth = np.zeros((len(times), 20, 2))
        mouth[:, 17:20, 1] = gap
        looked.add(words, times, mouth)
    score = looked.closures(1.0)
    assert score.closures >= 25
    assert score.shut_share == (gap == 0.0)
    assert (score.false_share > 0.5) == (gap == 0.0)
    assert score.f1 < 0.8
