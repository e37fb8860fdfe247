"""The only place where sample, feature and video-frame rates meet; all rates are rational."""

from __future__ import annotations

import math
import re
from fractions import Fraction

import numpy as np

from obamanet.errors import OptionError

FRAME_RATES = {
    "23.976": Fraction(24000, 1001),
    "23.98": Fraction(24000, 1001),
    "29.97": Fraction(30000, 1001),
    "59.94": Fraction(60000, 1001),
}
"""Decimal spellings of the broadcast rates and the exact ratios they stand for (SMPTE ST 12-1)."""

MIN_FPS, MAX_FPS = Fraction(1), Fraction(240)

BROADCAST_RATES = tuple(Fraction(whole * 1000, 1001) for whole in (24, 30, 48, 60, 120, 240))
"""Rates of NTSC's descent, each 0.1 % below a whole one (SMPTE ST 12-1)."""

COMMON_RATES = (
    *(Fraction(rate) for rate in (1, 2, 5, 10, 12, 12.5, 15, 20, 24, 25, 30, 48, 50, 60, 90, 100, 120, 240)),
    *BROADCAST_RATES,
)
"""What cameras and screens are set to; footage of any other rate is resampled to one of these."""

SNAP_WITHIN = Fraction(1, 1000)
"""Share by which a measured rate may miss the one that is meant: clocks and rounded time stamps are that far off."""

RATE = re.compile(r"[+-]?[0-9]{1,20}(\.[0-9]{0,20}|/[0-9]{1,20})?")
"""A rate in digits, enough for any float. With an exponent, as in 1e99999999, its ratio would fill the memory."""


def parse_rate(text: str | int | float | Fraction) -> Fraction:
    """Read a frame rate given as ``25``, ``29.97`` or ``30000/1001`` and return it as an exact ratio.

    Raises :class:`OptionError` for anything that is not a number from 1 to 240 frames per second.
    """
    spelled = str(text).strip()
    try:
        if not RATE.fullmatch(spelled):
            raise ValueError(spelled)
        rate = FRAME_RATES[spelled] if spelled in FRAME_RATES else Fraction(spelled)
    except (ValueError, ZeroDivisionError):
        raise OptionError(
            f"frame rate is not a number: got {spelled[:60]!r}, allowed is e.g. 25, 29.97 or 30000/1001"
        ) from None
    if not MIN_FPS <= rate <= MAX_FPS:
        raise OptionError(f"frame rate is out of range: got {spelled}, allowed is {MIN_FPS} to {MAX_FPS}")
    return rate


def standard_rate(rate: Fraction) -> Fraction:
    """Return the frame rate at which footage of about ``rate`` frames per second is read, from 1 to 240.

    That is the nearest whole or broadcast rate within 0.1 %, else the nearest of COMMON_RATES, so that an average such
    as 5310000/188951 goes no further.
    """
    close = [near for near in (Fraction(round(rate)), *BROADCAST_RATES) if abs(near / rate - 1) <= SNAP_WITHIN]
    allowed = [near for near in close if MIN_FPS <= near <= MAX_FPS]
    return min(allowed or COMMON_RATES, key=lambda near: max(near / rate, rate / near))


def frames_to_cover(duration: Fraction, fps: Fraction) -> int:
    """Return the number of video frames that cover ``duration`` seconds, so that the last sound still has a frame."""
    return math.ceil(duration * fps)


def frame_times(count: int, fps: Fraction) -> np.ndarray:
    """Return the start times, in seconds, of ``count`` video frames: shape (count,), float64, no accumulated error."""
    return np.arange(count, dtype=np.float64) * fps.denominator / fps.numerator


def feature_indices(first: int, count: int, fps: Fraction, feature_rate: Fraction) -> np.ndarray:
    """Return the feature frame nearest to the start of each video frame from ``first`` on: shape (count,), int64."""
    ratio = feature_rate / fps
    numerator, denominator = ratio.numerator, ratio.denominator
    frames = np.arange(first, first + count, dtype=np.int64)
    return (2 * frames * numerator + denominator) // (2 * denominator)


def resample_in_time(values: np.ndarray, times: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Interpolate ``values`` (T, ...) known at ``times`` (T,) linearly at ``wanted`` (W,) seconds; returns (W, ...).

    Before the first and after the last known time the nearest value is held.
    """
    if len(values) == 1:
        return np.repeat(values, len(wanted), axis=0)
    right = np.clip(np.searchsorted(times, wanted, side="right"), 1, len(times) - 1)
    left = right - 1
    share = np.clip((wanted - times[left]) / (times[right] - times[left]), 0.0, 1.0)
    share = share.reshape((-1,) + (1,) * (values.ndim - 1))
    return (values[left] * (1.0 - share) + values[right] * share).astype(values.dtype)


def nearest_in_time(times: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return which of ``times`` (T,), seconds in rising order, T >= 1, is nearest to each of ``wanted`` (W,): (W,).

    Of two that are equally near the earlier is taken. Memory grows with T + W, not with their product.
    """
    after = np.clip(np.searchsorted(times, wanted), 1, max(1, len(times) - 1))
    before = after - 1
    after = np.minimum(after, len(times) - 1)
    nearest = np.where(np.abs(times[after] - wanted) < np.abs(times[before] - wanted), after, before)
    # Of equal times the first.
    return np.searchsorted(times, times[nearest])
