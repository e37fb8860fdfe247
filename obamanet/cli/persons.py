"""Where persons are found on the command line."""

from __future__ import annotations

from pathlib import Path

from obamanet.about import default_person_folder
from obamanet.errors import PersonError

CARD = "person.json"
"""The file that makes a folder a person; obamanet.person says the same, but importing that takes a second."""


def find_person(given: Path | None) -> Path:
    """Returns a person's folder: ``given``, the one inside the dataset ``given``, or for None the default person.

    Raises:
        PersonError: there is none.
    """
    if given is None:
        default = default_person_folder()
        if not (default / CARD).is_file():
            raise PersonError(f"the default person is not there: {default}; name another one with --person DIR")
        return default
    inside = given / "person"
    if not (given / CARD).is_file() and (inside / CARD).is_file():
        return inside
    if not given.is_dir():
        raise PersonError(f"no such person folder: {given}")
    if not (given / CARD).is_file():
        trained = "; train its keypoints and its renderer first" if (given / "dataset.json").is_file() else ""
        raise PersonError(f"not a person: {given} has no {CARD}{trained}")
    return given


def find_start(given: Path) -> Path:
    """Returns the folder of what a training is to begin with: ``given`` if it is a run, else as :func:`find_person`."""
    from obamanet.training.loop.runner import OPTIONS_FILE

    return given if (given / OPTIONS_FILE).is_file() else find_person(given)
