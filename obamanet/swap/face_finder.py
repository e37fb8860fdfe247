"""Finds all faces of a video or of pictures, each followed as its own, and tells whose they are."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

import cv2
import numpy as np

from obamanet.constants import LANDMARK_COUNT
from obamanet.errors import OptionError
from obamanet.face.identity import SAME_PERSON_DISTANCE, FaceEmbedder, main_face
from obamanet.face.mesh_landmarker import MIN_SCORE, MeshLandmarker
from obamanet.swap.alignments import Face, face_width

MAX_MOVE: Final = 0.7
"""Widths of the face. Larger distance between where a face was expected and where one is: they are two faces."""

MAX_LOST: Final = 25
"""Frames after which a face that is not seen is given up; it then comes back under another number."""

VELOCITY_SHARE: Final = 0.5
"""Share of the newest step in a face's velocity; the rest is what it was before."""

CUT_DIFFERENCE: Final = 40.0
"""Grey levels (of 255). Mean difference of two small frames from which on there is a cut between them."""

CUT_SIDE: Final = 16
"""Pixels: side of those small frames."""

IDENTITY_STEP: Final = 25
"""Frames of a track between two embeddings of its face."""


class FaceModel(StrEnum):
    """What finds faces and landmarks."""

    MESH = "mesh"
    """BlazeFace and the face mesh, of the program."""

    DLIB = "dlib"
    """dlib's HOG detector and 68-point model; not for commercial use."""

    MTCNN = "mtcnn"
    """Known, and refused: see :func:`load_face_model`."""


@dataclass(frozen=True)
class SourceFrame:
    """A frame or a picture.

    Attributes:
        name: of its own, without suffix.
        image: shape (H, W, 3) uint8 BGR.
        first: whether nothing came before it in the same recording: the first frame of a video, and every picture.
    """

    name: str
    image: np.ndarray
    first: bool


class ManyFaces(Protocol):
    """Finds the landmarks of every face, frame by frame."""

    def find(self, image: np.ndarray) -> list[np.ndarray]:
        """Returns the landmarks (68, 2) of every face in the next frame (H, W, 3) uint8 BGR, the largest first."""
        ...

    def restart(self) -> None:
        """Begins anew, as after a cut."""
        ...


class MeshFaces:
    """All faces by the face mesh, a :class:`ManyFaces`.

    The follower looks for further faces every half a second only; here a large one that it does not follow yet is
    looked at in every frame, or a person who comes back would be shown for that long with the face left as it is.
    """

    def __init__(self) -> None:
        self._landmarker = MeshLandmarker()
        self._follower = self._landmarker.follow()

    def find(self, image: np.ndarray) -> list[np.ndarray]:
        """Returns the landmarks (68, 2) of every face in the next frame, the largest first."""
        self._follower.next(image)
        found: list[np.ndarray] = []
        for every in [*self._follower.all_landmarks, *self._others(image)]:
            landmarks = every[:LANDMARK_COUNT].copy()
            # Where one face passes before another, both tracks may end on the one in front.
            if not any(_is_one_face(landmarks, other) for other in found):
                found.append(landmarks)
        return sorted(found, key=face_width, reverse=True)

    def restart(self) -> None:
        """Begins anew, as after a cut."""
        self._follower = self._landmarker.follow()

    def _others(self, image: np.ndarray) -> Iterator[np.ndarray]:
        """Yields the landmarks (78, 2) of large faces that are not followed."""
        followed = self._follower.all_landmarks
        for face in self._landmarker.detector.detect_large(image):
            middle = (face.box[:2] + face.box[2:]) / 2
            if all(np.linalg.norm(middle - other.mean(axis=0)) > 0.5 * face_width(other) for other in followed):
                seen = self._landmarker.mesh.look(image, face)
                if seen.score >= MIN_SCORE:
                    yield seen.landmarks


class DlibFaces:
    """All faces by dlib, a :class:`ManyFaces`."""

    def __init__(self) -> None:
        from obamanet.face.detector import FaceDetector
        from obamanet.face.landmarks import LandmarkPredictor

        self._detector, self._predictor = FaceDetector(), LandmarkPredictor()

    def find(self, image: np.ndarray) -> list[np.ndarray]:
        """Returns the landmarks (68, 2) of every face in the next frame, the largest first."""
        return [self._predictor.predict(image, box) for box in self._detector.detect(image)]

    def restart(self) -> None:
        """Does nothing: every frame is looked at anew."""


def load_face_model(kind: FaceModel) -> ManyFaces:
    """Loads what finds faces.

    Raises:
        OptionError: MTCNN is asked for. Its package (mtcnn 1.0.0) keeps its weights as joblib files, which are pickles:
            loading one can run any code, so that this program loads none.
        FaceError: the models are not there.
    """
    if kind is FaceModel.MTCNN:
        raise OptionError(
            "mtcnn is refused: its package keeps its weights as pickles (joblib), and to load one can run any code; "
            "use --detector mesh or dlib"
        )
    return DlibFaces() if kind is FaceModel.DLIB else MeshFaces()


@dataclass
class _Known:
    """A face that is followed: where it was last, in which frame, and how it moved per frame."""

    track: int
    centre: np.ndarray
    width: float
    frame: int
    velocity: np.ndarray = field(default_factory=lambda: np.zeros(2))

    def expected(self, frame: int) -> np.ndarray:
        return self.centre + self.velocity * (frame - self.frame)


