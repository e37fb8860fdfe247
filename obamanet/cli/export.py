"""Exporting on the command line: a person's networks as files for the engines or for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from obamanet.cli.boundary import console, result
from obamanet.cli.declare import command
from obamanet.cli.options import Quiet
from obamanet.cli.persons import find_person
from obamanet.engine.formats import Format, Precision
from obamanet.errors import OptionError

PrecisionName = Annotated[
    Precision | None,
    typer.Option(
        "--precision",
        help="How weights are stored; int8 quantises convolutions, LSTMs and the speech encoder stay fp16.",
        show_default="fp16, and fp32 for keras",
    ),
]
FormatName = Annotated[Format, typer.Option("--to", help="The format to write.")]


@command("me", "me --precision int8", "me --out networks --to tflite")
def export_verb(
    *,
    person: Annotated[
        Path, typer.Argument(metavar="PERSON", help="A person's folder, or the dataset folder it was trained in.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FOLDER", help="A new folder for standalone files.", show_default="the person itself"
        ),
    ] = None,
    precision: PrecisionName = None,
    to: FormatName = Format.ONNX,
    quiet: Quiet = False,
) -> None:
    """Write the networks of PERSON as files that run without training code. Prints the folder.

    Without --out, PERSON gets the ONNX files that it lacks; with --precision int8, also a quicker renderer, which
    --engine fast takes. Shows each file's size, how far it is from the trained network, and its time per video frame.
    """
    folder, progress = find_person(person), console(quiet)
    if out is None and to is not Format.ONNX:
        raise OptionError(f"--to {to} needs --out FOLDER: a person holds onnx files alone")

    from obamanet.person import load_person
    from obamanet.pipelines.standalone import export_into_person, export_standalone, table

    if out is None:
        files = export_into_person(folder, precision or Precision.FP16, progress)
    else:
        files = export_standalone(load_person(folder), out, precision, to, progress)
    for line in table(files):
        progress.note(line)
    result(out or folder)
