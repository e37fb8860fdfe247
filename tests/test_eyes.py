"""Eyes: how far they are open, where they look, and blinks, on drawn and on recorded faces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import made_landmarks
from made import recorded_frames, with_irises

from obamanet.constants import LEFT_EYE, RIGHT_EYE
from obamanet.face.mesh_landmarker import MeshLandmarker
from obamanet.face.track import track_face
from obamanet.keypoints.eyes import eye_openings, find_blinks, gaze


@pytest.fixture
def face() -> np.ndarray:
    return with_irises(made_landmarks(1))[0]


class TestOpenings:
    def test_the_drawn_eye_is_half_as_high_as_wide_at_its_lids_points(self, face: np.ndarray) -> None:
        # Lids at +-60 degrees of an ellipse of 0.06 by 0.03: 2 * 0.03 * sin 60 over 2 * 0.06.
        np.testing.assert_allclose(eye_openings(face), np.sin(np.pi / 3) / 2, rtol=1e-5)

    def test_each_eye_on_its_own(self, face: np.ndarray) -> None:
        before, middle = eye_openings(face), face[LEFT_EYE, 1].mean()
        face[LEFT_EYE, 1] = middle + (face[LEFT_EYE, 1] - middle) / 4
        np.testing.assert_allclose(eye_openings(face), before * (0.25, 1), rtol=1e-4)


class TestGaze:
    def test_straight_ahead(self, face: np.ndarray) -> None:
        np.testing.assert_allclose(gaze(face), 0, atol=1e-6)

    def test_right_and_down_in_eye_widths_on_a_tilted_head(self, face: np.ndarray) -> None:
        width = face[LEFT_EYE, 0].max() - face[LEFT_EYE, 0].min()
        face[68:] += np.float32([0.1, 0.05]) * width
        turn = np.array([[np.cos(0.4), np.sin(0.4)], [-np.sin(0.4), np.cos(0.4)]])
        np.testing.assert_allclose(gaze(face), (0.1, 0.05), atol=1e-5)
        np.testing.assert_allclose(gaze(3 * face @ turn), (0.1, 0.05), atol=1e-5)

    def test_a_recorded_gaze_turns_with_the_mirrored_picture(self, grid_s1: Path) -> None:
        frames = recorded_frames(grid_s1 / "video" / "bbaf2n.mpg", 10)
        seen = gaze(track_face(frames, MeshLandmarker()).landmarks)
        mirrored = gaze(track_face([frame[:, ::-1].copy() for frame in frames], MeshLandmarker()).landmarks)
        assert np.abs(seen + mirrored * (1, -1)).mean(axis=0)[0] < 0.03


class TestBlinks:
    def series(self, *shut: slice) -> np.ndarray:
        openings = np.full(60, 0.3)
        for stretch in shut:
            openings[stretch] = 0.05
        return openings

    def test_they_are_found_where_they_are(self) -> None:
        assert find_blinks(self.series(slice(10, 14), slice(40, 43))) == [(10, 14), (40, 43)]

    def test_none_in_open_eyes(self) -> None:
        assert find_blinks(self.series()) == []

    def test_those_cut_off_at_the_ends_do_not_count(self) -> None:
        assert find_blinks(self.series(slice(0, 3), slice(20, 23), slice(57, 60))) == [(20, 23)]

    def test_both_eyes_of_the_right_index(self, face: np.ndarray) -> None:
        faces = np.repeat(face[None], 60, axis=0)
        middle = faces[30:34, RIGHT_EYE, 1].mean()
        faces[30:34, RIGHT_EYE, 1] = middle
        openings = eye_openings(faces)
        assert find_blinks(openings[:, 0]) == []
        assert find_blinks(openings[:, 1]) == [(30, 34)]
