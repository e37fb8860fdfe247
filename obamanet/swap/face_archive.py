"""Unpacks a zip of pictures and videos of one person; nothing in it can write outside the folder it is given."""

from __future__ import annotations

import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath
from tempfile import TemporaryDirectory
from typing import Final

from obamanet.errors import DatasetError

MAX_BYTES: Final = 8 << 30
"""Bytes that a zip may hold when unpacked; two hours of video or a hundred thousand pictures."""

MAX_RATIO: Final = 100
"""Unpacked bytes per packed one; pictures and videos hardly shrink, a zip bomb shrinks a thousandfold."""

RATIO_FROM: Final = 10 << 20
"""Bytes below which a ratio is no danger: plain pictures of one colour shrink as much."""

MAX_ENTRIES: Final = 200_000
"""Files in a zip."""

CHUNK: Final = 1 << 20
"""Bytes copied at a time."""


@contextmanager
def unpacked(archive: Path, suffixes: frozenset[str], beside: Path) -> Iterator[Path]:
    """Yields a folder with the files of ``archive`` that have one of ``suffixes``, in one level; removed afterwards.

    Args:
        archive: the zip.
        suffixes: lower case with the dot; files with others are passed over.
        beside: existing folder in which the temporary one is made, since it may grow large.

    Raises:
        DatasetError: it is no zip, is damaged or encrypted, has an absolute path, a path that leaves the folder or a
            link, or unpacks to too much. The zip itself is never changed.
    """
    with TemporaryDirectory(prefix=".faces.", suffix=".part", dir=beside) as folder:
        try:
            with zipfile.ZipFile(archive) as opened:
                entries = [entry for entry in opened.infolist() if not entry.is_dir()]
                _check(entries, archive)
                wanted = [entry for entry in entries if _suffix(entry) in suffixes and _is_shown(entry)]
                _unpack(opened, wanted, Path(folder), archive)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
            raise DatasetError(f"not a zip, or a damaged one ({error}): {archive}") from error
        yield Path(folder)


def _check(entries: list[zipfile.ZipInfo], archive: Path) -> None:
    """Raises :class:`DatasetError` for a name that leads elsewhere, a link, encryption, or a size that is announced."""
    if len(entries) > MAX_ENTRIES:
        raise DatasetError(f"zip holds {len(entries)} files, allowed are {MAX_ENTRIES}: {archive}")
    for entry in entries:
        name = entry.filename
        if PurePosixPath(name).is_absolute() or PureWindowsPath(name).drive or name.startswith("\\"):
            raise DatasetError(f"zip holds an absolute path, which is refused: {name!r} in {archive}")
        if ".." in PurePosixPath(name.replace("\\", "/")).parts:
            raise DatasetError(f"zip holds a path that leaves its folder, which is refused: {name!r} in {archive}")
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise DatasetError(f"zip holds a link, which is refused: {name!r} in {archive}")
        if entry.flag_bits & 1:
            raise DatasetError(f"zip is encrypted; unpack it first: {archive}")
    _check_size(sum(entry.file_size for entry in entries), sum(entry.compress_size for entry in entries), archive)


def _check_size(unpacked_bytes: int, packed_bytes: int, archive: Path) -> None:
    if unpacked_bytes > MAX_BYTES or (
        unpacked_bytes > RATIO_FROM and unpacked_bytes > MAX_RATIO * max(packed_bytes, 1)
    ):
        raise DatasetError(
            f"zip would unpack to {unpacked_bytes >> 20} MB from {packed_bytes >> 20} MB, which is refused; allowed "
            f"are {MAX_BYTES >> 20} MB and {MAX_RATIO} times its size: {archive}"
        )


def _unpack(opened: zipfile.ZipFile, entries: list[zipfile.ZipInfo], folder: Path, archive: Path) -> None:
    """Copies ``entries`` into ``folder`` under names made here; a size that was announced too small is noticed."""
    taken: set[str] = set()
    packed, total = sum(entry.compress_size for entry in entries), 0
    for number, entry in enumerate(sorted(entries, key=lambda entry: entry.filename)):
        name = PurePosixPath(entry.filename).name
        name = name if name.lower() not in taken else f"{number:06d}_{name}"
        taken.add(name.lower())
        with opened.open(entry) as source, (folder / name).open("wb") as target:
            while chunk := source.read(CHUNK):
                total += len(chunk)
                _check_size(total, packed, archive)
                if shutil.disk_usage(folder).free < len(chunk):
                    raise DatasetError(f"no space left on the disk to unpack: {archive}")
                target.write(chunk)


def _suffix(entry: zipfile.ZipInfo) -> str:
    return PurePosixPath(entry.filename).suffix.lower()


def _is_shown(entry: zipfile.ZipInfo) -> bool:
    """Returns whether the entry is the person's own: macOS adds hidden files and a folder of its own."""
    return not any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(entry.filename).parts)
