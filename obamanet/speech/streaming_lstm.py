"""Runs an LSTM network over a long sequence in chunks; its states are passed from chunk to chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from obamanet.engine.formats import Engine
from obamanet.engine.network import StoredNetwork, load_network
from obamanet.networks.config import PredictorConfig


class StreamingLstm:
    """A loaded LSTM network of :class:`PredictorConfig`; safe for several threads.

    Args:
        stored: the network.
        engine: the back end that runs it.

    Raises:
        EngineError: it cannot be loaded.
    """

    def __init__(self, stored: StoredNetwork, engine: Engine = Engine.ONNXRUNTIME) -> None:
        self._network = load_network(stored, engine)
        self.config: PredictorConfig = stored.config

    def first_states(self) -> list[np.ndarray]:
        """Returns the states before the first step: zeros, shape (1, units), two per layer."""
        return [np.zeros((1, *shape), np.float32) for shape in self.config.state_shapes]

    def step(self, inputs: np.ndarray, states: list[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
        """Runs consecutive steps.

        Args:
            inputs: shape (n, S) float32.
            states: before the first of them.

        Returns:
            Outputs, shape (n, D) float32, and the states after the last step.
        """
        outputs, *new_states = self._network(inputs[None], *states)
        return outputs[0], new_states

    def stream(self, inputs: Callable[[int, int], np.ndarray], count: int, chunk: int) -> Iterator[np.ndarray]:
        """Runs a whole sequence, with the look-ahead compensated.

        Args:
            inputs: called with a first step and a number n of steps; returns their inputs (n, S) float32, also beyond
                the end.
            count: number of outputs.
            chunk: steps per call; changes memory, not the result.

        Yields:
            Outputs in order, shape (n, D) float32, ``count`` in all.
        """
        steps = count + self.config.delay
        chunk = steps if self.config.bidirectional else chunk
        states = self.first_states()
        for first in range(0, steps, chunk):
            outputs, states = self.step(inputs(first, min(chunk, steps - first)), states)
            # The first outputs belong to times before the sound.
            ready = outputs[max(0, self.config.delay - first) :]
            if len(ready):
                yield ready
