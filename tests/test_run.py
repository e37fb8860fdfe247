"""run.py as people start it: a process of its own, with pipes, signals and libraries that like to talk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile

from obamanet.person import Person
from obamanet.video.writer import VideoWriter

ROOT = Path(__file__).resolve().parent.parent
RUN = ROOT / "run.py"


@pytest.fixture
def environment() -> dict[str, str]:
    """Return the environment without what this test run sets to keep TensorFlow quiet."""
    return {name: value for name, value in os.environ.items() if name not in {"TF_CPP_MIN_LOG_LEVEL", "PYTHONWARNINGS"}}


def test_only_the_path_and_progress_are_said(tiny_person: Person, environment: dict[str, str], tmp_path: Path) -> None:
    soundfile.write(tmp_path / "speech.wav", np.random.default_rng(1).normal(0, 0.1, 16_000), 16_000)
    result = subprocess.run(
        [sys.executable, RUN, "--sf", "speech.wav", "--person", tiny_person.folder],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (result.returncode, result.stdout) == (0, "out/speech.mp4\n"), result.stderr
    assert result.stderr.startswith("speaking: 25/25, ")
    assert result.stderr.count("\n") == 1
    assert (tmp_path / "out" / "speech.mp4").stat().st_size > 1000


def test_ctrl_c_leaves_the_old_file(tiny_person: Person, environment: dict[str, str], tmp_path: Path) -> None:
    soundfile.write(tmp_path / "long.wav", np.random.default_rng(1).normal(0, 0.1, 16_000 * 120), 16_000)
    out = tmp_path / "out" / "talk.mp4"
    out.parent.mkdir()
    with VideoWriter(out, (16, 16), Fraction(25), comment="made by obamanet/0") as writer:
        writer.write(np.zeros((16, 16, 3), np.uint8))
    older = out.read_bytes()
    process = subprocess.Popen(
        [sys.executable, RUN, "--sf", tmp_path / "long.wav", "--person", tiny_person.folder, "--out", out, "-q"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 300
    while process.poll() is None and not list(out.parent.glob(".*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout, stderr) == (130, "", "run.py: interrupted\n")
    assert [path.name for path in out.parent.iterdir()] == ["talk.mp4"]
    assert out.read_bytes() == older


def test_a_bare_python_is_told_what_to_do() -> None:
    result = subprocess.run(
        [sys.executable, "-S", RUN, "--help"], cwd="/", capture_output=True, text=True, timeout=60, check=False
    )
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == "run.py: No module named 'typer'; run: make install, then: .venv/bin/python run.py\n"


def test_a_closed_pipe_is_no_traceback() -> None:
    read, write = os.pipe()
    os.close(read)
    result = subprocess.run(
        [sys.executable, RUN, "--help"], stdout=write, stderr=subprocess.PIPE, text=True, timeout=60, check=False
    )
    os.close(write)
    assert result.returncode != 0
    assert result.stderr == ""


def test_no_argument_shows_help() -> None:
    result = subprocess.run([sys.executable, RUN], capture_output=True, text=True, timeout=60, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert "--sf" in result.stdout
    assert "--keypoints-out" in result.stdout


def test_closed_standard_error_sends_nothing_to_standard_output() -> None:
    line = f'exec "{sys.executable}" "{RUN}" --sf nowhere.wav 2>&-'
    result = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=60, check=False)
    assert (result.returncode, result.stdout) == (1, "")


def test_a_file_name_of_any_bytes(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9 [bold] :smile:\xff.wav")
    result = subprocess.run(
        [sys.executable, RUN, "--sf", name], cwd=tmp_path, capture_output=True, timeout=60, check=False
    )
    assert (result.returncode, result.stdout) == (1, b"")
    assert result.stderr == b"run.py: no such sound file: caf\\udce9 [bold] :smile:\\udcff.wav\n"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux holds a process to its address space")
def test_too_little_memory_is_one_line(environment: dict[str, str], tmp_path: Path) -> None:
    limited = 'ulimit -v 600000; exec "$@"'
    result = subprocess.run(
        ["bash", "-c", limited, "bash", sys.executable, "-m", "obamanet", "train", "keypoints", "d"],
        cwd=tmp_path,
        env={**environment, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (result.returncode, result.stdout) == (1, "")
    told = "obamanet: not enough memory: this process is limited to 0.61 GB (see ulimit -v), training needs 4 GB"
    assert result.stderr.splitlines() == [told]
