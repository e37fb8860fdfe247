"""Runs a source of items ahead of its consumer in a thread, through a small bounded queue."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

Item = TypeVar("Item")

_END = object()


def in_background(items: Iterable[Item], depth: int = 2) -> Generator[Item]:
    """Yield ``items`` in order while a thread makes up to ``depth`` of them ahead.

    An exception in the source is raised here. When the consumer stops early the thread ends after its current item,
    closes ``items`` if that is a generator, and is awaited: close this generator before anything that ``items`` reads.
    """
    ready: queue.Queue[Any] = queue.Queue(depth)
    stopped = threading.Event()

    def put(item: Any) -> bool:
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
                    if not put(item):
                        return
            put(_END)
        except BaseException as error:  # handed to the consumer, which raises it
            put(_Failure(error))

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
    """Give ``items``, and close them when the block ends, however it ends; only a generator needs that."""
    try:
        yield items
    finally:
        if isinstance(items, Generator):
            items.close()


class _Failure:
    """An exception on its way from the thread to the consumer."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
