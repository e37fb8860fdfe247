"""The live camera of the page: a browser sends one picture at a time and gets the person, moved by it, back."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from obamanet.errors import VideoError
from obamanet.inference.speaker import Speaker
from obamanet.pipelines.into_frames import draw_whole_face
from obamanet.pipelines.live import check_live
from obamanet.pipelines.live_drivers import VideoDriver, video_driver
from obamanet.render.caption import label_synthetic
from obamanet.web.job_queue import TooManyJobsError, without_folders

if TYPE_CHECKING:
    from fastapi import APIRouter

MAX_SESSIONS: Final = 2
"""Live sessions at once; each takes about one processor core."""

IDLE_SECONDS: Final = 10.0
"""Seconds without a picture after which a session's place is free again."""

MAX_PICTURE: Final = 1 << 20
"""Bytes of a picture; the page sends about 30 000."""

MAX_SIDE: Final = 1280
"""Pixels. Checked before a picture is decoded, so that a small file cannot become a large picture."""

QUALITY: Final = 90
"""JPEG quality of what is sent back, 0 to 100."""


@dataclass
class _Session:
    """One browser's camera."""

    speaker: Speaker
    driver: VideoDriver
    used: float
    busy: threading.Lock = field(default_factory=threading.Lock)


class LiveSessions:
    """The live sessions of all browsers; safe for several threads.

    Args:
        speaker: returns a registered person, loaded, by name; raises an ObamanetError for an unknown one.
    """

    def __init__(self, speaker: Callable[[str], Speaker]) -> None:
        self._speaker = speaker
        self._sessions: dict[tuple[str, str], _Session] = {}
        self._lock = threading.Lock()

    def paint(self, session: str, person: str, picture: bytes, at: float) -> tuple[bytes, bool]:
        """Returns the person as the face in a picture moves it, labelled as synthetic.

        Args:
            session: the browser's own name for it; the first picture begins it.
            person: name of a registered person.
            picture: a JPEG file.
            at: of the picture, seconds since the session's beginning.

        Returns:
            A JPEG file, and whether a face was seen so far.

        Raises:
            TooManyJobsError: all places are taken.
            VideoError: the picture is none, or too large.
            ObamanetError: the person is unknown, or cannot be moved live.
        """
        image = decode_picture(picture)
        live = self._session(session, person)
        with live.busy:
            landmarks = live.driver.next(image, at)
            painted = live.speaker.renderer.paint(draw_whole_face(landmarks, live.speaker.person))
            live.used = time.monotonic()
        return encode_picture(label_synthetic(painted)), live.driver.has_seen

    def _session(self, name: str, person: str) -> _Session:
        with self._lock:
            now = time.monotonic()
            for old in [key for key, live in self._sessions.items() if now - live.used > IDLE_SECONDS]:
                del self._sessions[old]
            if (name, person) not in self._sessions:
                # A browser that chose another person gives its place up first.
                for old in [key for key in self._sessions if key[0] == name]:
                    del self._sessions[old]
                if len(self._sessions) >= MAX_SESSIONS:
                    raise TooManyJobsError(f"all {MAX_SESSIONS} places for live sessions are taken; try again later")
                speaker = self._speaker(person)
                check_live(speaker.person)
                self._sessions[name, person] = _Session(speaker, video_driver(speaker.person), now)
            live = self._sessions[name, person]
            live.used = now
            return live


def decode_picture(picture: bytes) -> np.ndarray:
    """Returns a JPEG file as (H, W, 3) uint8 BGR; raises VideoError for another file, or one above :data:`MAX_SIDE`."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(picture), formats=("JPEG",)) as image:
            if max(image.size) > MAX_SIDE or min(image.size) < 1:
                raise VideoError(f"picture of the camera is too large: got {image.size}, allowed are {MAX_SIDE} pixels")
            return np.ascontiguousarray(np.asarray(image.convert("RGB"))[..., ::-1])
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise VideoError(f"picture of the camera is not a JPEG file: {error}") from None


def encode_picture(picture: np.ndarray) -> bytes:
    """Returns ``picture`` (H, W, 3) uint8 BGR as a JPEG file."""
    import cv2

    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()


def live_routes(sessions: LiveSessions) -> APIRouter:
    """Returns the route ``POST /live/{session}?person=NAME&time=SECONDS``, a JPEG in and a JPEG out.

    Other origins cannot call it: a browser asks first before it sends a JPEG elsewhere, and is not answered.
    """
    from fastapi import APIRouter, Request, Response
    from starlette.concurrency import run_in_threadpool

    from obamanet.errors import ObamanetError

    router = APIRouter()

    async def paint(request: Request) -> Response:
        if request.headers.get("content-type") != "image/jpeg":
            return Response("a picture is image/jpeg", 415, media_type="text/plain")
        picture = b""
        async for piece in request.stream():
            picture += piece
            if len(picture) > MAX_PICTURE:
                return Response(f"a picture has at most {MAX_PICTURE} bytes", 413, media_type="text/plain")
        query = request.query_params
        try:
            at = float(query.get("time", ""))
        except ValueError:
            return Response("time is in seconds", 422, media_type="text/plain")
        session, person = request.path_params["session"], query.get("person", "")
        try:
            painted, seen = await run_in_threadpool(sessions.paint, session, person, picture, at)
        except TooManyJobsError as error:
            return Response(str(error), 429, media_type="text/plain")
        except ObamanetError as error:
            return Response(without_folders(str(error)), 422, media_type="text/plain")
        return Response(painted, media_type="image/jpeg", headers={"X-Face": "yes" if seen else "no"})

    router.add_route("/live/{session}", paint, methods=["POST"])
    return router
