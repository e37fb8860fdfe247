"""The One-Euro filter: its delay and its smoothing are those of its formula."""

from __future__ import annotations

import math

import numpy as np
import pytest

from obamanet.keypoints.one_euro import OneEuroFilter


@pytest.mark.parametrize("fps", [15, 30, 120])
@pytest.mark.parametrize(("min_cutoff", "beta", "speed"), [(1.0, 0.0, 3.0), (2.0, 0.5, 4.0), (0.5, 2.0, 10.0)])
def test_a_steady_movement_is_late_by_the_stated_delay(fps: int, min_cutoff: float, beta: float, speed: float) -> None:
    euro = OneEuroFilter(min_cutoff, beta)
    for time in np.arange(0, 20, 1 / fps):
        [smoothed] = euro.next(np.array([speed * time]), float(time))
    late = (speed * time - smoothed) / speed
    assert late == pytest.approx(1 / (2 * math.pi * (min_cutoff + beta * speed)), rel=1e-3)
    assert euro.delay(speed) == pytest.approx(late, rel=1e-3)


def test_noise_at_rest_shrinks_as_a_first_order_low_pass_has_it() -> None:
    euro, random = OneEuroFilter(2.0, 0.0), np.random.default_rng(1)
    noise = random.normal(size=(4000, 50))
    smoothed = np.stack([euro.next(values, n / 30) for n, values in enumerate(noise)])[100:]
    share = 1 / (1 + 30 / (2 * math.pi * 2.0))
    assert smoothed.std() == pytest.approx(math.sqrt(share / (2 - share)), rel=0.02)


def test_every_number_has_its_own_speed() -> None:
    euro = OneEuroFilter(1.0, 1.0)
    for time in np.arange(0, 10, 1 / 30):
        fast, slow = euro.next(np.array([20 * time, 0.1 * time]), float(time))
    assert (20 * time - fast) / 20 < 0.3 * (0.1 * time - slow) / 0.1


def test_speed_counts_in_the_given_unit() -> None:
    small, large = OneEuroFilter(1.0, 1.0), OneEuroFilter(1.0, 1.0)
    for time in np.arange(0, 2, 1 / 30):
        value = np.array([math.sin(3 * time)])
        ours, scaled = small.next(value, float(time)), large.next(100 * value, float(time), unit=100)
    assert scaled == pytest.approx(100 * ours)


def test_begins_with_the_first_values_and_anew_after_a_reset() -> None:
    euro, first, second = OneEuroFilter(0.1, 0.0), np.array([1.0, 2.0]), np.array([9.0, 9.0])
    assert (euro.next(first, 0.0) == first).all()
    assert (euro.next(second, 0.1) < 2 + 0.1 * 8).all()
    euro.reset()
    assert (euro.next(second, 0.2) == second).all()


def test_a_frame_at_the_same_time_changes_nothing() -> None:
    euro = OneEuroFilter(1.0, 0.0)
    before = euro.next(np.array([1.0]), 1.0)
    assert euro.next(np.array([5.0]), 1.0) == before
