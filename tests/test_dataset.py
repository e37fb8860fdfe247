"""A prepared dataset: what is read, what is refused, and a split that shares no sound between its sides."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from conftest import made_landmarks
from made import FPS, MadeClip, write_dataset

from obamanet.audio.stack import AFTER, BEFORE
from obamanet.constants import DATASET_SCHEMA, FEATURE_RATE, FEATURE_WINDOW
from obamanet.errors import DatasetError, OptionError
from obamanet.hearing.listener import STRIDE, encoder_card
from obamanet.training.dataset import Piece, load_dataset, split_dataset
from obamanet.training.keypoints import KeypointOptions


def clip(name: str, seconds: float = 2.0, segment: Sequence[int] | None = None) -> MadeClip:
    landmarks = made_landmarks(round(seconds * FPS))
    return MadeClip(name, landmarks, segment=None if segment is None else np.array(segment, np.int32))


@pytest.fixture
def ten(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "ten", [clip(f"c{n}") for n in range(10)])


class TestLoad:
    def test_what_was_written_is_read(self, ten: Path) -> None:
        dataset = load_dataset(ten)
        assert (dataset.fps, dataset.image_size, len(dataset.clips)) == (25, 64, 10)
        first = dataset.clips[0]
        assert (first.name, first.frame_size, first.box.side) == ("c0", (64, 64), 64)
        assert first.sound is None
        assert first.frame_path(7) == ten / "clips" / "c0-00000000" / "frames" / "00007.jpg"
        np.testing.assert_array_equal(first.landmarks, made_landmarks(50))

    def test_a_folder_that_is_none(self, tmp_path: Path) -> None:
        with pytest.raises(DatasetError, match="obamanet prepare"):
            load_dataset(tmp_path)

    @pytest.mark.parametrize("schema", [DATASET_SCHEMA + 1, None, "1"])
    def test_another_schema(self, ten: Path, schema: object) -> None:
        self.change(ten, schema=schema)
        with pytest.raises(DatasetError, match="schema"):
            load_dataset(ten)

    @pytest.mark.parametrize(("key", "value"), [("fps", "fast"), ("clips", None), ("image_size", [])])
    def test_a_damaged_index(self, ten: Path, key: str, value: object) -> None:
        self.change(ten, **{key: value})
        with pytest.raises(DatasetError, match=r"damaged: .*dataset\.json"):
            load_dataset(ten)

    def test_no_clips(self, ten: Path) -> None:
        self.change(ten, clips=[])
        with pytest.raises(DatasetError, match="no clips"):
            load_dataset(ten)

    @pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04", b"junk"])
    @pytest.mark.parametrize("name", ["track.npz", "clip.json"])
    def test_a_damaged_clip_is_named(self, ten: Path, name: str, content: bytes | None) -> None:
        path = ten / "clips" / "c3-00000003" / name
        path.unlink() if content is None else path.write_bytes(content)
        with pytest.raises(DatasetError, match="c3-00000003"):
            load_dataset(ten)

    def change(self, folder: Path, **values: object) -> None:
        index = json.loads((folder / "dataset.json").read_text())
        (folder / "dataset.json").write_text(json.dumps({**index, **values}))


class TestNamedSplit:
    def write(self, folder: Path, train: object, val: object) -> Path:
        path = folder / "split.json"
        path.write_text(json.dumps({"train": train, "val": val, "test": ["c9"]}))
        return path

    def names(self, pieces: Sequence[Piece]) -> list[str]:
        return [piece.clip.folder.name for piece in pieces]

    def test_the_named_clips_and_no_others(self, ten: Path) -> None:
        split = split_dataset(load_dataset(ten), split_file=self.write(ten, ["c1", "c2"], ["c5"]))
        assert self.names(split.train) == ["c1-00000001", "c2-00000002"]
        assert self.names(split.val) == ["c5-00000005"]

    def test_two_videos_of_one_name(self, tmp_path: Path) -> None:
        folder = write_dataset(tmp_path / "d", [clip("x"), clip("x"), clip("y")])
        dataset = load_dataset(folder)
        with pytest.raises(DatasetError, match=r"2 clips are named 'x'.*x-00000000, x-00000001"):
            split_dataset(dataset, split_file=self.write(folder, ["x"], ["y"]))
        split = split_dataset(dataset, split_file=self.write(folder, ["x-00000001"], ["y"]))
        assert self.names(split.train) == ["x-00000001"]

    @pytest.mark.parametrize("val", [["c1"], ["c1-00000001"]])
    def test_a_clip_on_both_sides(self, ten: Path, val: list[str]) -> None:
        with pytest.raises(DatasetError, match="c1-00000001 is named for training and for validation"):
            split_dataset(load_dataset(ten), split_file=self.write(ten, ["c1", "c2"], val))

    def test_names_that_are_not_there(self, ten: Path) -> None:
        names = [f"z{number}" for number in range(9)]
        with pytest.raises(DatasetError) as caught:
            split_dataset(load_dataset(ten), split_file=self.write(ten, names, ["c1"]))
        assert "'train' names no clip of the dataset: it has z0, z1, z2, z3, z4, ... (9 names)" in str(caught.value)
        assert f"{ten} has c0, c1, c2, c3, c4, ... (10 names)" in str(caught.value)

    @pytest.mark.parametrize("content", ["", "[]", '{"train": ["c1"]}', '{"train": 3, "val": 4}'])
    def test_a_file_that_is_no_split(self, ten: Path, content: str) -> None:
        (ten / "split.json").write_text(content)
        with pytest.raises(DatasetError, match=r"not a split file: .*split\.json"):
            split_dataset(load_dataset(ten), split_file=ten / "split.json")


class TestDrawnSplit:
    def test_a_share_validates_and_the_seed_decides(self, ten: Path) -> None:
        dataset = load_dataset(ten)
        split = split_dataset(dataset, val_share=0.3, seed=5)
        assert (len(split.train), len(split.val)) == (7, 3)
        assert {p.clip.name for p in split.train}.isdisjoint(p.clip.name for p in split.val)
        assert split_dataset(dataset, val_share=0.3, seed=5) == split
        assert any(split_dataset(dataset, val_share=0.3, seed=seed).val != split.val for seed in range(6, 10))

    @pytest.mark.parametrize("share", [0, 1, -0.1, 7])
    def test_shares_that_leave_a_side_empty(self, ten: Path, share: float) -> None:
        with pytest.raises(OptionError, match="validation share"):
            split_dataset(load_dataset(ten), val_share=share)

    def test_one_piece_cannot_be_split(self, tmp_path: Path) -> None:
        with pytest.raises(DatasetError, match="1 piece of footage"):
            split_dataset(load_dataset(write_dataset(tmp_path / "d", [clip("x")])))

    def test_less_than_a_second_between_two_cuts_is_left_out(self, tmp_path: Path) -> None:
        segment = [0] * 40 + [-1] * 20 + [1] * 20 + [-1] * 20 + [2] * 40
        dataset = load_dataset(write_dataset(tmp_path / "d", [clip("x", 5.6, segment)]))
        split = split_dataset(dataset, val_share=0.5)
        assert sorted((p.start, p.stop) for p in split.train + split.val) == [(0, 40), (100, 140)]


def heard(piece: Piece, fps: Fraction, lookahead: float) -> tuple[Fraction, Fraction]:
    """Return from when to when, in seconds, the predictor hears sound for the frames of ``piece``."""
    before, after = (steps * STRIDE / FEATURE_RATE for steps in encoder_card().config.reach)
    start = piece.start / fps - BEFORE - before
    last = (piece.stop - 1 + round(lookahead * fps)) / fps
    return start, last + AFTER + after + FEATURE_WINDOW


@pytest.mark.parametrize(
    "segment",
    [[0] * 2000, [0] * 500 + [1] * 600 + [2] * 900, [0] * 130 + [-1] * 5 + [1] * 200 + [2] * 700],
    ids=["one take", "cuts", "a short gap"],
)
@pytest.mark.parametrize("rate", ["25", "30000/1001"])
def test_no_window_of_sound_is_heard_on_both_sides(tmp_path: Path, segment: list[int], rate: str) -> None:
    fps = Fraction(rate)
    dataset = load_dataset(write_dataset(tmp_path / "d", [clip("x", len(segment) / 25, segment)], fps))
    for seed in range(5):
        split = split_dataset(dataset, val_share=0.4, seed=seed)
        for one in split.train:
            for other in split.val:
                (a, b), (c, d) = (heard(piece, fps, KeypointOptions().lookahead) for piece in (one, other))
                assert b <= c or d <= a, f"{one.start}-{one.stop} and {other.start}-{other.stop}"
        shown = np.concatenate([np.arange(p.start, p.stop) for p in split.train + split.val])
        assert len(shown) == len(set(shown)) > 0.8 * len(segment)


def test_pieces_stay_within_their_segment(tmp_path: Path) -> None:
    segment = np.array([0] * 700 + [-1] * 30 + [1] * 400, np.int32)
    dataset = load_dataset(write_dataset(tmp_path / "d", [clip("x", len(segment) / 25, segment)]))
    split = split_dataset(dataset, val_share=0.4)
    for piece in split.train + split.val:
        assert len(set(segment[piece.start : piece.stop])) == 1
        assert 25 <= piece.stop - piece.start <= 500
