"""The speech encoder: its graph, what the shipped one hears, its teacher, and how another one is made."""

from __future__ import annotations

import json
import shutil
import wave
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import run_eagerly

from obamanet.audio.features import SPEECH, FeatureOptions, extract_features
from obamanet.audio.load import load_sound
from obamanet.audio.normalise_features import normalise_utterance
from obamanet.cli.app import obamanet_app
from obamanet.cli.boundary import call
from obamanet.errors import DatasetError, ObamanetError, OptionError, PersonError
from obamanet.networks.config import EncoderConfig
from obamanet.networks.speech_encoder import LocalAttention, build_encoder
from obamanet.progress import Progress
from obamanet.speech import feature_extractor
from obamanet.speech.feature_extractor import FeatureExtractor, SpeechEncoder
from obamanet.training.encoder.distillation import (
    EDGE,
    INPUT_OFFSET,
    RESULT,
    EncoderOptions,
    distance_bias,
    start_from_teacher,
    train_encoder,
)
from obamanet.training.encoder.distillation_set import DistillationSet, TeacherStatistics, measure_teacher, padded
from obamanet.training.encoder.mixtures import Sounds, find_sounds, make_mixture, read_sounds, samples_of
from obamanet.training.encoder.teacher import Dense, Norm, Teacher, TeacherBlock, read_teacher, teacher_features
from obamanet.training.loop.runner import Limits
from obamanet.types import AudioClip, FeatureSequence

RATE = 16_000
STEP = RATE // 50
"""Samples per step of the encoder, 20 ms."""

WIDTH, HIDDEN, POSITIONS = 128, 32, 80
"""Sizes of the teachers made here: two heads, 1.6 s of sound."""

TINY = EncoderOptions(
    steps=3,
    batch_size=2,
    learning_rate=1e-3,
    mixtures=4,
    validating=1,
    outputs=4,
    precision="float32",
    epoch_steps=1,
    before=3,
    after=2,
)


def babbling(seconds: float, seed: int = 0) -> np.ndarray:
    """Return a voice-like sound: a pitch's harmonics, whose colour and loudness change four times per second."""
    random = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    knots = np.arange(0, seconds + 1, 0.25)
    weights = random.random((30, len(knots))) * np.exp(-np.arange(30) / 10)[:, None]
    pitch = 110 + 40 * random.random()
    voice = sum(
        np.interp(time, knots, weights[k]) * np.sin(2 * np.pi * pitch * (k + 1) * time) for k in range(len(weights))
    )
    return (0.05 * voice).astype(np.float32)


def energies(sound: np.ndarray) -> FeatureSequence:
    return extract_features(AudioClip(sound, RATE, "test"), FeatureOptions(kind=SPEECH))


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    """Return the correlation of two sounds' features (F, D), less what every sound has in common."""
    values = ((features - features.mean(axis=0)).ravel() for features in (one, other))
    return float(np.corrcoef(*values)[0, 1])


@pytest.fixture(scope="module")
def encoder() -> SpeechEncoder:
    return SpeechEncoder(feature_extractor.encoder_card().network)


