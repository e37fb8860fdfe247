"""Extracts the faces of a person: aligned and raw pictures, masks, the alignments file and a page that shows them.

DIR/NAME_0.png                          aligned face, as in the folders of deepfakes/faceswap
DIR/raw/NAME_0.png                      the face as it is in the frame
DIR/masks/hull/NAME_0.png               mask of the face, what hides it taken out
DIR/masks/mouth/NAME_0.png              mask of the mouth's inside
DIR/binary_masks/face_src_eyes/NAME_0.png    mask of the eyes, face_dst_eyes for the other side
DIR/alignments.jsonl, DIR/index.html, DIR/sources.json
DIR/person_1/ ...                       the same for everybody else who is seen
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

import numpy as np

from obamanet.background import closed_after
from obamanet.errors import DatasetError, FaceError, OptionError
from obamanet.face.identity import FaceEmbedder
from obamanet.files import atomic_write_text
from obamanet.pix2pix.page import Picture, number, page
from obamanet.pix2pix.pictures import new_folder, read_picture, write_picture
from obamanet.progress import Progress
from obamanet.render.crop import cut_square
from obamanet.render.picture_quality import laplacian_sharpness
from obamanet.sources import Sources, add_sources
from obamanet.swap.alignments import (
    ALIGNMENTS_FILE,
    Alignments,
    AlignmentsHead,
    Face,
    of_frame,
    write_alignments,
)
from obamanet.swap.face_finder import FaceModel, by_person, embedding_of, find_faces, load_face_model
from obamanet.swap.face_masks import EyeMask, eyes_mask, hull_mask, mouth_mask, occlusion_mask
from obamanet.swap.face_sources import FaceSource, open_source
from obamanet.swap.umeyama import alignment, transform, warp
from obamanet.types import CropBox

ALIGNED_SIZE: Final = 256
"""Pixels. Default side of the aligned pictures."""

RAW_MARGIN: Final = 0.3
"""Margin around the landmarks in a raw picture, as a share of the face's longer side."""

SHEET_FACES: Final = 200
"""Largest number of faces on the page of a folder, spread over all of them."""

HULL, MOUTH_INSIDE, RAW = "masks/hull", "masks/mouth", "raw"
"""Folders of masks and raw pictures, in a folder of faces."""


class Side(StrEnum):
    """Which side of a swap a person is; the eyes' masks are named after it."""

    SRC = "src"
    DST = "dst"

    @property
    def eyes(self) -> str:
        """Folder of the eyes' masks, in a folder of faces."""
        return f"binary_masks/face_{self}_eyes"


@dataclass(frozen=True)
class ExtractOptions:
    """How faces are extracted.

    Attributes:
        size: side of the aligned pictures, pixels.
        detector: what finds faces and landmarks.
        eye_mask: how the eyes' masks are made.
        side: which side of the swap the person is.
        every: of a video, every how many frames one is saved.
        min_size: width of the smallest face that is saved, pixels.
        min_sharpness: least variance of the Laplacian of an aligned face that is saved, squared grey levels.
        like: picture of the person to extract; None for the one who is seen longest.
        cut_occlusion: whether what hides the face is taken out of its mask.

    Raises:
        OptionError: a value is out of range.
    """

    size: int = ALIGNED_SIZE
    detector: FaceModel = FaceModel.MESH
    eye_mask: EyeMask = EyeMask.ELLIPSE
    side: Side = Side.SRC
    every: int = 1
    min_size: float = 40.0
    min_sharpness: float = 0.0
    like: Path | None = None
    cut_occlusion: bool = True

    def __post_init__(self) -> None:
        """Checks the values."""
        if not 64 <= self.size <= 1024:
            raise OptionError(f"size of aligned pictures must be from 64 to 1024: got {self.size}")
        if self.every < 1:
            raise OptionError(f"every must be at least 1: got {self.every}")
        if not 0 <= self.min_size < np.inf or not 0 <= self.min_sharpness < np.inf:
            raise OptionError(f"least size and sharpness must be at least 0: got {self.min_size}, {self.min_sharpness}")


@dataclass(frozen=True)
class ExtractReport:
    """What was extracted: ``folder``, its ``faces``, the number of ``frames``, ``unreadable`` items with the reason."""

    folder: Path
    faces: tuple[Face, ...]
    frames: int
    unreadable: tuple[str, ...]

    @property
    def saved(self) -> int:
        """Number of faces of the person who was extracted."""
        return sum(face.person == 0 and not face.rejected for face in self.faces)

    @property
    def without_face(self) -> int:
        """Number of frames or pictures that were read and show no face."""
        return self.frames - len({face.frame for face in self.faces})


@dataclass(frozen=True)
class FacePictures:
    """The pictures of one face: ``aligned`` and ``raw`` uint8 BGR, and masks ``hull``, ``mouth`` and ``eyes`` uint8."""

    aligned: np.ndarray
    raw: np.ndarray
    hull: np.ndarray
    mouth: np.ndarray
    eyes: np.ndarray


