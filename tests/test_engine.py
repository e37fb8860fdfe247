"""Stored networks: every engine computes what the training graph computes, and what cannot be run says why."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import ROOT

from obamanet.audio.features import SPEECH, FeatureOptions, extract_features
from obamanet.audio.load import load_sound
from obamanet.audio.normalise_features import normalise_utterance
from obamanet.engine.network import CONFIG_KEY, Engine, Network, StoredNetwork, check_engine, load_network
from obamanet.engine.onnx_export import Precision, export_network
from obamanet.errors import EngineError
from obamanet.evaluation.judges.judge_folders import read_judge
from obamanet.files import sha256_of
from obamanet.networks.config import (
    EncoderConfig,
    GeneratorConfig,
    LipReaderConfig,
    PoserConfig,
    PredictorConfig,
    SyncNetConfig,
)
from obamanet.person import Person, load_person
from obamanet.render.sketch import draw_face
from obamanet.speech.feature_extractor import encoder_card
from obamanet.training.judges.judge_card import LIPREADER, SYNCNET
from obamanet.training.judges.mouth_crops import HEIGHT, WIDTH
from text2face.mouth.pose_features import describe
from text2face.syllables.timed import syllables_of
from text2face.voice.espeak import speak_timed

CONFIGS: dict[str, tuple[str, Any]] = {
    "generator": ("generator", GeneratorConfig(image_size=32, width=4)),
    "predictor": ("predictor", PredictorConfig(inputs=12, outputs=5, units=16, layers=2)),
    "bidirectional predictor": (
        "predictor",
        PredictorConfig(inputs=12, outputs=5, units=16, layers=1, delay=0, bidirectional=True),
    ),
    "poser": ("poser", PoserConfig(inputs=9, poses=4, units=8, layers=2)),
    "speech encoder": (
        "speech_encoder",
        EncoderConfig(bands=10, outputs=6, width=24, heads=2, hidden=32, blocks=1, before=5, after=3),
    ),
    "lip reader": ("lipreader", LipReaderConfig(height=16, width=24, classes=7, filters=(4, 6), units=8)),
    "syncnet": ("syncnet", SyncNetConfig(points=6, bands=5, width=8, size=4)),
}


@dataclass(frozen=True)
class Case:
    """A network with random weights on disk, its training graph, typical inputs, and what that makes of them."""

    stored: StoredNetwork
    reference: Network
    inputs: tuple[np.ndarray, ...]
    outputs: tuple[np.ndarray, ...]


def random_inputs(kind: str, config: Any, length: int) -> tuple[np.ndarray, ...]:
    random = np.random.default_rng(5)
    if kind == "generator":
        return (random.integers(0, 256, (length, config.image_size, config.image_size, 3)).astype(np.uint8),)
    if kind == "lipreader":
        return (random.normal(size=(2, length, config.height, config.width)).astype(np.float32),)
    if kind == "syncnet":
        shapes = [(length, config.points), (4 * length, config.bands)]
        return tuple(random.normal(size=(1, *shape)).astype(np.float32) for shape in shapes)
    bands = config.bands if kind == "speech_encoder" else config.inputs
    shapes = [(length, bands)] + ([] if kind != "predictor" else config.state_shapes)
    return tuple(random.normal(size=(1, *shape)).astype(np.float32) for shape in shapes)


@pytest.fixture(scope="module", params=list(CONFIGS))
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    import keras

    from obamanet.networks.signatures import build_signature

    kind, config = CONFIGS[request.param]
    keras.utils.set_random_seed(3)
    signature = build_signature(kind, config)
    for variable in signature.network.weights:
        # Keras starts biases, scales and distances at 0 or 1, which would hide a wrong order of them.
        variable.assign(variable + 0.2 * keras.random.normal(variable.shape, seed=len(variable.path)))
    folder = tmp_path_factory.mktemp("network")
    stored = StoredNetwork(kind, config, folder / "network.onnx", folder / "network.weights.h5")
    assert stored.weights is not None
    signature.network.save_weights(stored.weights)
    export_network(kind, config, signature, stored.onnx, Precision.FP32)
    inputs = random_inputs(kind, config, 2 if kind == "generator" else 40)
    reference = load_network(stored, Engine.KERAS)
    return Case(stored, reference, inputs, reference(*inputs))


def engines() -> list[Engine]:
    return [Engine.ONNXRUNTIME, Engine.OPENVINO]


def installed(engine: Engine) -> Engine:
    """Return ``engine``, or skip the test where it is an extra that is not installed."""
    try:
        check_engine(engine)
    except EngineError as error:
        pytest.skip(str(error))
    return engine


class TestParity:
    @pytest.mark.parametrize("engine", engines())
    def test_equals_the_training_graph(self, case: Case, engine: Engine) -> None:
        outputs = load_network(case.stored, installed(engine))(*case.inputs)
        assert len(outputs) == len(case.outputs)
        for ours, reference in zip(outputs, case.outputs, strict=True):
            assert ours.shape == reference.shape
            assert ours.dtype == reference.dtype
            if case.stored.kind == "generator":
                difference = np.abs(ours.astype(int) - reference.astype(int))
                assert difference.max() <= 4
                assert difference.mean() <= 1
            else:
                assert np.abs(ours - reference).max() < 1e-4

    def test_outputs_depend_on_inputs(self, case: Case) -> None:
        # Else parity would be two constants that agree.
        network = load_network(case.stored)
        other = tuple(np.flip(array, axis=1).copy() for array in case.inputs)
        assert np.abs(network(*other)[0].astype(float) - case.outputs[0]).max() > 1e-3

    def test_any_length(self, case: Case) -> None:
        network = load_network(case.stored)
        inputs = random_inputs(case.stored.kind, case.stored.config, 27)
        difference = case.reference(*inputs)[0].astype(float) - network(*inputs)[0].astype(float)
        assert np.abs(difference).max() <= (4 if case.stored.kind == "generator" else 1e-4)

    def test_threads_do_not_augment_each_other(self, case: Case) -> None:
        network = load_network(case.stored)
        with ThreadPoolExecutor(4) as pool:
            for outputs in pool.map(lambda _: network(*case.inputs), range(12)):
                assert all(np.array_equal(a, b) for a, b in zip(outputs, network(*case.inputs), strict=True))


class TestPrecision:
    # Of the shipped files, below, every kind of network is at half precision.
    @pytest.mark.parametrize("case", ["generator", "predictor"], indirect=True)
    def test_half_precision_is_half_the_size_and_nearly_equal(self, case: Case, tmp_path: Path) -> None:
        from obamanet.networks.signatures import load_signature

        stored = case.stored
        assert stored.weights is not None
        signature = load_signature(stored.kind, stored.config, stored.weights)
        half = StoredNetwork(stored.kind, stored.config, tmp_path / "half.onnx")
        export_network(stored.kind, stored.config, signature, half.onnx, Precision.FP16)
        outputs = load_network(half)(*case.inputs)[0]
        if stored.kind == "generator":
            assert psnr(outputs, case.outputs[0]) >= 40
            assert half.onnx.stat().st_size < 0.75 * stored.onnx.stat().st_size
        else:
            assert np.abs(outputs - case.outputs[0]).max() < 0.02 * np.abs(case.outputs[0]).max() + 1e-3

    def test_eight_bits_need_samples(self, case: Case, tmp_path: Path) -> None:
        from obamanet.networks.signatures import build_signature

        stored = case.stored
        signature = build_signature(stored.kind, stored.config)
        with pytest.raises(EngineError, match="int8 needs typical inputs"):
            export_network(stored.kind, stored.config, signature, tmp_path / "int8.onnx", Precision.INT8)
        assert not (tmp_path / "int8.onnx").exists()


def psnr(picture: np.ndarray, truth: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio of two uint8 pictures in dB."""
    return float(10 * np.log10(255**2 / max(1e-9, np.mean((picture.astype(float) - truth) ** 2))))


