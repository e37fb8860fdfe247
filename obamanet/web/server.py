"""The HTTP API: speech, texts and drivers' videos in, jobs and videos out."""

from __future__ import annotations

import errno
import shutil
import time
from collections.abc import AsyncIterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import anyio
from anyio.to_thread import run_sync
from fastapi import FastAPI, File, Form, Request, UploadFile
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from obamanet.about import SOFTWARE, VERSION
from obamanet.batch.kinds import ReenactJob, SayJob, SpeakJob
from obamanet.errors import ObamanetError, OptionError, OutputError, PersonError
from obamanet.page_template import fill_template
from obamanet.pipelines.speak import MAX_ARTICULATION
from obamanet.provenance import describe
from obamanet.types import DrivenPart
from obamanet.web.guard import Guard, client_of, refused
from obamanet.web.job_queue import (
    JobState,
    JobView,
    QueueFullError,
    TooManyJobsError,
    UnknownJobError,
    file_name,
    without_folders,
)
from obamanet.web.persons import UnknownPersonError
from obamanet.web.request_metrics import Metrics
from obamanet.web.service import Service
from obamanet.web.stream_jobs import SayStreamJob, SpeakStreamJob
from obamanet.web.uploads import TooLargeError, WrongTypeError
from text2face.say import MouthSource
from text2face.voice.voices import voices

STATUS: Final[dict[type[Exception], int]] = {
    TooLargeError: 413,
    WrongTypeError: 415,
    UnknownJobError: 404,
    UnknownPersonError: 404,
    PersonError: 410,
    TooManyJobsError: 429,
    QueueFullError: 503,
    OutputError: 503,
    ObamanetError: 422,
}
"""Of an answer that tells an error; that of the first class which the error is of."""

RETRY_SECONDS: Final = 5.0
"""After which a client that was turned away may try again."""

LOOK_SECONDS: Final = 0.1
"""Seconds between looks at a job on behalf of a client that waits for it."""

PING_SECONDS: Final = 15.0
"""Seconds after which events go on with an empty line, so that nothing between takes the connection for dead."""

PIECE: Final = 1 << 16
"""Bytes of a video that are sent at a time while it is painted."""

TYPES: Final = {
    ".mp4": "video/mp4",
    ".json": "application/json",
    ".tsv": "text/tab-separated-values; charset=utf-8",
    ".vtt": "text/vtt; charset=utf-8",
}
"""Of results, by suffix."""

FOUND: Final[dict[int | str, dict[str, Any]]] = {
    status: {"description": told, "content": {"application/json": {"example": {"error": "one line"}}}}
    for status, told in {
        401: "no token, or a wrong one",
        413: "too large or too long",
        415: "not a file of the kind that is needed",
        422: "a value that cannot be used",
        429: "too many requests or jobs; see Retry-After",
        503: "the queue or the disk is full; see Retry-After",
    }.items()
}
"""Errors that the API's description names."""

Sound = Annotated[UploadFile, File(description="The speech: any sound file, or a video with sound.")]
Person = Annotated[str | None, Form(description="Who speaks, of GET /api/persons; the default person if not given.")]
Fps = Annotated[str | None, Form(description="Frames per second, such as 25, 29.97 or 30000/1001.", examples=["25"])]
Articulation = Annotated[float, Form(ge=0, le=MAX_ARTICULATION, description="How far the mouth moves; 1 as learned.")]


class Text(BaseModel):
    """A text to be said."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"text": "Hola, ¿qué tal?", "language": "es", "timelines": ["json", "vtt"]}]},
    )

    text: str = Field(min_length=1, description="What is said.")
    language: str = Field("en-gb", max_length=20, description="en-gb, en-us, es, es-419 or another one of eSpeak NG.")
    voice: Literal["espeak", "flite", "pico"] = Field("espeak", description="Of GET /api/voices.")
    rate: float = Field(1.0, description="Times the voice's usual rate, 0.5 to 2.5.")
    via: MouthSource | None = Field(None, description="What moves the mouth: the syllables, or the voice's sound.")
    timelines: list[Literal["json", "tsv", "vtt"]] = Field([], max_length=3, description="Also written: times of all.")
    person: str | None = Field(None, description="Who speaks, of GET /api/persons; the default person if not given.")
    fps: str | None = Field(None, max_length=40, description="Frames per second, such as 25, 29.97 or 30000/1001.")
    articulation: float = Field(1.0, ge=0, le=MAX_ARTICULATION, description="How far the mouth moves; 1 as learned.")


class ResultFile(BaseModel):
    """A file that was made."""

    name: str
    bytes: int
    url: str


class JobAnswer(BaseModel):
    """What is known of a job."""

    id: str
    kind: str
    name: str
    state: JobState
    position: int | None = Field(description="1 for the next one; null for one that does not wait.")
    progress: float | None = Field(description="Share of the present stage, 0 to 1; null where it is not known.")
    note: str
    error: str | None
    files: list[ResultFile]
    waited_seconds: float
    worked_seconds: float
    expires_in_seconds: float | None = Field(description="Null until it has ended.")


def create_app(service: Service, metrics: Metrics) -> FastAPI:
    """Returns the server's application: the API, its description, and the page where it is installed."""
    app = FastAPI(
        title="obamanet",
        version=VERSION,
        summary="Speech, texts and movement to videos of a face.",
        docs_url=None,  # The usual page of docs loads scripts of another host.
        redoc_url=None,
    )
    app.state.service = service
    _tell_errors(app)
    _add_making(app, service)
    _add_jobs(app, service)
    _add_about(app, service, metrics)
    app.add_middleware(Guard, access=service.access, limits=service.limits)
    app.add_middleware(metrics.middleware)
    return app


