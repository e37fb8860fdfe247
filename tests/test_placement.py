"""Placement: a rotated, scaled, shifted copy is recovered, and canonical coordinates lead back to the same pixels."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import made_landmarks

from obamanet.constants import MOUTH
from obamanet.keypoints.placement import fit_placement, fit_template, to_canonical, to_pixel


def moved(points: np.ndarray, tilt: float, scale: float, shift: tuple[float, float]) -> np.ndarray:
    """Return ``points`` turned clockwise by ``tilt``, scaled and shifted: by matrices, not complex numbers."""
    turn = np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]])
    return scale * points @ turn.T + shift


@pytest.fixture(scope="module")
def template() -> np.ndarray:
    return fit_template(made_landmarks(50))


def test_a_planted_placement_is_recovered(template: np.ndarray) -> None:
    tilts, scales = np.array([0.0, 0.3, -0.7, 3.0]), np.array([1.0, 87.0, 40.5, 300.0])
    shifts = np.array([(0.0, 0.0), (180.0, 144.0), (-20.0, 5.5), (1000.0, 600.0)])
    copies = np.stack([moved(template, *each) for each in zip(tilts, scales, shifts, strict=True)])
    placement = fit_placement(copies, template)
    np.testing.assert_allclose(placement.tilt, tilts, atol=1e-9)
    np.testing.assert_allclose(placement.scale, scales, rtol=1e-9)
    np.testing.assert_allclose(placement.centre, shifts, atol=1e-7)
    np.testing.assert_allclose(to_canonical(copies, placement), np.stack([template] * 4), atol=1e-9)


def test_a_head_turned_clockwise_has_a_positive_tilt(template: np.ndarray) -> None:
    face = to_pixel(template[None], fit_placement(moved(template, 0.2, 100.0, (0, 0))[None], template))[0]
    # Clockwise in the picture the right-hand eye (45) lies lower, which is a larger y.
    assert face[45, 1] > face[36, 1] + 10


def test_round_trip() -> None:
    landmarks = made_landmarks(50).astype(np.float64) * 5
    placement = fit_placement(landmarks, fit_template(landmarks))
    back = to_pixel(to_canonical(landmarks, placement), placement)
    assert np.abs(back - landmarks).max() < 1e-6


def test_speech_does_not_move_the_placement(template: np.ndarray) -> None:
    closed = moved(template, 0.1, 90.0, (180, 144))[None]
    opened = closed.copy()
    opened[:, 56:59, 1] += 15  # lower lip
    opened[:, 4:13, 1] += 12  # jaw
    for part in ("centre", "scale", "tilt"):
        before, after = (getattr(fit_placement(face, template), part) for face in (closed, opened))
        np.testing.assert_array_equal(before, after)


def test_the_template_is_upright_centred_and_of_unit_scale(template: np.ndarray) -> None:
    np.testing.assert_allclose(template[MOUTH].mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(template[45] - template[36], (1, 0), atol=1e-12)


def test_the_template_does_not_depend_on_where_the_head_was(template: np.ndarray) -> None:
    random = np.random.default_rng(1)
    faces = made_landmarks(50).astype(np.float64)
    wandering = np.stack(
        [moved(f, random.normal(0, 0.3), random.uniform(1, 4), tuple(random.uniform(0, 400, 2))) for f in faces]
    )
    np.testing.assert_allclose(fit_template(wandering), template, atol=1e-6)


def test_a_mouth_keeps_its_canonical_shape_when_the_head_moves(template: np.ndarray) -> None:
    # The same mouth on a nodding head has one and the same canonical shape.
    nods = np.stack([moved(template, 0.1 * np.sin(n), 80 + n, (100 + 3 * n, 90 - n)) for n in range(20)])
    mouths = to_canonical(nods, fit_placement(nods, template))[:, MOUTH]
    assert np.ptp(mouths, axis=0).max() < 1e-9
