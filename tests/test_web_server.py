"""The server: what it is asked for comes as a job, a video or one line of what is wrong, whatever it is sent."""

from __future__ import annotations

import http.client
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import av
import numpy as np
import pytest
import uvicorn
from made import FPS, babble, one_colour, write_sound
from starlette.responses import Response
from starlette.testclient import TestClient

from obamanet.about import default_person_folder
from obamanet.audio.load import open_sound
from obamanet.batch.kinds import SpeakJob, Studio
from obamanet.cli.app import obamanet_app
from obamanet.cli.boundary import call
from obamanet.errors import OptionError, PersonError
from obamanet.memory import limit_memory
from obamanet.person import CARD, load_person
from obamanet.pipelines.speak import speak
from obamanet.provenance import verify_video
from obamanet.video.writer import VideoWriter
from obamanet.web import server as server_module
from obamanet.web import uploads as uploads_module
from obamanet.web.guard import COOKIE, FORM_BYTES, Access, Rate
from obamanet.web.job_queue import JobState, JobView
from obamanet.web.limits import Limits
from obamanet.web.request_metrics import Metrics
from obamanet.web.serve import ServerOptions, opened_app
from obamanet.web.server import create_app
from obamanet.web.service import Service

ROOT = Path(__file__).resolve().parent.parent

LONG = 120.0
"""Seconds that a test waits at most."""

LIMITS = Limits(upload_bytes=400_000, sound_seconds=4, text_characters=80, queued=3, per_client=2, per_minute=10_000)

TOKEN = "a token of the test"


@dataclass(frozen=True)
class Running:
    """A server that answers at ``port``, with its parts."""

    port: int
    service: Service

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers (their names in lower case) and body of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LONG)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def get(self, path: str) -> Any:
        """Return the JSON of an answer, which is good."""
        status, _, body = self.ask("GET", path)
        assert status == 200, body
        return json.loads(body)

    def upload(self, path: str, field: str, file: Path | bytes, name: str = "x.wav", **fields: str) -> tuple[int, Any]:
        """Send a form with a file; return status and JSON."""
        body, kind = form(field, file if isinstance(file, bytes) else file.read_bytes(), name, **fields)
        status, _, answer = self.ask("POST", path, body, Content_Type=kind)
        return status, json.loads(answer)

    def say(self, **values: Any) -> tuple[int, Any]:
        """Ask for a text to be said; return status and JSON."""
        status, _, body = self.ask("POST", "/api/say", json.dumps(values).encode(), Content_Type="application/json")
        return status, json.loads(body)

    def ended(self, job: dict[str, Any]) -> dict[str, Any]:
        """Wait for the end of a job by its events, and return the last of them."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LONG)
        connection.request("GET", f"/api/jobs/{job['id']}/events")
        answer = connection.getresponse()
        assert answer.getheader("content-type", "").startswith("text/event-stream")
        events = [line[6:] for line in answer.read().decode().splitlines() if line.startswith("data: ")]
        connection.close()
        last: dict[str, Any] = json.loads(events[-1])
        return last


def form(field: str, content: bytes, name: str, **fields: str) -> tuple[bytes, str]:
    """Return the body of a form and its content type."""
    edge = "edge-of-a-part"
    parts = [
        f'--{edge}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
        for key, value in fields.items()
    ]
    head = f'--{edge}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'
    return b"".join([*parts, head.encode(), content, f"\r\n--{edge}--\r\n".encode()]), (
        f"multipart/form-data; boundary={edge}"
    )


@contextmanager
def started(options: ServerOptions, access: Access) -> Iterator[Running]:
    with opened_app(options, access) as app:
        listener = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=1)
        running = uvicorn.Server(config)
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield Running(listener.getsockname()[1], app.state.service)
        finally:
            running.should_exit = True
            thread.join()
            listener.close()


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def copied_person(folder: Path) -> Path:
    shutil.copytree(default_person_folder(), folder, ignore=shutil.ignore_patterns("*.h5"))
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Return a server of the default person, whom no training library has to make, and of one that may be removed."""
    leaving = copied_person(tmp_path_factory.mktemp("persons") / "leaving")
    persons = {"first": default_person_folder(), "leaving": leaving}
    options = ServerOptions(persons, tmp_path_factory.mktemp("server"), workers=1, limits=LIMITS)
    with started(options, Access("127.0.0.1", None)) as running:
        yield running


