"""Look-alikes: for each face of one side the faces of the other that are most like it, and the pairs as data."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from obamanet.errors import OptionError
from obamanet.files import atomic_write_text
from obamanet.pix2pix.pictures import list_pictures, new_folder, read_picture, scale_picture, write_picture
from obamanet.progress import Progress
from obamanet.sources import add_sources, read_sources
from obamanet.swap.face_set import COVERAGE

PAIRS_FILE: Final = "pairs.jsonl"
"""Name of the list of pairs: JSON lines of the names of both pictures and their distance."""

FEATURE_SIDE: Final = 24
"""Pixels: side of the small grey faces that are compared."""

MIN_SPREAD: Final = 1e-3
"""Least standard deviation of a small face's pixels, in grey levels, that they are divided by."""


@dataclass(frozen=True)
class LookAlike:
    """A face of A and one of B that is like it: their pictures, and their ``distance``, 0 for the same picture."""

    a: Path
    b: Path
    distance: float


def find_look_alikes(a: Path, b: Path, count: int = 1) -> list[LookAlike]:
    """Returns for each face of ``a`` the ``count`` faces of ``b`` that are most like it, the nearest first.

    Aligned faces are compared as small grey pictures of mean 0 and spread 1, by Euclidean distance: what counts is
    pose, expression and light.

    Raises:
        DatasetError: a folder has no pictures, or one cannot be read.
        OptionError: there are fewer faces in ``b`` than asked for.
    """
    from sklearn.neighbors import NearestNeighbors

    ours, theirs = list_pictures(a), list_pictures(b)
    if not 1 <= count <= len(theirs):
        raise OptionError(f"neighbours must be from 1 to the {len(theirs)} faces of {b}: got {count}")
    known = NearestNeighbors(n_neighbors=count).fit(np.stack([_feature(path) for path in theirs]))
    distances, indices = known.kneighbors(np.stack([_feature(path) for path in ours]))
    return [
        LookAlike(path, theirs[which], float(distance))
        for path, row, apart in zip(ours, indices, distances, strict=True)
        for which, distance in zip(row, apart, strict=True)
    ]


def write_look_alikes(a: Path, b: Path, out: Path, count: int = 1, progress: Progress | None = None) -> int:
    """Writes the look-alikes as A|B pictures, as pix2pix trains on, and their list; whole or not at all.

    Args:
        a: folder of the faces of A.
        b: folder of the faces of B.
        out: the folder to make.
        count: look-alikes of each face.
        progress: is told how far it is.

    Returns:
        Number of pairs.

    Raises:
        ObamanetError: as :func:`find_look_alikes`, or ``out`` cannot be written.
    """
    lines = []
    with new_folder(out) as part:
        found = find_look_alikes(a, b, count)
        for number, pair in enumerate((progress or Progress()).track(found, "writing pairs", len(found))):
            left = read_picture(pair.a)
            right = scale_picture(read_picture(pair.b), left.shape[1], left.shape[0])
            name = f"{pair.a.stem}_{number % count}.png"
            write_picture(part / name, np.hstack([left, right]))
            lines.append(json.dumps({"pair": name, "a": pair.a.name, "b": pair.b.name, "distance": pair.distance}))
        add_sources(part, read_sources(a) | read_sources(b))
        atomic_write_text(part / PAIRS_FILE, "\n".join(lines) + "\n")
    return len(found)


def _feature(path: Path) -> np.ndarray:
    """Returns the small grey face (FEATURE_SIDE ** 2,) of an aligned picture, of mean 0 and spread 1."""
    grey = cv2.cvtColor(read_picture(path), cv2.COLOR_BGR2GRAY)
    edge = [round((1 - COVERAGE) / 2 * side) for side in grey.shape]
    inner = grey[edge[0] : grey.shape[0] - edge[0], edge[1] : grey.shape[1] - edge[1]]
    small = cv2.resize(inner, (FEATURE_SIDE, FEATURE_SIDE), interpolation=cv2.INTER_AREA).astype(np.float64)
    return ((small - small.mean()) / max(small.std(), MIN_SPREAD)).ravel() / FEATURE_SIDE
