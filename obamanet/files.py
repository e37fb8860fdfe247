"""Atomic output: files are written beside their final name and renamed when they are complete."""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import re
import shutil
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from tokenize import TokenError
from typing import Any

import numpy as np

from obamanet.errors import OutputError

NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Error numbers of a full disk, an exceeded quota and a file larger than allowed."""

DAMAGED = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    OverflowError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
    TokenError,
)
"""Exceptions that reading a damaged JSON or .npz file, or one with other content, can raise. TokenError is of
a damaged header inside the .npz."""

JSON_DEPTH = 32
"""Maximum nesting of lists and objects; the program's own files have at most six levels."""

JSON_SHOWN = 40
"""Characters of a wrong value that an error message quotes."""

JSON_DIGITS = 20
"""Maximum digits of a whole number; every 64-bit number fits."""

NAME_BYTES = 255
"""Bytes. Maximum length of a file name: NAME_MAX of Linux, macOS and most other file systems."""

PART_BYTES = 24
"""Bytes that a temporary file's name adds to the output's name: dots, "part" and a process number of up to 10 digits,
twice where the file is signed."""

HASH_CHUNK = 1 << 20
"""Bytes read at a time when hashing, so that memory does not depend on the file's size."""


def ensure_output_path(path: Path) -> Path:
    """Checks that ``path`` can be written, without creating it.

    Returns:
        ``path``, absolute and with links resolved.

    Raises:
        OutputError: the path is a directory or device, its folder cannot be created, the folder or an existing file is
            not writable, or no file can be created there, which permissions alone do not show, as in /proc.
    """
    try:
        path = path.expanduser().resolve()
        if path.is_dir():
            raise OutputError(f"output must be a file, got a directory: {path}")
        if path.exists() and not path.is_file():
            raise OutputError(f"output must be a regular file, got a device or pipe: {path}")
        folder = next(parent for parent in path.parents if parent.exists())
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    except (OSError, RuntimeError) as error:  # RuntimeError: a link that points at itself, or no home for ~
        raise _output_error(error, path) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"output folder is not writable: {folder}")
    if path.exists() and not os.access(path, os.W_OK):
        raise OutputError(f"output file exists and is not writable: {path}")
    try:
        # Nameless where the system can: nothing is left of it, whenever Ctrl-C comes.
        with TemporaryFile(prefix=".", suffix=".part", dir=folder):
            pass
    except OSError as error:
        raise _output_error(error, path) from error
    return path


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yields a temporary sibling of ``path`` that is renamed to ``path`` when the block succeeds, else removed.

    The sibling is hidden and keeps the suffix, e.g. ``.talk.1234.part.mp4``. The process number separates two runs with
    the same output and identifies the files of killed runs, which are removed first. When the block fails, an older
    file stays as it was, and folders that were created for the output are removed.

    Raises:
        OutputError: the path cannot be written, the disk is full, or nothing was written.
    """
    path = ensure_output_path(path)
    part = _part(path, path.suffix)
    with made_folder(path.parent):
        _remove_dead_parts(path)
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
def scratch_folder(path: Path) -> Iterator[Path]:
    """Yields a hidden temporary folder beside the output ``path``; it is removed after the block.

    It lies beside the output because it may grow as large. Folders of killed runs are removed first.

    Raises:
        OutputError: the folder cannot be created, or the disk is full.
    """
    path = ensure_output_path(path)
    folder = _part(path, "")
    with made_folder(path.parent):
        _remove_dead_parts(path)
        try:
            folder.mkdir()
            yield folder
        except OSError as error:
            if error.errno in NO_SPACE or str(error.filename) == str(folder):
                raise _output_error(error, path) from error
            raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def made_folder(folder: Path) -> Iterator[Path]:
    """Creates ``folder`` and yields it; when the block raises, the folders that were created are removed if empty.

    Raises:
        OutputError: the folder cannot be created.
    """
    try:
        missing = [each for each in (folder, *folder.parents) if not each.exists()]
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _output_error(error, folder) from error
    try:
        yield folder
    except BaseException:
        with suppress(OSError):
            for each in missing:
                each.rmdir()
        raise


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Locks ``folder`` for this process while the block runs; no lock file is left behind, not even after ``kill -9``.

    The lock is advisory: only callers of this function are kept out. Windows and some file systems have none.

    Raises:
        OutputError: another process holds the lock (raised at once), or the folder cannot be read.
    """
    try:
        import fcntl
    except ModuleNotFoundError:  # Windows cannot lock a folder.
        yield
        return
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
    """Writes ``content`` to ``path`` whole or not at all.

    Raises:
        OutputError: ``path`` cannot be written.
    """
    with atomic_path(path) as part:
        part.write_bytes(content)


