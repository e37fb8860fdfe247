"""The record of a training run: a JSON line per evaluation, and its curves as a picture."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from obamanet.errors import DatasetError
from obamanet.files import atomic_path, atomic_write_text

LOG_FILE = "log.jsonl"
"""Name of the log in a run's folder."""


class TrainingLog:
    """Losses and metrics of each evaluation, written to ``log.jsonl`` and drawn in ``curves.png`` in ``folder``.

    Args:
        folder: the run's.
        resume_at: step at which the run goes on; records up to it are kept, later ones dropped.
    """

    def __init__(self, folder: Path, *, resume_at: int = 0) -> None:
        self._path = folder / LOG_FILE
        self._curves = folder / "curves.png"
        self.records: list[dict[str, float]] = []
        if resume_at and self._path.is_file():
            # Records after the resumed step come from steps that will be run again.
            self.records = [record for record in _read(self._path) if record["step"] <= resume_at]

    def add(self, record: dict[str, float]) -> None:
        """Appends ``record``, which has a "step", and rewrites both files."""
        self.records.append(record)
        atomic_write_text(self._path, "".join(json.dumps(record) + "\n" for record in self.records))
        draw_curves(self.records, self._curves)


def logged(folder: Path, step: int) -> dict[str, float]:
    """Returns the losses and metrics logged at ``step`` of the run in ``folder``; empty without such a record."""
    try:
        records = _read(folder / LOG_FILE)
    except DatasetError:
        return {}
    return next((record for record in records if record["step"] == step), {})


def _read(path: Path) -> list[dict[str, float]]:
    """Returns the records in ``path``; raises :class:`DatasetError` when it is damaged."""
    try:
        records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        if not all(
            isinstance(value, int | float) for record in records for value in [record["step"], *record.values()]
        ):
            raise ValueError("not every value is a number")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DatasetError(f"log of the run is damaged: {path}: {error}; without it the run goes on") from None
    return records


def draw_curves(records: Sequence[dict[str, float]], path: Path) -> None:
    """Draws every number of ``records`` against its step, one panel each, as a PNG at ``path``."""
    from matplotlib.figure import Figure

    names = sorted({name for record in records for name in record} - {"step", "seconds"})
    columns = 3
    rows = -(-len(names) // columns)
    width, height = 4 * columns, 2.6 * rows
    figure = Figure(figsize=(width, height))
    # Fixed margins in inches; fitting them to the labels takes a good part of the drawing.
    figure.subplots_adjust(0.6 / width, 0.5 / height, 1 - 0.1 / width, 1 - 0.3 / height, 0.2, 0.35)
    for number, name in enumerate(names, start=1):
        axes = figure.add_subplot(rows, columns, number)
        shown = [(record["step"], record[name]) for record in records if name in record]
        axes.plot([step for step, _ in shown], [value for _, value in shown], marker="." if len(shown) < 30 else "")
        axes.set_title(name, fontsize=9)
        axes.set_xlabel("step", fontsize=8)
        axes.grid(alpha=0.3)
    with atomic_path(path) as part:
        figure.savefig(part, dpi=90)
