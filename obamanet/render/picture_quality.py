"""How near a rendered picture is to a real one, and how sharp."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

SSIM_SIGMA: Final = 1.5
"""Pixels. Of the Gaussian window (Wang et al. 2004, section III-B)."""

MIN_SSIM_SIDE: Final = 11
"""Pixels. Side of that window."""


def psnr(picture: np.ndarray, truth: np.ndarray) -> float:
    """Returns the peak signal-to-noise ratio of two uint8 pictures in dB, 10 log10(255^2 / MSE); inf when identical."""
    error = np.mean((picture.astype(np.float64) - truth) ** 2)
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


def ssim(picture: np.ndarray, truth: np.ndarray) -> float:
    """Returns SSIM (Wang et al. 2004) of two uint8 pictures (H, W, C), the mean over pixels and channels; 1 is best.

    Gaussian windows of 11 x 11, population covariance, the outermost 5 pixels left out; both sides are at least
    :data:`MIN_SSIM_SIDE`.
    """
    from skimage.metrics import structural_similarity

    return float(
        structural_similarity(
            picture,
            truth,
            data_range=255,
            channel_axis=-1,
            gaussian_weights=True,
            sigma=SSIM_SIGMA,
            use_sample_covariance=False,
        )
    )


def laplacian_sharpness(picture: np.ndarray) -> float:
    """Returns the variance of the Laplacian of a uint8 BGR picture (H, W, 3), in squared grey levels.

    Pech-Pacheco et al. 2000: var(L * I) with the kernel 0 1 0 / 1 -4 1 / 0 1 0 over the luma of ITU-R BT.601. It grows
    with contrast and noise; only pictures of one scale can be compared.
    """
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(np.float64)
    return float(cv2.Laplacian(grey, cv2.CV_64F, ksize=1).var())
