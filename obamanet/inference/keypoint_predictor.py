"""Turns sound features into canonical mouth keypoints with a person's LSTM, chunk by chunk."""

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
"""Video frames that the LSTM takes at once; its state goes from chunk to chunk, so the number changes nothing."""


class Predictor:
    """A person's sound-to-keypoints network; build it once, it holds the weights.

    ``extractor`` makes what the ``network`` takes.
    """

    def __init__(self, person: Person, engine: Engine = Engine.ONNXRUNTIME) -> None:
        self._person = person
        self.extractor = FeatureExtractor(person.features, person.encoder_network, engine)
        self.network = StreamingLstm(person.predictor_network, engine)

    @property
    def silence(self) -> np.ndarray:
        """What is encoded, (D,), where there is silence."""
        return self.extractor.silence

    def encode(self, features: FeatureSequence) -> FeatureSequence:
        """Return what is encoded in a whole utterance's ``features``, which are not normalised yet."""
        return self.extractor.encode(features)

    def predict(self, features: FeatureSequence, chunk: int = CHUNK_FRAMES) -> CanonicalKeypoints:
        """Return :meth:`predict_encoded` of what is encoded in ``features``."""
        return self.predict_encoded(self.encode(features), chunk)

    def predict_encoded(self, encoded: FeatureSequence, chunk: int = CHUNK_FRAMES) -> CanonicalKeypoints:
        """Return the keypoints of a whole utterance at the person's frame rate; the last sound still has a frame.

        ``chunk`` is the number of frames run at once.
        """
        return CanonicalKeypoints(np.concatenate(list(self.stream(encoded, chunk))), self._person.fps)

    def stream(self, encoded: FeatureSequence, chunk: int = CHUNK_FRAMES) -> Iterator[np.ndarray]:
        """Yield keypoints (n, 20, 2) float32 in order, as they come out of the network ``chunk`` inputs at a time."""
        person = self._person

        def inputs(first: int, count: int) -> np.ndarray:
            return stack_features(encoded, person.fps, first, count, self.extractor.silence)

        frames = frames_to_cover(encoded.duration, person.fps)
        for components in self.network.stream(inputs, frames, chunk):
            yield person.mouth.pca.decode(components)
