"""A speech encoder of your own on the command line; the one that comes with the program was made this way."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from obamanet.cli.boundary import console, result
from obamanet.cli.speak import Quiet
from obamanet.cli.train import MaxMinutes, MaxSteps, Seed, tell
from obamanet.training.loop.runner import NOT_STATED

ENCODER_EXAMPLE = """Example:

obamanet train encoder prompts prompts voices --teacher smart-turn-v3.2-cpu.onnx --out encoder_run
"""


def encoder_command(
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
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="The run's folder to make or go on with.")],
    steps: Annotated[int, typer.Option("--steps", help="Length of the whole training in batches.")] = 1000,
    batch_size: Annotated[int, typer.Option("--batch-size", help="Mixtures of sound per step.")] = 8,
    mixtures: Annotated[int, typer.Option("--mixtures", help="Mixtures of sound to learn from.")] = 1768,
    licence: Annotated[
        str, typer.Option("--licence", help='Licences of teacher and sounds, e.g. "MIT, CC BY-SA 3.0".')
    ] = NOT_STATED,
    attribution: Annotated[str, typer.Option("--attribution", help="Whom those licences ask to name.")] = NOT_STATED,
    seed: Seed = 1,
    max_steps: MaxSteps = None,
    max_minutes: MaxMinutes = None,
    quiet: Quiet = False,
) -> None:
    """Make the encoder that hears what is said, not who says it. Prints the folder of its weights and card.

    Needs the package onnx. A person works with the encoder it was trained with alone: after a change train anew. The
    same command goes on with a run that was stopped.
    """
    from obamanet.training.encoder.distillation import RESULT, EncoderOptions, train_encoder
    from obamanet.training.loop.runner import Limits

    options = EncoderOptions(steps=steps, batch_size=batch_size, mixtures=mixtures, seed=seed)
    limits, progress = Limits(steps=max_steps, minutes=max_minutes), console(quiet)
    report = train_encoder(
        sounds,
        teacher,
        out,
        options,
        licence=licence,
        attribution=attribution,
        limits=limits,
        progress=progress,
    )
    tell(report, progress)
    result(report.folder / RESULT)