def extract(
    source: Path, out: Path, options: ExtractOptions | None = None, progress: Progress | None = None
) -> ExtractReport:
    """Extracts the faces of ``source`` into the folder ``out``, whole or not at all.

    Args:
        source: a video, a picture, a folder of both, or a zip.
        out: the folder to make; one that is not empty is refused.
        options: how.
        progress: is told how far it is.

    Raises:
        ObamanetError: the source cannot be read, holds no face, or not that of the person asked for; or the folder
            cannot be written.
    """
    options, progress = options or ExtractOptions(), progress or Progress()
    with new_folder(out) as part, open_source(source, part) as opened:
        model, embedder = load_face_model(options.detector), FaceEmbedder()
        wanted = embedding_of(options.like, read_picture(options.like), model, embedder) if options.like else None
        frames = progress.track(opened.frames(), "finding faces", opened.count())
        found = find_faces(frames, model, embedder)
        if not found.faces:
            raise FaceError(f"no face in any of {found.frames} frames: {source}")
        faces = by_person(found, wanted)
        if not any(face.person == 0 for face in faces):
            raise FaceError(f"none of the faces is the person in {options.like}: {source}")
        written = _write(opened, faces, part, options, progress)
        saved = [face for face in written if not face.rejected]
        if not saved:
            raise DatasetError(f"no face was good enough, the first: {written[0].rejected}; see --min-size: {source}")
        head = AlignmentsHead(
            opened.name,
            next(iter(opened.sha256()), "") if opened.video else "",
            str(opened.fps or ""),
            found.frames,
            str(options.detector),
        )
        write_alignments(part / ALIGNMENTS_FILE, Alignments(head, written))
        add_sources(part, Sources(opened.sha256()))
        _write_sheets(part, written)
        unreadable = tuple(opened.unreadable)
    for line in unreadable:
        progress.note(f"left out: {line}")
    return ExtractReport(out, written, found.frames, unreadable)


def cut_face(image: np.ndarray, landmarks: np.ndarray, options: ExtractOptions) -> FacePictures:
    """Returns the pictures of the face at ``landmarks`` (68, 2) of ``image`` (H, W, 3) uint8 BGR."""
    matrix = alignment(landmarks, options.size)
    aligned, points = warp(image, matrix, options.size), transform(landmarks, matrix)
    size = (options.size, options.size)
    hull = hull_mask(points, size)
    if options.cut_occlusion:
        hull = np.where(occlusion_mask(aligned, points, hull) > 0, 0, hull).astype(np.uint8)
    low, high = landmarks.min(axis=0), landmarks.max(axis=0)
    side = float((high - low).max()) * (1 + 2 * RAW_MARGIN)
    left, top = ((low + high) / 2 - side / 2).tolist()
    raw = cut_square(image, CropBox(left, top, side), max(1, round(side)))
    return FacePictures(aligned, raw, hull, mouth_mask(points, size), eyes_mask(points, size, options.eye_mask))


def person_folder(folder: Path, person: int) -> Path:
    """Returns where the faces of ``person`` are below ``folder``: there itself for number 0."""
    return folder / f"person_{person}" if person else folder


def _write(
    source: FaceSource, faces: tuple[Face, ...], folder: Path, options: ExtractOptions, progress: Progress
) -> tuple[Face, ...]:
    """Writes the pictures of the faces that are good enough; returns all faces with what was measured."""
    by_frame, written = of_frame(faces), []
    last = max(by_frame)
    with closed_after(source.frames()) as frames:
        for index, frame in enumerate(progress.track(frames, "cutting faces", last + 1)):
            for face in by_frame.get(index, []):
                pictures = cut_face(frame.image, face.landmarks, options)
                measured = replace(face, sharpness=laplacian_sharpness(pictures.aligned))
                measured = replace(measured, rejected=_fault(measured, options))
                written.append(measured)
                if not measured.rejected:
                    _save(pictures, person_folder(folder, face.person), face.file, options.side)
            if index == last:
                break
    return tuple(written)


def _fault(face: Face, options: ExtractOptions) -> str:
    """Returns why ``face`` is not saved, "" where it is."""
    if face.size < options.min_size:
        return f"{face.size:.0f} px wide, least is {options.min_size:.0f}"
    if face.sharpness < options.min_sharpness:
        return f"sharpness {face.sharpness:.0f}, least is {options.min_sharpness:.0f}"
    if face.frame % options.every:
        return f"one of {options.every} frames is saved"
    return ""


def _save(pictures: FacePictures, folder: Path, name: str, side: Side) -> None:
    places = {
        "": pictures.aligned,
        RAW: pictures.raw,
        HULL: pictures.hull,
        MOUTH_INSIDE: pictures.mouth,
        side.eyes: pictures.eyes,
    }
    for place, picture in places.items():
        (folder / place).mkdir(parents=True, exist_ok=True)
        write_picture(folder / place / f"{name}.png", picture)


def _write_sheets(folder: Path, faces: tuple[Face, ...]) -> None:
    """Writes the page of each person: faces by track, the sharpest first, and those that were left out."""
    for person in sorted({face.person for face in faces if not face.rejected}):
        own = [face for face in faces if face.person == person]
        saved = sorted((f for f in own if not f.rejected), key=lambda f: (f.track, -f.sharpness))
        shown = saved[:: -(-len(saved) // SHEET_FACES)]
        rows: list[list[str | Picture]] = [
            [Picture(f"{face.file}.png", face.file), face.file, str(face.track), number(face.sharpness, 0), ""]
            for face in shown
        ]
        rejected = [face for face in own if face.rejected]
        rows += [["", face.file, str(face.track), number(face.sharpness, 0), face.rejected] for face in rejected[:50]]
        title = f"{len(saved)} faces of person {person}, {len(rejected)} left out"
        columns = ["face", "name", "track", "sharpness", "left out because"]
        atomic_write_text(person_folder(folder, person) / "index.html", page(title, columns, rows))
