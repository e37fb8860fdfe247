"""Follows a face by the face mesh: found once, then each look begins where the last one saw the face."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np

from obamanet.constants import LEFT_EYE, NOSE_BASE, RIGHT_EYE
from obamanet.face.blazeface import BlazeFace, DetectedFace, smallest_face
from obamanet.face.landmarker import FrameFace
from obamanet.face.mesh import FaceMesh, MeshFace, cut_around, warp_part
from obamanet.types import Picture

MIN_SCORE: Final = 0.5
"""Probability of the mesh below which the face is taken to be lost, MediaPipe's own."""

DETECTION_STEP: Final = 12
"""Frames between two searches of the whole picture for small faces too, about half a second."""

MAX_STEP: Final = 0.25
"""Share of the face's size; a larger move between two frames may be another face, which is looked for anew."""

MAX_SCALE: Final = 1.35
"""Ratio of the face's size from frame to frame beyond which it is looked for anew."""

PATIENCE: Final = 50
"""Frames that a lost face is waited for while others are there, about two seconds."""

LOOK_SIDE: Final = 24
"""Pixels. Side of the small picture that tells two faces apart."""

LOOK_CORNERS: Final = LOOK_SIDE * np.array([[0.3, 0.15], [0.7, 0.15], [0.5, 0.45]], np.float32)
"""Where the middles of the eyes and the foot of the nose lie in it."""

LOOK_SHARE: Final = 0.1
"""Share of a new frame in a face's mean look."""

MIN_LIKENESS: Final = 0.75
"""Correlation with its mean look from which on a face may be the same."""


class MeshLandmarker:
    """A :class:`obamanet.face.landmarker.Landmarker`."""

    def __init__(self) -> None:
        self.detector, self.mesh = BlazeFace(), FaceMesh()

    def follow(self) -> MeshFollower:
        """Returns what follows the largest face through a new video."""
        return MeshFollower(self)

    def smallest_face(self, width: int, height: int) -> int:
        """Returns the side, in pixels, of the smallest face that is surely found in pictures of this size."""
        return smallest_face(width, height)


@dataclass(frozen=True)
class _Track:
    """One of the faces in the frames so far.

    Attributes:
        face: in the last frame.
        look: its mean look while no other face was near, as :func:`_look` gives it; None as long as it was alone.
        followed: whether it is the one that is followed.
    """

    face: MeshFace
    look: np.ndarray | None = None
    followed: bool = False


class MeshFollower:
    """A :class:`obamanet.face.landmarker.FaceFollower`; every face of the picture has a track of its own.

    The largest face of the first frame that has one is followed. Where it is lost while others are there, as when one
    passes before it, it is waited for; where it was alone, the largest that comes is followed. Where no face was found
    a small one is looked for only every DETECTION_STEP frames, a large one in each.
    """

    def __init__(self, models: MeshLandmarker) -> None:
        self._models = models
        self._tracks: list[_Track] = []
        self._frame = 0
        self._next_search = 0
        self._last: _Track | None = None
        self._missed = 0

    @property
    def faces(self) -> int:
        """Number of faces in the frame before."""
        return len(self._tracks)

    @property
    def all_landmarks(self) -> list[np.ndarray]:
        """Landmarks of every face in the frame before, shape (78, 2) each, pixels; the followed one first."""
        return [track.face.landmarks for track in self._tracks]

    def next(self, image: Picture) -> FrameFace | None:
        """Returns the followed face in the next frame, (H, W, 3) uint8 BGR; None where there is none."""
        moved = [
            replace(track, face=seen) for track in self._tracks if (seen := self._moved(image, track.face)) is not None
        ]
        tracks = _told_apart(image, moved)
        followed = next((track for track in tracks if track.followed), None)
        lost = len(tracks) < len(self._tracks)
        if lost or self._frame >= self._next_search:
            tracks += self._new_tracks(image, tracks, self._models.detector.detect(image))
            self._next_search = self._frame + DETECTION_STEP
        elif followed is None:
            tracks += self._new_tracks(image, tracks, self._models.detector.detect_large(image))
        followed = followed or self._choose(image, tracks)
        self._missed = 0 if followed else self._missed + 1
        self._last = followed or self._last
        others = [track for track in tracks if followed is None or track.face is not followed.face]
        self._tracks = [*([followed] if followed else []), *others]
        self._frame += 1
        return FrameFace(followed.face.landmarks, followed.face.landmarks) if followed else None

    def _moved(self, image: Picture, face: MeshFace) -> MeshFace | None:
        """Returns ``face`` in the next frame; None where it is lost or something else is there."""
        seen = self._models.mesh.predict(image, cut_around(face.points))
        return seen if seen.score >= MIN_SCORE and _is_near(face, seen) else None

    def _new_tracks(self, image: Picture, tracks: list[_Track], detected: list[DetectedFace]) -> list[_Track]:
        """Returns those of the ``detected`` faces of ``image`` that have no track yet."""
        new: list[_Track] = []
        for face in detected:
            if any(_is_at(face, track.face) for track in tracks):
                continue
            seen = self._models.mesh.look(image, face)
            if seen.score >= MIN_SCORE and not any(_is_same(seen, track.face) for track in (*tracks, *new)):
                new.append(_Track(seen))
        return new

    def _choose(self, image: Picture, tracks: list[_Track]) -> _Track | None:
        """Returns the one of ``tracks`` to follow where the one that was followed is not there; None to wait for it."""
        others = [track for track in tracks if track.look is not None]
        if not others or self._last is None or self._missed >= PATIENCE:
            largest = max(tracks, key=lambda track: _size(track.face), default=None)
            return replace(largest, followed=True) if largest else None
        for track in tracks:
            if track.look is None and _is_like(_look(image, track.face), self._last, others):
                return replace(track, look=self._last.look, followed=True)
        return None


