"""Follows a face by the face mesh: found once, then each look begins where the last one saw the face."""

from __future__ import annotations

from typing import Final

import numpy as np

from obamanet.face.blazeface import BlazeFace, DetectedFace, smallest_face
from obamanet.face.landmarker import FrameFace
from obamanet.face.mesh import FaceMesh, MeshFace, cut_around

MIN_SCORE: Final = 0.5
"""Probability of the mesh below which the face is taken to be lost, MediaPipe's own."""

DETECTION_STEP: Final = 12
"""Frames between two searches for further faces, about half a second."""

MAX_STEP: Final = 0.25
"""Share of the face's size; a larger move between two frames may be another face, which is looked for anew."""

MAX_SCALE: Final = 1.35
"""Ratio of the face's size from frame to frame beyond which it is looked for anew."""


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


class MeshFollower:
    """A :class:`obamanet.face.landmarker.FaceFollower`; every face of the picture has a track of its own.

    The largest face of the first frame that has one is followed; where it is lost, the largest of those that are there.
    """

    def __init__(self, models: MeshLandmarker) -> None:
        self._models = models
        self._tracks: list[MeshFace] = []
        self._frame = 0

    @property
    def faces(self) -> int:
        """Number of faces in the frame before."""
        return len(self._tracks)

    def next(self, image: np.ndarray) -> FrameFace | None:
        """Returns the followed face in the next frame, (H, W, 3) uint8 BGR; None where there is none."""
        tracks = [seen for track in self._tracks if (seen := self._followed(image, track)) is not None]
        lost = len(tracks) < len(self._tracks) or not tracks
        if lost or self._frame % DETECTION_STEP == 0:
            kept_first = bool(self._tracks) and bool(tracks) and _is_near(self._tracks[0], tracks[0])
            for face in self._models.detector.detect(image):
                if any(_is_at(face, track) for track in tracks):
                    continue
                seen = self._models.mesh.look(image, face)
                if seen.score >= MIN_SCORE and not any(_is_same(seen, track) for track in tracks):
                    tracks.append(seen)
            if not kept_first:
                tracks.sort(key=_size, reverse=True)
        self._tracks = tracks
        self._frame += 1
        if not tracks:
            return None
        landmarks = tracks[0].landmarks
        return FrameFace(landmarks, landmarks)

    def _followed(self, image: np.ndarray, track: MeshFace) -> MeshFace | None:
        """Returns the face of ``track`` in the next frame; None where it is lost or something else is there."""
        seen = self._models.mesh.predict(image, cut_around(track.points))
        return seen if seen.score >= MIN_SCORE and _is_near(track, seen) else None


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


def _is_same(one: MeshFace, other: MeshFace) -> bool:
    """Returns whether two faces of one frame are the same one, seen twice."""
    apart = np.linalg.norm(one.points[:, :2].mean(axis=0) - other.points[:, :2].mean(axis=0))
    return bool(apart < 0.5 * min(_size(one), _size(other)))
