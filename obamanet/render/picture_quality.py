"""How near a rendered picture is to a real one."""

from __future__ import annotations

from typing import Final

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
