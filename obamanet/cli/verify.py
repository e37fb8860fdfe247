"""Provenance on the command line: what a video's manifest says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from obamanet.cli.declare import command


@command("talk.mp4")
def verify_verb(
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An mp4 video, or a PNG or JPEG picture.")],
    trust: Annotated[
        Path | None, typer.Option("--trust", metavar="PEM", help="Certificates of signers' authorities that you trust.")
    ] = None,
) -> None:
    """Say what the signed manifest of a video or picture tells, and whether the file was changed since.

    Exit code 0: a manifest is there and the file is unchanged; 1: no manifest, or the file was changed.
    """
    from obamanet import provenance

    report = provenance.verify_video(file, trust)
    print("\n".join(provenance.describe(report)), flush=True)
    if not (report.found and report.intact):
        raise typer.Exit(1)
