"""Paints pictures from sketches with a person's generator, several at once."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from obamanet.engine.formats import Engine
from obamanet.engine.network import load_network
from obamanet.person import Person

Job = TypeVar("Job")

AHEAD = 4
"""Pictures in work or waiting per thread: enough that no thread waits, few enough that memory stays small."""


class Renderer:
    """A person's sketch-to-picture network, loaded once; several threads may paint with it.

    Each picture is one call on one thread: that keeps all cores busy without the wait at the end of a shared call.
    Raises :class:`obamanet.errors.EngineError` when the network cannot be loaded.
    """

    def __init__(self, person: Person, engine: Engine = Engine.ONNXRUNTIME) -> None:
        fast = engine is Engine.FAST
        self._network = load_network(person.fast_renderer_network if fast else person.renderer_network, engine)
        self._workers = os.cpu_count() or 1

    def paint(self, sketch: np.ndarray) -> np.ndarray:
        """Return the picture of one ``sketch`` (S, S, 3) uint8 BGR: the same shape and type."""
        return self._network(sketch[None])[0][0]

    def paint_all(self, sketches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Yield the picture of each sketch (S, S, 3) uint8 BGR in order, painted by all cores."""
        for _, picture in self.paint_jobs(sketches, lambda sketch: sketch):
            assert picture is not None
            yield picture

    def paint_jobs(
        self, jobs: Iterable[Job], sketch_of: Callable[[Job], np.ndarray | None]
    ) -> Iterator[tuple[Job, np.ndarray | None]]:
        """Yield each of ``jobs`` in order with the picture of its sketch, None where ``sketch_of`` returns none.

        Painted by all cores. When this iterator is closed, what is being painted is finished first.
        """
        waiting: deque[tuple[Job, Future[np.ndarray] | None]] = deque()

        def next_painted() -> tuple[Job, np.ndarray | None]:
            job, future = waiting.popleft()
            return job, future.result() if future else None

        with ThreadPoolExecutor(self._workers) as pool:
            try:
                for job in jobs:
                    sketch = sketch_of(job)
                    waiting.append((job, None if sketch is None else pool.submit(self.paint, sketch)))
                    if len(waiting) >= AHEAD * self._workers:
                        yield next_painted()
                while waiting:
                    yield next_painted()
            finally:
                for _, future in waiting:
                    if future:
                        future.cancel()
