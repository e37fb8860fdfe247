"""Prints how long speaking takes and how much memory it needs, cold start included, on this machine.

python benchmarks/speak.py --person checkpoints/grid_s1 --seconds 60
python benchmarks/speak.py --memory          # the same for 10 s and 600 s: peak memory must not grow
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "data" / "audio" / "hello_en.wav"


def make_sound(path: Path, seconds: int) -> None:
    """Writes ``seconds`` of speech, the project's own sample repeated."""
    import soundfile

    samples, rate = soundfile.read(SAMPLE, dtype="int16")
    length = seconds * rate
    soundfile.write(path, np.tile(samples, -(-length // len(samples)))[:length], rate)


def matrix_rate() -> float:
    """Returns this machine's float32 matrix-product rate in GFLOP/s: the best of ten products of 2000 x 2000."""
    matrix = np.random.default_rng(1).random((2000, 2000), dtype=np.float32)
    best = float("inf")
    for _ in range(10):
        began = time.perf_counter()
        matrix @ matrix
        best = min(best, time.perf_counter() - began)
    return 2 * 2000**3 / best / 1e9


def run_once(person: Path, seconds: int) -> tuple[float, float]:
    """Speaks ``seconds`` of sound in a new process; returns wall seconds and peak resident memory in MB."""
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder) / "speech.wav"
        make_sound(sound, seconds)
        command = [sys.executable, str(ROOT / "run.py"), "--sf", str(sound), "--person", str(person)]
        command += ["--out", str(Path(folder) / "talk.mp4"), "--quiet"]
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        if status:
            sys.exit(f"run.py failed with exit code {os.waitstatus_to_exitcode(status)}")
    return wall, usage.ru_maxrss / 1024


def stage_times(folder: Path, seconds: int) -> dict[str, float]:
    """Runs every stage on its own, one after the other; returns the seconds of each."""
    times: dict[str, float] = {}

    @contextmanager
    def timed(name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        times[name] = times.get(name, 0.0) + time.perf_counter() - began

    with timed("start: imports"):
        from obamanet.inference.frame_renderer import Renderer
        from obamanet.inference.keypoint_predictor import Predictor
        from obamanet.person import load_person
        from obamanet.pipelines.into_frames import draw_whole_face
        from obamanet.pipelines.speak import load_features, place_landmarks
        from obamanet.video.writer import VideoWriter
    with timed("start: person and networks"):
        person = load_person(folder)
        predictor, renderer = Predictor(person), Renderer(person)
        renderer.paint(np.zeros((person.image_size, person.image_size, 3), np.uint8))
    with tempfile.TemporaryDirectory() as temporary:
        sound = Path(temporary) / "speech.wav"
        make_sound(sound, seconds)
        with timed("sound to features"):
            features = load_features(sound, person)
        with timed("features to keypoints"):
            keypoints = predictor.predict(features)
        with timed("keypoints to sketches"):
            sketches = np.stack([draw_whole_face(face, person) for face in place_landmarks(keypoints, person)])
        with timed("sketches to pictures"):
            pictures = list(renderer.paint_all(sketches))
        with (
            timed("pictures to mp4"),
            VideoWriter(
                Path(temporary) / "talk.mp4",
                (person.image_size, person.image_size),
                person.fps,
                sound=sound,
                sound_duration=Fraction(seconds),
            ) as writer,
        ):
            for picture in pictures:
                writer.write(picture)
    return times


def main() -> int:
    """Prints the figures as Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--person", type=Path, default=ROOT / "checkpoints" / "grid_s1")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--memory", action="store_true", help="compare the peak memory of 10 s and 600 s of sound")
    arguments = parser.parse_args()
    write = print
    write(f"machine: {os.cpu_count()} cores, matrix product {matrix_rate():.0f} GFLOP/s\n")
    write("| sound | wall | of real time | peak memory |\n|---|---|---|---|")
    peaks = []
    for seconds in (10, 600) if arguments.memory else (arguments.seconds,):
        wall, memory = run_once(arguments.person, seconds)
        peaks.append(memory)
        write(f"| {seconds} s | {wall:.1f} s | {wall / seconds:.2f} | {memory:.0f} MB |")
    if arguments.memory:
        write(f"\nthe longer sound takes {peaks[-1] / peaks[0] - 1:.1%} more memory (target: 5 % at most)")
    else:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        times = stage_times(arguments.person, arguments.seconds)
        write("\n| stage, run alone | seconds | share |\n|---|---|---|")
        for name, taken in times.items():
            write(f"| {name} | {taken:.2f} | {taken / sum(times.values()):.0%} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
