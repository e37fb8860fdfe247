"""Closures of the lips are scored by both errors, as the benchmarks do it."""

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
    "A small bomb exploded behind the bank.",
)

TRUE = (Span(1.0, 1.06), Span(2.0, 2.06), Span(3.0, 3.1))


@pytest.fixture
def scoring(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the benchmarks' module closure_score; their folder is on the path until the test ends."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
    return importlib.import_module("closure_score")


def test_found_missed_and_false_ones_are_counted(scoring: ModuleType) -> None:
    found = (Span(1.09, 1.13), Span(2.2, 2.3), Span(3.02, 3.04), Span(3.06, 3.08))
    score = scoring.score_closures(found, TRUE)
    assert score == scoring.ClosureScore(true=3, found=2, false=1)
    assert score.found_share == pytest.approx(2 / 3)
    assert score.false_per_true == pytest.approx(1 / 3)
    assert score.f1 == pytest.approx(2 * 2 / (3 + 3))
    assert scoring.score_closures((), TRUE) == scoring.ClosureScore(3, 0, 0)
    assert scoring.score_closures(TRUE, TRUE).f1 == 1
    assert score + scoring.ClosureScore(1, 0, 2) == scoring.ClosureScore(4, 2, 3)


def test_lips_that_stay_shut_are_no_closure_and_one_closure_finds_one(scoring: ModuleType) -> None:
    assert scoring.score_closures((Span(0.0, 4.0),), TRUE) == scoring.ClosureScore(3, 0, 1)
    near = (Span(1.0, 1.06), Span(1.12, 1.18))
    assert scoring.score_closures((Span(1.0, 1.18),), near) == scoring.ClosureScore(2, 1, 0)
    # Two that follow each other within a frame are one to see.
    touching = (Span(1.0, 1.05), Span(1.06, 1.1))
    assert scoring.score_closures((Span(1.0, 1.1),), touching) == scoring.ClosureScore(1, 1, 0)


def test_in_silence_lips_may_be_shut(scoring: ModuleType) -> None:
    speech = (Span(1.0, 2.0), Span(3.0, 4.0))
    # At rest until the first sound and a frame longer, then two seconds later in a vowel.
    found = (Span(0.0, 1.08), Span(2.2, 2.8), Span(3.5, 3.54))
    assert scoring.score_closures(found, (), speech) == scoring.ClosureScore(0, 0, 1)
    # A closure that ends in a rest is found; a rest that goes on into speech is false.
    assert scoring.score_closures((Span(1.9, 2.9),), (Span(1.92, 2.0),), speech) == scoring.ClosureScore(1, 1, 0)
    assert scoring.score_closures((Span(0.0, 1.5),), (), speech) == scoring.ClosureScore(0, 0, 1)


def test_frames_below_a_gap_are_runs(scoring: ModuleType) -> None:
    gap = np.array([0.0, 0.1, 0.3, 0.1, np.nan, 0.2, 0.1])
    runs = scoring.shut_runs(gap, np.arange(7) / 25, 0.2)
    assert [(round(run.start, 6), round(run.end, 6)) for run in runs] == [(0.0, 0.04), (0.12, 0.12), (0.24, 0.24)]


@pytest.mark.usefixtures("scoring")
@pytest.mark.parametrize("gap", [0.0, 1.0], ids=["always shut", "never shut"])
def test_a_mouth_that_does_not_move_scores_badly(gap: float) -> None:
    """As the benchmarks see it: an always-shut mouth had found every closure."""
    looked = importlib.import_module("seen").Seen()
    for text in SENTENCES:
        speech = speak_timed(text, "en-us")
        words = tuple(syllables_of(word, "en-us") for word in speech.words)
        times = np.arange(round(25 * speech.clip.duration)) / 25
        mouth = np.zeros((len(times), 20, 2))
        mouth[:, 17:20, 1] = gap
        looked.add(words, times, mouth)
    score = looked.closures(1.0)
    assert score.true >= 25
    assert score.found_share == 0
    assert score.f1 < 0.1
    assert (score.false > 0) == (gap == 0.0)
