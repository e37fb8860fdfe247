"""Tracks one face through a video: landmarks per frame, segments without gap or cut, and frames of other persons."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from obamanet.constants import JAW, LANDMARK_COUNT, LEFT_EYE, RIGHT_EYE, STABLE_POINTS
from obamanet.errors import FaceError
from obamanet.face.covered_mouth import covered_frames, lip_contrast
from obamanet.face.identity import SAME_PERSON_DISTANCE, FaceEmbedder, main_face
from obamanet.face.landmarker import FrameFace, Landmarker
from obamanet.types import Picture

MAX_GAP = 3
"""Frames. Longest gap in the detection that is filled by interpolation."""

CUT_JUMP = 0.25
"""Share of the face's width. A larger mean move of nose and eyes between two frames is a cut."""

IDENTITY_STEP = 50
"""Frames between two identity checks, beside those after every cut, gap and jump of the picture; a check costs as much
as tracking ten frames."""

PICTURE_JUMP = 12.0
"""Mean difference of thumbnails, of 255, from which on the picture may have been cut where the landmarks have not."""

JUMP_RATIO = 3.0
"""Times the difference of the frame before that a jump is at least; a picture that moves all the time has none."""

AGREE_FRAMES = 3
"""Frames before the place where two spans meet in which both must have seen the same."""

