"""What all tabs of the page share: the queue, the persons, uploads, results as HTML, jobs that are followed.

Whatever comes from users or files is escaped where it is put into HTML, and nowhere else.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from anyio import sleep
from anyio.to_thread import run_sync

from obamanet.batch.kinds import Work
from obamanet.errors import ObamanetError, OptionError, OutputError
from obamanet.web.guard import client_of
from obamanet.web.job_queue import JobQueue, JobState, JobView, UnknownJobError, without_folders
from obamanet.web.page_texts import Texts
from obamanet.web.service import Service

if TYPE_CHECKING:
    import gradio

SUFFIXES: Final = (".mp4", ".vtt", ".json", ".tsv")
"""Of results, in the order in which they are offered."""

LOOK_SECONDS: Final = 0.1
"""Seconds between looks at a job that is shown."""

Handler = TypeVar("Handler", bound=Callable[..., Any])


@dataclass(frozen=True)
class Tab:
    """What a tab is made with.

    Attributes:
        service: of the server.
        texts: in the page's language.
        secret: with which browsers keep the names of their jobs.
    """

    service: Service
    texts: Texts
    secret: str

    def about(self, name: str) -> None:
        """Adds a line that says what a tab does."""
        import gradio as gr

        gr.HTML(f'<p class="page-about">{self.texts(name)}</p>')


def with_request(handler: Handler) -> Handler:
    """Returns ``handler`` such that Gradio gives it the request as its argument ``request``.

    It comes first, before the inputs' values. Gradio looks at annotations, which are texts here since Gradio is
    imported inside functions.
    """
    import gradio as gr

    handler.__annotations__ = {"request": gr.Request}
    return handler


def submit(
    service: Service, make: Callable[[Path], Work], name: str, request: gradio.Request, kind: str | None = None
) -> str:
    """Puts a job in the queue.

    Args:
        service: of the server.
        make: returns the job, given a folder for its uploads.
        name: of the result, any text.
        request: of the browser.
        kind: what the job is called; None for its kind in batches.

    Returns:
        The job's id.

    Raises:
        ObamanetError: the job cannot be made or taken.
    """
    inputs = service.queue.new_inputs()
    try:
        view = service.queue.submit(make(inputs), name, client_of(request.request.scope), inputs=inputs, kind=kind)
    except BaseException:
        shutil.rmtree(inputs, ignore_errors=True)
        raise
    return view.id


def take_upload(upload: str, folder: Path, name: str = "upload") -> Path:
    """Returns an upload's file in ``folder``, where the page's cleaning up does not reach it; a link if possible.

    Raises:
        OptionError: the upload has expired.
        OutputError: the disk is full.
    """
    path = folder / f"{name}{Path(upload).suffix.lower()[:10]}"
    try:
        os.link(upload, path)
    except FileNotFoundError:
        raise OptionError("the uploaded file has expired; upload it again") from None
    except OSError:  # Another disk, or one without links.
        try:
            shutil.copyfile(upload, path)
        except OSError as error:
            raise OutputError(f"the upload cannot be kept ({error.strerror})") from error
    return path


@dataclass
class Follower:
    """What a place in one browser's page shows: a job's id, "" while one begins, None at first.

    The page's opening and its button both show jobs there; the newest counts.
    """

    job: str | None = None


class JobPlace:
    """The place in a tab where the job that a button begins is shown, with a button that cancels it.

    A page that is loaded again goes on to show it. Adds its components where it is made.

    Args:
        tab: that it is in.
        page: that the tab is in.
        name: of the place, unique in the page.
        show: returns the HTML of a job that is done.
    """

    def __init__(self, tab: Tab, page: gradio.Blocks, name: str, show: Callable[[JobView], str]) -> None:
        import gradio as gr

        self._tab, self._show = tab, show
        self._job = gr.BrowserState("", storage_key=f"obamanet-{name}", secret=tab.secret)
        self._follower = gr.State(Follower())
        self._shown = gr.HTML(empty(tab.texts), elem_id=f"{name}-result")
        self._stop = gr.Button(tab.texts("cancel"), size="sm", visible=False, elem_id=f"{name}-cancel")
        self._stop.click(self._cancel, self._job, None, api_visibility="private", queue=False)
        page.load(
            self._resume,
            [self._job, self._follower],
            [self._shown, self._stop],
            show_progress="hidden",
            api_visibility="private",
            concurrency_limit=None,
        )

    def begin_on(
        self, event: Callable[..., Any], start: Callable[..., str], inputs: Sequence[gradio.components.Component]
    ) -> None:
        """Begins a job when something happens.

        Args:
            event: of a component, such as ``button.click``.
            start: submits the job, given the request and the values of ``inputs``, and returns its id; an
                ObamanetError that it raises is shown.
            inputs: components whose values are asked for.
        """

        async def go(
            request: gradio.Request, follower: Follower, *values: Any
        ) -> AsyncIterator[tuple[str, gradio.Button, str]]:
            follower.job = ""
            try:
                id = await self._tab.service.in_thread(start, request, *values)
            except ObamanetError as error:
                yield error_box(self._tab.texts, str(error)), self._button(False), ""
                return
            follower.job = id
            async for shown, stop in self._follow(id, follower):
                yield shown, stop, id

        event(
            with_request(go),
            [self._follower, *inputs],
            [self._shown, self._stop, self._job],
            show_progress="hidden",
            api_visibility="private",
            concurrency_limit=None,
        )

    async def _resume(self, id: str, follower: Follower) -> AsyncIterator[Any]:
        import gradio as gr

        if not id or follower.job is not None:
            # On a slow machine this comes after what a button told meanwhile, which must stay.
            yield gr.skip()
            return
        follower.job = id
        async for shown in self._follow(id, follower):
            yield shown

    async def _follow(self, id: str, follower: Follower) -> AsyncIterator[tuple[str, gradio.Button]]:
        """Yields what is shown of a job, and the button that cancels it, while ``follower`` shows it and it goes on.

        It looks again and again, so that those who wait take no threads.
        """
        service, seen = self._tab.service, None
        while follower.job == id and (seen is None or not seen.state.is_final):
            try:
                view = service.queue.get(id)
            except UnknownJobError:
                yield empty(self._tab.texts, "job.gone"), self._button(False)
                return
            if view == seen:
                await sleep(LOOK_SECONDS)
                continue
            seen = view
            yield await run_sync(self._shown_of, view), self._button(not view.state.is_final)

    def _shown_of(self, view: JobView) -> str:
        texts = self._tab.texts
        match view.state:
            case JobState.DONE:
                return self._show(view)
            case JobState.FAILED:
                return error_box(texts, view.error or "")
            case JobState.CANCELLED:
                return empty(texts, "job.cancelled")
        return work_box(texts, view)

    def _button(self, visible: bool) -> gradio.Button:
        import gradio as gr

        return gr.Button(visible=visible)

    def _cancel(self, id: str) -> None:
        with suppress(UnknownJobError):
            self._tab.service.queue.cancel(id)


def empty(texts: Texts, name: str = "result.empty") -> str:
    """Returns the empty place of a result."""
    return f'<div class="page-result"><div class="page-empty" role="status">{escape(texts(name))}</div></div>'


def error_box(texts: Texts, message: str) -> str:
    """Returns an error, one line, without this machine's folders."""
    line = escape(" ".join(without_folders(message).split()))
    return f'<div class="page-error" role="alert"><b>{escape(texts("error"))}:</b> {line}</div>'


