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


GREY_WITHIN: Final = 2.0
"""Grey levels, of 255. Mean difference between a face's channels up to which its picture is taken to have no colour."""


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
    """Returns ``painted`` in the colours of ``given``; without any where that is a grey picture.

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
    if np.ptp(given[inside], axis=1).mean() <= GREY_WITHIN:
        painted = cv2.cvtColor(cv2.cvtColor(painted, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
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
    (_, ours), (counts, theirs) = (_ranked(channel[inside]) for channel in (painted, given))
    # Of the levels that are there alone, so that the highest becomes the highest and not 255.
    there = np.flatnonzero(counts)
    return np.round(np.interp(ours, theirs[there], there)).astype(np.uint8)[painted]


def _ranked(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns how often each level is in ``values`` (N,) uint8, and the share of them below its middle: (256,) each."""
    counts = np.bincount(values, minlength=256)
    return counts, (np.cumsum(counts) - counts / 2) / len(values)
