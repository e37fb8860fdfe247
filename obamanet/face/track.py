"""Follows one face through a video: a box and 68 steady landmarks per frame, and the frames that have none."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from obamanet.constants import LANDMARK_COUNT, STABLE_POINTS
from obamanet.errors import FaceError
from obamanet.face.detector import FaceBox, FaceDetector, smallest_face
from obamanet.face.identity import SAME_WITHIN, FaceEmbedder, main_face
from obamanet.face.landmarks import LandmarkPredictor

MAX_GAP = 3
"""Frames. A face missing for so few frames in a row is carried over by interpolation; longer gaps are rejected."""

CUT_JUMP = 0.25
"""Share of the face's width. A faster move of nose and eyes from one frame to the next is a cut, not a person."""

IDENTITY_STEP = 25
"""Frames from one look at whose face it is to the next, beside those after every cut and gap: a look costs as much as
tracking two or three frames."""

THUMBNAIL_SIDE = 32
"""Pixels. Side of the thumbnails whose change tells where one face gave way to another at the same place."""

SMOOTHING = np.array([-3, 12, 17, 12, -3]) / 35
"""Savitzky-Golay weights, 5 frames, order 2 (Savitzky and Golay 1964): quiet the tremble, keep quick lip closures."""


@dataclass(frozen=True)
class FaceTrack:
    """One face through T frames.

    ``landmarks`` (T, 68, 2) float32 pixels, steadied; ``raw`` (T, 68, 2) float32, dlib's plain result, NaN where the
    detector saw nothing; ``segment`` (T,) int32: frames of one number follow each other without a gap or cut, -1 where
    there is no face; ``most_faces``: the most faces seen in one frame. Where it was looked whose face it is, ``other``
    (T,) bool marks frames of another person than most show, which count as frames without a face, and ``identity``
    (128,) is the mean embedding of the person that most show.
    """

    landmarks: np.ndarray
    raw: np.ndarray
    segment: np.ndarray
    most_faces: int
    other: np.ndarray
    identity: np.ndarray | None = None


def track_face(
    images: Iterable[np.ndarray],
    detector: FaceDetector,
    predictor: LandmarkPredictor,
    embedder: FaceEmbedder | None = None,
    cut_jump: float = CUT_JUMP,
) -> FaceTrack:
    """Follow the largest face through ``images``, each (H, W, 3) uint8 BGR, one pass, one frame in memory at a time.

    With ``embedder`` only the person that most frames show is followed. ``cut_jump`` is the share of the face's width
    from which on a move within one frame is a cut. Raises :class:`FaceError` when no frame has a face.
    """
    steady, raw = [], []
    looks = _Looks(embedder) if embedder else None
    missing = np.full((LANDMARK_COUNT, 2), np.nan, dtype=np.float32)
    most_faces = 0
    previous: FaceBox | None = None
    size = (1, 1)
    for image in images:
        size = image.shape[:2]
        boxes = detector.find(image)
        most_faces = max(most_faces, len(boxes))
        if not boxes:
            steady.append(missing)
            raw.append(missing)
            previous = None
            if looks:
                looks.skip(image)
            continue
        box = _follow(previous, boxes)
        raw.append(predictor.raw(image, box))
        # The detector's box jumps by whole pyramid steps; a running mean of it moves the averaged landmarks less.
        previous = box if previous is None else _blend(previous, box)
        steady.append(predictor.steady(image, previous))
        if looks:
            looks.add(image, steady[-1])
    if not steady or most_faces == 0:
        height, width = size
        needed = f"at {width}x{height} a frontal face of at least {smallest_face(width, height)} px is needed"
        raise FaceError(f"no face in any of {len(steady)} frames{f'; {needed}' if steady else ''}")
    points, plain = np.stack(steady), np.stack(raw)
    segment, other = split_segments(points, cut_jump=cut_jump), np.zeros(len(points), bool)
    if looks:
        other = looks.others(segment)
        points[other] = plain[other] = np.nan
        segment = split_segments(points, other, cut_jump)
    landmarks = smooth_segments(fill_gaps(points, segment), segment)
    return FaceTrack(landmarks, plain, segment, most_faces, other, looks.main if looks else None)