@pytest.fixture
def client(server: Running) -> Iterator[Callable[..., TestClient]]:
    """Return what makes clients of applications with other limits or a token, on the same queue."""

    def make(access: Access | None = None, **limits: int) -> TestClient:
        service = replace(server.service, access=access or server.service.access, limits=replace(LIMITS, **limits))
        return TestClient(create_app(service, Metrics()), "http://127.0.0.1")

    yield make


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    return write_sound(tmp_path / "speech.wav", babble(1.2))


def is_clean(running: Running) -> bool:
    """Say whether no upload is kept."""
    return not list(running.service.queue.folder.glob("in-*"))


def test_a_sound_becomes_a_signed_video(server: Running, sound: Path, tmp_path: Path) -> None:
    status, job = server.upload("/api/speak", "sound", sound, "../../<script>.wav", fps="30", person="first")
    assert status == 202, job
    assert (job["name"], job["kind"]) == ("<script>", "speak")
    last = server.ended(job)
    assert (last["state"], last["error"], last["progress"]) == ("done", None, 1.0)
    (file,) = last["files"]
    assert file["name"] == "script.mp4"
    status, headers, content = server.ask("GET", file["url"])
    assert (status, headers["content-type"], len(content)) == (200, "video/mp4", file["bytes"])
    assert headers["x-content-type-options"] == "nosniff"
    video = tmp_path / "video.mp4"
    video.write_bytes(content)
    assert verify_video(video).intact
    with av.open(str(video)) as opened:
        assert sum(1 for _ in opened.decode(video=0)) == 36
    assert server.ask("GET", file["url"], Range="bytes=0-9")[0] == 206
    status, told = server.upload("/api/verify", "video", content, "script.mp4")
    assert (status, told["found"], told["intact"], told["kind"]) == (200, True, True, "whole_face")
    status, told = server.upload("/api/verify", "video", content[:-2000] + bytes(2000), "script.mp4")
    assert status == 200 and not told["intact"]
    assert str(server.service.queue.folder) not in json.dumps(told)
    assert server.ask("DELETE", f"/api/jobs/{job['id']}")[0] == 200
    for path in (f"/api/jobs/{job['id']}", file["url"], f"/api/jobs/{job['id']}/events"):
        status, _, body = server.ask("GET", path)
        assert status == 404 and "no such job" in json.loads(body)["error"]
    assert is_clean(server)


def test_a_text_becomes_a_video_with_its_times(server: Running) -> None:
    status, job = server.say(text="Yes <b>sir</b>.", via="audio", timelines=["json", "vtt"], fps="12.5")
    assert status == 202, job
    last = server.ended(job)
    assert [file["name"].partition(".")[2] for file in last["files"]] == ["json", "mp4", "vtt"]
    assert last["name"] == "Yes <b>sir</b>."
    assert json.loads(server.ask("GET", last["files"][0]["url"])[2])["schema"]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"text": "x", "language": "xx"}, "language"),
        ({"text": "x", "voice": "piper:/etc/passwd"}, "voice"),
        ({"text": "x", "rate": 99}, "rate"),
        ({"text": "x", "articulation": 3}, "articulation"),
        ({"text": "x", "fps": "240"}, "frame rate"),
        ({"text": "x", "fps": "fast"}, "frame rate"),
        ({"text": "x", "timelines": ["../x"]}, "timelines"),
        ({"text": "x", "text_file": "/etc/passwd"}, "text_file"),
        ({"text": "x", "out": "/tmp/x"}, "out"),
        ({"text": ""}, "text"),
        ({"text": 7}, "text"),
        ({"text": "\ud800"}, "text"),
        ({}, "text"),
    ],
)
def test_a_wrong_value_is_told_by_its_name(server: Running, values: dict[str, Any], told: str) -> None:
    status, answer = server.say(**values)
    assert status == 422
    assert set(answer) == {"error"}
    assert told in answer["error"] and "\n" not in answer["error"]


def test_what_is_no_json_is_told(server: Running) -> None:
    status, _, body = server.ask("POST", "/api/say", b'{"text": "', Content_Type="application/json")
    assert status == 422 and "JSON" in json.loads(body)["error"]
    assert server.say(text="a" * 81)[0] == 413
    assert server.ask("POST", "/api/say", b" " * 300_000, Content_Type="application/json")[0] == 413


