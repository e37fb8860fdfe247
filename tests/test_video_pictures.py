"""Pictures of a person's footage: which frames are chosen, what is written, and what the report says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import made_landmarks
from made import MadeClip, foreign_files, prepare_recorded, write_dataset

from obamanet.cli.app import obamanet_app
from obamanet.cli.boundary import call
from obamanet.errors import DatasetError, OptionError, OutputError
from obamanet.networks.config import GeneratorConfig
from obamanet.pix2pix import train_folder as train_folder_module
from obamanet.pix2pix.frame_choice import FrameOptions, Spread, choose_frames, covering_radius, face_features
from obamanet.pix2pix.pairs import FolderPairs
from obamanet.pix2pix.pictures import list_pictures
from obamanet.pix2pix.train_folder import train_folder
from obamanet.pix2pix.video_pictures import make_pictures
from obamanet.render.crop import to_square
from obamanet.render.sketch import draw_face
from obamanet.sources import read_sources
from obamanet.training.data.dataset import load_dataset
from obamanet.training.renderer.pix2pix_training import TrainOptions

SIZE = 64


def still_face(count: int) -> np.ndarray:
    """Return a face that rests, but for one stretch of 12 frames in which it talks and turns: (count, 68, 2)."""
    landmarks = np.repeat(made_landmarks(1), count, axis=0)
    # A tremble, as real landmarks have.
    landmarks += np.random.default_rng(0).normal(0, 0.05, landmarks.shape).astype(np.float32)
    landmarks[count // 2 : count // 2 + 12] = made_landmarks(40)[5:17]
    for step in range(12):
        landmarks[count // 2 + step, 27:36, 0] += 0.4 * (step - 6)
    return landmarks


def write_frames(folder: Path, count: int) -> None:
    """Write ``count`` square frames, each with its number in its colour, into every clip of the dataset."""
    for clip in (folder / "clips").iterdir():
        (clip / "frames").mkdir()
        for index in range(count):
            frame = np.full((SIZE, SIZE, 3), (5 * index) % 256, np.uint8)
            assert cv2.imwrite(str(clip / "frames" / f"{index:05d}.jpg"), frame)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Return a prepared dataset of one clip of 30 frames, of which 4 to 6 have no face and 20 has one cut off."""
    landmarks, segment = made_landmarks(30), np.zeros(30, np.int32)
    landmarks[4:7], segment[4:7], segment[7:] = np.nan, -1, 1
    landmarks[20, :, 0] += 40
    write_dataset(tmp_path / "me", [MadeClip("me", landmarks, segment=segment)])
    index = json.loads((tmp_path / "me" / "dataset.json").read_text())
    index["rejects"] = [
        {"source": "/videos/cat.mp4", "reason": "no face in any of 75 frames", "first": None, "last": None},
        {"source": "/me-00000000.mp4", "reason": "no face found", "first": 4, "last": 6},
    ]
    (tmp_path / "me" / "dataset.json").write_text(json.dumps(index))
    write_frames(tmp_path / "me", 30)
    return tmp_path / "me"


# Choosing


def test_features_know_opening_turn_nod_and_gaze_whatever_the_heads_place_size_and_tilt() -> None:
    face = np.concatenate([made_landmarks(1)[0], np.zeros((10, 2), np.float32)])
    face[68:73], face[73:78] = face[36:42].mean(axis=0), face[42:48].mean(axis=0)
    faces = np.repeat(face[None], 6, axis=0).astype(np.float64)
    faces[1, [67, 66, 65], 1] += 2  # the lower lip falls
    faces[2, 30, 0] += 3  # the nose goes right
    faces[3, 30, 1] += 3  # and down
    faces[4, 68:, 0] += 1  # the eyes look right
    faces[5, 68:, 1] += 1  # and down
    features = face_features(faces)
    assert features.names == ("mouth opening", "head turn", "head nod", "gaze across", "gaze down")
    changed = features.values[1:] - features.values[0]
    np.testing.assert_allclose(changed - np.diag(np.diag(changed)), 0, atol=1e-9)
    assert (np.diag(changed) > 0.02).all()

    assert np.diag(changed)[3] == pytest.approx(1 / (face[39, 0] - face[36, 0]))  # in eye widths
    turn = np.array([[np.cos(0.3), np.sin(0.3)], [-np.sin(0.3), np.cos(0.3)]])
    np.testing.assert_allclose(face_features(2.5 * faces @ turn + 7).values, features.values, atol=1e-9)
    assert face_features(faces[:, :68]).names == features.names[:3]


