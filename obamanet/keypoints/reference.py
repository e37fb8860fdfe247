"""The reference track: landmarks of the person that supply head movement and blinks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from obamanet.constants import STABLE_POINTS
from obamanet.types import LandmarkTrack

SEAM_SECONDS = 0.6
"""Seconds of the crossfade between the head movements of two stitched tracks."""

ROUNDING = 0.5 + 1e-6
"""Frames added before rounding down; slightly over a half, to absorb floating-point errors of the times."""


def fold(positions: np.ndarray, length: int) -> np.ndarray:
    """Returns the reference frames at ``positions`` (T,) int64 of an endless track played 0 .. length-1 .. 0 .. .

    Forward and backward, so that there is no jump at the ends.
    """
    period = max(1, 2 * (length - 1))
    folded = positions % period
    return np.where(folded < length, folded, period - folded)


def stitch(tracks: Sequence[np.ndarray], fps: float) -> np.ndarray:
    """Joins landmark tracks with crossfades.

    The order is greedy: each track is followed by the one whose beginning is nearest to its end. At a seam one
    crossfades into the next over SEAM_SECONDS with a raised cosine.

    Args:
        tracks: shape (T_i, 68, 2) each, pixels.
        fps: frames per second.

    Returns:
        Shape (T, 68, 2) float32, pixels.
    """
    overlap = max(1, round(SEAM_SECONDS * fps))
    remaining = list(range(1, len(tracks)))
    stitched = tracks[0].astype(np.float64)
    stable = list(STABLE_POINTS)
    while remaining:
        end = stitched[-overlap:, stable].mean(axis=0)
        distances = [np.linalg.norm(tracks[i][:overlap, stable].mean(axis=0) - end, axis=-1).mean() for i in remaining]
        following = tracks[remaining.pop(int(np.argmin(distances)))].astype(np.float64)
        fade = (0.5 - 0.5 * np.cos(np.pi * (np.arange(overlap) + 0.5) / overlap))[:, None, None]
        eased = stitched[-overlap:] * (1 - fade) + following[:overlap] * fade
        stitched = np.concatenate([stitched[:-overlap], eased, following[overlap:]])
    return stitched.astype(np.float32)


def reference_at(track: LandmarkTrack, times: np.ndarray) -> np.ndarray:
    """Returns the track's landmarks at ``times`` (T,) seconds, played forward and backward: (T, 68, 2) float32.

    Landmarks are interpolated between two frames, so that head movement has its own speed at any output rate.
    """
    position = times * float(track.fps)
    first = np.floor(position).astype(np.int64)
    share = (position - first)[:, None, None]
    before = track.points[fold(first, len(track.points))]
    after = track.points[fold(first + 1, len(track.points))]
    return (before * (1 - share) + after * share).astype(np.float32)


def nearest_frames(track: LandmarkTrack, times: np.ndarray) -> np.ndarray:
    """Returns the track's frames nearest to ``times`` (T,) seconds, played forward and backward: (T,) int64."""
    # Halves are rounded up, not to even: at twice the footage's rate every frame is shown twice, not once or thrice.
    return fold(np.floor(times * float(track.fps) + ROUNDING).astype(np.int64), len(track.points))
