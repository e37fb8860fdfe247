"""The reference track: landmarks of the person at rest and in speech that supply head movement and blinks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from obamanet.constants import STABLE_POINTS
from obamanet.types import LandmarkTrack

SEAM_SECONDS = 0.6
"""Length over which one sentence's head movement eases into the next one's."""

HALF = 0.5 + 1e-6
"""Frames added before rounding down. A hair over a half, which times in floating point may miss by as much."""


def fold(places: np.ndarray, length: int) -> np.ndarray:
    """Return the reference frames at ``places`` (T,) int64 of an endless play 0 .. length-1 .. 0 .. of the track.

    Forward and then backward, so that the seam never jumps.
    """
    period = max(1, 2 * (length - 1))
    folded = places % period
    return np.where(folded < length, folded, period - folded)


def stitch(tracks: Sequence[np.ndarray], fps: float) -> np.ndarray:
    """Return ``tracks`` of landmarks, (T_i, 68, 2) each, as one (T, 68, 2) with eased seams.

    The order is chosen greedily so that each track begins where the one before it ends. At a seam the end of one fades
    into the start of the next over SEAM_SECONDS with a raised cosine.
    """
    overlap = max(1, round(SEAM_SECONDS * fps))
    rest = list(range(1, len(tracks)))
    stitched = tracks[0].astype(np.float64)
    stable = list(STABLE_POINTS)
    while rest:
        end = stitched[-overlap:, stable].mean(axis=0)
        distances = [np.linalg.norm(tracks[i][:overlap, stable].mean(axis=0) - end, axis=-1).mean() for i in rest]
        following = tracks[rest.pop(int(np.argmin(distances)))].astype(np.float64)
        fade = (0.5 - 0.5 * np.cos(np.pi * (np.arange(overlap) + 0.5) / overlap))[:, None, None]
        eased = stitched[-overlap:] * (1 - fade) + following[:overlap] * fade
        stitched = np.concatenate([stitched[:-overlap], eased, following[overlap:]])
    return stitched.astype(np.float32)


def reference_at(track: LandmarkTrack, times: np.ndarray) -> np.ndarray:
    """Return the track's landmarks at ``times`` (T,) seconds, played forward and backward: (T, 68, 2) float32.

    Between two frames landmarks are interpolated, so that any output rate moves the head at its own speed.
    """
    place = times * float(track.fps)
    first = np.floor(place).astype(np.int64)
    share = (place - first)[:, None, None]
    before = track.points[fold(first, len(track.points))]
    after = track.points[fold(first + 1, len(track.points))]
    return (before * (1 - share) + after * share).astype(np.float32)


def nearest_frames(track: LandmarkTrack, times: np.ndarray) -> np.ndarray:
    """Return the track's frames nearest to ``times`` (T,) seconds, played forward and backward: (T,) int64."""
    # Halves go up, not to even: at twice the footage's rate every frame must be shown twice, not once and thrice.
    return fold(np.floor(times * float(track.fps) + HALF).astype(np.int64), len(track.points))
