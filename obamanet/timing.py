"""Conversions between sample, feature and video-frame rates; all rates are rational and meet only here."""

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
"""Decimal spellings of the broadcast rates and their exact ratios (SMPTE ST 12-1)."""

MIN_FPS, MAX_FPS = Fraction(1), Fraction(240)
"""Allowed frame rates, frames per second."""

BROADCAST_RATES = tuple(Fraction(whole * 1000, 1001) for whole in (24, 30, 48, 60, 120, 240))
"""Frames per second. NTSC's rates, each 0.1 % below a whole one (SMPTE ST 12-1)."""

COMMON_RATES = (
    *(Fraction(rate) for rate in (1, 2, 5, 10, 12, 12.5, 15, 20, 24, 25, 30, 48, 50, 60, 90, 100, 120, 240)),
    *BROADCAST_RATES,
)
"""Frames per second that cameras and screens are set to; footage of any other rate is resampled to one of these."""

SNAP_TOLERANCE = Fraction(1, 1000)
"""Share by which a measured rate may differ from the nominal one, because of clocks and rounded time stamps."""

RATE_SYNTAX = re.compile(r"[+-]?[0-9]{1,20}(\.[0-9]{0,20}|/[0-9]{1,20})?")
"""Syntax of a rate in digits, long enough for any float. Exponents are excluded: the ratio of 1e99999999 would fill the
memory."""


def parse_rate(text: str | int | float | Fraction) -> Fraction:
    """Parses a frame rate.

    Args:
        text: for example ``25``, ``29.97`` or ``30000/1001``.

    Returns:
        The rate as an exact ratio; decimal spellings of broadcast rates stand for their ratio (29.97 for 30000/1001).

    Raises:
        OptionError: not a number, or not within 1 to 240 frames per second.
    """
    digits = str(text).strip()
    try:
        if not RATE_SYNTAX.fullmatch(digits):
            raise ValueError(digits)
        rate = FRAME_RATES[digits] if digits in FRAME_RATES else Fraction(digits)
    except (ValueError, ZeroDivisionError):
        raise OptionError(
            f"frame rate is not a number: got {digits[:60]!r}, allowed is e.g. 25, 29.97 or 30000/1001"
        ) from None
    if not MIN_FPS <= rate <= MAX_FPS:
        raise OptionError(f"frame rate is out of range: got {digits}, allowed is {MIN_FPS} to {MAX_FPS}")
    return rate


def standard_rate(rate: Fraction) -> Fraction:
    """Returns the frame rate, 1 to 240, at which footage of about ``rate`` frames per second is read.

    It is the nearest whole or broadcast rate within 0.1 %, else the nearest of COMMON_RATES: an average rate such as
    5310000/188951 is never passed on.
    """
    close = [near for near in (Fraction(round(rate)), *BROADCAST_RATES) if abs(near / rate - 1) <= SNAP_TOLERANCE]
    allowed = [near for near in close if MIN_FPS <= near <= MAX_FPS]
    return min(allowed or COMMON_RATES, key=lambda near: max(near / rate, rate / near))


def frames_to_cover(duration: Fraction, fps: Fraction) -> int:
    """Returns the number of video frames that cover ``duration`` seconds, rounded up so that the last sound has one."""
    return math.ceil(duration * fps)


def frame_times(count: int, fps: Fraction) -> np.ndarray:
    """Returns the start times of ``count`` video frames, (count,) float64 seconds, without accumulated error."""
    return np.arange(count, dtype=np.float64) * fps.denominator / fps.numerator


def feature_indices(first: int, count: int, fps: Fraction, feature_rate: Fraction) -> np.ndarray:
    """Returns the index of the feature frame nearest to the start of each video frame.

    Args:
        first: first video frame.
        count: number of video frames.
        fps: video frames per second.
        feature_rate: feature frames per second.

    Returns:
        Indices, shape (count,) int64; may lie outside the features.
    """
    ratio = feature_rate / fps
    numerator, denominator = ratio.numerator, ratio.denominator
    frames = np.arange(first, first + count, dtype=np.int64)
    return (2 * frames * numerator + denominator) // (2 * denominator)


def resample_in_time(values: np.ndarray, times: np.ndarray, new_times: np.ndarray) -> np.ndarray:
    """Interpolates values linearly at new times.

    Args:
        values: shape (T, ...), T >= 1.
        times: their times, shape (T,), seconds, ascending.
        new_times: shape (W,), seconds; outside ``times`` the first or last value is held.

    Returns:
        Values at ``new_times``, shape (W, ...), of the type of ``values``.
    """
    if len(values) == 1:
        return np.repeat(values, len(new_times), axis=0)
    right = np.clip(np.searchsorted(times, new_times, side="right"), 1, len(times) - 1)
    left = right - 1
    share = np.clip((new_times - times[left]) / (times[right] - times[left]), 0.0, 1.0)
    share = share.reshape((-1,) + (1,) * (values.ndim - 1))
    return (values[left] * (1.0 - share) + values[right] * share).astype(values.dtype)


def nearest_in_time(times: np.ndarray, new_times: np.ndarray) -> np.ndarray:
    """Returns the index of the nearest time for each new time; memory grows with T + W.

    Args:
        times: shape (T,), seconds, ascending, T >= 1.
        new_times: shape (W,), seconds.

    Returns:
        Indices into ``times``, shape (W,); of two equally near times the earlier one.
    """
    after = np.clip(np.searchsorted(times, new_times), 1, max(1, len(times) - 1))
    before = after - 1
    after = np.minimum(after, len(times) - 1)
    nearest = np.where(np.abs(times[after] - new_times) < np.abs(times[before] - new_times), after, before)
    # The first of equal times.
    return np.searchsorted(times, times[nearest])
