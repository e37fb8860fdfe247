"""A person's mouth poses on the command line: found in its footage, and drawn as a contact sheet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from obamanet.cli.boundary import console, result
from obamanet.cli.declare import command
from obamanet.cli.options import DEFAULT_LANGUAGE, WORD_TIMES_HELP, DatasetFolder, Language, PersonFolder, Quiet
from obamanet.cli.outputs import check_outputs
from obamanet.cli.person_card import in_words
from obamanet.cli.persons import find_person
from obamanet.cli.training import SplitOptions
from obamanet.errors import OptionError


@command("me")
def poses_verb(
    *,
    folder: DatasetFolder,
    person: Annotated[
        Path | None,
        typer.Argument(metavar="PERSON", help="The person trained on it.", show_default="DIR/person"),
    ] = None,
    split: SplitOptions,
    quiet: Quiet = False,
) -> None:
    """Find the mouth poses of a person that was made without them, or anew. Prints the person's folder.

    Give the same split as in training: poses are learned from the training footage. obamanet assemble finds them too.
    """
    from obamanet.person import load_person
    from obamanet.training.data.dataset import load_dataset
    from obamanet.training.speech.mouth_pose_fit import add_poses

    dataset = load_dataset(folder)
    owner = load_person(find_person(person or folder))
    made = add_poses(owner, split.of(dataset).train, seed=split.seed)
    console(quiet).note(in_words(made.poses))
    result(made.folder)


@command("poses.png --person me", "poses.png --person me --dataset me --align me/align")
def pose_sheet_verb(
    *,
    out: Annotated[Path, typer.Argument(metavar="OUT.png", help="The contact sheet to make.", show_default=False)],
    person: PersonFolder = None,
    dataset: Annotated[
        Path | None,
        typer.Option("--dataset", metavar="DIR", help="The dataset it was trained on, to name syllables at each pose."),
    ] = None,
    align: Annotated[Path | None, typer.Option("--align", metavar="DIR", help=WORD_TIMES_HELP)] = None,
    language: Language = DEFAULT_LANGUAGE,
    split: SplitOptions,
    quiet: Quiet = False,
) -> None:
    """Draw a person's mouth poses as lips and as painted faces, with the syllables that show them. Prints the path.

    Give the same split as in training.
    """
    from text2face.voice.voices import known_language

    if (dataset is None) != (align is None):
        raise OptionError("--dataset and --align belong together: syllables are named when both are given")
    if out.suffix.lower() != ".png":
        raise OptionError(f"the contact sheet is a PNG: got {out}, allowed is a name that ends in .png")
    language = known_language(language)
    folder = find_person(person)
    check_outputs([out], (folder, dataset, align, split.split))

    from obamanet.person import load_person, poses_of
    from text2face.pose_sheet import draw_pose_sheet, pose_use

    owner, use = load_person(folder), None
    poses_of(owner)
    if dataset is not None and align is not None:
        from obamanet.training.data.dataset import load_dataset

        pieces = split.of(load_dataset(dataset)).train
        use = pose_use(pieces, align, language, owner, console(quiet))
    draw_pose_sheet(owner, out, use)
    result(out)
