"""Our own SyncNet: what its streams see, that it learns, and what the shipped one says of real sentences."""

from __future__ import annotations

import configparser
import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from conftest import ROOT, Recorded, made_landmarks, recorded
from made import MadeClip, babble, foreign_files, write_dataset
from typer.testing import CliRunner

from obamanet import bundle
from obamanet.audio.features import FeatureOptions, extract_features
from obamanet.audio.load import load_sound
from obamanet.bundle import write_network
from obamanet.constants import MOUTH, SAMPLE_RATE
from obamanet.errors import DatasetError, EngineError, EvaluationError, OptionError, OutputError
from obamanet.evaluation.judges import own_syncnet
from obamanet.evaluation.judges.own_syncnet import OwnSyncNet
from obamanet.networks.config import LOST_FRAMES, SyncNetConfig
from obamanet.networks.syncnet import build_syncnet
from obamanet.progress import Progress
from obamanet.timing import frame_times
from obamanet.training.data.dataset import Dataset, load_dataset, split_dataset
from obamanet.training.judges.judge_card import SCHEMA, SYNCNET
from obamanet.training.judges.syncnet_training import (
    MIRRORED_MOUTH,
    SampleSource,
    SyncNetOptions,
    lag_distances,
    load_samples,
    mouth_values,
    sound_values,
    train_syncnet,
)
from obamanet.training.loop.runner import Limits
from obamanet.types import FeatureSequence

SENTENCES = ("bwig3a", "lbak2p", "sbat9a")
"""Three of the validation sentences."""

FRAME = SAMPLE_RATE // 25

SECOND = 25

JUDGES = ROOT / "obamanet" / "evaluation" / "judges" / "weights"

TINY = SyncNetOptions(
    steps=60, batch_size=8, learning_rate=5e-3, width=16, size=16, frames=60, dropout=0.0, ema_decay=0.9, epoch_steps=30
)


def features_of(samples: np.ndarray) -> FeatureSequence:
    return extract_features([samples], FeatureOptions())


def times_of(mouth: np.ndarray) -> np.ndarray:
    return frame_times(len(mouth), Fraction(25))


class TestNetwork:
    def test_each_embedding_looks_at_its_own_thirteen_frames(self) -> None:
        # Other weights could leave a frame unseen by chance.
        keras.utils.set_random_seed(1)
        network = build_syncnet(SyncNetConfig(width=8, size=8))
        random = np.random.default_rng(1)
        mouth = random.normal(size=(1, 20, 40)).astype(np.float32)
        sound = random.normal(size=(1, 80, 26)).astype(np.float32)
        before = [np.asarray(values) for values in network([mouth, sound])]
        assert [values.shape for values in before] == [(1, 8, 8), (1, 8, 8)]
        for values in before:
            np.testing.assert_allclose(np.linalg.norm(values, axis=-1), 1.0, atol=1e-5)
        for frame in range(20):
            other_mouth, other_sound = mouth.copy(), sound.copy()
            other_mouth[:, frame] += 5
            other_sound[:, 4 * frame : 4 * frame + 4] += 5
            after = [np.asarray(values) for values in network([other_mouth, other_sound])]
            may_see = [n for n in range(8) if n <= frame <= n + LOST_FRAMES]
            for old, new in zip(before, after, strict=True):
                sees = np.flatnonzero(np.abs(new - old).max(axis=-1)[0] > 1e-6)
                assert set(sees) <= set(may_see), frame
                assert len(sees) >= len(may_see) - 2, frame

    def test_sizes_are_checked(self) -> None:
        with pytest.raises(OptionError, match="got width 4 "):
            SyncNetConfig(width=4)


