"""Intervals and paired tests: known answers, seeds, infinities."""

from __future__ import annotations

import numpy as np
import pytest

from obamanet.evaluation.statistics import (
    bootstrap_mean,
    joined_amplitude,
    joined_correlation,
    paired_test,
)


def test_the_interval_is_that_of_the_mean_and_repeats() -> None:
    values = np.random.default_rng(3).normal(10, 2, 200)
    interval = bootstrap_mean(values)
    assert interval == bootstrap_mean(values)
    assert interval.value == pytest.approx(values.mean())
    half = 1.96 * values.std() / np.sqrt(200)
    assert interval.low == pytest.approx(values.mean() - half, abs=0.05)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.05)


def test_infinite_and_single_values_stay_what_they_are() -> None:
    infinite = bootstrap_mean([float("inf")] * 3)
    assert (infinite.value, infinite.low, infinite.high) == (float("inf"),) * 3
    one = bootstrap_mean([4.0])
    assert (one.value, one.low, one.high) == (4.0, 4.0, 4.0)


def test_joined_figures_are_those_of_the_joined_series() -> None:
    random = np.random.default_rng(4)
    real = [random.normal(i, 1, 30 + i) for i in range(8)]
    ours = [0.7 * series + random.normal(0, 0.2, len(series)) for series in real]
    x, y = np.concatenate(ours), np.concatenate(real)
    correlation, amplitude = joined_correlation(ours, real), joined_amplitude(ours, real)
    assert correlation.value == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-9)
    assert amplitude.value == pytest.approx(x.std() / y.std(), abs=1e-9)
    assert correlation.low < correlation.value < correlation.high
    still = [np.full(len(series), 2.0) for series in real]
    assert joined_correlation(still, real).value == 0.0
    assert joined_amplitude(still, real).value == 0.0
    assert joined_amplitude(real, still).value == float("inf")


def test_a_paired_test_tells_a_difference_from_none() -> None:
    random = np.random.default_rng(5)
    a = random.normal(5, 2, 40)
    better = paired_test(a, a + 0.3 + random.normal(0, 0.1, 40))
    assert better.p < 1e-6
    assert better.difference.low > 0.2 and better.difference.high < 0.4
    alike = paired_test(a, a + random.normal(0, 0.1, 40))
    assert alike.difference.low < 0 < alike.difference.high
    assert paired_test(a, a).p == 1.0
