"""Paints pictures from sketches with a person's generator, several at once."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from obamanet.engine.network import Engine, load_network
from obamanet.person import Person

AHEAD = 4
"""Pictures in work or waiting per thread: enough that no thread waits, few enough that memory stays small."""


class Renderer:
    """A person's sketch-to-picture network, loaded once; several threads may paint with it.

    Each picture is one call on one thread: that keeps all cores busy without the wait at the end of a shared call.
    Raises :class:`obamanet.errors.EngineError` when the network cannot be loaded.
    """

    def __init__(self, person: Person, engine: Engine = Engine.ONNXRUNTIME) -> None:
        self._network = load_network(person.renderer_network, engine)
        self._workers = os.cpu_count() or 1

    def paint(self, sketch: np.ndarray) -> np.ndarray:
        """Return the picture of one ``sketch`` (S, S, 3) uint8 BGR: the same shape and type."""
        return self._network(sketch[None])[0][0]

    def paint_all(self, sketches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Yield the picture of each sketch (S, S, 3) uint8 BGR in order, painted by all cores."""
        waiting: deque[Future[np.ndarray]] = deque()
        with ThreadPoolExecutor(self._workers) as pool:
            try:
                for sketch in sketches:
                    waiting.append(pool.submit(self.paint, sketch))
                    if len(waiting) >= AHEAD * self._workers:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()
