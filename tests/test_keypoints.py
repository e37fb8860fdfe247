"""Keypoints: opening by hand, PCA there and back, the jaw's planted law, and a reference track without a jump."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from conftest import made_landmarks

from obamanet.constants import MOUTH, STABLE_POINTS
from obamanet.keypoints.jaw import LOWER_JAW, JawModel, fit_jaw, place_mouth
from obamanet.keypoints.opening import mouth_opening, mouth_width
from obamanet.keypoints.pca import fit_pca
from obamanet.keypoints.placement import fit_placement, fit_template, to_canonical
from obamanet.keypoints.reference import fold, nearest_frames, reference_at, stitch
from obamanet.timing import frame_times
from obamanet.types import LandmarkTrack

FPS = Fraction(25)


class TestOpening:
    def mouth(self, gap: float, width: float) -> np.ndarray:
        """Return keypoints whose inner lips are ``gap`` apart in the middle three points and ``width`` wide."""
        points = np.zeros((20, 2))
        points[0], points[6] = (0, 0), (width, 0)
        for top, bottom, x in ((13, 19, 0.3), (14, 18, 0.5), (15, 17, 0.7)):
            points[top], points[bottom] = (x * width, -gap / 2), (x * width, gap / 2)
        return points

    def test_a_known_mouth(self) -> None:
        assert mouth_opening(self.mouth(7.0, 40.0)) == pytest.approx(7.0)
        assert mouth_width(self.mouth(7.0, 40.0)) == pytest.approx(40.0)

    def test_each_frame_by_itself_and_whatever_the_tilt(self) -> None:
        mouths = np.stack([self.mouth(gap, 40.0) for gap in (0.0, 1.0, 12.0)])
        np.testing.assert_allclose(mouth_opening(mouths), [0, 1, 12])
        turn = np.array([[0.8, -0.6], [0.6, 0.8]])
        np.testing.assert_allclose(mouth_opening(mouths @ turn.T), [0, 1, 12])
        np.testing.assert_allclose(mouth_width(mouths @ turn.T), 40)


@pytest.fixture(scope="module")
def planted() -> tuple[np.ndarray, np.ndarray]:
    """Return three ways of moving, (3, 40), and 500 mouths made of them."""
    random = np.random.default_rng(0)
    ways = np.linalg.qr(random.normal(size=(40, 3)))[0].T
    amounts = random.normal(size=(500, 3)) * (0.3, 0.1, 0.05)
    return ways, (random.normal(size=40) + amounts @ ways).reshape(500, 20, 2)


class TestPca:
    def test_planted_movements_are_found(self, planted: tuple[np.ndarray, np.ndarray]) -> None:
        ways, mouths = planted
        pca = fit_pca(mouths, 0.999)
        assert pca.count == 3
        # The same plane: every found component lies in the planted ones' span.
        np.testing.assert_allclose(np.linalg.norm(pca.components @ ways.T, axis=1), 1, atol=1e-5)
        np.testing.assert_allclose(pca.spread, (0.3, 0.1, 0.05), rtol=0.15)

    def test_there_and_back(self, planted: tuple[np.ndarray, np.ndarray]) -> None:
        mouths = planted[1]
        pca = fit_pca(mouths, 0.999)
        np.testing.assert_allclose(pca.decode(pca.encode(mouths)), mouths, atol=1e-5)
        values = np.random.default_rng(1).normal(size=(7, 3)).astype(np.float32)
        np.testing.assert_allclose(pca.encode(pca.decode(values)), values, atol=1e-4)

    def test_encoded_values_have_variance_one(self, planted: tuple[np.ndarray, np.ndarray]) -> None:
        values = fit_pca(planted[1], 0.999).encode(planted[1])
        np.testing.assert_allclose(values.mean(axis=0), 0, atol=1e-5)
        np.testing.assert_allclose(values.std(axis=0, ddof=1), 1, atol=1e-4)

    def test_the_asked_share_of_variance_is_kept(self) -> None:
        random = np.random.default_rng(2)
        mouths = random.normal(size=(400, 20, 2)) * np.geomspace(1, 0.01, 40).reshape(20, 2)
        for share in (0.9, 0.97, 0.99):
            pca = fit_pca(mouths, share)
            lost = ((pca.decode(pca.encode(mouths)) - mouths) ** 2).sum()
            assert lost / ((mouths - mouths.mean(axis=0)) ** 2).sum() <= 1 - share + 1e-6


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    return made_landmarks(50).astype(np.float64) * 4


class TestJaw:
    def test_a_planted_law_is_recovered(self) -> None:
        random = np.random.default_rng(0)
        law = random.normal(0, 0.2, (40, 2 * len(LOWER_JAW)))
        canonical = random.normal(size=(3000, 68, 2))
        mouth = canonical[:, MOUTH].reshape(3000, 40)
        canonical[:, list(LOWER_JAW)] = (5.0 + mouth @ law).reshape(3000, -1, 2)
        np.testing.assert_allclose(fit_jaw(canonical).weights, law, atol=1e-3)

    def test_the_mouth_is_exchanged_and_the_head_stays(self, faces: np.ndarray) -> None:
        template = fit_template(faces)
        placement = fit_placement(faces, template)
        jaw = JawModel(np.random.default_rng(0).normal(0, 0.1, (40, 2 * len(LOWER_JAW))))
        wanted = np.random.default_rng(1).normal(0, 0.2, (50, 20, 2))
        spoken = place_mouth(faces, placement, wanted, jaw)
        np.testing.assert_allclose(to_canonical(spoken, placement)[:, MOUTH], wanted, atol=1e-6)
        others = np.setdiff1d(np.arange(48), LOWER_JAW)
        np.testing.assert_allclose(spoken[:, others], faces[:, others], atol=1e-4)
        assert np.abs(spoken[:, list(LOWER_JAW)] - faces[:, list(LOWER_JAW)]).max() > 1

    def test_the_jaw_forgets_what_the_reference_said(self, faces: np.ndarray) -> None:
        # In the drawn face the jaw follows the lips: with one resting mouth for all frames the chin must rest too.
        template = fit_template(faces)
        placement = fit_placement(faces, template)
        canonical = to_canonical(faces, placement)
        rest = np.repeat(canonical[:1, MOUTH], 50, axis=0)
        spoken = to_canonical(place_mouth(faces, placement, rest, fit_jaw(canonical)), placement)
        assert np.ptp(spoken[:, 8, 1]) < 0.1 * np.ptp(canonical[:, 8, 1])

    def test_its_own_mouth_changes_nothing(self, faces: np.ndarray) -> None:
        template = fit_template(faces)
        placement = fit_placement(faces, template)
        canonical = to_canonical(faces, placement)
        same = place_mouth(faces, placement, canonical[:, MOUTH], fit_jaw(canonical))
        np.testing.assert_allclose(same, faces, atol=1e-4)


def wandering(seconds: float, seed: int, start: float = 0.0) -> np.ndarray:
    """Return a made track whose head drifts smoothly, and is at ``start`` pixels to the right at first."""
    random = np.random.default_rng(seed)
    count = round(seconds * FPS)
    phase, drift = random.uniform(0, 6, 2), np.arange(count)[:, None, None] / FPS.numerator
    way = np.concatenate([np.sin(drift + phase[0]), np.cos(0.7 * drift + phase[1])], axis=-1)
    return (made_landmarks(count, 256) + 6 * way + (start, 0)).astype(np.float32)


def largest_step(points: np.ndarray) -> float:
    """Return how far a point of nose or eyes moves from one frame to the next, at most."""
    return float(np.linalg.norm(np.diff(points[:, list(STABLE_POINTS)], axis=0), axis=-1).max())


class TestReference:
    def test_forward_and_backward(self) -> None:
        assert fold(np.arange(12), 4).tolist() == [0, 1, 2, 3, 2, 1, 0, 1, 2, 3, 2, 1]
        assert fold(np.arange(3), 1).tolist() == [0, 0, 0]
        assert np.abs(np.diff(fold(np.arange(1000), 7))).max() == 1

    def test_a_minute_on_ten_seconds_has_no_jump(self) -> None:
        track = LandmarkTrack(wandering(10, 0), FPS)
        for rate in (Fraction(25), Fraction(30000, 1001), Fraction(50)):
            played = reference_at(track, frame_times(round(60 * rate), rate))
            assert len(played) == round(60 * rate)
            assert largest_step(played) <= largest_step(track.points) * float(FPS / rate) * 1.01

    def test_frames_come_at_their_own_time(self) -> None:
        track = LandmarkTrack(wandering(4, 1), FPS)
        np.testing.assert_allclose(reference_at(track, frame_times(100, FPS)), track.points, atol=1e-4)
        halfway = reference_at(track, np.array([0.02]))[0]
        np.testing.assert_allclose(halfway, track.points[:2].mean(axis=0), atol=1e-4)

    def test_a_still_is_a_track(self) -> None:
        track = LandmarkTrack(wandering(4, 1)[:1], FPS)
        np.testing.assert_array_equal(reference_at(track, frame_times(9, FPS)), np.repeat(track.points, 9, axis=0))
        assert nearest_frames(track, frame_times(9, FPS)).tolist() == [0] * 9

    def test_footage_keeps_its_pace(self) -> None:
        track = LandmarkTrack(wandering(10, 2), FPS)
        assert nearest_frames(track, frame_times(250, FPS)).tolist() == list(range(250))
        # At twice the rate each frame is shown twice, for the whole length.
        twice = nearest_frames(track, frame_times(490, Fraction(50)))
        assert np.unique(twice[1:-1], return_counts=True)[1].tolist() == [2] * 244
        for rate in ("24000/1001", "30", "60000/1001"):
            steps = np.abs(np.diff(nearest_frames(track, frame_times(3000, Fraction(rate)))))
            assert steps.max() <= 2

    def test_stitching_has_no_larger_step_than_its_tracks(self) -> None:
        tracks = [wandering(3, seed, start) for seed, start in enumerate((0, 4, -3, 2, 6))]
        whole = stitch(tracks, 25.0)
        assert len(whole) == sum(map(len, tracks)) - 4 * 15
        seam = max(np.linalg.norm(a.mean(axis=(0, 1)) - b.mean(axis=(0, 1))) for a in tracks for b in tracks)
        # Easing over 15 frames adds at most the raised cosine's steepest step, pi / 2 / 15 of the distance.
        allowed = max(map(largest_step, tracks)) + np.pi / 2 / 15 * (seam + 24)
        assert largest_step(whole) <= allowed
        butted = np.concatenate(tracks)
        assert largest_step(whole) < 0.5 * largest_step(butted)

    def test_stitching_takes_the_nearest_beginning_next(self) -> None:
        far, near = wandering(3, 0, 100), wandering(3, 0, 1)
        whole = stitch([wandering(3, 0), far, near], 25.0)
        assert whole[100, 30, 0] < 160 < whole[-20, 30, 0]

    def test_one_track_stays_as_it_is(self) -> None:
        np.testing.assert_array_equal(stitch([wandering(3, 0)], 25.0), wandering(3, 0))
