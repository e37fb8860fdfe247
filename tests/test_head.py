"""The mouth's place on a head that turns: what the regression learns, and what it must leave alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from obamanet.constants import MOUTH
from obamanet.keypoints.head import TURN_POINTS, fit_head, place_head
from obamanet.keypoints.opening import mouth_opening, mouth_width
from obamanet.keypoints.placement import fit_placement, fit_template, to_canonical, to_pixel
from tests.conftest import made_landmarks

NOD = 0.05
"""Canonical units by which a nod moves the nose bridge in these tests."""


@pytest.fixture
def template() -> np.ndarray:
    return fit_template(made_landmarks(50))


def nodding(template: np.ndarray, nods: np.ndarray) -> np.ndarray:
    """Return heads, 100 pixels per unit, whose nose bridge and mouth move down together, the mouth twice as far."""
    faces = np.repeat(template[None], len(nods), axis=0)
    faces[:, 27:31, 1] += nods[:, None]
    faces[:, MOUTH, 1] += 2 * nods[:, None]
    return faces * 100 + (200, 150)


def test_a_planted_nod_is_followed(template: np.ndarray) -> None:
    random = np.random.default_rng(1)
    stretches = [nodding(template, np.full(25, nod)) for nod in random.normal(0, NOD, 200)]
    head = fit_head(stretches, template)
    landmarks = nodding(template, np.linspace(-NOD, NOD, 11))
    followed = to_canonical(landmarks, place_head(landmarks, head))[:, MOUTH].mean(axis=1)
    left = to_canonical(landmarks, fit_placement(landmarks, template))[:, MOUTH].mean(axis=1)
    assert np.ptp(left[:, 1]) > 2 * NOD
    assert np.ptp(followed[:, 1]) < 0.1 * np.ptp(left[:, 1])


def test_a_planted_turn_makes_the_mouth_narrower(template: np.ndarray) -> None:
    random = np.random.default_rng(1)

    def turning(turns: np.ndarray) -> np.ndarray:
        """Return heads whose nose bridge moves to a side by ``turns``, and whose mouth is narrower by their share."""
        faces = np.repeat(template[None], len(turns), axis=0)
        faces[:, 27:31, 0] += turns[:, None]
        faces[:, MOUTH, 0] *= 1 - turns[:, None]
        return faces * 100 + (200, 150)

    head = fit_head([turning(np.full(25, turn)) for turn in random.normal(0, NOD, 200)], template)
    landmarks = turning(np.linspace(-NOD, NOD, 11))
    placement = place_head(landmarks, head)
    plain, ours = (
        to_canonical(landmarks, place)[:, MOUTH] for place in (fit_placement(landmarks, head.template), placement)
    )
    assert np.ptp(mouth_width(plain)) > 1.5 * NOD * mouth_width(template[MOUTH])
    assert np.ptp(mouth_width(ours)) < 0.15 * np.ptp(mouth_width(plain))
    np.testing.assert_allclose(mouth_opening(ours), mouth_opening(plain), rtol=1e-4)
    np.testing.assert_allclose(to_pixel(ours, placement), landmarks[:, MOUTH], atol=1e-6)


def test_the_mean_face_lies_where_the_similarity_puts_it(template: np.ndarray) -> None:
    head = fit_head([nodding(template, np.full(25, nod)) for nod in (-NOD, 0.0, NOD)], template)
    landmarks = template[None] * 80 + (50, 60)
    ours, plain = place_head(landmarks, head), fit_placement(landmarks, template)
    np.testing.assert_allclose(ours.centre, plain.centre, atol=1e-9)
    np.testing.assert_array_equal(ours.scale, plain.scale)
    np.testing.assert_array_equal(ours.tilt, plain.tilt)
    np.testing.assert_allclose(ours.stretch, 1, atol=1e-9)


def test_speech_alone_moves_no_placement(template: np.ndarray) -> None:
    head = fit_head([nodding(template, np.full(25, nod)) for nod in np.linspace(-NOD, NOD, 20)], template)
    speaking = np.repeat(template[None] * 100, 10, axis=0)
    speaking[:, MOUTH, 1] += np.linspace(0, 8, 10)[:, None]
    speaking[:, 3:14, 1] += np.linspace(0, 8, 10)[:, None]
    assert np.ptp(place_head(speaking, head).centre, axis=0).max() < 1e-9


def test_pixels_and_back(template: np.ndarray) -> None:
    landmarks = nodding(template, np.linspace(-NOD, NOD, 5))
    placement = place_head(landmarks, fit_head([landmarks], template))
    back = to_pixel(to_canonical(landmarks, placement), placement)
    np.testing.assert_allclose(back, landmarks, atol=1e-6)


def test_no_point_that_shows_the_turn_is_moved_by_speech() -> None:
    assert not set(TURN_POINTS) & set(range(2, 15))
    assert not set(TURN_POINTS) & set(range(48, 68))


def test_recorded_heads_put_the_mouth_in_one_place(grid_s1: Path) -> None:
    """From sentence to sentence the mouth's middle wanders less when the head's turn is followed."""
    from obamanet.face.mesh_landmarker import MeshLandmarker
    from obamanet.face.track import track_face
    from obamanet.person import load_person
    from obamanet.video.reader import read_frames
    from tests.conftest import ROOT

    folder = ROOT / "checkpoints" / "grid_s1"
    if not folder.is_dir():
        pytest.skip(f"the default person is not there: {folder}")
    head = load_person(folder).mouth.head
    landmarker = MeshLandmarker()
    followed, left = [], []
    for name in ("bbal6n", "bgah1s", "bgwu7s", "bram3s", "lbby3s", "lwwm3a"):
        images = [frame.image for i, frame in enumerate(read_frames(grid_s1 / "video" / f"{name}.mpg")) if i % 5 == 0]
        landmarks = track_face(images, landmarker).landmarks
        for places, placement in (
            (followed, place_head(landmarks, head)),
            (left, fit_placement(landmarks, head.template)),
        ):
            places.append(to_canonical(landmarks, placement)[:, MOUTH].mean(axis=(0, 1)))
    assert np.std(followed, axis=0).sum() < 0.6 * np.std(left, axis=0).sum()
