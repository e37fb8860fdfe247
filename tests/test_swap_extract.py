"""Faces of a person from videos, folders and zips: alignment, masks, tracks, the alignments file, bad input."""

from __future__ import annotations

import struct
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from made import foreign_files, recorded_frames, write_video
from PIL import Image
from skimage.transform import SimilarityTransform

from obamanet.constants import LEFT_EYE, RIGHT_EYE, STABLE_POINTS
from obamanet.errors import DatasetError, ObamanetError, OptionError, OutputError
from obamanet.pix2pix.pictures import read_picture
from obamanet.swap import extract_faces
from obamanet.swap.alignments import (
    ALIGNMENTS_FILE,
    Alignments,
    AlignmentsHead,
    Face,
    face_width,
    read_alignments,
    write_alignments,
)
from obamanet.swap.extract_faces import HULL, ExtractOptions, Side, extract
from obamanet.swap.face_archive import unpacked
from obamanet.swap.face_finder import (
    FaceModel,
    MeshFaces,
    SourceFrame,
    TrackNumbers,
    by_person,
    find_faces,
    load_face_model,
)
from obamanet.swap.face_masks import (
    EyeMask,
    Part,
    eyes_mask,
    hull_mask,
    mouth_mask,
    occlusion_mask,
    parts_mask,
)
from obamanet.swap.face_sources import open_source
from obamanet.swap.umeyama import MEAN_FACE, alignment, transform, umeyama, warp

EYE_DISTANCE = 60.0
"""Pixels between the outer eye corners of the made face."""


def made_face(
    centre: tuple[float, float] = (160.0, 120.0), scale: float = EYE_DISTANCE, shut: float = 1.0
) -> np.ndarray:
    """Return the landmarks of a drawn face; ``shut`` 0 closes its eyes: (68, 2)."""
    face = np.zeros((68, 2))
    turn = np.linspace(np.pi, 0, 17)
    face[:17] = np.column_stack([0.78 * np.cos(turn), -0.12 + 1.5 * np.sin(turn)])
    face[17:27] = np.column_stack([np.linspace(-0.55, 0.55, 10), np.full(10, -0.25)])
    for eye, inner, outer in ((LEFT_EYE, -0.192, -0.5), (RIGHT_EYE, 0.5, 0.192)):
        x = np.array([outer, outer + 0.1, inner - 0.1, inner, inner - 0.1, outer + 0.1])
        face[eye] = np.column_stack([x, shut * np.array([0, -0.06, -0.06, 0, 0.06, 0.06])])
    face[list(STABLE_POINTS)] = MEAN_FACE
    face[48:60] = np.column_stack([0.3 * np.cos(np.linspace(np.pi, -np.pi, 13)[:12]), np.full(12, 0.85)])
    face[48:60, 1] -= 0.12 * np.sin(np.linspace(np.pi, -np.pi, 13)[:12])
    face[60:68] = np.column_stack([0.2 * np.cos(np.linspace(np.pi, -np.pi, 9)[:8]), np.full(8, 0.85)])
    face[60:68, 1] -= 0.05 * np.sin(np.linspace(np.pi, -np.pi, 9)[:8])
    return (face * scale + centre).astype(np.float32)


def drawn(landmarks: np.ndarray, size: tuple[int, int] = (240, 320), seed: int = 0) -> np.ndarray:
    """Return a picture of a skin-coloured face on noise, (H, W, 3) uint8 BGR."""
    image = np.random.default_rng(seed).integers(0, 90, (*size, 3)).astype(np.uint8)
    image[hull_mask(landmarks, size) > 0] = (140, 165, 210)
    return image


def write_turned(path: Path, image: np.ndarray) -> None:
    """Write ``image`` (H, W, 3) as a JPEG that lies on its side, with EXIF that has it turned upright."""
    exif = Image.Exif()
    exif[0x0112] = 6  # to be seen turned a quarter clockwise
    Image.fromarray(np.ascontiguousarray(np.rot90(image[..., ::-1]))).save(path, exif=exif, quality=95)


