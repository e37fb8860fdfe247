"""Compares what two landmark models see of the lips in the same recorded sentences.

    python benchmarks/landmarks.py MESH DLIB --split split.json --side val --align ALIGN --plot docs/landmarks.png

MESH and DLIB are what ``obamanet prepare --landmarks mesh`` and ``--landmarks dlib`` made of the same recordings, ALIGN
is the folder of their word times. The plot shows the opening in one sentence by both.
"""

from __future__ import annotations

import argparse
import json
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
from seen import SHUT_BELOW, Row, Seen

from obamanet.constants import MOUTH
from obamanet.keypoints.head import fit_head, place_head
from obamanet.keypoints.opening import mouth_opening, mouth_width
from obamanet.keypoints.placement import fit_template, to_canonical
from obamanet.timing import frame_times
from obamanet.training.data.dataset import Clip, Dataset, Piece, load_dataset
from text2face.mouth.lip_times import lip_closures
from text2face.mouth.pose_examples import recorded_words
from text2face.mouth.pose_features import Word

LOUD = 75
"""Percentile of the opening while speaking that gaps are compared with."""


def mouths(clips: list[Clip]) -> list[np.ndarray]:
    """Returns the canonical mouths (T, 20, 2) of each clip, placed by one head model for all."""
    landmarks = [clip.landmarks[clip.segment >= 0] for clip in clips]
    head = fit_head(landmarks, fit_template(np.concatenate(landmarks)))
    return [to_canonical(clip.landmarks, place_head(clip.landmarks, head))[:, MOUTH] for clip in clips]


def measure(name: str, clips: list[Clip], words: list[tuple[Word, ...]], fps: Fraction) -> list[Row]:
    """Returns the figures of one model's landmarks."""
    seen, jitter = Seen(), []
    for clip, said, mouth in zip(clips, words, mouths(clips), strict=True):
        seen.add(said, frame_times(len(mouth), fps), mouth)
        raw = clip.raw[:, MOUTH] - clip.raw[:, MOUTH].mean(axis=1, keepdims=True)
        jitter.append(np.nanmean(np.linalg.norm(np.diff(raw, n=2, axis=0), axis=-1)))
    gaps = np.concatenate([each.gap for each in seen.sentences])
    loud = float(np.nanpercentile(gaps, LOUD))
    shut = np.array(seen.shut)
    vowel = float(np.median(seen.vowels))
    missed = np.mean(np.concatenate([np.isnan(clip.raw[:, 0, 0]) for clip in clips]))
    return [
        Row(
            f"{name}: median least gap at p b m, of {len(shut)}",
            float(np.median(shut)) / loud,
            "of the 75th percentile",
        ),
        Row(f"{name}: lips shut at p b m", float((shut < SHUT_BELOW * vowel).mean())),
        Row(f"{name}: opening at rest, 5th percentile", float(np.nanpercentile(gaps, 5)) / vowel, "of a vowel's"),
        Row(f"{name}: jitter, mean second difference of unsmoothed mouths", float(np.mean(jitter)), "px"),
        Row(f"{name}: frames without landmarks", 100 * float(missed), "%"),
    ]


def agreement(one: list[Clip], other: list[Clip]) -> list[Row]:
    """Returns how far two models agree."""
    pairs = [(a[: len(b)], b[: len(a)]) for a, b in zip(mouths(one), mouths(other), strict=True)]
    rows = []
    for name, measured in (("opening", mouth_opening), ("width", mouth_width)):
        values = [np.concatenate([measured(pair[side]) for pair in pairs]) for side in (0, 1)]
        both = np.isfinite(values[0]) & np.isfinite(values[1])
        rows.append(Row(f"both: {name}, correlation", float(np.corrcoef(values[0][both], values[1][both])[0, 1])))
    return rows


def draw(path: Path, sides: dict[str, list[Clip]], words: list[tuple[Word, ...]], fps: Fraction, shown: int) -> None:
    """Draws the opening in sentence ``shown`` by each model, with the closures of its p, b and m."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3), layout="constrained")
    axes = figure.subplots()
    for name, clips in sides.items():
        opening = mouth_opening(mouths(clips)[shown])
        axes.plot(frame_times(len(opening), fps), opening, label=name)
    for number, closure in enumerate(lip_closures(words[shown])):
        label = "p, b, m" if number == 0 else None
        axes.axvspan(closure.start, closure.end, color="0.8", label=label)
    axes.set(xlabel="seconds", ylabel="opening, eye distances", ylim=(0, None))
    axes.legend(loc="upper right")
    figure.savefig(path, dpi=110)


def chosen(dataset: Dataset, names: list[str]) -> list[Clip]:
    """Returns the dataset's clips of ``names``, by name."""
    return sorted((clip for clip in dataset.clips if clip.name in names), key=lambda clip: clip.name)


def main() -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mesh", type=Path)
    parser.add_argument("dlib", type=Path)
    parser.add_argument("--split", type=Path, required=True, help="JSON with lists of clip names")
    parser.add_argument("--side", default="val", help="which list of the split; test is for the final figure only")
    parser.add_argument("--align", type=Path, required=True, help="folder of word times")
    parser.add_argument("--plot", type=Path, help="write the plot here")
    parser.add_argument("--shown", type=int, default=0, help="number of the sentence in the plot")
    arguments = parser.parse_args()
    names = json.loads(arguments.split.read_text())[arguments.side]
    datasets = {name: load_dataset(getattr(arguments, name)) for name in ("mesh", "dlib")}
    sides = {name: chosen(dataset, names) for name, dataset in datasets.items()}
    fps = datasets["mesh"].fps
    clips = sides["mesh"]
    words = [recorded_words(Piece(clip, 0, len(clip.segment)), arguments.align, "en-gb") for clip in clips]
    rows = [row for name, side in sides.items() for row in measure(name, side, words, fps)]
    sys.stdout.write(f"| figure, {len(clips)} {arguments.side} sentences | measured |\n|---|---|\n")
    for row in [*rows, *agreement(*sides.values())]:
        sys.stdout.write(f"| {row.name} | {row.value:.3f} {row.unit} |\n")
    if arguments.plot:
        draw(arguments.plot, sides, words, fps, arguments.shown)
    return 0


if __name__ == "__main__":
    sys.exit(main())
