"""How far a painted picture is from its target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from obamanet.render.picture_quality import psnr, ssim


@dataclass(frozen=True)
class Measures:
    """Measures of one picture or means over many.

    Attributes:
        l1: mean absolute error, grey levels of 255.
        psnr: dB; inf when identical.
        ssim: -1 to 1.
    """

    l1: float
    psnr: float
    ssim: float


def measure(painted: np.ndarray, target: np.ndarray) -> Measures:
    """Returns the measures of a painted picture against its target, both (H, W, 3) uint8."""
    error = float(np.abs(painted.astype(np.float64) - target).mean())
    return Measures(error, psnr(painted, target), ssim(painted, target))


def mean_of(measures: list[Measures]) -> Measures:
    """Returns the mean of each measure."""
    return Measures(*(float(np.mean([getattr(one, name) for one in measures])) for name in ("l1", "psnr", "ssim")))
