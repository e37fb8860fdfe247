"""Faces: found in real pictures, landmarks that follow and do not tremble, and tracks that know their gaps."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import made_landmarks
from made import recorded_frames

from obamanet.errors import FaceError
from obamanet.face.covered_mouth import covered_frames, lip_contrast
from obamanet.face.detector import FaceBox, FaceDetector, smallest_face
from obamanet.face.dlib_landmarker import DlibLandmarker
from obamanet.face.landmarker import FrameFace
from obamanet.face.landmarks import LandmarkPredictor, landmark_model_path
from obamanet.face.mesh_landmarker import MeshLandmarker
from obamanet.face.track import (
    SMOOTHING,
    FaceTrack,
    SeenFaces,
    face_turn,
    fill_gaps,
    finish_track,
    join_seen,
    see_faces,
    smooth_segments,
    split_segments,
    track_face,
)


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return FaceDetector()


@pytest.fixture(scope="module")
def predictor() -> LandmarkPredictor:
    return LandmarkPredictor()


@pytest.fixture(scope="module")
def picture(grid_s1: Path) -> np.ndarray:
    """Return a recorded frame, 360 x 288, with one face about 103 pixels wide."""
    [frame] = recorded_frames(grid_s1 / "video" / "bbaf2n.mpg", 1, first=10)
    return frame


class TestModel:
    def test_it_is_found_without_importing_its_package(self) -> None:
        path = landmark_model_path()
        assert path.name == "shape_predictor_68_face_landmarks.dat"
        assert path.stat().st_size > 90_000_000
        assert "face_recognition_models" not in sys.modules

    def test_its_absence_is_explained(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
        with pytest.raises(FaceError, match="install the package face_recognition_models"):
            landmark_model_path()


class TestDetector:
    def test_one_face(self, detector: FaceDetector, picture: np.ndarray) -> None:
        [box] = detector.detect(picture)
        assert 70 < box.right - box.left < 140
        assert 130 < (box.left + box.right) / 2 < 230

    def test_the_larger_of_two_comes_first(self, detector: FaceDetector, picture: np.ndarray) -> None:
        small = picture[:, 90:270]
        large = cv2.resize(small, None, fx=1.4, fy=1.4)
        canvas = np.full((large.shape[0], 480, 3), 128, np.uint8)
        canvas[: small.shape[0], : small.shape[1]] = small
        canvas[:, -large.shape[1] :] = large
        first, second = detector.detect(canvas)
        assert first.area > second.area
        assert first.left > second.right

    def test_a_large_picture_is_searched_small_and_answered_in_its_own_pixels(
        self, detector: FaceDetector, picture: np.ndarray
    ) -> None:
        [box] = detector.detect(picture)
        [zoomed] = detector.detect(cv2.resize(picture, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC))
        middle = np.array([box.left + box.right, box.top + box.bottom]) / 2
        zoomed_middle = np.array([zoomed.left + zoomed.right, zoomed.top + zoomed.bottom]) / 6
        assert np.abs(middle - zoomed_middle).max() < 8

    @pytest.mark.parametrize("size", [(360, 288), (1280, 720), (1920, 1080), (720, 1280)])
    def test_the_smallest_face_that_is_said_to_be_found_is_found(
        self, detector: FaceDetector, picture: np.ndarray, size: tuple[int, int]
    ) -> None:
        width, height = size
        side = max(box.right - box.left for box in detector.detect(picture))
        for share, found in ((1.1, True), (0.6, False)):
            zoom = share * smallest_face(width, height) / side
            small = cv2.resize(picture, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA)
            canvas = np.full((height, width, 3), 128, np.uint8)
            canvas[: small.shape[0], : small.shape[1]] = small[:height, :width]
            assert bool(detector.detect(canvas)) == found

    def test_no_face(self, detector: FaceDetector) -> None:
        assert detector.detect(np.full((96, 128, 3), 200, np.uint8)) == []


class TestLandmarks:
    def box(self, detector: FaceDetector, picture: np.ndarray) -> FaceBox:
        return detector.detect(picture)[0]

    def test_points_are_where_a_face_has_them(
        self, detector: FaceDetector, predictor: LandmarkPredictor, picture: np.ndarray
    ) -> None:
        points = predictor.predict(picture, self.box(detector, picture))
        eyes, nose, mouth, chin = points[36:48].mean(axis=0), points[30], points[48:68].mean(axis=0), points[8]
        assert eyes[1] < nose[1] < mouth[1] < chin[1]
        assert points[0, 0] < points[36, 0] < points[45, 0] < points[16, 0]
        # The lips are redder than the chin.
        lips, skin = (picture[round(y), round(x)].astype(int) for x, y in (points[57] - (0, 2), (mouth + chin) / 2))
        assert lips[2] - lips[1] > skin[2] - skin[1]

    def test_they_move_with_the_picture_by_parts_of_a_pixel(
        self, detector: FaceDetector, predictor: LandmarkPredictor, picture: np.ndarray
    ) -> None:
        box = self.box(detector, picture)
        before = predictor.predict(picture, box)
        for dx, dy in ((0.5, 0.0), (3.5, -2.25)):
            shift = np.array([[1, 0, dx], [0, 1, dy]])
            moved = cv2.warpAffine(picture, shift, (360, 288), borderMode=cv2.BORDER_REPLICATE)
            shifted = FaceBox(box.left + dx, box.top + dy, box.right + dx, box.bottom + dy)
            change = predictor.predict(moved, shifted) - before
            np.testing.assert_allclose(change.mean(axis=0), (dx, dy), atol=0.15)

    def test_they_tremble_less_than_the_plain_ones(
        self, detector: FaceDetector, predictor: LandmarkPredictor, picture: np.ndarray
    ) -> None:
        random = np.random.default_rng(0)
        box = self.box(detector, picture)
        plain, steady = [], []
        for _ in range(8):
            noisy = np.clip(picture + random.normal(0, 3, picture.shape), 0, 255).astype(np.uint8)
            dx, dy = random.uniform(-2, 2, 2)
            jumped = FaceBox(box.left + dx, box.top + dy, box.right + dx, box.bottom + dy)
            plain.append(predictor.predict_unaveraged(noisy, jumped))
            steady.append(predictor.predict(noisy, jumped))
        assert np.std(steady, axis=0).mean() < 0.6 * np.std(plain, axis=0).mean()


def faces(count: int) -> np.ndarray:
    """Return landmarks of a face 100 pixels wide that moves slowly."""
    return made_landmarks(count, 140)


class TestSegments:
    @pytest.mark.parametrize(("gap", "expected"), [(1, 1), (3, 1), (4, 2), (10, 2)])
    def test_short_gaps_are_bridged_long_ones_part(self, gap: int, expected: int) -> None:
        points = faces(30)
        points[10 : 10 + gap] = np.nan
        segment = split_segments(points)
        assert segment.max() + 1 == expected
        assert (segment[10 : 10 + gap] == -1).all() == (expected == 2)
        filled = fill_gaps(points, segment)
        assert np.isnan(filled[10 : 10 + gap]).any() == (expected == 2)
        assert not np.isnan(filled[segment >= 0]).any()

    def test_gaps_at_the_ends_stay_empty(self) -> None:
        points = faces(20)
        points[:2] = points[-3:] = np.nan
        assert split_segments(points).tolist() == [-1] * 2 + [0] * 15 + [-1] * 3

    def test_a_cut_parts_and_a_nod_does_not(self) -> None:
        points = faces(30)
        points[15:] += (40, 0)
        assert split_segments(points).tolist() == [0] * 15 + [1] * 15
        nod = faces(30) + np.linspace(0, 120, 30)[:, None, None].astype(np.float32)
        assert not split_segments(nod).any()

    def test_speech_is_no_cut(self) -> None:
        points = faces(30)
        points[15:, 4:13] += (0, 30)
        points[15:, 48:68] += (0, 30)
        assert not split_segments(points).any()

    def test_no_face_at_all(self) -> None:
        assert split_segments(np.full((5, 68, 2), np.nan)).tolist() == [-1] * 5

    def test_a_gap_in_even_movement_is_filled_exactly(self) -> None:
        way = np.arange(12)[:, None, None] * np.array([1.5, -0.5])
        points = np.repeat(faces(1), 12, axis=0) + way
        holed = points.copy()
        holed[[3, 6, 7, 8]] = np.nan
        np.testing.assert_allclose(fill_gaps(holed, np.zeros(12, int)), points, atol=1e-4)


class TestSmoothing:
    def test_curved_movement_passes_and_tremble_does_not(self) -> None:
        assert SMOOTHING.sum() == pytest.approx(1)
        time = np.arange(40.0)[:, None, None]
        curve = np.repeat(faces(1), 40, axis=0) + 0.05 * time**2 * np.array([1, -1])
        smooth = smooth_segments(curve, np.zeros(40, int))
        np.testing.assert_allclose(smooth[2:-2], curve[2:-2], atol=1e-6)
        noise = np.random.default_rng(0).normal(0, 0.34, curve.shape)
        left = smooth_segments(curve + noise, np.zeros(40, int)) - curve
        # White noise keeps the root of the sum of squared weights: 0.70.
        assert left[2:-2].std() == pytest.approx(0.34 * np.sqrt((SMOOTHING**2).sum()), rel=0.1)

    def test_nothing_leaks_across_a_cut_or_a_gap(self) -> None:
        points = np.zeros((30, 68, 2))
        points[10:20] = 100
        points[20:] = np.nan
        segment = np.repeat([0, 1, -1], 10)
        smooth = smooth_segments(points, segment)
        assert (smooth[:10] == 0).all()
        np.testing.assert_allclose(smooth[10:20], 100)
        assert np.isnan(smooth[20:]).all()

    def test_too_short_to_smooth(self) -> None:
        points = faces(4)
        np.testing.assert_array_equal(smooth_segments(points, np.zeros(4, int)), points)


class Boxes:
    """A detector that sees what a test says, picture by picture."""

    def __init__(self, *pictures: list[FaceBox]) -> None:
        self._pictures = iter(pictures)

    def detect(self, image: np.ndarray) -> list[FaceBox]:
        return sorted(next(self._pictures), key=lambda box: -box.area)


class Middles:
    """A predictor that puts a small face into the middle of its box."""

    def predict_unaveraged(self, image: np.ndarray, box: FaceBox) -> np.ndarray:
        middle = ((box.left + box.right) / 2, (box.top + box.bottom) / 2)
        return made_landmarks(1, box.right - box.left)[0] - np.float32((box.right - box.left) / 2) + np.float32(middle)

    predict = predict_unaveraged


def square(x: float, y: float, side: float) -> FaceBox:
    return FaceBox(x - side / 2, y - side / 2, x + side / 2, y + side / 2)


class TestTrack:
    def follow(self, *pictures: list[FaceBox]) -> np.ndarray:
        images = [np.zeros((200, 400, 3), np.uint8)] * len(pictures)
        self.track = track_face(images, DlibLandmarker(Boxes(*pictures), Middles()))  # type: ignore[arg-type]
        return self.track.landmarks[:, 27:36].mean(axis=1)

    def test_two_faces_of_like_size_do_not_alternate(self) -> None:
        left, right = (100, 100), (300, 100)
        pictures = [[square(*left, 80 + n % 2), square(*right, 81 - n % 2)] for n in range(12)]
        pictures[0] = [square(*left, 80), square(*right, 90)]
        nose = self.follow(*pictures)
        assert (np.abs(nose[:, 0] - 300) < 10).all()
        assert self.track.max_faces == 2
        assert not self.track.segment.any()

    def test_frames_without_a_face(self) -> None:
        seen = [square(100, 100, 80)]
        self.follow(*[seen] * 6, *[[]] * 5, *[seen] * 6)
        assert self.track.segment.tolist() == [0] * 6 + [-1] * 5 + [1] * 6
        assert np.isnan(self.track.raw[6:11]).all()

    def test_a_bridged_gap_has_no_raw_landmarks(self) -> None:
        seen = [square(100, 100, 80)]
        self.follow(*[seen] * 6, [], *[seen] * 6)
        assert np.isnan(self.track.raw[6]).all()
        assert np.isfinite(self.track.landmarks).all()

    @pytest.mark.parametrize("count", [0, 5])
    def test_no_face_in_any_frame(self, count: int) -> None:
        with pytest.raises(FaceError, match=f"no face in any of {count} frames"):
            self.follow(*[[]] * count)

    @pytest.mark.parametrize(("size", "needed"), [((360, 288), 40), ((1920, 1080), 160), ((1080, 1920), 160)])
    def test_the_face_that_is_needed_depends_on_the_frame(self, size: tuple[int, int], needed: int) -> None:
        images = [np.zeros((size[1], size[0], 3), np.uint8)] * 3
        wanted = f"at {size[0]}x{size[1]} a frontal face of at least {needed} px, wholly in the picture, is needed"
        with pytest.raises(FaceError, match=wanted):
            track_face(images, DlibLandmarker(Boxes([], [], []), Middles()))  # type: ignore[arg-type]


class Brightness:
    """An embedder to which frames of like brightness show one person."""

    def embed(self, image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        return np.eye(128)[int(image.mean()) // 64]


class TestIdentity:
    def follow(self, *shown: tuple[int, int], gap: int = 0) -> FaceTrack:
        """Track faces at one place: frames of a brightness, with ``gap`` frames without a face between them."""
        random, pictures, images = np.random.default_rng(1), [], []
        for brightness, count in shown:
            if images:
                pictures += [[]] * gap
                images += [np.zeros((144, 144, 3), np.uint8)] * gap
            pictures += [[square(100, 100, 80)]] * count
            images += [np.uint8(brightness + random.integers(0, 6, (144, 144, 3))) for _ in range(count)]
        return track_face(images, DlibLandmarker(Boxes(*pictures), Middles()), Brightness())  # type: ignore[arg-type]

    def test_one_person(self) -> None:
        track = self.follow((40, 90))
        assert not track.other.any()
        assert not track.segment.any()
        np.testing.assert_array_equal(track.identity, np.eye(128)[0])

    def test_a_face_that_takes_another_s_place_is_left_out_from_its_first_frame(self) -> None:
        track = self.follow((40, 90), (200, 37), (40, 61))
        assert track.segment.tolist() == [0] * 90 + [-1] * 37 + [1] * 61
        assert track.other.tolist() == [False] * 90 + [True] * 37 + [False] * 61
        assert np.isnan(track.landmarks[90:127]).all()
        assert np.isnan(track.raw[90:127]).all()
        assert np.isfinite(track.landmarks[~track.other]).all()
        np.testing.assert_array_equal(track.identity, np.eye(128)[0])

    def test_a_face_that_is_there_for_less_than_the_time_between_two_checks(self) -> None:
        # At the same place, so that the landmarks do not jump, but the picture does.
        track = self.follow((40, 55), (200, 30), (40, 60))
        assert track.other.tolist() == [False] * 55 + [True] * 30 + [False] * 60

    def test_whoever_is_seen_longer_stays(self) -> None:
        track = self.follow((40, 60), (200, 120))
        assert track.segment.tolist() == [-1] * 60 + [0] * 120
        np.testing.assert_array_equal(track.identity, np.eye(128)[3])

    @pytest.mark.parametrize("gap", [2, 6])
    def test_another_face_between_two_gaps(self, gap: int) -> None:
        track = self.follow((40, 60), (200, 4), (40, 40), gap=gap)
        assert track.other[60 + gap : 64 + gap].all()
        assert not track.other[:60].any()
        assert not track.other[64 + 2 * gap :].any()
        assert track.segment[59] != track.segment[64 + 2 * gap]
        assert (track.segment[60 + gap : 64 + gap] == -1).all()


def skin_hand(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return ``image`` with four fingers of the cheeks' colour over the mouth, shaded where they meet."""
    mouth, width = points[48:68].mean(axis=0), np.ptp(points[48:60, 0])
    cheek = np.rint((points[2] + points[31]) / 2).astype(int)
    skin = np.median(image[cheek[1] - 2 : cheek[1] + 3, cheek[0] - 2 : cheek[0] + 3].reshape(-1, 3), axis=0)
    covered = image.copy()
    for finger in range(4):
        x = mouth[0] + 0.32 * width * (finger - 1.5)
        for share, shade in ((0.36, 0.75), (0.22, 1.0)):
            ends = [(round(x), round(mouth[1] + step * width)) for step in (-0.35, 1.2)]
            cv2.line(covered, *ends, (shade * skin).tolist(), max(2, round(share * width)), cv2.LINE_AA)
    return covered


