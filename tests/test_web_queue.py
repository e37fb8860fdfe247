"""The server's queue: clients take turns, one job's end is no other's, and nothing is kept longer than it should be."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from obamanet.batch.kinds import Studio
from obamanet.errors import OptionError, OutputError
from obamanet.web.job_queue import (
    DIED,
    JobQueue,
    JobState,
    JobView,
    QueueFullError,
    TooManyJobsError,
    UnknownJobError,
    file_name,
)

LONG = 120.0
"""Seconds that a test waits at most, and that work takes which is to be ended."""


@dataclass(frozen=True)
class Written:
    """Writes ``text``, and a line into ``log``; where there is a ``gate`` it waits for that file first."""

    text: str
    log: Path | None = None
    gate: Path | None = None

    def make(self, folder: Path, name: str, studio: Studio) -> None:
        if self.log is not None:
            with self.log.open("a") as log:
                log.write(f"{self.text}\n")
        for _ in studio.progress.track(range(10**9), "waiting"):
            if self.gate is None or self.gate.exists():
                break
            time.sleep(0.01)
        (folder / f"{name}.txt").write_text(self.text)


@dataclass(frozen=True)
class Fails:
    """Fails as ``how`` says, after it has written something."""

    how: str

    def make(self, folder: Path, name: str, studio: Studio) -> None:
        (folder / f"{name}.txt").write_text("half")
        match self.how:
            case "crash":
                os.kill(os.getpid(), signal.SIGKILL)
            case "memory":
                bytearray(1 << 46)
            case "disk":
                raise OSError(28, "No space left on device", str(folder / "x"))
            case "hang":
                time.sleep(10 * LONG)
            case "option":
                raise OptionError(f"not good: {folder / 'sound.wav'}")


@contextmanager
def opened(folder: Path, **changes: Any) -> Iterator[JobQueue]:
    limits = {"workers": 1, "max_queued": 100, "max_per_client": 100, "keep_seconds": 1000.0, **changes}
    with JobQueue(folder, studio=Studio(), **limits) as queue:
        yield queue


def ended(queue: JobQueue, view: JobView) -> JobView:
    """Wait until the job has ended, and return what is known of it then."""
    *_, last = queue.watch(view.id, LONG)
    assert last.state.is_final
    return last


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def running(queue: JobQueue, view: JobView) -> None:
    wait_for(lambda: queue.get(view.id).state is JobState.RUNNING)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JobQueue]:
    with opened(tmp_path_factory.mktemp("queue")) as queue:
        yield queue


def test_clients_take_turns_and_are_told_their_place(tmp_path: Path) -> None:
    gate, log = tmp_path / "gate", tmp_path / "log"
    with opened(tmp_path / "queue", max_queued=7) as queue:
        first = queue.submit(Written("first", log, gate), "x", "other")
        running(queue, first)
        jobs = {}
        for client, count in (("a", 4), ("b", 2), ("c", 1)):
            for number in range(count):
                name = f"{client}{number}"
                jobs[name] = queue.submit(Written(name, log), name, client)
        order = ["a0", "b0", "c0", "a1", "b1", "a2", "a3"]
        assert [queue.get(jobs[name].id).position for name in order] == [1, 2, 3, 4, 5, 6, 7]
        with pytest.raises(QueueFullError, match="7 jobs"):
            queue.submit(Written("late"), "late", "d")
        assert queue.cancel(jobs["a1"].id).state is JobState.CANCELLED
        gate.touch()
        for name in order:
            ended(queue, jobs[name])
        assert log.read_text().split() == ["first", "a0", "b0", "c0", "a2", "b1", "a3"]
        texts = {name: [path.read_text() for path in queue.get(jobs[name].id).files] for name in order}
        assert texts == {name: [] if name == "a1" else [name] for name in order}
    assert not list((tmp_path / "queue").iterdir())


@pytest.mark.parametrize(
    ("how", "told"), [("crash", DIED), ("memory", "memory"), ("disk", "space"), ("option", "not good: sound.wav")]
)
def test_a_failed_job_is_told_and_the_next_is_made(shared: JobQueue, how: str, told: str) -> None:
    failed, good = shared.submit(Fails(how), "bad", "a"), shared.submit(Written("fine"), "good", "a")
    view = ended(shared, failed)
    assert view.state is JobState.FAILED
    assert view.error is not None and told in view.error
    assert str(shared.folder) not in view.error
    assert not shared.results_folder(failed.id).exists()
    assert ended(shared, good).state is JobState.DONE


def test_a_running_job_can_be_cancelled_and_its_uploads_go(shared: JobQueue) -> None:
    inputs = shared.new_inputs()
    job = shared.submit(Fails("hang"), "long", "a", inputs=inputs)
    running(shared, job)
    assert inputs.is_dir()
    shared.cancel(job.id)
    assert ended(shared, job).state is JobState.CANCELLED
    assert not inputs.exists() and not shared.results_folder(job.id).exists()
    shared.cancel(job.id)
    shared.remove(job.id)
    with pytest.raises(UnknownJobError):
        shared.get(job.id)
    assert ended(shared, shared.submit(Written("next"), "next", "a")).state is JobState.DONE


def test_a_removed_job_leaves_nothing(shared: JobQueue) -> None:
    job, done = shared.submit(Fails("hang"), "long", "a"), shared.submit(Written("x"), "x", "b")
    running(shared, job)
    shared.remove(job.id)
    assert ended(shared, done).files[0].exists()
    shared.remove(done.id)
    assert not [path for id in (job.id, done.id) for path in [shared.results_folder(id)] if path.exists()]


def test_a_job_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    with opened(tmp_path, max_seconds=0.2) as queue:
        view = ended(queue, queue.submit(Fails("hang"), "long", "a"))
    assert view.state is JobState.FAILED
    assert "longer" in str(view.error)


def test_a_client_has_so_many_jobs_and_no_more(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with opened(tmp_path / "queue", max_per_client=2) as queue:
        jobs = [queue.submit(Written("x", gate=gate), "x", "a") for _ in range(2)]
        with pytest.raises(TooManyJobsError, match="2"):
            queue.submit(Written("x"), "x", "a")
        other = queue.submit(Written("x"), "x", "b")
        gate.touch()
        assert all(ended(queue, job).state is JobState.DONE for job in (*jobs, other))
        queue.submit(Written("x"), "x", "a")


def test_results_expire_whatever_the_clock_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(tmp_path, keep_seconds=0.4) as queue:
        monkeypatch.setattr("time.time", lambda: -1e9)  # Set back by decades.
        view = ended(queue, queue.submit(Written("x"), "x", "a"))
        assert view.state is JobState.DONE
        assert view.started is not None and view.ended is not None
        assert view.created <= view.started <= view.ended
        wait_for(lambda: not view.files[0].exists())
        with pytest.raises(UnknownJobError, match="expired"):
            queue.get(view.id)
        assert not list(tmp_path.iterdir())


def test_progress_is_told_while_it_runs(shared: JobQueue, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    job = shared.submit(Written("x", gate=gate), "x", "a")
    seen = []
    for view in shared.watch(job.id, LONG):
        seen.append(view)
        if "/s" in view.note:
            gate.touch()
    assert seen[-1].state is JobState.DONE
    assert any(view.note.startswith("waiting: ") for view in seen)
    assert list(shared.watch(job.id, 0)) == [seen[-1]]


def test_a_folder_is_of_one_server_and_leftovers_go(tmp_path: Path) -> None:
    for name in ("job-of_a_killed_server", "in-upload"):
        (tmp_path / name).mkdir()
    (tmp_path / "mine.txt").touch()
    with opened(tmp_path):
        assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
        with pytest.raises(OutputError, match="another process"), opened(tmp_path):
            pass


def test_no_job_is_taken_without_room_or_after_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(tmp_path) as queue:
        monkeypatch.setattr("obamanet.web.job_queue.MIN_FREE", 1 << 62)
        with pytest.raises(OutputError, match="disk"):
            queue.submit(Written("x"), "x", "a")
        with pytest.raises(OutputError, match="disk"):
            queue.new_inputs()
        monkeypatch.undo()
        running(queue, queue.submit(Fails("hang"), "x", "a"))
    with pytest.raises(QueueFullError):
        queue.submit(Written("x"), "x", "a")


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("hello", "hello"),
        ("../../etc/passwd", "etc_passwd"),
        ("<script>alert(1)</script>", "script_alert_1_script"),
        ("¿Qué tal?", "Qué_tal"),
        ("\0", "video"),
        ("..", "video"),
        ("a" * 500, "a" * 60),
        (".hidden.mp4\n", "hidden_mp4"),
    ],
)
def test_any_text_names_a_file(name: str, file: str) -> None:
    assert file_name(name) == file
