"""Compares the weights that a run kept at several epochs: figures, curves and pictures, on one page and in one file."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from obamanet.errors import DatasetError, OptionError
from obamanet.page_template import embed_figure, embed_picture, fill_template
from obamanet.pix2pix.checkpoint import Checkpoint, Painter, load_checkpoint
from obamanet.pix2pix.measures import Measures, mean_of, measure
from obamanet.pix2pix.page import number
from obamanet.pix2pix.pairs import FolderPairs
from obamanet.pix2pix.pictures import by_stem, list_pictures, whole_folder
from obamanet.progress import Progress
from obamanet.training.renderer.pix2pix_training import spread_evenly

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MEASURES: Final = {"l1": "L1 (of 255)", "psnr": "PSNR (dB)", "ssim": "SSIM"}
"""Titles of the measures, by their names."""

SHOWN_FRAMES: Final = 4
"""Pictures of the folder that are shown, where none is named."""

GRID_COLUMNS: Final = 6
"""Pictures in a row of the grid of one frame."""

CELL: Final = 1.7
"""Inches of a picture in the file of pictures."""


@dataclass(frozen=True)
class EpochMeasures:
    """Mean measures over a folder, of the weights after ``step`` steps, which are ``epoch`` epochs."""

    epoch: int
    step: int
    mean: Measures


@dataclass(frozen=True)
class Painted:
    """A picture under its caption; ``note`` says how far it is from its target, "" for none."""

    caption: str
    picture: np.ndarray
    note: str = ""


def compare_epochs(
    checkpoint: Path,
    pictures: Path,
    out: Path,
    *,
    epochs: Sequence[int] = (),
    frame: str | None = None,
    progress: Progress | None = None,
) -> list[EpochMeasures]:
    """Measures and shows kept weights of a run.

    Args:
        checkpoint: folder of the run.
        pictures: folder of A|B pictures to measure on.
        out: folder that gets index.html with everything in it, epochs.png (pictures and curves) and epochs.csv.
        epochs: which of the kept epochs; none for all.
        frame: name, without suffix, of the one picture to show over time; None for SHOWN_FRAMES spread over the folder.
        progress: shows how far it is.

    Returns:
        The mean measures of each of the weights, in order of their steps.

    Raises:
        OptionError: an epoch was not kept, or no picture has that name.
        DatasetError: the run kept no weights, or something cannot be read.
        OutputError: ``out`` holds something else.
    """
    progress = progress or Progress()
    run = load_checkpoint(checkpoint)
    kept = _chosen(run, epochs)
    named = by_stem(list_pictures(pictures))
    if frame is not None and frame not in named:
        raise OptionError(f"no picture is named {frame!r}: {pictures}")
    stems = list(named)
    source = FolderPairs(list(named.values()), run.generator.image_size, run.direction)
    shown = [stems.index(frame)] if frame is not None else spread_evenly(len(stems), SHOWN_FRAMES)
    rows: dict[str, list[Painted]] = {}
    for index in shown:
        pair = source.pair(index, None)
        rows[stems[index]] = [Painted("input", pair.condition), Painted("target", pair.target)]
    compared = []
    for step, weights in kept.items():
        painter, epoch = Painter(run.generator, weights), f"epoch {run.epoch(step)}"
        measured = []
        for index in progress.track(range(len(source)), epoch, len(source)):
            pair = source.pair(index, None)
            painted = painter.paint(pair.condition)
            measured.append(measure(painted, pair.target))
            if index in shown:
                rows[stems[index]].append(Painted(epoch, painted, f"{number(measured[-1].psnr, 1)} dB"))
        compared.append(EpochMeasures(run.epoch(step), step, mean_of(measured)))
    with whole_folder(out) as part:
        _write_table(compared, part / "epochs.csv")
        _draw(rows, compared).savefig(part / "epochs.png", dpi=110)
        html = fill_template(
            "obamanet.pix2pix",
            "epochs.html",
            title=f"{checkpoint.resolve().name}: {len(compared)} epochs on {len(source)} pictures",
            measures=list(MEASURES.values()),
            compared=[(one.epoch, one.step, _numbers(one.mean), _best(one, compared)) for one in compared],
            curves=embed_figure(_curves(compared)),
            rows=rows,
            embed_picture=embed_picture,
        )
        (part / "index.html").write_text(html, encoding="utf-8")
    return compared


def _chosen(run: Checkpoint, epochs: Sequence[int]) -> dict[int, Path]:
    """Returns the kept weights by step, those of ``epochs`` where any are named."""
    kept = run.kept()
    if not kept:
        raise DatasetError(f"no weights were kept in {run.folder}; train with epochs to keep")
    known = {run.epoch(step): step for step in kept}
    missing = [epoch for epoch in epochs if epoch not in known]
    if missing:
        raise OptionError(
            f"epoch {missing[0]} was not kept in {run.folder}: kept are {', '.join(map(str, sorted(known)))}"
        )
    return {step: kept[step] for step in sorted(known[epoch] for epoch in set(epochs))} if epochs else kept


def _numbers(measures: Measures) -> list[str]:
    return [number(measures.l1), number(measures.psnr), number(measures.ssim, 3)]


def _best(one: EpochMeasures, compared: Sequence[EpochMeasures]) -> list[bool]:
    """Returns which of its measures are the best of all."""
    return [
        one.mean.l1 == min(other.mean.l1 for other in compared),
        one.mean.psnr == max(other.mean.psnr for other in compared),
        one.mean.ssim == max(other.mean.ssim for other in compared),
    ]


def _write_table(compared: Iterable[EpochMeasures], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["epoch", "step", "l1", "psnr_db", "ssim"])
        for one in compared:
            numbers = (one.mean.l1, one.mean.psnr, one.mean.ssim)
            table.writerow([one.epoch, one.step, *(f"{value:.6g}" for value in numbers)])


def _draw(rows: Mapping[str, Sequence[Painted]], compared: Sequence[EpochMeasures]) -> Figure:
    """Returns the pictures, a row for each frame or one frame's in a grid, and the curves below them."""
    from matplotlib.figure import Figure

    [first, *others] = rows.values()
    columns = len(first) if others else min(GRID_COLUMNS, len(first))
    cells = [painted for row in rows.values() for painted in row]
    lines = -(-len(cells) // columns)
    heights = (lines * (CELL + 0.3), 2.8)
    figure = Figure(figsize=(max(columns * CELL, 9), sum(heights)), layout="constrained")
    above, below = np.asarray(figure.subfigures(2, 1, height_ratios=heights), dtype=object)
    grid = np.atleast_1d(above.subplots(lines, columns)).ravel()
    for axes in grid:
        axes.set_axis_off()
    for axes, painted in zip(grid, cells, strict=False):
        axes.imshow(painted.picture[..., ::-1])
        axes.set_title(f"{painted.caption}  {painted.note}".strip(), fontsize=8)
    for axes, name in zip(np.atleast_1d(below.subplots(1, len(MEASURES))), MEASURES, strict=True):
        _curve(axes, name, compared)
    return figure


def _curves(compared: Sequence[EpochMeasures]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 2.8), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(MEASURES)), MEASURES, strict=True):
        _curve(axes, name, compared)
    return figure


def _curve(axes: Axes, name: str, compared: Sequence[EpochMeasures]) -> None:
    axes.plot([one.epoch for one in compared], [getattr(one.mean, name) for one in compared], marker="o")
    axes.set_title(MEASURES[name], fontsize=10)
    axes.set_xlabel("epoch")
    axes.grid(alpha=0.3)
