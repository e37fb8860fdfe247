"""Look-alike pairs on the command line: for each face of A those of B that are most like it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from obamanet.cli.boundary import console, result
from obamanet.cli.declare import command
from obamanet.cli.options import Quiet
from obamanet.swap.look_alikes import write_look_alikes


@command("-A faces/me -B faces/her --out pairs", "-A faces/me -B faces/her --out pairs --neighbours 3")
def pairs_verb(
    *,
    a: Annotated[Path, typer.Option("--input-A", "-A", metavar="DIR", help="The faces of A, made by swap extract.")],
    b: Annotated[Path, typer.Option("--input-B", "-B", metavar="DIR", help="The faces of B.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="The folder to make.")],
    neighbours: Annotated[int, typer.Option("--neighbours", "-k", help="Faces of B for each face of A.")] = 1,
    quiet: Quiet = False,
) -> None:
    """Pair each face of A with those of B that are most like it in pose, expression and light. Prints the folder.

    The pairs are A|B pictures, as pix2pix trains on, with their distances in pairs.jsonl.
    """
    progress = console(quiet)
    progress.note(f"{write_look_alikes(a, b, out, neighbours, progress)} pairs")
    result(out)