class TestGraph:
    def test_local_attention_is_a_softmax_over_the_steps_within_reach(self) -> None:
        heads, before, after, steps, width = 2, 3, 1, 9, 8
        layer = LocalAttention(heads, before, after)
        layer.build((None, None, width))
        random = np.random.default_rng(3)
        layer.set_weights([random.normal(size=weight.shape) for weight in layer.weights])
        x = random.normal(size=(2, steps, width)).astype(np.float32)
        query, key, value = (np.asarray(part(x)) for part in (layer.query, layer.key, layer.value))
        wanted = np.zeros_like(x)
        for b in range(2):
            for head in range(heads):
                mine = slice(4 * head, 4 * head + 4)
                for t in range(steps):
                    near = range(max(0, t - before), min(steps, t + after + 1))
                    scores = np.array(
                        [query[b, t, mine] @ key[b, s, mine] / 2 + layer.distance[head, s - t + before] for s in near]
                    )
                    weights = np.exp(scores) / np.exp(scores).sum()
                    wanted[b, t, mine] = sum(w * value[b, s, mine] for w, s in zip(weights, near, strict=True))
        wanted = wanted @ np.asarray(layer.out.kernel) + np.asarray(layer.out.bias)
        np.testing.assert_allclose(np.asarray(layer(x)), wanted, atol=1e-5)

    def test_an_output_depends_on_the_steps_within_reach_alone(self) -> None:
        config = EncoderConfig(bands=5, outputs=3, width=8, heads=2, hidden=8, blocks=2, before=3, after=1)
        network = build_encoder(config)
        features = np.random.default_rng(0).normal(size=(1, 83, 5)).astype(np.float32)
        before = np.asarray(network(features))[0]
        assert before.shape == (40, 3)
        features[0, 2 * 20 + 2] += 1.0
        moved = np.flatnonzero(np.abs(np.asarray(network(features))[0] - before).max(axis=1) > 1e-6)
        back, ahead = config.reach
        assert moved.min() >= 20 - ahead
        assert moved.max() <= 20 + back
        assert {20 - 2 * 1, 20 + 2 * 3} <= set(moved.tolist())

    @pytest.mark.parametrize("wrong", [{"width": 10, "heads": 3}, {"before": -1}, {"blocks": 0}])
    def test_sizes_that_do_not_fit_are_refused(self, wrong: dict[str, int]) -> None:
        with pytest.raises(OptionError, match=r"^encoder "):
            EncoderConfig(**wrong)


class TestShippedEncoder:
    def test_chunks_make_no_difference(self, encoder: SpeechEncoder) -> None:
        features = energies(babbling(3.0))
        whole = encoder.encode(features)
        assert whole.values.shape == (-(-len(features.values) // 2), 96)
        assert whole.rate == 50
        for chunk in (37, 64):
            np.testing.assert_allclose(encoder.encode(features, chunk).values, whole.values, atol=1e-4)

    @pytest.mark.parametrize("steps", [1, 7, 60])
    def test_a_later_sound_has_its_features_later(self, encoder: SpeechEncoder, steps: int) -> None:
        # A window's silence first, or frames that begin before the sound would see part of it.
        sound = np.concatenate([np.zeros(400, np.float32), babbling(2.0)])
        first = encoder.encode(energies(sound)).values
        later = encoder.encode(energies(np.concatenate([np.zeros(steps * STEP, np.float32), sound]))).values
        np.testing.assert_allclose(later[steps:], first, atol=1e-4)
        assert np.abs(first[steps:] - first[:-steps]).max() > 0.1

    def test_silence_is_heard_as_quiet(self) -> None:
        options = FeatureOptions(kind=SPEECH)
        heard = FeatureExtractor(options)
        silence = extract_features(AudioClip(np.zeros(2 * RATE, np.float32), RATE, "silence"), options)
        said = heard.encode(silence).values
        assert said.shape == (100, 96)
        np.testing.assert_allclose(said, np.broadcast_to(heard.silence, said.shape), atol=1e-4)

    def test_recordings_are_heard_through_noise(self, encoder: SpeechEncoder, grid_s1: Path) -> None:
        """Noise 10 dB below changes what the encoder says less than it changes what the encoder is given."""
        raw, heard = [], []
        for path in sorted((grid_s1 / "video").glob("*"))[:3]:
            sound = load_sound(path).samples
            noise = np.random.default_rng(1).normal(size=len(sound)).astype(np.float32)
            noise *= np.sqrt(np.mean(sound**2) / np.mean(noise**2) / 10)
            clean, noisy = energies(sound), energies(sound + noise)
            raw.append(likeness(*(normalise_utterance(one, SPEECH).values for one in (clean, noisy))))
            heard.append(likeness(*(encoder.encode(one).values for one in (clean, noisy))))
        # Measured: 0.71 against 0.55.
        assert np.mean(heard) > 0.67
        assert np.mean(heard) > np.mean(raw) + 0.1

    @pytest.mark.parametrize("name", ["speech_encoder.onnx", "speech_encoder.weights.h5"])
    def test_a_damaged_file_is_refused(self, tmp_path: Path, use_encoder: Callable[[Path], None], name: str) -> None:
        folder = tmp_path / "encoder"
        shutil.copytree(feature_extractor.encoder_folder(), folder)
        content = bytearray((folder / name).read_bytes())
        content[len(content) // 2] ^= 1
        (folder / name).write_bytes(content)
        use_encoder(folder)
        with pytest.raises(
            PersonError, match=rf"^speech encoder was altered: .*{name}.*; install the program anew$"
        ) as error:
            SpeechEncoder(feature_extractor.encoder_card().network)
        assert "\n" not in str(error.value)


@pytest.fixture
def use_encoder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], None]]:
    """Put another folder in the shipped encoder's place until the test ends."""

    def use(folder: Path) -> None:
        monkeypatch.setattr(feature_extractor, "encoder_folder", lambda: folder)
        feature_extractor.encoder_card.cache_clear()

    yield use
    monkeypatch.undo()
    feature_extractor.encoder_card.cache_clear()