AGREE_WITHIN = 0.01
"""Share of the face's width that landmarks of two spans may differ by on average where they meet."""

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
        covered: shape (T,) bool; frames in which something is before the mouth, which count as frames without a face.
            All False where it was not watched.
        identity: mean embedding of the main person, shape (128,); None without an identity check.
    """

    landmarks: np.ndarray
    raw: np.ndarray
    segment: np.ndarray
    max_faces: int
    other: np.ndarray
    covered: np.ndarray
    identity: np.ndarray | None = None


def track_face(
    images: Iterable[Picture],
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
    return finish_track(see_faces(images, landmarker, embedder), cut_jump)


@dataclass(frozen=True)
class SeenFaces:
    """What is seen in T frames, one by one, before anything is decided over all of them.

    Attributes:
        faces: of the frames, None where there is none; T of them.
        before: of the frames before those, which only let the follower find the face.
        max_faces: maximum number of faces in one frame.
        checks: frames whose face was embedded, counted from the video's first, and the embeddings (128,).
        change: difference of each frame from the one before, shape (T,); empty without an identity check.
        size: height and width of the frames in pixels.
        smallest_face: pixels, side of the smallest face that is found in frames of this size.
        checked: whether identities were checked.
        lips: contrast of lips and skin in each frame, shape (T, 2), NaN without a face, as
            :func:`obamanet.face.covered_mouth.lip_contrast` gives it; None where it was not watched.
    """

    faces: tuple[FrameFace | None, ...]
    before: tuple[FrameFace | None, ...]
    max_faces: int
    checks: tuple[tuple[int, np.ndarray], ...]
    change: tuple[float, ...]
    size: tuple[int, int]
    smallest_face: int
    checked: bool
    lips: np.ndarray | None = None


def see_faces(
    images: Iterable[Picture],
    landmarker: Landmarker,
    embedder: FaceEmbedder | None = None,
    first: int = 0,
    before: int = 0,
    *,
    watch_mouth: bool = False,
) -> SeenFaces:
    """Looks at the frames of a video, or of a span of it, with one frame in memory at a time.

    Args:
        images: frames, shape (H, W, 3) uint8 BGR, the span's first one being frame ``first`` of the video.
        landmarker: finds the faces and their landmarks.
        embedder: checks the identity; None for no check.
        first: number of the span's first frame.
        before: frames at the beginning of ``images`` that lie before ``first`` and only let the follower find the face.
        watch_mouth: whether frames in which something is before the mouth are to be noticed.
    """
    found: list[FrameFace | None] = []
    identities = _IdentityChecks(embedder, first - before, first) if embedder else None
    lips: list[np.ndarray] = []
    max_faces = 0
    follower = landmarker.follow()
    size = (1, 1)
    for image in images:
        size = (image.shape[0], image.shape[1])
        face = follower.next(image)
        if face and _is_cut_off(face.landmarks, size):
            face = None
        if len(found) >= before:
            max_faces = max(max_faces, follower.faces)
        found.append(face)
        if watch_mouth:
            lips.append(lip_contrast(image, face.landmarks) if face else np.full(2, np.nan, np.float32))
        if identities:
            identities.add(image, face.landmarks if face else None)
    return SeenFaces(
        faces=tuple(found[before:]),
        before=tuple(found[:before]),
        max_faces=max_faces,
        checks=tuple(identities.checks) if identities else (),
        change=tuple(identities.change[before:]) if identities else (),
        size=size,
        smallest_face=landmarker.smallest_face(size[1], size[0]),
        checked=identities is not None,
        lips=np.array(lips[before:], np.float32).reshape(-1, 2) if watch_mouth else None,
    )


def join_seen(spans: Sequence[SeenFaces]) -> SeenFaces | None:
    """Joins what was seen in spans that follow one another; None when they followed different faces where they meet."""
    for one, following in itertools.pairwise(spans):
        shared = min(len(one.faces), len(following.before), AGREE_FRAMES)
        meeting = zip(one.faces[-shared:], following.before[-shared:], strict=True)
        if shared == 0 or not all(_is_same_place(face, other) for face, other in meeting):
            return None
    return replace(
        spans[0],
        faces=tuple(itertools.chain.from_iterable(span.faces for span in spans)),
        max_faces=max(span.max_faces for span in spans),
        checks=tuple(itertools.chain.from_iterable(span.checks for span in spans)),
        change=tuple(itertools.chain.from_iterable(span.change for span in spans)),
        lips=None if spans[0].lips is None else np.concatenate([span.lips for span in spans if span.lips is not None]),
    )


def finish_track(seen: SeenFaces, cut_jump: float = CUT_JUMP) -> FaceTrack:
    """Makes the track of what was seen in a whole video: segments, other persons, covered mouths, gaps, smoothing.

    Args:
        seen: what was seen.
        cut_jump: share of the face's width; a larger move between two frames is a cut.

    Raises:
        FaceError: no frame has a face.
    """
    missing = next((np.full_like(face.landmarks, np.nan) for face in seen.faces if face), None)
    if missing is None:
        height, width = seen.size
        needed = (
            f"at {width}x{height} a frontal face of at least {seen.smallest_face} px, wholly in the picture, is needed"
        )
        raise FaceError(f"no face in any of {len(seen.faces)} frames{f'; {needed}' if seen.faces else ''}")
    points = np.stack([face.landmarks if face else missing for face in seen.faces])
    raw = np.stack([face.raw if face else missing for face in seen.faces])
    segment, identity = split_segments(points, cut_jump=cut_jump), None
    other = covered = np.zeros(len(points), bool)
    if seen.checked:
        identity = _main_identity(seen)
        other = _other_persons(seen, segment, identity)
        points[other] = raw[other] = np.nan
        segment = split_segments(points, other, cut_jump)
    if seen.lips is not None:
        covered = covered_frames(seen.lips, segment)
        points[covered] = raw[covered] = np.nan
        segment = split_segments(points, other | covered, cut_jump)
    landmarks = smooth_segments(fill_gaps(points, segment), segment)
    return FaceTrack(landmarks, raw, segment, seen.max_faces, other, covered, identity)


def face_turn(landmarks: np.ndarray) -> int:
    """Returns by how many degrees the face lies turned in most frames: 0, 90, 180 or 270, clockwise.

    Args:
        landmarks: of frames with a face, shape (T, 68, 2), pixels.
    """
    along = landmarks[:, RIGHT_EYE].mean(axis=1) - landmarks[:, LEFT_EYE].mean(axis=1)
    quarters = np.rint(np.degrees(np.arctan2(along[:, 1], along[:, 0])) / 90).astype(int) % 4
    return 90 * int(np.bincount(quarters, minlength=4).argmax())


class _IdentityChecks:
    """Identities at intervals, and the change of the picture from frame to frame.

    Args:
        embedder: embeds the faces.
        frame: number of the first frame that is added.
        first: number of the first one whose face may be embedded.
    """

    def __init__(self, embedder: FaceEmbedder, frame: int, first: int) -> None:
        self.checks: list[tuple[int, np.ndarray]] = []
        self.change: list[float] = []
        self._embedder = embedder
        self._frame, self._first = frame, first
        self._thumbnail: np.ndarray | None = None
        self._before: np.ndarray | None = None

    def add(self, image: Picture, points: np.ndarray | None) -> None:
        """Records a frame with a face at ``points`` (68, 2), or none, and embeds it when a check is due."""
        small = _thumbnail(image)
        usual = self.change[-1] if self.change else 0.0
        self.change.append(0.0 if self._thumbnail is None else float(np.abs(small - self._thumbnail).mean()))
        self._thumbnail = small
        jumps = self.change[-1] > max(PICTURE_JUMP, JUMP_RATIO * usual)
        if points is not None and self._frame >= self._first:
            begins = self._before is None or jumps or _is_cut(self._before, points, CUT_JUMP)
            # By the video's own count, so that spans of it are checked at the same frames as the whole.
            if begins or self._frame % IDENTITY_STEP == 0:
                self.checks.append((self._frame, self._embedder.embed(image, points)))
        self._before = points
        self._frame += 1


def _thumbnail(image: Picture) -> np.ndarray:
    """Returns ``image`` (H, W, 3) in small, of every n-th pixel, since averaging over all of them costs as much as the
    landmarks: (32, 32, 3) float32."""
    step = max(1, min(image.shape[:2]) // (4 * THUMBNAIL_SIDE))
    few = np.ascontiguousarray(image[::step, ::step])
    return cv2.resize(few, (THUMBNAIL_SIDE, THUMBNAIL_SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)


def _main_identity(seen: SeenFaces) -> np.ndarray:
    """Returns the mean embedding (128,) of the person in most frames."""
    frames = [frame for frame, _ in seen.checks]
    return main_face(np.stack([face for _, face in seen.checks]), np.diff([*frames, len(seen.faces)]))


def _other_persons(seen: SeenFaces, segment: np.ndarray, main: np.ndarray) -> np.ndarray:
    """Returns the frames of ``segment`` that show another person than ``main``, (T,) bool.

    Between two checks with different results the change is placed at the largest difference between thumbnails.
    """
    others = [float(np.linalg.norm(face - main)) > SAME_PERSON_DISTANCE for _, face in seen.checks]
    mask = np.zeros(len(segment), bool)
    for number in range(segment.max() + 1):
        inside = np.flatnonzero(segment == number)
        checks = [n for n, (frame, _) in enumerate(seen.checks) if segment[frame] == number]
        starts = [int(inside[0])]
        for one, following in itertools.pairwise(checks):
            first, last = seen.checks[one][0] + 1, seen.checks[following][0] + 1
            changed = others[one] != others[following]
            starts.append(first + int(np.argmax(seen.change[first:last])) if changed else last - 1)
        for check, start, stop in zip(checks, starts, [*starts[1:], int(inside[-1]) + 1], strict=True):
            mask[start:stop] = others[check]
    return mask


def _is_cut_off(points: np.ndarray, size: tuple[int, int]) -> bool:
    """Returns whether the edge of a picture of height and width ``size`` cuts off more than cheeks and hair.

    The face mesh sees no edge: it goes on as if the picture did.
    """
    inner = points[[JAW.start + 8, *range(JAW.stop, LANDMARK_COUNT)]]
    return bool((inner < 0).any() or (inner >= (size[1], size[0])).any())


def _is_same_place(one: FrameFace | None, other: FrameFace | None) -> bool:
    """Returns whether two looks at one frame saw the same face, or both none."""
    if one is None or other is None:
        return one is other
    width = np.linalg.norm(one.landmarks[16] - one.landmarks[0])
    return float(np.abs(one.landmarks - other.landmarks).mean()) <= AGREE_WITHIN * float(width)


def split_segments(points: np.ndarray, other: np.ndarray | None = None, cut_jump: float = CUT_JUMP) -> np.ndarray:
    """Numbers the segments of a track.

    Gaps of up to MAX_GAP frames are bridged. A longer gap, a cut or a frame of another person starts a new segment.

    Args:
        points: landmarks, shape (T, 68, 2), NaN without a detection.
        other: frames that are left out, shape (T,) bool: of another person, or with a covered mouth.
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