def test_the_file_tells_what_it_is(case: Case) -> None:
    import onnxruntime

    told = onnxruntime.InferenceSession(str(case.stored.onnx)).get_modelmeta().custom_metadata_map[CONFIG_KEY]
    expected = {"kind": case.stored.kind, **asdict(case.stored.config)}
    # Through JSON, which has lists where a config has tuples.
    assert json.loads(told) == json.loads(json.dumps(expected))


class TestRefusals:
    def test_a_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(EngineError, match=r"network is missing: .*none\.onnx"):
            load_network(StoredNetwork("generator", None, tmp_path / "none.onnx"))

    @pytest.mark.parametrize("engine", engines())
    def test_a_damaged_file(self, case: Case, tmp_path: Path, engine: Engine) -> None:
        damaged = tmp_path / "damaged.onnx"
        damaged.write_bytes(case.stored.onnx.read_bytes()[:-200])
        with pytest.raises(EngineError, match=r"network is damaged: .*damaged\.onnx") as refused:
            load_network(StoredNetwork(case.stored.kind, case.stored.config, damaged), installed(engine))
        assert "\n" not in str(refused.value)

    @pytest.mark.parametrize(("opset", "format_version"), [(99, 9), (18, 99)])
    def test_operators_that_are_too_new(self, tmp_path: Path, opset: int, format_version: int) -> None:
        from onnx import TensorProto, helper

        value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
        out = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
        graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "new", [value], [out])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=format_version)
        (tmp_path / "new.onnx").write_bytes(model.SerializeToString())
        with pytest.raises(EngineError, match="newer ONNX version"):
            load_network(StoredNetwork("generator", None, tmp_path / "new.onnx"))

    def test_weights_that_were_not_exported(self, case: Case, tmp_path: Path) -> None:
        stored = replace(case.stored, onnx=tmp_path / "none.onnx")
        with pytest.raises(EngineError) as refused:
            load_network(stored)
        assert str(refused.value) == f"network is not exported yet: {stored.onnx}; run: obamanet export {tmp_path}"

    @pytest.mark.parametrize("engine", engines())
    def test_a_network_of_another_kind_or_size(self, case: Case, engine: Engine) -> None:
        size = {"generator": "width", "speech_encoder": "hidden", "syncnet": "width"}.get(case.stored.kind, "units")
        larger = replace(case.stored.config, **{size: 2 * getattr(case.stored.config, size)})
        for other in (replace(case.stored, config=larger), replace(case.stored, kind="painter")):
            with pytest.raises(EngineError, match=r"network does not fit its card: .*network\.onnx") as refused:
                load_network(other, installed(engine))
            assert "\n" not in str(refused.value)

    def test_an_onnx_file_of_somebody_else(self, tmp_path: Path) -> None:
        from onnx import TensorProto, helper

        value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
        out = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
        graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "relu", [value], [out])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
        (tmp_path / "other.onnx").write_bytes(model.SerializeToString())
        with pytest.raises(EngineError, match="network does not fit its card"):
            load_network(StoredNetwork("generator", GeneratorConfig(), tmp_path / "other.onnx"))

    def test_an_engine_that_is_not_installed(self, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "openvino", None)
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        with pytest.raises(EngineError, match=r"engine is not installed: openvino; pip install 'obamanet\[openvino\]'"):
            load_network(case.stored, Engine.OPENVINO)

    def test_training_weights_that_were_not_shipped(self, case: Case) -> None:
        stored = StoredNetwork(case.stored.kind, case.stored.config, case.stored.onnx)
        with pytest.raises(EngineError, match="engine keras needs training weights"):
            load_network(stored, Engine.KERAS)


