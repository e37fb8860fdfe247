"""Working ahead in a thread: in order, bounded, errors handed on, and no thread left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from obamanet.background import Newest, in_background


def wait_for(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Return whether ``condition()`` comes true within ``seconds``."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return False


def test_everything_comes_in_order() -> None:
    assert list(in_background(range(1000), 3)) == list(range(1000))
    assert list(in_background([])) == []
    assert list(in_background(iter([None, None]))) == [None, None]


def test_items_are_made_ahead_but_only_so_many() -> None:
    made: list[int] = []

    def source() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            yield number

    items = in_background(source(), 3)
    assert next(items) == 0
    # One handed over, three in the queue, one in the thread's hand.
    assert wait_for(lambda: len(made) == 5)
    time.sleep(0.3)
    assert len(made) == 5
    items.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, MemoryError])
def test_an_error_is_raised_where_the_items_are_used(kind: type[BaseException]) -> None:
    def source() -> Iterator[int]:
        yield 1
        raise kind("broken")

    items = in_background(source())
    assert next(items) == 1
    with pytest.raises(kind, match="broken"):
        next(items)


@pytest.mark.parametrize("leave", ["close", "error"])
def test_the_thread_ends_with_its_consumer(leave: str) -> None:
    before = threading.active_count()

    def endless() -> Iterator[int]:
        while True:
            yield 0

    def consume() -> None:
        for _ in in_background(in_background(endless())):
            if leave == "close":
                return
            raise ValueError("enough")

    if leave == "close":
        consume()
    else:
        with pytest.raises(ValueError, match="enough"):
            consume()
    assert wait_for(lambda: threading.active_count() == before)


def test_nothing_runs_before_the_first_item_is_asked_for() -> None:
    before = threading.active_count()
    items = in_background(range(3))
    assert threading.active_count() == before
    assert list(items) == [0, 1, 2]


class Resource:
    """Something that must not be closed while it is read, as a decoder; reading takes a while."""

    def __init__(self) -> None:
        self.closed = False
        self.reading = threading.Event()
        self.closed_under_reader = False

    def read(self) -> int:
        self.reading.set()
        time.sleep(0.05)
        self.closed_under_reader |= self.closed
        return 0

    def items(self) -> Iterator[int]:
        try:
            while True:
                yield self.read()
        finally:
            self.closed = True


@pytest.mark.parametrize("depth", [1, 4])
def test_a_source_is_closed_by_its_own_thread_before_the_consumer_goes_on(depth: int) -> None:
    resource = Resource()
    source = resource.items()
    items = in_background(source, depth)
    next(items)
    resource.reading.clear()
    assert resource.reading.wait(10)
    items.close()
    assert resource.closed
    assert not resource.closed_under_reader


class TestNewest:
    def test_what_nobody_had_time_for_is_dropped_and_counted(self) -> None:
        put = threading.Event()

        def source() -> Iterator[int]:
            yield from range(10)
            put.set()
            wait_for(lambda: False, 0.05)

        with Newest(source()) as numbers:
            assert put.wait(10)
            assert list(numbers) == [9]
            assert numbers.dropped == 9

    def test_a_consumer_in_time_gets_all(self) -> None:
        taken = threading.Semaphore()

        def source() -> Iterator[int]:
            for number in range(20):
                taken.acquire()
                yield number

        got = []
        with Newest(source()) as numbers:
            for number in numbers:
                got.append(number)
                taken.release()
        assert got == list(range(20))
        assert numbers.dropped == 0

    def test_an_error_comes_after_what_came_before_it(self) -> None:
        def source() -> Iterator[int]:
            yield 1
            raise KeyError("broken")

        with Newest(source()) as numbers:
            items = iter(numbers)
            assert next(items) == 1
            with pytest.raises(KeyError, match="broken"):
                next(items)

    def test_one_that_reads_from_another_ends_with_it(self) -> None:
        closed = threading.Event()

        def source() -> Iterator[int]:
            try:
                while True:
                    yield 1
                    time.sleep(0.001)
            finally:
                closed.set()

        inner = Newest(source())
        outer = Newest(number + 1 for number in inner)
        with outer, inner:
            assert next(iter(outer)) == 2
        assert closed.wait(10)
        assert wait_for(lambda: not any(each.is_alive() for each in (inner._thread, outer._thread)))

    def test_a_source_that_hangs_does_not_keep_it_from_stopping(self) -> None:
        stop, hanging = threading.Event(), threading.Event()

        def source() -> Iterator[int]:
            yield 1
            hanging.wait(60)

        with Newest(source()) as numbers:
            items = numbers.until(stop, poll=0.01)
            assert next(items) == 1
            stop.set()
            assert list(items) == []
            hanging.set()
