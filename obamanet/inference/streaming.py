"""Predicts keypoints while the sound is still arriving."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from obamanet.audio.features import SPEECH, FeatureExtraction
from obamanet.audio.normalise_features import RunningReference
from obamanet.audio.stack import stack_features, stacked_span
from obamanet.constants import FEATURE_RATE, FEATURE_WINDOW, MOUTH_COUNT, SAMPLE_RATE
from obamanet.errors import PersonError, SoundError
from obamanet.inference.speaker import Speaker
from obamanet.person import Person
from obamanet.speech.feature_extractor import CENTRE, STRIDE, SpeechEncoder
from obamanet.timing import frames_to_cover
from obamanet.types import CanonicalKeypoints, FeatureSequence

STEP_RATE = FEATURE_RATE / STRIDE
"""Encoder steps per second."""

PIECE_SAMPLES = 10 * SAMPLE_RATE
"""Samples processed at once, which bounds the memory for a long piece."""


def streaming_latency(person: Person) -> Fraction:
    """Returns how many seconds of sound after a keypoint's time are needed to predict it.

    It is the sum of the predictor's look-ahead, its input's extent, the speech encoder's look-ahead and the last
    feature window: 0.2 + 0.06 + 0.5 + 0.035 s for the default person. Where video frames do not start with an encoder
    step, half a step of 20 ms is added.

    Raises:
        PersonError: the person cannot be streamed; the message says why.
    """
    check_streaming(person)
    _, end = stacked_span(person.fps, 0, STEP_RATE)
    encoder = person.speech_part.encoder
    assert encoder is not None
    features = STRIDE * (end + encoder.config.reach[1]) + CENTRE
    rounding = Fraction(0) if (STEP_RATE / person.fps).denominator == 1 else 1 / (2 * STEP_RATE)
    return person.predictor.delay / person.fps + (features - 1) / FEATURE_RATE + FEATURE_WINDOW + rounding


def check_streaming(person: Person) -> None:
    """Checks that keypoints of ``person`` can be predicted before the sound is over.

    Raises:
        PersonError: they cannot; the message says why.
    """
    if person.features.kind != SPEECH:
        raise PersonError(
            f"person cannot be streamed: its features are {person.features.kind}, which are normalised by the whole "
            f"utterance; only persons of {SPEECH} features can"
        )
    if person.predictor.bidirectional:
        raise PersonError("person cannot be streamed: its predictor is bidirectional, which needs the whole utterance")


class KeypointStream:
    """Predicts the keypoints of one utterance while it arrives; a speaker may have several streams, each in its thread.

    With ``level`` given, the joined keypoints equal those of
    :meth:`obamanet.inference.keypoint_predictor.Predictor.predict` for the whole sound. Without it, the level of the
    sound so far is used, which differs in the first seconds. Lips are as predicted: not closed at p, b and m, not
    articulated.

    Args:
        speaker: whose mouth.
        level: the utterance's reference level of :func:`obamanet.audio.normalise_features.speech_reference`; None to
            estimate it.

    Raises:
        PersonError: the person has no speech part, or one that needs the whole utterance.
    """

    def __init__(self, speaker: Speaker, level: float | None = None) -> None:
        person = speaker.person
        check_streaming(person)
        self.latency = streaming_latency(person)
        self._person, self._predictor = person, speaker.predictor
        self._states = self._predictor.network.first_states()
        self._extraction = FeatureExtraction(person.features)
        self._level = level
        self._running_level = RunningReference()
        self._features, self._encoded = _RowBuffer(), _RowBuffer()
        self._inputs = 0
        self._finished = False

    def push(self, samples: np.ndarray) -> CanonicalKeypoints:
        """Appends a piece of sound.

        Args:
            samples: mono, shape (N,) of any length, in [-1, 1], 16 kHz.

        Returns:
            The keypoints that can now be predicted, at the person's frame rate; often none, shape (0, 20, 2).

        Raises:
            SoundError: the samples are not mono, or the stream is finished.
        """
        if self._finished:
            raise SoundError("sound is over: the stream is finished; open another one for the next utterance")
        pieces = [
            self._advance(samples[start : start + PIECE_SAMPLES])
            for start in range(0, max(1, len(samples)), PIECE_SAMPLES)
        ]
        return CanonicalKeypoints(np.concatenate(pieces), self._person.fps)

    def finish(self) -> CanonicalKeypoints:
        """Returns the remaining keypoints; nothing can be pushed afterwards.

        Raises:
            SoundError: there was no sound, or the stream is finished already.
        """
        if self._finished:
            raise SoundError("sound is over: the stream is finished already")
        self._append_features(self._extraction.finish())
        self._finished = True
        self._encode(-(-self._features.end // STRIDE))
        frames = frames_to_cover(self._extraction.duration, self._person.fps)
        return CanonicalKeypoints(self._predict(frames + self._person.predictor.delay), self._person.fps)

    @property
    def _encoder(self) -> SpeechEncoder:
        encoder = self._predictor.extractor.encoder
        assert encoder is not None  # checked by check_streaming
        return encoder

    def _advance(self, samples: np.ndarray) -> np.ndarray:
        """Returns the keypoints (n, 20, 2) that can be predicted once ``samples`` are appended."""
        self._append_features(self._extraction.push(samples))
        # Steps and inputs that are complete.
        steps = (self._features.end - self._encoder.seen(0, 0)[1]) // STRIDE
        inputs = self._inputs
        while stacked_span(self._person.fps, inputs, STEP_RATE)[1] <= steps:
            inputs += 1
        if inputs == self._inputs:
            return np.zeros((0, MOUTH_COUNT, 2), np.float32)
        self._encode(steps)
        return self._predict(inputs)

    def _append_features(self, features: np.ndarray) -> None:
        self._features.append(features)
        if self._level is None:
            self._running_level.add(features)

    def _encode(self, end: int) -> None:
        """Encodes all steps before ``end`` that are not encoded yet."""
        first, count = self._encoded.end, end - self._encoded.end
        if not count:
            return
        level = self._running_level.level if self._level is None else self._level
        self._encoded.append(
            self._encoder.steps(self._features.values, first, count, level, start=self._features.start)
        )
        self._features.drop_before(self._encoder.seen(end, 1)[0])

    def _predict(self, end: int) -> np.ndarray:
        """Runs the predictor up to its input ``end`` and returns the resulting keypoints (n, 20, 2)."""
        person, first = self._person, self._inputs
        encoded = FeatureSequence(self._encoded.values, STEP_RATE, self._extraction.duration)
        inputs = stack_features(
            encoded, person.fps, first, end - first, self._predictor.silence, start=self._encoded.start
        )
        outputs, self._states = self._predictor.network.step(inputs, self._states)
        self._inputs = end
        self._encoded.drop_before(stacked_span(person.fps, end, STEP_RATE)[0])
        # The first outputs belong to times before the sound.
        return person.mouth.pca.decode(outputs[max(0, person.predictor.delay - first) :])


class _RowBuffer:
    """The last rows of a growing array: ``values`` (n, D) are its rows ``start`` to ``end``."""

    def __init__(self) -> None:
        self.values = np.zeros((0, 0), np.float32)
        self.start = 0

    @property
    def end(self) -> int:
        return self.start + len(self.values)

    def append(self, rows: np.ndarray) -> None:
        self.values = np.concatenate([self.values, rows]) if len(self.values) else rows

    def drop_before(self, first: int) -> None:
        """Drops the rows before row ``first``, except for the last one."""
        dropped = min(first - self.start, len(self.values) - 1)
        if dropped > 0:
            self.values, self.start = self.values[dropped:], self.start + dropped
