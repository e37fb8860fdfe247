"""Trains a pix2pix generator on a folder of A|B pictures."""

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
from obamanet.sources import add_sources, read_sources
from obamanet.training.loop.runner import Limits, TrainReport
from obamanet.training.renderer.pix2pix_training import TrainOptions, train_pix2pix

VAL_SHARE = 0.1
"""Share of the pictures for validation when there is no folder of validation pictures."""


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
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> TrainReport:
    """Trains a pix2pix generator on A|B pictures, or resumes its training.

    Args:
        pictures: folder of the training pictures.
        out: the run's folder.
        config: sizes of the generator.
        options: how to train.
        epochs: passes over all training pairs, in place of ``options.steps``.
        val: folder of the validation pictures; without it a random ``val_share`` of ``pictures`` is held out.
        val_share: above 0 and below 1.
        direction: which half is the condition.
        load_size: side in pixels that training pairs are scaled to before the crop, see :class:`FolderPairs`.
        flip: mirror half of the training pairs.
        keep_epochs: epochs whose weights are kept for comparison.
        limits: where this session stops.
        progress: gets the metrics of each evaluation.

    Raises:
        DatasetError: pictures cannot be used, or files of the run are damaged.
        OptionError: an option is out of range, or ``out`` holds a run with other options.
    """
    progress = progress or Progress()
    train_pictures = list_pictures(pictures)
    if val is None:
        train_pictures, val_pictures = _split(train_pictures, val_share, options.seed)
    else:
        val_pictures = list_pictures(val)
    load_size = load_size or default_load_size(config.image_size)
    train = FolderPairs(train_pictures, config.image_size, direction, load_size=load_size, flip=flip)
    check = FolderPairs(val_pictures, config.image_size, direction, load_size=load_size, flip=flip)
    for source in (train, check):
        source.check(progress)
    if epochs is not None:
        options = replace(options, steps=_step_of(epochs, len(train_pictures), options.batch_size))
    about = {
        "direction": str(direction),
        "load_size": load_size,
        "flip": flip,
        "pairs": len(train_pictures),
        "val_pairs": len(val_pictures),
    }

    def write_notes() -> None:
        # Pictures made of a person's footage name it beside their folder.
        add_sources(out, read_sources(pictures.resolve().parent))

    return train_pix2pix(
        train,
        check,
        out,
        config,
        options,
        sections={"folder": about},
        write_notes=write_notes,
        keep_steps=frozenset(_step_of(epoch, len(train_pictures), options.batch_size) for epoch in keep_epochs),
        limits=limits,
        progress=progress,
    )


def _step_of(epoch: int, pairs: int, batch_size: int) -> int:
    """Returns the step at the end of ``epoch`` passes over the pairs."""
    if epoch < 1:
        raise OptionError(f"epochs must be at least 1: got {epoch}")
    return math.ceil(epoch * pairs / batch_size)


def _split(pictures: list[Path], share: float, seed: int) -> tuple[list[Path], list[Path]]:
    if not 0 < share < 1:
        raise OptionError(f"validation share must lie between 0 and 1: got {share}")
    if len(pictures) < 2:
        raise DatasetError(f"one picture cannot both train and validate; add more: {pictures[0].parent}")
    count = min(len(pictures) - 1, max(1, round(share * len(pictures))))
    held_out = set(np.random.default_rng(seed).permutation(len(pictures))[:count].tolist())
    return (
        [path for index, path in enumerate(pictures) if index not in held_out],
        [path for index, path in enumerate(pictures) if index in held_out],
    )
