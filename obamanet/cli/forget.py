"""Forgetting a person on the command line: what holds or was learned from the face, listed, and removed on request."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from obamanet.cli.boundary import console
from obamanet.cli.declare import command
from obamanet.cli.options import Quiet
from obamanet.cli.persons import CARD

if TYPE_CHECKING:
    from obamanet.erasure.find import Trace, Traces

UNSEEN = (
    "not told by this command: pose sheets, files of --keypoints-out, GIF, WebP and PNG pictures of montage, what the "
    "pix2pix tools wrote elsewhere, what other programs converted, and all that lies in places you did not name"
)


@command("me out recordings", "me out recordings --yes")
def forget_verb(
    *,
    person: Annotated[
        Path,
        typer.Argument(
            metavar="PERSON",
            help="A person's folder, the dataset folder it was trained in, or one in the making of the page.",
            show_default=False,
        ),
    ],
    places: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FOLDER", help="Where else to look, with all folders below.", show_default=False),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Remove what is listed as the program's own. For good.")] = False,
    quiet: Quiet = False,
) -> None:
    """List all that holds or was learned from a person's face: datasets, runs, videos, caches. --yes removes it.

    The page's persons in the making are searched too, and go with the footage that was uploaded. Otherwise only files
    that this program wrote are removed. The footage itself is listed and stays: it is yours to delete.
    """
    from obamanet.erasure.erase import erase
    from obamanet.erasure.find import find_traces

    inside = person / "person"
    named = inside if not (person / CARD).is_file() and (inside / CARD).is_file() else person
    progress = console(quiet)
    traces = find_traces(named, places or (), progress)
    print("\n".join(described(traces, removed=yes)), flush=True)
    if yes:
        erase(traces, progress)


def described(traces: Traces, *, removed: bool) -> list[str]:
    """Returns ``traces`` as lines for people; ``removed`` says whether they are removed now."""
    size, count = sum(trace.size for trace in traces.removable), sum(len(trace.files) for trace in traces.removable)
    verb = "is removed" if removed else "--yes removes"
    lines = [f"{', '.join(traces.names) or 'no name'}: {traces.folder}", f"{verb} ({count} files, {_bytes(size)}):"]
    lines += _rows(traces.removable)
    if traces.kept:
        lines += ["stays, yours to decide:", *_rows(traces.kept)]
    others = [path for trace in traces.removable for path in trace.others]
    if others:
        lines.append(f"stays: {len(others)} of the files in there, not written by this program, such as {others[0]}")
    return [*lines, *(f"note: {note}" for note in traces.notes), f"note: {UNSEEN}"]


def _rows(traces: Sequence[Trace]) -> list[str]:
    """Returns a line for each trace; single files of one kind and reason in one folder share a line."""
    rows = []
    for (_, kind, reason), group in groupby(traces, key=_group):
        same = list(group)
        path = same[0].path
        place = f"{len(same)} in {path.parent}" if len(same) > 1 else str(path)
        rows.append(f"  {_bytes(sum(trace.size for trace in same)):>8}  {kind}: {place} ({reason})")
    return rows


def _group(trace: Trace) -> tuple[Path, str, str]:
    return (trace.path if trace.path.is_dir() else trace.path.parent), trace.kind, trace.reason


def _bytes(size: int) -> str:
    """Returns a size in bytes for people, with three significant digits."""
    units = ("B", "kB", "MB", "GB", "TB")
    power = min(len(units) - 1, (len(str(size)) - 1) // 3)
    return f"{size / 1000**power:.3g} {units[power]}"
