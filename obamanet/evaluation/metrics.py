"""Measures of mouths and faces over time, each a pure function; higher is better unless said.

Mouths are keypoints (T, 20, 2), faces landmarks (T, 68, 2). Single pictures are measured by
:mod:`obamanet.render.picture_quality` and :mod:`obamanet.evaluation.sharpness`.
"""

from __future__ import annotations

from typing import Final

import numpy as np

MIN_DEVIATION: Final = 1e-9
"""A series with a smaller standard deviation does not move."""

MIN_JITTER_HZ: Final = 6.0
"""Movement above this frequency is jitter: speech moves the jaw at 2 to 7 Hz (Chandrasekaran et al. 2009)."""

MIN_JITTER_FRAMES: Final = 8
"""Frames from which on jitter can be measured."""


def landmark_distance(points: np.ndarray, truth: np.ndarray) -> float:
    """Returns LMD (Chen et al. 2018): the mean distance of ``points`` and ``truth`` (T, N, 2), in their unit.

    LMD = 1/(T N) sum |p - q|; 0 is best.
    """
    return float(np.linalg.norm(points.astype(np.float64) - truth, axis=-1).mean())


def velocity_error(points: np.ndarray, truth: np.ndarray, fps: float) -> float:
    """Returns the mean distance between the velocities of ``points`` and ``truth`` (T, N, 2), in their unit per second.

    D-V of Zhou et al. 2020 (MakeItTalk): 1/((T-1) N) sum |(p[t+1] - p[t]) - (q[t+1] - q[t])| fps; 0 is best, and
    of a single frame.
    """
    if len(points) < 2:
        return 0.0
    difference = np.diff(points.astype(np.float64), axis=0) - np.diff(truth.astype(np.float64), axis=0)
    return float(np.linalg.norm(difference, axis=-1).mean() * fps)


def correlation(values: np.ndarray, truth: np.ndarray) -> float:
    """Returns Pearson's correlation of two series (T,); 0 when one of them does not move."""
    if values.std() < MIN_DEVIATION or truth.std() < MIN_DEVIATION:
        return 0.0
    return float(np.corrcoef(values, truth)[0, 1])


def amplitude_ratio(values: np.ndarray, truth: np.ndarray) -> float:
    """Returns the standard deviation of ``values`` (T,) over that of ``truth`` (T,); 1 is best.

    It is 1 when neither moves and infinite when only the truth does not move.
    """
    moved, expected = float(values.std()), float(truth.std())
    if expected < MIN_DEVIATION:
        return 1.0 if moved < MIN_DEVIATION else float("inf")
    return moved / expected if moved >= MIN_DEVIATION else 0.0


def speed(points: np.ndarray, fps: float) -> np.ndarray:
    """Returns the mean speed (T,) of ``points`` (T, N, 2) by central differences, in their unit per second."""
    if len(points) < 2:
        return np.zeros(len(points))
    return np.linalg.norm(np.gradient(points.astype(np.float64), axis=0), axis=-1).mean(axis=-1) * fps


def jitter(points: np.ndarray, fps: float) -> float:
    """Returns the jitter of points, root mean square in their unit; 0 is best.

    It is the energy above :data:`MIN_JITTER_HZ` of each coordinate's Hann-windowed spectrum, after its linear trend is
    removed (Parseval's theorem).

    Args:
        points: (T, N, 2).
        fps: frames per second.

    Raises:
        ValueError: there are fewer than 8 frames, or the frame rate is too low for that band.
    """
    if len(points) < MIN_JITTER_FRAMES or fps <= 2 * MIN_JITTER_HZ:
        raise ValueError(f"jitter needs {MIN_JITTER_FRAMES} frames at more than {2 * MIN_JITTER_HZ:g} fps")
    from scipy.signal import detrend

    count = len(points)
    window, fast = np.hanning(count), np.abs(np.fft.fftfreq(count, 1 / fps)) > MIN_JITTER_HZ
    # One coordinate at a time: the spectra of all of them would be the largest thing that an evaluation holds.
    energies = [
        (np.abs(np.fft.fft(detrend(series) * window)[fast]) ** 2).sum() / (count * (window**2).sum())
        for series in points.reshape(count, -1).T.astype(np.float64)
    ]
    return float(np.sqrt(2 * np.mean(energies)))


def silence_motion(speeds: np.ndarray, silent: np.ndarray, spoken: np.ndarray) -> float:
    """Returns the mean speed of the mouth in silence over that in speech; lower is better, 0 when it never moves.

    Args:
        speeds: (T,), of :func:`speed`.
        silent: mask (T,) of the silent frames.
        spoken: mask (T,) of the spoken frames.

    Raises:
        ValueError: one of the masks is empty.
    """
    if not silent.any() or not spoken.any():
        raise ValueError("there is no silence, or nothing but silence")
    moving = float(speeds[spoken].mean())
    return float(speeds[silent].mean()) / moving if moving > MIN_DEVIATION else 0.0


def flicker(pictures: np.ndarray, mask: np.ndarray) -> float:
    """Returns the mean absolute change in time, grey levels, of ``pictures`` (T, H, W, C) inside ``mask`` (H, W)."""
    change = np.abs(np.diff(pictures.astype(np.int16), axis=0))
    return float(change[:, mask].mean())
