"""Batches: wrong lines are told, nothing is made twice, and a run that was stopped ends as an undisturbed one."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from made import Notes, babble, write_sound

from obamanet.audio.load import load_sound
from obamanet.batch import local_workers
from obamanet.batch.batch_manifest import MANIFEST_FILE, Entry, Manifest, State
from obamanet.batch.job_file import JobList, read_jobs
from obamanet.batch.kinds import Studio
from obamanet.batch.local_workers import count_cores, do_locally
from obamanet.batch.run_batch import READY, WORK, BatchOptions, BatchSummary, run_batch
from obamanet.batch.work import Outcome, Task, do_task
from obamanet.cli.app import obamanet_app
from obamanet.cli.boundary import INTERRUPTED, call
from obamanet.errors import OptionError, OutputError
from obamanet.files import locked, sha256_of
from obamanet.person import Person
from obamanet.processes import finish_in_processes
from obamanet.progress import Progress
from obamanet.provenance import verify_video
from obamanet.swap.colour_transfer import Colour
from obamanet.swap.swap_model import Direction
from obamanet.types import DrivenPart
from obamanet.video.reader import read_frames

ROOT = Path(__file__).resolve().parent.parent

ONE = BatchOptions(workers=1)


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """Return a folder of four short sounds, a.wav to d.wav."""
    folder = tmp_path / "sounds"
    folder.mkdir()
    for seed, name in enumerate("abcd"):
        write_sound(folder / f"{name}.wav", babble(0.6, seed))
    return folder


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have jobs done in this process, which saves starting others."""

    def do_here(tasks: Sequence[Task], studio: Studio, workers: int | None) -> Iterator[tuple[Task, Outcome]]:
        yield from ((task, do_task(task, studio)) for task in tasks)

    monkeypatch.setattr("obamanet.batch.run_batch.do_locally", do_here)


def finder(person: Person) -> Callable[[Path | None], Path]:
    return lambda given: given or person.folder


def listed(file: Path, person: Person, **defaults: str) -> JobList:
    return read_jobs(file, finder(person), defaults)


def write_lines(path: Path, *lines: str | dict[str, Any]) -> Path:
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    """Return what changes when a video in ``folder`` is made again."""
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.glob("*.mp4")}


def streams(out: Path) -> dict[str, str | None]:
    """Return the hash of pictures and sound of every video that the manifest tells, whose own hash must be right."""
    entries = Manifest(out / MANIFEST_FILE).entries.values()
    files = [file for entry in entries for file in entry.files]
    assert all(sha256_of(out / file.file) == file.sha256 for file in files)
    return {file.file: file.streams for file in files if file.file.endswith(".mp4")}


def assert_same_videos(one: Path, other: Path, count: int) -> None:
    """Make sure that two batches made the same: to the sample, and in pictures as far as x264 lets 64 x 64 pixels.

    Of so small pictures it codes the same ones in ways that differ by a few levels; from 128 pixels on it does not.
    """
    assert streams(one).keys() == streams(other).keys()
    assert len(streams(one)) == count
    for name in streams(one):
        assert np.array_equal(load_sound(one / name).samples, load_sound(other / name).samples), name
        first, second = (np.stack([frame.image for frame in read_frames(folder / name)]) for folder in (one, other))
        assert first.shape == second.shape
        assert np.abs(first.astype(int) - second).mean() < 1, name


def test_wrong_lines_are_told_by_number_and_the_others_stay(sounds: Path, tiny_person: Person) -> None:
    file = write_lines(
        sounds / "jobs.csv",
        "name,kind,sound,text,fps",
        "first,,a.wav,,",
        ",,nosuch.wav,,",
        '"two',
        'lines",,b.wav,,',
        "third,say,,Hello there.,29.97",
        ",,c.wav,both,",
        "first,,c.wav,,",
        ",fly,c.wav,,",
        "",
        ",,d.wav,,fast",
        ",,d.wav,,,,",
        ",,d.wav,,",
    )
    found = listed(file, tiny_person)
    assert [(job.name, job.kind) for job in found.jobs] == [("first", "speak"), ("third", "say"), ("d", "speak")]
    said = {line.place: line.error for line in found.wrong}
    assert list(said) == [f"jobs.csv, line {number}" for number in (3, 4, 7, 8, 9, 11, 12)]
    for number, word in [(3, "nosuch.wav"), (4, "control"), (7, "kind"), (8, "line 2"), (9, "fly"), (11, "fast")]:
        assert word in said[f"jobs.csv, line {number}"]


