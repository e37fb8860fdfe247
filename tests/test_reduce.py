"""Reduced and frozen renderers: a smaller one learns from the full one, and files hold nothing but what paints."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import pytest

from obamanet.cli.app import obamanet_app
from obamanet.cli.boundary import call
from obamanet.engine.formats import Engine, Precision
from obamanet.engine.network import StoredNetwork, load_network
from obamanet.engine.onnx_export import export_weights
from obamanet.errors import OptionError
from obamanet.networks.config import GeneratorConfig
from obamanet.networks.unet import build_generator
from obamanet.networks.weights import save_weights
from obamanet.person import Person, load_person, save_card
from obamanet.pipelines import standalone
from obamanet.training.loop.runner import read_options
from obamanet.training.renderer.filter_pruning import prune_filters
from obamanet.training.renderer.generator_distillation import RUN, distil_generator
from obamanet.training.renderer.reduce_options import ReduceOptions

FULL = GeneratorConfig(image_size=32, width=8)

MAX_FP32, MEAN_FP16 = 1, 0.5
"""Grey levels of 255 by which a frozen renderer may differ from the trained one: in any pixel where weights are stored
in single precision, on average where they are stored in half."""

PAINTING = {"Add", "Cast", "Concat", "Conv", "ConvTranspose", "LeakyRelu", "Max", "Min", "Mul", "Reciprocal"}
PAINTING |= {"ReduceMean", "Relu", "Reshape", "Sqrt", "Sub", "Tanh", "Transpose"}
PAINTING |= {"Clip", "Constant", "DepthToSpace", "Div", "Identity", "Pad", "Rsqrt", "Squeeze", "Unsqueeze"}
"""Operators of a generator that paints, with the last line for other versions of the converter; none is of dropout, of
random numbers, of an optimizer or of a loss."""


def random_generator(config: GeneratorConfig, seed: int) -> keras.Model:
    """Return a generator with weights that paint something of all colours."""
    keras.utils.set_random_seed(seed)
    network, random = build_generator(config), np.random.default_rng(seed)
    network.set_weights([random.normal(0.0, 0.2, array.shape) for array in network.get_weights()])
    return network


def blots(count: int, size: int = 32, seed: int = 0) -> list[np.ndarray]:
    points = np.random.default_rng(seed).integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
    return [cv2.resize(one, (size, size)) for one in points]


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> StoredNetwork:
    folder = tmp_path_factory.mktemp("full")
    save_weights(random_generator(FULL, 1), folder / "g.weights.h5")
    return StoredNetwork("generator", FULL, folder / "g.onnx", folder / "g.weights.h5")


@pytest.mark.parametrize("fold", [1, 2])
def test_filters_that_nothing_reads_are_the_ones_that_go(fold: int) -> None:
    config = GeneratorConfig(image_size=32, width=8, fold=fold)
    wide, random = random_generator(config, 1), np.random.default_rng(5)
    layers = {layer.name: layer for layer in wide.layers if layer.weights}
    depth = max(int(name[4:]) for name in layers if name.startswith("down") and name[4:].isdigit()) + 1
    unread = {}
    for name in layers:
        if not name.endswith("_norm") and name != "up0":
            kernel = layers[name].weights[0]
            filters = int(kernel.shape[2 if name.startswith("up") else 3])
            unread[name] = random.permutation(filters)[: filters // 2]
    for level in range(depth):
        down, up = layers[f"down{level}"], layers[f"up{level}"]
        if level:
            kernel, *rest = down.get_weights()
            kernel[:, :, unread[f"down{level - 1}"]] = 0
            down.set_weights([kernel, *rest])
        kernel, *rest = up.get_weights()
        silent = unread[f"down{level}"]
        if level < depth - 1:
            above = int(layers[f"up{level + 1}"].weights[0].shape[2])
            silent = np.concatenate([unread[f"up{level + 1}"], above + silent])
        if level:
            kernel[..., silent] = 0
        else:
            kernel[:, :, silent] = 0
        up.set_weights([kernel, *rest])
    narrow = build_generator(replace(config, width=4))
    prune_filters(wide, narrow)
    pictures = np.stack(blots(3)).astype(np.float32) / 127.5 - 1
    assert narrow.count_params() < 0.4 * wide.count_params()
    np.testing.assert_allclose(np.asarray(narrow(pictures)), np.asarray(wide(pictures)), atol=1e-4)


def test_a_small_generator_learns_what_the_full_one_paints(full: StoredNetwork, tmp_path: Path) -> None:
    teacher, options = load_network(full, Engine.KERAS), ReduceOptions(4, steps=40, seed=7)
    small = distil_generator(full, teacher, blots(30), tmp_path, options)
    assert small.config == GeneratorConfig(image_size=32, width=4)

    def error(weights: Path | None) -> float:
        network = load_network(replace(small, weights=weights), Engine.KERAS)
        unseen = blots(8, seed=9)
        return float(np.mean([np.abs(network(x[None])[0].astype(float) - teacher(x[None])[0]).mean() for x in unseen]))

    assert error(small.weights) < 0.8 * error(tmp_path / "start.weights.h5")
    # That a seed repeats a training, test_pix2pix_training.py shows.
    assert read_options(tmp_path / RUN)["training"]["seed"] == 7


def weights_of(stored: StoredNetwork) -> list[np.ndarray]:
    network = build_generator(stored.config)
    network.load_weights(stored.weights)
    return network.get_weights()


def test_what_cannot_be_reduced_is_refused(full: StoredNetwork, tmp_path: Path) -> None:
    teacher = load_network(full, Engine.KERAS)
    with pytest.raises(OptionError, match="reduced width must be below the full one, 8: got 8"):
        distil_generator(full, teacher, blots(30), tmp_path, ReduceOptions(8))
    with pytest.raises(OptionError, match="width is out of range: got 3"):
        distil_generator(full, teacher, blots(30), tmp_path, ReduceOptions(3))
    with pytest.raises(OptionError, match="too few sketches to learn from: got 19, needed are at least 20"):
        distil_generator(full, teacher, blots(19), tmp_path, ReduceOptions(4))
    with pytest.raises(OptionError, match="steps must be at least 1: got 0"):
        ReduceOptions(4, steps=0)


@pytest.mark.parametrize("precision", [Precision.FP32, Precision.FP16])
def test_a_frozen_renderer_paints_the_same_pixels_without_this_project(
    full: StoredNetwork, tmp_path: Path, precision: Precision
) -> None:
    frozen = replace(full, onnx=tmp_path / "g.onnx")
    export_weights(frozen, precision)
    sketches = np.stack(blots(4, seed=3))
    np.save(tmp_path / "sketches.npy", sketches)
    code = """
