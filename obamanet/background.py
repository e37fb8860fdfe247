"""Iterables that run in a thread: ahead of their consumer, or dropping what it has no time for."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

Item = TypeVar("Item")

JOIN_SECONDS = 2.0
"""Seconds that a thread is waited for which may hang in a device."""

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


class Slot(Generic[Item]):
    """A queue of one between threads: a new item takes the place of one that nobody took yet.

    Attributes:
        dropped: number of items that were replaced before they were taken.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self._changed = threading.Condition()
        self._item: Item | None = None
        self._closed = False

    @property
    def ended(self) -> bool:
        """Whether the slot is closed and empty."""
        with self._changed:
            return self._closed and self._item is None

    def put(self, item: Item) -> None:
        """Puts ``item``, which is not None, in; never waits. A closed slot takes nothing."""
        with self._changed:
            if self._closed:
                return
            self.dropped += self._item is not None
            self._item = item
            self._changed.notify()

    def take(self, timeout: float | None = None) -> Item | None:
        """Waits for an item and returns it; None when ``timeout`` seconds have passed or the slot has ended."""
        with self._changed:
            self._changed.wait_for(lambda: self._item is not None or self._closed, timeout)
            item, self._item = self._item, None
            return item

    def close(self) -> None:
        """Lets nothing more in; what is in can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class Newest(Generic[Item]):
    """Runs an iterable in a thread, at its own pace, and yields its newest item; older ones are dropped and counted.

    A context manager; the thread runs inside the ``with`` block. An exception of the iterable is raised where its items
    are taken. Close the one that reads from another after that other one.
    """

    def __init__(self, items: Iterable[Item]) -> None:
        self._items = items
        self._slot: Slot[Item] = Slot()
        self._error: BaseException | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._slot.close()
        self._thread.join(JOIN_SECONDS)

    def __iter__(self) -> Iterator[Item]:
        while (item := self._slot.take()) is not None:
            yield item
        self._raise()

    @property
    def dropped(self) -> int:
        """Number of items that were not yielded because newer ones came."""
        return self._slot.dropped

    def until(self, stop: threading.Event, poll: float = 0.1) -> Iterator[Item]:
        """Yields as iteration does, until ``stop`` is set, which is looked at every ``poll`` seconds."""
        while not stop.is_set() and not self._slot.ended:
            if (item := self._slot.take(poll)) is not None:
                yield item
        if not stop.is_set():
            self._raise()

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _read(self) -> None:
        try:
            with closed_after(self._items):
                for item in self._items:
                    if self._stopped.is_set():
                        return
                    self._slot.put(item)
        except BaseException as error:  # handed to the consumer, which raises it
            self._error = error
        finally:
            self._slot.close()
