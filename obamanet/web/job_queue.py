"""Jobs of many clients: they wait in turn, are made by processes of their own, and are kept for a while.

A job is any :class:`obamanet.batch.kinds.Work`. Clients take turns, so that one with fifty jobs does not keep up
another with one. A job that crashes, takes all memory or too long ends its process alone and is told as failed; so does
one that is cancelled. Results and uploads are in one folder and removed with their job. Times are of
:func:`time.monotonic`, so that a clock that is set back changes nothing.
"""

from __future__ import annotations

import re
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from secrets import token_urlsafe
from types import TracebackType
from typing import Final, Self

from obamanet.batch.kinds import KINDS, Studio, Work
from obamanet.batch.local_workers import use_threads
from obamanet.batch.work import Outcome, do_work
from obamanet.errors import ObamanetError, OutputError
from obamanet.files import locked, made_folder
from obamanet.memory import limit_memory
from obamanet.processes import Tell, WorkerDiedError, WorkerProcess
from obamanet.web.job_progress import Told, ToldProgress

JOB_SECONDS: Final = 3600.0
"""Seconds that a job may take; then it is ended."""

WORKER_BYTES: Final = 8_000_000_000
"""Bytes of address space of a worker, most of which is never touched; a job that needs more fails alone."""

MIN_FREE: Final = 500_000_000
"""Bytes free on the disk below which no job is taken."""

MAX_NAME: Final = 60
"""Characters of a result's name before its suffix."""

POLL_SECONDS: Final = 0.5
"""Seconds between looks for jobs that have expired or take too long; half the time they are kept where that is less."""

DIED: Final = "the process that made it ended, perhaps of too little memory"


class QueueFullError(ObamanetError):
    """As many jobs wait as may."""


class TooManyJobsError(ObamanetError):
    """A client has as many jobs waiting or running as it may."""


class UnknownJobError(ObamanetError):
    """There is no such job, or it has expired."""


class JobState(StrEnum):
    """How far a job is."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether it stays so."""
        return self not in {JobState.QUEUED, JobState.RUNNING}


@dataclass(frozen=True)
class JobView:
    """What is known of a job at one moment.

    Attributes:
        id: names it; cannot be guessed.
        kind: key of :data:`obamanet.batch.kinds.KINDS`, or as told to :meth:`JobQueue.submit`.
        name: as the client gave it: any text.
        state: how far it is.
        position: 1 for the next one; None for one that does not wait.
        progress: share of the present stage, 0 to 1; None where it is not known.
        note: what it last told of its progress, "" for nothing.
        error: why it failed; None unless it did.
        files: what was made; empty until it is done.
        created: when it was submitted, seconds of :func:`time.monotonic`.
        started: when its work began; None before.
        ended: when it was done, failed or cancelled; None before.
    """

    id: str
    kind: str
    name: str
    state: JobState
    position: int | None
    progress: float | None
    note: str
    error: str | None
    files: tuple[Path, ...]
    created: float
    started: float | None
    ended: float | None


@dataclass(frozen=True)
class _Order:
    """What a worker process makes."""

    work: Work
    name: str
    folder: Path
    studio: Studio


@dataclass
class _Job:
    """A job, with what the queue alone knows of it.

    Attributes:
        view: what clients see, but for the position.
        client: whose it is.
        order: what is made.
        inputs: folder of what was uploaded for it; None for nothing.
        verdict: how it ends whatever its worker says; None for as that says.
    """

    view: JobView
    client: str
    order: _Order
    inputs: Path | None
    verdict: tuple[JobState, str | None] | None = None


