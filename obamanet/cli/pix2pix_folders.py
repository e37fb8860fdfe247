"""Folders of pictures on the command line: made of videos, made square, put side by side, divided."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from obamanet.cli.boundary import console, result
from obamanet.cli.declare import Fields, command
from obamanet.cli.options import Quiet, SketchName
from obamanet.constants import IMAGE_SIZE
from obamanet.pix2pix.folders import Shares, combine_folders, resize_folder, split_folder
from obamanet.pix2pix.frame_choice import COUNT, FrameOptions
from obamanet.types import SketchStyle

PictureFolder = Annotated[Path, typer.Argument(metavar="PICTURES", help="A folder of pictures; it stays as it is.")]
OutFolder = Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="The folder to make.")]


@command("me.mp4 --out pictures", "me.mp4 --out pictures --spread cover --count 300", "me --out pictures --every 25")
def from_video_verb(
    *,
    footage: Annotated[
        list[Path],
        typer.Argument(
            metavar="VIDEO...",
            help="Videos of one person, folders of them, or a dataset folder made by obamanet prepare.",
            show_default=False,
        ),
    ],
    out: OutFolder,
    options: Annotated[
        FrameOptions,
        Fields(
            every=typer.Option(metavar="N", help="Choose every N-th frame."),
            count=typer.Option(metavar="N", help="Choose this many frames.", show_default=str(COUNT)),
            spread="How these are chosen: evenly over the footage, or to cover mouth opening, head turn and gaze best.",
            seed="Of the frame that covering starts with: same seed, same frames.",
        ),
    ],
    sketch: SketchName = SketchStyle.PARTS,
    image_size: Annotated[
        int | None,
        typer.Option(
            "--image-size",
            help="Side of the pictures in pixels, a power of two, 64 to 1024.",
            show_default=f"{IMAGE_SIZE}, or the dataset's",
        ),
    ] = None,
    pairs: Annotated[
        bool, typer.Option("--pairs/--no-pairs", help="Also write both side by side, to train on.")
    ] = True,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Processes at work.", show_default="one per core")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Make photos of a person and their sketches, with the same names, of a video. Prints the report's path.

    DIR gets photos, sketches, pairs (sketch on the left: train them as they are), and report.html: what was chosen, how
    well it covers the footage, and what could not be used. To choose again without looking for the face again, run
    obamanet prepare first and name its folder.
    """
    from obamanet.pix2pix.video_pictures import make_pictures

    progress = console(quiet)
    report = make_pictures(
        footage, out, options, sketch=sketch, image_size=image_size, pairs=pairs, workers=workers, progress=progress
    )
    progress.note(f"{report.pictures} frames chosen of {report.usable}; {len(report.rejects)} stretches cannot be used")
    result(report.page)


@command("photos --out squares --size 256")
def resize_verb(
    *,
    source: PictureFolder,
    out: OutFolder,
    size: Annotated[int, typer.Option("--size", help="Side of the squares in pixels.")] = IMAGE_SIZE,
    pad: Annotated[
        bool, typer.Option("--pad", help="Keep the whole picture, black beside it, not its middle.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Make squares of one size of all pictures, unstretched. Prints the folder."""
    progress = console(quiet)
    count = resize_folder(source, out, size, pad=pad, progress=progress)
    progress.note(f"{count} pictures of {size}x{size} pixels")
    result(out)


@command("photos drawings --out pairs")
def combine_verb(
    *,
    a: Annotated[Path, typer.Argument(metavar="A", help="The folder of the left halves.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="The folder of the right halves, of the same names.")],
    out: OutFolder,
    quiet: Quiet = False,
) -> None:
    """Put pictures of the same name side by side. Prints the folder."""
    progress = console(quiet)
    report = combine_folders(a, b, out, progress=progress)
    progress.note(f"{report.pairs} pairs")
    for folder, names in ((a, report.only_a), (b, report.only_b)):
        if names:
            shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
            progress.note(f"only in {folder}, left out: {len(names)} ({shown})")
    result(out)


@command("pairs --out data")
def split_verb(
    *,
    source: PictureFolder,
    out: OutFolder,
    shares: Annotated[
        Shares,
        Fields(train="Share that trains.", val="Share that validates.", test="Share that tests; all three make 1."),
    ],
    seed: Annotated[int, typer.Option("--seed", help="Same seed, same split.")] = 1,
    quiet: Quiet = False,
) -> None:
    """Copy pictures into DIR/train, DIR/val and DIR/test. Prints DIR."""
    progress = console(quiet)
    counts = split_folder(source, out, shares, seed=seed, progress=progress)
    progress.note(", ".join(f"{name} {count}" for name, count in counts.items()))
    result(out)
