"""Training of a face swap: losses and stages, what is drawn, exact resuming, the model's bundle, consent, bad input."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import made_landmarks
from keras import ops
from made import Notes, foreign_files, recorded_frames

from obamanet.constants import LEFT_EYE, RIGHT_EYE
from obamanet.engine.formats import Engine
from obamanet.errors import DatasetError, EngineError, ObamanetError, OptionError, OutputError, SwapError
from obamanet.networks.config import SwapConfig
from obamanet.networks.face_swap_losses import (
    edge_loss,
    mask_hinge,
    masked_l1,
    mixup_discriminator_loss,
    mixup_generator_loss,
    perceptual_loss,
    relativistic_loss,
    total_loss,
    total_variation,
)
from obamanet.swap import two_persons
from obamanet.swap.alignments import ALIGNMENTS_FILE, Alignments, AlignmentsHead, Face, write_alignments
from obamanet.swap.extract_faces import Side
from obamanet.swap.face_set import FaceSet
from obamanet.swap.perceptual import load_features
from obamanet.swap.stages import STAGES, WEIGHTS, Adversary, Form, LossWeights, Stage, stage_of
from obamanet.swap.swap_model import SWAP, Consent, Direction, Swapper, read_swap
from obamanet.swap.swap_training import BACKUP, PREVIEW, SwapLearner, SwapOptions, draw_faces, train_swap
from obamanet.swap.two_persons import check_two_persons
from obamanet.training.loop.runner import Limits

TINY = SwapConfig(image_size=64, width=4, code=16)
TINY_GAN = replace(TINY, self_attention=True, mask=True)
OPTIONS = SwapOptions(steps=2, batch_size=2, epoch_steps=1, discriminator_width=4, min_faces=6)
ONE_STAGE = {form: (Stage(0.0),) for form in Form}
CONSENT = Consent("Ann", "Ben", True)


def write_faces(folder: Path, count: int = 8, colour: int = 0, eyes: bool = True) -> Path:
    """Write ``count`` aligned faces of 80 pixels: a coloured disc with two bright eyes, and the masks of the eyes."""
    (folder / Side.SRC.eyes).mkdir(parents=True)
    for number in range(count):
        mask = np.zeros((80, 80), np.uint8)
        for x in (27, 53):
            cv2.circle(mask, (x, 32 + number % 3), 5, 255, -1)
        face = np.full((80, 80, 3), 30 + 4 * number, np.uint8)
        cv2.circle(face, (40, 42), 28, (90, 100 + colour, 160 - colour), -1)
        face[mask > 0] = 255
        cv2.imwrite(str(folder / f"f_{number:06d}_0.png"), face)
        if eyes:
            cv2.imwrite(str(folder / Side.SRC.eyes / f"f_{number:06d}_0.png"), mask)
    return folder


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return the folders of two persons' made faces; do not change them."""
    folder = tmp_path_factory.mktemp("sides")
    return write_faces(folder / "a"), write_faces(folder / "b", colour=60)