class TestStreams:
    def test_where_a_face_lies_is_not_seen_but_its_movement_is(self) -> None:
        mouth = np.random.default_rng(1).normal(0, 0.02, (80, 20, 2))
        np.testing.assert_allclose(mouth_values(mouth + 3.0), mouth_values(mouth), atol=1e-4)
        np.testing.assert_allclose(mouth_values(2 * mouth), 2 * mouth_values(mouth), atol=1e-4)
        assert mouth_values(mouth).shape == (80, 40)

    def test_a_head_that_turns_slowly_is_taken_off(self) -> None:
        drift = np.linspace(0, 1, 1000)[:, None, None] * np.ones((20, 2))
        assert np.abs(mouth_values(drift)[100:-100]).max() < 1e-3

    def test_missing_sound_is_silence(self) -> None:
        heard = sound_values(features_of(babble(1.0)), 40)
        assert heard.shape == (160, 26)
        assert (heard[110:] == -3).all() and (heard[:90] > -3).any()

    def test_a_mirrored_mouth_is_a_mouth(self) -> None:
        mouth = made_landmarks(1)[0, MOUTH] - (32, 0)
        np.testing.assert_allclose(mouth[MIRRORED_MOUTH] * (-1, 1), mouth, atol=2.0)
        np.testing.assert_array_equal(MIRRORED_MOUTH[MIRRORED_MOUTH], np.arange(20))

    def test_a_planted_lag_has_no_distance(self) -> None:
        sound = np.random.default_rng(1).normal(size=(60, 8))
        distances = lag_distances(sound[5:50], sound, range(-10, 11))
        assert int(np.argmin(distances)) == 15
        assert distances[15] == pytest.approx(0.0, abs=1e-12)
        assert np.isnan(lag_distances(sound[:5], sound, [-5])[0])


