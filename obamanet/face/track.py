"""Tracks one face through a video: landmarks per frame, segments without gap or cut, and frames of other persons."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from obamanet.constants import STABLE_POINTS
from obamanet.errors import FaceError
from obamanet.face.identity import SAME_PERSON_DISTANCE, FaceEmbedder, main_face
from obamanet.face.landmarker import FrameFace, Landmarker

MAX_GAP = 3
"""Frames. Longest gap in the detection that is filled by interpolation."""

CUT_JUMP = 0.25
"""Share of the face's width. A larger mean move of nose and eyes between two frames is a cut."""

IDENTITY_STEP = 25
"""Frames between two identity checks, beside those after every cut and gap; a check costs as much as tracking two or
three frames."""

THUMBNAIL_SIDE = 32
"""Pixels. Side of the thumbnails whose difference locates the frame at which one face replaces another at the same
place."""

SMOOTHING = np.array([-3, 12, 17, 12, -3]) / 35
"""Savitzky-Golay weights, 5 frames, order 2 (Savitzky and Golay 1964): reduce jitter, keep quick lip closures."""


@dataclass(frozen=True)
class FaceTrack:
    """One face through T frames.

    Attributes:
        landmarks: shape (T, 68, 2) float32, or (T, 78, 2) with irises, pixels, averaged and smoothed; NaN without a
            face.
        raw: the landmarks before averaging; NaN without a detection.
        segment: shape (T,) int32; consecutive frames without a gap or cut have one number, -1 means no face.
        max_faces: maximum number of faces in one frame.
        other: shape (T,) bool; frames of another person than the main one, which count as frames without a face. All
            False without an identity check.
        identity: mean embedding of the main person, shape (128,); None without an identity check.
    """

    landmarks: np.ndarray
    raw: np.ndarray
    segment: np.ndarray
    max_faces: int
    other: np.ndarray
    identity: np.ndarray | None = None


def track_face(
    images: Iterable[np.ndarray],
    landmarker: Landmarker,
    embedder: FaceEmbedder | None = None,
    cut_jump: float = CUT_JUMP,
) -> FaceTrack:
    """Tracks the largest face in one pass, with one frame in memory at a time.

    Args:
        images: frames, shape (H, W, 3) uint8 BGR.
        landmarker: finds the faces and their landmarks.
        embedder: checks the identity, so that only the person in most frames is tracked; None for no check.
        cut_jump: share of the face's width; a larger move between two frames is a cut.

    Raises:
        FaceError: no frame has a face.
    """
    found: list[FrameFace | None] = []
    identities = _IdentityChecks(embedder) if embedder else None
    max_faces = 0
    follower = landmarker.follow()
    size = (1, 1)
    for image in images:
        size = image.shape[:2]
        face = follower.next(image)
        max_faces = max(max_faces, follower.faces)
        found.append(face)
        if identities and face:
            identities.add(image, face.landmarks)
        elif identities:
            identities.skip(image)
    missing = next((np.full_like(face.landmarks, np.nan) for face in found if face), None)
    if missing is None:
        height, width = size
        needed = (
            f"at {width}x{height} a frontal face of at least {landmarker.smallest_face(width, height)} px is needed"
        )
        raise FaceError(f"no face in any of {len(found)} frames{f'; {needed}' if found else ''}")
    points = np.stack([face.landmarks if face else missing for face in found])
    raw = np.stack([face.raw if face else missing for face in found])
    segment, other = split_segments(points, cut_jump=cut_jump), np.zeros(len(points), bool)
    if identities:
        other = identities.others(segment)
        points[other] = raw[other] = np.nan
        segment = split_segments(points, other, cut_jump)
    landmarks = smooth_segments(fill_gaps(points, segment), segment)
    return FaceTrack(landmarks, raw, segment, max_faces, other, identities.main if identities else None)


