"""Steadies where a face lies from frame to frame: a Kalman smoother for each tracked face, begun anew at cuts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from obamanet.constants import LANDMARK_COUNT
from obamanet.face.track import split_segments
from obamanet.swap.alignments import Face
from obamanet.swap.umeyama import alignment

MEASURED_NOISE: Final = 0.01
"""Standard deviation of a face's measured place in aligned pictures' sides, of its angle in radians and of its scale's
logarithm: that of landmarks which jitter by half a pixel in a face of 50 pixels."""

ACCELERATION: Final = 0.01
"""Standard deviation of a change of velocity from one frame to the next, in the same units. What passes depends on
its ratio to the noise: of a nod twice a second at 25 frames per second 94 % (benchmarks/RESULTS.md, "Face swap")."""

FIRST_VELOCITY: Final = 0.2
"""Standard deviation of the velocity in a stretch's first frame, in the same units."""

MIN_FRAMES: Final = 3
"""Frames of a face below which there is nothing to smooth."""


def load_filter() -> None:
    """Imports what smooths, so that a package which is missing is told before a video is looked through."""
    import filterpy.kalman  # noqa: F401


def face_matrices(faces: Sequence[Face], side: float, *, smooth: bool = True) -> np.ndarray:
    """Returns the similarity of each face to its aligned picture of ``side`` pixels: shape (N, 2, 3) float64.

    Args:
        faces: of one video, in the order of frames.
        side: of the aligned picture, pixels.
        smooth: whether they are steadied, forward and backward in time: they do not lag.
    """
    matrices = np.array([alignment(face.landmarks, side) for face in faces]).reshape(-1, 2, 3)
    if not smooth:
        return matrices
    for track in {face.track for face in faces}:
        own = [index for index, face in enumerate(faces) if face.track == track]
        for stretch in _stretches([faces[index] for index in own]):
            chosen = [own[index] for index in stretch]
            frames = np.array([faces[index].frame for index in chosen])
            matrices[chosen] = smooth_matrices(matrices[chosen], frames, side)
    return matrices


def smooth_matrices(matrices: np.ndarray, frames: np.ndarray, side: float) -> np.ndarray:
    """Steadies similarities by a Kalman filter of constant velocity and its Rauch-Tung-Striebel smoother.

    Args:
        matrices: from the frame to aligned pictures.
        frames: number of each one's frame, shape (T,), rising.
        side: of the aligned pictures, pixels.

    Returns:
        Shape (T, 2, 3) float64; as they came where there are fewer than :data:`MIN_FRAMES`.
    """
    if len(matrices) < MIN_FRAMES:
        return matrices
    from filterpy.common import Q_discrete_white_noise
    from filterpy.kalman import KalmanFilter

    # Where the aligned picture's middle lies in the frame, how it is turned and scaled there; in a unit per face.
    scale = np.hypot(matrices[:, 0, 0], matrices[:, 0, 1])
    angle = np.unwrap(np.arctan2(matrices[:, 1, 0], matrices[:, 0, 0]))
    unit = side / np.median(scale)
    middle = np.array([(side - 1) / 2, (side - 1) / 2])
    centre = np.stack([np.linalg.solve(matrix[:, :2], middle - matrix[:, 2]) for matrix in matrices])
    measured = np.column_stack([centre / unit, angle, np.log(scale)])
    steps = np.diff(frames, prepend=frames[0]).astype(np.float64)
    smooth = np.empty_like(measured)
    # Nearly all steps are one frame: their matrices are made once.
    move_of = {step: np.array([[1.0, step], [0.0, 1.0]]) for step in set(steps.tolist())}
    noise_of = {step: Q_discrete_white_noise(2, dt=step, var=ACCELERATION**2) for step in move_of}
    moves, noises = ([known[step] for step in steps] for known in (move_of, noise_of))
    for column in range(measured.shape[1]):
        kalman = KalmanFilter(dim_x=2, dim_z=1)
        kalman.x = np.array([[measured[0, column]], [0.0]])
        kalman.P = np.diag([1.0, FIRST_VELOCITY**2])
        kalman.H, kalman.R = np.array([[1.0, 0.0]]), np.array([[MEASURED_NOISE**2]])
        means, covariances, _, _ = kalman.batch_filter(measured[:, column], Fs=moves, Qs=noises)
        smooth[:, column] = kalman.rts_smoother(means, covariances, Fs=moves, Qs=noises)[0][:, 0, 0]
    turn = np.exp(smooth[:, 3])[:, None, None] * np.stack(
        [
            np.stack([np.cos(smooth[:, 2]), -np.sin(smooth[:, 2])], axis=-1),
            np.stack([np.sin(smooth[:, 2]), np.cos(smooth[:, 2])], axis=-1),
        ],
        axis=1,
    )
    moved = middle - np.einsum("tij,tj->ti", turn, smooth[:, :2] * unit)
    return np.concatenate([turn, moved[..., None]], axis=-1)


def _stretches(faces: Sequence[Face]) -> list[list[int]]:
    """Returns the indices of the ``faces`` of one track by stretch without a gap or jump."""
    first, last = faces[0].frame, faces[-1].frame
    points = np.full((last - first + 1, LANDMARK_COUNT, 2), np.nan, np.float32)
    for face in faces:
        points[face.frame - first] = face.landmarks
    segment = split_segments(points)
    numbers = [int(segment[face.frame - first]) for face in faces]
    return [[index for index, number in enumerate(numbers) if number == one] for one in sorted(set(numbers))]