import sys
for name in ("obamanet", "keras", "tensorflow", "onnx"):
    sys.modules[name] = None  # importing it is an error
import numpy, onnxruntime
session = onnxruntime.InferenceSession("g.onnx", providers=["CPUExecutionProvider"])
numpy.save("painted.npy", session.run(["picture"], {"sketch": numpy.load("sketches.npy")})[0])
"""
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, timeout=120, check=True)
    painted, trained = np.load(tmp_path / "painted.npy"), load_network(full, Engine.KERAS)(sketches)[0]
    assert trained.std() > 20
    difference = np.abs(painted.astype(int) - trained)
    if precision is Precision.FP32:
        assert difference.max() <= MAX_FP32
    assert difference.mean() <= MEAN_FP16


def test_a_frozen_renderer_holds_nothing_that_only_training_needs(full: StoredNetwork, tmp_path: Path) -> None:
    import onnx

    frozen = replace(full, onnx=tmp_path / "g.onnx")
    export_weights(frozen, Precision.FP32)
    model = onnx.load(frozen.onnx)
    assert {node.op_type for node in model.graph.node} <= PAINTING
    assert [value.name for value in (*model.graph.input, *model.graph.output)] == ["sketch", "picture"]
    stored = sum(int(np.prod(tensor.dims)) for tensor in model.graph.initializer if len(tensor.dims) > 1)
    wanted = sum(array.size for array in weights_of(full) if array.ndim > 1)
    # A 3x3 kernel that also doubles the picture is stored as the 4x4 one that does both.
    ups = [array.size for array in weights_of(full) if array.ndim == 4 and array.shape[0] == 3]
    assert wanted <= stored <= wanted + sum(ups) * 7 / 9 + 1000
    assert not [tensor.name for tensor in model.graph.initializer if "adam" in tensor.name.lower()]


# On the command line


@pytest.fixture
def run(full: StoredNetwork, tmp_path: Path) -> Path:
    """Return a run on pictures whose weights are those of the full generator, and its pictures beside it."""
    (tmp_path / "run").mkdir()
    assert full.weights
    shutil.copy(full.weights, tmp_path / "run" / "best.weights.h5")
    options: dict[str, Any] = {"generator": vars(FULL), "training": {"batch_size": 1}}
    options["folder"] = {"direction": "AtoB", "pairs": 30}
    (tmp_path / "run" / "options.json").write_text(json.dumps(options))
    (tmp_path / "pictures").mkdir()
    for index, picture in enumerate(blots(30)):
        cv2.imwrite(str(tmp_path / "pictures" / f"{index}.png"), np.hstack([picture, 255 - picture]))
    return tmp_path / "run"


def export(*arguments: object) -> int:
    return call(obamanet_app(), [str(one) for one in arguments], "obamanet")


def table_of(lines: str, *names: str) -> Sequence[list[str]]:
    return [line.split() for line in lines.splitlines() if line.startswith(names)]


@pytest.mark.usefixtures("eager")
def test_a_reduced_generator_of_pictures_is_one_file(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, pictures = run.parent / "small.onnx", run.parent / "pictures"
    reduced = ("--reduce", 4, "--reduce-steps", 2, "--pictures", pictures)
    assert export("pix2pix", "export", run, "--to", "onnx", "--out", out, *reduced) == 0
    shown = capsys.readouterr()
    assert shown.out.strip() == str(out)
    whole, small = table_of(shown.err, "small.onnx")
    assert (whole[1], small[1]) == ("full", "reduced")
    assert float(small[2]) < float(whole[2])
    assert sorted(path.name for path in run.parent.iterdir()) == ["pictures", "run", "small.json", "small.onnx"]
    assert json.loads((run.parent / "small.json").read_text())["width"] == 4
    painted = load_network(StoredNetwork("generator", GeneratorConfig(image_size=32, width=4), out))(blots(1)[0][None])
    assert painted[0].shape == (1, 32, 32, 3)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--to", "onnx", "--out", "s.onnx", "--reduce", 4), "--reduce needs --pictures DIR"),
        (("--to", "onnx", "--out", "s.onnx", "--reduce", 8, "--pictures", "PICTURES"), "must be below the full one, 8"),
        (("--out", "s.keras", "--precision", "fp16", "--reduce", 4, "--pictures", "PICTURES"), "keras files hold fp32"),
    ],
)
def test_refusals_are_one_line(
    run: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[object, ...], said: str, monkeypatch: Any
) -> None:
    monkeypatch.chdir(run.parent)
    assert export("pix2pix", "export", run, *("pictures" if one == "PICTURES" else one for one in arguments)) != 0
    [line] = capsys.readouterr().err.strip().splitlines()
    assert said in line
    assert sorted(path.name for path in run.parent.iterdir()) == ["pictures", "run"]


@pytest.mark.usefixtures("eager")
def test_a_person_is_exported_with_a_reduced_renderer(
    tiny_person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(tiny_person.folder, tmp_path / "person"))
    config = GeneratorConfig(image_size=64, width=8)
    for name in ("predictor.onnx", "predictor.weights.h5", "mouth.npz"):
        (folder / name).unlink()
    # Without a speech part, as a puppet is.
    person = replace(tiny_person, folder=folder, generator=config, speech=None)
    save_weights(random_generator(config, 2), person.renderer_weights)
    export_weights(person.renderer_network)
    save_card(person)
    monkeypatch.setattr(standalone, "LEARNED_SKETCHES", 30)
    assert export("export", folder, "--out", tmp_path / "out", "--reduce", 4, "--reduce-steps", 2) == 0
    shown = capsys.readouterr()
    assert [row[:2] for row in table_of(shown.err, "renderer.onnx")] == [
        ["renderer.onnx", "full"],
        ["renderer.onnx", "reduced"],
    ]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"renderer.onnx", "networks.json", "README.txt"}
    session = load_network(StoredNetwork("generator", replace(config, width=4), tmp_path / "out" / "renderer.onnx"))
    assert session(np.zeros((1, 64, 64, 3), np.uint8))[0].shape == (1, 64, 64, 3)
    # The person keeps its own.
    assert load_person(folder).generator == config
    assert export("export", folder, "--reduce", 4) == 2
    assert "--reduce needs --out FOLDER" in capsys.readouterr().err
