"""Converts: swaps the faces of a video, a folder of pictures or one picture by a trained model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from obamanet.about import SOFTWARE
from obamanet.background import in_background
from obamanet.errors import DatasetError, FaceError, OptionError
from obamanet.face.identity import SAME_PERSON_DISTANCE, FaceEmbedder
from obamanet.files import atomic_path, sha256_of
from obamanet.pipelines.labelled import Label, write_labelled
from obamanet.pix2pix.pictures import new_folder, read_picture
from obamanet.progress import Progress
from obamanet.provenance import SigningKey, Synthetic
from obamanet.swap.alignments import Face, of_frame, read_alignments
from obamanet.swap.extract_faces import ALIGNED_SIZE
from obamanet.swap.face_finder import FaceModel, FoundFaces, embedding_of, find_faces, load_face_model
from obamanet.swap.face_set import shown_matrix
from obamanet.swap.face_sources import FaceSource, is_picture, open_source
from obamanet.swap.smooth_tracks import face_matrices, load_filter
from obamanet.swap.swap_face import BlendOptions, Painter, PlacedFace, panes, swap_faces
from obamanet.swap.swap_model import Direction, SwapModel
from obamanet.swap.umeyama import alignment, transform
from obamanet.video.reader import probe_video, read_frames
from obamanet.video.sound_encoder import SoundSpan

FRAMES_AHEAD: Final = 4
"""Frames that are swapped ahead of the encoder."""

JPEG_QUALITY: Final = 95
"""Of Pillow; above it files grow and nothing is gained."""


@dataclass(frozen=True)
class ConvertOptions:
    """What is converted, and how.

    Attributes:
        blend: how faces are put in.
        detector: what finds faces.
        track: number of the face to swap, as in an alignments file; None for the one that is seen most.
        like: picture of the person to swap; None for the face of each frame that is seen most.
        every_face: whether all faces are swapped.
        start: seconds of the video before which frames stay as they are.
        end: seconds of the video from which on they do; None for its end.
        smooth: whether places of faces are steadied over time.
        alignments: alignments file to take faces from; None to find them.
        key: who signs; None for the local key.

    Raises:
        OptionError: more than one face is chosen, or the times are no stretch.
    """

    blend: BlendOptions = field(default_factory=BlendOptions)
    detector: FaceModel = FaceModel.MESH
    track: int | None = None
    like: Path | None = None
    every_face: bool = False
    start: float = 0.0
    end: float | None = None
    smooth: bool = True
    alignments: Path | None = None
    key: SigningKey | None = None

    def __post_init__(self) -> None:
        """Checks the choice and the times."""
        if sum((self.track is not None, self.like is not None, self.every_face)) > 1:
            raise OptionError("choose the face by --track, --like or --every-face, not by two of them")
        if not self.start >= 0 or (self.end is not None and not self.start < self.end):
            raise OptionError(f"start must be at least 0 and before the end: got {self.start} and {self.end}")


def convert(
    source: Path,
    out: Path,
    model: SwapModel,
    direction: Direction,
    painter: Painter,
    options: ConvertOptions | None = None,
    progress: Progress | None = None,
) -> Path:
    """Swaps the faces of ``source``.

    Args:
        source: a video, a picture, or a folder of pictures.
        out: the mp4, the picture (.png, or .jpg with its losses) or the folder to write.
        model: which the ``painter`` was loaded from; its names go into what is written.
        direction: whose face is painted.
        painter: paints the faces.
        options: what and how.
        progress: is told how far it is.

    Returns:
        ``out``.

    Raises:
        ObamanetError: the source cannot be read, has not the face, or the output cannot be written or signed.
    """
    options, progress = options or ConvertOptions(), progress or Progress()
    if source.is_dir():
        with new_folder(out) as part:
            _convert(source, part, model, direction, painter, options, progress)
    else:
        _convert(source, out, model, direction, painter, options, progress)
    return out


def _convert(
    source: Path,
    out: Path,
    model: SwapModel,
    direction: Direction,
    painter: Painter,
    options: ConvertOptions,
    progress: Progress,
) -> None:
    """Does what :func:`convert` does, into the existing folder ``out`` where the source is one."""
    if source.suffix.lower() == ".zip":
        raise DatasetError(f"a zip cannot be converted, unpack it first: {source}")
    with open_source(source, out.absolute().parent) as opened:
        if source.is_dir() and (videos := [path.name for path in opened.items if not is_picture(path)]):
            raise DatasetError(f"folder holds the video {videos[0]}; convert it by itself: {source}")
        _check_times(opened, options)
        if opened.video is not None and options.smooth:
            load_filter()
        found = _faces(opened, options, progress)
        chosen = choose_faces(found, options, opened)
        label = _label(model, direction, options.key)
        if opened.video is not None:
            _convert_video(opened.video, out, chosen, found.frames, painter, label, options, progress)
        else:
            _convert_pictures(opened, out, chosen, painter, label, options, progress)
        for line in opened.unreadable:
            progress.note(f"left out: {line}")


def _check_times(source: FaceSource, options: ConvertOptions) -> None:
    """Raises :class:`OptionError` for times of pictures, and for a start after the video's end."""
    if source.video is None:
        if options.start or options.end is not None:
            raise OptionError(f"--start and --end are for videos: {source.name}")
    elif options.start >= (duration := probe_video(source.video).duration):
        raise OptionError(f"start must be before the video's end at {duration:.2f} s: got {options.start:g}")


