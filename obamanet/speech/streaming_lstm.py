"""Runs an LSTM network over a long sequence, chunk by chunk, its states handed on from one chunk to the next."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from obamanet.engine.formats import Engine
from obamanet.engine.network import StoredNetwork, load_network
from obamanet.networks.config import PredictorConfig


class StreamingLstm:
    """A loaded LSTM network of :class:`PredictorConfig`; several threads may stream from it at once.

    Raises :class:`obamanet.errors.EngineError` when it cannot be loaded.
    """

    def __init__(self, stored: StoredNetwork, engine: Engine = Engine.ONNXRUNTIME) -> None:
        self._network = load_network(stored, engine)
        self.config: PredictorConfig = stored.config

    def first_states(self) -> list[np.ndarray]:
        """Return the states before the first step, zeros of shape (1, units), two per layer."""
        return [np.zeros((1, *shape), np.float32) for shape in self.config.state_shapes]

    def step(self, inputs: np.ndarray, states: list[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
        """Return the outputs (n, D) for ``inputs`` (n, S) float32 and the states after them."""
        outputs, *after = self._network(inputs[None], *states)
        return outputs[0], list(after)

    def stream(self, inputs: Callable[[int, int], np.ndarray], count: int, chunk: int) -> Iterator[np.ndarray]:
        """Yields the first ``count`` outputs in order, the look-ahead taken off.

        Args:
            inputs: returns the inputs (n, S) float32 of n steps from the given first one on, also beyond the end.
            count: outputs in all.
            chunk: steps per call; changes memory, not the result.

        Yields:
            Outputs (n, D) float32.
        """
        steps = count + self.config.delay
        chunk = steps if self.config.bidirectional else chunk
        states = self.first_states()
        for first in range(0, steps, chunk):
            outputs, states = self.step(inputs(first, min(chunk, steps - first)), states)
            # The first outputs look back before the sound: they belong to no step.
            ready = outputs[max(0, self.config.delay - first) :]
            if len(ready):
                yield ready