def test_json_lines_take_the_same_columns(sounds: Path, tiny_person: Person) -> None:
    file = write_lines(
        sounds / "jobs.jsonl",
        {"sound": "a.wav", "fps": 30, "articulation": 0.5},
        "{not json}",
        {"name": "said", "text": "Yes.", "timelines": ["json", "vtt"], "language": "en-us"},
        {"sound": True},
        {"sound": "a.wav", "colour": "red"},
        {"sound": "b.wav", "articulation": 7},
        {"text": "No name."},
        {"name": "../up", "sound": "b.wav"},
        {"name": "none", "text": "Yes.", "language": "xx"},
        {"name": "A", "sound": "b.wav"},
        {"name": "a.mp4", "kind": "evaluate", "generated": "b.wav"},
        {"name": "manifest.jsonl", "kind": "evaluate", "generated": "b.wav"},
    )
    found = listed(file, tiny_person)
    assert [job.name for job in found.jobs] == ["a", "said"]
    assert (found.jobs[0].work.fps, found.jobs[0].work.articulation) == (30, 0.5)  # type: ignore[union-attr]
    assert found.jobs[1].work.results("said") == ("said.mp4", "said.json", "said.vtt")
    assert [line.place for line in found.wrong] == [f"jobs.jsonl, line {number}" for number in (2, *range(4, 13))]


def test_a_folder_is_a_list_of_its_sounds_and_texts(sounds: Path, tiny_person: Person) -> None:
    (sounds / "e.txt").write_text("Hola.")
    (sounds / "f.pdf").write_text("no job")
    (sounds / ".hidden.wav").write_text("no job")
    found = listed(sounds, tiny_person, language="es", fps="30")
    assert [(job.name, job.kind) for job in found.jobs] == [*((name, "speak") for name in "abcd"), ("e", "say")]
    assert {job.work.fps for job in found.jobs} == {30}  # type: ignore[union-attr]
    assert found.jobs[-1].work.language == "es"  # type: ignore[union-attr]


