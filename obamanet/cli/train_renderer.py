"""The training of a person's renderer on the command line: mouth to picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from obamanet.cli.boundary import console
from obamanet.cli.declare import Fields, command
from obamanet.cli.options import SEED, DatasetFolder, Quiet, SketchName
from obamanet.cli.persons import find_start
from obamanet.cli.training import OR_START, STEPS, RunLimits, SplitOptions, finish_part, run_folder
from obamanet.networks.config import GeneratorConfig
from obamanet.training.data.dataset import RENDERER, load_dataset
from obamanet.training.loop.trained_networks import trained_renderer
from obamanet.training.renderer.pix2pix_training import TrainOptions
from obamanet.training.renderer.renderer_training import (
    RENDERER_FOLD,
    RENDERER_OPTIONS,
    RENDERER_WIDTH,
    train_renderer,
)
from obamanet.types import RenderMode, SketchStyle


@command("me", "me --max-minutes 60", "me --mode inpaint --out me/inpaint")
def renderer_verb(
    *,
    folder: DatasetFolder,
    mode: Annotated[
        RenderMode,
        typer.Option(
            "--mode",
            help="Paint the whole portrait, or only the mouth into the recorded footage, which then is needed.",
        ),
    ] = RenderMode.WHOLE_FACE,
    out: Annotated[Path | None, run_folder(RENDERER)] = None,
    start: Annotated[
        Path | None,
        typer.Option(
            "--start",
            metavar="PERSON",
            help="Begin with the renderer of this person, of the same picture size, or of this run, on other footage.",
        ),
    ] = None,
    width: Annotated[
        int | None,
        typer.Option(
            "--width",
            help="Filters of the first layer, 4 to 128; pix2pix's own is 64.",
            show_default=f"{RENDERER_WIDTH}{OR_START}",
        ),
    ] = None,
    fold: Annotated[
        int | None,
        typer.Option(
            "--fold",
            help="Side of the pixel blocks that the first layer takes as one: 1, 2 or 4; larger is quicker.",
            show_default=f"{RENDERER_FOLD}{OR_START}",
        ),
    ] = None,
    sketch: SketchName = SketchStyle.PARTS,
    options: Annotated[
        TrainOptions,
        Fields(
            discriminator_width="Filters of the adversary's first layer; pix2pix's own is 64.",
            steps=STEPS,
            batch_size="Pictures per step; pix2pix's own is 1.",
            learning_rate="Size of the first steps; pix2pix's own is 0.0002.",
            gan_start="Share of the training, 0 to 1, after which the adversary joins; before is twice as quick.",
            gan_weight="Weight of the adversary; pix2pix's own is 1. 0 paints softer and trains quicker.",
            matching_weight="Weight of matching what the adversary's layers see; pix2pix's own is 0.",
            crop="Side of the crops that the adversary judges, around mouth, eyes and anywhere, as a share of the "
            "picture's; pix2pix's own is 1, the whole picture.",
            seed=SEED,
        ),
    ] = RENDERER_OPTIONS,
    split: SplitOptions,
    limits: RunLimits,
    quiet: Quiet = False,
) -> None:
    """Train what paints the face. Prints the run's folder, or the person's when both runs are there.

    Interrupt it at any time: the same command goes on where the last evaluation was.
    """
    progress = console(quiet)
    beginning = trained_renderer(find_start(start)) if start else None
    filters = width if width is not None else beginning.config.width if beginning else RENDERER_WIDTH
    blocks = fold if fold is not None else beginning.config.fold if beginning else RENDERER_FOLD
    dataset = load_dataset(folder)
    chosen, config = split.of(dataset), GeneratorConfig(image_size=dataset.image_size, width=filters, fold=blocks)
    report = train_renderer(
        dataset,
        chosen,
        out or folder / RENDERER,
        mode,
        config,
        options,
        sketch=sketch,
        start=beginning,
        limits=limits,
        progress=progress,
    )
    finish_part(report, dataset, chosen, progress)