@pytest.mark.parametrize("person", ["nobody", "../first", "/etc", "first/../first", "http://localhost/x", "\0"])
def test_persons_are_asked_for_by_name_alone(server: Running, sound: Path, person: str) -> None:
    status, answer = server.upload("/api/speak", "sound", sound, person=person)
    assert status == 404 and answer["error"].startswith("no such person: got ")
    assert server.say(text="x", person=person)[0] == 404


def test_a_person_that_was_removed_is_told(server: Running, sound: Path) -> None:
    folder = server.service.persons.folder("leaving")
    assert [person["name"] for person in server.get("/api/persons")] == ["first", "leaving"]
    assert server.ended(server.upload("/api/speak", "sound", sound, person="leaving")[1])["state"] == "done"
    # It waits while the person is removed.
    work = SpeakJob(sound, folder)
    folder.rename(folder.with_name("gone"))
    job = server.service.queue.submit(work, "x", "a")
    last = server.ended({"id": job.id})
    assert last["state"] == "failed" and "person" in last["error"] and str(folder) not in last["error"]
    assert server.upload("/api/speak", "sound", sound, person="leaving") == (
        410,
        {"error": "the person leaving was removed from the server"},
    )
    assert [person["name"] for person in server.get("/api/persons")] == ["first"]


def test_a_person_that_was_changed_is_loaded_again(tmp_path: Path) -> None:
    copied_person(tmp_path / "one")
    studio = Studio()
    first = studio.speaker(tmp_path / "one")
    assert studio.speaker(tmp_path / "one") is first
    os.utime(tmp_path / "one" / CARD, ns=(1, 1))
    assert studio.speaker(tmp_path / "one") is not first
    shutil.rmtree(tmp_path / "one")
    with pytest.raises(PersonError):
        studio.speaker(tmp_path / "one")


def bomb() -> bytes:
    """Return a zip of a few hundred kilobytes that would be a hundred megabytes."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("speech.wav", "w") as file:
        for _ in range(100):
            file.write(bytes(1_000_000))
    return held.getvalue()


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 415),
        (b"not a sound", 415),
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n", 415),
        (b"ffconcat version 1.0\nfile speech.wav\n", 415),
        ("bomb", 415),
        ("short", 422),
        ("long", 413),
        ("cut", 422),
        ("silent video", 415),
    ],
)
def test_what_is_no_speech_is_refused_and_not_kept(
    server: Running, tmp_path: Path, sound: Path, content: bytes | str, status: int
) -> None:
    match content:
        case "bomb":
            content = bomb()
        case "short":
            content = write_sound(tmp_path / "short.wav", babble(0.05)).read_bytes()
        case "long":
            content = write_sound(tmp_path / "long.wav", babble(5)).read_bytes()
        case "cut":
            content = sound.read_bytes()[:8000]
        case "silent video":
            content = one_colour(tmp_path / "grey.mp4").read_bytes()
    assert isinstance(content, bytes)
    got, answer = server.upload("/api/speak", "sound", content)
    assert (got, set(answer)) == (status, {"error"})
    assert str(server.service.queue.folder) not in answer["error"]
    assert is_clean(server)


def test_a_video_without_a_face_moves_nobody(server: Running, tmp_path: Path) -> None:
    status, job = server.upload("/api/reenact", "driver", one_colour(tmp_path / "grey.mp4"), "grey.mp4")
    assert status == 202, job
    last = server.ended(job)
    assert last["state"] == "failed" and "face" in last["error"]
    assert str(server.service.queue.folder) not in last["error"]
    status, answer = server.upload("/api/reenact", "driver", b"no video", "x.mp4")
    assert status == 415, answer
    assert is_clean(server)


def test_a_large_video_is_refused(server: Running, tmp_path: Path, client: Callable[..., TestClient]) -> None:
    grey = one_colour(tmp_path / "grey.mp4")
    with pytest.raises(uploads_module.TooLargeError, match="64x48"):
        uploads_module._check_video(grey, Limits(video_pixels=64 * 47))


def sent(port: int, head: str, piece: bytes, most: int) -> tuple[bytes, int]:
    """Send a request's head and then pieces, until the server closes; return its answer and how much it took."""
    taken, answer = 0, b""
    with socket.create_connection(("127.0.0.1", port), LONG) as connection:
        connection.sendall(head.encode())
        try:
            while taken < most:
                connection.sendall(piece)
                taken += len(piece)
        except OSError:
            pass
        try:
            while more := connection.recv(1 << 16):
                answer += more
        except OSError:
            pass
    return answer, taken


