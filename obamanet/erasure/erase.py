"""Removes what was found of a person, and nothing else."""

from __future__ import annotations

from pathlib import Path

from obamanet.erasure.find import Traces
from obamanet.errors import OutputError
from obamanet.progress import Progress


def erase(traces: Traces, progress: Progress | None = None) -> None:
    """Remove the files of ``traces.removable``, and the folders among them that are empty then.

    A file that has become a link, or lies behind one, stays. Raises :class:`OutputError`, after all others are gone,
    when some could not be removed.
    """
    files = [path for trace in traces.removable for path in trace.files]
    failed: list[str] = []
    for path in (progress or Progress()).track(files, "removing", len(files)):
        try:
            if path.is_symlink() or path.parent.resolve() != path.parent:
                failed.append(f"a link is in the way: {path}")
            else:
                path.unlink(missing_ok=True)
        except OSError as error:
            failed.append(f"{error.strerror}: {path}")
    emptied = {(path.parent, trace.path) for trace in traces.removable for path in trace.files}
    for folder, top in sorted(emptied, key=lambda pair: len(pair[1].parts), reverse=True):
        _remove_empty(folder, top)
    if failed:
        raise OutputError(f"{len(failed)} of {len(files)} files could not be removed; the first: {failed[0]}")


def _remove_empty(folder: Path, top: Path) -> None:
    """Remove ``folder`` and those above it up to ``top``, as far as they are empty."""
    while folder.is_relative_to(top):
        try:
            folder.rmdir()
        except OSError:  # Not empty, or not permitted: it stays.
            return
        folder = folder.parent
