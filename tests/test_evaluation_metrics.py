"""Measures of mouths and pictures: known answers, and an independent implementation."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import made_landmarks
from made import recorded_frames
from skimage.metrics import peak_signal_noise_ratio

from obamanet.evaluation import metrics
from obamanet.evaluation.sharpness import cpbd
from obamanet.render.picture_quality import laplacian_sharpness, psnr, ssim


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """Return a made picture (120, 160, 3) with edges of many directions and contrasts."""
    random = np.random.default_rng(1)
    canvas = np.full((240, 320, 3), 120, dtype=np.uint8)
    for _ in range(60):
        left, top = random.integers(0, 300), random.integers(0, 220)
        colour = tuple(int(value) for value in random.integers(0, 256, 3))
        cv2.rectangle(canvas, (int(left), int(top)), (int(left) + 30, int(top) + 25), colour, -1)
    return cv2.resize(canvas, (160, 120), interpolation=cv2.INTER_AREA)


def ssim_by_formula(x: np.ndarray, y: np.ndarray) -> float:
    """Return the mean of SSIM (Wang et al. 2004, equation 13) over the pixels whose windows are inside."""

    def mean(values: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(values, (11, 11), 1.5)[5:-5, 5:-5]

    x, y = x.astype(np.float64), y.astype(np.float64)
    mean_x, mean_y, c1, c2 = mean(x), mean(y), (0.01 * 255) ** 2, (0.03 * 255) ** 2
    spread = mean(x * x) - mean_x**2 + mean(y * y) - mean_y**2
    together = mean(x * y) - mean_x * mean_y
    return float(
        ((2 * mean_x * mean_y + c1) * (2 * together + c2) / (mean_x**2 + mean_y**2 + c1) / (spread + c2)).mean()
    )


def test_psnr_and_ssim_are_those_of_the_formulas(picture: np.ndarray) -> None:
    noise = np.random.default_rng(2).normal(0, 12, picture.shape)
    noisy = np.clip(picture + noise, 0, 255).astype(np.uint8)
    assert psnr(noisy, picture) == pytest.approx(peak_signal_noise_ratio(picture, noisy), abs=1e-6)
    found = ssim(noisy, picture)
    assert found == pytest.approx(ssim_by_formula(noisy, picture), abs=1e-6)
    assert 0.2 < found < 0.98
    assert 0 < ssim(noisy[:11, :11], picture[:11, :11]) < 1


def test_identical_pictures_are_perfect(picture: np.ndarray) -> None:
    assert psnr(picture, picture) == float("inf")
    assert ssim(picture, picture) == pytest.approx(1.0, abs=1e-12)


def test_psnr_of_a_known_error(picture: np.ndarray) -> None:
    dark = np.full((20, 20, 3), 100, dtype=np.uint8)
    assert psnr(dark + np.uint8(5), dark) == pytest.approx(10 * np.log10(255**2 / 25))


def test_blur_lowers_sharpness_and_cpbd_step_by_step(picture: np.ndarray) -> None:
    blurred = [picture, *(cv2.GaussianBlur(picture, (0, 0), sigma) for sigma in (0.35, 0.45, 0.55, 0.7))]
    edges = [laplacian_sharpness(image) for image in blurred]
    shares = [cpbd(image) for image in blurred]
    assert edges == sorted(edges, reverse=True) and len(set(edges)) == len(edges)
    assert None not in shares
    known = [share for share in shares if share is not None]
    assert known == sorted(known, reverse=True) and len(set(known)) == len(known)
    assert known[0] > 0.8 and known[-1] < 0.2
    assert cpbd(cv2.GaussianBlur(picture, (0, 0), 2)) == 0.0


def test_blur_lowers_sharpness_and_cpbd_of_a_recorded_frame_too(grid_s1: Path) -> None:
    (frame,) = recorded_frames(grid_s1 / "video" / "bwig3a.mpg", 1)
    blurred = [frame, *(cv2.GaussianBlur(frame, (0, 0), sigma) for sigma in (0.5, 0.8, 1.2, 2.0))]
    edges, shares = [laplacian_sharpness(image) for image in blurred], [cpbd(image) or 0.0 for image in blurred]
    assert edges == sorted(edges, reverse=True) and len(set(edges)) == len(edges)
    assert shares == sorted(shares, reverse=True) and shares[0] > 0.05 > shares[-1]


def test_cpbd_of_a_made_edge() -> None:
    # One ramp of 6 pixels and contrast 100: w = 6, w_jnb = 3, so every edge is seen as blurred; 2 pixels are not.
    row = np.concatenate([np.full(30, 50.0), np.linspace(50, 150, 7), np.full(27, 150.0)])
    wide = np.repeat(np.repeat(row[None, :, None], 64, axis=0), 3, axis=2).astype(np.uint8)
    assert cpbd(wide) == 0.0
    row = np.concatenate([np.full(31, 50.0), [100.0], np.full(32, 150.0)])
    narrow = np.repeat(np.repeat(row[None, :, None], 64, axis=0), 3, axis=2).astype(np.uint8)
    assert cpbd(narrow) == 1.0


def test_cpbd_without_edges_is_not_a_number_nobody_knows() -> None:
    assert cpbd(np.full((64, 64, 3), 90, dtype=np.uint8)) is None


def test_landmark_distance_and_velocity() -> None:
    truth = made_landmarks(40)[:, 48:]
    moved = truth + np.array([3.0, 4.0])
    assert metrics.landmark_distance(moved, truth) == pytest.approx(5.0, abs=1e-5)
    assert metrics.velocity_error(moved, truth, 25) == pytest.approx(0.0, abs=1e-4)
    drifting = truth + np.arange(40)[:, None, None] * np.array([0.3, 0.4])
    assert metrics.velocity_error(drifting, truth, 25) == pytest.approx(12.5, abs=1e-3)
    assert metrics.velocity_error(truth[:1], truth[:1], 25) == 0.0


def test_still_series_have_no_correlation_and_no_nan() -> None:
    still, moving = np.full(20, 0.3), np.sin(np.arange(20))
    assert metrics.correlation(still, moving) == 0.0
    assert metrics.correlation(moving, still) == 0.0
    assert metrics.correlation(2 * moving + 1, moving) == pytest.approx(1.0)
    assert metrics.amplitude_ratio(still, moving) == 0.0
    assert metrics.amplitude_ratio(still, still) == 1.0
    assert metrics.amplitude_ratio(moving, still) == float("inf")
    assert metrics.amplitude_ratio(0.5 * moving, moving) == pytest.approx(0.5)


def test_jitter_is_what_is_faster_than_speech() -> None:
    time = np.arange(100) / 25
    slow = np.zeros((100, 68, 2))
    slow[..., 0] = np.sin(2 * np.pi * 3 * time)[:, None]
    fast = slow.copy()
    fast[..., 1] = 0.1 * np.sin(2 * np.pi * 10 * time)[:, None]
    assert metrics.jitter(slow, 25) < 1e-3
    # One of two coordinates swings with an amplitude of 0.1: root mean square 0.1 / sqrt 2, times sqrt 2 for both.
    assert metrics.jitter(fast, 25) == pytest.approx(0.1 / np.sqrt(2), rel=0.02)
    with pytest.raises(ValueError, match="12 fps"):
        metrics.jitter(slow, 10)


def test_motion_in_silence() -> None:
    speeds = np.array([1.0, 1.0, 4.0, 4.0])
    silent = np.array([True, True, False, False])
    assert metrics.silence_motion(speeds, silent, ~silent) == 0.25
    assert metrics.silence_motion(np.zeros(4), silent, ~silent) == 0.0
    with pytest.raises(ValueError):
        metrics.silence_motion(speeds, np.zeros(4, dtype=bool), ~silent)


def test_flicker_counts_changes_inside_the_mask_alone() -> None:
    pictures = np.zeros((3, 4, 4, 3), dtype=np.uint8)
    pictures[1, 0, 0] = 6
    mask = np.zeros((4, 4), dtype=bool)
    mask[0, :2] = True
    assert metrics.flicker(pictures, mask) == 3.0
    assert metrics.flicker(pictures, ~mask) == 0.0