def random_pictures(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(size=(2, 8, 8, 3)).astype(np.float32)


def test_each_weight_changes_the_total_by_its_loss() -> None:
    losses = {name: float(number + 1) for number, name in enumerate(asdict(LossWeights()))}
    ones = dict.fromkeys(losses, 1.0)
    assert total_loss(losses, ones) == sum(losses.values())
    for name, loss in losses.items():
        assert total_loss(losses, {**ones, name: 3.0}) - total_loss(losses, ones) == pytest.approx(2 * loss)


def test_losses_are_what_their_formulas_say() -> None:
    one, other = random_pictures(1), random_pictures(2)
    mask = np.zeros((2, 8, 8, 1), np.float32)
    mask[:, :, 4:] = 1
    apart = np.abs(one - other)
    expected = apart[:, :, 4:].sum() / (3 * mask.sum() + 1)
    assert float(masked_l1(one, other, mask)) == pytest.approx(expected, rel=1e-5)
    assert float(masked_l1(one, other, 0 * mask)) == 0
    difference = one - other
    edges = np.abs(np.diff(difference, axis=1)).mean() + np.abs(np.diff(difference, axis=2)).mean()
    assert float(edge_loss(one, other)) == pytest.approx(edges, rel=1e-5)
    assert float(edge_loss(one, one + 0.3)) == pytest.approx(0, abs=1e-6)
    assert float(mask_hinge(mask)) == 0.5
    assert float(total_variation(mask)) == pytest.approx(1 / 7)
    assert float(perceptual_loss(lambda p: [p, 2 * p], one, other)) == pytest.approx(1.5 * apart.mean(), rel=1e-5)


def test_adversaries_are_content_where_their_formulas_say() -> None:
    def judge(pictures: object) -> object:
        return ops.mean(pictures, axis=-1, keepdims=True)

    real, painted = ops.ones((2, 4, 4, 3)), ops.zeros((2, 4, 4, 3))
    share = np.array([0.25, 0.75], np.float32).reshape(2, 1, 1, 1)
    assert float(mixup_discriminator_loss(judge, real, painted, share)) == pytest.approx(0, abs=1e-12)
    assert float(mixup_discriminator_loss(judge, painted, real, share)) == pytest.approx(0.25)
    assert float(mixup_generator_loss(judge, real)) == 0
    assert float(mixup_generator_loss(judge, painted)) == 1
    assert float(relativistic_loss(judge, real, painted)) == 0
    assert float(relativistic_loss(judge, painted, real)) == 4


def test_stages_begin_at_their_shares_of_the_run() -> None:
    steps = (0, 199, 200, 499, 500, 599, 600, 849, 850)
    assert [stage_of(STAGES[Form.GAN], step, 1000) for step in steps] == [0, 0, 1, 1, 2, 2, 3, 3, 4]
    for form in Form:
        assert STAGES[form][0].start == 0
        assert [stage.start for stage in STAGES[form]] == sorted(stage.start for stage in STAGES[form])


def test_the_adversary_comes_after_the_first_likeness_and_never_in_the_original_form() -> None:
    gan, original = (SwapOptions(form=form, steps=1000) for form in (Form.GAN, Form.ORIGINAL))
    assert gan.adversary_from == 200
    assert original.adversary_from == 1000
    assert "adversarial" not in gan.weights(0).active
    assert gan.weights(2) == WEIGHTS[Form.GAN]


def test_a_loss_that_is_asked_for_waits_for_its_stage() -> None:
    options = SwapOptions(form=Form.GAN, cycle_weight=0.5, perceptual="VGG16:x", perceptual_weight=0.2, eyes_weight=0)
    assert [options.weights(stage).cycle for stage in range(4)] == [0, 0, 0.5, 0.5]
    assert [options.weights(stage).perceptual for stage in range(4)] == [0, 0.2, 0.2, 0.2]
    assert {options.weights(stage).eyes for stage in range(4)} == {0}


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"steps": 0}, "steps must be at least 1"),
        ({"cycle_weight": -1.0}, "cycle weight"),
        ({"snapshot_steps": 0}, "snapshot"),
        ({"ema_decay": 1.0}, "ema_decay"),
    ],
)
def test_options_out_of_range_are_refused(values: dict[str, float], told: str) -> None:
    with pytest.raises(OptionError, match=told):
        SwapOptions(**values)  # type: ignore[arg-type]


def test_24_faces_are_refused_with_the_way_round_it(tmp_path: Path) -> None:
    write_faces(tmp_path / "a", 24)
    with pytest.raises(DatasetError, match=r"24 faces are too few.*--min-faces 24"):
        FaceSet(tmp_path / "a", 64)
    assert len(FaceSet(tmp_path / "a", 64, 24).pictures) == 24


def test_a_missing_mask_is_told_where_it_is_needed(tmp_path: Path) -> None:
    folder = write_faces(tmp_path / "a", 8, eyes=False)
    assert FaceSet(folder, 64, 8).draw(2, np.random.default_rng(1), flip=True).eyes.max() == 0
    with pytest.raises(DatasetError, match=r"mask of eyes is missing for 8 of 8.*--eyes 0"):
        FaceSet(folder, 64, 8, need_eyes=True)
    (folder / Side.SRC.eyes).rename(folder / Path(Side.DST.eyes).name)
    (folder / Path(Side.DST.eyes).name).rename(folder / Side.DST.eyes)
    with pytest.raises(DatasetError, match="face_dst_eyes"):
        FaceSet(folder, 64, 8, need_eyes=True)


