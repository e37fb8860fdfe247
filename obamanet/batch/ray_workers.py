"""Does tasks on a Ray cluster: one actor for each worker, with its persons loaded; a lost one's task goes to another.

What travels is a task and its outcome: paths, options and hashes. Sounds, persons and videos lie in folders that all
nodes see under the same names.
"""

from __future__ import annotations

import io
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from obamanet.about import SOFTWARE
from obamanet.batch.kinds import Studio
from obamanet.batch.work import Outcome, Task, do_task
from obamanet.errors import EngineError, ObamanetError

MAX_LOSSES: Final = 3
"""Actors that may be lost while they do a task, with their nodes or by it, before the task counts as failed."""

MAX_FALSE_STARTS: Final = 5
"""Actors in a row that may end before they are ready, before the batch ends."""

LOOK_SECONDS: Final = 1.0
"""Seconds between looks at how large the cluster is."""

MAX_SHOWN: Final = 200
"""Characters of Ray's own words that a message shows."""


class Worker:
    """What an actor does; it has one core, and keeps the persons of its tasks loaded.

    Args:
        studio: what the videos are made with.
    """

    def __init__(self, studio: Studio) -> None:
        import cv2

        cv2.setNumThreads(1)
        self._studio = replace(studio, threads=1)

    def find_fault(self, folder: Path) -> str | None:
        """Returns why this actor cannot do tasks below ``folder``; None when it can."""
        import platform

        if not folder.is_dir():
            return f"node {platform.node()} does not see {folder}; --out must be a folder that all nodes share"
        return None

    def software(self) -> str:
        """Returns the name and the version of the program that runs here."""
        return SOFTWARE

    def do(self, task: Task) -> Outcome:
        """Returns the outcome of a task."""
        return do_task(task, self._studio)


def check_ray() -> None:
    """Raises :class:`EngineError`, which names the extra to install, when Ray is not installed."""
    if find_spec("ray") is None:
        raise EngineError("Ray is not installed: pip install 'obamanet[ray]'")


def do_on_ray(
    tasks: Sequence[Task], studio: Studio, workers: int | None, address: str, note: Callable[[str], None]
) -> Generator[tuple[Task, Outcome]]:
    """Yields each of ``tasks`` with its outcome, as they are finished by the actors of a cluster.

    A task whose actor is lost is done by another one, in another folder: the lost one may still be writing.

    Args:
        tasks: what is to be done.
        studio: what the videos are made with; a key must be in a folder that all nodes see.
        workers: actors, of one core each; None for all cores of the cluster, also of nodes that join later.
        address: of the cluster, as of ray.init.
        note: is told of lost actors and of waiting.

    Raises:
        ObamanetError: there is no cluster, a node does not see the folder, or actors cannot be started.
    """
    with _connected(address) as ray:
        yield from _Cluster(ray, tasks, studio, workers, note).outcomes()


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    """Yields the module ray, connected to a cluster; disconnected after the block, which ends all actors."""
    check_ray()
    import ray

    # Ray tells of a lost node on standard output, with pages of its log.
    with redirect_stdout(io.StringIO()):
        try:
            ray.init(address=address, log_to_driver=False, logging_level="ERROR")
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            raise ObamanetError(f"no Ray cluster answers at {address}: {_line(error)}") from error
        try:
            yield ray
        except ray.exceptions.RayError as error:
            raise ObamanetError(f"the Ray cluster at {address} is lost: {_line(error)}") from error
        finally:
            ray.shutdown()


class _Cluster:
    """Gives tasks to actors, one at a time to each."""

    def __init__(
        self, ray: Any, tasks: Sequence[Task], studio: Studio, workers: int | None, note: Callable[[str], None]
    ) -> None:
        self._ray = ray
        self._note = note
        self._workers = workers
        self._new = lambda: ray.remote(num_cpus=1)(Worker).remote(studio)
        self._folder = tasks[0].folder.parent
        self._pending = list(reversed(tasks))
        self._losses: Counter[str] = Counter()
        self._false_starts = 0
        self._starting: dict[Any, Any] = {}
        self._idle: list[Any] = []
        self._running: dict[Any, tuple[Any, Task]] = {}

    def outcomes(self) -> Iterator[tuple[Task, Outcome]]:
        """Yields each task with its outcome."""
        # Actors that see it see the batch's folder.
        self._folder.mkdir(parents=True, exist_ok=True)
        finished: list[tuple[Task, Outcome]] = []
        told = False
        while self._pending or self._running or finished:
            self._start_actors()
            while self._idle and self._pending:
                actor, task = self._idle.pop(), self._pending.pop()
                self._running[actor.do.remote(task)] = actor, task
            # Every actor has work again while the caller deals with these.
            yield from finished
            finished = []
            if not self._starting and not self._running:
                if not told:
                    self._note("the cluster has no cores; waiting for a node")
                told = True
                time.sleep(LOOK_SECONDS)
                continue
            done, _ = self._ray.wait([*self._starting, *self._running], timeout=LOOK_SECONDS)
            for reference in done:
                if reference in self._starting:
                    self._take_in(reference)
                else:
                    finished += self._outcome(reference)

    def _start_actors(self) -> None:
        """Starts as many actors as there are cores and tasks for."""
        cores = self._workers or int(self._ray.cluster_resources().get("CPU", 0))
        wanted = min(cores, len(self._pending) + len(self._running))
        for _ in range(wanted - len(self._starting) - len(self._idle) - len(self._running)):
            actor = self._new()
            self._starting[actor.find_fault.remote(self._folder)] = actor

    def _take_in(self, reference: Any) -> None:
        """Makes an actor that has started an idle one; raises an ObamanetError where it cannot do tasks."""
        actor = self._starting.pop(reference)
        try:
            fault, software = self._ray.get(reference), self._ray.get(actor.software.remote())
        except self._ray.exceptions.RayError as error:
            self._false_starts += 1
            if self._false_starts >= MAX_FALSE_STARTS:
                raise ObamanetError(f"workers cannot be started on the Ray cluster: {_line(error)}") from error
            return
        if software != SOFTWARE:
            fault = f"a node of the Ray cluster has {software}, needed is {SOFTWARE}"
        if fault:
            raise ObamanetError(fault)
        self._false_starts = 0
        self._idle.append(actor)

    def _outcome(self, reference: Any) -> list[tuple[Task, Outcome]]:
        """Returns what came of a task; nothing when its actor was lost and it waits for another one."""
        actor, task = self._running.pop(reference)
        try:
            outcome = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            name = task.job.name
            self._losses[name] += 1
            if self._losses[name] >= MAX_LOSSES:
                return [(task, Outcome(error=f"{MAX_LOSSES} workers were lost at it, the last: {_line(error)}"))]
            self._note(f"{name}: its worker was lost, another one makes it: {_line(error)}")
            self._pending.append(replace(task, folder=task.folder.with_name(f"{task.folder.name}-again")))
            return []
        self._idle.append(actor)
        return [(task, outcome)]


def _line(error: Exception) -> str:
    """Returns Ray's words as one line."""
    return " ".join(str(error).split())[:MAX_SHOWN]
