"""Prepares folders of pictures: all of one size, two folders side by side, one folder in three parts."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from obamanet.errors import DatasetError, OptionError
from obamanet.pix2pix.pictures import (
    by_stem,
    list_pictures,
    read_picture,
    scale_picture,
    whole_folder,
    write_picture,
)
from obamanet.progress import Progress
from obamanet.training.loop.ema_learner import check_seed

PARTS = ("train", "val", "test")

MAX_SIDE = 16_384
"""Pixels of a resized picture's side: 0.8 GB of memory."""


@dataclass(frozen=True)
class CombineReport:
    """What came together: number of pairs, and the names (without suffix) that only one side had."""

    pairs: int
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]


@dataclass(frozen=True)
class Shares:
    """Parts of a split, each from 0 to 1 and 1 in all."""

    train: float = 0.8
    val: float = 0.1
    test: float = 0.1

    def __post_init__(self) -> None:
        """Refuse shares that are no shares."""
        shares = (self.train, self.val, self.test)
        if not (all(share >= 0 for share in shares) and abs(sum(shares) - 1) <= 1e-6):
            got = ", ".join(f"{share:g}" for share in shares)
            raise OptionError(f"shares must be 0 or more and 1 in all: got {got}")

    def counts(self, number: int) -> tuple[int, int, int]:
        """Return how many of ``number`` go to each part: rounded, at least 1 where the share is above 0.

        Raises :class:`DatasetError` when there are not enough.
        """
        least = [int(share > 0) for share in (self.train, self.val, self.test)]
        if number < sum(least):
            raise DatasetError(f"{number} pictures cannot be divided into {sum(least)} parts")
        val = max(least[1], round(self.val * number))
        test = max(least[2], round(self.test * number))
        train = number - val - test
        while train < least[0]:
            val, test = (val - 1, test) if val >= test else (val, test - 1)
            train += 1
        return train, val, test


def resize_folder(source: Path, out: Path, size: int, *, pad: bool = False, progress: Progress | None = None) -> int:
    """Write every picture of ``source`` to ``out`` as a ``size`` x ``size`` PNG of the same name; returns how many.

    The middle square is cut out, so that nothing is stretched; with ``pad`` the whole picture is kept and the rest is
    black. Raises :class:`DatasetError` for a picture that cannot be read, :class:`OutputError` for an ``out`` in use.
    """
    if not 1 <= size <= MAX_SIDE:
        raise OptionError(f"size is out of range: got {size} pixels, allowed is 1 to {MAX_SIDE}")
    pictures = by_stem(list_pictures(source))
    with whole_folder(out) as part:
        for stem, path in (progress or Progress()).track(pictures.items(), "resizing", len(pictures)):
            picture = read_picture(path)
            square = _padded(picture) if pad else _middle(picture)
            write_picture(part / f"{stem}.png", scale_picture(square, size, size))
    return len(pictures)


def combine_folders(a: Path, b: Path, out: Path, *, progress: Progress | None = None) -> CombineReport:
    """Write each picture of ``a`` and the one of the same name in ``b`` side by side to ``out``, as A|B PNGs.

    B is brought to the size of A where they differ. The report lists what only one side has.
    Raises :class:`DatasetError` for a picture that cannot be read or when no name is on both sides.
    """
    left, right = by_stem(list_pictures(a)), by_stem(list_pictures(b))
    both = sorted(left.keys() & right.keys())
    if not both:
        raise DatasetError(f"no picture of {a} has one of the same name in {b}")
    with whole_folder(out) as part:
        for stem in (progress or Progress()).track(both, "combining", len(both)):
            picture = read_picture(left[stem])
            height, width = picture.shape[:2]
            other = scale_picture(read_picture(right[stem]), width, height)
            write_picture(part / f"{stem}.png", np.hstack([picture, other]))
    only_a, only_b = sorted(left.keys() - right.keys()), sorted(right.keys() - left.keys())
    return CombineReport(len(both), tuple(only_a), tuple(only_b))


def split_folder(
    source: Path, out: Path, shares: Shares | None = None, *, seed: int = 1, progress: Progress | None = None
) -> dict[str, int]:
    """Copy the pictures of ``source`` into ``out``/train, val and test, each into one; returns how many went where.

    Which goes where depends on the names and ``seed`` alone. A part with a share of 0 is not made.
    Raises :class:`DatasetError` for a picture that cannot be read or too few pictures, :class:`OptionError` for a seed.
    """
    check_seed(seed)
    pictures = list_pictures(source)
    counts = (shares or Shares()).counts(len(pictures))
    order = np.random.default_rng(seed).permutation(len(pictures))
    places = [part for part, count in zip(PARTS, counts, strict=True) for _ in range(count)]
    with whole_folder(out) as folder:
        for place, index in (progress or Progress()).track(zip(places, order, strict=True), "copying", len(order)):
            read_picture(pictures[index])
            (folder / place).mkdir(exist_ok=True)
            shutil.copyfile(pictures[index], folder / place / pictures[index].name)
    return dict(zip(PARTS, counts, strict=True))


def _middle(picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return picture[top : top + side, left : left + side]


def _padded(picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    side = max(height, width)
    square = np.zeros((side, side, 3), np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = picture
    return square