class DrawnFaces:
    """A model that knows where the drawn faces are: those of a list, frame by frame."""

    def __init__(self, frames: list[list[np.ndarray]]) -> None:
        self._frames, self._next, self.restarts = frames, 0, 0

    def find(self, image: np.ndarray) -> list[np.ndarray]:
        self._next += 1
        return self._frames[(self._next - 1) % len(self._frames)]

    def restart(self) -> None:
        self.restarts += 1


class BrightnessEmbedder:
    """An embedder that tells persons by the brightness of their faces."""

    def embed(self, image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        x, y = landmarks[30].round().astype(int)
        return np.full(128, image[y, x].mean() / 255)


@pytest.fixture
def drawn_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have extraction find the drawn face in every frame."""
    monkeypatch.setattr(extract_faces, "load_face_model", lambda kind: DrawnFaces([[made_face()]]))
    monkeypatch.setattr(extract_faces, "FaceEmbedder", BrightnessEmbedder)


def test_the_similarity_is_that_of_a_second_implementation() -> None:
    random = np.random.default_rng(1)
    for _ in range(20):
        source, target = random.normal(size=(13, 2)), random.normal(size=(13, 2))
        theirs = SimilarityTransform.from_estimate(source, target)
        assert np.allclose(umeyama(source, target), theirs.params[:2], atol=1e-9)


def test_an_exact_similarity_is_recovered() -> None:
    turn, scale, move = 0.7, 3.5, np.array([-20.0, 11.0])
    rotation = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    points = np.random.default_rng(2).normal(size=(9, 2))
    assert np.allclose(umeyama(points, points @ rotation.T + move), np.column_stack([rotation, move]))


def test_an_aligned_face_has_its_eyes_where_all_have_them() -> None:
    landmarks = made_face((90.0, 140.0), 37.0)
    there = transform(landmarks, alignment(landmarks, 256))
    assert np.allclose(there[36], (0.32 * 256 - 0.5, 0.38 * 256 - 0.5), atol=0.01)
    assert np.allclose(there[45], (0.68 * 256 - 0.5, 0.38 * 256 - 0.5), atol=0.01)


def test_a_warp_and_its_inverse_give_the_picture_back() -> None:
    ramp = np.indices((240, 320)).sum(axis=0)
    image = np.repeat((ramp // 3)[..., None], 3, axis=-1).astype(np.uint8)
    matrix = alignment(made_face(), 256)
    back = cv2.warpAffine(warp(image, matrix, 256), matrix, (320, 240), flags=cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR)
    inside = hull_mask(made_face(), (240, 320)) > 0
    assert np.abs(back[inside].astype(int) - image[inside]).max() <= 2


def test_masks_lie_one_inside_the_other() -> None:
    face, size = made_face(), (240, 320)
    hull, mouth, eyes = hull_mask(face, size), mouth_mask(face, size), eyes_mask(face, size)
    assert set(np.unique(hull)) == {0, 255}
    for inner in (mouth, eyes):
        assert inner.any()
        assert not inner[hull == 0].any()
    assert not mouth[eyes > 0].any()


def test_in_a_blink_the_ellipse_stays_and_the_contour_narrows() -> None:
    sizes = {
        (method, shut): np.count_nonzero(eyes_mask(made_face(shut=shut), (240, 320), method))
        for method in EyeMask
        for shut in (0.0, 1.0)
    }
    assert sizes[EyeMask.ELLIPSE, 0.0] == sizes[EyeMask.ELLIPSE, 1.0]
    assert sizes[EyeMask.CONTOUR, 0.0] < 0.8 * sizes[EyeMask.CONTOUR, 1.0]


def test_parts_are_the_union_of_their_pieces() -> None:
    face, size = made_face(), (240, 320)
    single = {part: parts_mask(face, size, frozenset({part})) > 0 for part in Part}
    assert all(mask.any() for mask in single.values())
    both = parts_mask(face, size, frozenset({Part.MOUTH, Part.EYES})) > 0
    assert (both == (single[Part.MOUTH] | single[Part.EYES])).all()
    assert not (single[Part.MOUTH] & single[Part.EYES]).any()


def test_hair_over_the_face_is_taken_out_and_skin_is_not() -> None:
    face = made_face()
    image = drawn(face)
    hull = hull_mask(face, (240, 320))
    assert not occlusion_mask(image, face, hull).any()
    image[60:120, 180:205] = (40, 60, 200)
    hidden = occlusion_mask(image, face, hull) > 0
    painted = np.zeros(hull.shape, bool)
    painted[60:120, 180:205] = True
    assert (hidden & painted).sum() > 0.8 * (painted & (hull > 0)).sum()
    assert not hidden[~cv2.dilate(painted.astype(np.uint8), np.ones((5, 5))).astype(bool)].any()


def test_two_faces_that_cross_keep_their_numbers() -> None:
    tracks = TrackNumbers()
    left, right = [], []
    for frame in range(41):
        # They pass each other at a tenth of a face's height, and are handed over in an order of their own.
        faces = [made_face((100 + 5 * frame, 100)), made_face((300 - 5 * frame, 112))]
        order = [0, 1] if frame % 3 else [1, 0]
        numbers = tracks.assign(frame, [faces[index] for index in order])
        left.append(numbers[order.index(0)])
        right.append(numbers[order.index(1)])
    assert set(left) == {left[0]}
    assert set(right) == {right[0]}
    assert left[0] != right[0]


def test_a_face_that_was_away_comes_back_under_its_number_unless_there_was_a_cut() -> None:
    tracks = TrackNumbers()
    (first,) = tracks.assign(0, [made_face()])
    assert tracks.assign(1, []) == []
    assert tracks.assign(9, [made_face((165, 121))]) == [first]
    tracks.cut()
    assert tracks.assign(10, [made_face((165, 121))]) != [first]


def test_a_cut_begins_new_tracks() -> None:
    dark, bright = np.zeros((48, 64, 3), np.uint8), np.full((48, 64, 3), 200, np.uint8)
    frames = [SourceFrame(str(n), image, n == 0) for n, image in enumerate([dark, dark, bright, bright])]
    found = find_faces(frames, DrawnFaces([[made_face()]]))
    assert [face.track for face in found.faces] == [0, 0, 1, 1]


def test_persons_are_told_apart_and_the_one_asked_for_is_number_0() -> None:
    here, there = made_face((70.0, 120.0), 30), made_face((250.0, 120.0), 30)
    image = drawn(here)
    image[hull_mask(there, (240, 320)) > 0] = (40, 60, 90)
    frames = [SourceFrame(str(n), image, n == 0) for n in range(6)]
    found = find_faces(frames, DrawnFaces([[here, there]] * 4 + [[here]] * 2), BrightnessEmbedder())
    longest = by_person(found)
    assert {face.person for face in longest if face.track == 0} == {0}
    assert {face.person for face in longest if face.track == 1} == {1}
    asked = by_person(found, found.embeddings[1])
    assert {face.person for face in asked if face.track == 1} == {0}


def test_alignments_come_back_as_they_were(tmp_path: Path) -> None:
    head = AlignmentsHead("talk.mp4", "ab" * 32, "30000/1001", 7, "mesh")
    face = Face(3, "talk_000004", 1, 2, 0, made_face(), 12.5, 93.0, "too small")
    path = tmp_path / ALIGNMENTS_FILE
    write_alignments(path, Alignments(head, (face,)))
    read = read_alignments(path)
    assert read.head == head
    assert np.abs(read.faces[0].landmarks - face.landmarks).max() < 0.01
    assert replace(read.faces[0], landmarks=face.landmarks) == face


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"schema": 1', '"schema": 2', "schema 2"),
        ('"track": 0', '"track": "x"', "line 2.track must be a whole number"),
        ("[[", "[[1, 2, 3], [", "68 pairs"),
        ('{"frame"', '{"frame', "line 2 is no JSON"),
    ],
    ids=["newer", "type", "landmarks", "json"],
)
def test_a_damaged_alignments_file_is_told_by_its_line(tmp_path: Path, old: str, new: str, told: str) -> None:
    path = tmp_path / ALIGNMENTS_FILE
    head = AlignmentsHead("talk.mp4", "", "25", 1, "mesh")
    write_alignments(path, Alignments(head, (Face(0, "talk_000001", 0, 0, 0, made_face()),)))
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(DatasetError, match=told):
        read_alignments(path)


def zip_of(path: Path, *names: str, content: bytes = b"x") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("../evil.png", "leaves its folder"),
        ("a/../../evil.png", "leaves its folder"),
        ("..\\evil.png", "leaves its folder"),
        ("/tmp/evil.png", "absolute"),
        ("C:\\evil.png", "absolute"),
    ],
)
def test_a_zip_that_leads_elsewhere_is_refused(tmp_path: Path, name: str, told: str) -> None:
    archive = zip_of(tmp_path / "faces.zip", "good.png", name)
    before = archive.read_bytes()
    with pytest.raises(DatasetError, match=told), unpacked(archive, frozenset({".png"}), tmp_path):
        pass
    assert archive.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["faces.zip"]


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("face.png")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "faces.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(DatasetError, match="link"), unpacked(tmp_path / "faces.zip", frozenset({".png"}), tmp_path):
        pass


def test_a_zip_bomb_is_refused_also_when_it_lies_about_its_size(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "faces.zip", "face.png", content=bytes(30 << 20))
    with pytest.raises(DatasetError, match="would unpack to 30 MB"), unpacked(archive, frozenset({".png"}), tmp_path):
        pass
    content = bytearray(archive.read_bytes())
    for start in (content.index(b"PK\x03\x04") + 22, content.index(b"PK\x01\x02") + 24):
        content[start : start + 4] = struct.pack("<I", 1000)
    archive.write_bytes(content)
    with pytest.raises(DatasetError), unpacked(archive, frozenset({".png"}), tmp_path) as folder:
        assert (folder / "face.png").stat().st_size <= 1000
    assert [path.name for path in tmp_path.iterdir()] == ["faces.zip"]


def test_a_zip_is_unpacked_without_what_a_computer_adds(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "faces.zip", "me/a.png", "you/a.png", "__MACOSX/._a.png", "notes.txt")
    with unpacked(archive, frozenset({".png"}), tmp_path) as folder:
        assert sorted(path.name for path in folder.iterdir()) == ["000001_a.png", "a.png"]


def test_no_zip_is_no_zip(tmp_path: Path) -> None:
    (tmp_path / "faces.zip").write_bytes(b"nothing of the kind")
    with pytest.raises(DatasetError, match="not a zip"), unpacked(tmp_path / "faces.zip", frozenset(), tmp_path):
        pass


@pytest.mark.usefixtures("drawn_model")
def test_a_folder_of_odd_pictures_is_extracted_and_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    image = drawn(made_face())
    cv2.imwrite(str(photos / "plain.png"), image)
    cv2.imwrite(str(photos / "grey.png"), cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))
    cv2.imwrite(str(photos / "alpha.png"), np.dstack([image, np.full(image.shape[:2], 128, np.uint8)]))
    write_turned(photos / "turned.jpg", image)
    whole = (photos / "turned.jpg").read_bytes()
    (photos / "broken.jpg").write_bytes(whole[:200])
    # Its head is whole: what is missing must not be read as grey.
    (photos / "cut.jpg").write_bytes(whole[: len(whole) * 3 // 4])
    # The last by name, behind all faces.
    (photos / "zero.png").touch()
    report = extract(photos, tmp_path / "faces", ExtractOptions(size=128))
    assert len(report.unreadable) == 3
    assert "broken.jpg" in report.unreadable[0]
    assert "cut or damaged" in report.unreadable[1] and "cut.jpg" in report.unreadable[1]
    assert "zero.png" in report.unreadable[2]
    faces = {path.stem: read_picture(path) for path in (tmp_path / "faces").glob("*.png")}
    assert set(faces) == {"alpha_0", "grey_0", "plain_0", "turned_0"}
    hull = cv2.imread(str(tmp_path / "faces" / HULL / "plain_0.png"), cv2.IMREAD_GRAYSCALE)
    assert set(np.unique(hull)) == {0, 255}
    for name in ("alpha_0", "turned_0"):
        difference = np.abs(faces[name].astype(int) - faces["plain_0"])[cv2.erode(hull, np.ones((9, 9))) > 0]
        assert difference.mean() < 3
    assert (tmp_path / "faces" / "index.html").read_text().count("<img") == 4


@pytest.mark.usefixtures("drawn_model")
def test_frames_of_a_video_are_named_as_in_faceswap_and_thinned(tmp_path: Path) -> None:
    video = write_video(tmp_path / "talk.mp4", [drawn(made_face())] * 6)
    report = extract(video, tmp_path / "faces", ExtractOptions(size=64, every=3, side=Side.DST))
    assert sorted(path.name for path in (tmp_path / "faces").glob("*.png")) == [
        "talk_000001_0.png",
        "talk_000004_0.png",
    ]
    eyes = tmp_path / "faces" / "binary_masks" / "face_dst_eyes" / "talk_000001_0.png"
    assert set(np.unique(cv2.imread(str(eyes), cv2.IMREAD_GRAYSCALE))) == {0, 255}
    assert foreign_files(tmp_path / "faces") == []
    read = read_alignments(tmp_path / "faces" / ALIGNMENTS_FILE)
    assert read.head.fps == "25"
    assert len(read.faces) == 6
    assert report.saved == 2


@pytest.mark.usefixtures("drawn_model")
def test_a_folder_that_is_not_empty_is_refused_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cv2.imwrite(str(tmp_path / "me.png"), drawn(made_face()))
    faces = tmp_path / "faces"
    faces.mkdir()
    extract(tmp_path / "me.png", faces, ExtractOptions(size=64))
    before = sorted(faces.rglob("*"))
    monkeypatch.setattr(extract_faces, "find_faces", None)
    with pytest.raises(OutputError, match="not empty"):
        extract(tmp_path / "me.png", faces, ExtractOptions(size=64))
    assert sorted(faces.rglob("*")) == before


@pytest.mark.usefixtures("drawn_model")
def test_what_a_killed_run_left_behind_is_removed(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "me.png"), drawn(made_face()))
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    (tmp_path / f"..faces.{process.pid}.part").mkdir()
    extract(tmp_path / "me.png", tmp_path / "faces", ExtractOptions(size=64))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["faces", "me.png"]


@pytest.mark.usefixtures("drawn_model")
def test_too_small_and_blurred_faces_are_refused_with_the_reason(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "me.png"), drawn(made_face()))
    with pytest.raises(DatasetError, match="94 px wide, least is 200"):
        extract(tmp_path / "me.png", tmp_path / "faces", ExtractOptions(min_size=200))
    with pytest.raises(DatasetError, match="sharpness"):
        extract(tmp_path / "me.png", tmp_path / "faces", ExtractOptions(min_sharpness=1e6))
    assert not (tmp_path / "faces").exists()


@pytest.mark.usefixtures("drawn_model")
def test_a_zip_of_a_person_is_extracted_and_stays(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "me.png"), drawn(made_face()))
    archive = zip_of(tmp_path / "me.zip", "photos/me.png", content=(tmp_path / "me.png").read_bytes())
    report = extract(archive, tmp_path / "faces", ExtractOptions(size=64))
    assert report.saved == 1
    assert archive.exists()
    assert not list(tmp_path.glob(".*"))
    assert not list((tmp_path / "faces").glob(".*"))


@pytest.mark.usefixtures("drawn_model")
@pytest.mark.parametrize("name", ["nothing.mp4", "empty", "text.mp4"])
def test_what_is_no_source_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(ObamanetError, match=name):
        extract(tmp_path / name, tmp_path / "faces")
    assert not (tmp_path / "faces").exists()


def test_files_that_are_neither_pictures_nor_videos_are_told(tmp_path: Path) -> None:
    for name in ("a.png", "b.webp", "c.txt", ".hidden"):
        (tmp_path / name).touch()
    with open_source(tmp_path, tmp_path) as source:
        assert [path.name for path in source.items] == ["a.png"]
        assert source.unreadable == [f"2 of another kind of file, such as b.webp: {tmp_path}"]


@pytest.mark.usefixtures("drawn_model")
def test_two_pictures_of_one_name_are_told(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for suffix in (".png", ".jpg"):
        cv2.imwrite(str(photos / f"me{suffix}"), drawn(made_face()))
    with pytest.raises(DatasetError, match="two pictures of one name"):
        extract(photos, tmp_path / "faces")


@pytest.mark.usefixtures("drawn_model")
@pytest.mark.parametrize("step", ["find_faces", "cut_face", "write_alignments"])
def test_an_interrupted_extraction_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    cv2.imwrite(str(tmp_path / "me.png"), drawn(made_face()))
    archive = zip_of(tmp_path / "me.zip", "photos/me.png", content=(tmp_path / "me.png").read_bytes())

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(extract_faces, step, interrupt)
    with pytest.raises(KeyboardInterrupt):
        extract(archive, tmp_path / "faces", ExtractOptions(size=64))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["me.png", "me.zip"]


def test_mtcnn_is_refused_with_the_reason() -> None:
    with pytest.raises(OptionError, match="pickles"):
        load_face_model(FaceModel.MTCNN)


def test_the_mesh_sees_recorded_faces_side_by_side(shared_data: Path, tmp_path: Path) -> None:
    (one,) = recorded_frames(shared_data / "grid_s1" / "video" / "bbaf2n.mpg", 1)
    (other,) = recorded_frames(shared_data / "grid_other" / "pwij3p.mpg", 1)
    video = write_video(tmp_path / "two.mp4", [np.hstack([one, other])] * 3)
    report = extract(video, tmp_path / "faces", ExtractOptions(size=64))
    assert {face.track for face in report.faces} == {0, 1}
    assert {face.person for face in report.faces} == {0, 1}
    assert len(list((tmp_path / "faces" / "person_1").glob("*.png"))) == 3
    widths = [face_width(face.landmarks) for face in report.faces]
    assert 70 < min(widths) <= max(widths) < 140


def test_a_recorded_face_that_joins_another_is_found_at_once(shared_data: Path) -> None:
    frames = recorded_frames(shared_data / "grid_s1" / "video" / "bbaf2n.mpg", 4)
    joining = recorded_frames(shared_data / "grid_other" / "pwij3p.mpg", 4)
    seen = []
    model = MeshFaces()
    for number, (one, other) in enumerate(zip(frames, joining, strict=True)):
        beside = other if number >= 2 else np.full_like(other, 128)
        seen.append(len(model.find(np.hstack([one, beside]))))
    assert seen == [1, 1, 2, 2]


def test_two_recorded_talkers_who_cross_keep_their_tracks(shared_data: Path) -> None:
    """Heads of two talkers, cut out with their backdrop, pass each other; the one in front hides the other."""
    one = recorded_frames(shared_data / "grid_s1" / "video" / "bbaf2n.mpg", 30)
    other = recorded_frames(shared_data / "grid_other" / "pwij3p.mpg", 30)
    head = np.s_[40:270, 100:270]
    frames, ahead = [], []
    for number, (behind, before) in enumerate(zip(one, other, strict=True)):
        image = np.full((230, 640, 3), (190, 120, 30), np.uint8)
        places = (20 + 14 * number, 440 - 14 * number)
        for place, talker in zip(places, (behind, before), strict=True):
            image[:, place : place + 170] = talker[head]
        frames.append(SourceFrame(str(number), image, number == 0))
        ahead.append(places)
    found = find_faces(frames, MeshFaces())
    owners: dict[int, set[int]] = {}
    seen = [0, 0]
    for face in found.faces:
        x, (left, right) = float(face.landmarks[:, 0].mean()), ahead[face.frame]
        if abs(left - right) > 80:
            owner = int(abs(x - right - 85) < abs(x - left - 85))
            owners.setdefault(face.track, set()).add(owner)
            seen[owner] += 1
    assert all(len(who) == 1 for who in owners.values())
    assert sorted(min(who) for who in owners.values()) == [0, 1]
    # The hidden one is found again by a search that comes every twelfth frame.
    apart = sum(abs(left - right) > 80 for left, right in ahead)
    assert min(seen) > 0.5 * apart
