"""Keypoints while the sound is coming: the whole's, as early as stated, whatever the pieces."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import pytest

from obamanet import default_person_folder, load_person
from obamanet.audio.features import extract_features
from obamanet.audio.normalise_features import RunningReference, speech_reference
from obamanet.constants import SAMPLE_RATE
from obamanet.errors import PersonError, SoundError
from obamanet.inference.speaker import Speaker
from obamanet.inference.streaming import KeypointStream, streaming_latency
from obamanet.person import Person
from obamanet.types import AudioClip


def made_speech(seconds: float, seed: int = 0) -> np.ndarray:
    """Return mono samples with the pitch, syllables, formants and pauses of speech, roughly."""
    random = np.random.default_rng(seed)
    times = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    voice = sum(np.sin(2 * np.pi * 120 * n * times + 0.3 * np.sin(11 * times)) / n for n in range(1, 30))
    syllables = np.clip(np.sin(2 * np.pi * 2.1 * times + seed), 0, 1) * (np.sin(2 * np.pi * 0.3 * times) > -0.8)
    bright = np.convolve(voice, random.normal(size=24) / 5, "same") * np.sin(2 * np.pi * 1.3 * times)
    return (0.05 * (voice + bright) * syllables + 1e-4 * random.normal(size=len(times))).astype(np.float32)


@dataclass(frozen=True)
class Utterance:
    samples: np.ndarray
    level: float
    whole: np.ndarray


@pytest.fixture(scope="module")
def speaker() -> Speaker:
    return Speaker(load_person(default_person_folder()))


def utterance(speaker: Speaker, seconds: float, seed: int = 0) -> Utterance:
    samples = made_speech(seconds, seed)
    features = extract_features(AudioClip(samples, SAMPLE_RATE), speaker.person.features)
    level = speech_reference(features.values)
    assert level is not None
    return Utterance(samples, level, speaker.predictor.predict(features).points)


@pytest.fixture(scope="module")
def spoken(speaker: Speaker) -> Utterance:
    # No whole number of frames, steps or windows.
    return utterance(speaker, 2.337)


def streamed(speaker: Speaker, samples: np.ndarray, sizes: list[int], level: float | None) -> np.ndarray:
    """Return the joined keypoints of ``samples`` in pieces of ``sizes``, again and again."""
    stream, parts, start = KeypointStream(speaker, level), [], 0
    while start < len(samples):
        size = sizes[len(parts) % len(sizes)]
        parts.append(stream.push(samples[start : start + size]).points)
        start += size
    return np.concatenate([*parts, stream.finish().points])


class TestEqualsTheWhole:
    @pytest.mark.parametrize(
        "sizes", [[160], [SAMPLE_RATE], [1, 2, 3001, 7, 0, 977], [10**7]], ids=["10 ms", "1 s", "odd", "at once"]
    )
    def test_in_pieces_of_any_length(self, speaker: Speaker, spoken: Utterance, sizes: list[int]) -> None:
        joined = streamed(speaker, spoken.samples, sizes, spoken.level)
        assert joined.shape == spoken.whole.shape
        assert np.abs(joined - spoken.whole).max() < 1e-4
        assert spoken.whole.std(axis=0).max() > 0.005  # else a mouth at rest would do

    def test_sample_by_sample(self, speaker: Speaker) -> None:
        short = utterance(speaker, 0.11)
        assert np.abs(streamed(speaker, short.samples, [1], short.level) - short.whole).max() < 1e-4

    def test_several_streams_in_threads(self, speaker: Speaker) -> None:
        utterances = [utterance(speaker, 1.3 + 0.2 * seed, seed) for seed in range(4)]
        with ThreadPoolExecutor(4) as pool:
            joined = list(pool.map(lambda one: streamed(speaker, one.samples, [800], one.level), utterances))
        for ours, one in zip(joined, utterances, strict=True):
            assert np.abs(ours - one.whole).max() < 1e-4


class TestLatency:
    def test_a_keypoint_is_known_when_it_is_said_and_not_before(self, speaker: Speaker, spoken: Utterance) -> None:
        stream = KeypointStream(speaker, spoken.level)
        fps, known = speaker.person.fps, 0
        for pushed in range(160, len(spoken.samples) + 1, 160):
            known += len(stream.push(spoken.samples[pushed - 160 : pushed]).points)
            heard = Fraction(pushed, SAMPLE_RATE)
            due = max(0, int((heard - stream.latency) * fps) + 1) if heard >= stream.latency else 0
            assert known == due

    def test_of_the_default_person(self, speaker: Speaker) -> None:
        # 0.2 s of look-ahead, 3 steps of 20 ms, 25 steps of the encoder, two features' and the window's end.
        assert streaming_latency(speaker.person) == Fraction(795, 1000)


class TestWithoutALevel:
    def test_settles(self, speaker: Speaker) -> None:
        one = utterance(speaker, 7.0)
        joined = streamed(speaker, one.samples, [160], None)
        later = slice(int(3 * speaker.person.fps), None)
        ours, whole = joined[later] - one.whole.mean(axis=0), one.whole[later] - one.whole.mean(axis=0)
        assert np.corrcoef(ours.ravel(), whole.ravel())[0, 1] > 0.95

    def test_the_running_level_becomes_that_of_the_whole(self, speaker: Speaker, spoken: Utterance) -> None:
        values = extract_features(AudioClip(spoken.samples, SAMPLE_RATE), speaker.person.features).values
        running = RunningReference()
        for start in range(0, len(values), 7):
            running.add(values[start : start + 7])
        assert running.level == pytest.approx(spoken.level, abs=0.1)

    def test_silence_has_no_level(self) -> None:
        running = RunningReference()
        running.add(np.full((50, 80), np.log(1e-10), np.float32))
        assert running.level is None


class TestRefusals:
    def test_features_that_need_the_whole(self, tiny_person: Person) -> None:
        with pytest.raises(PersonError, match="cannot be streamed: its features are logfbank"):
            KeypointStream(Speaker(tiny_person))

    def test_a_predictor_that_needs_the_whole(self, speaker: Speaker) -> None:
        part = speaker.person.speech_part
        both = replace(part, predictor=replace(part.predictor, delay=0, bidirectional=True))
        with pytest.raises(PersonError, match="cannot be streamed: its predictor is bidirectional"):
            KeypointStream(Speaker(replace(speaker.person, speech=both)))

    def test_nothing_after_the_end(self, speaker: Speaker) -> None:
        stream = KeypointStream(speaker)
        stream.push(np.zeros(4000, np.float32))
        stream.finish()
        with pytest.raises(SoundError, match="stream is finished"):
            stream.push(np.zeros(10, np.float32))
        with pytest.raises(SoundError, match="finished already"):
            stream.finish()

    def test_no_sound(self, speaker: Speaker) -> None:
        with pytest.raises(SoundError, match="no samples"):
            KeypointStream(speaker).finish()

    def test_stereo(self, speaker: Speaker) -> None:
        with pytest.raises(SoundError, match="must be mono"):
            KeypointStream(speaker).push(np.zeros((10, 2), np.float32))
