"""Turns sound features into canonical mouth keypoints with a person's LSTM, chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from obamanet.audio.features import FeatureOptions
from obamanet.audio.stack import stack_features
from obamanet.errors import PersonError
from obamanet.hearing.listener import Listener
from obamanet.networks.predictor import build_predictor, run_predictor
from obamanet.person import Person
from obamanet.timing import frames_to_cover
from obamanet.types import CanonicalKeypoints, FeatureSequence

CHUNK_FRAMES = 250
"""Video frames that the LSTM takes at once; its state goes from chunk to chunk, so the number changes nothing."""


class Predictor:
    """A person's sound-to-keypoints network; build it once, it holds the weights."""

    def __init__(self, person: Person) -> None:
        import tensorflow as tf

        self._person = person
        self._listener = Listener(person.features)
        self._network = build_predictor(person.predictor)
        try:
            self._network.load_weights(person.predictor_weights)
        except (OSError, ValueError, KeyError) as error:
            reason = str(error).partition("\n")[0]
            raise PersonError(f"predictor weights do not fit: {person.predictor_weights}: {reason}") from error
        shapes = [(1, None, person.predictor.inputs), *((1, *shape) for shape in person.predictor.state_shapes)]
        self._run = tf.function(
            lambda *inputs: run_predictor(self._network, list(inputs), training=False),
            input_signature=[tf.TensorSpec(shape) for shape in shapes],
        )

    @property
    def features(self) -> FeatureOptions:
        """What is to be computed of the sound."""
        return self._person.features

    @property
    def fps(self) -> Fraction:
        """Video frames per second of the keypoints."""
        return self._person.fps

    def predict(self, features: FeatureSequence, chunk: int = CHUNK_FRAMES) -> CanonicalKeypoints:
        """Return the keypoints of a whole utterance at the person's frame rate; the last sound still has a frame.

        ``features`` are not normalised yet. ``chunk`` is the number of frames run at once.
        """
        parts = list(self.stream(self._listener.listen(features), chunk))
        return CanonicalKeypoints(np.concatenate(parts), self._person.fps)

    def stream(self, heard: FeatureSequence, chunk: int = CHUNK_FRAMES) -> Iterator[np.ndarray]:
        """Yield keypoints (n, 20, 2) float32 in order, as they come out of the network ``chunk`` inputs at a time."""
        person = self._person
        config = person.predictor
        frames = frames_to_cover(heard.duration, person.fps)
        steps = frames + config.delay
        chunk = steps if config.bidirectional else chunk
        states = [np.zeros((1, *shape), np.float32) for shape in config.state_shapes]
        for first in range(0, steps, chunk):
            count = min(chunk, steps - first)
            inputs = stack_features(heard, person.fps, first, count, self._listener.quiet)
            components, *states = self._run(inputs[None], *states)
            # The first outputs look back before the sound: they belong to no frame.
            spoken = np.asarray(components)[0, max(0, config.delay - first) :]
            if len(spoken):
                yield person.mouth.pca.decode(spoken)
