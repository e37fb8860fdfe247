"""What is done to lips that are known to meet, to be round or to rest at certain times.

A mouth learned from 25 pictures a second by landmarks hardly ever shuts: the closure of a b is over between two
frames, and in the footage of GRID talker s1 the inner lips' gap, as tracked, has its least at p, b and m at 0.44 of
the vowels' median, where a mouth at rest has 0.25. So the meeting of the lips is laid over what was learned (the
constriction targets of articulatory phonology: Browman and Goldstein 1992).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from obamanet.constants import INNER_BOTTOM, INNER_TOP, MOUTH_COUNT
from obamanet.keypoints.pca import MouthPca
from obamanet.types import Span

RAMP: Final = 0.04
"""Seconds in which lips come together and part again. What was learned does most of the way before; with 0.02, 0.04 and
0.07 the opening of 40 GRID sentences correlates with the tracked one, which does not close, by 0.79, 0.78 and 0.77."""

DETECTED_RAMP: Final = 0.02
"""The same where a closure is heard in the sound, not read in a text: what was learned from sound is nearer to closing
there. The opening of 40 GRID sentences correlates with the tracked one better by up to 0.006 than with 0.03."""

CLOSED_GAP: Final = 0.0
"""Gap of lips that meet, canonical units; tracked again in the painted face it is 0.17 of the vowels' median. With 0.7
of the gap at rest lips look shut too, and the opening correlates better with the tracked one, by 0.01 and in synthetic
voices by 0.02; but tracked again only 0.6 of them are below a quarter of the vowels' gap."""

ROUNDED_WIDTH: Final = 0.96
"""Width of rounded lips, of the mouth's at rest, at most: in GRID talker s1 that of oo is 0.95 in the median, of aw
0.94, of all vowels 1.0; a pose up to this width is called round."""

TOWARDS_REST: Final = 0.7
"""How far a mouth goes to its rest where lips meet. In painted frames of 46 Spanish labials the lips, tracked again,
are shut (below a quarter of the vowels' gap) at 0.76 of them without this, and at all of them with a half; of 29 on the
road through the voice at 0.90 with a half and at 0.97 with this."""

LEAD: Final = 0.12
"""Seconds before a sound in which the mouth leaves its rest."""

RELEASE: Final = 0.18
"""Seconds after a sound in which it comes back to rest; both together are the shortest pause in which it rests."""


def close_lips(
    keypoints: np.ndarray,
    times: np.ndarray,
    closures: Sequence[Span],
    pca: MouthPca,
    rest: np.ndarray,
    ramp: float = RAMP,
) -> np.ndarray:
    """Return canonical ``keypoints`` (T, 20, 2), at ``times`` (T,) seconds, with lips that meet in ``closures``.

    The mouth goes most of the way to ``rest`` (20, 2), and from there is moved by the PCA values that are the least
    unusual ones for lips that meet: a rounded mouth closes rounded, and jaw and outer lips go along. It closes over
    ``ramp`` seconds before a closure, and opens likewise after it. Mouths that need not move are returned as they came.
    """
    meeting = _eased(times, closures, ramp, ramp)
    nearer = keypoints + TOWARDS_REST * meeting[:, None, None] * (rest - keypoints)
    return _held(nearer.astype(np.float32), meeting, GAP, CLOSED_GAP, pca)


def round_lips(
    keypoints: np.ndarray, times: np.ndarray, roundings: Sequence[Span], pca: MouthPca, rest: np.ndarray
) -> np.ndarray:
    """Return canonical ``keypoints`` (T, 20, 2) that are no wider in ``roundings`` than 0.96 of ``rest`` (20, 2).

    Moved and eased in as by :func:`close_lips`.
    """
    widest = ROUNDED_WIDTH * float(rest.reshape(-1) @ WIDTH)
    return _held(keypoints, _eased(times, roundings, RAMP, RAMP), WIDTH, widest, pca)


def hold_still(keypoints: np.ndarray, times: np.ndarray, said: Sequence[Span], rest: np.ndarray) -> np.ndarray:
    """Return ``keypoints`` (T, 20, 2) with the mouth at ``rest`` (20, 2) wherever nothing is ``said``.

    It leaves its rest 120 ms before a sound and is back 180 ms after one.
    """
    share = _eased(times, said, LEAD, RELEASE)
    return (rest + share[:, None, None] * (keypoints - rest)).astype(np.float32)


def uncross_lips(keypoints: np.ndarray) -> np.ndarray:
    """Return canonical ``keypoints`` (T, 20, 2) whose inner lips do not cross at any of their three pairs of points.

    The pairs' gaps come as near to their mean as is needed, and to 0 where that is below 0; each pair keeps its middle.
    """
    upper, lower = list(INNER_TOP), list(INNER_BOTTOM)
    gaps = keypoints[:, lower, 1].astype(np.float64) - keypoints[:, upper, 1]
    crossing = np.flatnonzero(gaps.min(axis=1) < 0)
    if not len(crossing):
        return keypoints
    gaps = gaps[crossing]
    least, mean = gaps.min(axis=1, keepdims=True), gaps.mean(axis=1, keepdims=True)
    kept = np.maximum(mean, 0.0) / (np.maximum(mean, 0.0) - least)
    half = (np.maximum(mean, 0.0) + kept * (gaps - mean)) / 2
    apart = keypoints.copy()
    middle = (keypoints[crossing][:, lower, 1].astype(np.float64) + keypoints[crossing][:, upper, 1]) / 2
    apart[crossing[:, None], lower, 1] = middle + half
    apart[crossing[:, None], upper, 1] = middle - half
    return apart


def _held(keypoints: np.ndarray, share: np.ndarray, measure: np.ndarray, most: float, pca: MouthPca) -> np.ndarray:
    """Return ``keypoints`` (T, 20, 2) whose ``measure`` (40,) is not above ``most``, where ``share`` (T,) is 1.

    Where it is less, only that part of the excess is taken away.
    """
    flat = keypoints.reshape(len(keypoints), 2 * MOUTH_COUNT)
    excess = share * np.maximum(0.0, flat @ measure - most)
    if not excess.any():
        return keypoints
    # Of all PCA values, of variance 1, that change the measure by as much, those along its gradient have least norm.
    gradient = (pca.components * pca.spread[:, None]) @ measure
    move = (gradient * pca.spread) @ pca.components / (gradient @ gradient)
    return (flat - excess[:, None] * move).reshape(keypoints.shape).astype(np.float32)


def _eased(times: np.ndarray, spans: Sequence[Span], before: float, after: float) -> np.ndarray:
    """Return 1 inside ``spans`` and a raised cosine that falls to 0 ``before`` and ``after`` each: (T,)."""
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
    """Return what a flat mouth (40,) is multiplied with to get how far points ``plus`` lie beyond ``minus``."""
    weights = np.zeros((MOUTH_COUNT, 2))
    weights[list(plus), axis] = 1 / len(plus)
    weights[list(minus), axis] = -1 / len(minus)
    return weights.reshape(-1)


GAP: Final = _difference(INNER_BOTTOM, INNER_TOP, 1)
"""The vertical gap between the inner lips."""

WIDTH: Final = _difference((6,), (0,), 0)
"""The horizontal distance between the outer corners."""
