"""Dubs recorded sentences with their own and each other's sound, for `obamanet evaluate`; prints changes elsewhere.

    python benchmarks/dub.py VIDEOS --split split.json --side val --every 4 --out out/dubs
    obamanet evaluate out/dubs/own VIDEOS --out out/own
    obamanet evaluate out/dubs/other.csv --out out/other

A sentence with another's sound is compared with the recording of that sound, whose mouth is the true one.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
from fractions import Fraction
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from obamanet.person import load_person
from obamanet.pipelines.dub import dub, find_faces
from obamanet.progress import ConsoleProgress, Progress
from obamanet.video.reader import probe_video, read_frames
from obamanet.video.writer import VideoWriter

NOSE_TOP = 27
"""Index of the landmark at the top of the nose; pixels above it must not change."""


def main() -> None:
    """Reads the command line, dub, print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", type=Path)
    parser.add_argument("--split", type=Path, required=True)
    parser.add_argument("--side", default="val")
    parser.add_argument("--every", type=int, default=4)
    parser.add_argument("--person", type=Path, default=Path("checkpoints/grid_s1"))
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    names = json.loads(given.split.read_text(encoding="utf-8"))[given.side][:: given.every]
    person, console = load_person(given.person), ConsoleProgress()
    pairs, changed, coded = [], [], []
    for name, following in console.track(list(zip(names, [*names[1:], names[0]], strict=True)), "dubbing", len(names)):
        target, sound = (given.videos / f"{each}.mpg" for each in (name, following))
        own, other = (given.out / kind / f"{name}.mp4" for kind in ("own", "other"))
        dub(target, target, own, person)
        dub(target, sound, other, person)
        # Paths in the list count from its own folder.
        pairs.append((other.relative_to(given.out), sound.resolve()))
        found = find_faces(target, person.mouth.head, Progress())
        bottom = int(np.nanmin(found.landmarks[:, NOSE_TOP, 1]))
        changed.append(difference(target, other, bottom))
        coded.append(difference(target, encoded(target, given.out / "coded.mp4", found.fps), bottom))
    with (given.out / "other.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("generated", "reference"), *pairs])
    print("| levels by which the picture above the nose differs from the recorded one | mean | 99.9 % below |")
    print("|---|---|---|")
    for what, values in (("dubbed", changed), ("the recording, encoded the same way", coded)):
        mean, quantile = np.mean(values, axis=0)
        print(f"| {what} | {mean:.2f} | {quantile:.1f} |")


def difference(video: Path, other: Path, bottom: int) -> tuple[float, float]:
    """Returns mean and 99.9 % quantile of the difference of two videos above row ``bottom``, in grey levels."""
    frames = zip(read_frames(video), read_frames(other), strict=True)
    apart = np.concatenate([np.abs(a.image[:bottom].astype(int) - b.image[:bottom]).ravel() for a, b in frames])
    return float(apart.mean()), float(np.quantile(apart, 0.999))


def encoded(video: Path, out: Path, fps: Fraction) -> Path:
    """Re-encodes ``video`` as ``out``, with this program's settings; returns ``out``."""
    info = probe_video(video)
    with VideoWriter(out, (info.width, info.height), fps) as writer:
        for frame in read_frames(video, fps):
            writer.write(frame.image)
    return out


if __name__ == "__main__":
    main()
