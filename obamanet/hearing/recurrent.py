"""Runs a predictor's graph over a long sound, chunk by chunk, its state handed on from one to the next."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from obamanet.networks.config import PredictorConfig


class Recurrent:
    """The trained LSTM at ``weights``; build it once, it holds them.

    Raises OSError, ValueError or KeyError, with what is wrong in its first line, for weights that do not fit.
    """

    def __init__(self, config: PredictorConfig, weights: Path) -> None:
        import tensorflow as tf

        from obamanet.networks.predictor import build_predictor, run_predictor

        network = build_predictor(config)
        network.load_weights(weights)
        self._config = config
        shapes = [(1, None, config.inputs), *((1, *shape) for shape in config.state_shapes)]
        self._run = tf.function(
            lambda *inputs: run_predictor(network, list(inputs), training=False),
            input_signature=[tf.TensorSpec(shape) for shape in shapes],
            autograph=False,
        )

    def stream(self, inputs: Callable[[int, int], np.ndarray], count: int, chunk: int) -> Iterator[np.ndarray]:
        """Yield the first ``count`` outputs (n, D) in order, ``chunk`` inputs at a time; the number changes nothing.

        ``inputs(first, count)`` returns the inputs (count, S) from ``first`` on, also those beyond the sound's end that
        the look-ahead hears.
        """
        steps = count + self._config.delay
        chunk = steps if self._config.bidirectional else chunk
        states = [np.zeros((1, *shape), np.float32) for shape in self._config.state_shapes]
        for first in range(0, steps, chunk):
            wanted = inputs(first, min(chunk, steps - first))
            outputs, *states = self._run(wanted[None], *states)
            # The first outputs look back before the sound: they belong to no step.
            ready = np.asarray(outputs)[0, max(0, self._config.delay - first) :]
            if len(ready):
                yield ready
