"""Worker processes that end with their parent process; the item at which one of them died is identified."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from threading import Lock, Thread
from types import TracebackType
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

Tell = Callable[[Any], None]
"""Sends a message from a worker process to whoever waits for its work."""


@contextmanager
def _worker(start: Callable[[], None] | None) -> Iterator[ProcessPoolExecutor]:
    """Yields a pool of one new process, which calls ``start`` first.

    The process ends when the block raises (Ctrl-C included) and when this process ends in any way (kill -9 included).

    Raises:
        BrokenProcessPool: the process died.
    """
    # Spawned, not forked: a fork of a process that runs TensorFlow's threads can hang.
    context = get_context("spawn")
    child_end, parent_end = context.Pipe(duplex=False)
    with child_end, parent_end, ProcessPoolExecutor(1, context, _start_worker, (child_end, start)) as pool:
        try:
            yield pool
        except BaseException:
            # Ends the process without waiting for its current item.
            parent_end.close()
            raise


class Workers:
    """Processes that stay from one call of :meth:`map` to the next; a context manager, which ends them.

    Args:
        count: maximum number of processes at a time; they are started when there is work for them.
        start: called first in each process.
    """

    def __init__(self, count: int, start: Callable[[], None] | None = None) -> None:
        self.count = count
        self._start = start
        self._pools = ExitStack()
        self._idle: list[ProcessPoolExecutor] = []

    def __enter__(self) -> Workers:
        self._pools.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return self._pools.__exit__(kind, error, trace)

    def map(
        self, work: Callable[[Item], Result], items: Sequence[Item], on_death: Callable[[Item], Result]
    ) -> Iterator[Result]:
        """Yields the result of ``work`` for each of ``items``, in order; otherwise as :meth:`finish`."""
        results: dict[int, Result] = {}
        yielded = 0
        for index, result in self.finish(work, items, on_death):
            results[index] = result
            while yielded in results:
                yield results.pop(yielded)
                yielded += 1

    def finish(
        self, work: Callable[[Item], Result], items: Sequence[Item], on_death: Callable[[Item], Result]
    ) -> Iterator[tuple[int, Result]]:
        """Yields the index and the result of ``work`` for each of ``items``, as they are finished.

        Args:
            work: called in a worker process; what it raises is raised here.
            items: its arguments, one call each.
            on_death: called here with an item at which two processes died, for example killed by the system for lack
                of memory; its result takes the place of that of ``work``.
        """
        while len(self._idle) < min(self.count, len(items)):
            self._idle.append(self._new_pool())
        running: dict[Future[Result], tuple[int, ProcessPoolExecutor]] = {}
        pending, suspects = list(reversed(range(len(items)))), set[int]()
        finished: list[tuple[int, Result]] = []
        try:
            while pending or running or finished:
                while self._idle and pending:
                    index, pool = pending.pop(), self._idle.pop()
                    try:
                        future = pool.submit(work, items[index])
                    except BrokenProcessPool:
                        # It died while it was idle, so no item is to blame.
                        pool = self._new_pool()
                        future = pool.submit(work, items[index])
                    running[future] = index, pool
                # Every process has work again while the caller deals with these.
                yield from finished
                finished = []
                for future in wait(running, return_when=FIRST_COMPLETED).done if running else ():
                    index, pool = running.pop(future)
                    try:
                        finished.append((index, future.result()))
                    except BrokenProcessPool:
                        # It may have died just before it took the item; a second death is blamed on the item.
                        if index in suspects:
                            finished.append((index, on_death(items[index])))
                        else:
                            suspects.add(index)
                            pending.append(index)
                        pool = self._new_pool()
                    finally:
                        self._idle.append(pool)
        finally:
            # After an error or an early end the others finish their item first.
            self._idle += [pool for _, pool in running.values()]

    def _new_pool(self) -> ProcessPoolExecutor:
        # One process per pool: with several in one pool the fatal item would be unknown.
        return self._pools.enter_context(_worker(self._start))


class WorkerDiedError(Exception):
    """A worker process ended at an item: it crashed, was killed for lack of memory, or was ended."""


class WorkerProcess:
    """One process that does one item after the other, sends messages meanwhile, and can be ended at any time.

    Args:
        start: called first in the process.

    Raises:
        OSError: no process can be started.
    """

    def __init__(self, start: Callable[[], None] | None = None) -> None:
        # Spawned, as the pools above.
        context = get_context("spawn")
        self._connection, served = context.Pipe()
        held, self._lifeline = context.Pipe(duplex=False)
        with served, held:
            self._process = context.Process(target=_serve, args=(served, held, start), daemon=True)
            self._process.start()
        self._ended = False
        self._ending = Lock()

    @property
    def is_alive(self) -> bool:
        """Whether it can take work."""
        return not self._ended and self._process.is_alive()

    def do(
        self,
        work: Callable[[Item, Tell], Result],
        item: Item,
        hear: Tell | None = None,
        timeout: float | None = None,
    ) -> Result:
        """Has ``work`` done in the process; for one thread at a time.

        Args:
            work: called there with the item and a function that sends messages; what it raises is raised here.
            item: its argument.
            hear: called here with each message.
            timeout: seconds after which the process is ended; None for no limit.

        Raises:
            WorkerDiedError: the process ended before the work did.
            TimeoutError: it took longer than ``timeout``.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        try:
            self._connection.send((work, item))
            while True:
                if not self._connection.poll(None if deadline is None else max(0.0, deadline - time.monotonic())):
                    self.end()
                    raise TimeoutError
                kind, value = self._connection.recv()
                match kind:
                    case "message" if hear is not None:
                        hear(value)
                    case "result":
                        return value
                    case "error":
                        raise value
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise WorkerDiedError from None

    def end(self) -> None:
        """Ends the process at once, whatever it does; from any thread, and any number of times."""
        self._ended = True
        with self._ending:
            self._process.kill()
            self._process.join()
            self._lifeline.close()


