"""Pictures with A and B side by side as training pairs (the layout of pix2pix-tensorflow and CycleGAN)."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

import numpy as np

from obamanet.errors import DatasetError, OptionError
from obamanet.pix2pix.pictures import read_picture, scale_picture
from obamanet.progress import Progress
from obamanet.training.renderer.pix2pix_training import Pair

JITTER = 286 / 256
"""Side that a picture is scaled to before the random crop, divided by the crop's (Isola et al. 2017, section 6.2)."""

MAX_LOAD = 8
"""Maximum of the same ratio."""


class Direction(StrEnum):
    """Which half of an A|B picture is the condition; the other is the target."""

    A_TO_B = "AtoB"
    """The left half is the condition."""

    B_TO_A = "BtoA"
    """The right half is the condition."""


def default_load_size(image_size: int) -> int:
    """Returns the paper's side before the crop, in pixels: 286 for 256."""
    return round(image_size * JITTER)


class FolderPairs:
    """A|B pictures of any size as a ``PairSource`` of pix2pix training.

    Args:
        pictures: the files.
        image_size: side in pixels that each half is scaled to.
        direction: which half is the condition.
        load_size: side in pixels that training pairs are scaled to before a random crop of ``image_size``.
        flip: mirror half of the training pairs.

    Raises:
        OptionError: ``load_size`` is below ``image_size`` or above MAX_LOAD times that.
    """

    def __init__(
        self,
        pictures: Sequence[Path],
        image_size: int,
        direction: Direction = Direction.A_TO_B,
        *,
        load_size: int | None = None,
        flip: bool = True,
    ) -> None:
        self._pictures = tuple(pictures)
        self._size = image_size
        self._direction = direction
        self._load_size = load_size or default_load_size(image_size)
        self._flip = flip
        if not image_size <= self._load_size <= MAX_LOAD * image_size:
            raise OptionError(
                f"load size is out of range: got {self._load_size}, allowed is {image_size} to "
                f"{MAX_LOAD * image_size} for the image size {image_size}"
            )

    def __len__(self) -> int:
        return len(self._pictures)

    def pair(self, index: int, random: np.random.Generator | None) -> Pair:
        """Returns pair ``index``, cropped and mirrored with ``random``, both halves alike; only scaled without it.

        Raises :class:`DatasetError` when the picture cannot be read or its width is odd.
        """
        halves = read_halves(self._pictures[index], self._direction)
        if random is None:
            condition, target = (scale_picture(half, self._size, self._size) for half in halves)
        else:
            top, left = random.integers(0, self._load_size - self._size + 1, size=2)
            mirror = self._flip and random.random() < 0.5
            condition, target = (self._jitter(half, int(top), int(left), mirror) for half in halves)
        return Pair(condition, target, np.ones((self._size, self._size), np.float32))

    def check(self, progress: Progress) -> None:
        """Reads every picture once before a long training; raises :class:`DatasetError` for one that cannot be used."""
        for path in progress.track(self._pictures, "checking pictures", len(self)):
            read_halves(path, self._direction)

    def _jitter(self, half: np.ndarray, top: int, left: int, mirror: bool) -> np.ndarray:
        loaded = scale_picture(half, self._load_size, self._load_size)
        cropped = loaded[top : top + self._size, left : left + self._size]
        return cropped[:, ::-1] if mirror else cropped


def read_halves(path: Path, direction: Direction) -> tuple[np.ndarray, np.ndarray]:
    """Returns condition and target (H, W / 2, 3) uint8 BGR of an A|B picture.

    Raises :class:`DatasetError` when the picture cannot be read or its width is odd.
    """
    picture = read_picture(path)
    height, width = picture.shape[:2]
    if width % 2:
        raise DatasetError(f"not two halves of one size side by side, {width}x{height} pixels: {path}")
    a, b = picture[:, : width // 2], picture[:, width // 2 :]
    return (a, b) if direction is Direction.A_TO_B else (b, a)