def made_teacher(blocks: int = 2) -> Teacher:
    """Return a teacher of small random weights."""
    random = np.random.default_rng(11)

    def array(*shape: int) -> np.ndarray:
        return (random.normal(size=shape) / np.sqrt(shape[-2] if len(shape) > 1 else 9)).astype(np.float32)

    def dense(inputs: int, outputs: int) -> Dense:
        return Dense(array(inputs, outputs), array(outputs))

    def norm() -> Norm:
        return Norm(1 + array(WIDTH), array(WIDTH))

    def block() -> TeacherBlock:
        return TeacherBlock(
            norm(),
            dense(WIDTH, WIDTH),
            Dense(array(WIDTH, WIDTH), np.zeros(WIDTH, np.float32)),
            dense(WIDTH, WIDTH),
            dense(WIDTH, WIDTH),
            norm(),
            dense(WIDTH, HIDDEN),
            dense(HIDDEN, WIDTH),
        )

    return Teacher(
        Dense(array(3, 80, WIDTH) / 2, array(WIDTH)),
        Dense(array(3, WIDTH, WIDTH) / 2, array(WIDTH)),
        array(POSITIONS, WIDTH),
        tuple(block() for _ in range(blocks)),
    )


def write_onnx(teacher: Teacher, path: Path) -> None:
    """Write ``teacher`` as Smart Turn has it: products nameless and in 8 bit, values rounded on the way."""
    onnx = pytest.importorskip("onnx")
    make, from_array = onnx.helper.make_node, onnx.numpy_helper.from_array
    stored: list[Any] = []
    nodes: list[Any] = []

    def keep(name: str, values: np.ndarray) -> str:
        stored.append(from_array(np.asarray(values), name))
        return name

    def in_8_bit(name: str, values: np.ndarray, axis: int) -> str:
        others = tuple(place for place in range(values.ndim) if place != axis)
        scale = np.abs(values).max(axis=others) / 127
        shape = [-1 if place == axis else 1 for place in range(values.ndim)]
        names = [
            keep(f"{name}_quantized", np.rint(values / scale.reshape(shape)).astype(np.int8)),
            keep(f"{name}_scale", scale.astype(np.float32)),
            keep(f"{name}_zero_point", np.zeros(len(scale), np.int8)),
        ]
        nodes.append(make("DequantizeLinear", names, [f"{name}_DequantizeLinear_Output"], axis=axis))
        return f"{name}_DequantizeLinear_Output"

    def rounded(name: str) -> str:
        scale = [keep(f"{name}_scale", np.float32(0.1)), keep(f"{name}_zero_point", np.int8(0))]
        nodes.append(make("QuantizeLinear", [name, *scale], [f"{name}_Q"]))
        nodes.append(make("DequantizeLinear", [f"{name}_Q", *scale], [f"{name}_DQ"]))
        return f"{name}_DQ"

    encoder = "inner.encoder."
    for name, layer in (("conv1", teacher.conv1), ("conv2", teacher.conv2)):
        kernel = in_8_bit(f"{encoder}{name}.weight", layer.kernel.transpose(2, 1, 0), 0)
        nodes.append(make("Conv", ["sound", kernel, keep(f"{encoder}{name}.bias", layer.bias)], [name]))
    nodes.append(make("Add", ["conv2", keep(f"{encoder}embed_positions.weight", teacher.positions)], ["x"]))
    count = 0
    for number, block in enumerate(teacher.blocks):
        place = f"{encoder}layers.{number}."
        for norm, parts in (
            ("attention_norm", {"key": "", "query": "self_attn.q_proj", "value": "self_attn.v_proj"}),
            ("", {"out": "self_attn.out_proj"}),
            ("dense_norm", {"wide": "fc1", "narrow": "fc2"}),
        ):
            source = "x"
            if norm:
                given = getattr(block, norm)
                called = place + {"attention_norm": "self_attn_layer_norm", "dense_norm": "final_layer_norm"}[norm]
                pair = [keep(f"{called}.weight", given.scale), keep(f"{called}.bias", given.bias)]
                nodes.append(make("LayerNormalization", ["x", *pair], [f"{called}_out"]))
                source = rounded(f"{called}_out")
            for part, name in parts.items():
                layer, count = getattr(block, part), count + 1
                nodes.append(make("MatMul", [source, in_8_bit(f"val_{count}", layer.kernel, 1)], [f"made_{count}"]))
                if name:
                    bias = keep(f"{place}{name}.bias", layer.bias)
                    nodes.append(make("Add", [rounded(f"made_{count}"), bias], [f"added_{count}"]))
    graph = onnx.helper.make_graph(nodes, "teacher", [], [], stored)
    onnx.save(onnx.helper.make_model(graph), path)


