"""Features equal python_speech_features however they are streamed; normalising sees the speech and not the silence."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import pytest

from obamanet.audio.features import LOGFBANK, MFCC, SPEECH, FeatureOptions, extract_features
from obamanet.audio.load import load_sound
from obamanet.audio.normalise_features import CLIP, normalise_utterance, silence_features
from obamanet.errors import OptionError, SoundError
from obamanet.types import AudioClip, FeatureSequence

ROOT = Path(__file__).resolve().parent.parent
KINDS = (LOGFBANK, MFCC)
ALL_KINDS = (LOGFBANK, MFCC, SPEECH)


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    """Return the sample greeting, (N,) float32 at 16 kHz; it begins and ends quietly."""
    return load_sound(ROOT / "data" / "audio" / "hello_en.wav").samples


def noise(count: int, level: float = 0.1, seed: int = 0) -> np.ndarray:
    return (level * np.random.default_rng(seed).normal(size=count)).astype(np.float32)


def features_of(samples: np.ndarray, kind: str = LOGFBANK) -> FeatureSequence:
    return extract_features(AudioClip(samples, 16000), FeatureOptions(kind=kind))


def normalised(samples: np.ndarray, kind: str = LOGFBANK) -> np.ndarray:
    return normalise_utterance(features_of(samples, kind), kind).values


def in_blocks(samples: np.ndarray, length: int) -> Iterator[np.ndarray]:
    return (samples[start : start + length] for start in range(0, len(samples), length))


# Features


@pytest.mark.parametrize("block_length", [1, 159, 160, 161, 400, 16000, 10**9])
@pytest.mark.parametrize(
    ("options", "peer"),
    [
        (FeatureOptions(), {}),
        (FeatureOptions(count=20, low_hz=100.0, high_hz=6000.0), {"nfilt": 20, "lowfreq": 100, "highfreq": 6000}),
        (FeatureOptions(kind=MFCC), {}),
        (FeatureOptions(kind=MFCC, count=20), {"numcep": 20}),
    ],
)
def test_equal_to_python_speech_features(
    speech: np.ndarray, options: FeatureOptions, peer: dict[str, Any], block_length: int
) -> None:
    import python_speech_features as psf

    samples = speech[8000:13000] if block_length == 1 else speech
    whole = (psf.mfcc if options.kind == MFCC else psf.logfbank)(samples, 16000, **peer)
    features = extract_features(in_blocks(samples, block_length), options)
    assert features.values.shape == whole.shape
    assert features.values.dtype == np.float32
    np.testing.assert_allclose(features.values, whole, atol=1e-4)
    assert features.rate == 100
    assert features.duration == Fraction(len(samples), 16000)


@pytest.mark.parametrize("count", [1, 399, 400, 401, 559, 560, 561, 720, 721, 1600, 160_400, 160_401])
def test_last_frame_is_filled_with_zeros_as_there(count: int) -> None:
    import python_speech_features as psf

    samples = noise(count)
    for length in (97, 160_000):
        values = extract_features(in_blocks(samples, length), FeatureOptions()).values
        np.testing.assert_allclose(values, psf.logfbank(samples), atol=1e-4)


def test_a_clip_equals_its_blocks_and_empty_blocks_count_for_nothing() -> None:
    samples = noise(9000)
    whole = features_of(samples).values
    blocks = [np.zeros(0, np.float32), samples[:5], np.zeros(0, np.float32), samples[5:], np.zeros(0, np.float32)]
    assert np.array_equal(extract_features(blocks, FeatureOptions()).values, whole)


@pytest.mark.parametrize("block_length", [159, 400, 16000, 10**9])
def test_speech_features_equal_librosa(speech: np.ndarray, block_length: int) -> None:
    features = extract_features(in_blocks(speech, block_length), FeatureOptions(kind=SPEECH))
    filled = np.concatenate([speech, np.zeros(400, np.float32)])
    mel = librosa.feature.melspectrogram(
        y=filled, sr=16000, n_fft=400, hop_length=160, n_mels=80, window="hann", center=False, power=2.0
    )
    wanted = np.log(np.maximum(mel.T[: len(features.values)], 1e-10))
    assert features.values.shape == wanted.shape
    np.testing.assert_allclose(features.values, wanted, atol=2e-3)


def test_a_pure_tone_is_loudest_in_its_own_band() -> None:
    # Edges of psf's mel bands: 26 filters between 28 points equally spaced in mel = 2595 log10(1 + f / 700).
    mel = np.linspace(0, 2595 * np.log10(1 + 8000 / 700), 28)
    centres = 700 * (10 ** (mel / 2595) - 1)
    for band in (5, 12, 22):
        tone = 0.5 * np.sin(2 * np.pi * centres[band + 1] * np.arange(16000) / 16000)
        assert features_of(tone.astype(np.float32)).values[50].argmax() == band


def test_twice_the_amplitude_adds_twice_the_logarithm_of_two() -> None:
    samples = noise(8000)
    np.testing.assert_allclose(features_of(2 * samples).values - features_of(samples).values, 2 * np.log(2), atol=1e-4)


def test_one_second_later_is_a_hundred_frames_later(speech: np.ndarray) -> None:
    late = features_of(np.concatenate([np.zeros(16000, np.float32), speech])).values
    np.testing.assert_allclose(late[100:], features_of(speech).values, atol=1e-4)


def test_memory_beside_the_features_does_not_grow() -> None:
    def beside(blocks: int) -> int:
        block = noise(16000)
        tracemalloc.start()
        values = extract_features((block for _ in range(blocks)), FeatureOptions()).values
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak - 2 * values.nbytes  # the parts, and the parts joined

    beside(2)
    assert beside(60) < 1.2 * beside(10)


def test_options_survive_json_and_know_their_usual_count() -> None:
    for options in (FeatureOptions(), FeatureOptions(MFCC, 20, 50.0, 7000.0)):
        assert FeatureOptions(**json.loads(json.dumps(asdict(options)))) == options
    assert FeatureOptions().count == 26
    assert FeatureOptions(kind=MFCC).count == 13


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "plp"},
        {"count": -1},
        {"count": 41},
        {"kind": MFCC, "count": 27},
        {"kind": SPEECH, "count": 40},
        {"kind": SPEECH, "high_hz": 4000.0},
        {"low_hz": -1.0},
        {"low_hz": 4000.0, "high_hz": 4000.0},
        {"low_hz": float("nan")},
        {"high_hz": float("nan")},
    ],
)
def test_options_outside_what_is_allowed(wrong: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match="allowed"):
        FeatureOptions(**wrong)


@pytest.mark.parametrize(
    ("options", "rate"),
    [
        (FeatureOptions(), 22050),
        (FeatureOptions(), 11025),
        (FeatureOptions(), 48000),
        (FeatureOptions(), 0),
        (FeatureOptions(high_hz=8001.0), 16000),
        (FeatureOptions(low_hz=9000.0), 16000),
        (FeatureOptions(low_hz=300.0, high_hz=500.0), 16000),
    ],
)
def test_rates_and_filters_that_do_not_fit(options: FeatureOptions, rate: int) -> None:
    with pytest.raises(OptionError, match="allowed"):
        extract_features([noise(8000)], options, rate)


def test_sounds_that_have_no_features() -> None:
    with pytest.raises(SoundError, match="no samples"):
        extract_features([], FeatureOptions())
    with pytest.raises(SoundError, match="mono"):
        extract_features([np.zeros((100, 2), np.float32)], FeatureOptions())
    with pytest.raises(OptionError, match="44100 Hz"):
        extract_features(AudioClip(noise(8000), 44100), FeatureOptions())


# Normalising an utterance


@pytest.mark.parametrize("kind", KINDS)
def test_speech_has_mean_zero_and_variance_one(speech: np.ndarray, kind: str) -> None:
    values = normalised(speech, kind)
    assert values.dtype == np.float32
    levels = features_of(speech, MFCC).values[:, 0]
    loud = values[levels > levels.max() - 35 * np.log(10) / 10]
    assert np.abs(loud.mean(axis=0)).max() < 0.35
    assert np.abs(loud.std(axis=0) - 1).max() < 0.25
    assert np.abs(values).max() <= CLIP


@pytest.mark.parametrize("kind", ALL_KINDS)
@pytest.mark.parametrize("gain", [0.1, 0.5, 2.0, 10.0])
def test_loudness_does_not_matter(speech: np.ndarray, kind: str, gain: float) -> None:
    np.testing.assert_allclose(normalised(gain * speech, kind), normalised(speech, kind), atol=1e-3)


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_silence_before_and_after_changes_nothing(speech: np.ndarray, kind: str) -> None:
    alone = normalised(speech, kind)
    silence = np.zeros(16000, np.float32)
    count = len(alone) - 3  # the frames that overlap the end differ
    before = normalised(np.concatenate([silence, speech]), kind)
    np.testing.assert_allclose(before[100 : 100 + count], alone[:count], atol=1e-3)
    around = normalised(np.concatenate([silence, speech, silence, silence]), kind)
    np.testing.assert_allclose(around[100 : 100 + count], alone[:count], atol=1e-3)
    np.testing.assert_allclose(around[-100:], np.broadcast_to(around[-1], (100, alone.shape[1])), atol=1e-6)


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_a_pause_within_changes_the_rest_by_little(speech: np.ndarray, kind: str) -> None:
    alone = normalised(speech, kind)
    quietest = 20 + int(features_of(speech, MFCC).values[20:-20, 0].argmin())
    cut = quietest * 160
    paused = normalised(np.concatenate([speech[:cut], np.zeros(48000, np.float32), speech[cut:]]), kind)
    np.testing.assert_allclose(paused[: quietest - 3], alone[: quietest - 3], atol=0.05)
    np.testing.assert_allclose(paused[300 + quietest + 3 : -3], alone[quietest + 3 : -3], atol=0.05)


def test_background_noise_in_pauses_changes_the_speech_by_little(speech: np.ndarray) -> None:
    loudest = float(np.sqrt(np.mean(speech**2)))
    hiss = noise(len(speech) + 64000, loudest * 10 ** (-45 / 20))
    placed = np.concatenate([np.zeros(32000, np.float32), speech, np.zeros(32000, np.float32)])
    short = normalised(speech + hiss[32000:-32000])
    long = normalised(placed + hiss)
    np.testing.assert_allclose(long[203 : 200 + len(short) - 3], short[3:-3], atol=0.05)


def test_one_click_does_not_make_the_speech_quiet(speech: np.ndarray) -> None:
    clicked = 0.05 * speech
    clicked[-2000] = 1.0
    alone, with_click = normalised(0.05 * speech), normalised(clicked)
    assert np.abs(with_click[:-20] - alone[:-20]).mean() < 0.15


@pytest.mark.parametrize("kind", ALL_KINDS)
@pytest.mark.parametrize("level", [0.0, 1e-6, 1e-4])
def test_silence_alone_is_the_quiet_vector(kind: str, level: float) -> None:
    values = normalised(noise(16000, level), kind)
    np.testing.assert_array_equal(values, np.broadcast_to(silence_features(values.shape[1], kind), values.shape))
    assert values[0, 0] == (-1 if kind == SPEECH else -CLIP)


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_silence_in_speech_is_close_to_silence_alone(speech: np.ndarray, kind: str) -> None:
    values = normalised(np.concatenate([speech, np.zeros(8000, np.float32)]), kind)
    assert np.abs(values[-1] - silence_features(values.shape[1], kind)).mean() < 0.7


def test_recorded_pauses_are_close_to_silence_alone(grid_s1: Path) -> None:
    # The network learns its closed mouth from such pauses; digital silence has to look like them.
    values = normalised(load_sound(grid_s1 / "video" / "pgiq4p.mpg").samples)
    assert values[:15].mean() < -2.0
    assert np.abs(values).max() <= CLIP


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_noise_is_finite_and_not_blown_up(kind: str) -> None:
    values = normalised(noise(16000), kind)
    assert np.isfinite(values).all()
    assert np.abs(values).max() <= CLIP
    if kind == LOGFBANK:
        assert values.std() < 0.7  # its filters vary less than speech does, and are not made to
