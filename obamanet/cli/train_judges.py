"""The training of the judges on the command line: what reads lips, and what hears whether they are in time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from obamanet.cli.boundary import console, result
from obamanet.cli.declare import Fields, command
from obamanet.cli.options import DatasetFolder, Quiet
from obamanet.cli.training import SEED, STEPS, RightsOptions, RunFolder, RunLimits, SplitOptions, report_run
from obamanet.training.judges.lip_reader_training import LipReaderOptions
from obamanet.training.judges.syncnet_training import SyncNetOptions


@command("me --align me/align")
def lip_reader_verb(
    *,
    folder: DatasetFolder,
    align: Annotated[
        Path, typer.Option("--align", metavar="DIR", help="GRID's files of word times, one NAME.align for each clip.")
    ],
    out: RunFolder = None,
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
    from obamanet.training.data.dataset import load_dataset
    from obamanet.training.judges.lip_reader_training import train_lip_reader

    dataset, progress, run = load_dataset(folder), console(quiet), out or folder / "lipreader"
    report = train_lip_reader(
        dataset, split.of(dataset), align, run, options, **rights.named(), limits=limits, progress=progress
    )
    report_run(report, progress)
    result(report.folder)


@command("me")
def syncnet_verb(
    *,
    folder: DatasetFolder,
    out: RunFolder = None,
    options: Annotated[SyncNetOptions, Fields(steps=STEPS, seed=SEED)],
    rights: RightsOptions,
    split: SplitOptions,
    limits: RunLimits,
    quiet: Quiet = False,
) -> None:
    """Train the judge that hears whether a mouth and a sound are in time. Prints the run's folder.

    Recordings only: a judge that learned from generated video would praise its faults. The same command goes on with a
    run that was stopped.
    """
    from obamanet.training.data.dataset import load_dataset
    from obamanet.training.judges.syncnet_training import train_syncnet

    dataset, progress, run = load_dataset(folder), console(quiet), out or folder / "syncnet"
    report = train_syncnet(dataset, split.of(dataset), run, options, **rights.named(), limits=limits, progress=progress)
    report_run(report, progress)
    result(report.folder)