def talking_clip(name: str, seed: int) -> MadeClip:
    """Return 4 s whose lower lip falls with the sound's loudness."""
    samples = babble(4.0, seed)
    power = np.convolve(samples.astype(np.float64) ** 2, np.ones(FRAME) / FRAME, "same")
    opening = np.sqrt(power[FRAME // 2 :: FRAME]) / 0.2
    face = np.repeat(made_landmarks(1, 64), len(opening), axis=0)
    face[:, [*range(55, 60), *range(65, 68)], 1] += 6 * opening[:, None]
    return MadeClip(name, face, samples)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    clips = [talking_clip(f"c{n}", n) for n in range(24)]
    return load_dataset(write_dataset(tmp_path_factory.mktemp("sync") / "dataset", clips))


class TestTraining:
    def test_a_shift_of_made_mouths_is_found(self, dataset: Dataset, tmp_path: Path) -> None:
        split = split_dataset(dataset, val_share=0.2)
        report = train_syncnet(dataset, split, tmp_path, TINY, licence="CC0-1.0", attribution="a test")
        assert (report.step, report.steps) == (60, 60)
        card = json.loads((tmp_path / SYNCNET.card).read_text())
        assert (card["licence"], card["attribution"], card["data"]["split"]) == ("CC0-1.0", "a test", split.digest)
        assert card["validation"]["told_apart"] > 0.9
        judge = OwnSyncNet(tmp_path)
        for piece in split.val:
            assert piece.clip.sound is not None
            samples = load_sound(piece.clip.sound).samples
            for shift in (-7, 0, 4):
                mouth = piece.clip.landmarks[10:-10, MOUTH] / 20
                cut = samples[(10 - shift) * FRAME : (len(piece.clip.landmarks) - 10 - shift) * FRAME]
                assert judge.offset(mouth, times_of(mouth), features_of(cut)).offset / 40 == pytest.approx(shift, abs=1)
        for name in ("last.weights.h5", "state.npz", "log.jsonl", "curves.png", "samples/step_0000060.png"):
            assert (tmp_path / name).stat().st_size > 0
        assert foreign_files(tmp_path) == []

    @pytest.mark.usefixtures("eager")
    def test_a_stopped_run_ends_like_one_that_was_not(
        self, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("obamanet.training.judges.train_judge.write_network", lambda *_: None)
        split = split_dataset(dataset, val_share=0.2)
        options = replace(TINY, steps=4, epoch_steps=2, batch_size=2, width=8, dropout=0.3)
        train_syncnet(dataset, split, tmp_path / "whole", options)
        for steps in (1, None):
            train_syncnet(dataset, split, tmp_path / "parts", options, limits=Limits(steps=steps))
        with np.load(tmp_path / "whole" / "state.npz") as whole, np.load(tmp_path / "parts" / "state.npz") as parts:
            names = [name for name in whole.files if name.startswith("v")]
            assert all(np.array_equal(whole[name], parts[name]) for name in names)
        with pytest.raises(OptionError, match="steps 4 -> 5"):
            train_syncnet(dataset, split, tmp_path / "whole", replace(options, steps=5))

    def test_both_streams_of_an_example_run_at_one_pace(self, dataset: Dataset) -> None:
        plain = replace(
            TINY, amplitude=0.0, jitter=0.0, placement=0.0, noise=0.0, colour=0.0, masking=0.0, mirrored=0.0, speed=0.2
        )
        talks = load_samples(split_dataset(dataset, val_share=0.2).val, dataset, 60, Progress())
        mouths, sounds = SampleSource(talks, plain).batch(0)
        assert mouths.shape == (8, 60, 40) and sounds.shape == (8, 240, 26)
        lags = range(-6, 7)
        for mouth, sound in zip(mouths, sounds, strict=True):
            lip, loud = mouth[:, 2 * 9 + 1], sound.mean(axis=1).reshape(60, 4).mean(axis=1)
            scores = [np.corrcoef(lip[10:50], loud[10 + lag : 50 + lag])[0, 1] for lag in lags]
            assert abs(lags[int(np.argmax(scores))]) <= 1

    @pytest.mark.usefixtures("eager")
    def test_one_command_trains_it(self, dataset: Dataset, tmp_path: Path) -> None:
        from obamanet.cli.app import obamanet_app

        runner, run = CliRunner(), tmp_path / "run"
        names = [clip.name for clip in dataset.clips]
        split = tmp_path / "split.json"
        split.write_text(json.dumps({"train": names[:-4], "val": names[-4:]}))
        words = ["train", "syncnet", str(dataset.folder), "--split", str(split), "--out", str(run), "--steps", "2"]
        for limit in (["--max-steps", "1"], []):
            answer = runner.invoke(obamanet_app(), [*words, "--licence", "CC0-1.0", *limit])
            assert answer.exit_code == 0, answer.output
            assert str(run) in answer.stdout
        assert json.loads((run / SYNCNET.card).read_text())["licence"] == "CC0-1.0"
        assert (run / SYNCNET.weights).is_file()

    def test_what_cannot_be_learned_from_says_why(self, dataset: Dataset, tmp_path: Path) -> None:
        split = split_dataset(dataset, val_share=0.2)
        with pytest.raises(DatasetError, match=r"no piece with sound and 5\.6 s"):
            train_syncnet(dataset, split, tmp_path, replace(TINY, frames=140))
        with pytest.raises(OptionError, match="an example is too short: got 20 frames"):
            replace(TINY, frames=20)


Sentences = list[tuple[np.ndarray, np.ndarray]]


@pytest.fixture(scope="module")
def judge() -> OwnSyncNet:
    return OwnSyncNet()


@pytest.fixture(scope="module")
def sentences(grid_s1: Path, track_cache: Path) -> Sentences:
    """Return canonical mouth and sound of each validation sentence."""
    found = [recorded(grid_s1 / "video" / f"{name}.mpg", track_cache) for name in SENTENCES]
    return [(one.mouth, one.sound) for one in found]


def shipped_card() -> dict[str, Any]:
    card: dict[str, Any] = json.loads((JUDGES / SYNCNET.card).read_text())
    return card


class TestShippedJudge:
    def test_it_is_small_installed_and_says_what_it_was_learned_from(self) -> None:
        assert (JUDGES / SYNCNET.weights).stat().st_size < 1_000_000
        card = shipped_card()
        assert card["licence"] == "CC BY 4.0" and "10.5281/zenodo.3625687" in card["attribution"]
        assert card["sentences"] == {"train": 410, "val": 40} and len(card["data"]["split"]) == 16
        assert "obamanet train syncnet" in card["origin"]
        assert card["validation"]["told_apart"] >= 0.9 and card["validation"]["in_time"] >= 0.95
        setup = configparser.ConfigParser()
        setup.read(ROOT / "setup.cfg")
        patterns = setup["options.package_data"]["obamanet.evaluation.judges"].split()
        names = (SYNCNET.card, SYNCNET.onnx)
        assert all(any(Path("weights", name).match(p) for p in patterns) for name in names)

    def test_a_second_is_told_from_the_seconds_beside_it(
        self, judge: OwnSyncNet, recorded_test_split: list[Recorded]
    ) -> None:
        inside = SECOND - LOST_FRAMES
        right = []
        for mouth, samples in ((one.mouth, one.sound) for one in recorded_test_split):
            seen, heard = judge.embed(mouth, times_of(mouth), features_of(samples))
            for start in range(len(seen) - inside + 1):
                for other in (start - SECOND, start + SECOND):
                    if 0 <= other <= len(heard) - inside:
                        window = seen[start : start + inside]
                        own, wrong = (
                            np.linalg.norm(window - heard[at : at + inside], axis=-1).mean() for at in (start, other)
                        )
                        right.append(own < wrong)
        assert len(right) == 500
        assert np.mean(right) >= 0.99
        assert shipped_card()["test"]["told_apart"] == pytest.approx(np.mean(right), abs=0.002)

    def test_a_shifted_sound_gives_its_shift(self, judge: OwnSyncNet, recorded_test_split: list[Recorded]) -> None:
        right = []
        for mouth, samples in ((one.mouth, one.sound) for one in recorded_test_split):
            inner = mouth[10:-10]
            for shift in range(-10, 11):
                # Real sound everywhere: the mouth is shorter than the recording.
                cut = samples[(10 - shift) * FRAME : (len(mouth) - 10 - shift) * FRAME]
                found = judge.offset(inner, times_of(inner), features_of(cut))
                right.append(abs(round(found.offset / 40) - shift) <= 1)
        assert len(right) == 210
        assert np.mean(right) >= 0.96
        # The card tells of all 40 sentences; one of them, not among these, is wrong at every shift.
        assert shipped_card()["test"]["shift_within_a_frame"] == pytest.approx(np.mean(right), abs=0.03)

    def test_the_offset_does_not_depend_on_the_frame_rate(self, judge: OwnSyncNet, sentences: Sentences) -> None:
        mouth, samples = sentences[0]
        late = np.concatenate([np.zeros(5 * FRAME, np.float32), samples[: -5 * FRAME]])
        plain = judge.offset(mouth, times_of(mouth), features_of(late)).offset
        every_other = judge.offset(mouth[::2], times_of(mouth)[::2], features_of(late)).offset
        assert plain == pytest.approx(200, abs=40)
        assert every_other == pytest.approx(plain, abs=40)

    def test_where_and_how_large_the_mouth_is_hardly_matters(self, judge: OwnSyncNet, sentences: Sentences) -> None:
        mouth, samples = sentences[0]
        plain = judge.offset(mouth, times_of(mouth), features_of(samples))
        moved = judge.offset(0.8 * mouth + (0.3, -0.2), times_of(mouth), features_of(0.1 * samples))
        assert moved.offset == pytest.approx(plain.offset, abs=20)
        assert moved.confidence == pytest.approx(plain.confidence, abs=0.15)

    def test_a_frozen_mouth_has_no_confidence(self, judge: OwnSyncNet, sentences: Sentences) -> None:
        mouth, samples = sentences[0]
        frozen = np.repeat(mouth[:1], len(mouth), axis=0)
        found = judge.offset(frozen, times_of(mouth), features_of(samples))
        assert (found.offset, found.confidence) == (0.0, 0.0)
        trembling = frozen + np.random.default_rng(1).normal(0, 0.002, frozen.shape)
        moving = judge.offset(mouth, times_of(mouth), features_of(samples)).confidence
        assert judge.offset(trembling, times_of(mouth), features_of(samples)).confidence < moving / 4

    def test_another_sentence_is_trusted_less(self, judge: OwnSyncNet, sentences: Sentences) -> None:
        (mouth, samples), (_, other), _ = sentences
        own, foreign = (judge.offset(mouth, times_of(mouth), features_of(sound)) for sound in (samples, other))
        assert foreign.confidence < 0.8 * own.confidence

    def test_a_long_clip_is_judged_in_parts_as_on_the_whole(
        self, judge: OwnSyncNet, sentences: Sentences, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        mouth, samples = sentences[0]
        whole = judge.embed(mouth, times_of(mouth), features_of(samples))
        for chunk in (7, 1):
            monkeypatch.setattr(own_syncnet, "CHUNK", chunk)
            parts = judge.embed(mouth, times_of(mouth), features_of(samples))
            for one, other in zip(whole, parts, strict=True):
                np.testing.assert_allclose(one, other, atol=1e-4)

    def test_what_cannot_be_judged_says_why(self, judge: OwnSyncNet) -> None:
        mouth = np.random.default_rng(1).normal(0, 0.02, (60, 20, 2))
        with pytest.raises(ValueError, match=r"too short: 1\.60 s, needed are 1\.72 s"):
            judge.offset(mouth[:40], times_of(mouth[:40]), features_of(babble(3.0)))
        with pytest.raises(ValueError, match=r"too short: 0\.20 s"):
            judge.offset(mouth, times_of(mouth), features_of(babble(0.2)))
        with pytest.raises(ValueError, match="too short"):
            judge.offset(mouth[:0], np.zeros(0), features_of(babble(3.0)))
        with pytest.raises(ValueError, match="silent"):
            judge.offset(mouth, times_of(mouth), features_of(np.zeros(3 * SAMPLE_RATE, np.float32)))

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("", r"not a SyncNet: .* has no syncnet\.json"),
            (
                "{}",
                r"SyncNet is damaged: .*syncnet\.json: schema is missing; make it anew with: obamanet train syncnet",
            ),
            ('{"schema": 99}', rf"schema 99 is newer than this program's {SCHEMA}"),
            (
                '{"schema": 2}',
                rf"schema 2 is older than the oldest that is read, {SCHEMA}; make it anew with: obamanet",
            ),
            (f'{{"schema": {SCHEMA}, "files": {{}}, "network": {{"width": 16}}}}', "kind is missing; make it anew"),
        ],
    )
    def test_a_folder_without_a_judge_says_so(self, tmp_path: Path, content: str, message: str) -> None:
        if content:
            (tmp_path / SYNCNET.card).write_text(content)
        with pytest.raises(EvaluationError, match=message) as found:
            OwnSyncNet(tmp_path)
        assert "\n" not in str(found.value)

    def test_a_judge_that_does_not_fit_says_why(self, tmp_path: Path) -> None:
        config = SyncNetConfig(width=8, size=4)
        write_network(build_syncnet(config), SYNCNET, config, {}, tmp_path)
        OwnSyncNet(tmp_path)
        good = (tmp_path / SYNCNET.card).read_text()
        for old, new, message in (
            ('"kind": "syncnet"', '"kind": "lipreader"', "not a SyncNet: .*another kind of network: 'lipreader'"),
            ('"points": 40', '"points": 20', "points is 20, needed is 40; make it anew"),
            (f'"{SYNCNET.onnx}": "', f'"{SYNCNET.onnx}": "0', r"SyncNet was altered: .*syncnet\.onnx has sha256"),
            (f'"{SYNCNET.onnx}": "', '"other.onnx": "', r"files\.syncnet\.onnx is missing; make it anew"),
            ('"width": 8', '"width": 1', "SyncNet is damaged: .*SyncNet size is wrong"),
            ('"width": 8', '"width": 16', "network does not fit its card"),
        ):
            assert old in good
            (tmp_path / SYNCNET.card).write_text(good.replace(old, new))
            with pytest.raises((EvaluationError, EngineError), match=message):
                OwnSyncNet(tmp_path)

    def test_writing_that_fails_leaves_the_judge_as_it_was(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        config = SyncNetConfig(width=8, size=4)
        write_network(build_syncnet(config), SYNCNET, config, {}, tmp_path)
        before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

        def fail(*_: object) -> None:
            raise OutputError("no space")

        monkeypatch.setattr(bundle, "export_weights", fail)
        with pytest.raises(OutputError, match="no space"):
            write_network(build_syncnet(config), SYNCNET, config, {}, tmp_path)
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
