"""Aligns a generated video with its recording, in time and in the picture."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import cv2
import numpy as np

from obamanet.constants import LANDMARKS_WITH_IRISES, MOUTH, STABLE_POINTS
from obamanet.errors import EvaluationError
from obamanet.evaluation.tracks import ClipTrack
from obamanet.keypoints.placement import fit_placement, fit_template, to_canonical, to_pixel
from obamanet.timing import frame_times, nearest_in_time, resample_in_time
from obamanet.types import Placement

END_TOLERANCE: Final = 0.001
"""Seconds by which rounded timestamps may end too early without losing the last frame."""

EDGE_TOLERANCE: Final = 1e-3
"""Pixels beyond the edge at which a row or column still counts as covered: a fitted similarity is rounded."""

MIN_FRAMES: Final = 2
"""Frames in which both videos must have a face."""

LENGTH_TOLERANCE: Final = 0.5
"""Frames by which two lengths may differ without a note."""


@dataclass(frozen=True)
class Aligned:
    """Two tracks on the reference's time grid.

    Attributes:
        fps: the reference's frame rate.
        count: its frames that both videos have.
        faces: those among them in which both have a face, (F,).
        ours: landmarks of the generated face in pixels of the reference's frame, (F, 78, 2).
        real: landmarks of the recorded face, (F, 78, 2).
        our_mouth: generated keypoints, canonical (F, 20, 2).
        real_mouth: recorded keypoints, canonical (F, 20, 2).
        our_place: placement of the generated head, F rows.
        real_place: placement of the recorded head, F rows.
        into_reference: similarity from generated to reference pixels; None where frames are of one size.
        size: width and height of the reference's frames in pixels.
        notes: what had to be aligned.
    """

    fps: Fraction
    count: int
    faces: np.ndarray
    ours: np.ndarray
    real: np.ndarray
    our_mouth: np.ndarray
    real_mouth: np.ndarray
    our_place: Placement
    real_place: Placement
    into_reference: Placement | None
    size: tuple[int, int]
    notes: tuple[str, ...]

    @property
    def times(self) -> np.ndarray:
        """Seconds of the frames with both faces (F,)."""
        return frame_times(self.count, self.fps)[self.faces]


def align(generated: ClipTrack, reference: ClipTrack) -> Aligned:
    """Returns both tracks on the reference's time grid; raises :class:`EvaluationError` when they share no faces."""
    fps = reference.fps
    end = min(generated.end, reference.end)
    count = int(np.floor((end + END_TOLERANCE) * float(fps)))
    times = frame_times(count, fps)
    our_seen, ours = _at(generated, times)
    real_seen, real = _at(reference, times)
    faces = np.flatnonzero(our_seen & real_seen)
    if len(faces) < MIN_FRAMES:
        raise EvaluationError(f"both videos have a face in only {len(faces)} of {count} common frames")
    ours, real = ours[faces], real[faces]
    template = fit_template(real)
    into_reference = None
    if generated.size != reference.size:
        into_reference = fit_placement(real.mean(axis=0)[None], ours.mean(axis=0))
        ours = to_pixel(ours, _repeated(into_reference, len(ours)))
    our_place, real_place = fit_placement(ours, template), fit_placement(real, template)
    return Aligned(
        fps=fps,
        count=count,
        faces=faces,
        ours=ours,
        real=real,
        our_mouth=to_canonical(ours[:, MOUTH], our_place),
        real_mouth=to_canonical(real[:, MOUTH], real_place),
        our_place=our_place,
        real_place=real_place,
        into_reference=into_reference,
        size=reference.size,
        notes=tuple(_notes(generated, reference, count, len(faces), into_reference)),
    )


