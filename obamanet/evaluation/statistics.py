"""How sure a mean is, and whether two systems differ; resampling is seeded, over clips or over stretches of one.

Over clips SciPy resamples. Over stretches of one series (moving blocks), and over people and then their stretches, it
cannot: it draws single observations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

LEVEL: Final = 0.95
"""Confidence level of the intervals."""

RESAMPLES: Final = 10_000
"""Bootstrap resamples of an interval."""

SEED: Final = 1
"""Of the resampling."""

MIN_VARIANCE: Final = 1e-18
"""A series with less does not move."""


@dataclass(frozen=True)
class Interval:
    """A figure and its confidence interval of level LEVEL; ``low`` and ``high`` are None where there is none."""

    value: float
    low: float | None
    high: float | None

    def excludes(self, value: float) -> bool:
        """Returns whether ``value`` lies outside the bounds."""
        return self.low is not None and self.high is not None and not self.low <= value <= self.high


@dataclass(frozen=True)
class PairedTest:
    """Two systems compared on the same clips.

    Attributes:
        a: mean of the first system.
        b: mean of the second system.
        difference: ``b`` - ``a`` with its interval.
        p: of Wilcoxon's signed-rank test, two-sided.
        clips: how many.
    """

    a: float
    b: float
    difference: Interval
    p: float
    clips: int


def bootstrap_mean(values: Sequence[float] | np.ndarray) -> Interval:
    """Returns the mean of ``values`` with its percentile bootstrap interval (Efron 1979)."""
    return _bootstrap(np.mean, np.asarray(values, dtype=np.float64))


def joined_correlation(ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray]) -> Interval:
    """Returns Pearson's correlation of joined series with a bootstrap interval over clips; 0 if one does not move.

    Args:
        ours: one series (T,) per clip.
        theirs: the other series, of the same lengths.
    """
    return _bootstrap(_joined(_correlation), *_sums(ours, theirs).T)


def joined_amplitude(ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray]) -> Interval:
    """Returns the ratio of the standard deviations of joined series with a bootstrap interval over clips.

    Arguments as :func:`joined_correlation` takes them.
    """
    return _bootstrap(_joined(_amplitude), *_sums(ours, theirs).T)


def block_correlation(ours: np.ndarray, theirs: np.ndarray, block: int) -> Interval:
    """Returns Pearson's correlation of two series (T,) with an interval over stretches of ``block`` frames.

    Moving blocks (Künsch 1989): neighbouring frames are alike, so that frames drawn one by one would give too narrow an
    interval.
    """
    value = float(_correlation(_sums([ours], [theirs]).sum(axis=0)))
    return _interval(value, _block_correlations(ours, theirs, block, 1, np.random.default_rng(SEED))[:, 0])


def mean_block_correlation(ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray], block: int) -> Interval:
    """Returns the mean of several people's correlations with an interval over people and over stretches of each.

    Args:
        ours: one series (T,) of every person.
        theirs: the other series, of the same lengths.
        block: frames of one stretch; people are drawn first, then their stretches.
    """
    random, count = np.random.default_rng(SEED), len(ours)
    values = [float(_correlation(_sums([one], [other]).sum(axis=0))) for one, other in zip(ours, theirs, strict=True)]
    each = [_block_correlations(one, other, block, count, random) for one, other in zip(ours, theirs, strict=True)]
    drawn = random.integers(0, count, size=(RESAMPLES, count))
    resampled = np.take_along_axis(np.stack(each), drawn[None], axis=0)[0]
    return _interval(float(np.mean(values)), resampled.mean(axis=1))


def paired_test(a: Sequence[float], b: Sequence[float]) -> PairedTest:
    """Compares two systems by the bootstrap of their mean difference and Wilcoxon's signed-rank test.

    Args:
        a: finite values of the first system, one per clip.
        b: those of the second, on the same clips.

    Returns:
        The comparison; systems without any difference have p = 1.
    """
    from scipy.stats import wilcoxon

    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    difference = second - first
    p = float(wilcoxon(difference, zero_method="zsplit").pvalue) if np.any(difference) else 1.0
    return PairedTest(float(first.mean()), float(second.mean()), bootstrap_mean(difference), p, len(difference))


def _bootstrap(statistic: Callable[..., Any], *columns: np.ndarray) -> Interval:
    """Returns a statistic with its bootstrap interval over observations.

    Args:
        statistic: takes ``columns`` and the axis of the observations.
        columns: values (N,) of the observations, which are drawn together.
    """
    from scipy.stats import bootstrap

    value = float(statistic(*columns, axis=-1))
    if len(columns[0]) < 2:
        # Nothing to draw from.
        return Interval(value, value, value)
    # SciPy's own interval of infinities is not a number; its resamples are what is needed.
    with np.errstate(invalid="ignore"):
        resampled = bootstrap(
            columns,
            statistic,
            n_resamples=RESAMPLES,
            vectorized=True,
            paired=len(columns) > 1,
            method="percentile",
            rng=np.random.default_rng(SEED),
        ).bootstrap_distribution
    return _interval(value, resampled)


def _joined(statistic: Callable[[np.ndarray], np.ndarray]) -> Callable[..., np.ndarray]:
    """Returns ``statistic``, which takes the sums (..., 6) of :func:`_sums`, as one that takes their columns."""
    return lambda *columns, axis: statistic(np.stack([column.sum(axis=axis) for column in columns], axis=-1))


def _block_correlations(
    ours: np.ndarray, theirs: np.ndarray, block: int, times: int, random: np.random.Generator
) -> np.ndarray:
    """Returns the correlations (RESAMPLES, times) of two series joined from random stretches of ``block`` frames."""
    block = min(block, len(ours))
    windows = [slice(first, first + block) for first in range(len(ours) - block + 1)]
    sums = _sums([ours[window] for window in windows], [theirs[window] for window in windows])
    needed = -(-len(ours) // block)
    return _correlation(sums[random.integers(0, len(sums), size=(RESAMPLES, times, needed))].sum(axis=2))


def _interval(value: float, resampled: np.ndarray) -> Interval:
    # The inverted distribution takes values that occur: between two infinities there is nothing to interpolate.
    edges = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
    low, high = np.quantile(resampled, edges, method="inverted_cdf")
    return Interval(value, float(low), float(high))


def _sums(ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray]) -> np.ndarray:
    """Returns per clip the count and the sums of x, y, xx, yy, xy: (C, 6). Six sums make each resample cheap."""
    middle_x, middle_y = np.concatenate(ours).mean(), np.concatenate(theirs).mean()
    rows = []
    for mine, real in zip(ours, theirs, strict=True):
        x, y = mine - middle_x, real - middle_y
        rows.append([len(x), x.sum(), y.sum(), (x * x).sum(), (y * y).sum(), (x * y).sum()])
    return np.array(rows, dtype=np.float64)


def _moments(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    count, x, y, xx, yy, xy = np.moveaxis(sums, -1, 0)
    return xx / count - (x / count) ** 2, yy / count - (y / count) ** 2, xy / count - x * y / count**2


def _correlation(sums: np.ndarray) -> np.ndarray:
    x, y, together = _moments(sums)
    moving = (x > MIN_VARIANCE) & (y > MIN_VARIANCE)
    return np.where(moving, together / np.sqrt(np.where(moving, x * y, 1.0)), 0.0)


def _amplitude(sums: np.ndarray) -> np.ndarray:
    x, y, _ = _moments(sums)
    moving = y > MIN_VARIANCE
    ratio = np.sqrt(np.maximum(x, 0.0) / np.where(moving, y, 1.0))
    return np.where(moving, ratio, np.where(x > MIN_VARIANCE, np.inf, 1.0))
