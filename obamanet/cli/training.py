"""What the training commands share: their options, and what they say of a run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from obamanet.cli.boundary import result
from obamanet.cli.declare import Fields
from obamanet.cli.options import SEED
from obamanet.training.loop.runner import NOT_STATED, Limits
from obamanet.training.loop.training_options import check_seed

if TYPE_CHECKING:
    from obamanet.progress import Progress
    from obamanet.training.data.dataset import Dataset, Split
    from obamanet.training.loop.runner import TrainReport

STEPS = "Length of the whole training in batches."
OR_START = ", or as --start has it"


NewRunFolder = Annotated[
    Path, typer.Option("--out", "-o", metavar="RUN", help="The run's folder, to make or to go on with.")
]


def run_folder(name: str) -> Any:
    """Returns the option that names a run's folder, which is DIR/``name`` where none is given."""
    return typer.Option("--out", "-o", metavar="RUN", help="The run's folder.", show_default=f"DIR/{name}")


RunLimits = Annotated[
    Limits,
    Fields(
        steps=typer.Option("--max-steps", help="Stop after this many steps in all; run again to go on."),
        minutes=typer.Option(
            "--max-minutes",
            help="Stop this many minutes from now, preparing included, which is always finished; run again to go on.",
        ),
    ),
]


@dataclass(frozen=True)
class SplitOptions:
    """How a dataset is divided into training and validation."""

    split: Annotated[
        Path | None,
        typer.Option("--split", metavar="JSON", help='Clip names under "train" and "val"; others are left out.'),
    ] = None
    val_share: Annotated[
        float, typer.Option("--val-share", help="Share of the footage that only validates, 0 to 1.")
    ] = 0.1
    seed: Annotated[int, SEED] = 1

    def __post_init__(self) -> None:
        """Refuses a seed that cannot be."""
        check_seed(self.seed)

    def of(self, dataset: Dataset) -> Split:
        """Returns the split of ``dataset``."""
        from obamanet.training.data.dataset import split_dataset

        return split_dataset(dataset, val_share=self.val_share, split_file=self.split, seed=self.seed)


@dataclass(frozen=True)
class RightsOptions:
    """What a card says of the recordings that something was trained on."""

    licence: Annotated[str, typer.Option("--licence", help='Licence of the recordings, e.g. "CC BY 4.0".')] = NOT_STATED
    attribution: Annotated[str, typer.Option("--attribution", help="Whom the recordings' licence asks to name.")] = (
        NOT_STATED
    )

    def named(self) -> dict[str, str]:
        """Returns the rights as the trainings take them."""
        return asdict(self)


def report_run(report: TrainReport, progress: Progress) -> None:
    """Shows where a run stands."""
    rate = f", {report.examples_per_second:.1f} examples/s" if report.examples_per_second else ""
    best = f"best score {report.best_score:.4g} at step {report.best_step}"
    if not report.chosen:
        best = f"score {report.best_score:.4g}; no evaluation that chooses the best weights was reached yet"
    progress.note(f"step {report.step} of {report.steps}; {best}{rate}")
    if report.step < report.steps:
        progress.note("not finished yet; the same command goes on")


def finish_part(report: TrainReport, dataset: Dataset, split: Split, progress: Progress) -> None:
    """Shows where the run of a person's part stands, makes the person if it can be, and prints the folder.

    Args:
        report: of the run.
        dataset: that the run was trained on.
        split: that the run was trained on.
        progress: is told what is made, or what is missing.
    """
    from obamanet.assemble import assemble_dataset
    from obamanet.training.data.dataset import KEYPOINTS, RENDERER

    report_run(report, progress)
    if report.folder.resolve() not in [(dataset.folder / name).resolve() for name in (KEYPOINTS, RENDERER)]:
        progress.note("not assembled: this run has its own folder; name it to obamanet assemble")
        result(report.folder)
        return
    result(assemble_dataset(dataset, split, progress) or report.folder)