def test_covering_reaches_what_even_spreading_misses_on_a_face_that_is_mostly_still() -> None:
    features = face_features(still_face(600)).scaled
    numbers = np.arange(600)
    even = choose_frames(features, numbers, FrameOptions(count=20))
    cover = choose_frames(features, numbers, FrameOptions(count=20, spread=Spread.COVER))
    assert len(even) == len(set(cover.tolist())) == 20
    assert covering_radius(features, cover) < 0.5 * covering_radius(features, even)
    moving = range(300, 312)
    assert sum(index in moving for index in cover) > 5 * max(1, sum(index in moving for index in even))


def test_a_seed_makes_covering_repeatable() -> None:
    features, numbers = face_features(made_landmarks(200)).scaled, np.arange(200)
    chosen = [
        choose_frames(features, numbers, FrameOptions(count=9, spread=Spread.COVER, seed=seed)).tolist()
        for seed in (1, 1, 2)
    ]
    assert chosen[0] == chosen[1] != chosen[2]
    assert chosen[0] == sorted(chosen[0])


def test_frames_that_are_all_alike_are_chosen_once_each() -> None:
    chosen = choose_frames(np.zeros((10, 3)), np.arange(10), FrameOptions(count=6, spread=Spread.COVER))
    assert len(set(chosen.tolist())) == 6