class TrackNumbers:
    """Gives the faces of each frame the numbers that they had before.

    A face is looked for where it was heading, so that two that cross keep their numbers; the nearest pairs are matched
    first.
    """

    def __init__(self) -> None:
        self._known: list[_Known] = []
        self._next = 0

    def assign(self, frame: int, faces: list[np.ndarray]) -> list[int]:
        """Returns the track of each of ``faces``, landmarks (68, 2), of frame number ``frame``."""
        self._known = [known for known in self._known if frame - known.frame <= MAX_LOST]
        centres = [face.mean(axis=0).astype(np.float64) for face in faces]
        pairs = sorted(
            (float(np.linalg.norm(known.expected(frame) - centre)) / max(known.width, 1e-6), index, which)
            for index, centre in enumerate(centres)
            for which, known in enumerate(self._known)
        )
        matched: dict[int, _Known] = {}
        taken: set[int] = set()
        for apart, index, which in pairs:
            if apart <= MAX_MOVE and index not in matched and which not in taken:
                matched[index] = self._known[which]
                taken.add(which)
        for index, centre in enumerate(centres):
            width = face_width(faces[index])
            known = matched.get(index)
            if known is None:
                matched[index] = known = _Known(self._next, centre, width, frame)
                self._known.append(known)
                self._next += 1
                continue
            step = (centre - known.centre) / max(1, frame - known.frame)
            known.velocity = VELOCITY_SHARE * step + (1 - VELOCITY_SHARE) * known.velocity
            known.centre, known.width, known.frame = centre, width, frame
        return [matched[index].track for index in range(len(faces))]

    def cut(self) -> None:
        """Forgets all faces: what comes next is another scene."""
        self._known = []


@dataclass(frozen=True)
class FoundFaces:
    """What was found.

    Attributes:
        faces: all of them, in the order of frames.
        frames: number of frames or pictures looked at.
        embeddings: mean face embedding (128,) by track; empty without an embedder.
    """

    faces: tuple[Face, ...]
    frames: int
    embeddings: dict[int, np.ndarray]


def find_faces(frames: Iterable[SourceFrame], model: ManyFaces, embedder: FaceEmbedder | None = None) -> FoundFaces:
    """Finds and follows all faces in one pass, with one frame in memory at a time.

    Args:
        frames: of a video, or pictures.
        model: finds the faces.
        embedder: tells whose faces they are; None where that is not asked.
    """
    numbers, cuts = TrackNumbers(), CutFinder()
    faces: list[Face] = []
    embedded: dict[int, list[np.ndarray]] = {}
    seen: dict[int, int] = {}
    count = 0
    for count, frame in enumerate(frames, 1):
        if cuts.is_cut(frame.image) or frame.first:
            model.restart()
            numbers.cut()
        found = model.find(frame.image)
        for number, (landmarks, track) in enumerate(zip(found, numbers.assign(count - 1, found), strict=True)):
            faces.append(Face(count - 1, frame.name, number, track, 0, landmarks, size=face_width(landmarks)))
            if embedder is not None and seen.get(track, 0) % IDENTITY_STEP == 0:
                embedded.setdefault(track, []).append(embedder.embed(frame.image, landmarks))
            seen[track] = seen.get(track, 0) + 1
    means = {track: np.mean(vectors, axis=0) for track, vectors in embedded.items()}
    return FoundFaces(tuple(faces), count, means)


class CutFinder:
    """Tells, frame by frame, whether another scene begins."""

    def __init__(self) -> None:
        self._before: np.ndarray | None = None

    def is_cut(self, image: np.ndarray) -> bool:
        """Returns whether there is a cut between the frame before and ``image`` (H, W, 3) uint8."""
        small = cv2.resize(image, (CUT_SIDE, CUT_SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
        before, self._before = self._before, small
        return before is not None and float(np.abs(small - before).mean()) > CUT_DIFFERENCE


def by_person(found: FoundFaces, wanted: np.ndarray | None = None) -> tuple[Face, ...]:
    """Returns the faces with the numbers of their persons, by the embeddings of their tracks.

    Args:
        found: with embeddings.
        wanted: embedding (128,) of the person to be number 0; None for the one who is seen longest.

    Returns:
        The faces; persons are numbered by how long they are seen, after number 0. Without embeddings all have 0.
    """
    tracks = sorted(found.embeddings)
    if not tracks:
        return found.faces
    duration = np.array([sum(face.track == track for face in found.faces) for track in tracks], np.float64)
    vectors = np.stack([found.embeddings[track] for track in tracks])
    person = np.full(len(tracks), -1)
    number = itertools.count()
    if wanted is not None:
        person[np.linalg.norm(vectors - wanted, axis=1) <= SAME_PERSON_DISTANCE] = next(number)
    while (left := np.flatnonzero(person < 0)).size:
        middle = main_face(vectors[left], duration[left])
        same = left[np.linalg.norm(vectors[left] - middle, axis=1) <= SAME_PERSON_DISTANCE]
        person[same if same.size else left[:1]] = next(number)
    numbers = dict(zip(tracks, person.tolist(), strict=True))
    return tuple(replace(face, person=numbers[face.track]) for face in found.faces)


def embedding_of(picture: Path, image: np.ndarray, model: ManyFaces, embedder: FaceEmbedder) -> np.ndarray:
    """Returns the embedding (128,) of the largest face of ``image``; raises OptionError where ``picture`` has none."""
    model.restart()
    found = model.find(image)
    if not found:
        raise OptionError(f"no face in the picture of the person to choose: {picture}")
    return embedder.embed(image, found[0])


def _is_one_face(one: np.ndarray, other: np.ndarray) -> bool:
    """Returns whether two faces of one frame, landmarks (68, 2) each, are the same one seen twice."""
    apart = np.linalg.norm(one.mean(axis=0) - other.mean(axis=0))
    return bool(apart < 0.3 * min(face_width(one), face_width(other)))
