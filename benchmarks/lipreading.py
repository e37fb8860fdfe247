"""Measures the lip reader that comes with the program, or one of your own, on a side of a split.

    python benchmarks/lipreading.py DATASET --split split.json --side test
    python benchmarks/lipreading.py DATASET --split split.json --side test --generated out/evaluation/generated

DATASET is a prepared dataset of GRID clips. With --generated the videos of the same names in that folder are read too.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from obamanet.evaluation.judges.lip_reading import LipReader, word_error
from obamanet.evaluation.pairing import videos_in
from obamanet.evaluation.tracks import Tracker
from obamanet.progress import ConsoleProgress
from obamanet.timing import frame_times
from obamanet.training.data.dataset import Clip, load_dataset
from obamanet.training.judges.grid_grammar import SLOT_NAMES, SLOTS, words_of_name
from obamanet.training.judges.lip_reader_training import cut_prepared
from obamanet.training.judges.mouth_crops import READ_FPS, place_mouths
from obamanet.video.reader import read_frames


def read_recorded(clip: Clip, reader: LipReader) -> tuple[str, ...]:
    """Returns the words read from the lips of the prepared clip."""
    frames = np.flatnonzero(clip.segment >= 0)
    return reader.read(cut_prepared(clip, frames), frame_times(len(clip.segment), Fraction(READ_FPS))[frames])


def read_video(path: Path, reader: LipReader, tracker: Tracker) -> tuple[str, ...]:
    """Returns the words read from the lips in the video at ``path``."""
    track = tracker.track(path)
    rows = np.flatnonzero(track.seen)
    places, wanted = place_mouths(track.landmarks[rows]), {int(frame): row for row, frame in enumerate(rows)}
    pictures = enumerate(read_frames(path))
    mouths = [places.cut(picture.image, wanted[index]) for index, picture in pictures if index in wanted]
    return reader.read(mouths, track.times[rows])


def row(title: str, said: Sequence[tuple[str, ...]], read: Sequence[tuple[str, ...]]) -> str:
    """Returns a row of the table: the word error over all clips and of each slot, in per cent."""
    every = 100 * np.mean([word_error(a, b) for a, b in zip(said, read, strict=True)])
    slots = [
        100 * np.mean([word_error(a[n : n + 1], b[n : n + 1]) for a, b in zip(said, read, strict=True)])
        for n in range(len(SLOTS))
    ]
    return f"| {title} | {every:.1f} | {' | '.join(f'{slot:.1f}' for slot in slots)} |\n"


def main() -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--split", type=Path, required=True, help="JSON with lists of clip names")
    parser.add_argument("--side", default="val", help="which list of the split; test is for the final figure only")
    parser.add_argument("--reader", type=Path, help="a run of obamanet train lipreader, instead of the program's own")
    parser.add_argument("--generated", type=Path, help="a folder of generated videos, named as the clips")
    parser.add_argument("--limit", type=int, help="read only so many clips")
    arguments = parser.parse_args()
    names = json.loads(arguments.split.read_text())[arguments.side]
    clips = [clip for clip in load_dataset(arguments.dataset).clips if clip.name in names][: arguments.limit]
    reader, progress = LipReader(arguments.reader), ConsoleProgress()
    said = [words_of_name(clip.name) for clip in clips]
    read = [read_recorded(clip, reader) for clip in progress.track(clips, "recorded", len(clips))]
    chance = 100 * np.mean([1 - 1 / len(slot) for slot in SLOTS])
    sys.stdout.write(f"| word error in %, {len(clips)} {arguments.side} sentences | all | {' | '.join(SLOT_NAMES)} |\n")
    sys.stdout.write("|---|---|" + "---|" * len(SLOTS) + "\n")
    sys.stdout.write(row("recorded", said, read))
    if arguments.generated:
        videos, tracker = videos_in(arguments.generated), Tracker()
        there = [clip for clip in clips if clip.name in videos]
        found = [read_video(videos[c.name], reader, tracker) for c in progress.track(there, "generated", len(there))]
        sys.stdout.write(row(f"generated ({len(there)})", [words_of_name(clip.name) for clip in there], found))
    half = len(read) // 2
    sys.stdout.write(row("recorded, held against another sentence", said, read[half:] + read[:half]))
    sys.stdout.write(f"\nGuessing within the grammar: {chance:.0f} %.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