class JobQueue:
    """A queue of jobs with processes that make them; a context manager, which ends them.

    All methods may be called from any thread.

    Args:
        folder: for results and uploads; what an ended server left there is removed.
        workers: processes.
        max_queued: jobs that wait at most.
        max_per_client: jobs of one client that wait or run at most.
        keep_seconds: how long a job is known, and its results are kept, after its end.
        studio: what the jobs are made with.
        warm: folder of the person that each process loads before its first job; None for none.
        max_seconds: that a job may take.
        on_end: called with each job that has ended, in one of the queue's threads; must be quick.

    Raises:
        OutputError: the folder cannot be used, or another server uses it.
    """

    def __init__(
        self,
        folder: Path,
        *,
        workers: int,
        max_queued: int,
        max_per_client: int,
        keep_seconds: float,
        studio: Studio,
        warm: Path | None = None,
        max_seconds: float = JOB_SECONDS,
        on_end: Callable[[JobView], None] | None = None,
    ) -> None:
        self.folder = folder.absolute()
        self.max_queued, self.max_per_client = max_queued, max_per_client
        self.keep_seconds, self.max_seconds = keep_seconds, max_seconds
        self._studio, self._warm, self._on_end = studio, warm, on_end
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._jobs: dict[str, _Job] = {}
        self._waiting: dict[str, deque[_Job]] = {}
        """Of each client, in the order in which they take turns."""
        self._running: dict[str, WorkerProcess] = {}
        self._workers: set[WorkerProcess] = set()
        self._stack = ExitStack()
        with ExitStack() as stack:
            stack.enter_context(made_folder(self.folder))
            stack.enter_context(locked(self.folder))
            _clear(self.folder)
            self._stack = stack.pop_all()
        targets = [self._serve] * workers + [self._keep_house]
        self._threads = [threading.Thread(target=target, daemon=True) for target in targets]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def new_inputs(self) -> Path:
        """Returns a new folder for what a client uploads; :meth:`submit` takes it over, else the caller removes it.

        Raises:
            OutputError: the disk is nearly full, or the folder cannot be made.
        """
        self._check_room()
        folder = self.folder / f"{INPUTS}{token_urlsafe(16)}"
        try:
            folder.mkdir()
        except OSError as error:
            raise OutputError(f"no folder for uploads can be made ({error.strerror})") from error
        return folder

    def submit(
        self, work: Work, name: str, client: str, *, inputs: Path | None = None, kind: str | None = None
    ) -> JobView:
        """Puts a job in the queue.

        Args:
            work: what is to be made.
            name: any text; what it has of letters, digits, - and _ names the results.
            client: whose turn it takes.
            inputs: folder of :meth:`new_inputs`, which is removed when the job has ended.
            kind: what it is called; None for its kind in batches.

        Raises:
            QueueFullError: too many wait, or the queue is closed.
            TooManyJobsError: the client has too many.
            OutputError: the disk is nearly full.
        """
        self._check_room()
        with self._changed:
            if self._closing.is_set() or sum(map(len, self._waiting.values())) >= self.max_queued:
                raise QueueFullError(f"the queue is full: {self.max_queued} jobs wait; try again later")
            own = sum(job.client == client and not job.view.state.is_final for job in self._jobs.values())
            if own >= self.max_per_client:
                raise TooManyJobsError(f"too many jobs at once: you have {own}, allowed are {self.max_per_client}")
            id = token_urlsafe(16)
            view = JobView(
                id,
                kind or _kind_of(work),
                name,
                JobState.QUEUED,
                None,
                None,
                "",
                None,
                (),
                time.monotonic(),
                None,
                None,
            )
            order = _Order(work, file_name(name), self.results_folder(id), self._studio)
            job = _Job(view, client, order, inputs)
            self._jobs[id] = job
            self._waiting.setdefault(client, deque()).append(job)
            self._changed.notify_all()
            return self._view(job)

    def get(self, id: str) -> JobView:
        """Returns what is known of a job now; raises :class:`UnknownJobError`."""
        with self._changed:
            return self._view(self._job(id))

    def watch(self, id: str, timeout: float | None = None) -> Iterator[JobView]:
        """Yields what is known of a job, now and after every change, until it has ended.

        Args:
            id: the job.
            timeout: seconds after which this ends too; None for no limit.

        Raises:
            UnknownJobError: there is no such job, or it was removed meanwhile.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        seen: JobView | None = None

        def has_changed() -> bool:
            return id not in self._jobs or self._view(self._jobs[id]) != seen

        while seen is None or not seen.state.is_final:
            left = None if deadline is None else deadline - time.monotonic()
            with self._changed:
                if not self._changed.wait_for(has_changed, left):
                    return
                seen = self._view(self._job(id))
            yield seen

    def cancel(self, id: str) -> JobView:
        """Ends a job that waits or runs, and returns what is known of it; one that has ended stays as it is.

        Raises:
            UnknownJobError: there is no such job.
        """
        with self._changed:
            job = self._job(id)
            self._end(job, JobState.CANCELLED)
            return self._view(job)

    def remove(self, id: str) -> None:
        """Cancels a job and forgets it with its results; raises :class:`UnknownJobError`."""
        with self._changed:
            job = self._job(id)
            self._end(job, JobState.CANCELLED)
            if job.view.state.is_final:
                self._forget(job)
            else:
                del self._jobs[id]  # Its worker removes the rest.

    def results_folder(self, id: str) -> Path:
        """Returns the folder in which a job's results come to be; it is there from the job's start on."""
        return self.folder / f"{RESULTS}{id}"

    def counts(self) -> dict[JobState, int]:
        """Returns how many jobs are in each state."""
        with self._changed:
            states = [job.view.state for job in self._jobs.values()]
        return {state: states.count(state) for state in JobState}

    @property
    def is_healthy(self) -> bool:
        """Whether jobs are made."""
        return not self._closing.is_set() and all(thread.is_alive() for thread in self._threads)

    def close(self) -> None:
        """Ends all jobs and processes and removes all results; nothing can be submitted afterwards."""
        with self._changed:
            self._closing.set()
            for job in list(self._jobs.values()):
                self._end(job, JobState.CANCELLED)
            for worker in self._workers:
                worker.end()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        with self._stack:
            _clear(self.folder)

    def _serve(self) -> None:
        """Makes one job after the other in a process, which is started anew when it has ended."""
        worker: WorkerProcess | None = None
        while not self._closing.is_set():
            if worker is None or not worker.is_alive:
                worker = self._new_worker(worker)
                continue
            job = self._next(worker)
            if job is not None:
                outcome = self._make(job, worker)
                self._finish(job, outcome)
        if worker is not None:
            worker.end()

    def _new_worker(self, old: WorkerProcess | None) -> WorkerProcess | None:
        """Returns a new process in the place of ``old``, with the person loaded; None where none can be started now."""
        with self._changed:
            if old is not None:
                self._workers.discard(old)
            if self._closing.is_set():
                return None
            try:
                worker = WorkerProcess(partial(_start, self._studio.threads))
            except OSError:  # Out of processes or memory, perhaps for the moment.
                self._changed.wait(POLL_SECONDS)
                return None
            self._workers.add(worker)
        if self._warm is not None:
            # A person that cannot be loaded is told by the first job.
            with suppress(WorkerDiedError, ObamanetError, OSError):
                worker.do(_load, (self._studio, self._warm))
        return worker

    def _next(self, worker: WorkerProcess) -> _Job | None:
        """Waits for the next job and returns it, now running; None when there is none and the process ended."""
        with self._changed:
            while not self._waiting:
                if self._closing.is_set() or not worker.is_alive:
                    return None
                self._changed.wait(POLL_SECONDS)
            client = next(iter(self._waiting))
            own = self._waiting.pop(client)
            job = own.popleft()
            if own:  # At the end of the line again.
                self._waiting[client] = own
            self._running[job.view.id] = worker
            self._change(job, state=JobState.RUNNING, started=time.monotonic())
            return job

    def _make(self, job: _Job, worker: WorkerProcess) -> Outcome:
        def hear(told: Told) -> None:
            with self._changed:
                self._change(job, progress=told.share, note=self._tidy(told.note) if told.note else job.view.note)

        try:
            return worker.do(_make, job.order, hear)
        except WorkerDiedError:
            return Outcome(error=DIED)
        except Exception as error:  # The work itself cannot be sent to the process.
            return Outcome(error=f"this is a bug in obamanet: {type(error).__name__}: {error}")

    def _finish(self, job: _Job, outcome: Outcome) -> None:
        with self._changed:
            del self._running[job.view.id]
            state, error = job.verdict or (JobState.FAILED if outcome.error else JobState.DONE, outcome.error)
            if state is JobState.DONE:
                files = tuple(job.order.folder / result.file for result in outcome.files)
                self._change(job, files=files, progress=1.0)
            else:
                shutil.rmtree(job.order.folder, ignore_errors=True)
            self._conclude(job, state, error and self._tidy(error))
            if job.view.id not in self._jobs:  # Removed meanwhile.
                self._forget(job)

    def _end(self, job: _Job, state: JobState, error: str | None = None) -> None:
        """Ends a job that waits or runs; the latter is over when its worker's thread has noticed."""
        match job.view.state:
            case JobState.QUEUED:
                own = self._waiting[job.client]
                own.remove(job)
                if not own:
                    del self._waiting[job.client]
                self._conclude(job, state, error)
            case JobState.RUNNING if job.verdict is None:
                job.verdict = state, error
                self._running[job.view.id].end()

    def _conclude(self, job: _Job, state: JobState, error: str | None) -> None:
        if job.inputs is not None:
            shutil.rmtree(job.inputs, ignore_errors=True)
        self._change(job, state=state, error=error, ended=time.monotonic())
        if self._on_end is not None:
            self._on_end(job.view)

    def _change(self, job: _Job, **changes: object) -> None:
        job.view = replace(job.view, **changes)  # type: ignore[arg-type]
        self._changed.notify_all()

    def _forget(self, job: _Job) -> None:
        self._jobs.pop(job.view.id, None)
        shutil.rmtree(job.order.folder, ignore_errors=True)
        self._changed.notify_all()

    def _keep_house(self) -> None:
        """Removes jobs that have expired, and ends those that take too long."""
        while not self._closing.wait(min(POLL_SECONDS, self.keep_seconds / 2)):
            now = time.monotonic()
            with self._changed:
                for job in list(self._jobs.values()):
                    if job.view.ended is not None and now - job.view.ended > self.keep_seconds:
                        self._forget(job)
                    elif job.view.started is not None and now - job.view.started > self.max_seconds:
                        self._end(job, JobState.FAILED, f"it took longer than {self.max_seconds:.0f} s")

    def _job(self, id: str) -> _Job:
        if id not in self._jobs:
            raise UnknownJobError("no such job: it never was, or it has expired")
        return self._jobs[id]

    def _view(self, job: _Job) -> JobView:
        if job.view.state is not JobState.QUEUED:
            return job.view
        # In one round each client before this one has a turn, and each after it in all rounds but the last.
        rounds = self._waiting[job.client].index(job)
        position, before = 1, True
        for client, jobs in self._waiting.items():
            before = before and client != job.client
            position += rounds if client == job.client else min(len(jobs), rounds + before)
        return replace(job.view, position=position)

    def _tidy(self, text: str) -> str:
        return without_folders(text.replace(f"{self.folder}/", ""))

    def _check_room(self) -> None:
        try:
            free = shutil.disk_usage(self.folder).free
        except OSError as error:
            raise OutputError(f"the server's folder is gone ({error.strerror})") from error
        if free < MIN_FREE:
            raise OutputError("the server's disk is nearly full; try again later")


