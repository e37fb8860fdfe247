"""Prints how many frames a second `obamanet live` sustains, how late they are, and what memory it takes.

python benchmarks/live.py driver.mp4                        # 60 s of the video, to and fro, at 30 fps
python benchmarks/live.py driver.mp4 --seconds 600 --load   # and 10 s in the middle with every core busy
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from fractions import Fraction
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from obamanet.inference.speaker import Speaker
from obamanet.person import load_person
from obamanet.pipelines.live import live
from obamanet.pipelines.live_drivers import video_driver
from obamanet.pipelines.live_report import LiveMeter
from obamanet.pipelines.live_sinks import LiveOptions
from obamanet.video.live_source import PlayedFile
from obamanet.video.reader import read_frames
from obamanet.video.writer import VideoWriter

ROOT = Path(__file__).resolve().parent.parent

WARM_UP = 5.0
"""Seconds after which memory is first looked at."""

LOAD_SECONDS = 10.0


class LoggingMeter(LiveMeter):
    """A meter that keeps when each picture was out, and how late."""

    def __init__(self) -> None:
        super().__init__()
        self.log: list[tuple[float, float]] = []

    def add(self, arrived: float) -> None:
        """Counts and keeps a picture."""
        super().add(arrived)
        self.log.append((time.monotonic(), self.latency))


def write_driver(video: Path, path: Path, seconds: int, fps: Fraction) -> None:
    """Writes the pictures of ``video``, forward and backward, at ``fps`` for ``seconds``."""
    images = [frame.image for frame in read_frames(video)]
    size = (images[0].shape[1], images[0].shape[0])
    with VideoWriter(path, size, fps) as writer:
        for image in islice(cycle([*images, *images[-2:0:-1]]), int(seconds * fps)):
            writer.write(image)


def resident() -> float:
    """Returns this process's resident memory in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def keep_busy(start: float) -> None:
    """Keeps every core busy for LOAD_SECONDS, ``start`` seconds from now."""
    time.sleep(start)
    spin = f"import time\nend = time.monotonic() + {LOAD_SECONDS}\nwhile time.monotonic() < end: pass"
    for process in [subprocess.Popen([sys.executable, "-c", spin]) for _ in range(os.cpu_count() or 1)]:
        process.wait()


def row(name: str, latency: np.ndarray, seconds: float, fps: float) -> str:
    """Returns the table row of pictures with ``latency`` (N,) seconds, in ``seconds`` of a driver of ``fps``."""
    due = round(seconds * fps)
    parts = [
        f"{len(latency) / seconds:.1f}",
        *(f"{1000 * value:.0f}" for value in np.percentile(latency, (50, 95, 100))),
    ]
    return f"| {name} | {' | '.join(parts)} | {max(0, due - len(latency))} of {due} |"


def main() -> int:
    """Prints the figures as Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("driver", type=Path, help="a video with a face")
    parser.add_argument("--person", type=Path, default=ROOT / "checkpoints" / "grid_s1")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--fps", type=Fraction, default=Fraction(30))
    parser.add_argument(
        "--load", action="store_true", help=f"every core is busy for {LOAD_SECONDS:.0f} s in the middle"
    )
    arguments = parser.parse_args()
    write, memory = print, [resident()]
    write(f"machine: {os.cpu_count()} cores, load before {os.getloadavg()[0]:.1f}\n")
    with tempfile.TemporaryDirectory() as folder:
        driver = Path(folder) / "driver.mp4"
        write_driver(arguments.driver, driver, arguments.seconds, arguments.fps)
        speaker, meter = Speaker(load_person(arguments.person)), LoggingMeter()
        start = (arguments.seconds - LOAD_SECONDS) / 2
        if arguments.load:
            threading.Thread(target=keep_busy, args=(start,), daemon=True).start()
        watch = threading.Timer(WARM_UP, lambda: memory.append(resident()))
        watch.start()
        before = time.process_time()
        options = LiveOptions(record=Path(folder) / "out.mp4")
        report = live(PlayedFile(driver), video_driver(speaker.person), speaker, options, meter=meter)
        spent, after = time.process_time() - before, resident()
    times, latency = np.array(meter.log).T
    times -= times[0]
    write("| time | fps | latency p50, ms | p95 | at most | frames left out |\n|---|---|---|---|---|---|")
    seconds, fps = float(arguments.seconds), float(arguments.fps)
    write(row("all", latency, seconds, fps))
    if arguments.load:
        loaded = (times >= start) & (times < start + LOAD_SECONDS)
        write(row("every core busy", latency[loaded], LOAD_SECONDS, fps))
        write(row("else", latency[~loaded], seconds - LOAD_SECONDS, fps))
    write(f"\nprocessor time: {1000 * spent / report.frames:.1f} ms a frame")
    write(
        f"memory: {memory[-1]:.0f} MB after {WARM_UP:.0f} s, {after:.0f} MB at the end ({after / memory[-1] - 1:+.1%})"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
