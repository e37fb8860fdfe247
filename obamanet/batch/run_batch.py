"""Makes the jobs of a list that are not made yet, and keeps count in a manifest.

A worker makes a job in a folder of its own below the hidden folder WORK. Only the process that holds the batch's lock
brings results to their places: it moves the worker's folder to READY, notes in the manifest what is in it, and then
moves the files. At whatever moment it is killed, the next run finds the job either not noted, and makes it anew, or
noted, and moves what is left to move.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Final

from obamanet.background import closed_after
from obamanet.batch.batch_manifest import MANIFEST_FILE, Entry, Manifest, ResultFile, State
from obamanet.batch.job_file import Job, JobList
from obamanet.batch.kinds import Studio
from obamanet.batch.local_workers import do_locally
from obamanet.batch.ray_workers import do_on_ray
from obamanet.batch.work import Outcome, Task
from obamanet.errors import OutputError
from obamanet.files import locked, made_folder, sha256_of
from obamanet.progress import Progress

WORK: Final = ".work"
"""Folder, below the batch's, in which results are made."""

READY: Final = "ready"
"""Folder, below WORK, of results that are whole and not in their places yet, one folder for each job."""


@dataclass(frozen=True)
class BatchOptions:
    """How a batch is made.

    Attributes:
        studio: what the videos are made with; its threads are chosen for the number of workers.
        workers: processes, or actors of a cluster; None for one per core.
        ray: address of the Ray cluster that makes the jobs; None for this machine.
    """

    studio: Studio = field(default_factory=Studio)
    workers: int | None = None
    ray: str | None = None


@dataclass(frozen=True)
class BatchSummary:
    """What became of a list of jobs.

    Attributes:
        manifest: the manifest's file.
        made: jobs that were made now.
        kept: jobs that had been made before.
        failed: jobs that could not be made, and lines that are none, with the reason.
    """

    manifest: Path
    made: int
    kept: int
    failed: tuple[Entry, ...]


def run_batch(
    listed: JobList, out: Path, options: BatchOptions | None = None, progress: Progress | None = None
) -> BatchSummary:
    """Makes all jobs of a list that are not made yet; one that fails is told, and does not stop the others.

    Args:
        listed: the jobs.
        out: folder of the results and of the manifest.
        options: how they are made.
        progress: gets the progress, and a line for each failure.

    Raises:
        OutputError: ``out`` or its manifest cannot be used, another process is at work there, or the disk is full. What
            was made by then is kept.
        ObamanetError: the cluster cannot be used, or is lost.
    """
    options, progress = options or BatchOptions(), progress or Progress()
    with made_folder(out.absolute()) as folder, locked(folder):
        manifest = Manifest(folder / MANIFEST_FILE)
        _clear(manifest, folder)
        try:
            tasks, kept = _plan(listed, manifest, folder, progress)
            if tasks:
                _do(tasks, manifest, folder, options, progress)
                manifest.replace(manifest.entries.values())
        finally:
            _clear(manifest, folder)
    names = [*(job.name for job in listed.jobs), *(line.place for line in listed.wrong)]
    entries = [manifest.entries[name] for name in names]
    failed = tuple(entry for entry in entries if entry.state is not State.DONE)
    return BatchSummary(manifest.path, len(entries) - kept - len(failed), kept, failed)


def _plan(listed: JobList, manifest: Manifest, folder: Path, progress: Progress) -> tuple[list[Task], int]:
    """Writes into the manifest what is to be done; returns that, and how many jobs are done already."""
    before = manifest.entries
    planned = [_planned(job, before.get(job.name), folder) for job in listed.jobs]
    wrong = [Entry(line.place, State.WRONG, error=line.error) for line in listed.wrong]
    told = {entry.job for entry in (*planned, *wrong)}
    # What other lists made here stays known, so that its files stay ours.
    others = [entry for name, entry in before.items() if entry.files and name not in told]
    manifest.replace([*planned, *wrong, *others])
    for entry in (*planned, *wrong):
        if entry.error:
            progress.note(f"{entry.job}: {entry.error}")
    kept = sum(entry.state is State.DONE for entry in planned)
    if kept:
        progress.note(f"{kept} of {len(planned)} jobs are made already")
    waiting = [job for job, entry in zip(listed.jobs, planned, strict=True) if entry.state is State.WAITING]
    # One person after the other: a worker keeps few of them loaded.
    waiting.sort(key=lambda job: (job.kind, str(getattr(job.work, "person", ""))))
    # A name of its own: a worker of a killed run may not have noticed yet.
    work = folder / WORK / token_hex(4)
    return [Task(job, work / str(number)) for number, job in enumerate(waiting)], kept


