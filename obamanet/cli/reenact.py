"""Face to face on the command line: a driver's video in, a video of a person who moves like the driver out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from obamanet.cli.boundary import console, result
from obamanet.cli.declare import command
from obamanet.cli.options import Quiet, VideoOptions, fps_option
from obamanet.types import DrivenPart, Span


@command(
    "driver.mp4",
    "driver.mp4 --person me --out me_moving.mp4",
    "driver.mp4 --person me --only mouth",
    "driver.mp4 --neutral 0 1.5",
)
def reenact_verb(
    *,
    driver: Annotated[Path, typer.Argument(metavar="VIDEO", help="The video whose largest face is followed.")],
    video: VideoOptions,
    fps: Annotated[str | None, fps_option("the driver's")] = None,
    only: Annotated[
        DrivenPart,
        typer.Option("--only", help="What follows the driver; with mouth, head and eyes move as in speaking."),
    ] = DrivenPart.HEAD,
    neutral: Annotated[
        tuple[float, float] | None,
        typer.Option(
            "--neutral",
            metavar="START END",
            help="Seconds of VIDEO in which the driver looks ahead with lips together.",
            show_default="found in the whole video",
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Let a person move as the face in VIDEO does: head, gaze, blinks, brows and mouth. Prints the new path.

    The person keeps its own face; the driver's picture is not shown. The sound is the driver's, the frame rate too
    unless --fps says another. The video is labelled and signed as synthetic. Drive nobody who has not agreed to it.
    """
    from obamanet.video.reader import probe_video

    probe_video(driver)
    job = video.checked(driver.stem, [driver], fps=fps)

    from obamanet.pipelines.reenact import reenact

    reenact(
        driver,
        job.out,
        job.load_speaker(),
        job.options,
        part=only,
        neutral=None if neutral is None else Span(*neutral),
        progress=console(quiet),
    )
    result(job.out)
