"""A person from finished trainings on the command line."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from obamanet.cli.boundary import console, result
from obamanet.cli.declare import command
from obamanet.cli.options import DatasetFolder
from obamanet.cli.training import SplitOptions

if TYPE_CHECKING:
    from obamanet.person import Origin


class Weights(StrEnum):
    """Which weights of a run are taken."""

    BEST = "best"
    LAST = "last"


@dataclass(frozen=True)
class CardOptions:
    """What a person's card says of the face and of the footage; all of it is asked for."""

    name: Annotated[str, typer.Option("--name", help="What the person is called.")]
    footage: Annotated[str, typer.Option("--footage", help="Which recordings it was trained on.")]
    licence: Annotated[str, typer.Option("--licence", help='Licence of the recordings, e.g. "CC BY 4.0".')]
    attribution: Annotated[str, typer.Option("--attribution", help="Whom that licence asks to name.")]
    consent: Annotated[str, typer.Option("--consent", help="Who agreed to this use of the face, and to what.")]

    @property
    def origin(self) -> Origin:
        """The origin that goes into the card."""
        from obamanet.person import Origin

        return Origin(self.footage, self.licence, self.attribution, self.consent)


@command(
    'me --out ada --name Ada --footage "my own videos" --licence "all rights reserved" --attribution Ada '
    '--consent "Ada herself"'
)
def assemble_verb(
    *,
    folder: DatasetFolder,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="PERSON", help="The person's folder to make.")],
    card: CardOptions,
    weights: Annotated[
        Weights, typer.Option("--weights", help="Of each run, those that validated best, or the last.")
    ] = Weights.BEST,
    keypoints_run: Annotated[
        Path | None,
        typer.Option(
            "--keypoints", metavar="RUN", help="The run to take keypoints from.", show_default="DIR/keypoints"
        ),
    ] = None,
    renderer_run: Annotated[
        Path | None,
        typer.Option(
            "--renderer", metavar="RUN", help="The run to take the renderer from.", show_default="DIR/renderer"
        ),
    ] = None,
    split: SplitOptions,
) -> None:
    """Make a person to keep or to give away, with its name and its rights. Prints its folder.

    Give the same split as in training: the head movement is taken from the training footage.
    """
    from obamanet.assemble import assemble_person
    from obamanet.training.data.dataset import KEYPOINTS, RENDERER, load_dataset

    dataset = load_dataset(folder)
    runs = (keypoints_run or folder / KEYPOINTS, renderer_run or folder / RENDERER)
    chosen = split.of(dataset)
    assemble_person(
        dataset, chosen, *runs, out, name=card.name, origin=card.origin, weights=weights, progress=console(False)
    )
    result(out)
