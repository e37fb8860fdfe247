"""Exporting on the command line: a person's networks as files for the engines or for other programs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from obamanet.cli.boundary import console, result
from obamanet.cli.declare import command
from obamanet.cli.options import SEED, Quiet
from obamanet.cli.persons import find_person
from obamanet.engine.formats import Format, Precision
from obamanet.errors import OptionError
from obamanet.training.renderer.reduce_options import ReduceOptions

PrecisionName = Annotated[
    Precision | None,
    typer.Option(
        "--precision",
        help="How weights are stored; int8 quantises convolutions, LSTMs and the speech encoder stay fp16.",
        show_default="fp16, and fp32 for keras",
    ),
]
FormatName = Annotated[Format, typer.Option("--to", help="The format to write.")]


@dataclass(frozen=True)
class ReduceChoice:
    """Whether and how a renderer is made smaller on its way out."""

    width: Annotated[
        int | None,
        typer.Option(
            "--reduce",
            metavar="WIDTH",
            help="Make the renderer smaller: as many filters in its first layer, taught by the full one for minutes.",
            show_default="as it is",
        ),
    ] = None
    steps: Annotated[int, typer.Option("--reduce-steps", help="Batches that it is taught.")] = ReduceOptions.steps
    seed: Annotated[int, SEED] = ReduceOptions.seed

    @property
    def options(self) -> ReduceOptions | None:
        """The options of the library; None where nothing is reduced."""
        return None if self.width is None else ReduceOptions(self.width, self.steps, self.seed)


@command("me", "me --precision int8", "me --out networks --to tflite", "me --out small --reduce 12 --reduce-dataset me")
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
    reduction: ReduceChoice,
    dataset: Annotated[
        Path | None,
        typer.Option(
            "--reduce-dataset",
            metavar="DIR",
            help="Footage of that person, made by obamanet prepare, whose faces it is taught beside the person's own.",
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Write the networks of PERSON as files that run without training code. Prints the folder.

    Without --out, PERSON gets the ONNX files that it lacks; with --precision int8, also a quicker renderer, which
    --engine fast takes. Shows each file's size, how far it is from the trained network, and its time per video frame.
    """
    folder, progress = find_person(person), console(quiet)
    if out is None and to is not Format.ONNX:
        raise OptionError(f"--to {to} needs --out FOLDER: a person holds onnx files alone")
    if out is None and reduction.options:
        raise OptionError("--reduce needs --out FOLDER: a person keeps its full renderer")
    if dataset is not None and reduction.options is None:
        raise OptionError("--reduce-dataset is for --reduce WIDTH")

    from obamanet.person import load_person
    from obamanet.pipelines.standalone import export_into_person, export_standalone, table
    from obamanet.training.data.dataset import load_dataset

    if out is None:
        files = export_into_person(folder, precision or Precision.FP16, progress)
    else:
        footage = load_dataset(dataset) if dataset else None
        loaded, options = load_person(folder), reduction.options
        files = export_standalone(loaded, out, precision, to, progress, reduce=options, dataset=footage)
    for line in table(files):
        progress.note(line)
    result(out or folder)