class _IdentityChecks:
    """Identities at intervals, and the change of the picture from frame to frame."""

    def __init__(self, embedder: FaceEmbedder) -> None:
        self._embedder = embedder
        self._frames: list[int] = []
        self._faces: list[np.ndarray] = []
        self._change: list[float] = []
        self._thumbnail: np.ndarray | None = None
        self._before: np.ndarray | None = None

    def skip(self, image: np.ndarray) -> None:
        """Records a frame without a face."""
        self._compare(image)
        self._before = None

    def add(self, image: np.ndarray, points: np.ndarray) -> None:
        """Records a frame with a face at ``points`` (68, 2), and embeds it when a check is due."""
        self._compare(image)
        index = len(self._change) - 1
        begins = self._before is None or _is_cut(self._before, points, CUT_JUMP)
        if begins or index - self._frames[-1] >= IDENTITY_STEP:
            self._frames.append(index)
            self._faces.append(self._embedder.embed(image, points))
        self._before = points

    @property
    def main(self) -> np.ndarray:
        """The mean embedding (128,) of the person in most frames."""
        return main_face(np.stack(self._faces), np.diff([*self._frames, len(self._change)]))

    def others(self, segment: np.ndarray) -> np.ndarray:
        """Returns the frames of ``segment`` that show another person, (T,) bool.

        Between two checks with different results the change is placed at the largest difference between thumbnails.
        """
        others = np.linalg.norm(np.stack(self._faces) - self.main, axis=1) > SAME_PERSON_DISTANCE
        mask = np.zeros(len(segment), bool)
        for number in range(segment.max() + 1):
            inside = np.flatnonzero(segment == number)
            checks = [n for n, frame in enumerate(self._frames) if segment[frame] == number]
            starts = [int(inside[0])]
            for one, following in itertools.pairwise(checks):
                first, last = self._frames[one] + 1, self._frames[following] + 1
                changed = others[one] != others[following]
                starts.append(first + int(np.argmax(self._change[first:last])) if changed else last - 1)
            for check, start, stop in zip(checks, starts, [*starts[1:], int(inside[-1]) + 1], strict=True):
                mask[start:stop] = others[check]
        return mask

    def _compare(self, image: np.ndarray) -> None:
        small = cv2.resize(image, (THUMBNAIL_SIDE, THUMBNAIL_SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
        self._change.append(0.0 if self._thumbnail is None else float(np.abs(small - self._thumbnail).mean()))
        self._thumbnail = small


def split_segments(points: np.ndarray, other: np.ndarray | None = None, cut_jump: float = CUT_JUMP) -> np.ndarray:
    """Numbers the segments of a track.

    Gaps of up to MAX_GAP frames are bridged. A longer gap, a cut or a frame of another person starts a new segment.

    Args:
        points: landmarks, shape (T, 68, 2), NaN without a detection.
        other: frames of another person, shape (T,) bool.
        cut_jump: share of the face's width; a larger move per frame is a cut.

    Returns:
        Shape (T,) int32, -1 for no face.
    """
    detected = ~np.isnan(points[:, 0, 0])
    segment = np.full(len(points), -1, dtype=np.int32)
    number, last = -1, -1
    for index in map(int, np.flatnonzero(detected)):
        separated = other is not None and other[last + 1 : index].any()
        frames_since = index - last
        if (
            last < 0
            or separated
            or frames_since > MAX_GAP + 1
            or _is_cut(points[last], points[index], frames_since * cut_jump)
        ):
            number += 1
        else:
            segment[last:index] = number
        segment[index] = number
        last = index
    return segment


def fill_gaps(points: np.ndarray, segment: np.ndarray) -> np.ndarray:
    """Returns ``points`` (T, 68, 2) with missing frames inside segments interpolated; other missing ones stay NaN."""
    filled = points.copy()
    for number in range(segment.max() + 1):
        inside = np.flatnonzero(segment == number)
        detected = inside[~np.isnan(points[inside, 0, 0])]
        for missing in np.setdiff1d(inside, detected):
            after = detected[np.searchsorted(detected, missing)]
            before = detected[np.searchsorted(detected, missing) - 1]
            share = (missing - before) / (after - before)
            filled[missing] = points[before] * (1 - share) + points[after] * share
    return filled


def smooth_segments(points: np.ndarray, segment: np.ndarray) -> np.ndarray:
    """Returns ``points`` (T, 68, 2) smoothed in time with SMOOTHING, separately in each segment."""
    smooth = points.copy()
    reach = len(SMOOTHING) // 2
    for number in range(segment.max() + 1):
        inside = np.flatnonzero(segment == number)
        if len(inside) < len(SMOOTHING):
            continue
        padded = np.pad(points[inside], ((reach, reach), (0, 0), (0, 0)), mode="reflect", reflect_type="odd")
        smooth[inside] = sum(weight * padded[i : i + len(inside)] for i, weight in enumerate(SMOOTHING))
    return smooth


def _is_cut(before: np.ndarray, after: np.ndarray, jump: float) -> bool:
    """Returns whether nose and eyes moved further than ``jump``, a share of the face's width."""
    stable = list(STABLE_POINTS)
    width = np.linalg.norm(before[16] - before[0])
    return float(np.linalg.norm(after[stable] - before[stable], axis=1).mean()) > jump * float(width)
