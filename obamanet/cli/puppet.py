"""A person to be driven on the command line: videos in, a person that moves as another does out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from obamanet.cli.assemble import CardOptions
from obamanet.cli.boundary import console, result
from obamanet.cli.declare import Fields, command
from obamanet.cli.options import SEED, Quiet, SketchName
from obamanet.cli.prepare import prepared
from obamanet.cli.training import STEPS, RunLimits, report_run
from obamanet.networks.config import GeneratorConfig
from obamanet.pipelines.puppet import CONFIG, make_puppet
from obamanet.training.renderer.pix2pix_training import TrainOptions
from obamanet.training.renderer.renderer_training import RENDERER_OPTIONS
from obamanet.types import SketchStyle


@command(
    'me.mp4 --out me --name Ada --footage "my own video" --licence "all rights reserved" --attribution Ada '
    '--consent "Ada herself"'
)
def puppet_verb(
    *,
    videos: Annotated[
        list[Path],
        typer.Argument(
            metavar="VIDEO...",
            help="A few minutes of one person who looks into the camera, speaks, looks around and blinks; several "
            "videos, or folders of them.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="DIR", help="The dataset folder to make or to go on with.")
    ],
    card: CardOptions,
    config: Annotated[
        GeneratorConfig,
        Fields(
            image_size="Side of the square painted, in pixels, a power of two, 64 to 1024.",
            width="Filters of the generator's first layer, 4 to 128; pix2pix's own is 64.",
            fold="Side of the pixel blocks that the first layer takes as one: 1, 2 or 4; larger is quicker.",
        ),
    ] = CONFIG,
    options: Annotated[
        TrainOptions,
        Fields(
            steps=STEPS,
            gan_weight="Weight of the adversary; pix2pix's own is 1. 0 paints softer and trains quicker.",
            seed=SEED,
        ),
    ] = RENDERER_OPTIONS,
    sketch: SketchName = SketchStyle.PARTS,
    limits: RunLimits,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Processes that prepare.", show_default="one per core")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Make a person of your own video that another's video or a camera drives. Prints its folder, DIR/person.

    Finds the face, trains what paints it, and puts both together. Interrupt it at any time: the same command goes on,
    and after --max-minutes the person is made of what was learned so far. It does not speak; after obamanet train
    keypoints DIR it does.
    """
    progress = console(quiet)
    made = make_puppet(
        videos,
        out,
        card.name,
        card.origin,
        config,
        options,
        sketch=sketch,
        limits=limits,
        workers=workers,
        progress=progress,
    )
    for line in prepared(made.prepared):
        progress.note(line)
    report_run(made.trained, progress)
    result(made.person.folder)
