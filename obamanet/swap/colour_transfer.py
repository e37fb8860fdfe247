"""Brings the colours of a painted face to those of the face that it takes the place of."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import cv2
import numpy as np

MIN_PIXELS: Final = 20
"""Pixels of a mask below which there is too little to compare, and colours stay."""

MIN_SPREAD: Final = 1e-3
"""Least standard deviation, in units of [0, 1], that colours are divided by."""


class Colour(StrEnum):
    """How colours are matched."""

    ADAIN = "adain"
    """Mean and standard deviation of each channel of BGR (Huang and Belongie 2017, equation 8)."""

    ADAIN_XYZ = "adain_xyz"
    """The same in CIE XYZ."""

    HIST_MATCH = "hist_match"
    """The whole distribution of each channel of BGR."""

    NONE = "none"
    """Not at all."""


def match_colour(painted: np.ndarray, given: np.ndarray, mask: np.ndarray, method: Colour) -> np.ndarray:
    """Returns ``painted`` in the colours of ``given``.

    Args:
        painted: shape (H, W, 3) uint8 BGR.
        given: the same place, shape (H, W, 3) uint8 BGR.
        mask: where both are compared, shape (H, W), above 0.
        method: how.

    Returns:
        Shape (H, W, 3) uint8 BGR.
    """
    inside = mask > 0
    if method is Colour.NONE or np.count_nonzero(inside) < MIN_PIXELS:
        return painted
    if method is Colour.HIST_MATCH:
        return np.stack([_distributed(painted[..., c], given[..., c], inside) for c in range(3)], axis=-1)
    one: np.ndarray = painted.astype(np.float32) / 255
    other: np.ndarray = given.astype(np.float32) / 255
    if method is Colour.ADAIN_XYZ:
        one, other = (cv2.cvtColor(picture, cv2.COLOR_BGR2XYZ) for picture in (one, other))
    spread = np.maximum(one[inside].std(axis=0), MIN_SPREAD)
    matched: np.ndarray = (one - one[inside].mean(axis=0)) / spread * other[inside].std(axis=0) + other[inside].mean(
        axis=0
    )
    if method is Colour.ADAIN_XYZ:
        matched = cv2.cvtColor(matched.astype(np.float32), cv2.COLOR_XYZ2BGR)
    return np.clip(np.round(255 * matched), 0, 255).astype(np.uint8)


def _distributed(painted: np.ndarray, given: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Returns the channel ``painted`` (H, W) with the distribution of ``given`` inside."""
    levels = np.arange(256)
    ours, theirs = (
        np.cumsum(np.bincount(channel[inside], minlength=256)) / inside.sum() for channel in (painted, given)
    )
    return np.round(np.interp(ours, theirs, levels)).astype(np.uint8)[painted]
