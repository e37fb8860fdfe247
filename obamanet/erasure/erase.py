"""Removes the files that were found to belong to a person."""

from __future__ import annotations

from pathlib import Path

from obamanet.erasure.find import Traces
from obamanet.errors import OutputError
from obamanet.progress import Progress


def erase(traces: Traces, progress: Progress | None = None) -> None:
    """Removes the files of ``traces.removable``, and their folders once these are empty.

    A file that is now a symbolic link, or reached through one, is not removed. Raises :class:`OutputError` when some
    files could not be removed, after all others are.
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
    """Removes ``folder`` and its parents up to ``top``, as far as they are empty."""
    while folder.is_relative_to(top):
        try:
            folder.rmdir()
        except OSError:  # Not empty, or not permitted: it stays.
            return
        folder = folder.parent