def choose_faces(found: FoundFaces, options: ConvertOptions, source: FaceSource) -> tuple[Face, ...]:
    """Returns the faces to swap.

    Raises:
        FaceError: there is none, or none is the one asked for.
    """
    if not found.faces:
        raise FaceError(f"no face in any of {found.frames} frames: {source.name}")
    if options.every_face:
        return found.faces
    if options.track is not None:
        chosen = tuple(face for face in found.faces if face.track == options.track)
        known = sorted({face.track for face in found.faces})
        if not chosen:
            shown = ", ".join(map(str, known[:10])) + (", ..." if len(known) > 10 else "")
            raise FaceError(f"no face has the track {options.track}, there are {shown}: {source.name}")
        return chosen
    if options.like is not None:
        model, embedder = load_face_model(options.detector), FaceEmbedder()
        wanted = embedding_of(options.like, read_picture(options.like), model, embedder)
        apart = {track: float(np.linalg.norm(vector - wanted)) for track, vector in found.embeddings.items()}
        chosen = tuple(face for face in found.faces if apart.get(face.track, np.inf) <= SAME_PERSON_DISTANCE)
        if not chosen:
            raise FaceError(f"none of the faces is the person in {options.like}: {source.name}")
        return chosen
    # An alignments file tells persons apart, of whom number 0 was asked for; otherwise all have that number.
    persons = [face for face in found.faces if face.person == 0]
    if not persons:
        raise FaceError(f"no face is of person 0, choose one by --track: {source.name}")
    # In every frame the face whose track is the largest over all of its frames: two of a size do not alternate.
    extent: dict[int, float] = {}
    for face in persons:
        extent[face.track] = extent.get(face.track, 0.0) + face.size
    return tuple(max(faces, key=lambda face: extent[face.track]) for faces in of_frame(persons).values())


class PlacedFaces(Mapping[int, list[PlacedFace]]):
    """Faces by the number of their frame, each with its similarity to a painter's picture.

    They are worked out when they are asked for, since a long video has very many.

    Args:
        faces: in the order of frames.
        size: side of the painter's pictures, pixels.
        smooth: whether they are steadied over time.
    """

    def __init__(self, faces: tuple[Face, ...], size: int, *, smooth: bool) -> None:
        self._faces, self._smooth = faces, smooth
        self._matrices = face_matrices(faces, ALIGNED_SIZE, smooth=smooth)
        self._frames = np.array([face.frame for face in faces], int)
        self._shown = np.vstack([shown_matrix(ALIGNED_SIZE, size), [0, 0, 1]])

    def __getitem__(self, frame: int) -> list[PlacedFace]:
        first, end = np.searchsorted(self._frames, [frame, frame + 1])
        if first == end:
            raise KeyError(frame)
        return [self._placed(index) for index in range(first, end)]

    def __iter__(self) -> Iterator[int]:
        return iter(np.unique(self._frames).tolist())

    def __len__(self) -> int:
        return len(np.unique(self._frames))

    def _placed(self, index: int) -> PlacedFace:
        landmarks, matrix = self._faces[index].landmarks, self._matrices[index]
        if self._smooth:
            # The landmarks go where the steadied square goes, or the mask's edge would tremble around a face that does
            # not.
            aligned = transform(landmarks, alignment(landmarks, ALIGNED_SIZE))
            landmarks = transform(aligned, cv2.invertAffineTransform(matrix))
        return PlacedFace(landmarks, (self._shown @ np.vstack([matrix, [0, 0, 1]]))[:2])


