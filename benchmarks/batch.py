"""Prints what a batch keeps of its promises when it is killed, and what a second worker brings, on this machine.

python benchmarks/batch.py                     # 200 jobs, killed five times; then one worker against two
python benchmarks/batch.py --jobs 40 --kills 3
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from obamanet.about import default_person_folder
from obamanet.batch.batch_manifest import MANIFEST_FILE, Entry, State, read_manifest
from obamanet.batch.run_batch import WORK
from obamanet.files import atomic_write_text, sha256_of

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "data" / "audio" / "hello_en.wav"

MIN_SECONDS, MAX_SECONDS = 0.5, 1.5
"""Seconds of sound of a job."""


def write_jobs(folder: Path, count: int, chosen: random.Random) -> Path:
    """Writes ``count`` short sounds, every tenth job being a text instead, and the list; returns the list."""
    import soundfile

    samples, rate = soundfile.read(SAMPLE, dtype="int16")
    lines = ["name,sound,text"]
    for number in range(count):
        name = f"job{number:04d}"
        if number % 10 == 9:
            lines.append(f"{name},,This is number {number}.")
            continue
        length = int(chosen.uniform(MIN_SECONDS, MAX_SECONDS) * rate)
        first = chosen.randrange(len(samples) - length)
        soundfile.write(folder / f"{name}.wav", samples[first : first + length], rate)
        lines.append(f"{name},{name}.wav,")
    atomic_write_text(folder / "jobs.csv", "\n".join(lines) + "\n")
    return folder / "jobs.csv"


def start(jobs: Path, out: Path, person: Path, workers: int) -> subprocess.Popen[bytes]:
    """Starts the command."""
    command = [sys.executable, "-m", "obamanet", "batch", str(jobs), "--out", str(out), "--person", str(person)]
    return subprocess.Popen([*command, "--workers", str(workers), "--quiet"], stdout=subprocess.DEVNULL, cwd=ROOT)


def run(jobs: Path, out: Path, person: Path, workers: int) -> tuple[float, float]:
    """Makes all jobs undisturbed; returns wall seconds, cold start included, and processor seconds."""
    began, used = time.perf_counter(), os.times()
    if start(jobs, out, person, workers).wait():
        sys.exit("the batch failed")
    now = os.times()
    cores = now.children_user + now.children_system - used.children_user - used.children_system
    return time.perf_counter() - began, cores


def done(out: Path) -> dict[str, Entry]:
    """Returns the entries of the jobs that are made."""
    entries = read_manifest(out / MANIFEST_FILE)
    return {name: entry for name, entry in entries.items() if entry.state is State.DONE}


def count_alike(one: dict[str, Entry], other: dict[str, Entry]) -> int:
    """Returns how many jobs have the same pictures and sound in both."""

    def streams(entry: Entry | None) -> list[str | None] | None:
        return [file.streams for file in entry.files] if entry else None

    return sum(streams(entry) == streams(other.get(name)) for name, entry in one.items())


def marks(out: Path) -> dict[str, tuple[int, int]]:
    """Returns inode and time of last change of each video: what changes when it is made again."""
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in out.glob("*.mp4")}


def run_killed(jobs: Path, out: Path, person: Path, kills: int, count: int, chosen: random.Random) -> tuple[int, int]:
    """Makes all jobs, killed ``kills`` times on the way; returns how many there were by then, and were made again."""
    seen: dict[str, tuple[int, int]] = {}
    for kill in range(1, kills + 1):
        process = start(jobs, out, person, 2)
        # Somewhere in its share of the jobs, and somewhere within a job.
        wanted = chosen.uniform(kill - 0.9, kill) * count / (kills + 1)
        while len(list(out.glob("*.mp4"))) < wanted and process.poll() is None:
            time.sleep(0.01)
        time.sleep(chosen.uniform(0, 1))
        process.send_signal(signal.SIGKILL)
        process.wait()
        seen |= marks(out)
    run(jobs, out, person, 2)
    now = marks(out)
    return len(seen), sum(now[name] != mark for name, mark in seen.items())


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--person", type=Path, default=default_person_folder())
    options = parser.parse_args()
    chosen = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        jobs = write_jobs(folder, options.jobs, chosen)
        seconds = {workers: run(jobs, folder / f"quiet{workers}", options.person, workers) for workers in (1, 2)}
        killed = folder / "killed"
        before, again = run_killed(jobs, killed, options.person, options.kills, options.jobs, chosen)
        one, two, found = (done(folder / name) for name in ("quiet1", "quiet2", "killed"))
        whole = sum(all(sha256_of(killed / file.file) == file.sha256 for file in one.files) for one in found.values())
        left = {path.name for path in killed.iterdir()} ^ {path.name for path in (folder / "quiet2").iterdir()}
        print("| batch | measured |\n|---|---|")
        print(f"| jobs whole after {options.kills} kills | {whole} of {options.jobs} |")
        print(f"| of {before} made before a kill, made again | {again} |")
        print(f"| pictures and sound as in the quiet run | {count_alike(found, two)} of {options.jobs} |")
        print(f"| the same with one worker as with two | {count_alike(one, two)} of {options.jobs} |")
        print(f"| files too many or missing, {WORK} included | {len(left)} |")
        for workers, (wall, cores) in seconds.items():
            each = f"{wall / options.jobs:.2f} s and {cores / options.jobs:.2f} processor seconds a job"
            print(f"| workers: {workers} | {wall:.0f} s, {each} |")
        print(f"| two workers against one | {seconds[1][0] / seconds[2][0]:.2f} times as fast |")


if __name__ == "__main__":
    main()