def atomic_write_text(path: Path, content: str) -> None:
    """Writes ``content`` to ``path`` as UTF-8 with line feeds, whole or not at all.

    Raises:
        OutputError: ``path`` cannot be written.
    """
    atomic_write_bytes(path, content.encode("utf-8"))


def atomic_write_json(path: Path, content: Any) -> None:
    """Writes ``content`` to ``path`` as indented UTF-8 JSON, whole or not at all.

    Raises:
        OutputError: ``path`` cannot be written.
        ValueError: the content has a number that is not finite, which other JSON readers refuse.
    """
    atomic_write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


@contextmanager
def open_arrays(path: Path) -> Iterator[Mapping[str, np.ndarray]]:
    """Yields the arrays of the .npz file ``path`` by name; each is read on access, pickled objects are refused.

    The file is closed after the block, also when it is not an .npz file, which ``numpy.load`` would leave open.

    Raises:
        Exception: one of DAMAGED.
    """
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
        yield arrays


def read_json(path: Path) -> dict[str, Any]:
    """Returns the JSON object in the UTF-8 file ``path``.

    Raises:
        OSError: the file cannot be read.
        ValueError: as for :func:`parse_json`.
    """
    return parse_json(path.read_text(encoding="utf-8"))


def parse_json(text: str) -> dict[str, Any]:
    """Returns the JSON object in ``text``.

    Raises:
        ValueError: not a JSON object, a number that is not finite or has more than 20 digits, half a surrogate pair, or
            more than 32 levels of nesting. The message is one line.
    """
    try:
        content = json.loads(text, parse_constant=_finite, parse_float=_finite, parse_int=_whole)
    except RecursionError:
        raise ValueError(f"JSON is nested too deep, allowed are {JSON_DEPTH} levels") from None
    if not isinstance(content, dict):
        raise ValueError(f"an object in braces is needed, got {json.dumps(content)[:JSON_SHOWN]}")
    level: list[Any] = [content]
    for _ in range(JSON_DEPTH):
        level = [inner for value in level for inner in _inner(value)]
        if any("\ud800" <= character <= "\udfff" for text in level if isinstance(text, str) for character in text):
            raise ValueError("JSON holds characters that are half a surrogate pair")
    if any(isinstance(value, dict | list) for value in level):
        raise ValueError(f"JSON is nested too deep, allowed are {JSON_DEPTH} levels")
    return content


def sha256_of(path: Path) -> str:
    """Returns the SHA-256 of the file's content as 64 lower-case hexadecimal digits.

    Raises:
        OSError: the file cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(HASH_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _part(path: Path, suffix: str) -> Path:
    return path.with_name(f".{_short_stem(path)}.{os.getpid()}.part{suffix}")


def _short_stem(path: Path) -> str:
    """Returns the stem of ``path`` cut to what a temporary sibling's name has room for, counted in UTF-8 bytes."""
    room = NAME_BYTES - len(os.fsencode(path.suffix)) - PART_BYTES
    return os.fsencode(path.stem)[: max(0, room)].decode("utf-8", "ignore")


def _remove_dead_parts(path: Path) -> None:
    """Removes temporary files of killed runs with the output ``path``, those of a killed signing included."""
    pattern = re.compile(
        rf"\.+{re.escape(_short_stem(path))}\.(\d+)\.part(?:\.\d+\.part)?(?:{re.escape(path.suffix)})?"
    )
    with suppress(OSError):
        for name in os.listdir(path.parent):
            match = pattern.fullmatch(name)
            if match and not _is_running(int(match[1])):
                leftover = path.with_name(name)
                if leftover.is_dir():
                    shutil.rmtree(leftover, ignore_errors=True)
                else:
                    leftover.unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    if os.name != "posix":
        # On other systems os.kill would end the process.
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def _inner(value: Any) -> list[Any]:
    """Returns the values nested in a JSON value: keys and values of an object, items of a list, nothing for others."""
    if isinstance(value, dict):
        return [*value, *value.values()]
    return value if isinstance(value, list) else []


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"JSON holds a number that is not finite: {digits[:20]}")
    return number


def _whole(digits: str) -> int:
    if len(digits) > JSON_DIGITS:
        raise ValueError(f"JSON holds a number of {len(digits)} digits, allowed are {JSON_DIGITS}")
    return int(digits)


def _sync(part: Path) -> None:
    """Flushes the content to the disk before the rename, so that a power cut cannot leave an empty file."""
    with part.open("rb+") as stream:
        os.fsync(stream.fileno())


def _output_error(error: Exception, path: Path) -> OutputError:
    if isinstance(error, OSError) and error.errno in NO_SPACE:
        return OutputError(f"no space left on the disk while writing: {path}")
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return OutputError(f"output cannot be written ({reason}): {path}")
