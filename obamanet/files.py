"""Whole or nothing: files are written beside their final name and renamed only when they are complete."""

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
from tempfile import NamedTemporaryFile
from typing import Any

import numpy as np

from obamanet.errors import OutputError

NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Error numbers of a full disk, of a used-up quota and of a file that is larger than is allowed."""

DAMAGED = (OSError, ValueError, KeyError, TypeError, OverflowError, EOFError, zipfile.BadZipFile, zlib.error)
"""What reading a damaged JSON or .npz file, or one of other content, raises."""

JSON_DEPTH = 32
"""Levels of lists and objects inside each other; the program's own files have six at most."""

JSON_DIGITS = 20
"""Of a whole number; every 64-bit one fits."""
NAME_BYTES = 255
"""Longest name of a file: NAME_MAX of Linux, macOS and most other file systems."""

PART_BYTES = 24
"""What a hidden sibling's name adds to that of the output: dots, "part", and a process number of up to 10 digits; twice
where it is signed."""

HASH_CHUNK = 1 << 20
"""Bytes read at a time, so that hashing a long video needs no more memory than a short one."""


def ensure_output_path(path: Path) -> Path:
    """Return ``path`` with links resolved, or say why nothing can be written there; nothing is made yet.

    Raises :class:`OutputError` when the path is a directory or device, its folder is not writable or cannot be made, or
    an existing file is not writable.
    Raises :class:`OutputError` when the path is a directory or device, its folder cannot be made, the folder or an
    existing file is not writable, or no file can be made there: permissions alone do not tell, as in /proc.
    """
    try:
        path = path.expanduser().resolve()
        if path.is_dir():
            raise OutputError(f"output must be a file, got a directory: {path}")
        if path.exists() and not path.is_file():
            raise OutputError(f"output must be a regular file, got a device or pipe: {path}")
        folder = next(place for place in path.parents if place.exists())
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    except (OSError, RuntimeError) as error:  # RuntimeError: a link that points at itself, or no home for ~
        raise _output_error(error, path) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"output folder is not writable: {folder}")
    if path.exists() and not os.access(path, os.W_OK):
        raise OutputError(f"output file exists and is not writable: {path}")
    try:
        with NamedTemporaryFile(prefix=".", suffix=".part", dir=folder):
            pass
    except OSError as error:
        raise _output_error(error, path) from error
    return path


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary sibling of ``path`` to write to; it takes the name when the block ends well, else it is removed.

    The sibling is hidden and keeps the suffix, e.g. ``.talk.1234.part.mp4``. The process number in it keeps two runs
    with the same output apart, and tells what a killed one has left: that is removed first. An interrupted block leaves
    an older file as it was, and no folder that was made for it.

    Raises :class:`OutputError` when the place cannot be written to, the disk is full, or nothing was written.
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
    """Give a hidden folder beside the output ``path`` for what is needed on the way to it; removed after the block.

    Beside it, since it may be as large as the output. What a killed run has left is removed first. Raises
    :class:`OutputError`.
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
    """Make ``folder``; when the block raises, those folders that were made for it are removed, if they are empty.

    Raises :class:`OutputError`.
    """
    try:
        made = [place for place in (folder, *folder.parents) if not place.exists()]
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _output_error(error, folder) from error
    try:
        yield folder
    except BaseException:
        with suppress(OSError):
            for place in made:
                place.rmdir()
        raise


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


@contextmanager
def open_arrays(path: Path) -> Iterator[Mapping[str, np.ndarray]]:
    """Give the arrays of the .npz file ``path`` by name, each read when it is asked for; no pickled objects.

    The file is closed after the block, also when it is none of arrays, which ``numpy.load`` leaves open then. Raises
    one of DAMAGED.
    """
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
        yield arrays


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in the UTF-8 file ``path``; raises OSError, and ValueError as :func:`parse_json`."""
    return parse_json(path.read_text(encoding="utf-8"))


