"""What the API and the page share: the queue, the persons, the limits, and how a request becomes a job."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeVar

from anyio import CapacityLimiter, to_thread

from obamanet.batch.kinds import Work
from obamanet.web.guard import Access
from obamanet.web.job_queue import JobQueue, JobView
from obamanet.web.limits import Limits
from obamanet.web.persons import Persons
from obamanet.web.uploads import Uploads

Result = TypeVar("Result")

THREADS: Final = 16
"""Uploads that are checked, or wait for a process that checks them, at once; the others wait for these."""


@dataclass(frozen=True)
class Service:
    """The parts of a server.

    Attributes:
        queue: makes the jobs.
        persons: who can be shown.
        uploads: checks what comes in.
        access: who may ask.
        limits: how much.
        threads: in which uploads are dealt with, few enough that they keep up nothing else.
    """

    queue: JobQueue
    persons: Persons
    uploads: Uploads
    access: Access
    limits: Limits
    threads: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(THREADS))

    async def in_thread(self, work: Callable[..., Result], *arguments: Any) -> Result:
        """Returns what ``work``, which deals with an upload, returns, called in a thread."""
        return await to_thread.run_sync(work, *arguments, limiter=self.threads)

    def submit_upload(
        self,
        upload: BinaryIO,
        name: str,
        client: str,
        check: Callable[[Path, Path], Path],
        work_of: Callable[[Path], Work],
    ) -> JobView:
        """Takes in a file, checks it and submits the job that is made of it.

        Args:
            upload: the file as it came.
            name: of the job, any text.
            client: whose job it is.
            check: checks the file, given a folder for what it makes of it, and returns the file to use.
            work_of: returns what is made of that.

        Raises:
            ObamanetError: the file or the job is not taken; nothing is kept then.
        """
        with self.received(upload) as (file, folder):
            return self.queue.submit(work_of(check(file, folder)), name, client, inputs=folder)

    @contextmanager
    def received(self, upload: BinaryIO) -> Iterator[tuple[Path, Path]]:
        """Yields a copy of an upload under a name of the server's own, and its folder.

        The folder is removed when the block raises; else it is the caller's, or the queue's.

        Raises:
            OutputError: the disk is nearly full.
        """
        folder = self.queue.new_inputs()
        try:
            file = folder / "upload"
            with file.open("wb") as copy:
                shutil.copyfileobj(upload, copy)
            yield file, folder
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
