"""Whole or nothing: files are written beside their final name and renamed only when they are complete."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from obamanet.errors import OutputError

NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Error numbers of a full disk, of a used-up quota and of a file that is larger than is allowed."""

HASH_CHUNK = 1 << 20
"""Bytes read at a time, so that hashing a long video needs no more memory than a short one."""


def ensure_output_path(path: Path) -> Path:
    """Return ``path`` with links resolved after making its folder, or say why nothing can be written there.

    Raises :class:`OutputError` when the path is a directory or device, its folder cannot be made, or the folder or an
    existing file is not writable.
    """
    try:
        path = path.expanduser().resolve()
        if path.is_dir():
            raise OutputError(f"output must be a file, got a directory: {path}")
        if path.exists() and not path.is_file():
            raise OutputError(f"output must be a regular file, got a device or pipe: {path}")
        path.parent.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError) as error:  # RuntimeError: a link that points at itself, or no home for ~
        raise _output_error(error, path) from error
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise OutputError(f"output folder is not writable: {path.parent}")
    if path.exists() and not os.access(path, os.W_OK):
        raise OutputError(f"output file exists and is not writable: {path}")
    return path


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary sibling of ``path`` to write to; it takes the name when the block ends well, else it is removed.

    The sibling is hidden and keeps the suffix, e.g. ``.talk.1234.part.mp4``. The process number in it keeps two runs
    with the same output apart. An interrupted block leaves an older file as it was.

    Raises :class:`OutputError` when the place cannot be written to, the disk is full, or nothing was written.
    """
    path = ensure_output_path(path)
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield part
        _sync(part)
        os.replace(part, path)
    except OSError as error:
        # Other errors inside the block, such as an unreadable input, are the caller's to explain.
        if error.errno in NO_SPACE or str(part) in (error.filename, error.filename2):
            raise _output_error(error, path) from error
        raise
    finally:
        # After a rename there is nothing left under this name.
        part.unlink(missing_ok=True)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep ``folder`` to this process while the block runs; no file is left behind, not even by ``kill -9``.

    Only who asks for the same lock is kept out. Where the file system has no locks, nobody is. Raises
    :class:`OutputError` at once when another process has it, or when the folder cannot be read.
    """
    import fcntl

    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise _output_error(error, folder) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OutputError(f"another process is at work in {folder}; wait until it has ended") from None
        except OSError:
            pass  # This file system has no locks.
        yield
    finally:
        os.close(handle)


def atomic_write_bytes(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path`` whole or not at all; raises :class:`OutputError`."""
    with atomic_path(path) as part:
        part.write_bytes(content)


def atomic_write_text(path: Path, content: str) -> None:
    """Write ``content`` as UTF-8 with line feeds to ``path`` whole or not at all; raises :class:`OutputError`."""
    atomic_write_bytes(path, content.encode("utf-8"))


def atomic_write_json(path: Path, content: Any) -> None:
    """Write ``content`` as indented UTF-8 JSON to ``path`` whole or not at all; raises :class:`OutputError`.

    Not-a-number is refused with ValueError, since other JSON readers cannot read it.
    """
    atomic_write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of the file's content as 64 lower-case hexadecimal digits; raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(HASH_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _sync(part: Path) -> None:
    """Bring the content to the disk before the name changes, so that a power cut cannot leave an empty file."""
    with part.open("rb+") as stream:
        os.fsync(stream.fileno())


def _output_error(error: Exception, path: Path) -> OutputError:
    if isinstance(error, OSError) and error.errno in NO_SPACE:
        return OutputError(f"no space left on the disk while writing: {path}")
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return OutputError(f"output cannot be written ({reason}): {path}")