def status_of(error: ObamanetError) -> int:
    """Returns the HTTP status that tells of an error."""
    return next(status for kind, status in STATUS.items() if isinstance(error, kind))


def _tell_errors(app: FastAPI) -> None:
    """Has every error answered by one line of JSON."""

    @app.exception_handler(ObamanetError)
    async def told(request: Request, error: ObamanetError) -> Response:
        status = status_of(error)
        return refused(status, without_folders(str(error)), RETRY_SECONDS if status in {429, 503} else None)

    @app.exception_handler(OSError)
    async def disk(request: Request, error: OSError) -> Response:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        return refused(503, "the server's disk is full" if full else "the server cannot do that now", RETRY_SECONDS)

    @app.exception_handler(RequestValidationError)
    async def wrong(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"][1:]) or str(first["loc"][0])
        return refused(422, f"{place[:60]}: {first['msg']}")

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        if isinstance(error.__cause__, OSError):  # While a form was read, which takes room for its file.
            return await disk(request, error.__cause__)
        answer = refused(error.status_code, str(error.detail))
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(Exception)
    async def bug(request: Request, error: Exception) -> Response:
        return refused(500, f"this is a bug in obamanet: {type(error).__name__}")


def _add_making(app: FastAPI, service: Service) -> None:
    """Adds what makes videos."""

    async def spoken(
        kind: type[SpeakJob], request: Request, sound: UploadFile, person: str | None, fps: str | None, share: float
    ) -> JobView:
        folder, rate = service.persons.folder(person or None), service.limits.rate(fps)

        def work_of(file: Path) -> SpeakJob:
            return kind(file, folder, rate, share)

        name, client = _stem(sound), client_of(request.scope)
        return await service.in_thread(service.submit_upload, sound.file, name, client, service.uploads.sound, work_of)

    async def said(kind: type[SayJob], request: Request, text: Text) -> JobView:
        if len(text.text) > service.limits.text_characters:
            allowed = service.limits.text_characters
            raise TooLargeError(f"the text is too long: got {len(text.text)} characters, allowed are {allowed}")
        work = kind(
            person=service.persons.folder(text.person or None),
            text=text.text,
            language=text.language,
            voice=text.voice,
            rate=text.rate,
            via=text.via,
            timelines=tuple(dict.fromkeys(text.timelines)),
            fps=service.limits.rate(text.fps),
            articulation=text.articulation,
        )
        name = " ".join(text.text.split()[:6])[:60]
        return await run_sync(service.queue.submit, work, name, client_of(request.scope))

    @app.post("/api/speak", status_code=202, responses=FOUND, tags=["make"])
    async def speak(
        request: Request,
        sound: Sound,
        person: Person = None,
        fps: Fps = None,
        articulation: Articulation = 1.0,
    ) -> JobAnswer:
        """Makes a video of a person who says a sound. Signed as synthetic."""
        return _answer(await spoken(SpeakJob, request, sound, person, fps, articulation), service)

    @app.post("/api/say", status_code=202, responses=FOUND, tags=["make"])
    async def say(request: Request, text: Text) -> JobAnswer:
        """Makes a video of a person who says a text, with the times of all syllables. Signed as synthetic."""
        return _answer(await said(SayJob, request, text), service)

    @app.post("/api/reenact", status_code=202, responses=FOUND, tags=["make"])
    async def reenact(
        request: Request,
        driver: Annotated[UploadFile, File(description="A video of the face that moves the person.")],
        person: Person = None,
        only: Annotated[DrivenPart, Form(description="What is carried over.")] = DrivenPart.HEAD,
        fps: Fps = None,
        articulation: Articulation = 1.0,
    ) -> JobAnswer:
        """Makes a video of a person who moves as the face in another video. Signed as synthetic."""
        folder, rate = service.persons.folder(person or None), service.limits.rate(fps)

        def check(file: Path, own: Path) -> Path:
            return service.uploads.video(file)

        def work_of(file: Path) -> ReenactJob:
            return ReenactJob(file, folder, only, rate, articulation)

        view = await service.in_thread(
            service.submit_upload, driver.file, _stem(driver), client_of(request.scope), check, work_of
        )
        return _answer(view, service)

    video: dict[int | str, dict[str, Any]] = {200: {"content": {"video/mp4": {}}, "description": "the video"}}

    @app.post("/api/speak/stream", response_class=StreamingResponse, responses=FOUND | video, tags=["make"])
    async def speak_stream(
        request: Request,
        sound: Sound,
        person: Person = None,
        fps: Fps = None,
        articulation: Articulation = 1.0,
    ) -> Response:
        """Answers with the video itself while it is painted: a fragmented mp4, labelled in every picture, not signed.

        An answer that breaks off is incomplete.
        """
        view = await spoken(SpeakStreamJob, request, sound, person, fps, articulation)
        return await _streamed(view, request, service)

    @app.post("/api/say/stream", response_class=StreamingResponse, responses=FOUND | video, tags=["make"])
    async def say_stream(request: Request, text: Text) -> Response:
        """Answers with the video itself while it is painted, as /api/speak/stream."""
        return await _streamed(await said(SayStreamJob, request, text), request, service)


def _add_jobs(app: FastAPI, service: Service) -> None:
    """Adds what tells of jobs and gives their results."""

    @app.get("/api/jobs/{id}", responses=FOUND, tags=["jobs"])
    async def job(id: str) -> JobAnswer:
        """Tells what is known of a job."""
        return _answer(service.queue.get(id), service)

    @app.delete("/api/jobs/{id}", responses=FOUND, tags=["jobs"])
    async def cancel(id: str) -> JobAnswer:
        """Cancels a job that waits or runs, and removes the results of one that is done."""
        view = service.queue.get(id)
        await run_sync(service.queue.remove, id)
        return _answer(view if view.state.is_final else replace(view, state=JobState.CANCELLED), service)

    @app.get("/api/jobs/{id}/events", response_class=StreamingResponse, responses=FOUND, tags=["jobs"])
    async def events(id: str, request: Request) -> Response:
        """Tells of every change of a job, as server-sent events "job" with the same JSON, until it has ended."""
        service.queue.get(id)
        return StreamingResponse(_events(id, request, service), media_type="text/event-stream")

    @app.get("/api/jobs/{id}/files/{name:path}", response_class=FileResponse, responses=FOUND, tags=["jobs"])
    async def result(id: str, name: str) -> Response:
        """Gives a result."""
        view = service.queue.get(id)
        for file in view.files:
            if _name_of(file, view, service) == name:
                kind = TYPES.get(file.suffix, "application/octet-stream")
                return FileResponse(file, media_type=kind, filename=file.name, content_disposition_type="inline")
        return refused(404, "the job has no such file")


def _add_about(app: FastAPI, service: Service, metrics: Metrics) -> None:
    """Adds what tells of the server, and of videos."""

    @app.get("/api/persons", responses=FOUND, tags=["about"])
    async def persons() -> list[dict[str, Any]]:
        """Tells who can be shown, the default person first, with licence and ground of consent."""
        return [asdict(info) for info in await run_sync(service.persons.all)]

    @app.get("/api/voices", responses=FOUND, tags=["about"])
    async def all_voices() -> list[dict[str, Any]]:
        """Tells the voices of texts, with their licences, and whether they are installed."""
        return [asdict(voice) for voice in voices() if ":" not in voice.name]

    @app.post("/api/verify", responses=FOUND, tags=["about"])
    async def verify(
        video: Annotated[UploadFile, File(description="An mp4 video or a png picture.")],
    ) -> dict[str, Any]:
        """Tells what a video's signature says, and whether it was changed since."""

        def verified() -> dict[str, Any]:
            with service.received(video.file) as (file, folder):
                try:
                    report = service.uploads.verify(file)
                finally:
                    shutil.rmtree(folder, ignore_errors=True)
            report = replace(report, path=Path(_stem(video)))
            told = asdict(report) | {"path": str(report.path), "kind": report.kind and report.kind.name.lower()}
            return {**told, "lines": describe(report)}

        return await service.in_thread(verified)

    @app.get("/health", tags=["about"])
    async def health() -> JSONResponse:
        """Tells whether jobs are made."""
        counts = service.queue.counts()
        told = {"queued": counts[JobState.QUEUED], "running": counts[JobState.RUNNING]}
        if service.queue.is_healthy:
            return JSONResponse({"status": "ok", **told})
        return JSONResponse({"status": "failing", "error": "no jobs are made", **told}, 503)

    @app.get("/version", tags=["about"])
    async def version() -> dict[str, str]:
        """Tells the program's version."""
        return {"version": VERSION, "software": SOFTWARE}

    @app.get("/metrics", response_class=Response, tags=["about"])
    async def measured() -> Response:
        """Tells what Prometheus collects."""
        return Response(metrics.text(), media_type=metrics.media_type)

    @app.get("/docs", response_class=HTMLResponse, include_in_schema=False)
    async def docs() -> HTMLResponse:
        """Shows the API's description."""
        page = fill_template("obamanet.web", "api.html", description=app.openapi())
        policy = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"}
        return HTMLResponse(page, headers=policy)

    @app.get("/", include_in_schema=False)
    async def start() -> RedirectResponse:
        """Leads to the API's description."""
        return RedirectResponse("/docs")


def _answer(view: JobView, service: Service) -> JobAnswer:
    """Returns what clients are told of a job."""
    now = time.monotonic()
    started, ended = view.started or view.ended or now, view.ended or now
    files = []
    for file in view.files:
        name = _name_of(file, view, service)
        try:
            size = file.stat().st_size
        except OSError:
            continue  # Expired at this moment.
        files.append(ResultFile(name=name, bytes=size, url=f"/api/jobs/{view.id}/files/{name}"))
    left = None if view.ended is None else max(0.0, view.ended + service.queue.keep_seconds - now)
    return JobAnswer(
        id=view.id,
        kind=view.kind,
        name=view.name,
        state=view.state,
        position=view.position,
        progress=view.progress,
        note=view.note,
        error=view.error,
        files=files,
        waited_seconds=round(started - view.created, 3),
        worked_seconds=round(max(0.0, ended - started), 3),
        expires_in_seconds=left,
    )


def _name_of(file: Path, view: JobView, service: Service) -> str:
    return file.relative_to(service.queue.results_folder(view.id)).as_posix()


async def _events(id: str, request: Request, service: Service) -> AsyncIterator[str]:
    """Yields server-sent events with each change of a job."""
    seen: JobView | None = None
    told = time.monotonic()
    while (seen is None or not seen.state.is_final) and not await request.is_disconnected():
        try:
            view = service.queue.get(id)
        except UnknownJobError:
            return
        now = time.monotonic()
        if view != seen:
            seen, told = view, now
            yield f"event: job\ndata: {_answer(view, service).model_dump_json()}\n\n"
        elif now - told > PING_SECONDS:
            told = now
            yield ":\n\n"
        else:
            await anyio.sleep(LOOK_SECONDS)


async def _streamed(view: JobView, request: Request, service: Service) -> Response:
    """Returns the answer that sends a job's video while it is made, and forgets the job afterwards.

    Raises:
        OptionError: it failed before there was anything to send.
    """
    queue = service.queue
    file = queue.results_folder(view.id) / f"{file_name(view.name)}.mp4"
    try:
        while not (file.exists() and file.stat().st_size):
            view = queue.get(view.id)
            if view.state.is_final and view.state is not JobState.DONE:
                raise OptionError(view.error or "the job was cancelled")
            if await request.is_disconnected():
                raise OptionError("the client has gone")
            await anyio.sleep(LOOK_SECONDS / 2)
    except BaseException:
        await _remove(view.id, service)
        raise
    return StreamingResponse(_pieces(file, view.id, request, service), media_type="video/mp4")


async def _pieces(file: Path, id: str, request: Request, service: Service) -> AsyncIterator[bytes]:
    """Yields a file that grows until its job is done.

    Raises:
        UnknownJobError: the job failed or was removed; the answer breaks off.
    """
    try:
        with file.open("rb") as grown:
            while not await request.is_disconnected():
                # Asked first, so that what is written until then is read below.
                state = service.queue.get(id).state
                if piece := grown.read(PIECE):
                    yield piece
                elif state is JobState.DONE:
                    return
                elif state.is_final:
                    raise UnknownJobError("the video could not be finished")
                else:
                    await anyio.sleep(LOOK_SECONDS / 2)
    finally:
        await _remove(id, service)


async def _remove(id: str, service: Service) -> None:
    with anyio.CancelScope(shield=True):
        try:
            await run_sync(service.queue.remove, id)
        except UnknownJobError:
            return


def _stem(upload: UploadFile) -> str:
    """Returns the name of an uploaded file, for people alone."""
    return Path((upload.filename or "").replace("\\", "/")).stem[:60]
