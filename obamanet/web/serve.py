"""Runs a server until it is interrupted."""

from __future__ import annotations

import errno
import logging
import socket
from asyncio import CancelledError
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from obamanet.batch.kinds import Studio
from obamanet.batch.local_workers import count_cores, threads_of_children
from obamanet.errors import OptionError
from obamanet.web.guard import Access
from obamanet.web.job_queue import JobQueue
from obamanet.web.limits import Limits
from obamanet.web.page_options import PageOptions
from obamanet.web.persons import Persons
from obamanet.web.request_metrics import Metrics
from obamanet.web.server import create_app
from obamanet.web.service import Service
from obamanet.web.uploads import Uploads

MAX_CONNECTIONS = 512
"""Connections at once; more are answered by 503."""

GOODBYE_SECONDS = 1
"""Seconds that answers which are being sent have to end, when the server ends."""


@dataclass(frozen=True)
class ServerOptions:
    """How a server runs.

    Attributes:
        persons: folders of the persons that can be shown, by name; the first is the default.
        folder: for results and uploads, of this server alone.
        host: address to listen at.
        port: to listen at; 0 for any that is free.
        token: secret that clients show; None for none, on this machine alone.
        workers: processes that make jobs; None for one per two cores.
        limits: what clients may ask.
        studio: what the videos are made with; its threads are chosen here.
        page: what the page offers; None for the API alone.
    """

    persons: dict[str, Path]
    folder: Path
    host: str = "127.0.0.1"
    port: int = 7860
    token: str | None = None
    workers: int | None = None
    limits: Limits = field(default_factory=Limits)
    studio: Studio = field(default_factory=Studio)
    page: PageOptions | None = None


def serve(options: ServerOptions, ready: Callable[[str], None]) -> None:
    """Answers requests until the process is interrupted (Ctrl-C) or ended; running jobs are ended then.

    Args:
        options: how.
        ready: called with the server's address when it can be asked.

    Raises:
        OptionError: the port is in use, the address is not this machine's, or a token is missing.
        ObamanetError: a person or the folder cannot be used.
    """
    access = Access(options.host, options.token)
    with _listening(options.host, options.port) as listener, opened_app(options, access) as app:
        host, port = listener.getsockname()[:2]
        ready(f"http://{f'[{host}]' if ':' in host else host}:{port}/")
        _answer(app, listener)


def _answer(app: FastAPI, listener: socket.socket) -> None:
    """Answers what comes to a socket until the process is told to end."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=GOODBYE_SECONDS,
    )
    server = uvicorn.Server(config)

    def is_fault(record: logging.LogRecord) -> bool:
        """Returns whether a log entry is more than an answer broken off at the end, such as an open page's events."""
        error = record.exc_info and record.exc_info[1]
        return not server.should_exit or not (error is None or isinstance(error, CancelledError))

    log = logging.getLogger("uvicorn.error")
    log.addFilter(is_fault)
    try:
        server.run(sockets=[listener])
    finally:
        log.removeFilter(is_fault)


@contextmanager
def opened_app(options: ServerOptions, access: Access) -> Iterator[FastAPI]:
    """Yields the application, with its processes; they are ended after the block. Raises as :func:`serve`."""
    limits, metrics, persons = options.limits, Metrics(), Persons(options.persons)
    workers = options.workers or max(1, count_cores() // 2)
    studio = Studio(options.studio.engine, options.studio.key, max(1, count_cores() // workers))
    with (
        threads_of_children(studio.threads),
        JobQueue(
            options.folder,
            workers=workers,
            max_queued=limits.queued,
            max_per_client=limits.per_client,
            keep_seconds=60 * limits.keep_minutes,
            studio=studio,
            warm=persons.folder(),
            on_end=metrics.job_ended,
        ) as queue,
        Uploads(limits) as uploads,
    ):
        metrics.watch(queue)
        service = Service(queue, persons, uploads, access, limits)
        app = create_app(service, metrics)
        if options.page is not None:
            from obamanet.web.page_mount import mount_page

            mount_page(app, service, options.page)
        yield app


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """Yields a socket that listens at an address; raises :class:`OptionError` where it cannot."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        # Else a server that has just ended would keep its port for a minute.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            # At once, or a second server could bind the same port.
            listener.listen()
        except (OSError, OverflowError) as error:
            if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
                raise OptionError(f"port {port} of {host} is in use: name another one with --port") from error
            raise OptionError(f"cannot serve at {host}, port {port} ({error})") from error
        yield listener
