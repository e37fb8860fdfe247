"""Preparing footage on the command line: videos in, a dataset folder out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from obamanet.cli.boundary import console, result
from obamanet.cli.declare import command
from obamanet.cli.options import Quiet
from obamanet.constants import IMAGE_SIZE
from obamanet.errors import OptionError
from obamanet.face.landmark_models import Landmarks

if TYPE_CHECKING:
    from obamanet.training.data.prepare import PrepareReport

REJECTS_SHOWN = 20
"""Rows of the table of rejects; all of them are in dataset.json."""


@command("videos/*.mp4 --out me")
def prepare_verb(
    *,
    videos: Annotated[
        list[Path],
        typer.Argument(metavar="VIDEO...", help="Videos of one person, or folders of them.", show_default=False),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="The dataset folder to make or add to.")],
    fps: Annotated[
        str | None,
        typer.Option("--fps", metavar="RATE", help="Frames per second.", show_default="the videos' most common rate"),
    ] = None,
    image_size: Annotated[
        int, typer.Option("--image-size", help="Side of the square portrait in pixels, a power of two, 64 to 1024.")
    ] = IMAGE_SIZE,
    landmarks: Annotated[
        Landmarks,
        typer.Option("--landmarks", help="What finds the landmarks: MediaPipe's face mesh, or dlib's 68-point model."),
    ] = Landmarks.MESH,
    workers: Annotated[
        int | None, typer.Option("--workers", help="Processes at work.", show_default="one per core")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Make a dataset from videos: frames, landmarks, sound. Prints its folder.

    What was prepared before is kept, so adding a video costs only that video. What could not be used is listed.
    """
    from obamanet.timing import parse_rate
    from obamanet.training.data.prepare import prepare

    rate = parse_rate(fps) if fps is not None else None
    if workers is not None and workers < 1:
        raise OptionError(f"workers must be at least 1: got {workers}")
    progress = console(quiet)
    report = prepare(
        videos, out, fps=rate, image_size=image_size, landmarks=landmarks, workers=workers, progress=progress
    )
    for line in prepared(report):
        progress.note(line)
    result(out)


def prepared(report: PrepareReport) -> list[str]:
    """Returns what was prepared and what was not, as lines for people."""
    lines = [
        f"{report.clips} clips ({report.cached} prepared before), {report.frames} frames with a face",
        *(f"note: {note}" for note in report.notes[:REJECTS_SHOWN]),
    ]
    if not report.rejects:
        return lines
    rows = [(Path(reject.source).name, reject.frames, reject.reason) for reject in report.rejects]
    shown = [("not used", "frames", "reason"), *rows[:REJECTS_SHOWN]]
    widths = [max(len(row[column]) for row in shown) for column in (0, 1)]
    lines += [f"{source:<{widths[0]}}  {frames:<{widths[1]}}  {reason}" for source, frames, reason in shown]
    if len(rows) > REJECTS_SHOWN:
        lines.append(f"and {len(rows) - REJECTS_SHOWN} more: see {report.folder / 'dataset.json'}")
    return lines