def _faces(source: FaceSource, options: ConvertOptions, progress: Progress) -> FoundFaces:
    """Returns the faces of the alignments file, or those that are found."""
    embedder = FaceEmbedder() if options.like is not None else None
    if options.alignments is None:
        frames = progress.track(source.frames(), "finding faces", source.count())
        return find_faces(frames, load_face_model(options.detector), embedder)
    if embedder is not None:
        raise OptionError("with --alignments, choose the face by --track: the file tells each one's")
    read = read_alignments(options.alignments)
    if source.video is None:
        # Pictures are known by their names: some may have been added or removed since.
        numbers = {path.stem: number for number, path in enumerate(source.items)}
        faces = [replace(face, frame=numbers[face.name]) for face in read.faces if face.name in numbers]
        if not faces:
            raise DatasetError(f"alignments are of other pictures, {read.head.source}: {options.alignments}")
        return FoundFaces(tuple(sorted(faces, key=lambda face: (face.frame, face.number))), len(source.items), {})
    if read.head.sha256 not in ("", sha256_of(source.video)):
        raise DatasetError(f"alignments are of another video, {read.head.source}: {options.alignments}")
    return FoundFaces(read.faces, read.head.frames, {})


def _label(model: SwapModel, direction: Direction, key: SigningKey | None) -> Label:
    consent = model.consent
    painted, under = model.names(direction)
    return Label(
        Synthetic.INPAINTED,
        (consent.a, consent.b),
        f"Synthetic: the face of {painted} was put in the place of {under}'s by {SOFTWARE}. {consent.statement}",
        key,
        subject="swapped faces",
        note=f"{painted}'s face is in the place of {under}'s. {consent.statement}",
    )


def _convert_video(
    video: Path,
    out: Path,
    faces: tuple[Face, ...],
    count: int,
    painter: Painter,
    label: Label,
    options: ConvertOptions,
    progress: Progress,
) -> None:
    info = probe_video(video)
    images = (frame.image for frame in read_frames(video, info.fps))
    swapped = in_background(swapped_frames(images, faces, info.fps, painter, options), FRAMES_AHEAD)
    duration = count / info.fps
    sound = [SoundSpan(video, duration=duration, until=duration)] if info.has_sound else []
    with closing(swapped):
        write_labelled(swapped, count, info.fps, sound, out, label, progress, "swapping faces")


def swapped_frames(
    images: Iterator[np.ndarray], faces: tuple[Face, ...], fps: Fraction, painter: Painter, options: ConvertOptions
) -> Iterator[np.ndarray]:
    """Yields the frames of a video with swapped faces; those outside the time range, or without a face, unchanged.

    Args:
        images: frames (H, W, 3) uint8 BGR.
        faces: to swap.
        fps: frames per second.
        painter: paints them.
        options: what and how.
    """
    placed = PlacedFaces(faces, painter.size, smooth=options.smooth)
    first, end = round(options.start * fps), None if options.end is None else round(options.end * fps)
    for number, image in enumerate(images):
        inside = number >= first and (end is None or number < end)
        result, weights = swap_faces(image, placed.get(number, []) if inside else [], painter, options.blend)
        yield panes(image, result, weights, options.blend.panes)


def _convert_pictures(
    source: FaceSource,
    out: Path,
    faces: tuple[Face, ...],
    painter: Painter,
    label: Label,
    options: ConvertOptions,
    progress: Progress,
) -> None:
    """Writes each picture of ``source`` into the folder ``out``, or the only one as the file ``out``."""
    placed = PlacedFaces(faces, painter.size, smooth=False)
    numbers = {face.name: face.frame for face in faces}
    for frame in progress.track(source.frames(), "swapping faces", source.count()):
        here = placed[numbers[frame.name]] if frame.name in numbers else []
        result, weights = swap_faces(frame.image, here, painter, options.blend)
        path = out / f"{frame.name}.png" if out.is_dir() else out
        write_signed(panes(frame.image, result, weights, options.blend.panes), path, label)


def write_signed(picture: np.ndarray, path: Path, label: Label) -> None:
    """Writes ``picture`` (H, W, 3) uint8 BGR as a PNG, lossless, or a JPEG that says what it is, signed.

    Raises:
        OutputError: it cannot be written.
        ProvenanceError: it cannot be signed.
    """
    from PIL import Image, PngImagePlugin

    image = Image.fromarray(np.ascontiguousarray(picture[..., ::-1]))
    with atomic_path(path) as part:
        if path.suffix.lower() == ".png":
            told = PngImagePlugin.PngInfo()
            told.add_itxt("Description", label.comment)
            image.save(part, "PNG", pnginfo=told)
        else:
            image.save(part, "JPEG", quality=JPEG_QUALITY, subsampling=0, comment=label.comment)
        label.sign(part, path.name)
