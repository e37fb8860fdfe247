"""Counts what a server does, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from obamanet.web.job_queue import JobQueue, JobView

SECONDS = (0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300, 600)
"""Bounds of the histograms of jobs."""


class Metrics(Collector):
    """Counts requests and jobs, in a registry of its own."""

    media_type = "text/plain; version=0.0.4; charset=utf-8"

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._queue: JobQueue | None = None
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "obamanet_requests", "Answers by code.", ["method", "route", "code"], registry=self._registry
        )
        self._jobs = Counter("obamanet_jobs", "Jobs that have ended.", ["kind", "state"], registry=self._registry)
        self._waited = Histogram(
            "obamanet_job_wait_seconds", "Time in the queue.", ["kind"], registry=self._registry, buckets=SECONDS
        )
        self._worked = Histogram(
            "obamanet_job_work_seconds", "Time of the work.", ["kind"], registry=self._registry, buckets=SECONDS
        )
        self._registry.register(self)

    def watch(self, queue: JobQueue) -> None:
        """Has the queue's length told too."""
        self._queue = queue

    def job_ended(self, view: JobView) -> None:
        """Counts a job."""
        self._jobs.labels(view.kind, view.state.value).inc()
        if view.started is not None and view.ended is not None:
            self._waited.labels(view.kind).observe(view.started - view.created)
            self._worked.labels(view.kind).observe(view.ended - view.started)

    def collect(self) -> Iterable[Metric]:
        """Yields the number of jobs that wait, run and are kept."""
        gauge = GaugeMetricFamily("obamanet_jobs_kept", "Jobs that are known now.", labels=["state"])
        for state, count in (self._queue.counts() if self._queue else {}).items():
            gauge.add_metric([state.value], count)
        yield gauge

    def text(self) -> bytes:
        """Returns all figures in Prometheus's text format."""
        return generate_latest(self._registry)

    def middleware(self, app: ASGIApp) -> ASGIApp:
        """Returns ``app`` with its answers counted."""

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            async def noticed(message: Message) -> None:
                if message["type"] == "http.response.start":
                    # The route's form, not the path, of which there are as many as jobs.
                    route = getattr(scope.get("route"), "path", "other")
                    self._requests.labels(scope["method"], route, message["status"]).inc()
                await send(message)

            await app(scope, receive, noticed)

        return counted