@pytest.fixture(scope="module")
def default_person() -> Person:
    return load_person(ROOT / "checkpoints" / "grid_s1")


@pytest.fixture(scope="module")
def features() -> np.ndarray:
    """Return the normalised features (1, F, 80) of a spoken sentence, which the speech encoder takes."""
    sound = load_sound(ROOT / "data" / "audio" / "hello_en.wav")
    options = FeatureOptions(kind=SPEECH)
    return normalise_utterance(extract_features(sound, options), SPEECH).values[None].astype(np.float32)


@pytest.fixture(scope="module")
def heard(features: np.ndarray) -> np.ndarray:
    """Return what the speech encoder makes of a spoken sentence, (T, 96)."""
    return load_network(encoder_card().network)(features)[0][0]


def both(stored: StoredNetwork, *inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first output of a shipped network as it is run and as the training graph has it, without batch."""
    ours, reference = (load_network(stored, engine)(*inputs)[0][0] for engine in (Engine.ONNXRUNTIME, Engine.KERAS))
    assert ours.shape == reference.shape
    return ours, reference


class TestShipped:
    """What is shipped to be run is what was trained; both forms hold the weights at half precision."""

    def test_the_renderer_paints_the_same(self, default_person: Person) -> None:
        reference, size = default_person.reference.points, default_person.image_size
        sketches = np.stack([draw_face(reference[number], size) for number in (0, len(reference) // 2)])
        stored = default_person.renderer_network
        painted = (load_network(stored, engine)(sketches)[0] for engine in (Engine.ONNXRUNTIME, Engine.KERAS))
        for ours, theirs in zip(*painted, strict=True):
            assert theirs.std() > 20
            difference = np.abs(ours.astype(int) - theirs.astype(int))
            # Measured: 1 at most, 0.003 in the mean.
            assert difference.mean() <= 1
            assert difference.max() <= 4

    def test_the_predictor_moves_the_same_keypoints(self, default_person: Person, heard: np.ndarray) -> None:
        config = default_person.predictor
        inputs = np.concatenate([heard[i : len(heard) - 3 + i : 2] for i in range(4)], axis=1)[None]
        assert inputs.shape[2] == config.inputs
        states = [np.zeros((1, *shape), np.float32) for shape in config.state_shapes]
        decode = default_person.mouth.pca.decode
        ours, theirs = (decode(each) for each in both(default_person.predictor_network, inputs, *states))
        assert np.ptp(theirs, axis=0).max() > 0.05
        # Measured: 3e-8 at most.
        assert np.abs(ours - theirs).max() < 1e-4

    def test_the_encoder_hears_the_same(self, default_person: Person, features: np.ndarray) -> None:
        own = default_person.encoder_network
        assert own is not None
        assert sha256_of(own.onnx) == sha256_of(encoder_card().network.onnx)
        ours, theirs = both(own, features)
        assert theirs.std() > 0.5
        # Measured: 1.2e-5 at most, of values up to 6.
        assert np.abs(ours - theirs).max() < 1e-4

    def test_the_poser_chooses_the_same(self, default_person: Person) -> None:
        words = tuple(syllables_of(word, "en-gb") for word in speak_timed("My mother may buy a boat.", "en-gb").words)
        sounds = describe(words, np.arange(60) / 25)[None].astype(np.float32)
        ours, theirs = both(default_person.poser_network, sounds)
        assert np.ptp(theirs, axis=0).max() > 0.2
        # Measured: 2e-7 at most.
        assert np.abs(ours - theirs).max() < 1e-4

    def test_the_lip_reader_scores_the_same(self) -> None:
        stored = read_judge(LIPREADER, None).network
        windows = np.random.default_rng(1).normal(size=(1, 40, HEIGHT, WIDTH)).astype(np.float32)
        ours, theirs = both(stored, windows)
        assert np.ptp(theirs) > 2
        # Measured: 1.7e-6 at most, of logits up to 5.
        assert np.abs(ours - theirs).max() < 1e-4

    def test_syncnet_embeds_the_same(self) -> None:
        stored = read_judge(SYNCNET, None).network
        random = np.random.default_rng(1)
        inputs = [random.normal(size=(1, *shape)).astype(np.float32) for shape in ((40, 40), (160, 26))]
        for ours, theirs in zip(
            *(load_network(stored, engine)(*inputs) for engine in (Engine.ONNXRUNTIME, Engine.KERAS)), strict=True
        ):
            assert ours.shape == theirs.shape == (1, 28, 64)
            assert np.ptp(theirs) > 0.2
            # Measured: 4.1e-7 at most, of embeddings of length 1.
            assert np.abs(ours - theirs).max() < 1e-4
