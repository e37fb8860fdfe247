"""The training of a speech encoder on the command line; the one that comes with the program was made this way."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from obamanet.cli.boundary import console, result
from obamanet.cli.declare import Fields, command
from obamanet.cli.options import SEED, Quiet
from obamanet.cli.training import STEPS, NewRunFolder, RunLimits, report_run
from obamanet.training.encoder.distillation import RESULT, EncoderOptions, train_encoder
from obamanet.training.loop.runner import NOT_STATED


@command("prompts prompts voices --teacher smart-turn-v3.2-cpu.onnx --out encoder_run")
def encoder_verb(
    *,
    sounds: Annotated[
        list[Path],
        typer.Argument(
            metavar="SOUNDS...",
            help="Folders of speech, drawn from alike often; name one twice for twice as often.",
            show_default=False,
        ),
    ],
    teacher: Annotated[
        Path,
        typer.Option("--teacher", metavar="ONNX", help="A Whisper encoder: Smart Turn v3's, from package pipecat-ai."),
    ],
    out: NewRunFolder,
    options: Annotated[
        EncoderOptions,
        Fields(
            steps=STEPS,
            batch_size="Mixtures of sound per step.",
            mixtures="Mixtures of sound to learn from.",
            seed=SEED,
        ),
    ],
    licence: Annotated[
        str, typer.Option("--licence", help='Licences of teacher and sounds, e.g. "MIT, CC BY-SA 3.0".')
    ] = NOT_STATED,
    attribution: Annotated[str, typer.Option("--attribution", help="Whom those licences ask to name.")] = NOT_STATED,
    limits: RunLimits,
    quiet: Quiet = False,
) -> None:
    """Make the encoder that hears what is said, not who says it. Prints the folder of its weights and card.

    Needs the package onnx. Persons hold the encoder that they were trained with; another one serves those that are
    trained with it. The same command goes on with a run that was stopped.
    """
    progress = console(quiet)
    report = train_encoder(
        sounds, teacher, out, options, licence=licence, attribution=attribution, limits=limits, progress=progress
    )
    report_run(report, progress)
    result(report.folder / RESULT)
