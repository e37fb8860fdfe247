"""Measures of mouths and pictures, each a pure function."""

from __future__ import annotations

import cv2
import numpy as np

SSIM_SIGMA = 1.5
SSIM_RADIUS = 5
"""Pixels. Gaussian window of 11 x 11 with this sigma (Wang et al. 2004, section III-B)."""

SSIM_C1, SSIM_C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def landmark_distance(points: np.ndarray, truth: np.ndarray) -> float:
    """Return LMD (Chen et al. 2018): the mean distance of ``points`` and ``truth`` (T, N, 2), in their unit."""
    return float(np.linalg.norm(points.astype(np.float64) - truth, axis=-1).mean())


def correlation(values: np.ndarray, truth: np.ndarray) -> float:
    """Return Pearson's correlation of two series (T,); 0 when one of them does not move."""
    if values.std() < 1e-9 or truth.std() < 1e-9:
        return 0.0
    return float(np.corrcoef(values, truth)[0, 1])


def amplitude_ratio(values: np.ndarray, truth: np.ndarray) -> float:
    """Return the standard deviation of ``values`` (T,) over that of ``truth`` (T,): 1 is right, below 1 mumbles."""
    return float(values.std() / truth.std())


def psnr(picture: np.ndarray, truth: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio of two uint8 pictures in dB, 10 log10(255^2 / MSE); inf when identical."""
    error = np.mean((picture.astype(np.float64) - truth) ** 2)
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


def ssim(picture: np.ndarray, truth: np.ndarray) -> float:
    """Return SSIM (Wang et al. 2004) of two uint8 pictures (H, W, C), the mean over pixels and channels.

    Gaussian windows, population covariance, the outermost 5 pixels left out.
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
