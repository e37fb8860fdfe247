"""A prepared dataset on disk: clips of one person with square frames, landmarks and sound; training/validation split.

DIR/dataset.json                     schema, frame rate, image size, clips, rejects
DIR/clips/<name>-<hash>/clip.json    where it came from, which frames were rejected and why
                        track.npz    landmarks, dlib's raw landmarks, segments, crop box
                        frames/00000.jpg ...   the square portrait of each frame
                        sound.wav    16 kHz mono, sample 0 at the time of frame 0; absent for silent footage
"""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from fractions import Fraction
from pathlib import Path

import numpy as np

from obamanet.card import CardError, read_arrays, read_card
from obamanet.constants import DATASET_SCHEMA, LANDMARK_COUNT, LANDMARKS_WITH_IRISES, MAX_IMAGE_SIZE
from obamanet.errors import DatasetError, OptionError
from obamanet.face.landmark_models import Landmarks
from obamanet.face.landmarker import landmarks_of_card
from obamanet.sources import Sources
from obamanet.timing import parse_rate
from obamanet.types import CropBox

JPEG_QUALITY = 97
"""JPEG quality of the square frames, 0 to 100: its loss is far below the renderer's error, its size a fifth of PNG's.
"""

MIN_IMAGE_SIZE = 64
"""Smallest side of a square portrait, in pixels; in a smaller one a mouth is a few pixels wide."""

PIECE_SECONDS = 20
"""Maximum length of a piece, in seconds: longer footage is cut, and each piece goes to one side of the split."""

GUARD_SECONDS = 2.0
"""Seconds left out between two pieces of one clip, so that no sound is on both sides of the split: the speech encoder
sees 1 s before and 0.5 s after a moment, and the predictor looks ahead by 0.2 s more."""

NAMES_SHOWN = 5
"""Maximum number of clip names in a message; the rest are counted."""


KEYPOINTS, RENDERER, PERSON = "keypoints", "renderer", "person"
"""Folders in a dataset: its two training runs, and the person that is made of them."""


@dataclass(frozen=True)
class Clip:
    """One prepared video of T frames.

    Attributes:
        name: of the video, without suffix.
        folder: where its files are.
        source: path of the video.
        landmarks: steadied landmarks, (T, 68, 2) float32, or (T, 78, 2) with irises, in pixels of the source frame; NaN
            where there is no face. The clips of a dataset have the same number.
        raw: the same as detected.
        segment: number of the stretch without a cut that a frame belongs to, (T,) int32; -1 for no face.
        box: the square that was cut out of the source frames.
        frame_size: width and height of the source frames, in pixels.
        sha256: of the video.
    """

    name: str
    folder: Path
    source: str
    landmarks: np.ndarray
    raw: np.ndarray
    segment: np.ndarray
    box: CropBox
    frame_size: tuple[int, int]
    sha256: str

    @property
    def sound(self) -> Path | None:
        """The clip's sound file, 16 kHz mono; None for silent footage."""
        path = self.folder / "sound.wav"
        return path if path.is_file() else None

    def frame_path(self, index: int) -> Path:
        """Returns the file of square frame ``index``."""
        return self.folder / "frames" / f"{index:05d}.jpg"


@dataclass(frozen=True)
class Piece:
    """Frames ``start`` to ``stop`` (exclusive) of one segment of ``clip``; the unit of the split."""

    clip: Clip
    start: int
    stop: int

    @property
    def is_whole(self) -> bool:
        """Whether the piece is the whole clip, so that times in the clip are times in the piece."""
        return self.start == 0 and self.stop == len(self.clip.segment)


@dataclass(frozen=True)
class Dataset:
    """All clips of a prepared dataset, their common frame rate and the side of their square frames in pixels.

    ``left_out`` are the names of videos without any usable footage, ``landmarks`` the model that found the landmarks.
    """

    folder: Path
    fps: Fraction
    image_size: int
    clips: tuple[Clip, ...]
    left_out: frozenset[str] = frozenset()
    landmarks: Landmarks = Landmarks.DLIB

    @property
    def landmark_count(self) -> int:
        """Number of landmarks of its clips: 68, or 78 with irises."""
        return int(self.clips[0].landmarks.shape[1])


@dataclass(frozen=True)
class Split:
    """The pieces for training, and those for validation, which chooses the best weights."""

    train: tuple[Piece, ...]
    val: tuple[Piece, ...]

    @property
    def digest(self) -> str:
        """Hash of the pieces on each side: 16 hexadecimal digits."""
        sides = [[(p.clip.folder.name, p.start, p.stop) for p in side] for side in (self.train, self.val)]
        return hashlib.sha256(json.dumps(sides).encode()).hexdigest()[:16]

    @property
    def sources(self) -> Sources:
        """The recordings on both sides."""
        return Sources(videos_of((*self.train, *self.val)), frozenset([self.digest]))


