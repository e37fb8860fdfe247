"""Putting videos together on the command line: side by side, one after the other, or a stretch of one."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import typer

from obamanet.cli.boundary import console, result
from obamanet.cli.declare import command
from obamanet.cli.options import Key, KeyCert, Quiet, signing_key
from obamanet.cli.outputs import check_outputs
from obamanet.errors import OptionError
from obamanet.montage import MAX_HEIGHT, MIN_HEIGHT, VIDEO, Clip, Layout, MontageOptions, join, side_by_side
from obamanet.provenance import check_key


@command(
    "recorded.mp4 generated.mp4 --labels recorded,generated --out side.mp4",
    "a.mp4 b.mp4 c.mp4 --join --out all.mp4",
    "talk.mp4 --start 1.5 --end 4 --height 240 --out talk.webp",
)
def montage_verb(
    *,
    videos: Annotated[list[Path], typer.Argument(metavar="VIDEO...", help="Videos of any format, rate and length.")],
    out: Annotated[
        Path,
        typer.Option("--out", metavar="FILE", help="A video (.mp4), moving pictures (.gif, .webp), a still (.png)."),
    ],
    labels: Annotated[
        str | None, typer.Option("--labels", metavar="A,B,...", help="Titles, one for each video, between commas.")
    ] = None,
    layout: Annotated[Layout, typer.Option("--layout", help="How the videos lie beside each other.")] = Layout.ROW,
    joined: Annotated[bool, typer.Option("--join", help="Play the videos one after the other.")] = False,
    height: Annotated[
        int | None,
        typer.Option(
            "--height",
            metavar="PIXELS",
            min=MIN_HEIGHT,
            max=MAX_HEIGHT,
            help="Height of each picture.",
            show_default="that of the lowest",
        ),
    ] = None,
    start: Annotated[
        float, typer.Option("--start", metavar="SECONDS", min=0.0, help="Leave out what is before, in each video.")
    ] = 0.0,
    end: Annotated[
        float | None, typer.Option("--end", metavar="SECONDS", help="Leave out what is after, in each video.")
    ] = None,
    sound: Annotated[
        int | None,
        typer.Option(
            "--sound",
            metavar="N",
            help="Which video is heard, 1 for the first, 0 for none.",
            show_default="the first that has sound",
        ),
    ] = None,
    key_cert: KeyCert = None,
    key: Key = None,
    quiet: Quiet = False,
) -> None:
    """Put videos side by side under titles, or one after the other, or cut out a stretch. Prints the new path.

    The highest frame rate counts, and shorter videos hold their last frame. The result is labelled as synthetic, an mp4
    is signed too, and its manifest names the videos that it was put together from.
    """
    titles = [""] * len(videos) if labels is None else [label.strip() for label in labels.split(",")]
    if len(titles) != len(videos):
        raise OptionError(f"every video needs one label: got {len(titles)} labels for {len(videos)} videos")
    if joined and sound is not None:
        raise OptionError("--sound chooses among videos that play at once; with --join each has its own")
    check_outputs([out], videos)
    stretch = _seconds("--start", start), None if end is None else _seconds("--end", end)
    clips = [Clip(path, title, *stretch) for path, title in zip(videos, titles, strict=True)]
    own_key = signing_key(key_cert, key)
    if out.suffix.lower() == VIDEO:
        check_key(own_key)
    options = MontageOptions(layout, height, sound, own_key)
    (join if joined else side_by_side)(clips, out, options, console(quiet))
    result(out)


def _seconds(option: str, value: float) -> Fraction:
    if not math.isfinite(value):
        raise OptionError(f"{option} must be a number of seconds: got {value}")
    return Fraction(str(value))