def into_frame(image: np.ndarray, place: Placement | None, size: tuple[int, int]) -> np.ndarray:
    """Returns ``image`` (H, W, 3) moved by the similarity ``place`` (one row) into a frame of ``size`` (width, height).

    A picture that is made smaller is blurred first by sigma = (1 / scale - 1) / 2, as scikit-image's rescale does,
    since it would alias otherwise.
    """
    if place is None:
        return image
    scale = float(place.scale[0])
    if scale < 1:
        image = cv2.GaussianBlur(image, (0, 0), max((1 / scale - 1) / 2, 1e-3))
    return cv2.warpAffine(image, matrix(place), size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def matrix(place: Placement) -> np.ndarray:
    """Returns the similarity ``place`` (one row) as OpenCV wants it: (2, 3) float64."""
    cos, sin = place.scale[0] * np.cos(place.tilt[0]), place.scale[0] * np.sin(place.tilt[0])
    return np.array([[cos, -sin, place.centre[0, 0]], [sin, cos, place.centre[0, 1]]])


def covered(generated_size: tuple[int, int], aligned: Aligned) -> tuple[slice, slice]:
    """Returns rows and columns of the reference's frame that the generated picture covers; maybe empty."""
    width, height = aligned.size
    if aligned.into_reference is None:
        return slice(0, height), slice(0, width)
    right, bottom = generated_size[0] - 1, generated_size[1] - 1
    corners = np.array([[[0, 0], [right, 0], [0, bottom], [right, bottom]]], dtype=np.float64)
    (a, b, c, d) = to_pixel(corners, aligned.into_reference)[0]
    left, top = max(a[0], c[0], 0.0), max(a[1], b[1], 0.0)
    right, bottom = min(b[0], d[0], width - 1.0), min(c[1], d[1], height - 1.0)
    first_row, first_column = int(np.ceil(top - EDGE_TOLERANCE)), int(np.ceil(left - EDGE_TOLERANCE))
    last_row, last_column = int(bottom + EDGE_TOLERANCE), int(right + EDGE_TOLERANCE)
    return (
        slice(first_row, max(first_row, last_row + 1)),
        slice(first_column, max(first_column, last_column + 1)),
    )


def head_onto_head(ours: np.ndarray, real: np.ndarray) -> Placement:
    """Returns the similarity that lays nose and eyes of landmarks ``ours`` (78, 2) onto those of ``real`` (78, 2)."""
    if np.array_equal(ours[list(STABLE_POINTS)], real[list(STABLE_POINTS)]):
        return Placement(np.zeros((1, 2)), np.ones(1), np.zeros(1))
    return fit_placement(real[None], ours)


def _at(track: ClipTrack, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns which of ``times`` lie on a frame with a face, and the landmarks there, interpolated."""
    seen = track.seen[nearest_in_time(track.times, times)]
    if not track.seen.any():
        return seen, np.zeros((len(times), LANDMARKS_WITH_IRISES, 2))
    known = track.times[track.seen]
    return seen, resample_in_time(track.landmarks[track.seen].astype(np.float64), known, times)


def _repeated(place: Placement, count: int) -> Placement:
    return Placement(
        np.repeat(place.centre, count, axis=0), np.repeat(place.scale, count), np.repeat(place.tilt, count)
    )


def _notes(
    generated: ClipTrack, reference: ClipTrack, count: int, faces: int, into_reference: Placement | None
) -> list[str]:
    notes = []
    if generated.fps != reference.fps or generated.variable or reference.variable:
        ours, real = (f"{float(t.fps):.3f}{' (variable)' if t.variable else ''}" for t in (generated, reference))
        notes.append(f"rates {ours} and {real} fps: frames paired by time")
    if abs(generated.end - reference.end) * float(reference.fps) > LENGTH_TOLERANCE:
        notes.append(
            f"lengths {generated.end:.2f} and {reference.end:.2f} s: "
            f"the common {count / float(reference.fps):.2f} s compared"
        )
    if into_reference is not None:
        notes.append(
            f"frames {generated.size[0]}x{generated.size[1]} and {reference.size[0]}x{reference.size[1]}: "
            f"pictures and landmarks scaled by {float(into_reference.scale[0]):.3f} into the reference"
        )
    if faces < count:
        notes.append(f"{count - faces} of {count} frames without a face in one of the videos left out")
    return notes