def missing_box(texts: Texts, extra: str) -> str:
    """Returns what a tab shows whose packages are not installed."""
    return f'<div class="page-missing" role="note">{escape(texts("extra", extra=extra))}</div>'


def work_box(texts: Texts, view: JobView) -> str:
    """Returns what is shown of a job that waits or is at work."""
    if view.state is JobState.QUEUED:
        heading = texts("job.queued", ahead=max(0, (view.position or 1) - 1))
    else:
        heading = texts("job.running")
    share = "" if view.progress is None else f' value="{view.progress:.3f}"'
    label = escape(heading)
    return (
        f'<div class="page-work" role="status"><b>{label}</b> <span class="page-note">{escape(view.note)}</span>'
        f'<progress aria-label="{label}" max="1"{share}></progress></div>'
    )


def result_url(view: JobView, file: Path, queue: JobQueue) -> str:
    """Returns the address of a job's file."""
    from urllib.parse import quote

    return f"/media/{view.id}/{quote(file.relative_to(queue.results_folder(view.id)).as_posix())}"


def video_box(tab: Tab, view: JobView, poses: str = "") -> str:
    """Returns a job's video with its timelines below it, and everything to download.

    The video is the very file that was signed; browsers take it piece by piece.

    Args:
        tab: where it is shown.
        view: of a job that is done.
        poses: mouth poses by name as JSON, for the strip of syllables; "" for none.
    """
    texts, made = tab.texts, {file.suffix: result_url(view, file, tab.service.queue) for file in view.files}
    links = {suffix: made[suffix] for suffix in SUFFIXES if suffix in made}
    track = strip = ""
    if ".vtt" in links:
        label = escape(texts("subtitles"))
        track = f'<track kind="subtitles" src="{links[".vtt"]}" label="{label}">'
    if ".json" in links:
        strip = strip_box(texts, links[".json"], poses)
    items = "".join(
        f'<li><a href="{url}" download>{escape(texts(f"download{suffix}"))}</a></li>' for suffix, url in links.items()
    )
    return (
        f'<div class="page-result"><video controls autoplay playsinline src="{links[".mp4"]}" '
        f'aria-label="{escape(texts("result"))}">{track}</video>{strip}'
        f'<div class="page-line"><span class="page-badge">{escape(texts("synthetic"))}</span>'
        f'<span class="page-note">{escape(texts("synthetic.note"))}</span></div>'
        f'<ul class="page-downloads" aria-label="{escape(texts("download"))}">{items}</ul></div>'
    )


def strip_box(texts: Texts, timeline: str, poses: str) -> str:
    """Returns the strip of syllables with the present mouth, which obamanet/web/static/page.js fills and moves."""
    return (
        f'<div class="page-strip" data-timeline="{timeline}" data-poses="{escape(poses)}" role="group" '
        f'aria-label="{escape(texts("say.strip"))}"><div class="now"><svg viewBox="-1 -0.65 2 1.3" aria-hidden="true">'
        '<path class="outer" fill="#c46a62"/><path class="inner" fill="#3c1717"/></svg>'
        f'{escape(texts("say.viseme"))} <b class="viseme"></b><br><span class="pose"></span></div>'
        '<div class="words" tabindex="0"></div></div>'
    )


def facts(rows: Sequence[tuple[str, str]], heading: str = "", kind: str = "") -> str:
    """Returns names and values, with a heading, in a box."""
    shown = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows)
    title = f"<h3>{escape(heading)}</h3>" if heading else ""
    return f'<div class="page-facts {kind}">{title}<dl>{shown}</dl></div>'