class _Looks:
    """Whose face it is, looked at now and then, and how much each frame differs from the one before."""

    def __init__(self, embedder: FaceEmbedder) -> None:
        self._embedder = embedder
        self._frames: list[int] = []
        self._faces: list[np.ndarray] = []
        self._change: list[float] = []
        self._thumbnail: np.ndarray | None = None
        self._before: np.ndarray | None = None

    def skip(self, image: np.ndarray) -> None:
        """Take note of a frame without a face."""
        self._compare(image)
        self._before = None

    def add(self, image: np.ndarray, points: np.ndarray) -> None:
        """Take note of a frame with a face at ``points`` (68, 2), and look at it when it is time to."""
        self._compare(image)
        index = len(self._change) - 1
        begins = self._before is None or _is_cut(self._before, points, CUT_JUMP)
        if begins or index - self._frames[-1] >= IDENTITY_STEP:
            self._frames.append(index)
            self._faces.append(self._embedder.embed(image, points))
        self._before = points

    @property
    def main(self) -> np.ndarray:
        """The mean embedding (128,) of the person that most frames show."""
        return main_face(np.stack(self._faces), np.diff([*self._frames, len(self._change)]))

    def others(self, segment: np.ndarray) -> np.ndarray:
        """Return which frames (T,) of ``segment`` show another person; between two looks it changes at a cut."""
        others = np.linalg.norm(np.stack(self._faces) - self.main, axis=1) > SAME_WITHIN
        found = np.zeros(len(segment), bool)
        for number in range(segment.max() + 1):
            inside = np.flatnonzero(segment == number)
            looks = [n for n, frame in enumerate(self._frames) if segment[frame] == number]
            starts = [int(inside[0])]
            for one, following in itertools.pairwise(looks):
                first, last = self._frames[one] + 1, self._frames[following] + 1
                changed = others[one] != others[following]
                starts.append(first + int(np.argmax(self._change[first:last])) if changed else last - 1)
            for look, start, stop in zip(looks, starts, [*starts[1:], int(inside[-1]) + 1], strict=True):
                found[start:stop] = others[look]
        return found

    def _compare(self, image: np.ndarray) -> None:
        small = cv2.resize(image, (THUMBNAIL_SIDE, THUMBNAIL_SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
        self._change.append(0.0 if self._thumbnail is None else float(np.abs(small - self._thumbnail).mean()))
        self._thumbnail = small


def split_segments(points: np.ndarray, other: np.ndarray | None = None, cut_jump: float = CUT_JUMP) -> np.ndarray:
    """Number the stretches of ``points`` (T, 68, 2), NaN where no face was seen; returns (T,) int32, -1 for no face.

    Gaps of up to MAX_GAP frames are bridged; a longer gap or a cut starts a new number, ``cut_jump`` says which,
    and so does a frame that ``other`` (T,) marks.
    """
    seen = ~np.isnan(points[:, 0, 0])
    segment = np.full(len(points), -1, dtype=np.int32)
    number, last = -1, -1
    for index in map(int, np.flatnonzero(seen)):
        parted = other is not None and other[last + 1 : index].any()
        apart = index - last
        if last < 0 or parted or apart > MAX_GAP + 1 or _is_cut(points[last], points[index], apart * cut_jump):
            number += 1
        else:
            segment[last:index] = number
        segment[index] = number
        last = index
    return segment


def fill_gaps(points: np.ndarray, segment: np.ndarray) -> np.ndarray:
    """Interpolate the unseen frames inside each segment of ``points`` (T, 68, 2); frames without a face stay NaN."""
    filled = points.copy()
    for number in range(segment.max() + 1):
        inside = np.flatnonzero(segment == number)
        seen = inside[~np.isnan(points[inside, 0, 0])]
        for unseen in np.setdiff1d(inside, seen):
            after = seen[np.searchsorted(seen, unseen)]
            before = seen[np.searchsorted(seen, unseen) - 1]
            share = (unseen - before) / (after - before)
            filled[unseen] = points[before] * (1 - share) + points[after] * share
    return filled


def smooth_segments(points: np.ndarray, segment: np.ndarray) -> np.ndarray:
    """Smooth ``points`` (T, 68, 2) in time with SMOOTHING, never across a gap or a cut."""
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
    """Say whether nose and eyes moved further than ``jump``, a share of the face's width."""
    stable = list(STABLE_POINTS)
    width = np.linalg.norm(before[16] - before[0])
    return float(np.linalg.norm(after[stable] - before[stable], axis=1).mean()) > jump * float(width)


def _follow(previous: FaceBox | None, boxes: list[FaceBox]) -> FaceBox:
    """Return the box that continues ``previous``, or the largest: two faces of like size must not alternate."""
    if previous is not None:
        for box in boxes:
            width = min(box.right, previous.right) - max(box.left, previous.left)
            height = min(box.bottom, previous.bottom) - max(box.top, previous.top)
            if width > 0 and height > 0 and width * height > 0.5 * previous.area:
                return box
    return boxes[0]


def _blend(previous: FaceBox, box: FaceBox, share: float = 0.5) -> FaceBox:
    if _is_far(previous, box):
        return box
    return FaceBox(
        previous.left + share * (box.left - previous.left),
        previous.top + share * (box.top - previous.top),
        previous.right + share * (box.right - previous.right),
        previous.bottom + share * (box.bottom - previous.bottom),
    )


def _is_far(previous: FaceBox, box: FaceBox) -> bool:
    side = previous.right - previous.left
    return abs(box.left - previous.left) + abs(box.top - previous.top) > 0.5 * side