def map_in_processes(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    count: int,
    on_death: Callable[[Item], Result],
    start: Callable[[], None] | None = None,
) -> Iterator[Result]:
    """Yields the result of ``work`` for each of ``items``, in order, from processes of its own: :meth:`Workers.map`."""
    with Workers(count, start) as workers:
        yield from workers.map(work, items, on_death)


def finish_in_processes(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    count: int,
    on_death: Callable[[Item], Result],
    start: Callable[[], None] | None = None,
) -> Iterator[tuple[int, Result]]:
    """Yields index and result for each of ``items``, from processes of its own: :meth:`Workers.finish`."""
    with Workers(count, start) as workers:
        yield from workers.finish(work, items, on_death)


def one_opencv_thread() -> None:
    """Keeps OpenCV to one thread in a process that shares the cores with its like."""
    import cv2

    cv2.setNumThreads(1)


def _serve(connection: Connection, lifeline: Connection, start: Callable[[], None] | None) -> None:
    """Does, in a worker process, what comes through ``connection`` until its other end closes."""
    _start_worker(lifeline, start)
    with suppress(EOFError, OSError):
        while True:
            work, item = connection.recv()
            try:
                answer = "result", work(item, lambda message: connection.send(("message", message)))
            except Exception as error:
                answer = "error", error
            connection.send(answer)


def _start_worker(lifeline: Connection, start: Callable[[], None] | None) -> None:
    """Makes this worker process end when the other end of ``lifeline`` closes, even by kill -9 of the parent."""

    def end_with_parent() -> None:
        with suppress(EOFError, OSError):
            lifeline.recv_bytes()
        os._exit(1)

    # Ctrl-C reaches the workers too; the parent ends them, quietly.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=end_with_parent, daemon=True).start()
    if start is not None:
        start()
