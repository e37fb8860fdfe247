"""Prints how well the offset of sound and mouth is found: by our own SyncNet and by the measure without weights.

    python benchmarks/sync.py DATASET --split ../shared/data/grid_s1/split.json --side test

DATASET is what ``obamanet prepare`` made of the recordings; it must hold the clips named in the split.

Seconds: every window of 25 frames, from each frame on, is compared with its own second of sound and with the seconds
before and after it; it is told apart where its own is nearer. Nothing outside the two windows is used, except for the
normalisation over the clip. "All" includes silent windows; "spoken" are those of which at least half the frames are
spoken. The measure without weights needs 31 frames, so it gets 1.24 s.

Shifts: the first and the last 10 frames of the mouth are removed and the sound is cut k frames later, k from -10 to 10,
so that there is real sound everywhere; an offset is right within one frame of k, after rounding to whole frames as
SyncNet's are. "Filled" keeps the whole mouth and fills missing sound with digital silence. A sentence's own offset is
the median error over the shifts: recordings themselves are a little out of sync.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from obamanet.audio.features import FeatureOptions, extract_features
from obamanet.audio.load import load_sound
from obamanet.constants import MOUTH, SAMPLE_RATE
from obamanet.evaluation.judges.own_syncnet import OwnSyncNet
from obamanet.evaluation.sync import (
    MAX_LAG,
    MIN_LENGTH,
    SYNC_RATE,
    SoundSteps,
    SyncOffset,
    find_offset,
    lag_curve,
    silences,
    sound_steps,
)
from obamanet.keypoints.placement import fit_placement, fit_template, to_canonical
from obamanet.networks.config import LOST_FRAMES
from obamanet.progress import ConsoleProgress
from obamanet.timing import frame_times, resample_in_time
from obamanet.training.data.dataset import Clip, load_dataset
from obamanet.types import FeatureSequence

SECOND = 25
"""Frames per second."""

MAX_SHIFT = 10
"""Frames by which sounds are shifted at most."""

FRAME = SAMPLE_RATE // SECOND
"""Samples under one frame."""

Judge = Callable[[np.ndarray, FeatureSequence], SyncOffset]


@dataclass(frozen=True)
class Sentence:
    """One clip: canonical ``mouth`` (T, 20, 2) at 25 frames per second, and its ``samples``."""

    mouth: np.ndarray
    samples: np.ndarray


@dataclass(frozen=True)
class Shifted:
    """A mouth (T, 20, 2), and its sound ``shift`` frames late."""

    shift: int
    mouth: np.ndarray
    sound: FeatureSequence


def read(clip: Clip, fps: float) -> Sentence:
    """Returns mouth and sound of ``clip``."""
    frames = np.flatnonzero(clip.segment >= 0)
    landmarks = clip.landmarks[frames]
    mouth = to_canonical(landmarks, fit_placement(landmarks, fit_template(landmarks)))[:, MOUTH]
    samples = load_sound(clip.sound or sys.exit(f"clip has no sound: {clip.folder}")).samples
    count = min(len(samples) // FRAME, int((len(clip.segment) - 1) / fps * SECOND) + 1)
    return Sentence(resample_in_time(mouth, frames / fps, frame_times(count, SYNC_RATE)), samples)


def features_of(samples: np.ndarray) -> FeatureSequence:
    """Returns the log filterbank energies of ``samples``."""
    return extract_features([samples], FeatureOptions())


def spoken(sentence: Sentence) -> np.ndarray:
    """Returns which frames (T,) are spoken: all, in a sound without silence."""
    times = frame_times(len(sentence.mouth), SYNC_RATE)
    try:
        return silences(sound_steps(features_of(sentence.samples)), times)[1]
    except ValueError:
        return np.ones(len(times), dtype=bool)


def own_windows(sentence: Sentence, judge: OwnSyncNet) -> list[tuple[int, bool]]:
    """Returns first frame and success of every second, compared with those one second before and after it."""
    times = frame_times(len(sentence.mouth), SYNC_RATE)
    mouths, sounds = judge.embed(sentence.mouth, times, features_of(sentence.samples))
    inside = SECOND - LOST_FRAMES
    found = []
    for start in range(len(mouths) - inside + 1):
        for other in (start - SECOND, start + SECOND):
            if 0 <= other <= len(sounds) - inside:
                mouth = mouths[start : start + inside]
                own, wrong = (np.linalg.norm(mouth - sounds[at : at + inside], axis=-1).mean() for at in (start, other))
                found.append((start, bool(own < wrong)))
    return found


def plain_windows(sentence: Sentence) -> list[tuple[int, bool]]:
    """Returns the same for the measure without weights, with windows of 31 frames."""
    steps = sound_steps(features_of(sentence.samples))
    times = frame_times(MIN_LENGTH, SYNC_RATE)
    last = min(len(sentence.mouth), len(steps.level)) - MIN_LENGTH
    found = []
    for start in range(last + 1):
        for other in (start - SECOND, start + SECOND):
            if 0 <= other <= last:
                mouth = sentence.mouth[start : start + MIN_LENGTH]
                own, wrong = (lag_curve(mouth, times, _cut(steps, at)).agreement[MAX_LAG] for at in (start, other))
                found.append((start, bool(own > wrong)))
    return found


def _cut(steps: SoundSteps, start: int) -> SoundSteps:
    part = slice(start, start + MIN_LENGTH)
    return SoundSteps(steps.level[part], steps.change[part], steps.brightness[part])


def shifts(sentence: Sentence, filled: bool) -> list[Shifted]:
    """Returns the sentence with its sound shifted by each number of frames."""
    found = []
    for shift in range(-MAX_SHIFT, MAX_SHIFT + 1):
        mouth, samples = sentence.mouth, sentence.samples[: len(sentence.mouth) * FRAME]
        if filled:
            empty = np.zeros(abs(shift) * FRAME, dtype=samples.dtype)
            late = np.concatenate([empty, samples[: len(samples) - len(empty)]])
            early = np.concatenate([samples[len(empty) :], empty])
            samples = late if shift >= 0 else early
        else:
            mouth = mouth[MAX_SHIFT:-MAX_SHIFT]
            samples = samples[(MAX_SHIFT - shift) * FRAME : (len(sentence.mouth) - MAX_SHIFT - shift) * FRAME]
        found.append(Shifted(shift, mouth, features_of(samples)))
    return found


def report_windows(name: str, sentences: list[Sentence], windows: list[list[tuple[int, bool]]], length: int) -> None:
    """Prints how often windows of ``length`` frames are told apart."""
    every = [ok for found in windows for _, ok in found]
    speech = [
        ok
        for sentence, found in zip(sentences, windows, strict=True)
        for start, ok in found
        if spoken(sentence)[start : start + length].mean() >= 0.5
    ]
    row(
        f"{name}: {length / SECOND:.2f} s told from 1 s off, all {len(every)}",
        100 * float(np.mean(every)),
        "%",
        ">= 90",
    )
    row(f"{name}: the same, {len(speech)} spoken", 100 * float(np.mean(speech)), "%", ">= 90")


def report_shifts(name: str, shifted: list[list[Shifted]], judge: Judge) -> None:
    """Prints how often shifts are found."""
    found = [[judge(each.mouth, each.sound) for each in sentence] for sentence in shifted]
    lags = np.array([[offset.offset / 1000 * SECOND for offset in sentence] for sentence in found])
    true = np.array([[each.shift for each in sentence] for sentence in shifted])
    errors = lags - true
    recorded = np.median(errors, axis=1)
    row(f"{name}: shift right within a frame, of {lags.size}", share(np.rint(lags) - true), "%", ">= 95")
    row(f"{name}: the same, the found shift not rounded", share(errors), "%")
    row(f"{name}: the same, against the sentence's own offset", share(errors - recorded[:, None]), "%")
    row(f"{name}: error of the shift, median", 1000 / SECOND * float(np.median(np.abs(errors))), "ms")
    row(f"{name}: sentences' own offsets, mean", 1000 / SECOND * float(recorded.mean()), "ms")
    row(f"{name}: sentences' own offsets, deviation", 1000 / SECOND * float(recorded.std()), "ms")
    row(f"{name}: confidence, mean", float(np.mean([o.confidence for sentence in found for o in sentence])), "")


def share(errors: np.ndarray) -> float:
    """Returns the percentage of ``errors`` (frames) that are at most one."""
    return 100 * float((np.abs(errors) <= 1).mean())


def row(name: str, value: float, unit: str, target: str = "") -> None:
    """Prints one line of the table."""
    sys.stdout.write(f"| {name} | {value:.{1 if unit else 3}f} {unit} | {target} |\n")


def main() -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--split", type=Path, required=True, help="JSON with lists of clip names")
    parser.add_argument("--side", default="val", help="which list of the split; test is for the final figure only")
    parser.add_argument("--judge", type=Path, help="folder of a judge that was trained; else the one that is shipped")
    parser.add_argument("--limit", type=int, help="measure only so many clips")
    arguments = parser.parse_args()
    names = json.loads(arguments.split.read_text())[arguments.side]
    dataset = load_dataset(arguments.dataset)
    clips = [clip for clip in dataset.clips if clip.name in names][: arguments.limit]
    sentences = [read(clip, float(dataset.fps)) for clip in ConsoleProgress().track(clips, "reading", len(clips))]
    judge = OwnSyncNet(arguments.judge)
    sys.stdout.write(f"| figure, {len(clips)} {arguments.side} sentences | measured | target |\n|---|---|---|\n")

    def ours(mouth: np.ndarray, sound: FeatureSequence) -> SyncOffset:
        return judge.offset(mouth, frame_times(len(mouth), SYNC_RATE), sound)

    def plain(mouth: np.ndarray, sound: FeatureSequence) -> SyncOffset:
        return find_offset(lag_curve(mouth, frame_times(len(mouth), SYNC_RATE), sound_steps(sound)))

    report_windows("own SyncNet", sentences, [own_windows(sentence, judge) for sentence in sentences], SECOND)
    report_windows("without weights", sentences, [plain_windows(sentence) for sentence in sentences], MIN_LENGTH)
    for filled in (False, True):
        shifted = [shifts(sentence, filled) for sentence in sentences]
        kind = ", filled" if filled else ""
        report_shifts(f"own SyncNet{kind}", shifted, ours)
        report_shifts(f"without weights{kind}", shifted, plain)
    return 0


if __name__ == "__main__":
    sys.exit(main())
