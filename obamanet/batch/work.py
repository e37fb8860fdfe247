"""Makes one job in a folder of its own, and tells what came of it; what a worker process or a cluster's actor does."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from obamanet.batch.batch_manifest import ResultFile
from obamanet.batch.job_file import Job
from obamanet.batch.kinds import Studio, Work
from obamanet.errors import ObamanetError
from obamanet.files import NO_SPACE, sha256_of
from obamanet.memory import is_out_of_memory
from obamanet.video.stream_hash import hash_streams

MIN_FREE: Final = 1 << 20
"""Bytes free on the disk below which any error is laid to the lack of space: signing does not tell why it failed."""


@dataclass(frozen=True)
class Task:
    """A job, and the folder that it is made in."""

    job: Job
    folder: Path


@dataclass(frozen=True)
class Outcome:
    """What came of a job.

    Attributes:
        files: what was made, relative to the task's folder; empty when it failed.
        error: why it failed, None where it did not.
        disk_full: it failed for lack of space, as others would.
    """

    files: tuple[ResultFile, ...] = ()
    error: str | None = None
    disk_full: bool = False


def do_task(task: Task, studio: Studio) -> Outcome:
    """Makes the results of a job in its folder, as :func:`do_work`."""
    return do_work(task.job.work, task.job.name, task.folder, studio)


def do_work(work: Work, name: str, folder: Path, studio: Studio) -> Outcome:
    """Makes the results ``name`` of some work in an empty ``folder``.

    Errors become the outcome, and then nothing is left of the folder.
    """
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(parents=True)
        work.make(folder, name, studio)
        return Outcome(tuple(_described(folder)))
    except Exception as error:  # one job must not end the others, not even by a bug
        full = _is_disk_full(error, folder)
        shutil.rmtree(folder, ignore_errors=True)
        return Outcome(error=_explained(error), disk_full=full)


def _described(folder: Path) -> list[ResultFile]:
    return [
        ResultFile(
            path.relative_to(folder).as_posix(),
            path.stat().st_size,
            sha256_of(path),
            hash_streams(path) if path.suffix == ".mp4" else None,
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]


def _explained(error: Exception) -> str:
    match error:
        case ObamanetError():
            return str(error)
        case _ if is_out_of_memory(error):
            return "not enough memory"
        case OSError() if error.strerror:
            return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return f"this is a bug in obamanet: {type(error).__name__}: {error}"


def _is_disk_full(error: BaseException, folder: Path) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in NO_SPACE:
            return True
        cause = cause.__cause__
    try:
        return shutil.disk_usage(folder.parent).free < MIN_FREE
    except OSError:
        return False