def _planned(job: Job, old: Entry | None, folder: Path) -> Entry:
    """Returns what is known of a job before the run: done, waiting, or failed where its place is taken."""
    if old and old.state is State.DONE and old.fingerprint == job.fingerprint and _are_there(old, folder):
        return old
    # Files of an earlier form of the job stay until they are replaced.
    files = old.files if old else ()
    ours = {result.file.partition("/")[0] for result in files}
    for name in job.work.results(job.name):
        if name not in ours and (folder / name).exists():
            error = f"there is a file that this batch did not make: {folder / name}; move it, or give the job a name"
            return Entry(job.name, State.FAILED, job.kind, job.fingerprint, files, error)
    return Entry(job.name, State.WAITING, job.kind, job.fingerprint, files)


def _are_there(entry: Entry, folder: Path) -> bool:
    places = [(folder / result.file, result.bytes) for result in entry.files]
    return all(place.is_file() and place.stat().st_size == size for place, size in places)


def _do(tasks: Sequence[Task], manifest: Manifest, folder: Path, options: BatchOptions, progress: Progress) -> None:
    """Has the tasks done; notes what comes of each, and brings its results to their places.

    Raises:
        OutputError: the disk is full, or the folder cannot be written to.
    """
    if options.ray:
        outcomes = do_on_ray(tasks, options.studio, options.workers, options.ray, progress.note)
    else:
        outcomes = do_locally(tasks, options.studio, options.workers)
    with closed_after(outcomes):
        for task, outcome in progress.track(outcomes, "jobs", len(tasks)):
            _keep(task, outcome, manifest, folder)
            if outcome.disk_full:
                raise OutputError(f"{outcome.error}; make room and give the same command again")
            if outcome.error:
                progress.note(f"{task.job.name}: {outcome.error}")


def _keep(task: Task, outcome: Outcome, manifest: Manifest, folder: Path) -> None:
    """Notes what came of a job, and brings its results to their places."""
    job, old = task.job, manifest.entries[task.job.name].files
    if outcome.error:
        manifest.append(Entry(job.name, State.FAILED, job.kind, job.fingerprint, old, outcome.error))
        return
    ready = folder / WORK / READY / job.name
    try:
        ready.parent.mkdir(parents=True, exist_ok=True)
        os.replace(task.folder, ready)
        manifest.append(Entry(job.name, State.DONE, job.kind, job.fingerprint, outcome.files))
        _move(outcome.files, ready, folder)
        for file in {result.file for result in old} - {result.file for result in outcome.files}:
            (folder / file).unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"results of {job.name} cannot be put in place ({error.strerror}): {folder}") from error


def _move(files: Iterable[ResultFile], source: Path, target: Path) -> None:
    for result in files:
        (target / result.file).parent.mkdir(parents=True, exist_ok=True)
        os.replace(source / result.file, target / result.file)


def _clear(manifest: Manifest, folder: Path) -> None:
    """Brings noted results to their places where a run was stopped before that, and removes what was being made."""
    for entry in manifest.entries.values():
        ready = folder / WORK / READY / entry.job
        if entry.state is State.DONE and ready.is_dir():
            # The folder may be of a later result of this job, which was not noted any more.
            there = [one for one in entry.files if (ready / one.file).is_file()]
            _move((one for one in there if sha256_of(ready / one.file) == one.sha256), ready, folder)
    shutil.rmtree(folder / WORK, ignore_errors=True)
