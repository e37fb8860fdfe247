"""How the programs begin and are ended: signals at any time, closed streams, and nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

WRITER = """
import signal, sys, time
from pathlib import Path
import typer
from obamanet.cli.boundary import result, run
from obamanet.files import atomic_path, scratch_folder

app = typer.Typer()

@app.command()
def write(out: Path, forever: bool = False) -> None:
    with scratch_folder(out) as folder, atomic_path(out) as part:
        (folder / "voice.wav").write_text("sound")
        part.write_text("half")
        if forever:
            (out.parent / "begun").touch()
            time.sleep(60)
    result(out)

# Tests that run under nohup would hand on that it is ignored.
signal.signal(getattr(signal, "SIGHUP", signal.SIGTERM), signal.SIG_DFL)
run(app, "writer")
"""
"""A program that writes as all verbs do, without TensorFlow."""

posix = pytest.mark.skipif(os.name != "posix", reason="signals and descriptors of POSIX")


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def begun(folder: Path) -> subprocess.Popen[str]:
    """Start the writer and return it when it has begun its output in ``folder``."""
    command = [sys.executable, "-c", WRITER, str(folder / "talk.mp4"), "--forever"]
    process = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not (folder / "begun").exists() and process.poll() is None:
        time.sleep(0.02)
    return process


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_ended_run_leaves_nothing_half_written(tmp_path: Path, number: signal.Signals) -> None:
    process = begun(tmp_path)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert (out, err) == ("", "writer: interrupted\n" if number == signal.SIGINT else "")
    assert names(tmp_path) == ["begun"]


@posix
def test_what_a_killed_run_left_is_cleared_by_the_next_one_and_by_no_other(tmp_path: Path) -> None:
    killed = begun(tmp_path)
    killed.kill()
    killed.communicate(timeout=60)
    assert names(tmp_path) == [f".talk.{killed.pid}.part", f".talk.{killed.pid}.part.mp4", "begun"]
    # One that was killed while it signed, one of another output, and one whose process runs.
    signing = f"..talk.{killed.pid}.part.{killed.pid}.part.mp4"
    kept = {f".walk.{killed.pid}.part.mp4", f".talk.{os.getpid()}.part.mp4"}
    for name in (signing, *kept):
        (tmp_path / name).touch()
    command = [sys.executable, "-c", WRITER, str(tmp_path / "talk.mp4")]
    subprocess.run(command, env=environment(), check=True, capture_output=True, timeout=60)
    assert set(names(tmp_path)) == {"begun", "talk.mp4", *kept}


@posix
@pytest.mark.parametrize("closed", [(1,), (2,), (1, 2), (0, 1, 2)])
def test_with_its_streams_closed_a_run_does_its_work(tmp_path: Path, closed: tuple[int, ...]) -> None:
    shut = " ".join(f"{number}>&-" for number in closed)
    command = ["sh", "-c", f'exec "$0" "$@" {shut}', sys.executable, "-c", WRITER, str(tmp_path / "talk.mp4")]
    ended = subprocess.run(command, env=environment(), check=False, timeout=60)
    assert ended.returncode == 0
    assert names(tmp_path) == ["talk.mp4"]
    assert (tmp_path / "talk.mp4").read_text() == "half"


@posix
@pytest.mark.parametrize("program", ["obamanet", "text2face", "run_py"])
def test_ctrl_c_while_modules_are_imported_is_one_line(program: str) -> None:
    code = f"""
import os, signal, sys
from obamanet.cli import start

class CtrlC:
    def find_spec(self, name, path=None, target=None):
        if name == "obamanet.cli.app":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, CtrlC())
start.{program}()
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=False, timeout=60
    )
    assert (ended.returncode, ended.stdout) == (130, "")
    assert ended.stderr == f"{program.replace('_', '.')}: interrupted\n"


def test_the_beginning_imports_nothing_of_weight() -> None:
    """Before Ctrl-C is provided for, nothing may be imported that takes time."""
    code = "import sys; before = set(sys.modules); import obamanet.cli.start; print(sorted(set(sys.modules) - before))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert not {"numpy", "typer", "rich", "obamanet.cli.app", "text2face"} & set(loaded.split("'"))
