"""Compares the weights that a run kept at several epochs: one table, one picture."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from obamanet.errors import DatasetError
from obamanet.pix2pix.checkpoint import Painter, load_checkpoint
from obamanet.pix2pix.measures import Measures, mean_of, measure
from obamanet.pix2pix.page import Picture, number, page
from obamanet.pix2pix.pairs import FolderPairs
from obamanet.pix2pix.pictures import list_pictures, whole_folder
from obamanet.progress import Progress

COLUMNS: Final = ("epoch", "step", "L1 (of 255)", "PSNR (dB)", "SSIM")


@dataclass(frozen=True)
class EpochMeasures:
    """Mean measures over a folder, of the weights after ``step`` steps, which are ``epoch`` epochs."""

    epoch: float
    step: int
    mean: Measures


def compare_epochs(
    checkpoint: Path, pictures: Path, out: Path, *, progress: Progress | None = None
) -> list[EpochMeasures]:
    """Measures all kept weights of a run.

    Args:
        checkpoint: folder of the run.
        pictures: folder of A|B pictures to measure on.
        out: folder that gets epochs.csv, epochs.png (each measure against the epochs) and index.html with both.
        progress: shows how far it is.

    Returns:
        The mean measures of each of the kept weights, in order of their steps.

    Raises:
        DatasetError: the run kept no weights, or something cannot be read.
        OutputError: ``out`` holds something else.
    """
    progress = progress or Progress()
    run = load_checkpoint(checkpoint)
    kept = run.kept()
    if not kept:
        raise DatasetError(f"no weights were kept in {checkpoint}; train with epochs to keep")
    source = FolderPairs(list_pictures(pictures), run.generator.image_size, run.direction)
    compared = []
    for step, weights in kept.items():
        painter = Painter(run.generator, weights)
        measured = []
        for index in progress.track(range(len(source)), f"epoch {run.epoch(step):g}", len(source)):
            pair = source.pair(index, None)
            measured.append(measure(painter.paint(pair.condition), pair.target))
        compared.append(EpochMeasures(run.epoch(step), step, mean_of(measured)))
    with whole_folder(out) as part:
        _write_table(compared, part / "epochs.csv")
        _draw(compared, part / "epochs.png")
        rows = [
            [f"{one.epoch:g}", str(one.step), number(one.mean.l1), number(one.mean.psnr), number(one.mean.ssim, 3)]
            for one in compared
        ]
        title = f"{checkpoint.name}: {len(compared)} epochs on {len(source)} pictures"
        html = page(title, COLUMNS, rows, above=Picture("epochs.png", "measures against epochs"))
        (part / "index.html").write_text(html, encoding="utf-8")
    return compared


def _write_table(compared: list[EpochMeasures], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["epoch", "step", "l1", "psnr_db", "ssim"])
        for one in compared:
            numbers = (one.mean.l1, one.mean.psnr, one.mean.ssim)
            table.writerow([f"{one.epoch:g}", one.step, *(f"{value:.6g}" for value in numbers)])


def _draw(compared: list[EpochMeasures], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 3.2), layout="constrained")
    epochs = [one.epoch for one in compared]
    for place, (title, name) in enumerate(zip(COLUMNS[2:], ("l1", "psnr", "ssim"), strict=True), start=1):
        axes = figure.add_subplot(1, 3, place)
        axes.plot(epochs, [getattr(one.mean, name) for one in compared], marker="o")
        axes.set_title(title)
        axes.set_xlabel("epoch")
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=90)