def videos_of(pieces: Iterable[Piece]) -> frozenset[str]:
    """Returns the sha256 of the videos of ``pieces``."""
    return frozenset(piece.clip.sha256 for piece in pieces)


def load_dataset(folder: Path) -> Dataset:
    """Reads a dataset made by ``obamanet prepare``; raises :class:`DatasetError` if it is absent, empty or damaged."""
    index_path = folder / "dataset.json"
    try:
        index = read_card(index_path)
    except CardError as error:
        raise DatasetError(f"not a prepared dataset: {error}; make one with: obamanet prepare") from None
    try:
        schema = index.whole("schema")
        if schema != DATASET_SCHEMA:
            raise DatasetError(
                f"{index_path}: dataset schema is {schema}, readable is {DATASET_SCHEMA}; prepare it anew"
            )
        names, fps = index.texts("clips"), parse_rate(index.text("fps"))
        image_size, landmarks = check_image_size(index.whole("image_size")), landmarks_of_card(index)
        for name in names:
            if Path(name).name != name:
                raise CardError(f"{index_path}: a clip's folder is named {name!r}")
        rejects = index.parts("rejects") if index.has("rejects") else []
        left_out = frozenset(Path(one.text("source")).stem for one in rejects if not one.has("first"))
    except CardError as error:
        raise DatasetError(f"dataset is damaged: {error}; prepare it anew") from None
    except OptionError as error:
        raise DatasetError(f"dataset is damaged: {index_path}: {error}; prepare it anew") from None
    clips = [_load_clip(folder / "clips" / name) for name in names]
    if not clips:
        raise DatasetError(f"{index_path}: the dataset has no clips; see its rejects for the reasons")
    # Clips prepared by an older version have no irises.
    points = min(clip.landmarks.shape[1] for clip in clips)
    alike = tuple(replace(clip, landmarks=clip.landmarks[:, :points], raw=clip.raw[:, :points]) for clip in clips)
    return Dataset(folder, fps, image_size, alike, left_out, landmarks)


def check_image_size(size: int) -> int:
    """Returns ``size``, the side of a square portrait in pixels.

    Raises :class:`OptionError` unless it is a power of two from MIN_IMAGE_SIZE to MAX_IMAGE_SIZE.
    """
    if not isinstance(size, int) or not MIN_IMAGE_SIZE <= size <= MAX_IMAGE_SIZE or size & (size - 1):
        raise OptionError(f"image size must be a power of two from {MIN_IMAGE_SIZE} to {MAX_IMAGE_SIZE}: got {size!r}")
    return size


def split_dataset(dataset: Dataset, *, val_share: float = 0.1, split_file: Path | None = None, seed: int = 1) -> Split:
    """Splits the dataset's pieces into training and validation.

    Args:
        dataset: the dataset.
        val_share: share of the pieces for validation, above 0 and below 1; without ``split_file`` only.
        split_file: JSON with lists of clip names under "train" and "val"; other clips are left out. A clip's name is
            that of its video, without suffix, or that of its folder.
        seed: of the random choice of validation pieces.

    Raises:
        OptionError: ``val_share`` is out of range.
        DatasetError: a side is empty, or the split file is unreadable or names clips wrongly.
    """
    if split_file is not None:
        train, val = _named_pieces(dataset, split_file)
    else:
        if not 0 < val_share < 1:
            raise OptionError(f"validation share is out of range: got {val_share}, allowed is above 0 and below 1")
        pieces = [piece for clip in dataset.clips for piece in _pieces(clip, dataset.fps)]
        if len(pieces) < 2:
            raise DatasetError(
                f"{dataset.folder}: {len(pieces)} piece of footage, at least 2 are needed to train and validate"
            )
        random.Random(seed).shuffle(pieces)
        count = max(1, round(val_share * len(pieces)))
        val, train = pieces[:count], pieces[count:]
    if not train or not val:
        raise DatasetError(
            f"{dataset.folder}: {len(train)} pieces to train and {len(val)} to validate; both are needed"
        )
    return Split(tuple(train), tuple(val))


def _load_clip(folder: Path) -> Clip:
    try:
        about = read_card(folder / "clip.json")
        name, source, sha256 = about.text("name"), about.text("source"), about.part("key").text("sha256")
        track = read_arrays(folder / "track.npz")
        _check_track(track, folder / "track.npz")
        left, top, side = (float(value) for value in track["box"])
        width, height = (int(value) for value in track["frame_size"])
    except (CardError, OverflowError) as error:
        raise DatasetError(f"prepared clip is damaged: {error}; run obamanet prepare again") from None
    return Clip(
        name=name,
        folder=folder,
        source=source,
        landmarks=track["landmarks"],
        raw=track["raw"],
        segment=track["segment"],
        box=CropBox(left, top, side),
        frame_size=(width, height),
        sha256=sha256,
    )


