"""The extraction of faces on the command line: pictures and masks of one person, for training and for swapping."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from obamanet.cli.boundary import console, result
from obamanet.cli.declare import Fields, command
from obamanet.cli.options import Quiet
from obamanet.errors import OptionError
from obamanet.swap.extract_faces import ExtractOptions, extract


@command("me.mp4 --out faces/me", "photos.zip --out faces/her --like her.jpg", "-i photos -o faces/him")
def extract_verb(
    *,
    source: Annotated[
        Path | None,
        typer.Argument(metavar="[SRC]", help="A video, a picture, a folder of both, or a zip of one person."),
    ] = None,
    input_dir: Annotated[
        Path | None, typer.Option("--input", "-i", metavar="SRC", help="The same, as an option.", show_default=False)
    ] = None,
    out: Annotated[Path, typer.Option("--out", "--output", "-o", metavar="DIR", help="The folder to make.")],
    options: Annotated[
        ExtractOptions,
        Fields(
            size="Side of the aligned pictures in pixels, 64 to 1024.",
            detector=typer.Option("--detector", "-D", help="What finds faces and landmarks; mtcnn is refused."),
            eye_mask="The eyes' mask: the lids' contour, or an ellipse that stays in a blink.",
            side="Which side of a swap it is; the eyes' masks are named after it.",
            every="Of a video, save every how many frames one.",
            min_size="Width of the smallest face that is saved, in pixels.",
            min_sharpness="Least sharpness of a face that is saved; the page tells each one's.",
            like=typer.Option(
                "--like", metavar="PICTURE", help="A picture of the person.", show_default="who is seen longest"
            ),
            cut_occlusion=typer.Option(
                "--cut-occlusion/--keep-occlusion",
                help="Take out of the mask what is not of the skin's colour and reaches into the face, such as hair.",
            ),
        ),
    ],
    quiet: Quiet = False,
) -> None:
    """Extract the faces of a person: aligned, raw, with masks, landmarks and a page to look at. Prints the folder.

    Everybody else who is seen gets a folder of their own below it. Names are those of deepfakes/faceswap.
    """
    if (source is None) == (input_dir is None):
        raise OptionError("name one video, picture, folder or zip to extract from, as SRC or by --input")
    progress = console(quiet)
    report = extract(source or input_dir or Path(), out, options, progress)
    left_out = sum(bool(face.rejected) for face in report.faces)
    progress.note(
        f"{report.saved} faces of the person, {len(report.faces)} faces seen, {left_out} left out; "
        f"no face in {report.without_face} of {report.frames} frames"
    )
    result(report.folder)
