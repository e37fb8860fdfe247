"""Follows one face through a video: a box and 68 steady landmarks per frame, and the frames that have none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from obamanet.constants import LANDMARK_COUNT, STABLE_POINTS
from obamanet.errors import FaceError
from obamanet.face.detector import FaceBox, FaceDetector
from obamanet.face.landmarks import LandmarkPredictor

LONGEST_GAP = 3
"""Frames. A face missing for so few frames in a row is carried over by interpolation; longer gaps are rejected."""

CUT_JUMP = 0.25
"""Share of the face's width. A faster move of nose and eyes from one frame to the next is a cut, not a person."""

SMOOTHING = np.array([-3, 12, 17, 12, -3]) / 35
"""Savitzky-Golay weights, 5 frames, order 2 (Savitzky and Golay 1964): quiet the tremble, keep quick lip closures."""


@dataclass(frozen=True)
class FaceTrack:
    """One face through T frames.

    ``landmarks`` (T, 68, 2) float32 pixels, steadied; ``raw`` (T, 68, 2) float32, dlib's plain result, NaN where the
    detector saw nothing; ``segment`` (T,) int32: frames of one number follow each other without a gap or cut, -1 where
    there is no face; ``most_faces``: the most faces seen in one frame.
    """

    landmarks: np.ndarray
    raw: np.ndarray
    segment: np.ndarray
    most_faces: int


def track_face(
    images: Iterable[np.ndarray], detector: FaceDetector, predictor: LandmarkPredictor, cut_jump: float = CUT_JUMP
) -> FaceTrack:
    """Follow the largest face through ``images``, each (H, W, 3) uint8 BGR, one pass, one frame in memory at a time.

    ``cut_jump`` is the share of the face's width from which on a move within one frame is a cut. Raises
    :class:`FaceError` when no frame has a face.
    """
    steady, raw = [], []
    missing = np.full((LANDMARK_COUNT, 2), np.nan, dtype=np.float32)
    most_faces = 0
    previous: FaceBox | None = None
    for image in images:
        boxes = detector.find(image)
        most_faces = max(most_faces, len(boxes))
        if not boxes:
            steady.append(missing)
            raw.append(missing)
            previous = None
            continue
        box = _follow(previous, boxes)
        raw.append(predictor.raw(image, box))
        # The detector's box jumps by whole pyramid steps; a running mean of it moves the averaged landmarks less.
        previous = box if previous is None else _blend(previous, box)
        steady.append(predictor.steady(image, previous))
    if not steady or most_faces == 0:
        raise FaceError(f"no face in any of {len(steady)} frames; a frontal face of at least 40 px is needed")
    points = np.stack(steady)
    segment = split_segments(points, cut_jump)
    return FaceTrack(smooth_segments(fill_gaps(points, segment), segment), np.stack(raw), segment, most_faces)


def split_segments(points: np.ndarray, cut_jump: float = CUT_JUMP) -> np.ndarray:
    """Number the stretches of ``points`` (T, 68, 2), NaN where no face was seen; returns (T,) int32, -1 for no face.

    Gaps of up to LONGEST_GAP frames are bridged; a longer gap or a cut starts a new number, ``cut_jump`` says which.
    """
    seen = ~np.isnan(points[:, 0, 0])
    segment = np.full(len(points), -1, dtype=np.int32)
    number, last = -1, -1
    for index in map(int, np.flatnonzero(seen)):
        if (
            last < 0
            or index - last > LONGEST_GAP + 1
            or _is_cut(points[last], points[index], (index - last) * cut_jump)
        ):
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
