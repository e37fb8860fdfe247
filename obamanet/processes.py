"""Worker processes that end with the process that started them, and say at which item one of them died."""

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
    """Give a fresh process, which calls ``start`` first.

    It ends when the block ends by an exception, Ctrl-C among them, and when this process ends in any way, kill -9
    among them; where it died, :class:`BrokenProcessPool` is raised.
    """
    # Spawned, not forked: a fork of a process that runs TensorFlow's threads can hang.
    context = get_context("spawn")
    theirs, ours = context.Pipe(duplex=False)
    with theirs, ours, ProcessPoolExecutor(1, context, _start_worker, (theirs, start)) as pool:
        try:
            yield pool
        except BaseException:
            # Ends the process: nobody waits for what it is still at.
            ours.close()
            raise


def map_in_processes(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    count: int,
    died: Callable[[Item], Result],
    start: Callable[[], None] | None = None,
) -> Iterator[Result]:
    """Yield what ``work`` makes of each of ``items``, in their order, by ``count`` processes at once.

    Where two processes die at an item, by the system for want of memory for example, ``died`` of that item is yielded
    and another process takes its place. What ``work`` raises is raised here.
    """
    with ExitStack() as pools:

        def new_pool() -> ProcessPoolExecutor:
            # One process each: where several share a pool, nobody knows which of their items was fatal.
            return pools.enter_context(_worker(start))

        idle = [new_pool() for _ in range(min(count, len(items)))]
        running: dict[Future[Result], tuple[int, ProcessPoolExecutor]] = {}
        found: dict[int, Result] = {}
        due, suspects = list(reversed(range(len(items)))), set[int]()
        told = 0
        while told < len(items):
            while idle and due:
                index, pool = due.pop(), idle.pop()
                try:
                    future = pool.submit(work, items[index])
                except BrokenProcessPool:
                    # It died while it waited, which is no item's fault.
                    pool = new_pool()
                    future = pool.submit(work, items[index])
                running[future] = index, pool
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                index, pool = running.pop(future)
                try:
                    found[index] = future.result()
                except BrokenProcessPool:
                    # The process may have died just before it took the item; a second death is the item's doing.
                    if index in suspects:
                        found[index] = died(items[index])
                    else:
                        suspects.add(index)
                        due.append(index)
                    pool = new_pool()
                idle.append(pool)
            while told in found:
                yield found.pop(told)
                told += 1


def _start_worker(lifeline: Connection, start: Callable[[], None] | None) -> None:
    """Tie this worker process to its parent: it ends when the other end of ``lifeline`` closes, even by kill -9."""

    def end_with_parent() -> None:
        with suppress(EOFError, OSError):
            lifeline.recv_bytes()
        os._exit(1)

    # Ctrl-C reaches the workers too; the parent ends them, quietly.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=end_with_parent, daemon=True).start()
    if start is not None:
        start()