RESULTS, INPUTS = "job-", "in-"
"""Begin the names of the folders of results and of uploads."""

FOLDERS: Final = re.compile(r"(?:(?<=\s)|^)/(?:[^/\s]+/)+|(?:job|in)-[\w-]{22}/")
"""The folders of a file in a message."""


def without_folders(text: str) -> str:
    """Returns a message without the folders of this machine, which are no client's business."""
    return FOLDERS.sub("", text)


def file_name(name: str) -> str:
    """Returns a file name without suffix for the text ``name``: its letters, digits, - and _, or "video"."""
    return re.sub(r"[^\w-]+", "_", name).strip("_-")[:MAX_NAME] or "video"


def _kind_of(work: Work) -> str:
    return next((name for name, kind in KINDS.items() if isinstance(work, kind)), type(work).__name__)


def _clear(folder: Path) -> None:
    """Removes the folders of jobs and uploads."""
    for name in (RESULTS, INPUTS):
        for path in folder.glob(f"{name}*"):
            shutil.rmtree(path, ignore_errors=True)


def _start(threads: int) -> None:
    limit_memory(WORKER_BYTES)
    use_threads(threads)


def _load(order: tuple[Studio, Path], tell: Tell) -> None:
    studio, person = order
    studio.load(person)


def _make(order: _Order, tell: Tell) -> Outcome:
    studio = replace(order.studio, progress=ToldProgress(tell))
    return do_work(order.work, order.name, order.folder, studio)
