"""Movement carried from one face to another: the target keeps its shape, lips and lids meet, limits hold."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import made_landmarks
from made import with_irises

from obamanet.constants import LEFT_EYE, LEFT_IRIS, MOUTH, RIGHT_EYE, RIGHT_IRIS
from obamanet.keypoints.eyes import eye_openings, gaze
from obamanet.keypoints.opening import mouth_opening
from obamanet.keypoints.retarget import (
    BEYOND,
    DEPTH,
    EASE,
    HOLD,
    RETURN,
    GapFiller,
    Movement,
    MovementRange,
    NeutralFace,
    Retargeter,
    TargetFace,
    find_rest,
    fit_range,
)
from obamanet.render.crop import portrait_box, to_square

EYE_DISTANCE = 0.44 * 256
"""Pixels between the outer eye corners of the drawn face."""


@pytest.fixture(scope="module")
def target() -> np.ndarray:
    """Return a drawn face that nods, talks, blinks and looks around, in its portrait square: (100, 78, 2)."""
    return in_square(lively(made_landmarks(100, 256)))


def in_square(landmarks: np.ndarray) -> np.ndarray:
    return to_square(landmarks, portrait_box(landmarks))


def lively(landmarks: np.ndarray) -> np.ndarray:
    """Return ``landmarks`` (T, 68, 2) with irises that wander and eyes that blink, the left one a little later."""
    face = with_irises(landmarks)
    time = np.arange(len(face)) / 25
    face[:, 68:, 0] += 2 * np.sin(4 * time)[:, None]
    for eye, late in ((LEFT_EYE, 0.1), (RIGHT_EYE, 0.0)):
        middle = face[:, eye, 1].mean(axis=1, keepdims=True)
        shut = np.clip(1 - np.abs((time - late) % 2 - 1) / 0.12, 0, 1)[:, None]
        face[:, eye, 1] = middle + (1 - shut) * (face[:, eye, 1] - middle)
    return face


def another(landmarks: np.ndarray) -> np.ndarray:
    """Return the same movement on another face: a wide mouth, a broad jaw and a long chin."""
    face = landmarks.astype(np.float64).copy()
    for points, wide, high in ((MOUTH, 1.3, 1.2), (slice(0, 17), 1.1, 1.15)):
        middle = face[:, points].mean(axis=(0, 1))
        face[:, points] = middle + (face[:, points] - middle) * (wide, high)
    return in_square(face)


def at_rest(landmarks: np.ndarray) -> NeutralFace:
    shape = find_rest(landmarks)
    return NeutralFace(shape, portrait_box(shape[None]), 256)


def aim(landmarks: np.ndarray) -> TargetFace:
    neutral = at_rest(landmarks)
    return TargetFace(neutral, fit_range(landmarks, neutral))


def driven(driver: np.ndarray, target: np.ndarray) -> np.ndarray:
    retargeter = Retargeter(at_rest(driver), aim(target))
    return np.stack([retargeter.place(retargeter.movement(frame)) for frame in driver])


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


class TestRetargeter:
    def test_a_face_driven_by_itself_stays_as_it_is(self, target: np.ndarray) -> None:
        apart = np.linalg.norm(driven(target, target) - target, axis=-1) / EYE_DISTANCE
        assert apart.mean() < 0.01
        assert np.quantile(apart, 0.99) < 0.06

    def test_the_target_keeps_its_shape_and_place(self, target: np.ndarray) -> None:
        found = driven(another(target), target)
        np.testing.assert_allclose(np.median(found, axis=0), np.median(target, axis=0), atol=0.03 * EYE_DISTANCE)

    def test_the_person_himself_keeps_the_shape_of_the_day(self, target: np.ndarray) -> None:
        driver = target.copy()
        driver[:, 17:27, 1] -= 2
        np.testing.assert_allclose(np.median(driven(driver, target) - driver, axis=0), 0, atol=0.3)

    def test_a_head_that_is_held_aslant_or_turned_all_the_time_stays_so(self, target: np.ndarray) -> None:
        def follow(driver: np.ndarray) -> np.ndarray:
            retargeter = Retargeter(at_rest(driver), free)
            return np.stack([retargeter.place(retargeter.movement(frame)) for frame in driver])

        free = TargetFace(at_rest(target), MovementRange(np.ones((78, 2)), 1.0, np.ones(4)))
        driver = another(target).astype(np.float64)
        straight = follow(driver)
        aslant = follow((driver - 128) @ np.array([[np.cos(0.1), np.sin(0.1)], [-np.sin(0.1), np.cos(0.1)]]) + 128)
        eyes = [face[:, 45] - face[:, 36] for face in (aslant, straight)]
        tilts = [np.arctan2(line[:, 1], line[:, 0]) for line in eyes]
        np.testing.assert_allclose(tilts[0] - tilts[1], 0.1, atol=0.01)
        driver[..., 0] += 0.1 * DEPTH * EYE_DISTANCE
        turned = follow(driver)
        nose = [face[:, 30, 0] - face[:, [36, 45], 0].mean(axis=1) for face in (turned, straight)]
        # The tip of the nose lies before the eyes.
        np.testing.assert_allclose(nose[0] - nose[1], 0.1 * DEPTH[30] * EYE_DISTANCE, rtol=0.3)

    def test_mouth_eyes_gaze_and_head_follow(self, target: np.ndarray) -> None:
        driver = another(target)
        found = driven(driver, target)
        assert correlation(mouth_opening(found[:, MOUTH]), mouth_opening(driver[:, MOUTH])) > 0.99
        assert correlation(eye_openings(found), eye_openings(driver)) > 0.98
        assert correlation(gaze(found)[:, 0], gaze(driver)[:, 0]) > 0.98
        assert correlation(found[:, 30, 1], target[:, 30, 1]) > 0.95

    def test_lips_that_meet_meet(self, target: np.ndarray) -> None:
        driver = another(target)
        driver[50, 60:68, 1] = driver[50, 60:68, 1].mean()
        neutral = at_rest(another(target))
        retargeter = Retargeter(neutral, aim(target))
        found = mouth_opening(retargeter.movement(driver[50]).face[MOUTH])
        assert found < 0.1 * mouth_opening(retargeter.movement(driver[57]).face[MOUTH])

    def test_one_eye_winks(self, target: np.ndarray) -> None:
        driver = another(target)
        frame = driver[10].copy()
        corners = frame[[LEFT_EYE.start, LEFT_EYE.start + 3]]
        frame[[37, 41]] = corners[0] + (corners[1] - corners[0]) / 3
        frame[[38, 40]] = corners[0] + (corners[1] - corners[0]) * 2 / 3
        retargeter = Retargeter(at_rest(driver), aim(target))
        left, right = eye_openings(retargeter.movement(frame).face)
        opened = eye_openings(retargeter.rest.face)
        assert left < 0.05 * opened[0]
        assert right == pytest.approx(eye_openings(retargeter.movement(driver[10]).face)[1], rel=1e-6)

    def test_the_iris_keeps_the_targets_size(self, target: np.ndarray) -> None:
        driver = another(target)
        for iris in (LEFT_IRIS, RIGHT_IRIS):
            middle = driver[:, iris].mean(axis=1, keepdims=True)
            driver[:, iris] = middle + 1.5 * (driver[:, iris] - middle)
        radius = [
            np.linalg.norm(face[:, 69:73] - face[:, 68:69], axis=-1).mean() for face in (driven(driver, target), target)
        ]
        assert radius[0] == pytest.approx(radius[1], rel=0.02)

    def test_a_movement_beyond_the_targets_is_held_back(self, target: np.ndarray) -> None:
        face = aim(target)
        retargeter = Retargeter(at_rest(target), face)
        far = target[0].copy()
        far += (300, -200)
        far[17:27, 1] -= 80
        movement = retargeter.movement(far)
        # In all directions together, not in each: a corner of them is a place that the footage did not have.
        assert np.linalg.norm(movement.head / face.range.drift) <= 1 + BEYOND + 1e-6
        raised = np.abs(movement.face - face.neutral.shape)[17:27]
        assert (raised <= (1 + BEYOND) * face.range.reach[17:27] + 1e-6).all()
        assert (raised[:, 1] > face.range.reach[17:27, 1]).all()

    def test_a_target_without_irises_gets_none(self, target: np.ndarray) -> None:
        found = driven(another(target), target[:, :68])
        assert found.shape == (100, 68, 2)
        np.testing.assert_allclose(found, driven(another(target), target)[:, :68], atol=1e-3)

    def test_the_mouth_alone_does_not_turn_with_the_drivers_head(self, target: np.ndarray) -> None:
        template = at_rest(target).template
        driver = another(target)
        retargeter = Retargeter(at_rest(driver), aim(target))
        turned = driver[5].copy()
        # A head that turns a little carries nose and mouth to the side.
        turned[27:36] += (1.5, 0)
        turned[MOUTH] += (1.5, 0)
        before, after = retargeter.mouths(map(retargeter.movement, (driver[5], turned)), template)
        np.testing.assert_allclose(after.mean(axis=0), before.mean(axis=0), atol=0.02)


class TestGapFiller:
    STEP = 0.04

    @pytest.fixture
    def rest(self) -> Movement:
        return Movement(np.zeros((68, 2)), np.zeros(4))

    @pytest.fixture
    def moved(self) -> Movement:
        return Movement(np.ones((68, 2)), np.ones(4))

    def run(self, rest: Movement, frames: list[Movement | None]) -> np.ndarray:
        filler = GapFiller(rest)
        return np.array([filler.next(frame, self.STEP).face[0, 0] for frame in frames])

    def test_faces_pass_through(self, rest: Movement, moved: Movement) -> None:
        assert self.run(rest, [moved] * 4).tolist() == [1.0] * 4

    def test_at_rest_until_there_is_a_face(self, rest: Movement, moved: Movement) -> None:
        assert self.run(rest, [None, None, moved]).tolist() == [0.0, 0.0, 1.0]

    def test_a_lost_face_is_held_then_eases_to_rest(self, rest: Movement, moved: Movement) -> None:
        shown = self.run(rest, [moved] + [None] * 40)[1:]
        times = self.STEP * np.arange(1, 41)
        assert (shown[times <= HOLD] == 1).all()
        assert (np.diff(shown) <= 0).all()
        assert np.abs(np.diff(shown)).max() < 0.1
        assert (shown[times >= HOLD + EASE] == 0).all()

    def test_a_face_that_returns_is_caught_up_with(self, rest: Movement, moved: Movement) -> None:
        shown = self.run(rest, [moved] + [None] * 40 + [moved] * 10)[41:]
        assert 0 < shown[0] < 0.3
        assert (np.diff(shown) >= 0).all()
        assert shown[round(RETURN / self.STEP)] == 1

    def test_a_face_that_flickers_stays(self, rest: Movement, moved: Movement) -> None:
        assert self.run(rest, [moved, None] * 10).tolist() == [1.0] * 20