def _told_apart(image: Picture, tracks: list[_Track]) -> list[_Track]:
    """Returns those of ``tracks`` whose faces look as they did: one before another takes the other's place in the mesh.

    Looks are learned while the followed face is there and the faces are apart.
    """
    if len(tracks) < 2:
        return tracks
    learn = any(track.followed for track in tracks)
    kept = []
    for track in tracks:
        look = _look(image, track.face)
        near = [other for other in tracks if other is not track and _is_beside(track.face, other.face)]
        if not near and learn:
            known = look if track.look is None else track.look + LOOK_SHARE * (look - track.look)
            kept.append(replace(track, look=known))
        elif not near or track.look is None or _is_like(look, track, near):
            kept.append(track)
    return kept


def _is_like(look: np.ndarray, track: _Track, others: list[_Track]) -> bool:
    """Returns whether ``look`` is that of ``track`` and not that of one of the ``others``."""
    return _likeness(look, track) >= max(MIN_LIKENESS, *(_likeness(look, other) for other in others))


def _look(image: Picture, face: MeshFace) -> np.ndarray:
    """Returns the face's middle, levelled and brought to one size and contrast: (LOOK_SIDE, LOOK_SIDE, 3) float32."""
    points = face.landmarks
    corners = np.stack([points[part].mean(axis=0) for part in (LEFT_EYE, RIGHT_EYE, NOSE_BASE)])
    matrix = cv2.getAffineTransform(corners.astype(np.float32), LOOK_CORNERS)
    look = warp_part(image, matrix, LOOK_SIDE).astype(np.float32)
    look -= look.mean()
    return look / max(float(np.linalg.norm(look)), 1e-6)


def _likeness(look: np.ndarray, track: _Track) -> float:
    """Returns the correlation of ``look`` with that of ``track``, -1 to 1; -1 where that is not known."""
    if track.look is None:
        return -1.0
    return float((look * track.look).sum() / max(float(np.linalg.norm(track.look)), 1e-6))


def _size(face: MeshFace) -> float:
    """Returns the longer side of the box around the face's points, in pixels."""
    return float(np.ptp(face.points[:, :2], axis=0).max())


def _is_near(before: MeshFace, after: MeshFace) -> bool:
    """Returns whether ``after`` may be the face ``before`` one frame later."""
    size, ratio = _size(before), _size(after) / _size(before)
    step = np.linalg.norm(after.points[:, :2].mean(axis=0) - before.points[:, :2].mean(axis=0))
    return bool(step <= MAX_STEP * size and 1 / MAX_SCALE <= ratio <= MAX_SCALE)


def _is_at(found: DetectedFace, track: MeshFace) -> bool:
    """Returns whether a detected face is that of ``track``, so that it need not be looked at again."""
    apart = np.linalg.norm((found.box[:2] + found.box[2:]) / 2 - track.points[:, :2].mean(axis=0))
    return bool(apart < 0.5 * min(found.side, _size(track)))


def _is_beside(one: MeshFace, other: MeshFace) -> bool:
    """Returns whether two faces of one frame are so near that one may hide the other."""
    apart = np.linalg.norm(one.points[:, :2].mean(axis=0) - other.points[:, :2].mean(axis=0))
    return bool(apart < 1.2 * max(_size(one), _size(other)))


def _is_same(one: MeshFace, other: MeshFace) -> bool:
    """Returns whether two faces of one frame are the same one, seen twice."""
    apart = np.linalg.norm(one.points[:, :2].mean(axis=0) - other.points[:, :2].mean(axis=0))
    return bool(apart < 0.5 * min(_size(one), _size(other)))