def _check_track(track: dict[str, np.ndarray], path: Path) -> None:
    """Raises :class:`CardError` when the arrays of a clip, read from ``path``, have wrong shapes or values."""
    segment, box, size = track["segment"], track["box"], track["frame_size"]
    if segment.ndim != 1 or not len(segment) or segment.dtype.kind != "i" or segment.max() < 0:
        raise CardError(
            f"{path}: segment must be (T,) whole numbers with a face in one frame at least, got {segment.shape}"
        )
    for name in ("landmarks", "raw"):
        allowed = [(len(segment), count, 2) for count in (LANDMARK_COUNT, LANDMARKS_WITH_IRISES)]
        if track[name].shape not in allowed or track[name].dtype.kind != "f":
            raise CardError(f"{path}: {name} must be {' or '.join(map(str, allowed))} numbers, got {track[name].shape}")
    if track["landmarks"].shape != track["raw"].shape:
        raise CardError(f"{path}: landmarks and raw ones differ in number")
    if not np.isfinite(track["landmarks"][segment >= 0]).all():
        raise CardError(f"{path}: landmarks of a face are no numbers")
    if box.shape != (3,) or size.shape != (2,) or not np.isfinite(box).all() or box[2] <= 0 or size.min() < 1:
        raise CardError(f"{path}: the square has no place or no size")


def _pieces(clip: Clip, fps: Fraction) -> list[Piece]:
    longest = round(PIECE_SECONDS * fps)
    guard = round(GUARD_SECONDS * fps)
    pieces = []
    before = -guard
    for number in range(int(clip.segment.max()) + 1):
        frames = np.flatnonzero(clip.segment == number)
        start, stop = int(frames[0]), int(frames[-1]) + 1
        for left in range(start, stop, longest):
            right = min(left + longest, stop)
            piece = Piece(clip, max(left, before + guard), right)
            if piece.stop - piece.start >= fps:
                pieces.append(piece)
                before = right
    return pieces


def _named_pieces(dataset: Dataset, split_file: Path) -> tuple[list[Piece], list[Piece]]:
    """Returns the pieces of the clips that ``split_file`` names for training and for validation."""
    named = _read_split(split_file)
    sharing = Counter(clip.name for clip in dataset.clips)
    for name in sorted(named["train"] | named["val"]):
        if sharing[name] > 1:
            folders = ", ".join(clip.folder.name for clip in dataset.clips if clip.name == name)
            raise DatasetError(f"{split_file}: {sharing[name]} clips are named {name!r}; name their folders: {folders}")
    _check_names(dataset, named["train"] | named["val"], split_file)
    train, val = (
        [clip for clip in dataset.clips if not named[side].isdisjoint((clip.name, clip.folder.name))]
        for side in ("train", "val")
    )
    for side, clips in (("train", train), ("val", val)):
        if not clips:
            raise DatasetError(
                f"{split_file}: {side!r} names no clip of the dataset: it has {_few(named[side])}; "
                f"{dataset.folder} has {_few(clip.name for clip in dataset.clips)}"
            )
    both = {clip.folder.name for clip in train} & {clip.folder.name for clip in val}
    if both:
        raise DatasetError(f"{split_file}: {min(both)} is named for training and for validation; one is allowed")
    return (
        [piece for clip in train for piece in _pieces(clip, dataset.fps)],
        [piece for clip in val for piece in _pieces(clip, dataset.fps)],
    )


def _check_names(dataset: Dataset, named: set[str], split_file: Path) -> None:
    """Raises :class:`DatasetError` for names of no clip; a video that prepare left out may be named."""
    names = {name for clip in dataset.clips for name in (clip.name, clip.folder.name)}
    unknown = sorted(named - names - dataset.left_out)
    if not unknown:
        return
    shown = ", ".join(map(repr, unknown[:NAMES_SHOWN]))
    more = f" and {len(unknown) - NAMES_SHOWN} more" if len(unknown) > NAMES_SHOWN else ""
    near = get_close_matches(unknown[0], sorted(names), 1)
    hint = f"; perhaps {near[0]!r} is meant" if near else ""
    raise DatasetError(f"{split_file}: no clip in {dataset.folder} is named {shown}{more}{hint}")


def _few(names: Iterable[str]) -> str:
    """Returns the first of the sorted ``names``, and their number where some are left out."""
    ordered = sorted(names)
    more = f", ... ({len(ordered)} names)" if len(ordered) > NAMES_SHOWN else ""
    return (", ".join(ordered[:NAMES_SHOWN]) or "no name") + more


def _read_split(path: Path) -> dict[str, set[str]]:
    try:
        content = read_card(path)
        return {side: set(content.texts(side)) for side in ("train", "val")}
    except CardError as error:
        raise DatasetError(f'not a split file: {error}; needed is JSON with "train" and "val" lists of names') from None
