"""Prints how many seconds of footage are prepared per second on this machine, of many short videos and of long ones.

python benchmarks/prepare.py ../shared/data/grid_s1/video --limit 20 --long interview.mp4
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import sys
import tempfile
import time
from pathlib import Path

from obamanet.training.data.prepare import prepare
from obamanet.video.reader import probe_video


def main() -> int:
    """Prints the figures as a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of videos of one person")
    parser.add_argument("--limit", type=int, default=20, help="prepare only so many of them")
    parser.add_argument("--long", type=Path, nargs="*", default=[], help="videos to be prepared one by one")
    arguments = parser.parse_args()
    videos = sorted(path for path in arguments.folder.iterdir() if path.is_file())[: arguments.limit]
    print("| run | footage | wall | times real time | processor time a frame |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        measure(f"{len(videos)} videos", videos, Path(folder) / "dataset")
        measure("again, all cached", videos, Path(folder) / "dataset")
        for number, video in enumerate(arguments.long):
            info = probe_video(video)
            measure(f"one of {info.width}x{info.height}", [video], Path(folder) / f"long{number}")
    print(f"\n{processor()}, {os.cpu_count()} cores, one worker process each; load average {os.getloadavg()[0]:.1f}")
    return 0


def measure(name: str, videos: list[Path], out: Path) -> None:
    """Prepares ``videos`` into ``out`` and prints one row."""
    footage = sum(probe_video(video).duration for video in videos)
    began, before = time.perf_counter(), processor_time()
    report = prepare(videos, out)
    wall, spent = time.perf_counter() - began, processor_time() - before
    each = 1000 * spent / report.frames
    print(f"| {name} | {footage:.0f} s | {wall:.1f} s | {footage / wall:.1f} | {each:.1f} ms |", flush=True)


def processor_time() -> float:
    """Returns the seconds, of user and system, that this process and its ended children have taken."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def processor() -> str:
    """Returns the processor's name where the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


if __name__ == "__main__":
    sys.exit(main())