class TestTeacher:
    def test_the_reader_finds_every_weight(self, tmp_path: Path) -> None:
        made = made_teacher()
        write_onnx(made, tmp_path / "teacher.onnx")
        read = read_teacher(tmp_path / "teacher.onnx", 2)
        np.testing.assert_array_equal(read.positions, made.positions)
        layers = [(read.conv1, made.conv1), (read.conv2, made.conv2)]
        for found, block in zip(read.blocks, made.blocks, strict=True):
            for name in ("query", "key", "value", "out", "wide", "narrow"):
                layers.append((getattr(found, name), getattr(block, name)))
            for name in ("attention_norm", "dense_norm"):
                np.testing.assert_array_equal(getattr(found, name).scale, getattr(block, name).scale)
                np.testing.assert_array_equal(getattr(found, name).bias, getattr(block, name).bias)
        for mine, theirs in layers:
            np.testing.assert_allclose(mine.kernel, theirs.kernel, atol=np.abs(theirs.kernel).max() / 250)
            np.testing.assert_array_equal(mine.bias, theirs.bias)

    def test_another_file_is_refused(self, tmp_path: Path) -> None:
        onnx = pytest.importorskip("onnx")
        damaged, other = tmp_path / "damaged.onnx", tmp_path / "other.onnx"
        damaged.write_bytes(b"no graph at all")
        onnx.save(onnx.helper.make_model(onnx.helper.make_graph([], "empty", [], [])), other)
        for path, why in (
            (damaged, "cannot be read as ONNX"),
            (tmp_path / "missing.onnx", "cannot be read as ONNX"),
            (other, "holds no Whisper encoder"),
        ):
            with pytest.raises(DatasetError, match=why) as error:
                read_teacher(path, 2)
            assert str(path) in str(error.value)

    def test_too_few_blocks_are_refused(self, tmp_path: Path) -> None:
        write_onnx(made_teacher(blocks=1), tmp_path / "teacher.onnx")
        with pytest.raises(DatasetError, match=r"lacks inner\.encoder\.layers\.1\..* needed are 2 blocks"):
            read_teacher(tmp_path / "teacher.onnx", 2)

    def test_a_missing_package_is_one_line(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(__import__("sys").modules, "onnx", None)
        with pytest.raises(OptionError, match=r"install obamanet\[train\]$"):
            read_teacher(tmp_path / "teacher.onnx", 2)

    def test_it_says_what_the_graph_with_its_weights_says(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # Where attention reaches everywhere and positions are all alike, teacher and encoder are the same function.
        made = made_teacher()
        # At the border the teacher's second convolution sees zeros, the encoder's sees on: not here.
        kernel = made.conv2.kernel * np.array([0, 1, 1], np.float32)[:, None, None]
        conv2, positions = Dense(kernel, made.conv2.bias), np.tile(made.positions[:1], (POSITIONS, 1))
        teacher = replace(made, conv2=conv2, positions=positions)
        reach = POSITIONS - 1
        config = EncoderConfig(outputs=WIDTH, width=WIDTH, heads=2, hidden=HIDDEN, before=reach, after=reach)
        everywhere = np.zeros((2, 2 * reach + 1), np.float32)
        monkeypatch.setattr("obamanet.training.encoder.distillation.distance_bias", lambda *given: everywhere)
        network, none = build_encoder(config), np.zeros((POSITIONS, WIDTH), np.float32)
        statistics = TeacherStatistics(np.stack([none, none]), none, np.eye(WIDTH, dtype=np.float32))
        start_from_teacher(network, teacher, config, statistics)
        sound = babbling(samples_of(2 * POSITIONS) / RATE)
        # 45 dB are 4.5 powers of ten, and the teacher divides those by 4. It pads with zeros in its units.
        features = (np.pad(teacher_features(sound, RATE), ((2, 2), (0, 0))) - INPUT_OFFSET) * 4 / 4.5
        said = teacher.activations(sound, RATE)
        assert said.shape == (3, POSITIONS, WIDTH)
        np.testing.assert_allclose(np.asarray(network(features[None]))[0], said[-1], atol=1e-4)


class TestStretches:
    def sounds(self) -> Sounds:
        voices = [babbling(1.0, seed) for seed in range(6)]
        ends = np.cumsum([len(voice) for voice in voices])
        places = np.stack([ends - [len(voice) for voice in voices], ends], axis=1)
        return Sounds((np.concatenate(voices) * 32767).astype(np.int16), (places[:4], places[4:]))

    def test_equal_seeds_make_equal_stretches(self) -> None:
        one, other = (make_mixture(self.sounds(), 20_000, np.random.default_rng(5)) for _ in range(2))
        np.testing.assert_array_equal(one.noisy, other.noisy)
        np.testing.assert_array_equal(one.clean, other.clean)
        assert one.clean.shape == one.noisy.shape == (20_000,)

    def test_some_are_noise_that_should_be_silence_and_most_are_augmented(self) -> None:
        sounds = self.sounds()
        mixtures = [make_mixture(sounds, 24_000, np.random.default_rng(seed)) for seed in range(30)]
        silent = [mixture for mixture in mixtures if not mixture.clean.any()]
        same = [mixture for mixture in mixtures if np.array_equal(mixture.clean, mixture.noisy)]
        assert 1 <= len(silent) <= 8
        assert all(mixture.noisy.any() for mixture in silent)
        assert 2 <= len(same) <= 14

    def test_recordings_to_validate_with_are_not_learned_from(self) -> None:
        train, val = self.sounds().split(1)
        for mine, others, whole in zip(train.groups, val.groups, self.sounds().groups, strict=True):
            assert len(others) == 1
            assert {tuple(place) for place in (*mine, *others)} == {tuple(place) for place in whole}
            assert len(mine) + len(others) == len(whole)

    def test_files_are_decoded_once_and_short_or_broken_ones_left_out(self, tmp_path: Path) -> None:
        folder, store = tmp_path / "voices", tmp_path / "sounds.pcm"
        lengths = (1.0, 0.7, 0.3)
        for number, seconds in enumerate(lengths):
            write_wav(folder / f"{number}.wav", babbling(seconds, number))
        (folder / "broken.wav").write_bytes(b"RIFF")
        (folder / "notes.txt").write_text("no sound")
        files = find_sounds([folder, folder])
        assert [len(group) for group in files] == [4, 4]
        sounds = read_sounds(files, store, Progress())
        assert [len(group) for group in sounds.groups] == [2, 2]
        assert len(sounds.samples) == round(1.7 * RATE)
        np.testing.assert_allclose(sounds.sound(sounds.groups[1][0]), babbling(1.0, 0), atol=1e-4)
        for path in folder.iterdir():
            path.unlink()
        np.testing.assert_array_equal(read_sounds(files, store, Progress()).samples, sounds.samples)

    def test_a_folder_without_sounds_is_refused(self, tmp_path: Path) -> None:
        write_wav(tmp_path / "one.wav", babbling(1.0))
        with pytest.raises(DatasetError, match="two or more sound files: got 1 in"):
            find_sounds([tmp_path])


def write_wav(path: Path, sound: np.ndarray) -> None:
    path.parent.mkdir(exist_ok=True)
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes((sound * 32767).astype("<i2").tobytes())


@pytest.fixture(scope="module")
def voices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of four made sounds."""
    folder = tmp_path_factory.mktemp("voices")
    for number in range(4):
        write_wav(folder / f"{number}.wav", babbling(1.5, number))
    return folder


@pytest.fixture(scope="module")
def teacher_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a file in the teacher's place that is read as a made one, so that onnx is not needed."""
    path = tmp_path_factory.mktemp("teacher") / "smart-turn.onnx"
    path.write_bytes(b"stands for a teacher")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("obamanet.training.encoder.distillation.read_teacher", lambda file, blocks: made_teacher(blocks))
        yield path


@pytest.fixture(scope="module")
def finished(voices: Path, teacher_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run of three steps."""
    run = tmp_path_factory.mktemp("finished") / "run"
    with run_eagerly():
        report = train_encoder([voices], teacher_file, run, TINY, licence="CC0-1.0", attribution="Voices: nobody.")
    assert (report.step, report.steps) == (3, 3)
    return run


class TestTraining:
    def test_the_bias_is_the_mean_score_by_distance(self) -> None:
        block, config = made_teacher().blocks[0], EncoderConfig(width=WIDTH, heads=2, before=3, after=2)
        inputs = np.random.default_rng(2).normal(size=(POSITIONS, WIDTH)).astype(np.float32)
        bias = distance_bias(block, inputs, config)
        normed = block.attention_norm(inputs)
        scores = block.query(normed)[:, 64:] @ block.key(normed)[:, 64:].T / 8
        edge = int(0.15 * POSITIONS)
        wanted = np.array([np.mean([scores[t, t + d] for t in range(edge, POSITIONS - edge)]) for d in range(-3, 3)])
        np.testing.assert_allclose(bias[1], wanted - wanted.mean(), atol=1e-5)

    def test_wanted_outputs_are_centred_and_of_like_size(self, voices: Path, tmp_path: Path) -> None:
        sounds = read_sounds(find_sounds([voices]), tmp_path / "sounds.pcm", Progress())
        dataset = DistillationSet(tmp_path / "mixtures", made_teacher(), sounds, 6, 1, seed=1)
        dataset.make(Progress())
        statistics = measure_teacher(dataset, made_teacher(), 4, tmp_path / "statistics.npz", Progress())
        said = np.stack([dataset.teacher_output(number) for number in dataset.train])
        np.testing.assert_allclose(statistics.centre, said.mean(axis=0), atol=1e-3)
        moving = (said - said.mean(axis=0)).reshape(-1, WIDTH)
        wanted, variances = moving @ statistics.projection, np.linalg.svd(moving)[1][:4] ** 2
        np.testing.assert_allclose(wanted.var(axis=0), variances / (variances + 0.01 * variances[0]), atol=0.02)
        np.testing.assert_allclose(np.corrcoef(wanted.T), np.eye(4), atol=0.02)

    @pytest.mark.usefixtures("eager")
    def test_a_run_and_its_resumption_end_in_the_same_weights(
        self, voices: Path, tmp_path: Path, teacher_file: Path, finished: Path
    ) -> None:
        run = tmp_path / "run"
        first = train_encoder([voices], teacher_file, run, TINY, limits=Limits(steps=1))
        assert first.step == 1
        kept = {path.name: path.stat().st_mtime_ns for path in (run / "mixtures").iterdir()}
        assert len(kept) == TINY.mixtures + TINY.validating
        train_encoder([voices], teacher_file, run, TINY)
        assert {path.name: path.stat().st_mtime_ns for path in (run / "mixtures").iterdir()} == kept
        with np.load(finished / "state.npz") as one, np.load(run / "state.npz") as other:
            assert one["step"] == other["step"] == 3
            for name in one.files:
                np.testing.assert_array_equal(one[name], other[name])
        with pytest.raises(OptionError, match="other options"):
            train_encoder([voices], teacher_file, run, replace(TINY, seed=2))

    def test_what_is_made_can_take_the_shipped_ones_place(
        self, finished: Path, use_encoder: Callable[[Path], None]
    ) -> None:
        card = json.loads((finished / RESULT / "speech_encoder.json").read_text())
        assert card["licence"] == "CC0-1.0"
        assert card["origin"].endswith("Voices: nobody.")
        assert "smart-turn.onnx" in card["origin"]
        use_encoder(finished / RESULT)
        heard = FeatureExtractor(FeatureOptions(kind=SPEECH))
        made = SpeechEncoder(feature_extractor.encoder_card().network).encode(energies(babbling(1.0)))
        assert made.values.shape == (50, TINY.outputs)
        assert heard.silence.shape == (TINY.outputs,)
        # Mean 0 and deviation 1 over what was learned from.
        network = build_encoder(feature_extractor.encoder_card().config)
        network.load_weights(finished / RESULT / "speech_encoder.weights.h5")
        said = []
        for number in range(TINY.mixtures):
            with np.load(finished / "mixtures" / f"{number:06d}.npz") as arrays:
                said.append(np.asarray(network(padded(arrays["input"].astype(np.float32))[None]))[0, EDGE:-EDGE])
        np.testing.assert_allclose(np.concatenate(said).mean(axis=0), 0, atol=0.02)
        np.testing.assert_allclose(np.concatenate(said).std(axis=0), 1, atol=0.02)

    def test_the_verb_prints_the_encoders_folder(
        self, voices: Path, tmp_path: Path, teacher_file: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        run = tmp_path / "run"
        given = ["--teacher", str(teacher_file), "--out", str(run), "--mixtures", "6", "--steps", "1", "--quiet"]
        assert call(obamanet_app(), ["train", "encoder", str(voices), *given], "obamanet") == 0
        assert capsys.readouterr().out == f"{run / RESULT}\n"
        assert sorted(path.name for path in (run / RESULT).iterdir()) == sorted(
            path.name for path in feature_extractor.encoder_folder().iterdir()
        )

    def test_a_teacher_that_hears_too_little_is_refused(self, voices: Path, tmp_path: Path, teacher_file: Path) -> None:
        with pytest.raises(ObamanetError, match=r"teacher must take more than 84 steps of 20 ms at once: got 80"):
            train_encoder([voices], teacher_file, tmp_path / "run", replace(TINY, before=40, after=20))

    @pytest.mark.parametrize("wrong", [{"steps": 0}, {"learning_rate": 1.0}, {"precision": "float8"}, {"blocks": 0}])
    def test_options_out_of_range_are_refused(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(OptionError):
            EncoderOptions(**wrong)
