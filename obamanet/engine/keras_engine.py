"""Runs a network's training graph with its training weights: the reference for the other back ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from obamanet.engine.network import StoredNetwork
from obamanet.errors import EngineError

if TYPE_CHECKING:
    from obamanet.networks.signatures import Signature


def load_weights(stored: StoredNetwork) -> Signature:
    """Returns the training graph of ``stored`` with its training weights.

    Raises:
        EngineError: there are no weights, or they do not fit.
    """
    if stored.weights is None or not stored.weights.is_file():
        raise EngineError(f"there are no training weights: {stored.onnx.parent} has none for {stored.onnx.name}")
    from obamanet.networks.signatures import load_signature

    return load_signature(stored.kind, stored.config, stored.weights)


class KerasNetwork:
    """A Keras graph, a :class:`obamanet.engine.network.Network`.

    Raises:
        EngineError: there are no weights, or they do not fit.
    """

    def __init__(self, stored: StoredNetwork) -> None:
        import tensorflow as tf

        if stored.weights is None or not stored.weights.is_file():
            raise EngineError(f"engine keras needs training weights, which are not there: {stored.onnx.parent}")
        signature = load_weights(stored)
        self._run = tf.function(
            signature.call,
            input_signature=[tf.TensorSpec(spec.shape, spec.dtype, spec.name) for spec in signature.inputs],
            autograph=False,
        )

    def __call__(self, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        """Returns the outputs for ``arrays``, one per input."""
        return tuple(np.asarray(output) for output in self._run(*arrays))
