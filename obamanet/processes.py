"""Worker processes that end with their parent process; the item at which one of them died is identified."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from threading import Thread
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


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


def map_in_processes(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    count: int,
    on_death: Callable[[Item], Result],
    start: Callable[[], None] | None = None,
) -> Iterator[Result]:
    """Yields the result of ``work`` for each of ``items``, in order; otherwise as :func:`finish_in_processes`."""
    results: dict[int, Result] = {}
    yielded = 0
    for index, result in finish_in_processes(work, items, count, on_death, start):
        results[index] = result
        while yielded in results:
            yield results.pop(yielded)
            yielded += 1


def finish_in_processes(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    count: int,
    on_death: Callable[[Item], Result],
    start: Callable[[], None] | None = None,
) -> Iterator[tuple[int, Result]]:
    """Yields the index and the result of ``work`` for each of ``items``, as they are finished by several processes.

    Args:
        work: called in a worker process; what it raises is raised here.
        items: its arguments, one call each.
        count: maximum number of processes at a time.
        on_death: called here with an item at which two processes died, for example killed by the system for lack of
            memory; its result takes the place of that of ``work``.
        start: called first in each process.
    """
    with ExitStack() as pools:

        def new_pool() -> ProcessPoolExecutor:
            # One process per pool: with several in one pool the fatal item would be unknown.
            return pools.enter_context(_worker(start))

        idle = [new_pool() for _ in range(min(count, len(items)))]
        running: dict[Future[Result], tuple[int, ProcessPoolExecutor]] = {}
        pending, suspects = list(reversed(range(len(items)))), set[int]()
        finished: list[tuple[int, Result]] = []
        while pending or running or finished:
            while idle and pending:
                index, pool = pending.pop(), idle.pop()
                try:
                    future = pool.submit(work, items[index])
                except BrokenProcessPool:
                    # It died while it was idle, so no item is to blame.
                    pool = new_pool()
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
                    # The process may have died just before it took the item; a second death is blamed on the item.
                    if index in suspects:
                        finished.append((index, on_death(items[index])))
                    else:
                        suspects.add(index)
                        pending.append(index)
                    pool = new_pool()
                idle.append(pool)


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
