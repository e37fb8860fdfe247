"""Prints and plots the predictor's figures against the amount of footage of the person.

    python benchmarks/footage.py DATASET --split split.json --synthetic-voices VOICES \
        --work RUNS --plot docs/footage.png

The training side is reduced to fewer sentences, drawn at random; each size is trained from nothing, with the synthetic
voices of its sentences only, and validated on the same sentences. Interrupted runs are resumed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from obamanet.files import atomic_path
from obamanet.progress import ConsoleProgress
from obamanet.training.data.dataset import Dataset, load_dataset, split_dataset
from obamanet.training.data.synthetic_voices import SyntheticVoices, load_synthetic_voices
from obamanet.training.loop.log import logged
from obamanet.training.speech.keypoint_training import KeypointOptions, train_keypoints
from obamanet.training.speech.training_examples import FEATURES_FILE

SIZES = (410, 200, 100, 40, 20)
"""Numbers of sentences of 3 s: 20, 10, 5, 2 and 1 minutes."""

SEED = 1
"""Seed of the order of the sentences."""


@dataclass(frozen=True)
class Point:
    """Validation metrics of one size: ``minutes`` of footage, ``error`` in thousandths of an eye distance."""

    minutes: float
    error: float
    correlation: float
    amplitude: float


def main() -> None:
    """Reads the command line, train, print Markdown, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--split", type=Path, required=True)
    parser.add_argument("--synthetic-voices", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--plot", type=Path)
    given = parser.parse_args()
    names = json.loads(given.split.read_text(encoding="utf-8"))
    dataset, synthetic_voices = load_dataset(given.dataset), load_synthetic_voices(given.synthetic_voices)
    points = [trained(size, names, dataset, synthetic_voices, given.work) for size in SIZES]
    print("| footage | opening correlation | amplitude | error, eye distances / 1000 |\n|---|---|---|---|")
    for point in points:
        print(f"| {point.minutes:.0f} min | {point.correlation:.3f} | {point.amplitude:.2f} | {point.error:.1f} |")
    if given.plot:
        draw(points, given.plot)


def trained(
    size: int, names: dict[str, list[str]], dataset: Dataset, synthetic_voices: SyntheticVoices, work: Path
) -> Point:
    """Returns the figures of a predictor trained on ``size`` sentences."""
    shuffled = list(names["train"])
    random.Random(SEED).shuffle(shuffled)
    folder = work / str(size)
    folder.mkdir(parents=True, exist_ok=True)
    side = folder / "split.json"
    side.write_text(json.dumps({"train": shuffled[:size], "val": names["val"]}), encoding="utf-8")
    everything = work / str(SIZES[0]) / FEATURES_FILE
    if size != SIZES[0] and not (folder / FEATURES_FILE).is_file():
        shutil.copy(everything, folder / FEATURES_FILE)
    split = split_dataset(dataset, split_file=side)
    report = train_keypoints(
        dataset, split, folder, KeypointOptions(), synthetic_voices=synthetic_voices, progress=ConsoleProgress()
    )
    best = logged(folder, report.best_step)
    seconds = sum(piece.stop - piece.start for piece in split.train) / float(dataset.fps)
    return Point(seconds / 60, best["score"], best["opening_correlation"], best["opening_amplitude"])


def draw(points: list[Point], path: Path) -> None:
    """Plots correlation and error against minutes of footage."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3), layout="constrained")
    minutes = [point.minutes for point in points]
    rows = (
        ("opening correlation", [point.correlation for point in points]),
        ("error, eye distances / 1000", [point.error for point in points]),
    )
    for axes, (label, values) in zip(figure.subplots(1, 2), rows, strict=True):
        axes.plot(minutes, values, marker="o", color="#1f6fb4")
        axes.set(xscale="log", xlabel="minutes of footage", ylabel=label)
        axes.set_xticks(minutes, [f"{minute:.0f}" for minute in minutes])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    with atomic_path(path) as part:
        figure.savefig(part, dpi=110, format="png")


if __name__ == "__main__":
    main()
