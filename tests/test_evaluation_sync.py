"""The offset between sound and mouth on real sentences, and what has no offset."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from conftest import Recorded, recorded

from obamanet.audio.features import FeatureOptions, extract_features
from obamanet.constants import SAMPLE_RATE
from obamanet.evaluation.sync import LagCurve, SoundSteps, find_offset, lag_curve, silences, sound_steps
from obamanet.timing import frame_times

SENTENCES = ("bwig3a", "lbak2p")
"""Two of the validation sentences."""

FRAME = SAMPLE_RATE // 25


def steps_of(samples: np.ndarray) -> SoundSteps:
    return sound_steps(extract_features([samples], FeatureOptions()))


def shifted(samples: np.ndarray, frames: int) -> np.ndarray:
    """Return the samples ``frames`` video frames later, filled with digital silence."""
    late = np.zeros_like(samples)
    if frames >= 0:
        late[frames * FRAME :] = samples[: len(samples) - frames * FRAME]
    else:
        late[: frames * FRAME] = samples[-frames * FRAME :]
    return late


@pytest.fixture(scope="module")
def sentences(grid_s1: Path, track_cache: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return canonical mouth and sound of each validation sentence."""
    found = [recorded(grid_s1 / "video" / f"{name}.mpg", track_cache) for name in SENTENCES]
    return [(one.mouth, one.sound) for one in found]


@pytest.mark.parametrize("frames", range(-10, 11))
def test_a_shifted_sound_gives_its_shift(sentences: list[tuple[np.ndarray, np.ndarray]], frames: int) -> None:
    for mouth, samples in sentences:
        curve = lag_curve(mouth, frame_times(len(mouth), Fraction(25)), steps_of(shifted(samples, frames)))
        found = find_offset(curve)
        assert found.offset / 40 == pytest.approx(frames, abs=1)
        assert found.confidence > 0.3


def test_shifts_are_found_on_the_test_split(recorded_test_split: list[Recorded]) -> None:
    right = []
    for one in recorded_test_split:
        inner = one.mouth[10:-10]
        times = frame_times(len(inner), Fraction(25))
        for shift in range(-10, 11):
            # Real sound everywhere: the mouth is shorter than the recording.
            cut = one.sound[(10 - shift) * FRAME : (len(one.mouth) - 10 - shift) * FRAME]
            found = find_offset(lag_curve(inner, times, steps_of(cut))).offset
            right.append(abs(round(found / 40) - shift) <= 1)
    assert len(right) == 210
    assert np.mean(right) >= 0.95


def test_the_offset_does_not_depend_on_the_frame_rate(sentences: list[tuple[np.ndarray, np.ndarray]]) -> None:
    mouth, samples = sentences[0]
    times = frame_times(len(mouth), Fraction(25))
    every_other = find_offset(lag_curve(mouth[::2], times[::2], steps_of(shifted(samples, 5)))).offset
    assert every_other == pytest.approx(200, abs=40)


def test_a_frozen_mouth_has_no_offset_and_no_confidence(sentences: list[tuple[np.ndarray, np.ndarray]]) -> None:
    mouth, samples = sentences[0]
    frozen = np.repeat(mouth[:1], len(mouth), axis=0)
    found = find_offset(lag_curve(frozen, frame_times(len(mouth), Fraction(25)), steps_of(samples)))
    assert (found.offset, found.confidence) == (0.0, 0.0)


def test_another_sentence_agrees_less(sentences: list[tuple[np.ndarray, np.ndarray]]) -> None:
    (mouth, samples), (_, other) = sentences
    times = frame_times(len(mouth), Fraction(25))
    own, foreign = (lag_curve(mouth, times, steps_of(sound)).agreement for sound in (samples, other))
    middle = len(own) // 2
    assert own[middle] > foreign[middle] + 0.2


def test_silence_is_where_nobody_speaks(sentences: list[tuple[np.ndarray, np.ndarray]], grid_s1: Path) -> None:
    _, samples = sentences[0]
    times = frame_times(75, Fraction(25))
    silent, spoken = silences(steps_of(samples), times)
    assert not (silent & spoken).any()
    words = [line.split() for line in (grid_s1 / "align" / f"{SENTENCES[0]}.align").read_text().splitlines()]
    said = np.zeros(75, dtype=bool)
    for start, end, word in words:
        if word not in ("sil", "sp"):
            said |= (times >= int(start) / 25000) & (times < int(end) / 25000)
    assert said[spoken].mean() > 0.85
    assert said[silent].mean() < 0.1


def test_what_cannot_be_measured_says_why() -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, 2 * SAMPLE_RATE).astype(np.float32)
    mouth = np.random.default_rng(2).normal(0, 1, (20, 20, 2))
    with pytest.raises(ValueError, match=r"too short: 0\.80 s, needed are 1\.24 s"):
        lag_curve(mouth, frame_times(20, Fraction(25)), steps_of(noise))
    with pytest.raises(ValueError, match="silent"):
        steps_of(np.zeros(2 * SAMPLE_RATE, dtype=np.float32))
    with pytest.raises(ValueError, match="no silence"):
        silences(steps_of(noise[:SAMPLE_RATE]), np.zeros(1))


def test_the_peak_is_found_between_the_steps() -> None:
    lags = np.arange(-15, 16) / 25
    curve = LagCurve(lags, -((lags - 0.05) ** 2))
    assert find_offset(curve).offset == pytest.approx(50.0, abs=1e-6)
