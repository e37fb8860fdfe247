"""Measures of mouths and pictures, each a pure function; higher is better unless said.

Mouths are keypoints (T, 20, 2), faces landmarks (T, 68, 2); pictures are uint8 BGR (H, W, 3). What is cut out of a
picture before it is measured is the caller's choice and is named in :mod:`obamanet.evaluation.catalogue`.
"""

from __future__ import annotations

import cv2
import numpy as np

SSIM_SIGMA = 1.5
SSIM_RADIUS = 5
"""Pixels. Gaussian window of 11 x 11 with this sigma (Wang et al. 2004, section III-B)."""

SSIM_C1, SSIM_C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2

STILL = 1e-9
"""A series whose standard deviation is below this does not move."""

TREMBLE_HZ = 6.0
"""Speech moves the jaw up to about 6 Hz (Chandrasekaran et al. 2009: 2 to 7 Hz); what is faster trembles."""

MIN_SSIM_SIDE = 2 * SSIM_RADIUS + 1


def landmark_distance(points: np.ndarray, truth: np.ndarray) -> float:
    """Return LMD (Chen et al. 2018): the mean distance of ``points`` and ``truth`` (T, N, 2), in their unit.

    LMD = 1/(T N) sum |p - q|; 0 is best.
    """
    return float(np.linalg.norm(points.astype(np.float64) - truth, axis=-1).mean())


def velocity_error(points: np.ndarray, truth: np.ndarray, fps: float) -> float:
    """Return the mean distance between the velocities of ``points`` and ``truth`` (T, N, 2), in their unit per second.

    D-V of Zhou et al. 2020 (MakeItTalk): 1/((T-1) N) sum |(p[t+1] - p[t]) - (q[t+1] - q[t])| fps; 0 is best, and
    of a single frame.
    """
    if len(points) < 2:
        return 0.0
    difference = np.diff(points.astype(np.float64), axis=0) - np.diff(truth.astype(np.float64), axis=0)
    return float(np.linalg.norm(difference, axis=-1).mean() * fps)


def correlation(values: np.ndarray, truth: np.ndarray) -> float:
    """Return Pearson's correlation of two series (T,); 0 when one of them does not move."""
    if values.std() < STILL or truth.std() < STILL:
        return 0.0
    return float(np.corrcoef(values, truth)[0, 1])


def amplitude_ratio(values: np.ndarray, truth: np.ndarray) -> float:
    """Return the standard deviation of ``values`` (T,) over that of ``truth`` (T,): 1 is right, below 1 mumbles.

    Of two series that do not move it is 1; where only the truth does not move it is infinite.
    """
    moved, expected = float(values.std()), float(truth.std())
    if expected < STILL:
        return 1.0 if moved < STILL else float("inf")
    return moved / expected if moved >= STILL else 0.0


def speed(points: np.ndarray, fps: float) -> np.ndarray:
    """Return the mean speed (T,) of ``points`` (T, N, 2) by central differences, in their unit per second."""
    if len(points) < 2:
        return np.zeros(len(points))
    return np.linalg.norm(np.gradient(points.astype(np.float64), axis=0), axis=-1).mean(axis=-1) * fps


def tremble(points: np.ndarray, fps: float) -> float:
    """Return how much ``points`` (T, N, 2) tremble, root mean square in their unit; 0 is best.

    The energy above TREMBLE_HZ of each coordinate's Hann-windowed spectrum, the linear trend removed first (Parseval).
    Raises ValueError when ``fps`` is too low to hold that band or there are fewer than 8 frames.
    """
    if len(points) < 8 or fps <= 2 * TREMBLE_HZ:
        raise ValueError(f"trembling needs 8 frames at more than {2 * TREMBLE_HZ:g} fps")
    from scipy.signal import detrend

    count = len(points)
    window, fast = np.hanning(count), np.abs(np.fft.fftfreq(count, 1 / fps)) > TREMBLE_HZ
    # One coordinate at a time: the spectra of all of them would be the largest thing that an evaluation holds.
    energies = [
        (np.abs(np.fft.fft(detrend(series) * window)[fast]) ** 2).sum() / (count * (window**2).sum())
        for series in points.reshape(count, -1).T.astype(np.float64)
    ]
    return float(np.sqrt(2 * np.mean(energies)))


def silence_motion(speeds: np.ndarray, silent: np.ndarray, spoken: np.ndarray) -> float:
    """Return the mean of ``speeds`` (T,) where ``silent`` (T,) over that where ``spoken`` (T,); lower is better.

    0 for a mouth that never moves. Raises ValueError when one of the masks is empty.
    """
    if not silent.any() or not spoken.any():
        raise ValueError("there is no silence, or nothing but silence")
    moving = float(speeds[spoken].mean())
    return float(speeds[silent].mean()) / moving if moving > STILL else 0.0


def psnr(picture: np.ndarray, truth: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio of two uint8 pictures in dB, 10 log10(255^2 / MSE); inf when identical."""
    error = np.mean((picture.astype(np.float64) - truth) ** 2)
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


def ssim(picture: np.ndarray, truth: np.ndarray) -> float:
    """Return SSIM (Wang et al. 2004) of two uint8 pictures (H, W, C), the mean over pixels and channels; 1 is best.

    Gaussian windows, population covariance, the outermost 5 pixels left out; both sides are at least 11 pixels.
    """
    x, y = picture.astype(np.float64), truth.astype(np.float64)
    mean_x, mean_y = _window(x), _window(y)
    var_x, var_y = _window(x * x) - mean_x**2, _window(y * y) - mean_y**2
    covariance = _window(x * y) - mean_x * mean_y
    similarity = ((2 * mean_x * mean_y + SSIM_C1) * (2 * covariance + SSIM_C2)) / (
        (mean_x**2 + mean_y**2 + SSIM_C1) * (var_x + var_y + SSIM_C2)
    )
    inside = slice(SSIM_RADIUS, -SSIM_RADIUS)
    return float(similarity[inside, inside].mean())


def flicker(pictures: np.ndarray, mask: np.ndarray) -> float:
    """Return the mean absolute change in time, grey levels, of ``pictures`` (T, H, W, C) inside ``mask`` (H, W)."""
    change = np.abs(np.diff(pictures.astype(np.int16), axis=0))
    return float(change[:, mask].mean())


def _window(values: np.ndarray) -> np.ndarray:
    size = 2 * SSIM_RADIUS + 1
    return cv2.GaussianBlur(values, (size, size), SSIM_SIGMA, borderType=cv2.BORDER_REFLECT)
