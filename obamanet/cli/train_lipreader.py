"""The training of the lip reader on the command line: a judge of videos."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from obamanet.cli.boundary import console, result
from obamanet.cli.declare import Fields, command
from obamanet.cli.options import SEED, DatasetFolder, Quiet
from obamanet.cli.training import STEPS, RightsOptions, RunLimits, SplitOptions, report_run, run_folder
from obamanet.training.data.dataset import load_dataset
from obamanet.training.judges.lip_reader_training import LipReaderOptions, train_lip_reader


@command("me --align me/align")
def lip_reader_verb(
    *,
    folder: DatasetFolder,
    align: Annotated[
        Path, typer.Option("--align", metavar="DIR", help="GRID's files of word times, one NAME.align for each clip.")
    ],
    out: Annotated[Path | None, run_folder("lipreader")] = None,
    options: Annotated[LipReaderOptions, Fields(steps=STEPS, seed=SEED)],
    rights: RightsOptions,
    split: SplitOptions,
    limits: RunLimits,
    quiet: Quiet = False,
) -> None:
    """Train the judge that reads GRID's 51 words from the lips. Prints the run's folder.

    Recordings only: a judge that learned from generated video would praise its faults. The same command goes on with a
    run that was stopped.
    """
    dataset, progress, run = load_dataset(folder), console(quiet), out or folder / "lipreader"
    report = train_lip_reader(
        dataset, split.of(dataset), align, run, options, **rights.named(), limits=limits, progress=progress
    )
    report_run(report, progress)
    result(report.folder)
