"""The predictor at work: in chunks as on the whole, later sound makes later mouths, and every sound has its frames."""

from __future__ import annotations

import shutil
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import keras
import numpy as np
import pytest
from made import babble

from obamanet.audio.features import extract_features
from obamanet.constants import SAMPLE_RATE
from obamanet.engine.onnx_export import export_weights
from obamanet.inference.keypoint_predictor import Predictor
from obamanet.networks.keypoint_lstm import build_predictor
from obamanet.person import Person
from obamanet.timing import frames_to_cover, parse_rate
from obamanet.types import AudioClip, FeatureSequence

SETTLED = 60
"""Frames after which the LSTM has forgotten how it began: at random weights it keeps about three quarters a step."""


def features_of(samples: np.ndarray, person: Person) -> FeatureSequence:
    return extract_features(AudioClip(samples, SAMPLE_RATE), person.features)


@pytest.fixture(scope="module")
def lively(tiny_person: Person) -> Person:
    """Return the tiny person with a mouth that moves ten times as far, so that differences show."""
    pca = replace(tiny_person.mouth.pca, spread=10 * tiny_person.mouth.pca.spread)
    speech = replace(tiny_person.speech_part, mouth=replace(tiny_person.mouth, pca=pca))
    return replace(tiny_person, speech=speech)


@pytest.fixture(scope="module")
def speech(lively: Person) -> FeatureSequence:
    return features_of(babble(12.3), lively)


@pytest.fixture(scope="module")
def predictor(lively: Person) -> Predictor:
    return Predictor(lively)


@pytest.fixture(scope="module")
def whole(predictor: Predictor, speech: FeatureSequence) -> np.ndarray:
    """Return the keypoints of 12.3 s of made speech, run at once."""
    points = predictor.predict(speech, chunk=10_000).points
    # Mouths that hardly move would make every comparison below an empty one.
    assert np.ptp(points, axis=0).max() > 0.1
    return points


@pytest.mark.parametrize("chunk", [1, 5, 7, 250])
def test_in_chunks_as_on_the_whole(
    predictor: Predictor, speech: FeatureSequence, whole: np.ndarray, chunk: int
) -> None:
    chunked = predictor.predict(speech, chunk).points
    assert chunked.shape == whole.shape
    assert np.abs(chunked - whole).max() < 1e-4


@pytest.mark.parametrize("rate", ["25", "30"])
def test_sound_a_second_later_moves_keypoints_by_a_second(lively: Person, rate: str) -> None:
    fps = parse_rate(rate)
    person = replace(lively, fps=fps)
    predictor = Predictor(person)
    samples = babble(6.0)
    later = np.concatenate([np.zeros(SAMPLE_RATE, np.float32), samples])
    now = predictor.predict(features_of(samples, person)).points
    then = predictor.predict(features_of(later, person)).points
    second = int(fps)
    assert len(then) == len(now) + second
    difference = np.abs(then[second:] - now).max(axis=(1, 2))
    assert difference[SETTLED:].max() < 1e-3
    # And by no other number of frames: a shift of one more or less is far off.
    for wrong in (second - 1, second + 1):
        end = min(len(now), len(then) - wrong)
        assert np.abs(then[wrong : wrong + end] - now[:end])[SETTLED:].max() > 0.02


@pytest.mark.parametrize("rate", ["23.976", "24", "25", "29.97", "30", "50", "59.94"])
def test_the_first_and_the_last_sound_have_frames(tiny_person: Person, rate: str) -> None:
    person = replace(tiny_person, fps=parse_rate(rate))
    predictor = Predictor(person)
    for samples in (1600, 16_000, 16_001, 30_123):
        keypoints = predictor.predict(features_of(np.zeros(samples, np.float32), person))
        count, duration = len(keypoints.points), Fraction(samples, SAMPLE_RATE)
        assert keypoints.fps == person.fps
        assert (count - 1) / person.fps < duration <= count / person.fps


def test_the_look_ahead_is_no_delay(tiny_person: Person, predictor: Predictor, speech: FeatureSequence) -> None:
    # What happens in the sound can show in the mouth from two feature frames before on, but not look-ahead + 60 ms
    # earlier than that: a change at 6 s leaves everything before 5.7 s as it was.
    changed = speech.values.copy()
    changed[600:] += np.random.default_rng(0).normal(0, 2, changed[600:].shape)
    normalised = [FeatureSequence(values, speech.rate, speech.duration) for values in (speech.values, changed)]
    before, after = (np.concatenate(list(predictor.stream(each))) for each in normalised)
    differs = np.flatnonzero(np.abs(before - after).max(axis=(1, 2)) > 1e-6)
    first = (150 - tiny_person.predictor.delay) - 1
    assert first - 1 <= differs[0] <= first + 1


def test_one_frame_of_sound(predictor: Predictor) -> None:
    features = FeatureSequence(np.zeros((1, 26), np.float32), Fraction(100), Fraction(1, 100))
    assert predictor.predict(features).points.shape == (1, 20, 2)


def test_silence_is_still(predictor: Predictor, tiny_person: Person) -> None:
    points = predictor.predict(features_of(np.zeros(6 * SAMPLE_RATE, np.float32), tiny_person)).points
    assert np.isfinite(points).all()
    assert np.abs(np.diff(points[SETTLED:], axis=0)).max() < 1e-4


def test_a_bidirectional_person_speaks(tiny_person: Person, speech: FeatureSequence, tmp_path: Path) -> None:
    config = replace(tiny_person.predictor, bidirectional=True, delay=0)
    folder = Path(shutil.copytree(tiny_person.folder, tmp_path / "person"))
    person = replace(tiny_person, folder=folder, speech=replace(tiny_person.speech_part, predictor=config))
    keras.utils.set_random_seed(1)
    build_predictor(config).save_weights(person.predictor_weights)
    export_weights(person.predictor_network)
    predictor = Predictor(person)
    one, other = (predictor.predict(speech, chunk).points for chunk in (7, 1000))
    assert len(one) == frames_to_cover(speech.duration, person.fps)
    np.testing.assert_array_equal(one, other)
