"""The training of a SyncNet on the command line: a judge of sync."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from obamanet.cli.boundary import console, result
from obamanet.cli.declare import Fields, command
from obamanet.cli.options import SEED, DatasetFolder, Quiet
from obamanet.cli.training import STEPS, RightsOptions, RunLimits, SplitOptions, report_run, run_folder
from obamanet.training.data.dataset import load_dataset
from obamanet.training.judges.syncnet_training import SyncNetOptions, train_syncnet


@command("me")
def syncnet_verb(
    *,
    folder: DatasetFolder,
    out: Annotated[Path | None, run_folder("syncnet")] = None,
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
    dataset, progress, run = load_dataset(folder), console(quiet), out or folder / "syncnet"
    report = train_syncnet(dataset, split.of(dataset), run, options, **rights.named(), limits=limits, progress=progress)
    report_run(report, progress)
    result(report.folder)