def test_what_is_drawn_depends_on_the_step_alone_and_eyes_move_with_the_face(sides: tuple[Path, Path]) -> None:
    sets = [FaceSet(side, 64, 6, need_eyes=True) for side in sides]
    one, again, other = (draw_faces(*sets, OPTIONS, step) for step in (7, 7, 8))
    assert np.array_equal(one[0].given, again[0].given)
    assert not np.array_equal(one[0].given, other[0].given)
    for batch in one:
        assert not np.array_equal(batch.given, batch.target)
        inside = cv2.erode(batch.eyes[0, ..., 0], np.ones((3, 3))) > 0
        assert inside.any()
        assert batch.target[0][inside].mean() > 1.3 * batch.target[0][~inside].mean()


def test_the_faces_held_out_are_never_drawn(sides: tuple[Path, Path]) -> None:
    faces = FaceSet(sides[0], 64, 6)
    assert list(faces.val) == [7]
    assert set(faces.train) == set(range(7))


def state_of(folder: Path) -> dict[str, np.ndarray]:
    with np.load(folder / "state.npz", allow_pickle=False) as arrays:
        return dict(arrays)


def test_an_interrupted_run_ends_as_one_that_was_not(
    sides: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("obamanet.swap.swap_training.write_swap", lambda *_: None)
    # Tracing takes seconds for each stage; one has all losses.
    monkeypatch.setattr("obamanet.swap.swap_training.STAGES", ONE_STAGE)
    train_swap(*sides, tmp_path / "one", TINY, OPTIONS, CONSENT, two_persons=True)
    step = SwapLearner.step

    def interrupted(self: SwapLearner, batch: Any, number: int) -> dict[str, float]:
        if number == 1:
            raise KeyboardInterrupt
        return step(self, batch, number)

    with monkeypatch.context() as patched:
        patched.setattr(SwapLearner, "step", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train_swap(*sides, tmp_path / "two", TINY, OPTIONS, CONSENT, two_persons=True)
    assert not list((tmp_path / "two").glob(".*.part*"))
    with pytest.raises(SwapError, match="interrupted before it wrote the model"):
        read_swap(tmp_path / "two")
    train_swap(*sides, tmp_path / "two", TINY, OPTIONS, CONSENT)
    one, two = state_of(tmp_path / "one"), state_of(tmp_path / "two")
    assert one.keys() == two.keys()
    assert all(np.array_equal(one[name], two[name]) for name in one)
    assert int(state_of(tmp_path / "two" / BACKUP)["step"]) == 1
    assert (tmp_path / "one" / PREVIEW).is_file()
    assert (tmp_path / "one" / "curves.png").is_file()


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("adversary", list(Adversary))
def test_an_adversary_trains_both_sides_and_all_of_its_state_is_saved(
    sides: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, adversary: Adversary
) -> None:
    monkeypatch.setattr("obamanet.swap.swap_training.STAGES", ONE_STAGE)
    options = replace(OPTIONS, form=Form.GAN, adversary=adversary)
    sets = (FaceSet(sides[0], 64, 6), FaceSet(sides[1], 64, 6))
    learner = SwapLearner(TINY_GAN, options, sets)
    before = [np.asarray(variable) for variable in learner.variables()]
    losses = learner.step(draw_faces(*sets, options, 0), 0)
    assert {"adversarial_a", "adversarial_b", "judges", "mask_tv_a", "edge_b"} <= losses.keys()
    saved = {id(variable) for variable in learner.variables()}
    for network in (learner.network, learner.ema, *learner.discriminators):
        assert {id(variable) for variable in network.variables} <= saved
    # Weights and both moments of both optimizers, or a resumed run would not go on as it was.
    changed = sum(not np.array_equal(v, w) for v, w in zip(learner.variables(), before, strict=True))
    trained = [learner.network, *learner.discriminators]
    assert changed > 2.5 * sum(len(network.trainable_variables) for network in trained)


@pytest.mark.usefixtures("eager")
def test_another_seed_is_another_run_and_is_told(sides: tuple[Path, Path], tmp_path: Path) -> None:
    limits = Limits(steps=1)
    # At a usual rate one step leaves both decoders at a grey that may round to the same.
    options = replace(OPTIONS, snapshot_steps=1, learning_rate=0.05)
    train_swap(*sides, tmp_path / "m", TINY, options, CONSENT, two_persons=True, limits=limits)
    assert (tmp_path / "m" / "kept" / "step_0000001.weights.h5").is_file()
    with pytest.raises(OptionError, match="seed 1 -> 2"):
        train_swap(*sides, tmp_path / "m", TINY, replace(OPTIONS, seed=2), CONSENT)
    with pytest.raises(OptionError, match="width 4 -> 8"):
        train_swap(*sides, tmp_path / "m", replace(TINY, width=8), OPTIONS, CONSENT)
    assert foreign_files(tmp_path / "m") == []
    model = read_swap(tmp_path / "m")
    assert (model.config, model.form, model.consent) == (TINY, Form.ORIGINAL, CONSENT)
    assert model.names(Direction.A_TO_B) == ("Ben", "Ann")
    faces = np.random.default_rng(1).integers(0, 256, (2, 64, 64, 3)).astype(np.uint8)
    (a, alpha), (b, _) = (Swapper(model, direction).paint(faces) for direction in (Direction.B_TO_A, Direction.A_TO_B))
    assert a.shape == faces.shape
    assert not np.array_equal(a, b)
    assert alpha.min() == 1
    for damage, told in (
        ("schema", "newer"),
        ("decoder_a.onnx", "altered"),
        ("consent", "without their consent"),
        ("coverage", r"geometry.coverage must be 0.85: got 0.7"),
    ):
        card = json.loads((tmp_path / "m" / SWAP.card).read_text())
        before = json.dumps(card)
        if damage == "schema":
            card["schema"] = 2
        elif damage == "consent":
            card["consent"]["declared"] = False
        elif damage == "coverage":
            card["geometry"]["coverage"] = 0.7
        else:
            card["files"][damage] = "0" * 64
        (tmp_path / "m" / SWAP.card).write_text(json.dumps(card))
        with pytest.raises(SwapError, match=told):
            read_swap(tmp_path / "m")
        (tmp_path / "m" / SWAP.card).write_text(before)
    with pytest.raises(OptionError, match="image_size 64 -> 128"):
        train_swap(*sides, tmp_path / "m", replace(TINY, image_size=128), OPTIONS, CONSENT)
    with pytest.raises(EngineError, match="its engines are onnxruntime, "):
        Swapper(model, Direction.A_TO_B, Engine.KERAS)
    card = json.loads(before)
    card["network"]["image_size"] = 128
    (tmp_path / "m" / SWAP.card).write_text(json.dumps(card))
    with pytest.raises(ObamanetError, match=r"encoder\.onnx"):
        Swapper(read_swap(tmp_path / "m"), Direction.A_TO_B).paint(np.zeros((1, 128, 128, 3), np.uint8))


def test_a_trained_swap_can_be_the_perceptual_network(sides: tuple[Path, Path], tmp_path: Path) -> None:
    import keras

    from obamanet.files import atomic_write_json
    from obamanet.networks.face_swap import build_swap
    from obamanet.networks.weights import save_weights

    atomic_write_json(tmp_path / "options.json", {"network": asdict(TINY)})
    keras.utils.set_random_seed(1)
    save_weights(build_swap(TINY), tmp_path / "best.weights.h5")
    features = load_features(f"swap:{tmp_path}")
    pictures = np.random.default_rng(2).uniform(size=(1, 64, 64, 3)).astype(np.float32)
    assert [tuple(layer.shape) for layer in features(pictures)] == [(1, 32, 32, 4), (1, 16, 16, 8), (1, 8, 8, 16)]
    learner = SwapLearner(TINY, replace(OPTIONS, perceptual=f"swap:{tmp_path}"), tuple(
        FaceSet(side, 64, 6) for side in sides
    ))  # fmt: skip
    faces = [pictures, 1 - pictures, *2 * [pictures[..., :1]]]
    losses, _ = learner.losses(faces, 0, frozenset({"l1", "perceptual"}))
    assert float(losses["perceptual"]) > 0
    assert set(losses) == {"l1", "perceptual"}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("VGG16:nowhere/vgg16.h5", "missing: nowhere/vgg16.h5; nothing is downloaded"),
        ("VGG16", "APPLICATION:FILE"),
        ("Nothing:{}", "no such application"),
        ("MobileNetV2:{}", "do not fit MobileNetV2"),
    ],
)
def test_a_perceptual_network_without_learned_weights_is_refused(tmp_path: Path, name: str, told: str) -> None:
    weights = tmp_path / "some.weights.h5"
    weights.write_bytes(b"no weights")
    with pytest.raises(OptionError, match=told):
        load_features(name.format(weights))


