"""Predicts mouth keypoints from timed syllables, as mixtures of the person's mouth poses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from obamanet.engine.network import Network, load_network
from obamanet.person import Person, poses_of
from text2face.mouth.pose_features import Word, describe

AROUND = 10
"""Frames of silence before and after the predicted ones, so that the mouth starts from its rest."""


class Poser:
    """A person's network from syllables to mouth poses.

    Args:
        person: the person.
        network: its loaded network; None to load it.

    Raises:
        obamanet.errors.PersonError: the person has no mouth poses or no poser.
    """

    def __init__(self, person: Person, network: Network | None = None) -> None:
        self._network = network or load_network(person.poser_network)
        self._person, self._poses = person, poses_of(person)

    def weights(self, words: Sequence[Word], first: int, count: int) -> np.ndarray:
        """Returns the weights of the poses in video frames ``first`` to ``first + count``.

        Args:
            words: timed syllables; times count from frame 0.
            first: first frame; frame n is at n / fps seconds.
            count: number of frames.

        Returns:
            Weights (count, K) float32; rows sum to 1.
        """
        frames = np.arange(first - AROUND, first + count + AROUND)
        inputs = describe(words, frames * float(1 / self._person.fps))
        return self._network(inputs[None].astype(np.float32))[0][0, AROUND : AROUND + count]

    def predict(self, words: Sequence[Word], first: int, count: int) -> np.ndarray:
        """Returns the keypoints (count, 20, 2) float32, canonical; the arguments are those of :meth:`weights`."""
        components = self._poses.mixture(self.weights(words, first, count))
        return self._person.mouth.pca.decode(components)
