"""Renders pictures from sketches with a person's generator, several in parallel."""

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

QUEUED_PER_THREAD = 4
"""Pictures in work or queued per thread: enough that no thread waits, few enough to bound memory."""


class Renderer:
    """A person's sketch-to-picture network, loaded once; safe for several threads.

    Each picture is one call on one thread; several at once use all cores without waiting at the end of a batch.

    Args:
        person: whose generator.
        engine: the back end that runs it.
        threads: pictures painted at once; None for one per core.

    Raises:
        EngineError: the network cannot be loaded.
    """

    def __init__(self, person: Person, engine: Engine = Engine.ONNXRUNTIME, threads: int | None = None) -> None:
        fast = engine is Engine.FAST
        self._network = load_network(person.fast_renderer_network if fast else person.renderer_network, engine)
        self._workers = threads or os.cpu_count() or 1

    def paint(self, sketch: np.ndarray) -> np.ndarray:
        """Returns the picture of a ``sketch`` (S, S, 3) uint8 BGR, of the same shape and type."""
        return self._network(sketch[None])[0][0]

    def paint_all(self, sketches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Yields the picture of each sketch, (S, S, 3) uint8 BGR, in order; all cores work."""
        for _, picture in self.paint_jobs(sketches, lambda sketch: sketch):
            assert picture is not None
            yield picture

    def paint_jobs(
        self, jobs: Iterable[Job], sketch_of: Callable[[Job], np.ndarray | None]
    ) -> Iterator[tuple[Job, np.ndarray | None]]:
        """Renders jobs on all threads. When this iterator is closed, pictures in work are finished first.

        Args:
            jobs: in the order of the result.
            sketch_of: returns a job's sketch (S, S, 3) uint8 BGR, or None for a job without one.

        Yields:
            Each job with its picture, (S, S, 3) uint8 BGR, or None.
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
                    if len(waiting) >= QUEUED_PER_THREAD * self._workers:
                        yield next_painted()
                while waiting:
                    yield next_painted()
            finally:
                for _, future in waiting:
                    if future:
                        future.cancel()
