"""The pix2pix trainer: it learns, a stop costs nothing, and a folder holds one run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import run_eagerly

from obamanet.errors import DatasetError, OptionError
from obamanet.files import sha256_of
from obamanet.networks.config import GeneratorConfig
from obamanet.networks.unet import matching_loss
from obamanet.pix2pix.checkpoint import load_generator
from obamanet.training.loop.runner import Limits
from obamanet.training.loop.trained_networks import trained_renderer
from obamanet.training.renderer.pix2pix_training import (
    FOCUS_JITTER,
    Pair,
    Pix2PixLearner,
    TrainOptions,
    crop_side,
    draw_batch,
    train_pix2pix,
)

CONFIG = GeneratorConfig(image_size=32, width=8)

# The adversary joins in at step 2 of 4; an evaluation, and so a checkpoint, comes every 2 steps.
SHORT = TrainOptions(steps=4, batch_size=2, gan_start=0.5, discriminator_width=8, epoch_steps=2)


class MadePairs:
    """Coloured blots and their negatives; training shifts each pair at random."""

    def __init__(self, count: int, seed: int = 0, size: int = 32) -> None:
        random = np.random.default_rng(seed)
        blots = random.integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
        self._pictures = [cv2.resize(blot, (size, size), interpolation=cv2.INTER_CUBIC) for blot in blots]

    def __len__(self) -> int:
        return len(self._pictures)

    def pair(self, index: int, random: np.random.Generator | None) -> Pair:
        picture = self._pictures[index]
        if random is not None:
            picture = np.roll(picture, int(random.integers(0, 3)), axis=1)
        return Pair(picture, 255 - picture, np.ones(picture.shape[:2], np.float32))


class Again:
    """Pairs ``times`` over as one epoch, so that few pairs do not mean many evaluations."""

    def __init__(self, source: MadePairs, times: int) -> None:
        self._source, self._times = source, times

    def __len__(self) -> int:
        return len(self._source) * self._times

    def pair(self, index: int, random: np.random.Generator | None) -> Pair:
        return self._source.pair(index % len(self._source), None)


def train_short(folder: Path, *, limits: Limits | None = None) -> None:
    train_pix2pix(MadePairs(6), MadePairs(2, seed=1), folder, CONFIG, SHORT, limits=limits)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "whole"
    with run_eagerly():
        train_short(folder)
    return folder


def scores_of(folder: Path) -> dict[int, float]:
    """Return the score of each evaluation, by its step."""
    records = [json.loads(line) for line in (folder / "log.jsonl").read_text("utf-8").splitlines()]
    return {record["step"]: round(record["score"], 4) for record in records}


@pytest.mark.usefixtures("eager")
def test_a_run_in_sessions_equals_one_in_a_single_go(uninterrupted: Path, tmp_path: Path) -> None:
    # Stops before the adversary joins in and after, when its state counts too, at no evaluations of the schedule's.
    for steps in (1, 3, None):
        train_short(tmp_path, limits=Limits(steps=steps))
    with np.load(uninterrupted / "state.npz") as one, np.load(tmp_path / "state.npz") as two:
        assert one.files == two.files
        assert int(one["step"]) == SHORT.steps
        assert one["best"][1] == two["best"][1]
        for name in one.files:
            np.testing.assert_allclose(one[name], two[name], rtol=0, atol=1e-6, err_msg=name)
    assert scores_of(uninterrupted).items() <= scores_of(tmp_path).items()
    for name in ("best.weights.h5", "last.weights.h5"):
        first, second = (load_generator(CONFIG, folder / name).get_weights() for folder in (uninterrupted, tmp_path))
        for a, b in zip(first, second, strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-6, err_msg=name)


def test_a_finished_run_is_left_alone(uninterrupted: Path) -> None:
    before = (uninterrupted / "state.npz").read_bytes()
    report = train_pix2pix(MadePairs(6), MadePairs(2, seed=1), uninterrupted, CONFIG, SHORT)
    assert report.step == SHORT.steps
    assert (uninterrupted / "state.npz").read_bytes() == before


def test_another_seed_is_another_run(uninterrupted: Path, tmp_path: Path) -> None:
    train_pix2pix(MadePairs(6), MadePairs(2, seed=1), tmp_path, CONFIG, replace(SHORT, seed=2), limits=Limits(steps=1))
    with np.load(uninterrupted / "state.npz") as one, np.load(tmp_path / "state.npz") as two:
        assert not np.array_equal(one["v0000"], two["v0000"])


def test_the_folder_shows_how_training_went(uninterrupted: Path) -> None:
    records = [json.loads(line) for line in (uninterrupted / "log.jsonl").read_text("utf-8").splitlines()]
    assert [record["step"] for record in records] == [2, 4]
    # The adversary's losses begin where it joins in.
    assert ["generator" in record for record in records] == [False, True]
    samples = sorted((uninterrupted / "samples").iterdir())
    assert [path.name for path in samples] == [f"step_{step:07d}.png" for step in (2, 4)]
    sample = cv2.imread(str(samples[-1]))
    assert sample.shape == (2 * 32, 3 * 32, 3)
    np.testing.assert_array_equal(sample[:, 64:], 255 - sample[:, :32])


def test_other_options_are_refused_by_name(uninterrupted: Path) -> None:
    with pytest.raises(OptionError, match=r"l1_weight 100\.0 -> 10\.0"):
        train_pix2pix(MadePairs(6), MadePairs(2), uninterrupted, CONFIG, replace(SHORT, l1_weight=10.0))


@pytest.mark.usefixtures("eager")
def test_without_an_adversary_there_is_no_fresh_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = iter([3.0, 1.0, 2.0, 4.0])
    monkeypatch.setattr(Pix2PixLearner, "validate", lambda self: {"score": next(scores)})
    options = replace(SHORT, epoch_steps=1, gan_weight=0.0)
    report = train_pix2pix(MadePairs(6), MadePairs(2, seed=1), tmp_path, CONFIG, options)
    # With one, what was best before step 2 would count no more.
    assert (report.best_step, report.best_score) == (2, 1.0)


def test_another_runs_generator_is_a_beginning(uninterrupted: Path, tmp_path: Path) -> None:
    start = trained_renderer(uninterrupted)
    pairs = MadePairs(2, seed=1)
    fresh, begun = (Pix2PixLearner(CONFIG, SHORT, pairs) for _ in range(2))
    begun.start_from(start)
    wanted = load_generator(CONFIG, uninterrupted / "best.weights.h5").get_weights()
    for network in (begun.generator, begun.ema):
        for one, two in zip(network.get_weights(), wanted, strict=True):
            np.testing.assert_array_equal(one, two)
    assert begun.validate()["score"] < fresh.validate()["score"]
    np.testing.assert_array_equal(begun.discriminator.get_weights()[0], fresh.discriminator.get_weights()[0])

    train_pix2pix(MadePairs(6), pairs, tmp_path / "on", CONFIG, SHORT, start=start, limits=Limits(steps=1))
    options = json.loads((tmp_path / "on" / "options.json").read_text("utf-8"))
    assert options["start"] == {"weights": sha256_of(uninterrupted / "best.weights.h5")}
    with pytest.raises(OptionError, match=r"weights .* -> None"):
        train_pix2pix(MadePairs(6), pairs, tmp_path / "on", CONFIG, SHORT)


def test_a_beginning_of_another_size_is_refused_and_nothing_is_written(uninterrupted: Path, tmp_path: Path) -> None:
    config = GeneratorConfig(image_size=32, width=4)
    with pytest.raises(OptionError, match="paints 32 px with width 8, this one 32 px with width 4"):
        train_pix2pix(MadePairs(6), MadePairs(2), tmp_path / "r", config, SHORT, start=trained_renderer(uninterrupted))
    assert not list(tmp_path.iterdir())


def test_no_pairs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="0 pairs to train"):
        train_pix2pix(MadePairs(0), MadePairs(2), tmp_path, CONFIG, SHORT)


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": 0},
        {"batch_size": 0},
        {"gan_start": 1.1},
        {"learning_rate": 0.0},
        {"ema_decay": 1.0},
        {"seed": -1},
        {"l1_weight": float("nan")},
        {"l1_weight": -1.0},
        {"gan_weight": float("inf")},
        {"matching_weight": -1.0},
        {"crop": 0.0},
        {"crop": 1.5},
        {"gan_learning_rate": -1.0},
        {"discriminator_width": 10**6},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_options_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(OptionError):
        TrainOptions(**wrong)


def test_every_epoch_draws_every_pair_once_in_an_order_of_its_own() -> None:
    options = TrainOptions(batch_size=2)
    source = MadePairs(6)

    def drawn(steps: range) -> list[int]:
        conditions = [picture for step in steps for picture in draw_batch(source, options, step).conditions]
        plain = [np.sort(source.pair(index, None).condition, axis=None) for index in range(6)]
        return [
            next(index for index, one in enumerate(plain) if np.array_equal(np.sort(picture, axis=None), one))
            for picture in conditions
        ]

    first, second = drawn(range(3)), drawn(range(3, 6))
    assert sorted(first) == sorted(second) == list(range(6))
    assert first != second
    assert drawn(range(3)) == first


def test_crops_are_around_the_focus_and_anywhere() -> None:
    class Focused(MadePairs):
        def pair(self, index: int, random: np.random.Generator | None) -> Pair:
            pair = super().pair(index, random)
            big = np.kron(pair.target, np.ones((8, 8, 1), np.uint8))
            return Pair(big, big, np.ones(big.shape[:2], np.float32), foci=((60, 200),))

    source, options = Focused(6), TrainOptions(batch_size=6, crop=0.25)
    assert crop_side(options.crop, 256) == 64
    crops = np.concatenate([draw_batch(source, options, step).crops for step in range(20)])
    assert crops.shape == (120, 2, 2)
    assert crops.min() >= 0 and crops.max() <= 256 - 64
    around = crops[:, 0] + 32
    assert np.abs(around - (60, 200)).max() <= round(FOCUS_JITTER * 64) and around.std() > 0
    # Uniform over all places: standard deviation 192 / sqrt(12).
    assert 40 < crops[:, 1].std() < 70


@pytest.mark.usefixtures("eager")
def test_the_discriminator_judges_the_crops_alone() -> None:
    import tensorflow as tf

    options = replace(SHORT, crop=0.5, gan_start=0.0, matching_weight=10.0)
    config = GeneratorConfig(image_size=64, width=4)
    learner = Pix2PixLearner(config, options, MadePairs(1))
    pictures = np.random.default_rng(1).random((2, 64, 64, 3)).astype(np.float32)
    places = np.array([[[0, 0], [32, 32]], [[5, 7], [1, 30]]], np.int32)
    expected = [pictures[n, top : top + 32, left : left + 32] for n in range(2) for top, left in places[n]]
    np.testing.assert_array_equal(np.asarray(learner._judged(tf.constant(pictures), tf.constant(places))), expected)
    before = learner.discriminator.get_weights()[0]
    losses = learner.step(draw_batch(MadePairs(2, size=64), options, 0), 0)
    assert all(np.isfinite(value) and value > 0 for value in losses.values())
    assert set(losses) == {"l1", "generator", "discriminator", "matching"}
    assert not np.array_equal(before, learner.discriminator.get_weights()[0])


def test_the_adversary_learns_no_quicker_than_it_may() -> None:
    options = TrainOptions(steps=100, learning_rate=1e-3, gan_start=0.2, gan_learning_rate=4e-4)
    assert [options.rate(step) for step in (0, 19, 20, 50, 90)] == pytest.approx([1e-3, 1e-3, 4e-4, 4e-4, 2e-4])
    assert replace(options, gan_learning_rate=None).rate(20) == 1e-3
    # Without an adversary there is none to slow down for.
    assert replace(options, gan_weight=0.0).rate(50) == 1e-3


def test_the_score_prefers_a_sharp_picture_a_little_off_to_a_blurred_one(monkeypatch: pytest.MonkeyPatch) -> None:
    class Noise(MadePairs):
        def pair(self, index: int, random: np.random.Generator | None) -> Pair:
            picture = np.random.default_rng(index).integers(0, 256, (32, 32, 3), dtype=np.uint8)
            weight = np.ones((32, 32), np.float32)
            weight[8:24, 8:24] = 5
            return Pair(picture, picture, weight)

    learner = Pix2PixLearner(CONFIG, SHORT, Noise(4))
    validated = {}
    for name, paint in (
        ("same", lambda picture: picture),
        ("moved", lambda picture: np.roll(picture, 1, axis=1)),
        ("blurred", lambda picture: cv2.GaussianBlur(picture, (0, 0), 2.0)),
    ):
        monkeypatch.setattr(learner, "paint", lambda pictures, paint=paint: np.stack([paint(p) for p in pictures]))
        validated[name] = learner.validate()
    assert validated["same"] == {"score": 0.0, "error": 0.0, "sharpness": pytest.approx(1.0)}
    assert validated["blurred"]["error"] < validated["moved"]["error"]
    assert validated["blurred"]["score"] > 2 * validated["moved"]["score"]
    assert validated["blurred"]["sharpness"] < 0.1 < 0.8 < validated["moved"]["sharpness"] < 1.25


def test_small_pictures_are_judged_whole() -> None:
    assert [crop_side(0.375, size) for size in (32, 64, 256, 512)] == [32, 32, 96, 192]
    assert crop_side(1.0, 256) == 256


def test_feature_matching_is_zero_for_equal_layers_and_pulls_layers_together() -> None:
    one, other = [np.ones((2, 4)), np.zeros(3)], [np.full((2, 4), 0.5), np.full(3, 2.0)]
    assert float(matching_loss(one, one)) == 0
    assert float(matching_loss(one, other)) == pytest.approx((0.5 + 2.0) / 2)


def test_it_learns_four_pairs_by_heart(tmp_path: Path) -> None:
    pairs = MadePairs(4, seed=5)
    # The plain guess, each pixel's mean over the four targets, is what it has to beat by far.
    targets = np.stack([pairs.pair(index, None).target for index in range(4)]).astype(np.float64)
    guess = np.abs(targets - targets.mean(axis=0)).mean()
    options = TrainOptions(
        steps=300, batch_size=4, learning_rate=2e-3, discriminator_width=8, epoch_steps=300, ema_decay=0.9
    )
    train_pix2pix(Again(pairs, 300), pairs, tmp_path, CONFIG, options)
    score = json.loads((tmp_path / "log.jsonl").read_text("utf-8").splitlines()[-1])["error"]
    assert score < 8 < guess / 4


@pytest.mark.usefixtures("eager")
def test_smoothed_weights_follow_the_trained_ones() -> None:
    learner = Pix2PixLearner(CONFIG, replace(SHORT, ema_decay=0.0), MadePairs(1))
    learner.step(draw_batch(MadePairs(6), SHORT, 0), 0)
    for smooth, current in zip(learner.ema.get_weights(), learner.generator.get_weights(), strict=True):
        np.testing.assert_allclose(smooth, current, atol=1e-7)
