"""Prepares folders of pictures: resizes one, combines two side by side, splits one into three parts."""

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
from obamanet.training.loop.training_options import check_seed

PARTS = ("train", "val", "test")
"""Folders of a split."""

MAX_SIDE = 16_384
"""Maximum side of a resized picture, in pixels: 0.8 GB of memory."""


@dataclass(frozen=True)
class CombineReport:
    """Result of combining: number of pairs, and the names (without suffix) that are in one folder only."""

    pairs: int
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]


@dataclass(frozen=True)
class Shares:
    """Shares of the parts of a split, each from 0 to 1, with sum 1; raises :class:`OptionError` for others."""

    train: float = 0.8
    val: float = 0.1
    test: float = 0.1

    def __post_init__(self) -> None:
        """Checks the shares."""
        shares = (self.train, self.val, self.test)
        if not (all(share >= 0 for share in shares) and abs(sum(shares) - 1) <= 1e-6):
            got = ", ".join(f"{share:g}" for share in shares)
            raise OptionError(f"shares must be 0 or more and 1 in all: got {got}")

    def counts(self, number: int) -> tuple[int, int, int]:
        """Returns how many of ``number`` pictures go to train, val and test: rounded, at least 1 for a share above 0.

        Raises :class:`DatasetError` when there are too few pictures.
        """
        minimum = [int(share > 0) for share in (self.train, self.val, self.test)]
        if number < sum(minimum):
            raise DatasetError(f"{number} pictures cannot be divided into {sum(minimum)} parts")
        val = max(minimum[1], round(self.val * number))
        test = max(minimum[2], round(self.test * number))
        train = number - val - test
        while train < minimum[0]:
            val, test = (val - 1, test) if val >= test else (val, test - 1)
            train += 1
        return train, val, test


def resize_folder(source: Path, out: Path, size: int, *, pad: bool = False, progress: Progress | None = None) -> int:
    """Writes every picture of a folder as a square PNG of the same name.

    Args:
        source: the pictures.
        out: folder to write.
        size: side in pixels.
        pad: keep the whole picture and pad it with black; else the middle square is cut out.
        progress: gets the progress over pictures.

    Returns:
        The number of pictures.

    Raises:
        OptionError: ``size`` is out of range.
        DatasetError: a picture cannot be read.
        OutputError: ``out`` cannot be written, or holds something else.
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
    """Writes the pictures of each name in ``a`` and ``b`` side by side to ``out``, as an A|B PNG; B is scaled to A.

    Raises:
        DatasetError: a picture cannot be read, or no name is in both folders.
        OutputError: ``out`` cannot be written, or holds something else.
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
    """Copies each picture of ``source`` into one of ``out``/train, val and test.

    Args:
        source: the pictures.
        out: folder to write; a part with a share of 0 is not made.
        shares: of the parts.
        seed: of the random order; the result depends on it and the names only.
        progress: gets the progress over pictures.

    Returns:
        The number of pictures in each part.

    Raises:
        DatasetError: a picture cannot be read, or there are too few.
        OptionError: the seed is out of range.
        OutputError: ``out`` cannot be written, or holds something else.
    """
    check_seed(seed)
    pictures = list_pictures(source)
    counts = (shares or Shares()).counts(len(pictures))
    order = np.random.default_rng(seed).permutation(len(pictures))
    parts = [part for part, count in zip(PARTS, counts, strict=True) for _ in range(count)]
    with whole_folder(out) as folder:
        for part_name, index in (progress or Progress()).track(zip(parts, order, strict=True), "copying", len(order)):
            read_picture(pictures[index])
            (folder / part_name).mkdir(exist_ok=True)
            shutil.copyfile(pictures[index], folder / part_name / pictures[index].name)
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
