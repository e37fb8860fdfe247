"""Prints how many seconds of footage are prepared per second on this machine.

python benchmarks/prepare.py ../shared/data/grid_s1/video --limit 20
"""

from __future__ import annotations

import argparse
import os
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
    arguments = parser.parse_args()
    videos = sorted(path for path in arguments.folder.iterdir() if path.is_file())[: arguments.limit]
    footage = sum(probe_video(video).duration for video in videos)
    print("| run | footage | wall | times real time |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for run in ("first", "again, all cached"):
            began = time.perf_counter()
            prepare(videos, Path(folder) / "dataset")
            wall = time.perf_counter() - began
            print(f"| {run} | {footage:.0f} s | {wall:.1f} s | {footage / wall:.1f} |")
    print(f"\n{os.cpu_count()} cores, one worker process each")
    return 0


if __name__ == "__main__":
    sys.exit(main())
