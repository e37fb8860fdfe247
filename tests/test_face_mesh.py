"""The eye: BlazeFace and the face mesh find faces of any size and turn, where they are and not where they are not."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from made import recorded_frames

from obamanet.constants import LEFT_EYE, LEFT_IRIS, RIGHT_EYE, RIGHT_IRIS
from obamanet.errors import FaceError
from obamanet.face import face_models
from obamanet.face.blazeface import BlazeFace, DetectedFace, smallest_face
from obamanet.face.face_models import DETECTOR, MESH, face_network
from obamanet.face.landmark_models import Landmarks
from obamanet.face.mesh import IRISES, FaceMesh, MeshFace, cut_around
from obamanet.face.mesh_landmarker import MeshLandmarker
from obamanet.face.track import track_face
from obamanet.training.data.dataset import load_dataset
from obamanet.training.data.prepare import prepare
from obamanet.types import Picture


@pytest.fixture(scope="module")
def detector() -> BlazeFace:
    return BlazeFace()


@pytest.fixture(scope="module")
def mesh() -> FaceMesh:
    return FaceMesh()


@pytest.fixture(scope="module")
def frame(grid_s1: Path) -> np.ndarray:
    """Return a recorded frame, 360 x 288, with a face about 130 pixels high."""
    return recorded_frames(grid_s1 / "video" / "bbaf2n.mpg", 1)[0]


@pytest.fixture(scope="module")
def face(frame: np.ndarray, detector: BlazeFace, mesh: FaceMesh) -> MeshFace:
    return mesh.look(frame, detector.detect(frame)[0])


def eye_distance(points: np.ndarray) -> float:
    return float(np.linalg.norm(points[36:42].mean(axis=0) - points[42:48].mean(axis=0)))


class TestDetector:
    def test_one_face_where_it_is(self, frame: np.ndarray, detector: BlazeFace, face: MeshFace) -> None:
        [found] = detector.detect(frame)
        inside = face.landmarks[17:]
        assert (inside.min(axis=0) > found.box[:2] - 10).all() and (inside.max(axis=0) < found.box[2:] + 10).all()
        irises = face.points[list(IRISES[::5]), :2]
        np.testing.assert_allclose(found.points[:2], irises, atol=0.1 * found.side)

    @pytest.mark.parametrize("scale", [0.35, 1.0, 6.0])
    def test_faces_from_45_pixels_on_in_a_large_picture(
        self, frame: np.ndarray, detector: BlazeFace, scale: float
    ) -> None:
        [plain] = detector.detect(frame)
        small = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        height, width = max(1080, small.shape[0]), max(1920, small.shape[1])
        picture = np.full((height, width, 3), 128, np.uint8)
        top, left = (height - small.shape[0]) // 2, (width - small.shape[1]) // 3
        picture[top : top + small.shape[0], left : left + small.shape[1]] = small
        [found] = detector.detect(picture)
        # A small face's box is rough; the mesh looks again from there.
        centre = (plain.box[:2] + plain.box[2:]) / 2 * scale + (left, top)
        np.testing.assert_allclose((found.box[:2] + found.box[2:]) / 2, centre, atol=0.2 * plain.side * scale)
        assert 0.8 < found.side / (plain.side * scale) < 1.6

    def test_two_faces_the_larger_first(self, frame: np.ndarray, detector: BlazeFace) -> None:
        other = cv2.resize(frame, None, fx=0.7, fy=0.7)
        other = cv2.copyMakeBorder(other, 0, frame.shape[0] - other.shape[0], 0, 0, cv2.BORDER_CONSTANT)
        found = detector.detect(np.hstack([other, frame]))
        assert len(found) == 2
        assert found[0].side > found[1].side and found[0].box[0] > other.shape[1]

    def test_a_large_face_is_found_in_a_thinned_picture(self, frame: np.ndarray, detector: BlazeFace) -> None:
        picture = cv2.resize(frame, (1800, 1440), interpolation=cv2.INTER_CUBIC)
        [found], [known] = detector.detect_large(picture), detector.detect(picture)
        np.testing.assert_allclose(found.box, known.box, atol=0.05 * known.side)
        np.testing.assert_allclose(found.points, known.points, atol=0.05 * known.side)

    def test_no_face(self, detector: BlazeFace) -> None:
        noise = np.random.default_rng(1).integers(0, 256, (200, 300, 3), dtype=np.uint8)
        assert detector.detect(noise) == detector.detect(np.zeros((90, 50, 3), np.uint8)) == []

    @pytest.mark.parametrize(("size", "least"), [((1920, 1080), 32), ((360, 288), 32), ((100, 80), 16)])
    def test_the_least_size_is_that_of_a_tile(self, size: tuple[int, int], least: int) -> None:
        assert smallest_face(*size) == least


class TestMesh:
    def test_points_stay_on_the_face_however_the_picture_is_turned(
        self, frame: np.ndarray, detector: BlazeFace, mesh: FaceMesh, face: MeshFace
    ) -> None:
        centre = face.landmarks.mean(axis=0)
        turn = cv2.getRotationMatrix2D(tuple(map(float, centre)), 25, 1.3)
        turned = cv2.warpAffine(frame, turn, frame.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
        found = mesh.look(turned, detector.detect(turned)[0])
        wanted = face.landmarks @ turn[:, :2].T + turn[:, 2]
        assert np.linalg.norm(found.landmarks - wanted, axis=1).mean() < 0.03 * 1.3 * eye_distance(face.landmarks)

    def test_lips_are_seen_to_meet(self, grid_s1: Path, detector: BlazeFace, mesh: FaceMesh) -> None:
        frames = recorded_frames(grid_s1 / "video" / "bbaf2n.mpg", 40)
        seen = mesh.look(frames[0], detector.detect(frames[0])[0])
        gaps = []
        for image in frames:
            seen = mesh.predict(image, cut_around(seen.points))
            gaps.append(float(np.linalg.norm(seen.landmarks[62] - seen.landmarks[66])))
        # He says "bin blue at f two now": lips shut at rest and at both b, and part between.
        assert min(gaps) < 0.05 * max(gaps)
        assert np.median(gaps[:10]) < 0.1 * max(gaps)

    def test_a_place_without_a_face_has_a_low_score(self, mesh: FaceMesh, face: MeshFace) -> None:
        assert face.score > 0.9
        assert mesh.predict(np.full((288, 360, 3), 90, np.uint8), cut_around(face.points)).score < 0.5

    def test_the_layout_is_that_of_68_landmarks_and_two_irises(self, face: MeshFace) -> None:
        points = face.landmarks
        assert points.shape == (78, 2)
        for eye, iris in ((LEFT_EYE, LEFT_IRIS), (RIGHT_EYE, RIGHT_IRIS)):
            corners, centre = points[eye][[0, 3]], points[iris][0]
            assert corners[0, 0] < centre[0] < corners[1, 0]
            radius = np.linalg.norm(points[iris][1:] - centre, axis=1)
            assert 0.1 < radius.mean() / np.linalg.norm(corners[1] - corners[0]) < 0.4
        # The jaw goes from left to right, the chin lies below lips and nose.
        assert (np.diff(points[2:15, 0]) > 0).all()
        assert points[8, 1] > points[57, 1] > points[51, 1] > points[33, 1] > points[27, 1]
        assert math.isclose(points[60, 1], points[64, 1], abs_tol=0.1 * eye_distance(points))


@pytest.mark.parametrize(("kind", "name"), [(DETECTOR, "face_detector"), (MESH, "face_landmarks_detector")])
def test_converted_networks_equal_those_they_come_from(shared_data: Path, kind: str, name: str) -> None:
    import tensorflow as tf

    from obamanet.engine.network import load_network

    with pytest.warns(UserWarning, match="deprecated"):
        original = tf.lite.Interpreter(str(shared_data.parent / "models" / f"{name}.tflite"))
    original.allocate_tensors()
    stored = face_network(kind)
    picture = np.random.default_rng(1).uniform(0, 1, (1, stored.config.side, stored.config.side, 3)).astype(np.float32)
    original.set_tensor(original.get_input_details()[0]["index"], picture)
    original.invoke()
    wanted = {detail["name"]: original.get_tensor(detail["index"]) for detail in original.get_output_details()}
    names = ("regressors", "classificators") if kind == DETECTOR else ("Identity", "Identity_1")
    for ours, which in zip(load_network(stored)(picture), names, strict=True):
        np.testing.assert_allclose(ours, wanted[which], atol=2e-3 * max(1.0, float(np.abs(wanted[which]).max())))


def test_a_damaged_network_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = Path(str(face_models.files("obamanet.face")))
    shutil.copytree(package / "models", tmp_path / "models")
    card = json.loads((tmp_path / "models" / face_models.CARD).read_text())
    path = tmp_path / "models" / card["networks"][MESH]["file"]
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    monkeypatch.setattr(face_models, "files", lambda _: tmp_path)
    face_network.cache_clear()
    try:
        with pytest.raises(FaceError, match=r"network for seeing faces is damaged: .*face_mesh\.onnx"):
            face_network(MESH)
    finally:
        face_network.cache_clear()


@pytest.fixture(scope="module")
def landmarker() -> MeshLandmarker:
    return MeshLandmarker()


class TestFollowing:
    def test_one_face_through_a_sentence(self, grid_s1: Path, landmarker: MeshLandmarker) -> None:
        track = track_face(recorded_frames(grid_s1 / "video" / "bbaf2n.mpg", 30), landmarker)
        assert (track.segment == 0).all()
        assert track.max_faces == 1
        assert np.linalg.norm(np.diff(track.landmarks[:, 27:36].mean(axis=1), axis=0), axis=1).max() < 3

    def test_the_followed_one_of_two_stays_the_same(self, frame: np.ndarray, landmarker: MeshLandmarker) -> None:
        images = []
        for number in range(15):
            # The left face grows, the right one shrinks: the larger at first is followed.
            left, right = (cv2.resize(frame, None, fx=scale, fy=scale) for scale in (0.8 + number / 40, 1.0))
            canvas = np.full((360, 900, 3), 128, np.uint8)
            canvas[: left.shape[0], : left.shape[1]] = left[:360]
            canvas[: right.shape[0], 500 : 500 + right.shape[1]] = right
            images.append(canvas)
        track = track_face(images, landmarker)
        assert track.max_faces == 2
        assert (track.landmarks[:, 33, 0] > 500).all()

    def test_a_face_that_another_passes_before_is_found_again(
        self, shared_data: Path, frame: np.ndarray, landmarker: MeshLandmarker
    ) -> None:
        passing = recorded_frames(shared_data / "grid_other" / "sbwe5n.mpg", 1)[0][75:260, 100:270]
        images = []
        for left in range(500, 30, -14):
            canvas = np.full((260, 680, 3), (120, 90, 60), np.uint8)
            canvas[20:228, 200:360] = frame[60:268, 75:235]
            canvas[20:205, left : left + 170] = passing
            images.append(canvas)
        track = track_face(images, landmarker)
        seen = track.segment >= 0
        # Behind the other one there is no face to follow, and the other one is not taken for it.
        assert 5 <= (~seen).sum() <= 22
        assert seen[:10].all()
        assert seen[-2:].all()
        assert np.abs(track.landmarks[seen, 33, 0] - 284).max() < 10

    def test_where_no_face_was_a_small_one_is_looked_for_now_and_then(
        self, frame: np.ndarray, landmarker: MeshLandmarker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        searches = []
        detect = landmarker.detector.detect

        def counted(picture: Picture) -> list[DetectedFace]:
            searches.append(picture)
            return detect(picture)

        monkeypatch.setattr(landmarker.detector, "detect", counted)
        empty = np.full((720, 1280, 3), 128, np.uint8)
        small = empty.copy()
        small[300:400, 500:625] = cv2.resize(frame, (125, 100), interpolation=cv2.INTER_AREA)
        follower = landmarker.follow()
        seen = [follower.next(picture) is not None for picture in [*[small] * 2, *[empty] * 15, *[small] * 14]]
        assert seen[:2] == [True] * 2 and not any(seen[2:17])
        assert seen[-1], "a face that comes back is found within half a second"
        assert len(searches) <= 4, "a search through all tiles takes up to 2 s in 4K"
        # A large one is found at once.
        follower = landmarker.follow()
        assert [follower.next(picture) is not None for picture in (empty, empty, cv2.resize(frame, (1280, 720)))][-1]

    @pytest.mark.parametrize("shown", [0.5, 0.75])
    def test_a_face_that_the_picture_cuts_off_is_none(
        self, frame: np.ndarray, landmarker: MeshLandmarker, shown: float
    ) -> None:
        [points] = track_face([frame], landmarker).landmarks
        top, bottom = points[:, 1].min(), points[8, 1]
        cut = frame[: int(top + shown * (bottom - top))]
        assert landmarker.follow().next(cut) is not None, "the face mesh goes on outside of the picture"
        with pytest.raises(FaceError, match="wholly in the picture"):
            track_face([cut], landmarker)

    def test_a_cut_and_frames_without_a_face(self, frame: np.ndarray, landmarker: MeshLandmarker) -> None:
        away = np.roll(frame, 120, axis=1)
        track = track_face([*[frame] * 6, *[np.full_like(frame, 128)] * 5, *[frame] * 6, *[away] * 6], landmarker)
        assert track.segment.tolist() == [0] * 6 + [-1] * 5 + [1] * 6 + [2] * 6

    def test_the_face_that_is_needed_is_told(self, landmarker: MeshLandmarker) -> None:
        with pytest.raises(FaceError, match="at 1920x1080 a frontal face of at least 32 px, wholly in"):
            track_face([np.zeros((1080, 1920, 3), np.uint8)], landmarker)


def test_a_dataset_and_its_person_name_their_landmarks(grid_s1: Path, tmp_path: Path) -> None:
    video = grid_s1 / "video" / "bbaf2n.mpg"
    prepare([video], tmp_path / "d", image_size=64, workers=1)
    dataset = load_dataset(tmp_path / "d")
    assert dataset.landmarks is Landmarks.MESH
    gaps = np.linalg.norm(dataset.clips[0].landmarks[:, 62] - dataset.clips[0].landmarks[:, 66], axis=1)
    assert gaps.min() < 0.1 * gaps.max()
    # Another model makes the dataset anew.
    report = prepare([video], tmp_path / "d", image_size=64, workers=1, landmarks=Landmarks.DLIB)
    assert report.cached == 0 and load_dataset(tmp_path / "d").landmarks is Landmarks.DLIB
