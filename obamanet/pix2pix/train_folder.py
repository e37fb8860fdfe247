"""Trains a pix2pix pair on a folder of A|B pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from obamanet.errors import DatasetError, OptionError
from obamanet.networks.config import GeneratorConfig
from obamanet.pix2pix.pairs import Direction, FolderPairs, default_load_size
from obamanet.pix2pix.pictures import list_pictures
from obamanet.progress import Progress
from obamanet.training.loop.runner import Limits, TrainReport
from obamanet.training.loop.trained_networks import TrainedRenderer
from obamanet.training.renderer.pix2pix_training import TrainOptions, train_pix2pix

VAL_SHARE = 0.1
"""Share of the pictures that only validates when there is no folder for it."""


def train_folder(
    pictures: Path,
    out: Path,
    config: GeneratorConfig,
    options: TrainOptions,
    *,
    epochs: int | None = None,
    val: Path | None = None,
    val_share: float = VAL_SHARE,
    direction: Direction = Direction.A_TO_B,
    load_size: int | None = None,
    flip: bool = True,
    keep_epochs: Sequence[int] = (),
    start: TrainedRenderer | None = None,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> TrainReport:
    """Train on the A|B pictures of ``pictures`` into the run's folder ``out``; go on from there if it was begun.

    ``epochs`` passes over all training pairs, where given, stand for ``options.steps``. ``val`` are the pictures that
    choose the best weights; without it a seeded ``val_share`` of ``pictures`` does, and is not trained on.
    ``load_size`` is the side that is cropped from, see :class:`FolderPairs`. The weights after ``keep_epochs`` are kept
    for comparison. ``start`` is a trained generator to begin with, see :func:`train_pix2pix`. Raises
    :class:`DatasetError` for pictures that cannot be used, :class:`OptionError` when ``out`` holds a run with other
    options.
    """
    progress = progress or Progress()
    found = list_pictures(pictures)
    if val is None:
        found, chosen = _split(found, val_share, options.seed)
    else:
        chosen = list_pictures(val)
    load_size = load_size or default_load_size(config.image_size)
    train = FolderPairs(found, config.image_size, direction, load_size=load_size, flip=flip)
    check = FolderPairs(chosen, config.image_size, direction, load_size=load_size, flip=flip)
    for source in (train, check):
        source.check(progress)
    if epochs is not None:
        options = replace(options, steps=_step_of(epochs, len(found), options.batch_size))
    about = {
        "direction": str(direction),
        "load_size": load_size,
        "flip": flip,
        "pairs": len(found),
        "val_pairs": len(chosen),
    }
    return train_pix2pix(
        train,
        check,
        out,
        config,
        options,
        sections={"folder": about},
        start=start,
        keep_steps=frozenset(_step_of(epoch, len(found), options.batch_size) for epoch in keep_epochs),
        limits=limits,
        progress=progress,
    )


def _step_of(epoch: int, pairs: int, batch_size: int) -> int:
    """Return the step after which every pair was seen ``epoch`` times."""
    if epoch < 1:
        raise OptionError(f"epochs must be at least 1: got {epoch}")
    return math.ceil(epoch * pairs / batch_size)


def _split(pictures: list[Path], share: float, seed: int) -> tuple[list[Path], list[Path]]:
    if not 0 < share < 1:
        raise OptionError(f"validation share must lie between 0 and 1: got {share}")
    if len(pictures) < 2:
        raise DatasetError(f"one picture cannot both train and validate; add more: {pictures[0].parent}")
    count = min(len(pictures) - 1, max(1, round(share * len(pictures))))
    chosen = set(np.random.default_rng(seed).permutation(len(pictures))[:count].tolist())
    return (
        [path for index, path in enumerate(pictures) if index not in chosen],
        [path for index, path in enumerate(pictures) if index in chosen],
    )