class TestCoveredMouth:
    def test_a_hand_is_noticed_and_a_free_mouth_is_not_taken_for_covered(self, grid_s1: Path) -> None:
        images = recorded_frames(grid_s1 / "video" / "bbaf2n.mpg", 50)
        seen = see_faces(images, MeshLandmarker(), watch_mouth=True)
        assert not finish_track(seen).covered.any()
        assert seen.lips is not None
        lips = seen.lips.copy()
        for number in range(20, 38):
            face = seen.faces[number]
            assert face is not None
            lips[number] = lip_contrast(skin_hand(images[number], face.landmarks), face.landmarks)
        track = finish_track(replace(seen, lips=lips))
        # Two more on each side may be half covered.
        assert np.flatnonzero(track.covered).tolist() == list(range(18, 40))
        assert track.segment.tolist() == [0] * 18 + [-1] * 22 + [1] * 10
        assert np.isnan(track.landmarks[18:40]).all()

    def test_contrast_is_that_of_the_colours_whatever_the_size_and_turn(self) -> None:
        for size, turn in ((100, 0), (300, 0), (300, 90)):
            points = made_landmarks(1, size)[0]
            picture = np.full((size, size, 3), (120, 150, 200), np.uint8)
            cv2.fillPoly(picture, [np.round(points[48:60]).astype(np.int32)], (90, 90, 200))
            if turn:
                picture, points = (
                    np.rot90(picture, -1).copy(),
                    np.stack([size - 1 - points[:, 1], points[:, 0]], axis=1),
                )
            colours = np.array([[(90, 90, 200), (120, 150, 200)]], np.uint8)
            lips, skin = cv2.cvtColor(colours, cv2.COLOR_BGR2LAB)[0, :, 1:].astype(int)
            np.testing.assert_allclose(lip_contrast(picture, points), lips - skin, atol=2)

    def test_noise_pale_lips_and_single_frames_are_no_cover(self) -> None:
        random, segment = np.random.default_rng(1), np.zeros(60, np.int32)
        lips = (np.array([18.0, -6.0]) + random.normal(0, 1, (60, 2))).astype(np.float32)
        assert not covered_frames(lips, segment).any()
        lips[30:32] = 0
        assert not covered_frames(lips, segment).any()
        lips[30:33] = 0
        assert np.flatnonzero(covered_frames(lips, segment)).tolist() == list(range(28, 35))
        # Another light after a cut is no cover, and of pale lips nothing is said.
        assert not covered_frames(np.repeat([[18.0, -6], [7, -3]], 30, axis=0), np.repeat([0, 1], 30)).any()
        assert not covered_frames(np.where(np.arange(60)[:, None] < 10, 0, lips / 5), segment).any()
        assert not covered_frames(np.full((5, 2), np.nan), np.full(5, -1)).any()


