"""The training of a face swap on the command line: the faces of two persons to a model that swaps them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from obamanet.cli.boundary import console, result
from obamanet.cli.declare import Fields, command
from obamanet.cli.options import SEED, Quiet
from obamanet.cli.training import STEPS, RunLimits, report_run
from obamanet.memory import check_memory
from obamanet.swap.stages import config_of
from obamanet.swap.swap_model import Consent
from obamanet.swap.swap_training import SwapOptions, train_swap


@command(
    "-A faces/me -B faces/her -m model --i-have-consent --name-a Me --name-b Her",
    "-A faces/me -B faces/her -m model --model gan --size 128 --max-minutes 60 --i-have-consent",
)
def train_verb(
    *,
    a: Annotated[Path, typer.Option("--input-A", "-A", metavar="DIR", help="The faces of A, made by swap extract.")],
    b: Annotated[Path, typer.Option("--input-B", "-B", metavar="DIR", help="The faces of B.")],
    model_dir: Annotated[Path, typer.Option("--model-dir", "-m", metavar="MODEL", help="The model's folder.")],
    size: Annotated[int, typer.Option("--size", help="Side of the painted face in pixels: 64, 128 or 256.")] = 64,
    lite: Annotated[bool, typer.Option("--lite", help="A quarter of the filters; about a tenth of the time.")] = False,
    options: Annotated[
        SwapOptions,
        Fields(
            form=typer.Option("--model", help="Two autoencoders, or these with a mask and discriminators."),
            steps=STEPS,
            batch_size="Faces a side and step.",
            learning_rate="Adam's.",
            epoch_steps="Steps between two evaluations, previews and saves.",
            seed=SEED,
            flip=typer.Option("--flip/--no-flip", help="Mirror every second face."),
            adversary="How the gan's discriminators are trained.",
            perceptual=typer.Option(
                "--perceptual",
                metavar="NETWORK",
                help="Compare features too: of VGG16:FILE or another application of Keras with its weights on disk, or "
                "of a face swap trained before, swap:MODEL.",
                show_default="none",
            ),
            perceptual_weight="Weight of the perceptual loss.",
            cycle_weight=typer.Option("--cycle", help="Weight of the loss of a swap there and back."),
            eyes_weight=typer.Option(
                "--eyes", help="Weight of the eyes; with 0 no masks of them are needed.", show_default="the form's own"
            ),
            snapshot_steps=typer.Option(
                "--snapshot-steps", help="Keep the weights every so many steps.", show_default="never"
            ),
            min_faces="Faces that each side must have.",
        ),
    ],
    name_a: Annotated[str | None, typer.Option("--name-a", help="A's name.", show_default="the folder's")] = None,
    name_b: Annotated[str | None, typer.Option("--name-b", help="B's name.", show_default="the folder's")] = None,
    i_have_consent: Annotated[
        bool, typer.Option("--i-have-consent", help="Declare that both persons have agreed; needed, and kept.")
    ] = False,
    two_persons: Annotated[
        bool, typer.Option("--two-persons", help="A and B are two persons though they look like one, such as twins.")
    ] = False,
    limits: RunLimits,
    quiet: Quiet = False,
) -> None:
    """Train a model that swaps the faces of A and B. Prints its folder.

    Interrupt it at any time: the same command goes on, and ends as if it had not been interrupted. A preview, the
    losses' curves, snapshots and a backup of the session before are in the folder.
    """
    consent = Consent(name_a or a.resolve().name, name_b or b.resolve().name, i_have_consent)
    # Before Keras: with too little memory its import may crash, which nobody can catch.
    check_memory()
    progress = console(quiet)
    config = config_of(options.form, size, lite=lite)
    report = train_swap(
        a, b, model_dir, config, options, consent, two_persons=two_persons, limits=limits, progress=progress
    )
    report_run(report, progress)
    result(report.folder)
