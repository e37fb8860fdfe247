"""Exports a person's networks: into the person, for the engines, or as standalone files that need no person."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from obamanet.engine.formats import Engine, Format, Precision
from obamanet.engine.network import Network, StoredNetwork, check_engine, load_network
from obamanet.engine.onnx_export import export_weights
from obamanet.errors import EngineError, OptionError, OutputError
from obamanet.export import upgrade_person
from obamanet.files import atomic_write_json, scratch_folder
from obamanet.person import FAST_RENDERER_FILE, Person, edited_person, load_person, save_card
from obamanet.pipelines.speak import draw_sketches
from obamanet.progress import Progress
from obamanet.sources import add_sources, read_sources
from obamanet.types import CanonicalKeypoints

CALIBRATION_SKETCHES = 32
"""Number of sketches on which int8 quantisation is calibrated."""

MEASURED_SKETCHES = 8
"""Number of other sketches on which an exported renderer is compared with the trained one."""

TIMED_CALLS = 5
"""Timed calls of each network, of which the median is reported."""

README = """Networks of the person '{name}', exported by {software}.

networks.json lists each file's inputs and outputs: names, shapes (null is any length) and types.

"""

DESCRIPTIONS = {
    "renderer": "sketch, uint8 BGR, to picture, uint8 BGR",
    "speech_encoder": "log-mel features of 10 ms, relative to the speech's level, to encoded features of 20 ms",
    "predictor": "features, stacked for each video frame, and LSTM states, to PCA values and new states",
    "poser": "timed phonemes to weights of mouth poses",
}
"""What each network does, by the stem of its file."""

KERAS_NOTE = """
*.keras hold the graph between the scalings: the renderer takes and gives values in [-1, 1]. Those of the renderer and
the speech encoder have layers of their own: import obamanet.networks.layers and obamanet.networks.speech_encoder first.
"""
"""Addition to README.txt for Keras files."""

TFLITE_NOTE = """
*.tflite have one signature, "run", with these names; LiteRT (ai-edge-litert) or tf.lite run it. The renderer takes one
sketch at a time.
"""


@dataclass(frozen=True)
class ExportedFile:
    """One exported network.

    Attributes:
        path: its file.
        size: bytes.
        quality: difference of its outputs from those of the trained network in single precision, in words.
        milliseconds: per video frame, measured on this machine with one thread.
    """

    path: Path
    size: int
    quality: str
    milliseconds: float


def export_into_person(
    folder: Path, precision: Precision = Precision.FP16, progress: Progress | None = None
) -> list[ExportedFile]:
    """Adds the missing ONNX files to a person; with int8 also a renderer for engine fast.

    Args:
        folder: of the person.
        precision: fp16 or int8.
        progress: reports the progress.

    Returns:
        All network files of the person, measured.

    Raises:
        OptionError: fp32, which persons do not hold.
        PersonError: the person cannot be read.
        EngineError: training weights for a missing file are not there.
        OutputError: the folder cannot be written, or another process is at work in it.
    """
    progress = progress or Progress()
    if precision is Precision.FP32:
        raise OptionError("fp32 needs --out: a person itself holds fp16, and int8 beside it")
    if not os.access(folder, os.W_OK):
        raise OutputError(f"person's folder is not writable: {folder}; export to another one with --out")
    if precision is Precision.INT8:
        # Before anything is written: eight-bit integers are made of the training weights.
        check_engine(Engine.KERAS)
    person = upgrade_person(folder)
    if precision is Precision.INT8:
        with edited_person(folder) as edited:
            _write_onnx(edited.fast_renderer_network, edited, precision)
            save_card(edited)
        person = load_person(folder)
    networks = person.networks
    if (folder / FAST_RENDERER_FILE).is_file():
        networks[FAST_RENDERER_FILE.removesuffix(".onnx")] = person.fast_renderer_network
    return [
        _measured(stored.onnx, load_network(stored), stored, person)
        for stored in progress.track(networks.values(), "measuring", len(networks))
    ]


def export_standalone(
    person: Person,
    out: Path,
    precision: Precision | None = None,
    to: Format = Format.ONNX,
    progress: Progress | None = None,
) -> list[ExportedFile]:
    """Writes the networks of ``person`` into a new folder, with README.txt and networks.json.

    Only the renderer is quantised: with int8 the LSTMs and the speech encoder are stored in fp16.

    Args:
        person: whose networks.
        out: a folder that is empty or does not exist.
        precision: None for fp16, and for fp32 with Keras files, which have no other.
        to: format of the files.
        progress: reports the progress.

    Returns:
        The files, measured.

    Raises:
        OptionError: Keras files in another precision than fp32, or TensorFlow Lite files in int8.
        OutputError: the folder is not empty or cannot be written.
        EngineError: training weights for a file are not there.
    """
    progress = progress or Progress()
    precision = precision or (Precision.FP32 if to is Format.KERAS else Precision.FP16)
    if to is Format.KERAS and precision is not Precision.FP32:
        raise OptionError(f"keras files hold fp32: got {precision}; leave --precision out")
    if to is Format.TFLITE and precision is Precision.INT8:
        raise OptionError(f"tflite files hold fp32 or fp16: got {precision}; int8 is for onnx")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OutputError(f"output folder is not empty: {out}; name a new one")
    networks = person.networks
    described: dict[str, Any] = {}
    with scratch_folder(out / "networks") as scratch:
        files = []
        for name, stored in progress.track(networks.items(), "exporting", len(networks)):
            own = precision if name == "renderer" or precision is not Precision.INT8 else Precision.FP16
            path = scratch / f"{name}.{to}"
            network = _write(stored, path, person, own, to)
            described[path.name] = {"precision": own.value, **_described(stored, path, to)}
            files.append(_measured(path, network, stored, person))
        from obamanet.about import SOFTWARE

        notes = {Format.KERAS: KERAS_NOTE, Format.TFLITE: TFLITE_NOTE}
        lines = "".join(f"{name:<16}{DESCRIPTIONS[name]}\n" for name in networks)
        text = README.format(name=person.name, software=SOFTWARE) + lines + notes.get(to, "")
        (scratch / "README.txt").write_text(text, encoding="utf-8")
        origin = person.origin
        about = {"licence": origin.licence, "attribution": origin.attribution, "consent": origin.consent}
        atomic_write_json(
            scratch / "networks.json", {"schema": 1, "person": person.name, **about, "networks": described}
        )
        add_sources(scratch, read_sources(person.folder))
        for path in sorted(scratch.iterdir()):
            path.replace(out / path.name)
    return [ExportedFile(out / file.path.name, file.size, file.quality, file.milliseconds) for file in files]


def table(files: Sequence[ExportedFile]) -> list[str]:
    """Returns the lines of a plain-text table of ``files``."""
    rows = [("file", "MB", "against fp32", "ms a frame")]
    rows += [(f.path.name, f"{f.size / 1e6:.2f}", f.quality, f"{f.milliseconds:.2f}") for f in files]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [*lines, "ms a frame: of video, one thread (.keras: all), measured here and now"]


def calibration_sketches(person: Person, count: int, seed: int) -> np.ndarray:
    """Returns typical inputs of the renderer of ``person``: (count, S, S, 3) uint8 BGR.

    Heads are spread over the reference track, mouths over the PCA; equal ``seed`` gives equal sketches.
    """
    mouth, frames = person.mouth, len(person.reference.points)
    components = np.random.default_rng(seed).normal(size=(count, mouth.pca.count)).astype(np.float32)
    # One mouth per stretch of the reference track, which is played forward and backward.
    length = max(1, 2 * frames // count)
    keypoints = CanonicalKeypoints(np.repeat(mouth.pca.decode(components), length, axis=0), person.reference.fps)
    sketches = (source.sketch for source in draw_sketches(keypoints, person) if source.sketch is not None)
    return np.stack([sketch for index, sketch in enumerate(sketches) if index % length == length // 2])


def _write(stored: StoredNetwork, path: Path, person: Person, precision: Precision, to: Format) -> Network:
    """Writes ``stored`` to ``path`` and returns the network loaded from there."""
    if to is Format.ONNX:
        if precision is Precision.FP16 and stored.onnx.is_file():
            shutil.copyfile(stored.onnx, path)
        else:
            _write_onnx(StoredNetwork(stored.kind, stored.config, path, stored.weights), person, precision)
        return load_network(StoredNetwork(stored.kind, stored.config, path))
    from obamanet.engine.keras_engine import load_weights

    signature = load_weights(stored)
    if to is Format.TFLITE:
        from obamanet.engine.tflite_export import TfliteNetwork, export_tflite

        export_tflite(signature, path, precision)
        return TfliteNetwork(path, [spec.name for spec in signature.inputs], signature.outputs)
    from obamanet.networks.weights import save_network

    save_network(signature.network, path)
    return load_network(stored, Engine.KERAS)


def _write_onnx(stored: StoredNetwork, person: Person, precision: Precision) -> None:
    export_weights(stored, precision, _samples(stored.kind, person, precision))


def _samples(kind: str, person: Person, precision: Precision) -> list[tuple[np.ndarray, ...]]:
    if precision is not Precision.INT8 or kind != "generator":
        return []
    return [(sketch[None],) for sketch in calibration_sketches(person, CALIBRATION_SKETCHES, seed=1)]


def _described(stored: StoredNetwork, path: Path, to: Format) -> dict[str, Any]:
    """Returns the kind of the network in ``path`` and its inputs and outputs as plain values."""
    if to is Format.ONNX:
        from obamanet.engine.onnxruntime_engine import inputs_and_outputs

        return {"kind": stored.kind, **inputs_and_outputs(path)}
    from obamanet.networks.signatures import build_signature

    signature = build_signature(stored.kind, stored.config)
    inputs = [{"name": s.name, "shape": list(s.shape), "type": s.dtype} for s in signature.inputs]
    return {"kind": stored.kind, "inputs": inputs, "outputs": [{"name": name} for name in signature.outputs]}


def _measured(path: Path, network: Network, stored: StoredNetwork, person: Person) -> ExportedFile:
    calls, frames = _calls(stored, person)
    quality = _quality(network, stored, calls)
    seconds = []
    for _ in range(TIMED_CALLS):
        start = time.perf_counter()
        network(*calls[0])
        seconds.append(time.perf_counter() - start)
    return ExportedFile(path, path.stat().st_size, quality, 1000 * float(np.median(seconds)) / frames)


def _calls(stored: StoredNetwork, person: Person) -> tuple[list[tuple[np.ndarray, ...]], float]:
    """Returns inputs of the measured calls, and the number of video frames per call."""
    if stored.kind == "generator":
        return [(sketch[None],) for sketch in calibration_sketches(person, MEASURED_SKETCHES, seed=2)], 1.0
    random, fps, config = np.random.default_rng(3), float(person.fps), stored.config
    encoder = stored.kind == "speech_encoder"
    # A second of sound has 100 feature frames.
    length, width = (100, config.bands) if encoder else (round(fps), config.inputs)
    inputs = random.uniform(-1, 1, (1, length, width)).astype(np.float32)
    shapes = config.state_shapes if stored.kind == "predictor" else []
    return [(inputs, *(np.zeros((1, *shape), np.float32) for shape in shapes))], fps


def _quality(network: Network, stored: StoredNetwork, calls: Sequence[tuple[np.ndarray, ...]]) -> str:
    """Returns the difference of the outputs of ``network`` from those of the training weights, in words."""
    try:
        reference: Callable[..., tuple[np.ndarray, ...]] = load_network(stored, Engine.KERAS)
    except EngineError as error:
        return f"not compared: {str(error).partition(':')[0]}"
    pairs = [(network(*call)[0].astype(np.float64), reference(*call)[0].astype(np.float64)) for call in calls]
    if stored.kind == "generator":
        square = float(np.mean([np.mean((exported - trained) ** 2) for exported, trained in pairs]))
        return "equal" if square == 0 else f"PSNR {10 * np.log10(255**2 / square):.1f} dB"
    return f"differs by at most {max(np.abs(exported - trained).max() for exported, trained in pairs):.1e}"
