"""Prefetching: an iterable runs in a thread ahead of its consumer, through a bounded queue."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

Item = TypeVar("Item")

_END = object()


def in_background(items: Iterable[Item], depth: int = 2) -> Generator[Item]:
    """Yields ``items`` in order while a thread prefetches up to ``depth`` of them.

    An exception in ``items`` is raised here. When the consumer stops early, the thread finishes its current item,
    closes ``items`` if that is a generator, and is joined: close this generator before anything that ``items`` reads.
    """
    ready: queue.Queue[Any] = queue.Queue(depth)
    stopped = threading.Event()

    def enqueue(item: Any) -> bool:
        while not stopped.is_set():
            try:
                ready.put(item, timeout=0.2)
                return True
            except queue.Full:
                continue
        return False

    def produce() -> None:
        try:
            # Closed here, since no other thread may close a generator that is running.
            with closed_after(items):
                for item in items:
                    if not enqueue(item):
                        return
            enqueue(_END)
        except BaseException as error:  # handed to the consumer, which raises it
            enqueue(_Failure(error))

    thread = threading.Thread(target=produce, daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not _END:
            if isinstance(item, _Failure):
                raise item.error
            yield item
    finally:
        stopped.set()
        thread.join()


@contextmanager
def closed_after(items: Iterable[Item]) -> Iterator[Iterable[Item]]:
    """Yields ``items`` and closes them after the block, also when it raises; only generators need closing."""
    try:
        yield items
    finally:
        if isinstance(items, Generator):
            items.close()


class _Failure:
    """An exception passed from the thread to the consumer."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
