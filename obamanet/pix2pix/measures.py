"""How far a painted picture is from its target."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Measures:
    """``l1`` in grey levels of 255, ``psnr`` in dB (inf when identical), ``ssim`` from -1 to 1."""

    l1: float
    psnr: float
    ssim: float


def measure(painted: np.ndarray, target: np.ndarray) -> Measures:
    """Compare two pictures (H, W, 3) uint8: mean absolute error, 10 log10(255^2 / MSE), and SSIM (Wang et al. 2004)."""
    import tensorflow as tf

    error = painted.astype(np.float64) - target
    square = float(np.mean(error**2))
    return Measures(
        l1=float(np.abs(error).mean()),
        psnr=10 * math.log10(255**2 / square) if square else math.inf,
        ssim=float(tf.image.ssim(tf.constant(painted), tf.constant(target), max_val=255)),
    )


def mean_of(measures: list[Measures]) -> Measures:
    """Return the mean of each measure."""
    return Measures(*(float(np.mean([getattr(one, name) for one in measures])) for name in ("l1", "psnr", "ssim")))
