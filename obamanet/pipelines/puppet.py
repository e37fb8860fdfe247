"""Makes a person that a video or a camera drives of a few minutes of footage: prepared, trained, assembled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from obamanet.assemble import assemble_person
from obamanet.constants import IMAGE_SIZE
from obamanet.networks.config import GeneratorConfig
from obamanet.person import Origin, Person
from obamanet.progress import Progress
from obamanet.training.data.dataset import KEYPOINTS, PERSON, RENDERER, load_dataset, split_dataset
from obamanet.training.data.prepare import PrepareReport, prepare
from obamanet.training.loop.runner import Limits, TrainReport, check_not_blank
from obamanet.training.renderer.pix2pix_training import TrainOptions
from obamanet.training.renderer.renderer_training import (
    RENDERER_FOLD,
    RENDERER_OPTIONS,
    RENDERER_WIDTH,
    train_renderer,
)
from obamanet.types import RenderMode, SketchStyle

CONFIG: Final = GeneratorConfig(image_size=IMAGE_SIZE, width=RENDERER_WIDTH, fold=RENDERER_FOLD)
"""Sizes of the renderer where none are given: those of ``obamanet train renderer``, at pix2pix's 256 pixels."""


@dataclass(frozen=True)
class Puppet:
    """A person to be driven, and how far it is.

    Attributes:
        person: loaded from the dataset's folder ``person``.
        prepared: what was made of the videos.
        trained: where the renderer's training stands.
    """

    person: Person
    prepared: PrepareReport
    trained: TrainReport


def make_puppet(
    videos: Sequence[Path],
    folder: Path,
    name: str,
    origin: Origin,
    config: GeneratorConfig = CONFIG,
    options: TrainOptions = RENDERER_OPTIONS,
    *,
    sketch: SketchStyle = SketchStyle.PARTS,
    limits: Limits | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Puppet:
    """Makes a person of renderer and reference track, or goes on with it: called again, only what is missing is done.

    Where ``folder`` has a finished training of keypoints, the person speaks, too.

    Args:
        videos: of the person, and folders of them.
        folder: the dataset to make or to add to; its folder ``person`` is the person.
        name: whose face it is.
        origin: footage, licence, attribution and consent.
        config: sizes of the renderer.
        options: how to train; their seed is also that of the split.
        sketch: how faces are drawn.
        limits: where this session stops; a person is made of what was learned until then.
        workers: processes that prepare, by default one per core.
        progress: shows how far it is.

    Raises:
        OptionError: an option is out of range, a part of the origin is blank, or ``folder`` has a training with other
            options.
        DatasetError: the footage cannot be used, or is too short to train and to validate on.
        OutputError: the folder cannot be written, or another process is at work in it.
    """
    check_not_blank(name=name, **asdict(origin))
    limits, progress = limits or Limits(), progress or Progress()
    prepared = prepare(videos, folder, image_size=config.image_size, workers=workers, progress=progress)
    dataset = load_dataset(folder)
    split = split_dataset(dataset, seed=options.seed)
    trained = train_renderer(
        dataset,
        split,
        folder / RENDERER,
        RenderMode.WHOLE_FACE,
        config,
        options,
        sketch=sketch,
        limits=limits,
        progress=progress,
    )
    speaking = folder / KEYPOINTS
    has_speech = (speaking / "best.weights.h5").is_file()
    person = assemble_person(
        dataset,
        split,
        speaking if has_speech else None,
        folder / RENDERER,
        folder / PERSON,
        name=name,
        origin=origin,
        progress=progress,
    )
    return Puppet(person, prepared, trained)
