"""Writes a folder of faces, pairs or pictures whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from obamanet.errors import OutputError
from obamanet.files import scratch_folder


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """Yields a hidden folder beside ``out`` to fill; it is renamed to ``out`` at the end, or removed after an error.

    What killed runs left there is removed first. That ``out`` holds something is told before any work.

    Raises:
        OutputError: ``out`` is a file or a folder that is not empty, or cannot be written, or the disk is full.
    """
    out = out.expanduser().resolve()
    if out.is_dir():
        if any(out.iterdir()):
            raise OutputError(f"output folder is not empty: {out}; use another")
    elif out.exists():
        raise OutputError(f"output must be a folder, got a file: {out}")
    # Under a name of its own, since an empty folder may stand in the place of the output.
    with scratch_folder(out.with_name(f".{out.name}.new")) as part:
        yield part
        part.replace(out)
