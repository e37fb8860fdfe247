"""Intervals and paired tests: known answers, seeds, infinities."""

from __future__ import annotations

import numpy as np
import pytest

from obamanet.evaluation.statistics import (
    block_correlation,
    bootstrap_mean,
    joined_amplitude,
    joined_correlation,
    mean_block_correlation,
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


def test_one_series_is_less_sure_than_its_frames_would_make_it() -> None:
    random = np.random.default_rng(6)
    # Each value comes eight times: 20 independent ones, not 160.
    real = np.repeat(random.normal(0, 1, 20), 8)
    ours = real + np.repeat(random.normal(0, 1, 20), 8)
    whole, frames = (block_correlation(ours, real, block) for block in (16, 1))
    assert whole == block_correlation(ours, real, 16)
    assert whole.value == frames.value == pytest.approx(np.corrcoef(ours, real)[0, 1])
    width, promised = (interval.high - interval.low for interval in (whole, frames))
    assert width > 1.8 * promised
    # Independent frames have Fisher's interval: tanh(atanh(r) +- 1.96 / sqrt(n - 3)).
    x, y = random.normal(0, 1, (2, 160))
    apart = block_correlation(x + y, y, 1)
    fisher = np.tanh(np.arctanh(apart.value) + np.array([-1.96, 1.96]) / np.sqrt(160 - 3))
    assert (apart.low, apart.high) == pytest.approx(fisher, abs=0.04)
    perfect = block_correlation(2 * real + 1, real, 500)
    assert (perfect.value, perfect.low, perfect.high) == pytest.approx((1, 1, 1))


def test_the_mean_of_few_people_is_as_unsure_as_they_differ() -> None:
    random = np.random.default_rng(7)
    real = [random.normal(0, 1, 75) for _ in range(4)]
    alike = [series + random.normal(0, 0.5, 75) for series in real]
    apart = [series + random.normal(0, noise, 75) for series, noise in zip(real, (0.1, 0.1, 3, 3), strict=True)]
    sure, unsure = (mean_block_correlation(ours, real, 5) for ours in (alike, apart))
    each = [np.corrcoef(a, b)[0, 1] for a, b in zip(apart, real, strict=True)]
    assert unsure.value == pytest.approx(np.mean(each))
    assert unsure.high - unsure.low > 3 * (sure.high - sure.low)
    # All four drawn alike is one resample in 128: the interval nearly reaches from one to the other.
    assert unsure.low < 0.45 and unsure.high > 0.75
