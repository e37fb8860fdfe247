"""Training the predictor: it learns a planted lag, and a run that was stopped ends like one that was not."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import made_landmarks
from made import FPS, UNREADABLE_JSON, MadeClip, babble, write_dataset

from obamanet.audio.features import LOGFBANK, SPEECH, FeatureOptions, extract_features
from obamanet.audio.load import load_sound
from obamanet.audio.normalise_features import normalise_utterance, silence_features
from obamanet.audio.stack import stack_features, stacked_size
from obamanet.constants import MOUTH, SAMPLE_RATE
from obamanet.errors import DatasetError, OptionError
from obamanet.files import sha256_of
from obamanet.keypoints.head import place_head
from obamanet.keypoints.opening import mouth_opening
from obamanet.keypoints.pca import MouthPca
from obamanet.keypoints.placement import to_canonical
from obamanet.networks.config import PredictorConfig
from obamanet.networks.keypoint_lstm import build_predictor
from obamanet.person import Person, load_mouth
from obamanet.progress import Progress
from obamanet.speech.feature_extractor import FeatureExtractor, encoder_digest
from obamanet.training.data.dataset import Dataset, Split, load_dataset, split_dataset
from obamanet.training.data.synthetic_voices import (
    LipTimes,
    SyntheticUtterance,
    SyntheticVoices,
    load_synthetic_voices,
    save_sound,
    save_synthetic_voices,
    transfer_keypoints,
)
from obamanet.training.loop.runner import Limits, claim_folder, read_options
from obamanet.training.loop.trained_networks import trained_predictor
from obamanet.training.speech.keypoint_training import (
    ExampleSource,
    KeypointLearner,
    KeypointOptions,
    fit_mouth,
    open_threshold,
    start_weights,
    train_keypoints,
)
from obamanet.training.speech.training_examples import ExampleMaker, Lips, TrainingExamples, lips_of, tracked
from obamanet.types import Span

pytestmark = pytest.mark.usefixtures("few_noises")

LAG = 3
"""Frames, 120 ms, by which the made mouths follow their sound."""


def loudness(samples: np.ndarray) -> np.ndarray:
    """Return the root mean square of each video frame's sound, over its own 40 ms and the same before and after."""
    step = SAMPLE_RATE // 25
    power = np.convolve(samples.astype(np.float64) ** 2, np.ones(3 * step) / (3 * step), "same")
    return np.sqrt(power[step // 2 :: step])


def made_clip(name: str, seconds: float, seed: int) -> MadeClip:
    """Return a clip whose lower lip falls with the loudness of LAG frames ago, and nothing else moves."""
    samples = babble(seconds, seed)
    samples[: SAMPLE_RATE // 3] = 0
    said = loudness(samples)
    opening = np.concatenate([np.zeros(LAG), said])[: len(said)] / 0.2
    face = np.repeat(made_landmarks(1, 64), len(said), axis=0)
    lower = [*range(55, 60), *range(65, 68)]
    face[:, lower, 1] += 6 * opening[:, None]
    face[:, 5:12, 1] += 4 * opening[:, None]
    # Nobody's mouth moves along one line only: a second, small movement that the sound does not tell.
    face[:, 48:68, 0] += 0.05 * np.sin(np.arange(len(said)) / 7)[:, None]
    return MadeClip(name, face, samples)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    clips = [made_clip(f"c{n}", 4.0, n) for n in range(10)]
    return load_dataset(write_dataset(tmp_path_factory.mktemp("lag") / "dataset", clips))


@pytest.fixture(scope="module")
def few(dataset: Dataset) -> Dataset:
    """Return a dataset of five of its clips, for trainings of a step or two."""
    return replace(dataset, clips=dataset.clips[:5])


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw no mouths at evaluations: a drawing takes longer than a step."""
    monkeypatch.setattr(KeypointLearner, "sample", lambda self, folder, step: None)


TINY = KeypointOptions(
    steps=180,
    batch_size=8,
    learning_rate=5e-3,
    units=24,
    layers=1,
    dropout=0.0,
    noise=0.02,
    copies=0,
    features=LOGFBANK,
    sequence=2.0,
    ema_decay=0.9,
    epoch_steps=90,
)


def opening_lag(said: np.ndarray, heard: np.ndarray) -> int:
    """Return by how many frames ``said`` follows ``heard``: where their correlation is largest."""
    scores = {lag: np.corrcoef(said[10 + lag : 80 + lag], heard[10:80])[0, 1] for lag in range(-5, 11)}
    return max(scores, key=lambda lag: scores[lag])


def test_a_planted_lag_is_learned(tmp_path: Path) -> None:
    clips = [made_clip(f"c{n}", 4.0, n) for n in range(48)]
    dataset = load_dataset(write_dataset(tmp_path / "dataset", clips))
    split = split_dataset(dataset, val_share=0.1)
    report = train_keypoints(dataset, split, tmp_path, TINY)
    assert (report.step, report.steps) == (180, 180)

    options = read_options(tmp_path)
    config = PredictorConfig(**options["predictor"])
    assert config.delay == 5
    network = build_predictor(config)
    network.load_weights(tmp_path / "best.weights.h5")
    mouth = load_mouth(tmp_path / "mouth.npz")
    features = FeatureOptions(**options["features"])
    for piece in split.val:
        assert piece.clip.sound is not None
        sound = load_sound(piece.clip.sound)
        normalised = normalise_utterance(extract_features(sound, features))
        inputs = stack_features(normalised, FPS, 0, 100 + config.delay, silence_features(features.count))
        states = [np.zeros((1, *shape), np.float32) for shape in config.state_shapes]
        components = np.asarray(network([inputs[None], *states], training=False)[0])[0, config.delay :]
        said = mouth_opening(mouth.pca.decode(components))
        true = mouth_opening(made_canonical(piece.clip.landmarks))
        assert opening_lag(true, loudness(sound.samples)) == LAG
        assert abs(opening_lag(said, loudness(sound.samples)) - LAG) <= 1
        assert np.corrcoef(said, true)[0, 1] > 0.7
    for name in ("last.weights.h5", "state.npz", "log.jsonl", "curves.png", "samples/step_0000180.png"):
        assert (tmp_path / name).stat().st_size > 0


def made_canonical(landmarks: np.ndarray) -> np.ndarray:
    return landmarks[:, MOUTH]


RUNS = ("whole", "parts")


@pytest.mark.usefixtures("eager", "no_pictures")
def test_a_stopped_run_ends_like_one_that_was_not(few: Dataset, tmp_path: Path) -> None:
    split = split_dataset(few, val_share=0.2)
    options = replace(TINY, steps=4, epoch_steps=2, batch_size=2, dropout=0.3, sequence=1.0, units=8)
    train_keypoints(few, split, tmp_path / "whole", options)
    for steps in (1, None):
        report = train_keypoints(few, split, tmp_path / "parts", options, limits=Limits(steps=steps))
        assert report.step == (steps or 4)
    with np.load(tmp_path / "whole" / "state.npz") as whole, np.load(tmp_path / "parts" / "state.npz") as parts:
        assert set(whole) == set(parts)
        for name in whole:
            np.testing.assert_array_equal(whole[name], parts[name], err_msg=name)
    for name in ("best.weights.h5", "last.weights.h5"):
        one, two = (build_predictor(PredictorConfig(**read_options(tmp_path / run)["predictor"])) for run in RUNS)
        one.load_weights(tmp_path / "whole" / name)
        two.load_weights(tmp_path / "parts" / name)
        for a, b in zip(one.get_weights(), two.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b, err_msg=name)


@pytest.mark.usefixtures("eager", "no_pictures")
def test_a_bidirectional_predictor_is_trained(few: Dataset, tmp_path: Path) -> None:
    options = replace(TINY, steps=2, epoch_steps=2, batch_size=2, sequence=1.0, units=8, bidirectional=True)
    report = train_keypoints(few, split_dataset(few, val_share=0.2), tmp_path, options)
    assert np.isfinite(report.best_score)
    assert read_options(tmp_path)["predictor"]["delay"] == 0


class TestRefusals:
    def test_other_options_in_the_same_folder(self, dataset: Dataset, tmp_path: Path) -> None:
        (tmp_path / "options.json").write_text('{"training": {"steps": 7}}')
        (tmp_path / "state.npz").touch()
        with pytest.raises(OptionError, match="steps 7 -> 180"):
            train_keypoints(dataset, split_dataset(dataset), tmp_path, TINY)

    @pytest.mark.parametrize("content", UNREADABLE_JSON)
    def test_options_that_cannot_be_read(self, tmp_path: Path, content: str) -> None:
        (tmp_path / "options.json").write_text(UNREADABLE_JSON[content])
        with pytest.raises(DatasetError, match="options of the run are damaged"):
            claim_folder(tmp_path, {"training": {"steps": 7}})

    def test_no_sound_on_a_side(self, tmp_path: Path) -> None:
        silent = MadeClip("silent", made_landmarks(60))
        dataset = load_dataset(write_dataset(tmp_path / "d", [silent, silent, made_clip("heard", 3.0, 1)]))
        split = split_dataset(dataset, val_share=0.3)
        with pytest.raises(DatasetError, match=r"no clip with sound on the (train|val) side"):
            train_keypoints(dataset, split, tmp_path / "run", TINY)
        assert not (tmp_path / "run").exists()

    @pytest.mark.parametrize(
        "wrong",
        [
            {"steps": 0},
            {"batch_size": 0},
            {"learning_rate": 0},
            {"lookahead": -0.1},
            {"lookahead": 3},
            {"sequence": 0.2},
            {"seed": -1},
            {"seed": 2**32},
            {"steps": 10**12},
            {"lookahead": float("nan")},
            {"augmented": float("nan")},
            {"opening_weight": float("nan")},
            {"velocity_weight": -1},
            {"ema_decay": float("nan")},
        ],
    )
    def test_options_out_of_range(self, wrong: dict[str, float]) -> None:
        with pytest.raises(OptionError, match="got"):
            KeypointOptions(**wrong)  # type: ignore[arg-type]


class TestBeginningAsAnother:
    @pytest.mark.parametrize("dropped", [0, 1])
    def test_the_mouth_moves_as_the_other_persons_did(self, tiny_person: Person, dropped: int) -> None:
        rng = np.random.default_rng(3)
        pca = tiny_person.mouth.pca
        # Another face, whose principal components are turned against the first one's, with one more or as many.
        count = pca.count + dropped
        moves = np.concatenate([pca.components * pca.spread[:, None], rng.normal(0, 0.01, (dropped, 40))])
        turn, _ = np.linalg.qr(rng.normal(size=(count, count)))
        turned = turn @ moves
        spread = np.linalg.norm(turned, axis=1)
        mean = (pca.mean + rng.normal(0, 0.1, 40)).astype(np.float32)
        other = MouthPca(mean, (turned / spread[:, None]).astype(np.float32), spread.astype(np.float32))
        mouth = replace(tiny_person.mouth, pca=other)
        inputs = rng.normal(size=(30, tiny_person.predictor.inputs)).astype(np.float32)
        val = [tracked(inputs, np.zeros((30 - tiny_person.predictor.delay, 20, 2), np.float32))]
        learner = KeypointLearner(replace(tiny_person.predictor, outputs=count), TINY, mouth, 0.1, val)
        learner.start_from(trained_predictor(tiny_person.folder))

        network = build_predictor(tiny_person.predictor)
        network.load_weights(tiny_person.predictor_weights)
        states = [np.zeros((1, *shape), np.float32) for shape in tiny_person.predictor.state_shapes]
        components = np.asarray(network([inputs[None], *states], training=False)[0])[0, tiny_person.predictor.delay :]
        theirs = pca.decode(components) - pca.mean.reshape(20, 2)
        ours = learner._predict(inputs) - mean.reshape(20, 2)
        assert np.abs(theirs).max() > 1e-3
        np.testing.assert_allclose(ours, theirs, atol=1e-5)

    @pytest.mark.usefixtures("eager", "no_pictures")
    def test_a_person_of_another_rate_is_a_beginning(self, tiny_person: Person, tmp_path: Path) -> None:
        fps = Fraction(30000, 1001)
        dataset = load_dataset(write_dataset(tmp_path / "d", [made_clip(f"c{n}", 3.0, n) for n in range(3)], fps))
        start = trained_predictor(tiny_person.folder)
        options = start_weights(start, replace(TINY, steps=1, batch_size=2, sequence=1.0, units=24, lookahead=0.5))
        assert (options.units, options.layers, options.lookahead) == (8, 2, 0.2)
        train_keypoints(dataset, split_dataset(dataset, val_share=0.3), tmp_path / "run", options, start=start)
        config = PredictorConfig(**read_options(tmp_path / "run")["predictor"])
        # 0.2 s are 5 frames at 25 per second and 6 at 29.97.
        assert (start.config.delay, config.delay, config.units, config.layers) == (5, 6, 8, 2)

        again = start_weights(trained_predictor(tmp_path / "run"), TINY)
        assert round(again.lookahead * fps) == 6
        assert round(again.lookahead * 25) == 5

    @pytest.mark.parametrize(
        ("changed", "told"),
        [
            ({"units": 16}, "units 8 there, 16 here"),
            ({"layers": 1}, "LSTM layers 2 there, 1 here"),
            ({"bidirectional": True}, "form with look-ahead there, bidirectional here"),
            ({"features": SPEECH}, "features logfbank there, speech here"),
        ],
    )
    def test_another_kind_is_refused_and_nothing_is_written(
        self, dataset: Dataset, tiny_person: Person, tmp_path: Path, changed: dict[str, Any], told: str
    ) -> None:
        start = trained_predictor(tiny_person.folder)
        options = replace(start_weights(start, TINY), **changed)
        with pytest.raises(OptionError, match=rf"of another kind: .*{told}"):
            train_keypoints(dataset, split_dataset(dataset), tmp_path / "run", options, start=start)
        assert not list(tmp_path.iterdir())

    @pytest.mark.usefixtures("eager", "no_pictures")
    def test_a_run_goes_on_when_a_clip_was_added(self, few: Dataset, tmp_path: Path) -> None:
        dataset, few = few, replace(few, clips=few.clips[:4])
        options = replace(TINY, steps=2, epoch_steps=1, batch_size=2, sequence=1.0, units=8)
        run = tmp_path / "run"
        train_keypoints(few, split_dataset(few), run, options)
        with pytest.raises(OptionError, match=rf"split .* -> .*--start {run}"):
            train_keypoints(dataset, split_dataset(dataset), run, options)
        split = split_dataset(dataset)
        start = trained_predictor(run)
        report = train_keypoints(dataset, split, tmp_path / "more", options, start=start)
        assert report.step == 2
        begun = read_options(tmp_path / "more")["data"]
        assert begun["start"] == sha256_of(run / "best.weights.h5")
        # The same command goes on, and another beginning is another run.
        assert train_keypoints(dataset, split, tmp_path / "more", options, start=start).step == 2
        with pytest.raises(OptionError, match=r"start .* -> None"):
            train_keypoints(dataset, split, tmp_path / "more", options)


def made_examples(
    dataset: Dataset, split: Split, folder: Path, copies: int = 0, synthetic_voices: SyntheticVoices | None = None
) -> TrainingExamples:
    maker = ExampleMaker(FeatureExtractor(FeatureOptions()), FPS, 5, 1, Progress())
    sides = [[(piece, made_canonical(piece.clip.landmarks)) for piece in side] for side in (split.train, split.val)]
    return maker.make(sides[0], sides[1], copies, synthetic_voices, folder)


class TestLessons:
    @pytest.fixture
    def synthetic_voices(self, dataset: Dataset, tmp_path: Path) -> SyntheticVoices:
        """Return each clip's own sound at half the speed, so that its lips last twice as long."""
        folder = tmp_path / "synthetic-voices"
        folder.mkdir()
        entries = []
        for clip in dataset.clips:
            assert clip.sound is not None
            slow = np.repeat(load_sound(clip.sound).samples, 2)
            save_sound(folder / f"{clip.name}.npz", slow, np.arange(0, len(slow) / SAMPLE_RATE, 0.01) / 2)
            entries.append(SyntheticUtterance(clip.folder.name, "made", 0.5, 50, f"{clip.name}.npz"))
        made = SyntheticVoices(folder, "for a test", tuple(entries))
        save_synthetic_voices(made)
        assert load_synthetic_voices(folder) == made
        return made

    def test_the_true_lips_follow_another_voice(
        self, dataset: Dataset, synthetic_voices: SyntheticVoices, tmp_path: Path
    ) -> None:
        split = split_dataset(dataset, val_share=0.2)
        examples = made_examples(dataset, split, tmp_path, synthetic_voices=synthetic_voices)
        assert len(examples.synthetic) == len(split.train)  # None of the validation side's.
        for slow, recorded in zip(
            sorted(examples.synthetic, key=lambda u: u.keypoints.sum()),
            sorted(examples.recorded, key=lambda u: u.keypoints.sum()),
            strict=True,
        ):
            assert len(slow.inputs) == len(slow.keypoints) + 5
            assert len(slow.keypoints) == pytest.approx(2 * len(recorded.keypoints), abs=2)
        every_other = [u.keypoints[::2][:90] for u in examples.synthetic]
        for keypoints in every_other:
            assert any(np.abs(keypoints - u.keypoints[:90]).max() < 1e-3 for u in examples.recorded)

    def test_augmented_copies_sound_otherwise_and_look_the_same(self, dataset: Dataset, tmp_path: Path) -> None:
        split = split_dataset(dataset, val_share=0.2)
        examples = made_examples(dataset, split, tmp_path, copies=2)
        assert len(examples.augmented) == 2 * len(examples.recorded)
        for number, recorded in enumerate(examples.recorded):
            for copy in examples.augmented[2 * number : 2 * number + 2]:
                np.testing.assert_array_equal(copy.keypoints, recorded.keypoints)
                assert np.abs(copy.inputs.astype(float) - recorded.inputs.astype(float)).mean() > 0.05

    def test_what_was_heard_is_kept_and_read_again(self, dataset: Dataset, tmp_path: Path) -> None:
        split = split_dataset(dataset, val_share=0.2)
        first = made_examples(dataset, split, tmp_path, copies=1)
        kept = (tmp_path / "heard.npz").read_bytes()
        again = made_examples(dataset, split, tmp_path, copies=1)
        assert (tmp_path / "heard.npz").read_bytes() == kept
        np.testing.assert_array_equal(first.augmented[3].inputs, again.augmented[3].inputs)
        (tmp_path / "heard.npz").write_bytes(kept[:1000])
        anew = made_examples(dataset, split, tmp_path, copies=1)
        np.testing.assert_array_equal(first.augmented[3].inputs, anew.augmented[3].inputs)

    def test_times_carry_keypoints_over(self) -> None:
        keypoints = np.arange(50, dtype=np.float64)[:, None, None] * np.ones((1, 20, 2))
        # From 0.4 s on, twice as fast.
        carried = transfer_keypoints(keypoints, 25.0, 0.4 + 2 * np.arange(0, 0.6, 0.01), 12)
        np.testing.assert_allclose(carried[:, 0, 0], 10 + 2 * np.arange(12), atol=1e-4)

    @pytest.mark.usefixtures("eager", "no_pictures")
    def test_a_person_is_trained_through_the_speech_encoder(self, few: Dataset, tmp_path: Path) -> None:
        options = replace(
            TINY, steps=2, epoch_steps=2, batch_size=2, sequence=1.0, units=8, features=SPEECH, copies=1, noise=0.2
        )
        report = train_keypoints(few, split_dataset(few, val_share=0.2), tmp_path, options)
        assert np.isfinite(report.best_score)
        run = read_options(tmp_path)
        assert run["data"]["encoder"] == encoder_digest(FeatureOptions(kind=SPEECH))
        assert run["predictor"]["inputs"] == 4 * 96
        assert "1 augmented copies of each" in run["data"]["voices"]

    def test_two_clips_of_one_name_hear_their_own_sound(self, tmp_path: Path) -> None:
        clips = [made_clip("x", 2.0, 1), made_clip("x", 2.0, 2), made_clip("y", 2.0, 3)]
        dataset = load_dataset(write_dataset(tmp_path / "d", clips))
        split = split_dataset(dataset, val_share=0.3)
        examples = made_examples(dataset, split, tmp_path)
        inputs = [utterance.inputs.astype(np.float32) for utterance in [*examples.recorded, *examples.val]]
        for one in range(3):
            for other in range(one):
                assert np.abs(inputs[one] - inputs[other]).max() > 0.1

    def test_training_hears_what_running_hears(self, dataset: Dataset, tmp_path: Path) -> None:
        split = split_dataset(dataset, val_share=0.2)
        val = made_examples(dataset, split, tmp_path).val
        clip = split.val[0].clip
        assert clip.sound is not None
        normalised = normalise_utterance(extract_features(load_sound(clip.sound), FeatureOptions()))
        running = stack_features(normalised, FPS, 0, 105, silence_features(26))
        np.testing.assert_array_equal(val[0].inputs, running.astype(np.float16))
        assert val[0].keypoints.shape == (100, 20, 2)

    def test_the_mouth_model_is_that_of_the_training_side(self, dataset: Dataset) -> None:
        split = split_dataset(dataset, val_share=0.2)
        model = fit_mouth(split.train, FPS)
        faces = [piece.clip.landmarks for piece in split.train]
        everything = np.concatenate([to_canonical(face, place_head(face, model.head))[:, MOUTH] for face in faces])
        np.testing.assert_allclose(model.pca.mean, everything.reshape(-1, 40).mean(axis=0), atol=1e-5)
        # At rest the made mouth is closed as far as it ever is.
        assert mouth_opening(model.rest) < np.quantile(mouth_opening(everything), 0.2)
        assert np.isfinite(model.rest).all()


class TestExamples:
    @pytest.fixture
    def source(self) -> ExampleSource:
        """Return examples_ whose inputs and keypoints both say which frame of which utterance they are."""
        size = stacked_size(FeatureOptions().count)
        examples_ = []
        for number in range(3):
            length = 40 + 5 * number
            said = 1000 * (number + 1) + np.arange(length + 5)
            examples_.append(
                tracked(
                    np.repeat(said[:, None], size, axis=1).astype(np.float32),
                    np.broadcast_to(said[:length, None, None], (length, 20, 2)).astype(np.float32),
                )
            )
        options = replace(TINY, noise=0.0, batch_size=16)
        examples = TrainingExamples(tuple(examples_), (), (), (), (np.zeros((30, size), np.float32),), ())
        return ExampleSource(examples, np.zeros((20, 2)), np.zeros(size), 5, 50, options)

    def test_inputs_and_keypoints_stay_together(self, source: ExampleSource) -> None:
        for step in range(5):
            inputs, keypoints, lips = source.batch(step)
            assert lips.shape == (16, 50) and (lips == Lips.TRACKED).all()
            assert inputs.shape == (16, 55, 208)
            assert keypoints.shape == (16, 50, 20, 2)
            np.testing.assert_array_equal(inputs[:, :50, 0], keypoints[:, :, 0, 0])

    def test_pauses_of_digital_silence_occur(self, source: ExampleSource) -> None:
        silent = [(source.batch(step)[1][:, :, 0, 0] == 0).mean() for step in range(5)]
        assert 0.02 < np.mean(silent) < 0.5

    def test_prose_tells_only_when_lips_meet_and_open(self) -> None:
        spans = LipTimes(shut=(Span(0.4, 0.46), Span(1.001, 1.03)), opened=(Span(0.44, 0.6),))
        lips = lips_of(spans, np.arange(30) / 25)
        assert np.flatnonzero(lips == Lips.SHUT).tolist() == [10, 11, 25]
        assert np.flatnonzero(lips == Lips.OPEN).tolist() == [12, 13, 14, 15]
        assert (lips == Lips.UNKNOWN).sum() == 23

    def test_prose_moves_the_lips_alone(self, tiny_person: Person) -> None:
        """Where keypoints are not known no other loss counts; lips meet, or open as far as a vowel's."""
        import tensorflow as tf

        rng = np.random.default_rng(4)
        config, length = tiny_person.predictor, 20
        mouths = np.repeat(tiny_person.mouth.rest[None], length, axis=0)
        mouths[:, 17:20, 1] += np.linspace(0.0, 0.3, length)[:, None]
        inputs = rng.normal(size=(1, length + config.delay, config.inputs)).astype(np.float32)
        recorded = [tracked(inputs[0], mouths)]
        learner = KeypointLearner(config, TINY, tiny_person.mouth, open_threshold(recorded), recorded)

        def reported(kind: Lips) -> dict[str, float]:
            lips = np.full((1, length), kind, np.int8)
            far = np.full((1, length, 20, 2), 5.0, np.float32)
            losses = learner.losses(*(tf.constant(values) for values in (inputs, far, lips)))
            return {name: float(value) for name, value in losses.reported.items()}

        known = reported(Lips.TRACKED)
        assert known["lips"] == 0 and known["position"] > 1
        for kind in (Lips.SHUT, Lips.OPEN, Lips.UNKNOWN):
            assert all(value == 0 for name, value in reported(kind).items() if name != "lips")
        gap = np.abs(mouth_opening(learner._predict(inputs[0])))
        assert reported(Lips.UNKNOWN)["lips"] == 0
        # Training drops some values of the network, so that its gap is near that of the whole network.
        assert reported(Lips.SHUT)["lips"] == pytest.approx(float(gap.mean()), rel=0.6)
        assert reported(Lips.OPEN)["lips"] < learner._open

    def test_a_vowel_is_as_open_as_the_recordings_widest_quarter(self, tiny_person: Person) -> None:
        mouths = np.repeat(tiny_person.mouth.rest[None], 101, axis=0)
        shut = mouth_opening(mouths)[0]
        mouths[:, 17:20, 1] += np.linspace(0.0, 0.4, 101)[:, None]
        recorded = [tracked(np.zeros((len(part), 1)), part) for part in (mouths[:40], mouths[40:])]
        assert open_threshold(recorded) == pytest.approx(shut + 0.3, abs=1e-4)

    def test_a_step_draws_always_the_same(self, source: ExampleSource) -> None:
        np.testing.assert_array_equal(source.batch(3)[0], source.batch(3)[0])
        assert (source.batch(3)[0] != source.batch(4)[0]).any()
