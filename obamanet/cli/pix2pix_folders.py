"""Folders of pictures on the command line: squares made of them, put side by side, divided."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from obamanet.cli.boundary import console, result
from obamanet.cli.declare import Fields, command
from obamanet.cli.options import Quiet
from obamanet.constants import IMAGE_SIZE
from obamanet.pix2pix.folders import Shares, combine_folders, resize_folder, split_folder

PictureFolder = Annotated[Path, typer.Argument(metavar="PICTURES", help="A folder of pictures; it stays as it is.")]
OutFolder = Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="The folder to make.")]


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
