"""Exported networks: what is written runs alone and is near the trained network; refusals are one line."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from obamanet.cli.app import obamanet_app
from obamanet.cli.boundary import call
from obamanet.engine.formats import Format, Precision
from obamanet.engine.network import Engine, load_network
from obamanet.engine.onnx_export import _block_kernel
from obamanet.engine.tflite_export import TfliteNetwork
from obamanet.errors import EngineError, OptionError, OutputError
from obamanet.inference.speaker import Speaker
from obamanet.person import FAST_RENDERER_FILE, Person, load_person
from obamanet.pipelines.standalone import calibration_sketches, export_into_person, export_standalone, table


@pytest.fixture
def person(tiny_person: Person, tmp_path: Path) -> Person:
    """Return a copy of the tiny person that a test may change."""
    return load_person(Path(shutil.copytree(tiny_person.folder, tmp_path / "person")))


def psnr(picture: np.ndarray, truth: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / max(1e-9, np.mean((picture.astype(float) - truth) ** 2))))


def test_transposed_convolutions_become_equal_convolutions() -> None:
    random = np.random.default_rng(0)
    kernel, picture = random.normal(size=(3, 2, 4, 4)), random.normal(size=(3, 5, 6))
    expected = np.zeros((2, 12, 14))
    for row in range(5):
        for column in range(6):
            block = np.einsum("c,coyx->oyx", picture[:, row, column], kernel)
            expected[:, 2 * row : 2 * row + 4, 2 * column : 2 * column + 4] += block
    blocks, padded = _block_kernel(kernel), np.pad(picture, ((0, 0), (1, 1), (1, 1)))
    dealt = np.zeros((2, 10, 12))
    for row in range(5):
        for column in range(6):
            pixels = np.einsum("fcyx,cyx->f", blocks, padded[:, row : row + 3, column : column + 3])
            dealt[:, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2] = pixels.reshape(2, 2, 2).transpose(2, 0, 1)
    np.testing.assert_allclose(dealt, expected[:, 1:-1, 1:-1], atol=1e-5)


class TestIntoThePerson:
    def test_what_is_missing_is_written(self, person: Person) -> None:
        for name in ("renderer.onnx", "predictor.onnx"):
            (person.folder / name).unlink()
        card = json.loads((person.folder / "person.json").read_text())
        card["files"] = {name: digest for name, digest in card["files"].items() if not name.endswith(".onnx")}
        (person.folder / "person.json").write_text(json.dumps(card))
        files = export_into_person(person.folder)
        assert {file.path.name for file in files} == {"renderer.onnx", "predictor.onnx"}
        assert {"renderer.onnx", "predictor.onnx"} <= set(
            json.loads((person.folder / "person.json").read_text())["files"]
        )
        load_person(person.folder)

    def test_a_person_that_lacks_nothing_stays_as_it_is(self, person: Person) -> None:
        card = person.folder / "person.json"
        # As an older version wrote it, without what newer ones add.
        content = json.loads(card.read_text())
        del content["landmarks"]
        card.write_text(json.dumps(content))
        before = {path.name: path.read_bytes() for path in person.folder.iterdir()}
        export_into_person(person.folder)
        assert {path.name: path.read_bytes() for path in person.folder.iterdir()} == before

    def test_without_keras_nothing_is_begun(self, person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
        before = {path.name: path.read_bytes() for path in person.folder.iterdir()}
        find_spec = importlib.util.find_spec
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "keras" else find_spec(name))
        with pytest.raises(EngineError, match=r"engine is not installed: keras; pip install 'obamanet\[train\]'"):
            export_into_person(person.folder, Precision.INT8)
        assert {path.name: path.read_bytes() for path in person.folder.iterdir()} == before
        assert {file.quality for file in export_into_person(person.folder)} == {"not compared: engine is not installed"}

    def test_the_fast_renderer_is_near_the_trained_one(self, person: Person) -> None:
        export_into_person(person.folder, Precision.INT8)
        assert FAST_RENDERER_FILE in json.loads((person.folder / "person.json").read_text())["files"]
        fast = Speaker(load_person(person.folder), Engine.FAST).renderer
        trained = load_network(person.renderer_network, Engine.KERAS)
        sketches = calibration_sketches(person, 6, seed=9)
        painted = np.stack([fast.paint(sketch) for sketch in sketches])
        assert 32 <= psnr(painted, trained(sketches)[0]) < 90

    def test_fp32_needs_a_folder(self, person: Person) -> None:
        with pytest.raises(OptionError, match="fp32 needs --out"):
            export_into_person(person.folder, Precision.FP32)


class TestStandalone:
    def test_onnx_files_run_without_this_project(self, person: Person, tmp_path: Path) -> None:
        import onnxruntime

        files = export_standalone(person, tmp_path / "out", Precision.FP32)
        names = {path.name for path in (tmp_path / "out").iterdir()}
        assert names == {"renderer.onnx", "predictor.onnx", "networks.json", "README.txt"}
        told = json.loads((tmp_path / "out" / "networks.json").read_text())["networks"]
        assert told["renderer.onnx"]["inputs"] == [{"name": "sketch", "shape": [None, 64, 64, 3], "type": "uint8"}]
        sketches = calibration_sketches(person, 3, seed=4)
        session = onnxruntime.InferenceSession(tmp_path / "out" / "renderer.onnx")
        [painted] = session.run(["picture"], {"sketch": sketches})
        assert np.abs(painted.astype(int) - load_network(person.renderer_network)(sketches)[0]).max() <= 8
        assert [line.split()[0] for line in table(files)[:3]] == ["file", "renderer.onnx", "predictor.onnx"]

    def test_int8_quantises_the_renderer_alone(self, person: Person, tmp_path: Path) -> None:
        export_standalone(person, tmp_path / "out", Precision.INT8)
        told = json.loads((tmp_path / "out" / "networks.json").read_text())["networks"]
        assert {name: one["precision"] for name, one in told.items()} == {
            "renderer.onnx": "int8",
            "predictor.onnx": "fp16",
        }

    def test_keras_files(self, person: Person, tmp_path: Path) -> None:
        files = export_standalone(person, tmp_path / "out", None, Format.KERAS)
        assert [file.path.name for file in files] == ["renderer.keras", "predictor.keras"]
        for file in files:
            assert file.path.stat().st_size == file.size > 1000

    def test_tflite_files(self, person: Person, tmp_path: Path) -> None:
        files = export_standalone(person, tmp_path / "out", None, Format.TFLITE)
        assert [file.path.name for file in files] == ["renderer.tflite", "predictor.tflite"]
        told = json.loads((tmp_path / "out" / "networks.json").read_text())["networks"]
        for file, stored in zip(files, (person.renderer_network, person.predictor_network), strict=True):
            about = told[file.path.name]
            names = [[each["name"] for each in about[side]] for side in ("inputs", "outputs")]
            inputs = [
                np.full([1, *(size or 30 for size in each["shape"][1:])], 0.5 + index, each["type"])
                for index, each in enumerate(about["inputs"])
            ]
            ours, theirs = TfliteNetwork(file.path, *names)(*inputs), load_network(stored, Engine.KERAS)(*inputs)
            for one, other in zip(ours, theirs, strict=True):
                np.testing.assert_allclose(one, other, atol=4 if one.dtype == np.uint8 else 1e-4)

    @pytest.mark.parametrize("name", ["out", "not_there/../out"])
    def test_a_folder_that_holds_something(self, person: Person, tmp_path: Path, name: str) -> None:
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "mine.txt").write_text("mine")
        with pytest.raises(OutputError, match="output folder is not empty"):
            export_standalone(person, tmp_path / name)
        assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]

    def test_no_weights_to_export(self, person: Person, tmp_path: Path) -> None:
        person.renderer_weights.unlink()
        with pytest.raises(EngineError, match=r"there are no training weights: .*renderer\.onnx"):
            export_standalone(person, tmp_path / "out", Precision.FP32)
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["no_such_person"], "no such person folder: no_such_person"),
        (["PERSON", "--to", "keras"], "--to keras needs --out FOLDER"),
        (["PERSON", "--to", "keras", "--precision", "fp16", "--out", "new"], "keras files hold fp32: got fp16"),
        (
            ["PERSON", "--to", "tflite", "--precision", "int8", "--out", "new"],
            "tflite files hold fp32 or fp16: got int8",
        ),
    ],
)
def test_refusals_are_one_line(
    tiny_person: Person,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = [str(tiny_person.folder) if one == "PERSON" else one for one in arguments]
    assert call(obamanet_app(), ["export", *arguments], "obamanet") in (1, 2)
    [line] = capsys.readouterr().err.strip().splitlines()
    assert said in line
    assert not list(tmp_path.iterdir())
