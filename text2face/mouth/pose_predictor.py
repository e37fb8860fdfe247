"""A person's poser at work: timed syllables to mouth keypoints, through a mixture of the person's mouth poses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from obamanet.engine.network import Network, load_network
from obamanet.person import Person, poses_of
from text2face.mouth.pose_features import Word, describe

AROUND = 10
"""Frames before and after a sentence that the network is shown as silence, so that every mouth begins from its rest."""


class Poser:
    """A person's syllables-to-poses network; ``network`` is the loaded one, None to load it."""

    def __init__(self, person: Person, network: Network | None = None) -> None:
        self._network = network or load_network(person.poser_network)
        self._person, self._poses = person, poses_of(person)

    def weights(self, words: Sequence[Word], first: int, count: int) -> np.ndarray:
        """Return how much of each pose is in the person's video frames ``first`` to ``first + count``: (count, K).

        Frame n is at n / fps seconds, as the ``words`` are. Rows are float32 of sum 1.
        """
        frames = np.arange(first - AROUND, first + count + AROUND)
        inputs = describe(words, frames * float(1 / self._person.fps))
        return self._network(inputs[None].astype(np.float32))[0][0, AROUND : AROUND + count]

    def predict(self, words: Sequence[Word], first: int, count: int) -> np.ndarray:
        """Return the mouth in the frames of :meth:`weights`: keypoints (count, 20, 2) float32, canonical."""
        components = self._poses.mixture(self.weights(words, first, count))
        return self._person.mouth.pca.decode(components)