class TestSpans:
    """What is seen in spans of a video is joined where they agree."""

    def seen(self, first: int, stop: int, before: int = 0, shift: float = 0.0, hidden: int = -1) -> SeenFaces:
        """Look at a face of 64 pixels that moves by a pixel a frame and by ``shift``."""
        points = [made_landmarks(1)[0] + 100 + n + shift for n in range(first - before, stop)]
        faces = [FrameFace(p, p) if n != hidden else None for n, p in enumerate(points, start=first - before)]
        checks = tuple((n, np.zeros(128)) for n in range(first, stop) if n % 25 == 0)
        change = (0.0,) * (stop - first)
        return SeenFaces(tuple(faces[before:]), tuple(faces[:before]), 1, checks, change, (300, 300), 40, checked=True)

    def test_joined_they_are_the_whole(self) -> None:
        joined = join_seen([self.seen(0, 30), self.seen(30, 70, before=5), self.seen(70, 80, before=5)])
        assert joined is not None
        track, whole = finish_track(joined), finish_track(self.seen(0, 80))
        np.testing.assert_array_equal(track.landmarks, whole.landmarks)
        assert [frame for frame, _ in joined.checks] == [0, 25, 50, 75]
        assert len(joined.change) == 80

    def test_another_face_or_none_where_they_meet_is_no_whole(self) -> None:
        assert join_seen([self.seen(0, 30), self.seen(30, 60, before=5, shift=3)]) is None
        assert join_seen([self.seen(0, 30, hidden=29), self.seen(30, 60, before=5)]) is None
        assert join_seen([self.seen(0, 30, hidden=29), self.seen(30, 60, before=5, hidden=29)]) is not None


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_the_turn_of_a_face(turn: int) -> None:
    clockwise = np.array([[0, 1], [-1, 0]])
    assert face_turn(made_landmarks(10) @ np.linalg.matrix_power(clockwise, turn // 90)) == turn