def test_a_driver_is_reenacted(
    sounds: Path, tmp_path: Path, tiny_person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def write(driver: Path, out: Path, *given: Any, part: DrivenPart, progress: Progress) -> None:
        asked.append((driver.name, part, given[-1].articulation))
        out.touch()

    monkeypatch.setattr("obamanet.pipelines.reenact.reenact", write)
    [job, *_] = listed(sounds, tiny_person, kind="reenact", only="mouth", articulation="0.5").jobs
    job.work.make(tmp_path, "a", Studio())
    assert asked == [("a.wav", DrivenPart.MOUTH, 0.5)]
    assert job.work.results("a") == ("a.mp4",) and (tmp_path / "a.mp4").exists()


def test_a_face_is_swapped_by_the_model_that_the_line_names(
    sounds: Path, tmp_path: Path, tiny_person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def write(source: Path, out: Path, model: Any, direction: Direction, painter: Any, options: Any, *_: Any) -> None:
        asked.append((source.name, model, direction, sorted(options.blend.parts), options.blend.colour))
        out.touch()

    monkeypatch.setattr("obamanet.swap.convert_faces.convert", write)
    monkeypatch.setattr("obamanet.batch.kinds.Swapper", lambda model, *_: SimpleNamespace(model=model))
    monkeypatch.setattr("obamanet.batch.kinds.read_swap", lambda folder: folder.name)
    (sounds / "model").mkdir()
    (sounds / "me.png").touch()
    file = write_lines(
        sounds / "jobs.jsonl",
        {"source": "a.wav", "model": "model", "direction": "BtoA", "parts": "mouth eyes", "colour": "none"},
        {"source": "me.png", "model": "model"},
        {"source": "b.wav"},
        {"source": "c.wav", "model": "model", "parts": "ears"},
        {"source": "d.wav", "model": "model", "feather": 3},
    )
    found = listed(file, tiny_person)
    assert [job.work.results(job.name) for job in found.jobs] == [("a.mp4",), ("me.png",)]
    wrong = [line.error for line in found.wrong]
    assert ["needs a model" in wrong[0], "got ears" in wrong[1], "feather" in wrong[2]] == [True] * 3
    found.jobs[0].work.make(tmp_path, "a", Studio())
    assert asked == [("a.wav", "model", Direction.B_TO_A, ["eyes", "mouth"], Colour.NONE)]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("jobs.csv", "name,pitch\na,high\n", "line 1: no such column"),
        ("jobs.csv", "sound\n", "no job"),
        ("jobs.csv", b"sound\n\xff.wav\n", "not UTF-8"),
        ("jobs.txt", "a.wav\n", ".csv or .jsonl"),
    ],
)
def test_a_list_that_cannot_be_used_is_told(
    tmp_path: Path, tiny_person: Person, name: str, content: str | bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(OptionError, match=said):
        listed(tmp_path / name, tiny_person)


@pytest.mark.usefixtures("here")
def test_a_job_is_made_again_only_when_it_or_what_it_is_made_of_has_changed(
    sounds: Path, tmp_path: Path, tiny_person: Person
) -> None:
    out = tmp_path / "out"

    def run(text: str = "One.", *more: str) -> BatchSummary:
        lines = ["name,sound,text,timelines", "a,a.wav,,", "b,b.wav,,", f"t,,{text},tsv", *more]
        return run_batch(listed(write_lines(sounds / "jobs.csv", *lines), tiny_person), out, ONE)

    first = run()
    assert (first.made, first.kept, first.failed) == (3, 0, ())
    assert verify_video(out / "t.mp4").intact
    assert sorted(path.name for path in out.iterdir()) == ["a.mp4", "b.mp4", MANIFEST_FILE, "t.mp4", "t.tsv"]
    made, told = stamps(out), streams(out)
    again = run()
    assert (again.made, again.kept) == (0, 3)
    assert stamps(out) == made
    write_sound(sounds / "a.wav", babble(0.6, 9))
    (out / "b.mp4").unlink()
    changed = run("Two.", "bad,nosuch.wav,,")
    assert (changed.made, changed.kept) == (3, 0)
    assert [entry.state for entry in changed.failed] == [State.WRONG]
    now = streams(out)
    assert now["a.mp4"] != told["a.mp4"] and now["t.mp4"] != told["t.mp4"]
    assert (out / "b.mp4").exists()
    assert run().failed == ()


@pytest.mark.usefixtures("here")
def test_one_bad_job_does_not_stop_the_others(sounds: Path, tmp_path: Path, tiny_person: Person) -> None:
    (sounds / "b.wav").write_text("no sound")
    (sounds / "e.txt").write_bytes(b"\xff")
    out, notes = tmp_path / "out", Notes()
    (tmp_path / "out").mkdir()
    (out / "d.mp4").write_text("of somebody else")
    summary = run_batch(listed(sounds, tiny_person), out, BatchOptions(workers=2), notes)
    assert (summary.made, summary.kept) == (2, 0)
    assert [entry.job for entry in summary.failed] == ["b", "d", "e"]
    assert {entry.state for entry in summary.failed} == {State.FAILED}
    assert any(note.startswith("b: ") for note in notes.told)
    assert (out / "d.mp4").read_text() == "of somebody else"
    assert sorted(streams(out)) == ["a.mp4", "c.mp4"]
    write_sound(sounds / "b.wav", babble(0.6))
    assert run_batch(listed(sounds, tiny_person), out, ONE).made == 1


def test_a_bug_in_one_job_is_told_as_one(sounds: Path, tmp_path: Path, tiny_person: Person) -> None:
    class Broken(Studio):
        def speaker(self, person: Path) -> Any:
            raise LookupError("lost")

    outcome = do_task(Task(listed(sounds, tiny_person).jobs[0], tmp_path / "here"), Broken())
    assert outcome == Outcome(error="this is a bug in obamanet: LookupError: lost")
    assert not (tmp_path / "here").exists()


def test_a_second_process_is_sent_away(sounds: Path, tmp_path: Path, tiny_person: Person) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with locked(out), pytest.raises(OutputError, match="another process"):
        run_batch(listed(sounds, tiny_person), out, ONE)


@pytest.mark.parametrize("noted", [True, False])
@pytest.mark.usefixtures("here")
def test_results_are_in_place_after_a_stop_between_note_and_move(
    sounds: Path, tmp_path: Path, tiny_person: Person, noted: bool
) -> None:
    jobs, out = listed(sounds, tiny_person), tmp_path / "out"
    run_batch(jobs, out, ONE)
    made, ready = stamps(out)["c.mp4"], out / WORK / READY / "c"
    ready.mkdir(parents=True)
    (out / "c.mp4").rename(ready / "c.mp4")
    if not noted:
        (ready / "c.mp4").write_bytes(b"of a later form of the job")
    summary = run_batch(jobs, out, ONE)
    assert (summary.made, summary.kept) == ((0, 4) if noted else (1, 3))
    assert (stamps(out)["c.mp4"] == made) == noted
    assert not (out / WORK).exists()
    assert len(streams(out)) == 4


def test_a_manifest_with_half_a_line_is_read_and_a_damaged_or_newer_one_refused(tmp_path: Path) -> None:
    path = tmp_path / MANIFEST_FILE
    Manifest(path).replace([Entry("a", State.DONE), Entry("b", State.WAITING)])
    whole = path.read_text()
    path.write_text(whole + '{"job": "b", "sta')
    assert {name: entry.state for name, entry in Manifest(path).entries.items()} == {"a": "done", "b": "waiting"}
    Manifest(path).append(Entry("b", State.FAILED, error="why"))
    path.write_text(whole.replace('"done"', '"nearly"'))
    with pytest.raises(OutputError, match="line 2"):
        Manifest(path)
    path.write_text(whole.replace('"schema": 1', '"schema": 2'))
    with pytest.raises(OutputError, match="newer"):
        Manifest(path)


def test_workers_share_the_cores(monkeypatch: pytest.MonkeyPatch, sounds: Path, tiny_person: Person) -> None:
    tasks = [Task(job, Path()) for job in listed(sounds, tiny_person).jobs]
    asked: list[tuple[int, int, str]] = []

    def note(work: Any, items: Any, count: int, *_: Any) -> Iterator[Any]:
        asked.append((count, work.keywords["studio"].threads, os.environ["OMP_NUM_THREADS"]))
        return iter(())

    monkeypatch.setattr(local_workers, "finish_in_processes", note)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    for workers in (1, 2, 50, None):
        list(do_locally(tasks, Studio(), workers))
    assert [count for count, _, _ in asked] == [1, 2, 4, min(4, count_cores())]
    assert all(threads == 1 or count * threads <= count_cores() for count, threads, _ in asked)
    assert all(told == str(threads) for _, threads, told in asked)
    assert "OMP_NUM_THREADS" not in os.environ


def test_a_person_is_loaded_once_in_a_process(tiny_person: Person) -> None:
    assert Studio().speaker(tiny_person.folder) is Studio().speaker(tiny_person.folder)


def touch_or_wait(path: Path) -> None:
    """Make the file ``path``; the one called "last" waits for another one first."""
    deadline = time.monotonic() + 60
    while path.name == "last" and not path.with_name("second").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    path.touch()


def test_results_come_as_they_are_finished(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("last", "first", "second")]
    found = [index for index, _ in finish_in_processes(touch_or_wait, paths, 2, touch_or_wait)]
    assert found[0] == 1 and sorted(found) == [0, 1, 2]


COMMAND = """
import resource, sys
from obamanet.cli.start import obamanet
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)), resource.RLIM_INFINITY))
obamanet()
"""


def start(*arguments: object, limit: int = resource.RLIM_INFINITY) -> subprocess.Popen[str]:
    """Start the command; ``limit`` is the largest file in bytes that it may write."""
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, str(limit), "batch", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_done(process: subprocess.Popen[str], out: Path, count: int) -> None:
    """Wait until the manifest tells ``count`` jobs as done, or the process has ended."""
    while process.poll() is None:
        if (out / MANIFEST_FILE).exists() and (out / MANIFEST_FILE).read_text().count('"done"') >= count:
            return
        time.sleep(0.02)


@pytest.mark.usefixtures("here")
def test_a_batch_that_was_stopped_and_killed_ends_as_the_quiet_one(
    sounds: Path, tmp_path: Path, tiny_person: Person
) -> None:
    rows = [f"{name}{number},{name}.wav,{1 + number / 10}" for number in range(3) for name in "abcd"]
    file = write_lines(sounds / "jobs.csv", "name,sound,articulation", *rows)
    quiet, out = tmp_path / "quiet", tmp_path / "out"
    assert run_batch(listed(file, tiny_person), quiet, ONE).made == 12
    seen: dict[str, tuple[int, int]] = {}
    for count, ending in ((2, signal.SIGINT), (6, signal.SIGKILL)):
        process = start(file, "--out", out, "--person", tiny_person.folder, "--workers", 2)
        wait_for_done(process, out, count)
        process.send_signal(ending)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == (INTERRUPTED if ending is signal.SIGINT else -signal.SIGKILL), errors
        if ending is signal.SIGINT:
            assert not (out / WORK).exists()
        assert len(stamps(out)) < 12
        seen |= stamps(out)
    process = start(file, "--out", out, "--person", tiny_person.folder, "--workers", 2)
    told, errors = process.communicate(timeout=120)
    assert (process.returncode, told) == (0, f"{out / MANIFEST_FILE}\n"), errors
    assert len(seen) >= 5
    assert {name: stamps(out)[name] for name in seen} == seen
    assert sorted(path.name for path in out.iterdir()) == sorted(path.name for path in quiet.iterdir())
    assert_same_videos(out, quiet, 12)


def test_a_full_disk_ends_the_batch_in_one_line(sounds: Path, tmp_path: Path, tiny_person: Person) -> None:
    out = tmp_path / "out"
    process = start(sounds, "--out", out, "--person", tiny_person.folder, "--workers", 1, "--quiet", limit=6000)
    told, errors = process.communicate(timeout=60)
    assert (process.returncode, told) == (1, "")
    assert errors.startswith("obamanet: no space left on the disk") and errors.count("\n") == 1
    assert not stamps(out) and not (out / WORK).exists()
    assert run_batch(listed(sounds, tiny_person), out, ONE).made == 4


def test_the_command_tells_what_failed(
    sounds: Path, tmp_path: Path, tiny_person: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write_lines(sounds / "jobs.jsonl", {"sound": "nosuch.wav"}, {"sound": "a.wav"})
    arguments = ["batch", file, "--out", tmp_path / "out", "--person", tiny_person.folder, "--default", "fps=50"]
    assert call(obamanet_app(), [str(one) for one in arguments], "obamanet") == 1
    told, errors = capsys.readouterr()
    assert told == f"{tmp_path / 'out' / MANIFEST_FILE}\n"
    assert "jobs.jsonl, line 1: no such sound" in errors and "1 of 2 jobs failed" in errors
    assert call(obamanet_app(), ["batch", str(file), "--out", "x", "--default", "fps"], "obamanet") == 2
    assert np.isclose(len(list(read_frames(tmp_path / "out" / "a.mp4"))), 30, atol=1)