def test_two_gigabytes_are_refused_at_the_limit(server: Running) -> None:
    body, kind = form("sound", b"", "x.wav")
    head = f"POST /api/speak HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
    answer, taken = sent(server.port, f"{head}Content-Length: 2000000000\r\n\r\n", bytes(1 << 16), 1 << 26)
    assert taken < 1 << 26
    assert not answer or answer.startswith(b"HTTP/1.1 413 ")
    # Of unknown length. No more than one byte too much, since an answer is lost when its connection is reset.
    opening = body[: body.rindex(b"\r\n--")]
    allowed = LIMITS.upload_bytes + FORM_BYTES
    with socket.create_connection(("127.0.0.1", server.port), LONG) as connection:
        connection.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        for piece in (opening, bytes(allowed - len(opening)), b"x"):
            connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
        answer = connection.recv(1 << 16)
    assert answer.startswith(b"HTTP/1.1 413 ") and b"connection: close" in answer.lower()
    assert is_clean(server)


def test_a_full_disk_is_told_and_nothing_kept(server: Running, sound: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: object, target: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("obamanet.web.service.shutil.copyfileobj", full)
    status, answer = server.upload("/api/speak", "sound", sound)
    assert status == 503 and "disk" in answer["error"]
    monkeypatch.undo()
    monkeypatch.setattr("obamanet.web.job_queue.MIN_FREE", 1 << 62)
    status, headers, body = server.ask("POST", "/api/say", b'{"text": "x"}', Content_Type="application/json")
    assert status == 503 and "disk" in json.loads(body)["error"] and int(headers["retry-after"]) > 0
    assert is_clean(server)


def test_a_disk_that_is_full_for_forms_is_told(
    client: Callable[..., TestClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(**given: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("starlette.formparsers.SpooledTemporaryFile", full)
    answer = client().post("/api/speak", files={"sound": b"x"})
    assert answer.status_code == 503 and "disk" in answer.json()["error"]


@dataclass(frozen=True)
class Gated(SpeakJob):
    """Writes a video in fragments, of which the second half waits for a file beside the person's folder."""

    def make(self, folder: Path, name: str, studio: Studio) -> None:
        with VideoWriter(folder / f"{name}.mp4", (64, 48), FPS, self.sound, "synthetic", fragments=True) as writer:
            for number in range(60):
                if number == 30:
                    while not self.sound.with_name("go").exists():
                        time.sleep(0.02)
                writer.write(np.full((48, 64, 3), 4 * number, np.uint8))


@pytest.fixture
def fresh(server: Running) -> None:
    """Have the server forget what other tests asked for."""
    forget_all(server)


def forget_all(server: Running) -> None:
    queue = server.service.queue
    for folder in queue.folder.glob("job-*"):
        queue.remove(folder.name.removeprefix("job-"))
    wait_for(lambda: not list(queue.folder.iterdir()))


@pytest.fixture
def gated(fresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "SpeakStreamJob", Gated)


def stream(server: Running, sound: Path) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    """Ask for a streamed video; return the connection and the answer, of which nothing is read yet."""
    body, kind = form("sound", sound.read_bytes(), "x.wav")
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=LONG)
    connection.request("POST", "/api/speak/stream", body, {"Content-Type": kind})
    return connection, connection.getresponse()


def count_frames(content: bytes) -> int:
    """Return how many pictures of a video, perhaps of its beginning alone, can be seen."""
    count = 0
    try:
        with av.open(io.BytesIO(content)) as opened:
            for _ in opened.decode(video=0):
                count += 1
    except (av.FFmpegError, IndexError):
        pass
    return count


def test_a_stream_shows_before_its_end_is_painted(server: Running, tmp_path: Path, gated: None) -> None:
    connection, answer = stream(server, write_sound(tmp_path / "speech.wav", babble(2.4)))
    assert (answer.status, answer.getheader("content-type")) == (200, "video/mp4")
    begun = b""
    while count_frames(begun) < 20:
        begun += answer.read1(1 << 16)
    (folder,) = server.service.queue.folder.glob("in-*")
    assert [path.suffix for path in server.service.queue.folder.glob("job-*/*")] == [".mp4"]
    assert server.get("/health")["running"] == 1
    (folder / "go").touch()
    whole = begun + answer.read()
    connection.close()
    assert count_frames(whole) == 60
    with av.open(io.BytesIO(whole)) as opened:
        assert [one.codec_context.name for one in opened.streams] == ["h264", "aac"]
        assert opened.metadata["comment"] == "synthetic"
    wait_for(lambda: not list(server.service.queue.folder.iterdir()))


def test_a_client_that_hangs_up_ends_its_stream(server: Running, sound: Path, gated: None) -> None:
    connection, answer = stream(server, sound)
    assert answer.read1(1)
    connection.sock.shutdown(socket.SHUT_RDWR)
    connection.close()
    wait_for(lambda: not list(server.service.queue.folder.iterdir()))
    assert not server.service.queue.counts()[JobState.RUNNING]


def test_a_stream_that_fails_breaks_off(server: Running, tmp_path: Path, gated: None) -> None:
    connection, answer = stream(server, write_sound(tmp_path / "speech.wav", babble(2.4)))
    assert answer.read1(1)
    (folder,) = server.service.queue.folder.glob("job-*")
    server.service.queue.cancel(folder.name.removeprefix("job-"))
    with pytest.raises(http.client.IncompleteRead):
        answer.read()
    connection.close()
    wait_for(lambda: not list(server.service.queue.folder.iterdir()))


def test_a_spoken_stream_is_labelled(server: Running, sound: Path, tmp_path: Path) -> None:
    connection, answer = stream(server, sound)
    content = answer.read()
    connection.close()
    assert answer.status == 200
    (tmp_path / "streamed.mp4").write_bytes(content)
    speak(sound, tmp_path / "plain.mp4", load_person(default_person_folder()))
    pictures = {}
    for name in ("streamed", "plain"):
        with av.open(str(tmp_path / f"{name}.mp4")) as opened:
            assert opened.metadata["comment"].startswith("Synthetic video")
            pictures[name] = [frame.to_ndarray(format="bgr24") for frame in opened.decode(video=0)]
    assert len(pictures["streamed"]) == len(pictures["plain"]) == 30
    # The label's dark box in the lower left corner, and nothing elsewhere.
    change = np.abs(np.stack(pictures["streamed"]).astype(int) - np.stack(pictures["plain"])).mean(axis=(0, 3))
    assert change[-20:, :60].mean() > 10 * change[:200].mean()


def test_a_stream_that_cannot_begin_is_told(server: Running) -> None:
    known = server.service.queue.counts()
    status, _, body = server.ask("POST", "/api/say/stream", b'{"text": "..."}', Content_Type="application/json")
    assert status == 422 and "nothing that can be said" in json.loads(body)["error"]
    assert server.service.queue.counts() == known


def test_too_many_jobs_are_turned_away(server: Running, sound: Path, gated: None, tmp_path: Path) -> None:
    queue = server.service.queue
    held = tmp_path / "held"
    held.mkdir()
    work = Gated(write_sound(held / "speech.wav", babble(2.4)), server.service.persons.folder())
    jobs = [queue.submit(work, "x", "other")]
    wait_for(lambda: queue.get(jobs[0].id).state is JobState.RUNNING)
    for expected in (202, 202, 429):
        status, headers, body = server.ask(
            "POST", "/api/say", b'{"text": "x"}', Content_Type="application/json", X_Client="a"
        )
        assert status == expected, body
    assert int(headers["retry-after"]) > 0
    assert [
        server.ask("POST", "/api/say", b'{"text": "x"}', Content_Type="application/json", X_Client=name)[0]
        for name in "bc"
    ] == [202, 503]
    assert server.upload("/api/speak", "sound", sound)[0] == 503
    assert is_clean(server)
    forget_all(server)


def test_a_client_asks_so_often_and_no_more(client: Callable[..., TestClient]) -> None:
    asked = client(per_minute=2)
    answers = [asked.post("/api/say", json={"text": ""}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [422, 422, 429]
    assert 0 < int(answers[-1].headers["retry-after"]) <= 31
    assert asked.get("/version").status_code == 200


def test_a_rate_is_per_client_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("obamanet.web.guard.time.monotonic", lambda: now)
    rate = Rate(2)
    assert [rate.wait("a") for _ in range(2)] == [0.0, 0.0]
    assert rate.wait("a") == 30.0
    assert rate.wait("b") == 0.0
    now = 30.0
    assert rate.wait("a") == 0.0
    assert rate.wait("a") > 0


def test_a_token_is_asked_for(client: Callable[..., TestClient]) -> None:
    access = Access("0.0.0.0", TOKEN)
    asked = client(access)
    answer = asked.get("/version")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    for wrong in ("Bearer wrong", f"Basic {TOKEN}", "Bearer ", TOKEN, "Bearer ü"):
        assert asked.get("/version", headers={"Authorization": wrong.encode()}).status_code == 401
    assert asked.get("/version", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert asked.get("/health").status_code == 200
    assert asked.get("/docs", headers={"Accept": "text/html"}).status_code == 401
    session = access.open_session()
    assert asked.get("/version", headers={"Cookie": f"{COOKIE}={session}"}).status_code == 200
    assert asked.get("/version", headers={"Cookie": f"{COOKIE}=x"}).status_code == 401
    access.end_session(session)
    assert asked.get("/version", headers={"Cookie": f"{COOKIE}={session}"}).status_code == 401
    # With a token, the server may be known by any name.
    assert asked.get("http://videos.example/health").status_code == 200


def test_others_need_a_token() -> None:
    with pytest.raises(OptionError, match="--token"):
        Access("0.0.0.0", None)
    with pytest.raises(OptionError, match="16"):
        Access("127.0.0.1", "short")


@pytest.mark.parametrize(
    ("host", "status"),
    [("127.0.0.1", 200), ("localhost:7860", 200), ("[::1]:7860", 200), ("evil.example", 403), ("[", 403)],
)
def test_the_server_is_not_asked_by_another_name(server: Running, host: str, status: int) -> None:
    assert server.ask("GET", "/version", Host=host)[0] == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 404),
        ({"Origin": "http://127.0.0.1"}, 404),
        ({"Origin": "http://127.0.0.1:81"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 404),
    ],
)
def test_other_sites_change_nothing(client: Callable[..., TestClient], headers: dict[str, str], status: int) -> None:
    answer = client().delete("/api/jobs/x", headers=headers)
    assert answer.status_code == status
    assert "access-control-allow-origin" not in answer.headers


def test_no_other_page_reads_an_answer(client: Callable[..., TestClient]) -> None:
    """Not even one of another server on this machine, which Gradio would let."""
    asked = client()

    @asked.app.get("/generous")
    def generous() -> Response:
        return Response(headers={"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Credentials": "true"})

    answer = asked.get("/generous", headers={"Origin": "http://localhost:3000"})
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "path", ["/api/jobs/..%2f..%2fetc", "/api/jobs/%2e%2e/files/x", "/../../etc/passwd", "/api/jobs/x/files/../../y"]
)
def test_nothing_lies_beside_the_road(server: Running, path: str) -> None:
    status, _, body = server.ask("GET", path)
    assert status == 404 and set(json.loads(body)) == {"error"}


def test_the_server_tells_of_itself(server: Running) -> None:
    assert server.get("/version")["software"].startswith("obamanet/")
    assert server.get("/health")["status"] == "ok"
    assert {voice["name"] for voice in server.get("/api/voices")} >= {"espeak"}
    described = server.get("/openapi.json")
    assert {"/api/speak", "/api/say", "/api/reenact", "/api/say/stream"} <= set(described["paths"])
    assert described["components"]["schemas"]["Text"]["examples"]
    status, headers, page = server.ask("GET", "/docs")
    assert status == 200 and "default-src 'none'" in headers["content-security-policy"]
    assert b"/api/jobs/{id}/events" in page
    assert b"<script" not in page and not re.search(rb'(?:src|href)="(?:https?:)?//', page)
    status, headers, told = server.ask("GET", "/metrics")
    assert headers["content-type"].startswith("text/plain")
    assert b'route="/version"' in told and b'obamanet_jobs_kept{state="running"}' in told


def test_jobs_are_counted_by_how_they_ended() -> None:
    metrics = Metrics()
    view = JobView("id", "speak", "x", JobState.DONE, None, 1.0, "", None, (), 10.0, 11.0, 13.0)
    for state in (JobState.DONE, JobState.DONE, JobState.FAILED):
        metrics.job_ended(replace(view, state=state))
    told = metrics.text().decode()
    assert 'obamanet_jobs_total{kind="speak",state="done"} 2.0' in told
    assert 'obamanet_job_wait_seconds_sum{kind="speak"} 3.0' in told
    assert 'obamanet_job_work_seconds_sum{kind="speak"} 6.0' in told


def test_a_bug_is_one_line_too(client: Callable[..., TestClient], monkeypatch: pytest.MonkeyPatch) -> None:
    asked = client()
    monkeypatch.setattr(server_module, "voices", lambda: 1 / 0)
    quiet = TestClient(asked.app, "http://127.0.0.1", raise_server_exceptions=False)
    answer = quiet.get("/api/voices")
    assert answer.status_code == 500 and answer.json() == {"error": "this is a bug in obamanet: ZeroDivisionError"}


def test_an_upload_that_takes_too_much_is_refused(
    server: Running, sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads_module, "CHECK_SECONDS", 0.0)
    with uploads_module.Uploads(LIMITS, 1) as uploads:
        with pytest.raises(uploads_module.TooLargeError, match="longer"):
            uploads.sound(sound, tmp_path)
        monkeypatch.setattr(uploads_module, "CHECK_SECONDS", LONG)
        # The next one gets a new process.
        assert open_sound(uploads.sound(sound, tmp_path)).rate == uploads_module.SOUND_RATE
    if sys.platform == "darwin":
        return  # It refuses limits of memory.
    monkeypatch.setattr(uploads_module, "CHECK_BYTES", 150_000_000)
    with (
        uploads_module.Uploads(LIMITS, 1) as uploads,
        pytest.raises(uploads_module.TooLargeError, match="memory"),
    ):
        uploads.sound(sound, tmp_path)


def test_macos_which_refuses_a_limit_of_memory_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(which: int, limits: tuple[int, int]) -> None:
        raise ValueError("current limit exceeds maximum limit")

    monkeypatch.setattr("resource.setrlimit", refuse)
    with pytest.raises(ValueError, match="current limit"):
        limit_memory(8_000_000_000)
    monkeypatch.setattr("sys.platform", "darwin")
    limit_memory(8_000_000_000)


class UnpicklableError(Exception):
    """Cannot be made again of its message, as the errors of some libraries."""

    def __init__(self, code: int, place: str) -> None:
        super().__init__(f"code {code} in {place}")


def broken_check() -> Path:
    raise UnpicklableError(7, "a library")


def test_a_bug_while_an_upload_is_checked_is_not_told_as_the_files_fault() -> None:
    with (
        uploads_module.Uploads(LIMITS, 1) as uploads,
        pytest.raises(RuntimeError, match="UnpicklableError: code 7 in a library"),
    ):
        uploads._checked(broken_check)


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Run the command; return its exit code and what it says."""
    code = call(obamanet_app(), ["web", *arguments], "obamanet")
    return code, capsys.readouterr().err


def test_a_port_in_use_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, line = told(capsys, "--port", port, "--folder", str(tmp_path))
    assert code == 2 and line.count("\n") == 1 and f"port {port}" in line and "in use" in line


def test_wrong_options_are_one_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OBAMANET_TOKEN", raising=False)
    for arguments, word in [
        (("--host", "0.0.0.0"), "--token"),
        (("--token", "short"), "16"),
        (("--person", "anna"), "NAME=DIR"),
        (("--person", "anna=/nowhere"), "/nowhere"),
        (("--host", "192.0.2.1", "--token", TOKEN), "192.0.2.1"),
    ]:
        code, line = told(capsys, *arguments)
        assert code != 0 and line.count("\n") == 1 and word in line
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    code, line = told(capsys)
    assert code == 1 and "pip install 'obamanet[web]'" in line


def test_ctrl_c_ends_the_server_and_its_jobs(tmp_path: Path) -> None:
    folder = tmp_path / "jobs"
    command = [sys.executable, "-m", "obamanet", "web", "--port", "0", "--folder", str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        address = process.stdout.readline().decode().strip()
        connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=LONG)
        text = json.dumps({"text": "Hello. " * 200}).encode()
        connection.request("POST", "/api/say", text, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        assert answer.status == 202
        # Followed to the end, as an open page does.
        connection.request("GET", f"/api/jobs/{json.load(answer)['id']}/events")
        assert connection.getresponse().status == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(LONG) == 0
        connection.close()
        said = process.stderr.read().decode()
    assert "Traceback" not in said and said.splitlines()[-1] == "the server has ended"
    assert not list(folder.iterdir())