def parse_json(text: str) -> dict[str, Any]:
    """Return the JSON object that ``text`` spells.

    Raises ValueError, in one line, for what is no JSON object, for numbers that are not finite or have more than 20
    digits, for characters that are half a surrogate pair, and for more than 32 levels inside each other.
    """
    try:
        content = json.loads(text, parse_constant=_finite, parse_float=_finite, parse_int=_whole)
    except RecursionError:
        raise ValueError(f"JSON is nested too deep, allowed are {JSON_DEPTH} levels") from None
    if not isinstance(content, dict):
        raise ValueError(f"a JSON object is needed, got {type(content).__name__}")
    level: list[Any] = [content]
    for _ in range(JSON_DEPTH):
        level = [inner for value in level for inner in _inner(value)]
        if any("\ud800" <= sign <= "\udfff" for text in level if isinstance(text, str) for sign in text):
            raise ValueError("JSON holds characters that are half a surrogate pair")
    if any(isinstance(value, dict | list) for value in level):
        raise ValueError(f"JSON is nested too deep, allowed are {JSON_DEPTH} levels")
    return content


def damage(error: Exception) -> str:
    """Return what one of DAMAGED, or one of the program's own errors, says is wrong with a file, in one line."""
    match error:
        case KeyError():
            return f"{error.args[0]!r} is missing"
        case OSError() if error.strerror:
            return error.strerror.lower()
        case TypeError() | OverflowError() | AttributeError():
            return "a value is of another kind than it must be"
        case EOFError() | zipfile.BadZipFile() | zlib.error():
            return "the file is cut or was changed"
    return " ".join(str(error).split())


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of the file's content as 64 lower-case hexadecimal digits; raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(HASH_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _part(path: Path, suffix: str) -> Path:
    return path.with_name(f".{_short_stem(path)}.{os.getpid()}.part{suffix}")


def _short_stem(path: Path) -> str:
    """Return as much of the name of ``path`` as a hidden sibling's name has room for, as UTF-8."""
    room = NAME_BYTES - len(os.fsencode(path.suffix)) - PART_BYTES
    return os.fsencode(path.stem)[: max(0, room)].decode("utf-8", "ignore")


def _remove_dead_parts(path: Path) -> None:
    """Remove what runs with the output ``path`` have left that were killed, also while they signed it."""
    ours = re.compile(rf"\.+{re.escape(_short_stem(path))}\.(\d+)\.part(?:\.\d+\.part)?(?:{re.escape(path.suffix)})?")
    with suppress(OSError):
        for name in os.listdir(path.parent):
            match = ours.fullmatch(name)
            if match and not _is_running(int(match[1])):
                left = path.with_name(name)
                if left.is_dir():
                    shutil.rmtree(left, ignore_errors=True)
                else:
                    left.unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    if os.name != "posix":
        # Elsewhere os.kill ends the process that it asks about.
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def _inner(value: Any) -> list[Any]:
    """Return what a JSON value holds: an object's keys and values, a list's items, nothing of the others."""
    if isinstance(value, dict):
        return [*value, *value.values()]
    return value if isinstance(value, list) else []


def _finite(spelled: str) -> float:
    number = float(spelled)
    if not math.isfinite(number):
        raise ValueError(f"JSON holds a number that is not finite: {spelled[:20]}")
    return number


def _whole(spelled: str) -> int:
    if len(spelled) > JSON_DIGITS:
        raise ValueError(f"JSON holds a number of {len(spelled)} digits, allowed are {JSON_DIGITS}")
    return int(spelled)


def _sync(part: Path) -> None:
    """Bring the content to the disk before the name changes, so that a power cut cannot leave an empty file."""
    with part.open("rb+") as stream:
        os.fsync(stream.fileno())


def _output_error(error: Exception, path: Path) -> OutputError:
    if isinstance(error, OSError) and error.errno in NO_SPACE:
        return OutputError(f"no space left on the disk while writing: {path}")
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return OutputError(f"output cannot be written ({reason}): {path}")
