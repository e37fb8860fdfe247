"""Reads, scales and writes pictures; lists folders of them, and writes folders whole or not at all."""

from __future__ import annotations

import filecmp
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from obamanet.errors import DatasetError, OutputError
from obamanet.files import scratch_folder

SUFFIXES = frozenset({".png", ".jpg", ".jpeg"})
"""Suffixes of pictures, lower case; upper case is read too."""


def list_pictures(folder: Path) -> list[Path]:
    """Returns the pictures in ``folder``, not below it, sorted by name; raises :class:`DatasetError` without any."""
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
    except OSError as error:
        raise DatasetError(f"not a folder of pictures ({error.strerror}): {folder}") from error
    # macOS leaves such files beside pictures that it copies.
    found = [path for path in found if not path.name.startswith(".")]
    if not found:
        raise DatasetError(f"no pictures in folder, allowed are png, jpg and jpeg: {folder}")
    return found


def by_stem(pictures: list[Path]) -> dict[str, Path]:
    """Returns ``pictures`` by file name without suffix; raises :class:`DatasetError` when two share one."""
    named: dict[str, Path] = {}
    for path in pictures:
        if path.stem in named:
            raise DatasetError(f"two pictures of one name: {named[path.stem].name} and {path.name} in {path.parent}")
        named[path.stem] = path
    return named


def read_picture(path: Path) -> np.ndarray:
    """Returns the picture (H, W, 3) uint8 BGR; raises :class:`DatasetError` when it cannot be read.

    Grey is converted to colour and 16 bits to 8; alpha is dropped.
    """
    import cv2

    try:
        picture = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    except (OSError, cv2.error) as error:
        raise DatasetError(f"picture cannot be read: {path}") from error
    if picture is None:
        raise DatasetError(f"picture cannot be read: {path}")
    return np.asarray(picture, dtype=np.uint8)


def write_picture(path: Path, picture: np.ndarray) -> None:
    """Writes ``picture`` (H, W, 3) uint8 BGR in the format of the suffix; JPEG at quality 95, OpenCV's default."""
    import cv2

    _, content = cv2.imencode(path.suffix.lower(), picture)
    path.write_bytes(content.tobytes())


def scale_picture(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """Returns ``picture`` scaled to ``width`` x ``height`` pixels: by area when it shrinks, cubic when it grows."""
    import cv2

    if picture.shape[:2] == (height, width):
        return picture
    shrinks = width <= picture.shape[1] and height <= picture.shape[0]
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (width, height), interpolation=interpolation))


@contextmanager
def whole_folder(out: Path) -> Iterator[Path]:
    """Yields a hidden folder beside ``out`` to fill; it is renamed to ``out`` at the end, or removed after an error.

    What killed runs left there is removed first. An ``out`` that already holds the same content is left as it is.

    Raises:
        OutputError: ``out`` is a file or holds other content, or cannot be written, or the disk is full.
    """
    out = _as_folder(out)
    # Under a name of its own, since a folder may stand in the place of the output.
    with scratch_folder(out.with_name(f".{out.name}.new")) as part:
        yield part
        if _is_filled(out):
            if not _same_content(out, part):
                raise OutputError(f"output folder is not empty and holds something else: {out}; use another")
        else:
            part.replace(out)


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """Yields as :func:`whole_folder`, for what takes long: that ``out`` holds anything at all is told before any work.

    Raises:
        OutputError: ``out`` is a file or a folder that is not empty, or cannot be written, or the disk is full.
    """
    if _is_filled(_as_folder(out)):
        raise OutputError(f"output folder is not empty: {out}; use another")
    with whole_folder(out) as part:
        yield part


def _as_folder(out: Path) -> Path:
    """Returns ``out``, absolute and with links resolved; raises :class:`OutputError` where it is a file."""
    out = out.expanduser().resolve()
    if out.exists() and not out.is_dir():
        raise OutputError(f"output must be a folder, got a file: {out}")
    return out


def _is_filled(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())


def _same_content(one: Path, other: Path) -> bool:
    names = {path.relative_to(one) for path in one.rglob("*") if path.is_file()}
    if names != {path.relative_to(other) for path in other.rglob("*") if path.is_file()}:
        return False
    return all(filecmp.cmp(one / name, other / name, shallow=False) for name in names)
