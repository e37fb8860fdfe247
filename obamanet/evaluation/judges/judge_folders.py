"""Where the judges lie: the trained networks that come with the evaluation, or a run of the user's own."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from obamanet.errors import EvaluationError
from obamanet.files import read_json, sha256_of
from obamanet.training.judges.judge_card import KINDS, SCHEMA, JudgeKind


@dataclass(frozen=True)
class Judges:
    """The folders of the judges in the order of :data:`KINDS`; None for those that come with the program."""

    syncnet: Path | None = None
    lipreader: Path | None = None


def find_judges(folder: Path) -> Judges:
    """Return the judges in ``folder``, which is a run that trained one, or a dataset with such runs in it.

    The kind that is not there is the program's own. Raises :class:`EvaluationError` when there is none, or one that
    cannot be used here.
    """
    places = [_place(kind, folder) for kind in KINDS]
    if not any(places):
        raise EvaluationError(
            f"no judge in this folder: {folder}; needed is {' or '.join(kind.card for kind in KINDS)}, from "
            f"{' or '.join(f'obamanet train {kind.name}' for kind in KINDS)}"
        )
    for kind, place in zip(KINDS, places, strict=True):
        if place is not None:
            read_card(kind, place)
    return Judges(*places)


def judge_folder(folder: Path | None) -> Path:
    """Return ``folder``, or that of the judges that come with the program."""
    return folder or Path(str(files("obamanet.evaluation.judges") / "weights"))


def read_card(kind: JudgeKind, folder: Path) -> dict[str, Any]:
    """Return the card of the judge of ``kind`` in ``folder``.

    Raises :class:`EvaluationError` when it is missing, no card, of another layout or kind, of a network that does not
    fit, or not that of the weights beside it.
    """
    path = folder / kind.card
    try:
        card = read_json(path)
        if card["schema"] != SCHEMA:
            raise EvaluationError(f"{path}: schema is {card['schema']!r}, readable is {SCHEMA}; train the judge anew")
        found = {"kind": card["kind"], **{name: card["network"][name] for name in kind.sizes}}
        fits, damaged = {"kind": kind.name, **kind.sizes}, card["sha256"] != sha256_of(folder / kind.weights)
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = str(error).partition("\n")[0]
        raise EvaluationError(f"{kind.title} cannot be loaded: {folder}: {type(error).__name__}: {reason}") from None
    for name, needed in fits.items():
        if found[name] != needed:
            raise EvaluationError(
                f"no {kind.title} that can be used here: {path}: {name} is {found[name]!r}, needed is {needed!r}"
            )
    if damaged:
        raise EvaluationError(f"{kind.title} is damaged: {folder / kind.weights} is not what its card tells of")
    return card


def _place(kind: JudgeKind, folder: Path) -> Path | None:
    """Return ``folder`` or the run in it, whichever holds the judge of ``kind``; None where neither does."""
    return next((place for place in (folder, folder / kind.name) if (place / kind.card).is_file()), None)
