"""The swap itself on the command line: a video or pictures in, the same with another face out, labelled and signed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from obamanet.cli.boundary import console, result
from obamanet.cli.declare import Fields, command
from obamanet.cli.options import Key, KeyCert, Quiet, signing_key
from obamanet.cli.outputs import check_outputs
from obamanet.engine.formats import Engine
from obamanet.errors import OptionError
from obamanet.swap.convert_faces import ConvertOptions, convert
from obamanet.swap.face_masks import Part
from obamanet.swap.face_sources import is_picture
from obamanet.swap.swap_face import BlendOptions
from obamanet.swap.swap_model import Direction, Swapper, read_swap

THREADS = 2
"""Processor threads of the networks; more do not help with one face at a time."""


@dataclass(frozen=True)
class SwapRequest:
    """What is read, what is written, and by which model."""

    source: Annotated[
        Path, typer.Option("--input", "-i", metavar="IN", help="A video, a picture, or a folder of pictures.")
    ]
    model: Annotated[Path, typer.Option("--model-dir", "-m", metavar="MODEL", help="The model's folder.")]
    out: Annotated[
        Path,
        typer.Option(
            "--out", "--output", "-o", metavar="OUT", help="The .mp4, .png or .jpg to write, or a folder for it."
        ),
    ]
    direction: Annotated[
        Direction, typer.Option("--direction", help="Paint B's face in place of A's, or A's in place of B's.")
    ] = Direction.A_TO_B
    engine: Annotated[Engine, typer.Option("--engine", metavar="ENGINE", help="What runs the networks.")] = (
        Engine.ONNXRUNTIME
    )

    @property
    def target(self) -> Path:
        """What is written: OUT, or a file in it where that is a folder, as in deepfakes/faceswap."""
        if self.source.is_dir() or (self.out.suffix and not self.out.is_dir()):
            return self.out
        return self.out / f"{self.source.stem}{self._suffixes[0]}"

    @property
    def _suffixes(self) -> tuple[str, ...]:
        return (".png", ".jpg", ".jpeg") if is_picture(self.source) else (".mp4",)

    def check(self) -> None:
        """Refuses an output that cannot be written, or of another kind than the input; raises an ObamanetError."""
        if self.source.is_dir():
            return
        if self.target.suffix.lower() not in self._suffixes:
            raise OptionError(
                f"{self.source.name} becomes a file that ends in {' or '.join(self._suffixes)}: got {self.out}"
            )
        check_outputs((self.target,), (self.source,))


@command(
    "-i me.mp4 -m model -o swapped.mp4",
    "-i photos -m model -o swapped --direction BtoA",
    "-i me.mp4 -m model -o mouth.mp4 --part mouth --part eyes --panes 2",
)
def convert_verb(
    *,
    request: SwapRequest,
    blend: Annotated[
        BlendOptions,
        Fields(
            colour=typer.Option("--colour", "-c", help="How the painted face takes on the frame's colours."),
            blend="How it is put in: over a soft edge, or by its gradients.",
            coverage="Share of the face, around its middle, that is replaced.",
            feather="Width of the soft edge as a share of the face's.",
            enhance="Strength of sharpening, 0 to 2.",
            panes="1: the result; 2: beside the original; 3: with the mask between them.",
        ),
    ] = BlendOptions(),  # noqa: B008
    part: Annotated[
        list[Part] | None,
        typer.Option("--part", help="Replace only this; may be given again.", show_default="the whole face"),
    ] = None,
    options: Annotated[
        ConvertOptions,
        Fields(
            detector=typer.Option("--detector", "-D", help="What finds faces and landmarks; mtcnn is refused."),
            track=typer.Option("--track", help="The face to swap, by its track in an alignments file."),
            like=typer.Option(
                "--like", metavar="PICTURE", help="A picture of the person to swap.", show_default="who is seen most"
            ),
            every_face=typer.Option("--every-face", help="Swap all faces."),
            start="Seconds before which the video stays as it is.",
            end=typer.Option("--end", help="Seconds from which on it does.", show_default="its end"),
            smooth=typer.Option("--smooth/--no-smooth", help="Steady the face's place over time."),
            alignments=typer.Option("--alignments", metavar="JSONL", help="Take faces from this file, not find them."),
        ),
    ] = ConvertOptions(),  # noqa: B008
    key_cert: KeyCert = None,
    key: Key = None,
    quiet: Quiet = False,
) -> None:
    """Swap a face in a video or in pictures. Prints the path.

    The sound stays, and every pixel outside the face. What is written says that it is synthetic and names both persons.
    """
    request.check()
    options = replace(options, blend=replace(blend, parts=frozenset(part or ())), key=signing_key(key_cert, key))
    model = read_swap(request.model)
    from obamanet.provenance import check_key

    check_key(options.key)
    swapper = Swapper(model, request.direction, request.engine, THREADS)
    progress = console(quiet)
    result(convert(request.source, request.target, model, request.direction, swapper, options, progress))
