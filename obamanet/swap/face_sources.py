"""What faces are taken from: a video, a folder of pictures and videos, or a zip of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np

from obamanet.errors import DatasetError, VideoError
from obamanet.files import sha256_of
from obamanet.pix2pix.pictures import SUFFIXES as PICTURES
from obamanet.pix2pix.pictures import by_stem, read_picture
from obamanet.swap.face_archive import unpacked
from obamanet.swap.face_finder import SourceFrame
from obamanet.video.reader import probe_video, read_frames

VIDEOS: Final = frozenset({".mp4", ".mov", ".mkv", ".avi", ".webm", ".mpg", ".mpeg", ".m4v"})
"""Suffixes of videos that are looked for in folders and zips, lower case; a video given alone may have any name."""


@dataclass
class FaceSource:
    """Pictures and videos in the order of their names.

    Attributes:
        name: of the video, folder or zip.
        items: the pictures and videos.
        unreadable: lines about what is not or could not be read; :meth:`frames` adds each once, however often it runs.
    """

    name: str
    items: tuple[Path, ...]
    unreadable: list[str] = field(default_factory=list)

    @property
    def video(self) -> Path | None:
        """The video, where there is one and nothing else."""
        return self.items[0] if len(self.items) == 1 and not is_picture(self.items[0]) else None

    @property
    def fps(self) -> Fraction | None:
        """Frames per second of the video, None for more than one video or for pictures."""
        return probe_video(self.video).fps if self.video else None

    def sha256(self) -> frozenset[str]:
        """Returns the sha256 of each video."""
        return frozenset(sha256_of(path) for path in self.items if not is_picture(path))

    def frames(self) -> Iterator[SourceFrame]:
        """Yields all frames under the names of deepfakes/faceswap; what cannot be read is noted and passed over.

        Raises:
            VideoError: the one video that there is cannot be read.
            DatasetError: nothing could be read.
        """
        some = False
        for path in self.items:
            try:
                for frame in _frames_of(path):
                    some = True
                    yield frame
            except (DatasetError, VideoError) as error:
                if self.video:
                    raise
                if str(error) not in self.unreadable:
                    self.unreadable.append(str(error))
        if not some:
            raise DatasetError(f"no picture could be read: {self.name}: {self.unreadable[-1]}")

    def count(self) -> int | None:
        """Returns the number of frames, None where it is not known without reading."""
        if self.video:
            return probe_video(self.video).frame_count
        return len(self.items) if all(map(is_picture, self.items)) else None


@contextmanager
def open_source(path: Path, beside: Path) -> Iterator[FaceSource]:
    """Yields the source at ``path``.

    Args:
        path: a video, a picture, a folder or a zip.
        beside: existing folder in which a zip is unpacked for the time being.

    Raises:
        DatasetError: there is nothing, no picture and no video in it, or a zip that is refused.
        VideoError: it is no video.
    """
    if not path.exists():
        raise DatasetError(f"no such video, picture, folder or zip: {path}")
    if path.is_dir():
        items = _items(path)
        yield FaceSource(path.resolve().name, items, _of_other_kinds(path, items))
    elif path.suffix.lower() == ".zip":
        with unpacked(path, PICTURES | VIDEOS, beside) as folder:
            yield FaceSource(path.name, _items(folder, path))
    else:
        if not is_picture(path):
            probe_video(path)
        yield FaceSource(path.name, (path,))


def _items(folder: Path, named: Path | None = None) -> tuple[Path, ...]:
    wanted = PICTURES | VIDEOS
    try:
        items = sorted(path for path in folder.iterdir() if path.suffix.lower() in wanted and path.is_file())
    except OSError as error:
        raise DatasetError(f"folder cannot be read ({error.strerror}): {folder}") from error
    items = [path for path in items if not path.name.startswith(".")]
    if not items:
        raise DatasetError(f"no picture and no video, allowed are {', '.join(sorted(wanted))}: {named or folder}")
    # Faces are named after what they are found in.
    by_stem(items)
    return tuple(items)


def _of_other_kinds(folder: Path, items: tuple[Path, ...]) -> list[str]:
    """Returns a line about the files of ``folder`` that are none of the ``items``, nor hidden; none without any."""
    others = sorted(path.name for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    others = [name for name in others if folder / name not in items]
    return [f"{len(others)} of another kind of file, such as {others[0]}: {folder}"] if others else []


def _frames_of(path: Path) -> Iterator[SourceFrame]:
    if is_picture(path):
        yield SourceFrame(path.stem, _whole_picture(path), True)
        return
    for number, frame in enumerate(read_frames(path, probe_video(path).fps), 1):
        yield SourceFrame(f"{path.stem}_{number:06d}", frame.image, number == 1)


def _whole_picture(path: Path) -> np.ndarray:
    """Returns the picture (H, W, 3) uint8 BGR; raises :class:`DatasetError` also where its end is missing.

    Some versions of OpenCV fill what is missing of a JPEG with grey, and would fill half a face.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as opened:
            opened.load()
    except UnidentifiedImageError:
        pass  # read_picture tells what is no picture at all, and knows kinds that Pillow does not
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DatasetError(f"picture is cut or damaged ({error}): {path}") from error
    return read_picture(path)


def is_picture(path: Path) -> bool:
    """Returns whether ``path`` is named as a picture."""
    return path.suffix.lower() in PICTURES
