"""Corrections of predicted keypoints where a text tells that lips meet, are round or rest.

They are imposed on the prediction, as the constriction targets of articulatory phonology are (Browman and Goldstein
1992). How far tracked lips close is in benchmarks/RESULTS.md, "Constants".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from obamanet.constants import INNER_BOTTOM, INNER_TOP, LEFT_CORNER, MOUTH_COUNT, RIGHT_CORNER
from obamanet.keypoints.pca import MouthPca
from obamanet.types import Span

RAMP: Final = 0.04
"""Seconds in which lips close and open again around a closure; chosen on GRID, benchmarks/RESULTS.md, "Constants"."""

CLOSED_GAP: Final = 0.0
"""Canonical units. Gap between the inner lips in a closure; chosen on painted frames, benchmarks/RESULTS.md,
"Constants"."""

ROUNDED_WIDTH: Final = 0.96
"""Maximum width of rounded lips as a share of the resting mouth's; chosen on GRID, benchmarks/RESULTS.md,
"Constants"."""

TOWARDS_REST: Final = 0.7
"""Share of the way to the resting mouth that a mouth moves in a closure; chosen on painted frames,
benchmarks/RESULTS.md, "Constants"."""

LEAD: Final = 0.12
"""Seconds before speech in which the mouth leaves its rest."""

RELEASE: Final = 0.18
"""Seconds after speech in which the mouth returns to rest; LEAD + RELEASE is the shortest pause in which it rests."""


def close_lips(
    keypoints: np.ndarray, times: np.ndarray, closures: Sequence[Span], pca: MouthPca, rest: np.ndarray
) -> np.ndarray:
    """Closes the lips in given spans of time.

    In a closure the mouth moves most of the way to rest, and from there along the smallest change of PCA values that
    closes the lips: a rounded mouth closes rounded, and jaw and outer lips move along. It closes over RAMP seconds
    before the span and opens over as many after it. Mouths that are closed already are not changed.

    Args:
        keypoints: shape (T, 20, 2), canonical.
        times: of the keypoints, shape (T,), seconds, ascending.
        closures: when the lips are closed.
        pca: the person's mouth PCA.
        rest: the person's resting mouth, shape (20, 2), canonical.

    Returns:
        Shape (T, 20, 2) float32, canonical.
    """
    closing = _eased(times, closures, RAMP, RAMP)
    resting = keypoints + TOWARDS_REST * closing[:, None, None] * (rest - keypoints)
    return _limited(resting.astype(np.float32), closing, GAP_WEIGHTS, CLOSED_GAP, pca)


def round_lips(
    keypoints: np.ndarray, times: np.ndarray, roundings: Sequence[Span], pca: MouthPca, rest: np.ndarray
) -> np.ndarray:
    """Limits the width of the mouth in ``roundings`` to 0.96 of the resting mouth's.

    Arguments, movement and ramps as for :func:`close_lips`.
    """
    max_width = ROUNDED_WIDTH * float(rest.reshape(-1) @ WIDTH_WEIGHTS)
    return _limited(keypoints, _eased(times, roundings, RAMP, RAMP), WIDTH_WEIGHTS, max_width, pca)


def hold_still(keypoints: np.ndarray, times: np.ndarray, speech: Sequence[Span], rest: np.ndarray) -> np.ndarray:
    """Returns ``keypoints`` (T, 20, 2) at ``times`` (T,) seconds, the mouth at ``rest`` (20, 2) outside ``speech``.

    The mouth leaves its rest LEAD seconds before speech and is back RELEASE seconds after it.
    """
    share = _eased(times, speech, LEAD, RELEASE)
    return (rest + share[:, None, None] * (keypoints - rest)).astype(np.float32)


def uncross_lips(keypoints: np.ndarray) -> np.ndarray:
    """Returns canonical ``keypoints`` (T, 20, 2) whose inner lips do not cross at any of their three pairs of points.

    The gaps of the pairs are moved towards their mean as far as needed, and to 0 where the mean is negative; the middle
    of each pair stays.
    """
    upper, lower = list(INNER_TOP), list(INNER_BOTTOM)
    gaps = keypoints[:, lower, 1].astype(np.float64) - keypoints[:, upper, 1]
    crossing = np.flatnonzero(gaps.min(axis=1) < 0)
    if not len(crossing):
        return keypoints
    gaps = gaps[crossing]
    narrowest, mean = gaps.min(axis=1, keepdims=True), gaps.mean(axis=1, keepdims=True)
    factor = np.maximum(mean, 0.0) / (np.maximum(mean, 0.0) - narrowest)
    half = (np.maximum(mean, 0.0) + factor * (gaps - mean)) / 2
    apart = keypoints.copy()
    middle = (keypoints[crossing][:, lower, 1].astype(np.float64) + keypoints[crossing][:, upper, 1]) / 2
    apart[crossing[:, None], lower, 1] = middle + half
    apart[crossing[:, None], upper, 1] = middle - half
    return apart


def _limited(
    keypoints: np.ndarray, share: np.ndarray, measure: np.ndarray, maximum: float, pca: MouthPca
) -> np.ndarray:
    """Returns ``keypoints`` (T, 20, 2) with their ``measure`` limited to ``maximum``.

    Args:
        keypoints: shape (T, 20, 2), canonical.
        share: share of the excess that is removed, shape (T,), 0 to 1.
        measure: weights of a linear function of the flat mouth, shape (40,).
        maximum: limit of that function.
        pca: the person's mouth PCA, in whose space the mouth is moved.
    """
    flat = keypoints.reshape(len(keypoints), 2 * MOUTH_COUNT)
    excess = share * np.maximum(0.0, flat @ measure - maximum)
    if not excess.any():
        return keypoints
    # Of all changes of the PCA values (variance 1) with this effect, the one along the gradient has the least norm.
    gradient = (pca.components * pca.spread[:, None]) @ measure
    move = (gradient * pca.spread) @ pca.components / (gradient @ gradient)
    return (flat - excess[:, None] * move).reshape(keypoints.shape).astype(np.float32)


def _eased(times: np.ndarray, spans: Sequence[Span], before: float, after: float) -> np.ndarray:
    """Returns 1 inside ``spans`` and a raised cosine that falls to 0 over ``before`` and ``after`` seconds: (T,)."""
    share = np.zeros(len(times))
    firsts = np.searchsorted(times, np.array([span.start - before for span in spans]))
    lasts = np.searchsorted(times, np.array([span.end + after for span in spans]), side="right")
    for index in np.flatnonzero(lasts > firsts):
        span, first, last = spans[int(index)], firsts[index], lasts[index]
        near = times[first:last]
        away = np.maximum((span.start - near) / before, (near - span.end) / after)
        eased = 0.5 + 0.5 * np.cos(np.pi * np.clip(away, 0.0, 1.0))
        share[first:last] = np.maximum(share[first:last], eased)
    return share


def _difference(plus: Sequence[int], minus: Sequence[int], axis: int) -> np.ndarray:
    """Returns weights (40,) whose product with a flat mouth is the mean of points ``plus`` less that of ``minus``."""
    weights = np.zeros((MOUTH_COUNT, 2))
    weights[list(plus), axis] = 1 / len(plus)
    weights[list(minus), axis] = -1 / len(minus)
    return weights.reshape(-1)


GAP_WEIGHTS: Final = _difference(INNER_BOTTOM, INNER_TOP, 1)
"""Weights (40,) of the vertical gap between the inner lips."""

WIDTH_WEIGHTS: Final = _difference((RIGHT_CORNER,), (LEFT_CORNER,), 0)
"""Weights (40,) of the horizontal distance between the outer mouth corners."""
