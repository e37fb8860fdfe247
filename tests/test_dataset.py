"""A prepared dataset: what is read, what is refused, and a split that shares no sound between its sides."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from conftest import made_landmarks
from made import FPS, UNREADABLE_JSON, MadeClip, Notes, with_irises, write_dataset

from obamanet.audio.stack import CONTEXT_AFTER, CONTEXT_BEFORE
from obamanet.constants import DATASET_SCHEMA, FEATURE_RATE, FEATURE_WINDOW
from obamanet.errors import DatasetError, OptionError
from obamanet.networks.config import GeneratorConfig
from obamanet.speech.feature_extractor import STRIDE, encoder_card
from obamanet.training.data.dataset import Piece, load_dataset, split_dataset
from obamanet.training.renderer import renderer_training
from obamanet.training.speech.keypoint_training import KeypointOptions
from obamanet.types import RenderMode


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

    def test_irises_are_used_where_all_clips_have_them(self, tmp_path: Path) -> None:
        old, new = made_landmarks(50), with_irises(made_landmarks(50))
        alike = load_dataset(write_dataset(tmp_path / "new", [MadeClip(name, new) for name in "ab"]))
        assert alike.landmark_count == 78
        np.testing.assert_array_equal(alike.clips[1].landmarks, new)
        mixed = load_dataset(write_dataset(tmp_path / "mixed", [MadeClip("a", old), MadeClip("b", new)]))
        assert mixed.landmark_count == 68
        np.testing.assert_array_equal(mixed.clips[1].raw, old)

    @pytest.mark.parametrize(
        ("irises", "mode", "told"),
        [(False, RenderMode.WHOLE_FACE, 1), (True, RenderMode.WHOLE_FACE, 0), (False, RenderMode.INPAINT, 0)],
    )
    def test_a_renderer_s_training_says_that_irises_are_missing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, irises: bool, mode: RenderMode, told: int
    ) -> None:
        monkeypatch.setattr(renderer_training, "train_pix2pix", lambda *_, **__: None)
        landmarks = with_irises(made_landmarks(50)) if irises else made_landmarks(50)
        dataset = load_dataset(write_dataset(tmp_path / "d", [MadeClip(name, landmarks) for name in "ab"]))
        config, notes = GeneratorConfig(image_size=64, width=4), Notes()
        split, options = split_dataset(dataset, val_share=0.5), renderer_training.RENDERER_OPTIONS
        renderer_training.train_renderer(dataset, split, tmp_path / "r", mode, config, options, progress=notes)
        assert len(notes.told) == told
        assert all("clips without irises" in note and "obamanet prepare" in note for note in notes.told)

    def test_a_folder_that_is_none(self, tmp_path: Path) -> None:
        with pytest.raises(DatasetError, match="obamanet prepare"):
            load_dataset(tmp_path)

    @pytest.mark.parametrize("schema", [DATASET_SCHEMA + 1, None, "1"])
    def test_another_schema(self, ten: Path, schema: object) -> None:
        self.change(ten, schema=schema)
        with pytest.raises(DatasetError, match="schema"):
            load_dataset(ten)

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("fps", "fast"),
            ("fps", "0"),
            ("fps", "1e99999999"),
            ("clips", None),
            ("clips", [3]),
            ("clips", ["../../elsewhere"]),
            ("image_size", []),
            ("image_size", 2**40),
            ("image_size", -64),
            ("rejects", [3]),
        ],
    )
    def test_a_damaged_index(self, ten: Path, key: str, value: object) -> None:
        self.change(ten, **{key: value})
        with pytest.raises(DatasetError, match=r"damaged: .*dataset\.json"):
            load_dataset(ten)

    @pytest.mark.parametrize("content", UNREADABLE_JSON)
    @pytest.mark.parametrize("name", ["dataset.json", "clips/c3-00000003/clip.json"])
    def test_json_that_cannot_be_used(self, ten: Path, name: str, content: str) -> None:
        (ten / name).write_text(UNREADABLE_JSON[content])
        with pytest.raises(DatasetError, match=r"dataset\.json|c3-00000003") as caught:
            load_dataset(ten)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 400

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("segment", np.zeros(0, np.int32)),
            ("segment", np.full(50, -1, np.int32)),
            ("segment", np.zeros(50)),
            ("landmarks", np.zeros((49, 68, 2), np.float32)),
            ("landmarks", np.full((50, 68, 2), np.nan, np.float32)),
            ("raw", np.zeros(3)),
            ("box", np.array([0.0, 0.0, np.nan])),
            ("box", np.zeros(2)),
            ("frame_size", np.array([0, 64])),
        ],
    )
    def test_arrays_that_do_not_fit(self, ten: Path, name: str, value: np.ndarray) -> None:
        path = ten / "clips" / "c3-00000003" / "track.npz"
        with np.load(path) as arrays:
            changed = {**arrays, name: value}
        np.savez(path, **changed)
        with pytest.raises(DatasetError, match=r"prepared clip is damaged: .*c3-00000003"):
            load_dataset(ten)

    def test_a_changed_byte_in_packed_arrays(self, ten: Path) -> None:
        path = ten / "clips" / "c3-00000003" / "track.npz"
        with np.load(path) as arrays:
            kept = dict(arrays)
        np.savez_compressed(path, **kept)
        content = bytearray(path.read_bytes())
        content[len(content) // 3 : len(content) // 3 + 20] = bytes(20)
        path.write_bytes(content)
        with pytest.raises(DatasetError, match=r"it is damaged or no \.npz file"):
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
        dataset = load_dataset(ten)
        with pytest.raises(DatasetError, match=r"split\.json: no clip in .*ten is named 'c22'; perhaps 'c2' is meant"):
            split_dataset(dataset, split_file=self.write(ten, ["c3", "c22"], ["c1"]))
        with pytest.raises(DatasetError, match=r"named 'a0', 'a1', 'a2', 'a3', 'a4' and 2 more$"):
            split_dataset(dataset, split_file=self.write(ten, ["c3", *(f"a{n}" for n in range(7))], ["c1"]))

    def test_a_video_that_was_left_out_may_be_named(self, ten: Path) -> None:
        index = json.loads((ten / "dataset.json").read_text())
        gone = {"source": "/videos/dark.mp4", "reason": "no face", "first": None, "last": None}
        partly = {"source": "/videos/c33.mp4", "reason": "no face found", "first": 0, "last": 4}
        (ten / "dataset.json").write_text(json.dumps({**index, "rejects": [gone, partly]}))
        split = split_dataset(load_dataset(ten), split_file=self.write(ten, ["dark", "c2"], ["c1"]))
        assert self.names(split.train) == ["c2-00000002"]
        with pytest.raises(DatasetError, match="is named 'c33'"):
            split_dataset(load_dataset(ten), split_file=self.write(ten, ["c33", "c2"], ["c1"]))

    @pytest.mark.parametrize(
        "content",
        ["", "[]", '{"train": ["c1"]}', '{"train": 3, "val": 4}', '{"train": "c1", "val": "c2"}'],
    )
    def test_a_file_that_is_no_split(self, ten: Path, content: str) -> None:
        (ten / "split.json").write_text(content)
        with pytest.raises(DatasetError, match=r"not a split file: .*split\.json"):
            split_dataset(load_dataset(ten), split_file=ten / "split.json")

    @pytest.mark.parametrize("content", UNREADABLE_JSON)
    def test_json_that_cannot_be_used(self, ten: Path, content: str) -> None:
        (ten / "split.json").write_text(UNREADABLE_JSON[content])
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
    start = piece.start / fps - CONTEXT_BEFORE - before
    last = (piece.stop - 1 + round(lookahead * fps)) / fps
    return start, last + CONTEXT_AFTER + after + FEATURE_WINDOW


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
