"""Predicts canonical mouth keypoints from sound features with a person's LSTM, chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from obamanet.audio.stack import stack_features
from obamanet.engine.formats import Engine
from obamanet.person import Person
from obamanet.speech.feature_extractor import FeatureExtractor
from obamanet.speech.streaming_lstm import StreamingLstm
from obamanet.timing import frames_to_cover
from obamanet.types import CanonicalKeypoints, FeatureSequence

CHUNK_FRAMES = 250
"""Video frames per call of the LSTM; changes memory, not the result."""


class Predictor:
    """A person's sound-to-keypoints network, loaded once.

    Attributes:
        extractor: normalises and encodes features for the network.
        network: the LSTM.

    Args:
        person: whose mouth.
        engine: the back end that runs the networks.
    """

    def __init__(self, person: Person, engine: Engine = Engine.ONNXRUNTIME) -> None:
        self._person = person
        self.extractor = FeatureExtractor(person.features, person.encoder_network, engine)
        self.network = StreamingLstm(person.predictor_network, engine)

    @property
    def silence(self) -> np.ndarray:
        """Encoded features of silence, shape (D,)."""
        return self.extractor.silence

    def predict(self, features: FeatureSequence, chunk: int = CHUNK_FRAMES) -> CanonicalKeypoints:
        """Predicts the keypoints of one whole utterance.

        Args:
            features: of the person's kind, not normalised.
            chunk: video frames per call; changes memory, not the result.

        Returns:
            Keypoints at the person's frame rate; the last frame covers the end of the sound.
        """
        encoded = self.extractor.encode(features)
        return CanonicalKeypoints(np.concatenate(list(self.stream(encoded, chunk))), self._person.fps)

    def stream(self, encoded: FeatureSequence, chunk: int = CHUNK_FRAMES) -> Iterator[np.ndarray]:
        """Yields keypoints (n, 20, 2) float32 in order, ``chunk`` per call, of features that are ``encoded``."""
        person = self._person

        def inputs(first: int, count: int) -> np.ndarray:
            return stack_features(encoded, person.fps, first, count, self.extractor.silence)

        frames = frames_to_cover(encoded.duration, person.fps)
        for components in self.network.stream(inputs, frames, chunk):
            yield person.mouth.pca.decode(components)
