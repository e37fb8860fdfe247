"""Paints a folder of A|B pictures with a trained run, and shows inputs, outputs and targets on a page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from obamanet.pix2pix.checkpoint import Painter, Which, load_checkpoint
from obamanet.pix2pix.measures import Measures, mean_of, measure
from obamanet.pix2pix.page import Picture, number, page
from obamanet.pix2pix.pairs import FolderPairs
from obamanet.pix2pix.pictures import by_stem, list_pictures, whole_folder, write_picture
from obamanet.progress import Progress

IMAGES: Final = "images"
"""Folder of the pictures beside the page."""


@dataclass(frozen=True)
class TestReport:
    """The page that was written, how many pictures it shows, and their mean measures."""

    __test__ = False  # no test case, whatever pytest makes of the name

    page: Path
    pictures: int
    mean: Measures


def test_folder(
    checkpoint: Path, pictures: Path, out: Path, *, which: Which = Which.BEST, progress: Progress | None = None
) -> TestReport:
    """Paints every A|B picture of a folder with a trained run, one by one.

    Args:
        checkpoint: folder of the run, whose options are used.
        pictures: folder of A|B pictures.
        out: folder that gets images/N-inputs.png, N-outputs.png and N-targets.png for the picture N, and index.html.
        which: which of the run's weights.
        progress: shows how far it is.

    Returns:
        The page and the mean measures.

    Raises:
        DatasetError: the run or a picture cannot be read.
        OutputError: ``out`` holds something else.
    """
    progress = progress or Progress()
    run = load_checkpoint(checkpoint)
    named = by_stem(list_pictures(pictures))
    source = FolderPairs(list(named.values()), run.generator.image_size, run.direction)
    painter = Painter(run.generator, run.weights(which))
    measured: list[Measures] = []
    rows: list[list[str | Picture]] = []
    with whole_folder(out) as part:
        (part / IMAGES).mkdir()
        for index, stem in enumerate(progress.track(named, "painting", len(named))):
            pair = source.pair(index, None)
            painted = painter.paint(pair.condition)
            cells: list[str | Picture] = [stem]
            for kind, shown in (("inputs", pair.condition), ("outputs", painted), ("targets", pair.target)):
                write_picture(part / IMAGES / f"{stem}-{kind}.png", shown)
                cells.append(Picture(f"{IMAGES}/{stem}-{kind}.png", f"{stem} {kind}"))
            one = measure(painted, pair.target)
            measured.append(one)
            rows.append([*cells, *_numbers(one)])
        mean = mean_of(measured)
        rows.insert(0, [f"mean of {len(measured)}", "", "", "", *_numbers(mean)])
        columns = ["name", "input", "output", "target", "L1 (of 255)", "PSNR (dB)", "SSIM"]
        html = page(f"{checkpoint.name}, {which} weights, {run.direction}", columns, rows)
        (part / "index.html").write_text(html, encoding="utf-8")
    return TestReport(out / "index.html", len(measured), mean)


test_folder.__test__ = False  # type: ignore[attr-defined]


def _numbers(measures: Measures) -> list[str]:
    return [number(measures.l1), number(measures.psnr), number(measures.ssim, 3)]
