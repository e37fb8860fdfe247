"""Does tasks in several processes of this machine, which share its cores."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Final

from obamanet.batch.kinds import Studio
from obamanet.batch.work import Outcome, Task, do_task
from obamanet.processes import finish_in_processes

THREAD_VARIABLES: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""Environment variables that tell libraries, before they are loaded, how many threads to use."""


def count_cores() -> int:
    """Returns how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def do_locally(tasks: Sequence[Task], studio: Studio, workers: int | None) -> Generator[tuple[Task, Outcome]]:
    """Yields each of ``tasks`` with its outcome, as they are finished.

    When this is closed, the processes end at once.

    Args:
        tasks: what is to be done.
        studio: what the videos are made with; its threads are chosen here.
        workers: processes; None for one per core.
    """
    count = min(workers or count_cores(), len(tasks))
    threads = max(1, count_cores() // max(1, count))
    work = partial(do_task, studio=replace(studio, threads=threads))
    with threads_of_children(threads):
        for index, outcome in finish_in_processes(work, tasks, count, _died, partial(use_threads, threads)):
            yield tasks[index], outcome


def _died(task: Task) -> Outcome:
    """Returns the outcome of a task at which two processes were killed."""
    return Outcome(error="the process that made it was killed twice, perhaps of too little memory")


def use_threads(count: int) -> None:
    """Keeps OpenCV to ``count`` threads in this process."""
    import cv2

    cv2.setNumThreads(count)


@contextmanager
def threads_of_children(count: int) -> Iterator[None]:
    """Tells processes that are started in the block how many threads to use, where the user has not."""
    added = [name for name in THREAD_VARIABLES if name not in os.environ]
    os.environ.update(dict.fromkeys(added, str(count)))
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
