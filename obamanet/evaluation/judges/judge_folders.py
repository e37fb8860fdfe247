"""Where the judges lie: the trained networks that come with the evaluation, or a run of the user's own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

from obamanet.bundle import NetworkBundle, NetworkKind, read_network
from obamanet.errors import EvaluationError
from obamanet.training.judges.judge_card import KINDS


@dataclass(frozen=True)
class Judges:
    """The folders of the judges in the order of :data:`KINDS`; None for those that come with the program."""

    syncnet: Path | None = None
    lipreader: Path | None = None


def find_judges(folder: Path) -> Judges:
    """Finds judges of the user's own.

    Args:
        folder: a run that trained a judge, or a dataset with such runs in it.

    Returns:
        Their folders; None for a kind that is not there.

    Raises:
        EvaluationError: there is no judge, or one that cannot be used here.
    """
    places = [_place(kind, folder) for kind in KINDS]
    if not any(places):
        raise EvaluationError(
            f"no judge in this folder: {folder}; needed is {' or '.join(kind.card for kind in KINDS)}, from "
            f"{' or '.join(f'obamanet train {kind.stem}' for kind in KINDS)}"
        )
    for kind, place in zip(KINDS, places, strict=True):
        if place is not None:
            read_judge(kind, place)
    return Judges(*places)


def judge_folder(folder: Path | None) -> Path:
    """Returns ``folder``, or that of the judges that come with the program."""
    return folder or Path(str(files("obamanet.evaluation.judges") / "weights"))


def read_judge(kind: NetworkKind, folder: Path | None) -> NetworkBundle:
    """Reads the judge of ``kind`` in ``folder``, None for the one that comes with the program; loads no network.

    Raises:
        EvaluationError: it is missing, altered, of an older or newer layout, or of a network that does not fit.
    """
    if folder is None:
        kind = replace(kind, remedy="install the program anew")
    return read_network(judge_folder(folder), kind)


def _place(kind: NetworkKind, folder: Path) -> Path | None:
    """Returns ``folder`` or the run in it, whichever holds the judge of ``kind``; None where neither does."""
    return next((place for place in (folder, folder / kind.stem) if (place / kind.card).is_file()), None)
