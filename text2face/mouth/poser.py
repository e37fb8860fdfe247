"""A person's poser at work: timed syllables to mouth keypoints, through a mixture of the person's mouth poses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from obamanet.errors import PersonError
from obamanet.person import Person, poser_of, poses_of
from text2face.mouth.frames import Word, describe

AROUND = 10
"""Frames before and after a sentence that the network is shown as silence, so that every mouth begins from its rest."""


class Poser:
    """A person's syllables-to-poses network; build it once, it holds the weights."""

    def __init__(self, person: Person) -> None:
        self._config = poser_of(person).config
        self._person, self._poses = person, poses_of(person)
        import tensorflow as tf

        from obamanet.networks.poser import build_poser

        network = build_poser(self._config)
        try:
            network.load_weights(person.poser_weights)
        except (OSError, ValueError, KeyError) as error:
            reason = str(error).partition("\n")[0]
            raise PersonError(f"poser weights do not fit: {person.poser_weights}: {reason}") from error
        self._run = tf.function(
            lambda inputs: network(inputs, training=False),
            input_signature=[tf.TensorSpec((1, None, self._config.inputs))],
            autograph=False,
        )

    def weights(self, words: Sequence[Word], first: int, count: int) -> np.ndarray:
        """Return how much of each pose is in the person's video frames ``first`` to ``first + count``: (count, K).

        Frame n is at n / fps seconds, as the ``words`` are. Rows are float32 of sum 1.
        """
        frames = np.arange(first - AROUND, first + count + AROUND)
        inputs = describe(words, frames * float(1 / self._person.fps))
        return np.asarray(self._run(inputs[None]))[0, AROUND : AROUND + count]

    def predict(self, words: Sequence[Word], first: int, count: int) -> np.ndarray:
        """Return the mouth in the frames of :meth:`weights`: keypoints (count, 20, 2) float32, canonical."""
        components = self._poses.mixture(self.weights(words, first, count))
        return self._person.mouth.pca.decode(components)
