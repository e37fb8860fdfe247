"""Which generated video belongs to which recording: two files, two folders by name, or a CSV."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from obamanet.errors import EvaluationError, OptionError

VIDEO_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".flv", ".wmv"})
"""Suffixes of the files that are videos when a folder is searched; a file that is named may have any suffix."""


@dataclass(frozen=True)
class Pair:
    """One generated video and the recording that it is compared with.

    Attributes:
        name: of the clip.
        generated: the generated video.
        reference: the recording.
        words: the words spoken, empty where they are not known.
        square: a video of the renderer's output before compositing, maybe the generated video itself; None where there
            is none.
    """

    name: str
    generated: Path
    reference: Path
    words: tuple[str, ...] = ()
    square: Path | None = None


def find_pairs(generated: Path, reference: Path | None) -> tuple[Pair, ...]:
    """Finds the pairs that two arguments name.

    Args:
        generated: a video, a folder of videos, or a CSV with the columns generated, reference and, optionally, name,
            whose paths are relative to its folder.
        reference: the recording, or a folder of recordings with the same file names, whatever their suffix; None with
            a CSV.

    Returns:
        One pair for each generated video. A recording that is missing is a path that does not exist, so that its clip
        alone fails.

    Raises:
        OptionError: the arguments do not go together, or a name stands twice.
        EvaluationError: there is nothing to pair, or the CSV cannot be used.
    """
    if reference is None:
        if generated.suffix.lower() != ".csv":
            raise OptionError(f"the reference is missing: got {generated} alone, allowed alone is a .csv of pairs")
        return _listed(generated)
    for path in (generated, reference):
        if not path.exists():
            raise EvaluationError(f"no such file or folder: {path}")
    if generated.is_dir() != reference.is_dir():
        raise OptionError(f"both must be files or both folders: got {generated} and {reference}")
    if not generated.is_dir():
        return (Pair(generated.stem, generated, reference),)
    ours, theirs = videos_in(generated), videos_in(reference)
    if not ours:
        raise EvaluationError(f"no video in the folder: {generated}")
    if not ours.keys() & theirs.keys():
        raise EvaluationError(f"no name is in both folders: {generated} and {reference}")
    return tuple(Pair(name, path, theirs.get(name, reference / path.name)) for name, path in sorted(ours.items()))


def videos_in(folder: Path) -> dict[str, Path]:
    """Returns the videos directly in ``folder`` by name without suffix.

    Raises:
        OptionError: two have one name.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in VIDEO_SUFFIXES or path.name.startswith(".") or not path.is_file():
            continue
        if path.stem in found:
            raise OptionError(f"two videos of one name: {found[path.stem]} and {path}; allowed is one")
        found[path.stem] = path
    return found


def _listed(path: Path) -> tuple[Pair, ...]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise EvaluationError(f"the list of pairs cannot be read: {path}: {error}") from None
    pairs = []
    for number, row in enumerate(rows, start=2):
        if not row.get("generated") or not row.get("reference"):
            raise EvaluationError(f"{path}, line {number}: columns generated and reference are needed, got {row}")
        ours = path.parent / row["generated"].strip()
        pairs.append(Pair((row.get("name") or ours.stem).strip(), ours, path.parent / row["reference"].strip()))
    if not pairs:
        raise EvaluationError(f"the list of pairs is empty: {path}")
    names = [pair.name for pair in pairs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise EvaluationError(f"{path}: two pairs are named {twice!r}; give them names in a column name")
    return tuple(pairs)