def test_even_spreading_reaches_both_ends_and_every_nth_frame_counts_in_its_clip() -> None:
    assert choose_frames(np.zeros((11, 3)), np.arange(11), FrameOptions(count=3)).tolist() == [0, 5, 10]
    assert choose_frames(np.zeros((4, 3)), np.arange(4), FrameOptions(count=400)).tolist() == [0, 1, 2, 3]
    numbers = np.array([0, 1, 2, 4, 5, 6, 0, 1, 2, 3])
    assert choose_frames(np.zeros((10, 3)), numbers, FrameOptions(every=3)).tolist() == [0, 5, 6, 9]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"every": 0}, "every must be at least 1: got 0"),
        ({"count": 0}, "count must be at least 1: got 0"),
        ({"every": 5, "count": 400}, "give --every, or --count and --spread"),
        ({"every": 5, "spread": Spread.COVER}, "give --every, or --count and --spread"),
    ],
)
def test_options_that_choose_nothing_or_twice_are_refused(wrong: dict[str, int], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        FrameOptions(**wrong)  # type: ignore[arg-type]


# Writing


def test_photos_and_sketches_have_the_same_names_and_show_the_same_frame(dataset: Path, tmp_path: Path) -> None:
    report = make_pictures([dataset], tmp_path / "out", FrameOptions(every=5))
    photos, sketches, pairs = (list_pictures(tmp_path / "out" / name) for name in ("photos", "sketches", "pairs"))
    # 5 has no face and 20 is cut off.
    assert [path.name for path in photos] == [f"me-{number:05d}.png" for number in (0, 10, 15, 25)]
    assert [path.name for path in sketches] == [path.name for path in pairs] == [path.name for path in photos]
    assert (report.pictures, report.usable) == (4, 26)
    [clip] = load_dataset(dataset).clips
    for photo, sketch in zip(photos, sketches, strict=True):
        number = int(photo.stem[-5:])
        assert abs(cv2.imread(str(photo)).mean() - 5 * number) < 2  # JPEG's loss
        expected = draw_face(to_square(clip.landmarks[number], clip.box, SIZE), SIZE)
        np.testing.assert_array_equal(cv2.imread(str(sketch)), expected)
    pair = FolderPairs(pairs, SIZE).pair(1, None)  # as `pix2pix train` takes them where nothing else is said
    np.testing.assert_array_equal(pair.condition, cv2.imread(str(sketches[1])))
    np.testing.assert_array_equal(pair.target, cv2.imread(str(photos[1])))


def test_rejects_are_listed_with_their_reason_in_card_and_report(dataset: Path, tmp_path: Path) -> None:
    report = make_pictures([dataset], tmp_path / "out", FrameOptions(count=5), pairs=False)
    assert not (tmp_path / "out" / "pairs").exists()
    found = [(Path(one.source).name, one.frames, one.reason) for one in report.rejects]
    assert found == [
        ("cat.mp4", "all", "no face in any of 75 frames"),
        ("me-00000000.mp4", "4-6", "no face found"),
        ("me-00000000.mp4", "20", "the face reaches beyond the square"),
    ]
    card = json.loads((tmp_path / "out" / "pictures.json").read_text())
    assert len(card["rejects"]) == 3
    assert [frame["frame"] for frame in card["frames"]] == [
        int(p.stem[-5:]) for p in list_pictures(report.folder / "photos")
    ]
    html = report.page.read_text("utf-8")
    assert all(cell in html for cells in found for cell in cells)
    assert "<b>5</b> of 26 usable frames" in html
    assert "4 frames cannot be used" in html
    assert 'src="http' not in html and html.count('src="data:image/') == 6  # the plot and five pictures


def test_forgetting_knows_every_file(dataset: Path, tmp_path: Path) -> None:
    make_pictures([dataset], tmp_path / "out", FrameOptions(count=5))
    assert foreign_files(tmp_path / "out") == []


def test_a_run_on_the_pictures_names_the_footage(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_notes_alone(*_: Any, write_notes: Any, **__: Any) -> None:
        (tmp_path / "run").mkdir()
        write_notes()

    make_pictures([dataset], tmp_path / "out", FrameOptions(count=5))
    monkeypatch.setattr(train_folder_module, "train_pix2pix", write_notes_alone)
    train_folder(tmp_path / "out" / "pairs", tmp_path / "run", GeneratorConfig(image_size=32), TrainOptions())
    assert read_sources(tmp_path / "run").videos == {clip.sha256 for clip in load_dataset(dataset).clips}


def test_what_is_there_stays_and_a_dataset_keeps_its_size(dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="holds something else"):
        make_pictures([dataset], tmp_path / "out", FrameOptions(count=5))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]
    with pytest.raises(OptionError, match="image size 128 cannot be had of a dataset of 64 px"):
        make_pictures([dataset], tmp_path / "new", image_size=128)
    landmarks = made_landmarks(30)
    landmarks[0] += 100
    write_dataset(tmp_path / "late", [MadeClip("late", landmarks)])
    with pytest.raises(DatasetError, match="no usable frame has a number that 100 divides"):
        make_pictures([tmp_path / "late"], tmp_path / "new", FrameOptions(every=100))
    assert not (tmp_path / "new").exists()


def test_the_command_prints_the_page(dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["pix2pix", "from-video", str(dataset), "--out", str(tmp_path / "out"), "--spread", "cover"]
    assert call(obamanet_app(), [*arguments, "--count", "7"], "obamanet") == 0
    shown = capsys.readouterr()
    assert shown.out.strip() == str(tmp_path / "out" / "report.html")
    assert "7 frames chosen of 26" in shown.err


def test_a_recorded_video_becomes_unstretched_squares(grid_s1: Path, common_folder: Path, tmp_path: Path) -> None:
    prepared = prepare_recorded(grid_s1, common_folder)
    videos = [common_folder / "bbaf2n.mpg"]
    report = make_pictures(videos, tmp_path / "out", FrameOptions(every=10), image_size=64, workers=1)
    photos = list_pictures(report.folder / "photos")
    assert [path.name for path in photos] == [f"bbaf2n-{number:05d}.png" for number in (0, 10, 20, 30)]
    [clip] = [clip for clip in load_dataset(prepared).clips if clip.name == "bbaf2n"]
    for path in photos:
        np.testing.assert_array_equal(cv2.imread(str(path)), cv2.imread(str(clip.frame_path(int(path.stem[-5:])))))
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