def test_without_consent_nothing_is_trained_and_the_reason_is_told() -> None:
    with pytest.raises(SwapError, match="without their consent: say --i-have-consent when Ann and Ben have agreed"):
        Consent("Ann", "Ben", False)
    with pytest.raises(SwapError, match="need a name"):
        Consent("Ann", " ", True)


def test_one_folder_for_both_sides_is_refused(sides: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(ObamanetError, match="same folder"):
        train_swap(sides[0], sides[0], tmp_path / "m", TINY, OPTIONS, CONSENT)
    assert not (tmp_path / "m").exists()


def test_a_folder_of_pictures_is_no_models_folder(sides: tuple[Path, Path]) -> None:
    before = sorted(sides[0].rglob("*"))
    with pytest.raises(OutputError, match="holds something else"):
        train_swap(*sides, sides[0], TINY, OPTIONS, CONSENT, two_persons=True)
    assert sorted(sides[0].rglob("*")) == before


def test_shut_eyes_are_drawn_more_often_than_they_were_filmed(tmp_path: Path) -> None:
    folder = write_faces(tmp_path / "a", 20)
    landmarks = np.repeat(made_landmarks(1), 20, axis=0)
    for eye in (LEFT_EYE, RIGHT_EYE):
        landmarks[3, eye, 1] = landmarks[3, eye, 1].mean()
    cv2.imwrite(str(folder / "f_000003_0.png"), np.full((80, 80, 3), 250, np.uint8))
    shares = []
    for known in (False, True):
        if known:
            found = tuple(Face(n, f"f_{n:06d}", 0, 0, 0, points) for n, points in enumerate(landmarks))
            write_alignments(folder / ALIGNMENTS_FILE, Alignments(AlignmentsHead("a.mp4", "", "25", 20, "mesh"), found))
        faces = FaceSet(folder, 64, 10)
        drawn = [faces.draw(8, np.random.default_rng(seed), flip=True).target for seed in range(40)]
        shares.append((np.concatenate(drawn).mean(axis=(1, 2, 3)) > 200).mean())
        mouth = faces.draw(8, np.random.default_rng(1), flip=True).mouth[..., 0]
        assert mouth.any(axis=(1, 2)).all() == known
        # The mouth lies in the lower half of a face.
        assert mouth[:, :32].max() == 0
    assert shares[0] < 0.12
    assert shares[1] > 0.24


def test_one_person_on_both_sides_is_told_by_the_faces(shared_data: Path, tmp_path: Path) -> None:
    clips = {"a": "grid_s1/video/bbaf2n", "b": "grid_s1/video/bbaf3s", "c": "grid_other/pwij3p"}
    for side, clip in clips.items():
        (tmp_path / side / "raw").mkdir(parents=True)
        (frame,) = recorded_frames(shared_data / f"{clip}.mpg", 1)
        cv2.imwrite(str(tmp_path / side / "raw" / "f_0.png"), frame)
    notes = Notes()
    check_two_persons(tmp_path / "a", tmp_path / "c", notes)
    assert notes.told == []
    with pytest.raises(OptionError, match=r"look like one person.*--two-persons"):
        check_two_persons(tmp_path / "a", tmp_path / "b", notes)


def test_without_dlib_or_a_face_it_is_told_that_persons_were_not_compared(
    sides: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = Notes()
    monkeypatch.setattr(two_persons, "FaceEmbedder", object)
    check_two_persons(*sides, notes)
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "dlib", None)
    check_two_persons(*sides, notes)
    assert ["no face is seen again" in notes.told[0], "dlib-bin" in notes.told[1]] == [True, True]
