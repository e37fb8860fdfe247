"""Where the judges lie: the trained networks that come with the evaluation, or a run of the user's own."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

from obamanet.errors import EvaluationError
from obamanet.files import read_json


def judge_folder(folder: Path | None) -> Path:
    """Return ``folder``, or that of the judges that come with the program."""
    return folder or Path(str(files("obamanet.evaluation") / "judges"))


def read_card(path: Path, schema: int) -> dict[str, Any]:
    """Return the judge's card at ``path``.

    Raises :class:`EvaluationError` when it is of another ``schema``, OSError, ValueError, KeyError or TypeError when it
    is no card.
    """
    card = read_json(path)
    if card["schema"] != schema:
        raise EvaluationError(f"{path}: schema is {card['schema']!r}, readable is {schema}")
    return card
