"""Rates meet without drift: known counts, an hour at every broadcast rate, interpolation with known answers."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from obamanet.errors import OptionError
from obamanet.timing import (
    feature_indices,
    frame_times,
    frames_to_cover,
    nearest_in_time,
    parse_rate,
    resample_in_time,
    standard_rate,
)

HOUR = Fraction(3600)
RATES = [Fraction(24000, 1001), 24, 25, Fraction(30000, 1001), 30, 50, Fraction(60000, 1001)]


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("25", Fraction(25)),
        (25, Fraction(25)),
        (" 25 ", Fraction(25)),
        ("12.5", Fraction(25, 2)),
        (12.5, Fraction(25, 2)),
        ("29.97", Fraction(30000, 1001)),
        (29.97, Fraction(30000, 1001)),
        ("23.976", Fraction(24000, 1001)),
        ("59.94", Fraction(60000, 1001)),
        ("30000/1001", Fraction(30000, 1001)),
        (Fraction(30000, 1001), Fraction(30000, 1001)),
        ("1", Fraction(1)),
        ("240", Fraction(240)),
    ],
)
def test_rates_are_read_exactly(text: str | int | float | Fraction, rate: Fraction) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["", "fast", "25 fps", "1/0", "nan", "inf", "0", "-25", "0.99", "241", 1e9, "2_5"])
def test_other_rates_are_refused_in_one_line(text: str | float) -> None:
    with pytest.raises(OptionError) as caught:
        parse_rate(text)
    assert str(text) in str(caught.value)
    assert "allowed" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "1e99999999",
        "1e-99999999",
        "25e9999999999",
        pytest.param("9" * 10**6, id="digits"),
        pytest.param("1/" + "9" * 10**6, id="ratio"),
    ],
)
def test_a_rate_of_endless_digits_is_refused_at_once(text: str) -> None:
    with pytest.raises(OptionError, match="frame rate is not a number") as caught:
        parse_rate(text)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("rate", "standard"),
    [
        ("25", "25"),
        ("30000/1001", "30000/1001"),
        ("19001/317", "60000/1001"),
        ("5310000/188951", "30000/1001"),
        ("29.98", "30000/1001"),
        ("29.99", "30"),
        ("24.99", "25"),
        ("18", "18"),
        ("12.5", "12.5"),
        ("13.4", "12.5"),
        ("17.3", "15"),
        ("90000", "240"),
        ("1/10", "1"),
    ],
)
def test_footage_is_read_at_a_rate_that_cameras_have(rate: str, standard: str) -> None:
    assert standard_rate(Fraction(rate)) == Fraction(standard)
    assert standard_rate(standard_rate(Fraction(rate))) == standard_rate(Fraction(rate))


@pytest.mark.parametrize(
    ("duration", "fps", "count"),
    [
        (Fraction(1), Fraction(25), 25),
        (Fraction(1) + Fraction(1, 16000), Fraction(25), 26),
        (Fraction(1, 16000), Fraction(25), 1),
        (Fraction(0), Fraction(25), 0),
        (Fraction(1001, 1000), Fraction(30000, 1001), 30),
        (HOUR, Fraction(30000, 1001), 107893),  # 3600 * 30000 / 1001 = 107892.1
    ],
)
def test_frames_cover_the_last_sample(duration: Fraction, fps: Fraction, count: int) -> None:
    assert frames_to_cover(duration, fps) == count


@pytest.mark.parametrize("fps", RATES)
def test_frames_end_less_than_one_frame_after_the_sound(fps: Fraction) -> None:
    fps = Fraction(fps)
    for duration in (Fraction(1, 10), Fraction(7), Fraction(123457, 16000), HOUR):
        overhang = frames_to_cover(duration, fps) / fps - duration
        assert 0 <= overhang < 1 / fps


@pytest.mark.parametrize("fps", RATES)
def test_frame_times_are_exact_after_an_hour(fps: Fraction) -> None:
    fps = Fraction(fps)
    count = frames_to_cover(HOUR, fps)
    times = frame_times(count, fps)
    assert times.shape == (count,)
    for index in (0, 1, 2, count // 2, count - 1):
        assert times[index] == pytest.approx(float(index / fps), rel=1e-15, abs=0)


@pytest.mark.parametrize("fps", RATES)
def test_feature_frames_stay_within_half_a_step_for_an_hour(fps: Fraction) -> None:
    fps = Fraction(fps)
    count = frames_to_cover(HOUR, fps)
    indices = feature_indices(0, count, fps, Fraction(100))
    assert indices.dtype == np.int64
    for index in [*range(200), count // 2, count - 1]:
        assert abs(Fraction(int(indices[index]), 100) - index / fps) <= Fraction(1, 200)


def test_feature_frames_with_known_answers() -> None:
    assert feature_indices(0, 5, Fraction(25), Fraction(100)).tolist() == [0, 4, 8, 12, 16]
    assert feature_indices(0, 4, Fraction(30), Fraction(100)).tolist() == [0, 3, 7, 10]
    # 1 / 40 s lies halfway between two feature frames and takes the later one.
    assert feature_indices(0, 3, Fraction(40), Fraction(100)).tolist() == [0, 3, 5]
    assert feature_indices(0, 0, Fraction(25), Fraction(100)).tolist() == []


def test_a_second_of_sound_more_is_a_second_of_frames_more() -> None:
    for fps in (Fraction(25), Fraction(50), Fraction(24)):
        later = feature_indices(0, 200, fps, Fraction(100))[int(fps) :]
        assert np.array_equal(later - 100, feature_indices(0, 200 - int(fps), fps, Fraction(100)))


def test_interpolation_is_exact_on_a_line_and_holds_the_ends() -> None:
    times = np.array([0.0, 0.1, 0.35, 1.0])
    values = np.stack([2 * times, 5 - times], axis=1).reshape(4, 2, 1).astype(np.float32)
    wanted = np.array([-1.0, 0.0, 0.05, 0.1, 0.6, 1.0, 7.0])
    inside = np.clip(wanted, 0.0, 1.0)
    resampled = resample_in_time(values, times, wanted)
    assert resampled.shape == (7, 2, 1)
    assert resampled.dtype == np.float32
    np.testing.assert_allclose(resampled[:, 0, 0], 2 * inside, atol=1e-6)
    np.testing.assert_allclose(resampled[:, 1, 0], 5 - inside, atol=1e-6)


def test_interpolation_agrees_with_numpy_on_irregular_times() -> None:
    generator = np.random.default_rng(3)
    times = np.sort(generator.uniform(0, 10, 50))
    values = generator.normal(size=50)
    wanted = generator.uniform(-1, 11, 300)
    np.testing.assert_allclose(resample_in_time(values, times, wanted), np.interp(wanted, times, values), atol=1e-12)


def test_one_known_value_is_held() -> None:
    held = resample_in_time(np.array([[3.0, 4.0]]), np.array([5.0]), np.array([0.0, 5.0, 9.0]))
    assert held.tolist() == [[3.0, 4.0]] * 3


@pytest.mark.parametrize("seed", range(4))
def test_the_nearest_time_is_the_one_that_a_table_of_all_distances_has(seed: int) -> None:
    random = np.random.default_rng(seed)
    times = np.sort(random.choice(np.arange(400) / 25, random.integers(1, 60)))  # some twice
    # Frames of another rate, halves that are equally near to two, and what lies outside.
    wanted = np.concatenate([np.arange(300) * 1001 / 30000, np.arange(-5, 900) / 50, random.uniform(-1, 20, 200)])
    every = np.abs(times[None, :] - wanted[:, None]).argmin(axis=1)
    np.testing.assert_array_equal(nearest_in_time(times, wanted), every)
    assert len(nearest_in_time(times, wanted[:0])) == 0
