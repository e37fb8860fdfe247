"""Exports a person's networks: into the person, for the engines, or as standalone files that need no person."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
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
from obamanet.pipelines.into_frames import draw_whole_face
from obamanet.pipelines.speak import draw_sketches
from obamanet.progress import Progress
from obamanet.sources import Sources, add_sources, read_sources
from obamanet.training.data.dataset import Dataset, Piece
from obamanet.training.renderer.generator_distillation import distil_generator
from obamanet.training.renderer.pix2pix_training import spread_evenly
from obamanet.training.renderer.reduce_options import ReduceOptions
from obamanet.training.renderer.renderer_training import PersonPairs
from obamanet.types import CanonicalKeypoints

CALIBRATION_SKETCHES = 32
"""Number of sketches on which int8 quantisation is calibrated."""

MEASURED_SKETCHES = 8
"""Number of other sketches on which an exported renderer is compared with the trained one."""

LEARNED_SKETCHES = 1000
"""Number of sketches of the reference track, and as many of a dataset, that a reduced renderer learns from."""

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
        note: which of two that are compared it is; "" for the only one.
    """

    path: Path
    size: int
    quality: str
    milliseconds: float
    note: str = ""


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
    *,
    reduce: ReduceOptions | None = None,
    dataset: Dataset | None = None,
) -> list[ExportedFile]:
    """Writes the networks of ``person`` into a new folder, with README.txt and networks.json.

    Only the renderer is quantised: with int8 the LSTMs and the speech encoder are stored in fp16.

    Args:
        person: whose networks.
        out: a folder that is empty or does not exist.
        precision: None for fp16, and for fp32 with Keras files, which have no other.
        to: format of the files.
        progress: reports the progress.
        reduce: makes the renderer smaller by distillation; None to leave it as it is.
        dataset: footage of the person whose sketches the smaller renderer learns from too, beside those of the
            reference track.

    Returns:
        The files, measured; for a reduced renderer the full one of the person comes first.

    Raises:
        OptionError: Keras files in another precision than fp32, TensorFlow Lite files in int8, a renderer that would
            not be smaller, or a dataset of other pictures.
        OutputError: the folder is not empty or cannot be written.
        EngineError: training weights for a file are not there.
    """
    progress = progress or Progress()
    precision = precision or (Precision.FP32 if to is Format.KERAS else Precision.FP16)
    if to is Format.KERAS and precision is not Precision.FP32:
        raise OptionError(f"keras files hold fp32: got {precision}; leave --precision out")
    if to is Format.TFLITE and precision is Precision.INT8:
        raise OptionError(f"tflite files hold fp32 or fp16: got {precision}; int8 is for onnx")
    # Of "new/.." only what it leads to is there.
    out = out.resolve()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OutputError(f"output folder is not empty: {out}; name a new one")
    if reduce:
        reduce.config(person.generator)
    networks = person.networks
    described: dict[str, Any] = {}
    with scratch_folder(out / "networks") as scratch, scratch_folder(out / "training") as training:
        files = []
        learned = read_sources(person.folder)
        if reduce:
            full = networks["renderer"]
            teacher = load_network(full, threads=os.cpu_count() or 1)
            sketches = progress.track(_learnable_sketches(person, dataset), "drawing and painting")
            networks["renderer"] = distil_generator(full, teacher, sketches, training, reduce, progress)
            files.append(_measured(full.onnx, load_network(full), full, person, note="full"))
            learned |= Sources(frozenset(clip.sha256 for clip in dataset.clips)) if dataset else Sources()
        for name, stored in progress.track(networks.items(), "exporting", len(networks)):
            own = precision if name == "renderer" or precision is not Precision.INT8 else Precision.FP16
            path = scratch / f"{name}.{to}"
            network = _write(stored, path, person, own, to)
            described[path.name] = {"precision": own.value, **_described(stored, path, to)}
            is_small = reduce is not None and name == "renderer"
            files.append(_measured(path, network, stored, person, note="reduced" if is_small else ""))
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
        add_sources(scratch, learned)
        for path in sorted(scratch.iterdir()):
            path.replace(out / path.name)
    return [file if file.note == "full" else replace(file, path=out / file.path.name) for file in files]


def table(files: Sequence[ExportedFile]) -> list[str]:
    """Returns the lines of a plain-text table of ``files``."""
    rows = [("file", "MB", "against fp32", "ms a frame")]
    rows += [
        (f"{f.path.name} {f.note}".strip(), f"{f.size / 1e6:.2f}", f.quality, f"{f.milliseconds:.2f}") for f in files
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    if any(file.note for file in files):
        lines.append(
            "full and reduced: against the full one's fp32, on sketches that the reduced one did not learn from"
        )
    return [*lines, "ms a frame: of video, one thread (.keras: all), measured here and now"]


def calibration_sketches(person: Person, count: int, seed: int) -> np.ndarray:
    """Returns typical inputs of the renderer of ``person``: (count, S, S, 3) uint8 BGR.

    Heads are spread over the reference track, mouths over the PCA; equal ``seed`` gives equal sketches. Of a person
    without a speech part, whose mouth has no PCA, faces are taken from the reference track as they are, from the frame
    on that ``seed`` chooses.
    """
    return np.stack(list(_typical_sketches(person, count, seed)))


def _typical_sketches(person: Person, count: int, seed: int) -> Iterator[np.ndarray]:
    frames = len(person.reference.points)
    if person.speech is None:
        first = int(np.random.default_rng(seed).integers(frames))
        for step in range(count):
            yield draw_whole_face(person.reference.points[(first + step * frames // count) % frames], person)
        return
    components = np.random.default_rng(seed).normal(size=(count, person.mouth.pca.count)).astype(np.float32)
    # One mouth per stretch of the reference track, which is played forward and backward.
    length = max(1, 2 * frames // count)
    keypoints = CanonicalKeypoints(np.repeat(person.mouth.pca.decode(components), length, axis=0), person.reference.fps)
    sketches = (source.sketch for source in draw_sketches(keypoints, person) if source.sketch is not None)
    for index, sketch in enumerate(sketches):
        if index % length == length // 2:
            yield sketch


def _learnable_sketches(person: Person, dataset: Dataset | None) -> Iterator[np.ndarray]:
    """Yields the sketches that a reduced renderer learns from.

    Raises:
        OptionError: ``dataset`` has pictures of another size, or no irises where the person has them.
    """
    if dataset is not None and dataset.image_size != person.image_size:
        raise OptionError(f"renderer paints {person.image_size} px, the dataset has {dataset.image_size} px")
    if dataset is not None and dataset.landmark_count < person.landmark_count:
        raise OptionError(f"renderer was trained with irises, which the dataset does not have: {dataset.folder}")
    measured = {sketch.tobytes() for (sketch,) in _renderer_calls(person)}
    for sketch in _typical_sketches(person, LEARNED_SKETCHES, seed=4):
        if sketch.tobytes() not in measured:
            yield sketch
    if dataset is None:
        return
    frames = [(clip, int(index)) for clip in dataset.clips for index in np.flatnonzero(clip.segment >= 0)]
    pieces = []
    for place in spread_evenly(len(frames), LEARNED_SKETCHES):
        clip, index = frames[place]
        pieces.append(Piece(replace(clip, landmarks=clip.landmarks[:, : person.landmark_count]), index, index + 1))
    pairs = PersonPairs(pieces, person.region, person.image_size, person.sketch)
    yield from (pairs.pair(index, None).condition for index in range(len(pairs)))


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


def _measured(path: Path, network: Network, stored: StoredNetwork, person: Person, note: str = "") -> ExportedFile:
    calls, frames = _calls(stored, person)
    # A reduced renderer is compared with the full one.
    reference = person.renderer_network if stored.kind == "generator" else stored
    return measure_file(path, network, reference, calls, frames, note)


def measure_file(
    path: Path,
    network: Network,
    reference: StoredNetwork,
    calls: Sequence[tuple[np.ndarray, ...]],
    frames: float = 1.0,
    note: str = "",
) -> ExportedFile:
    """Measures an exported network.

    Args:
        path: its file.
        network: the same, loaded.
        reference: what it is compared with; its training weights are run where they are there.
        calls: inputs to compare on; the first is timed.
        frames: video frames per call.
        note: which of two that are compared it is.
    """
    quality = _quality(network, reference, calls)
    seconds = []
    for _ in range(TIMED_CALLS):
        start = time.perf_counter()
        network(*calls[0])
        seconds.append(time.perf_counter() - start)
    return ExportedFile(path, path.stat().st_size, quality, 1000 * float(np.median(seconds)) / frames, note)


def _calls(stored: StoredNetwork, person: Person) -> tuple[list[tuple[np.ndarray, ...]], float]:
    """Returns inputs of the measured calls, and the number of video frames per call."""
    if stored.kind == "generator":
        return _renderer_calls(person), 1.0
    random, fps, config = np.random.default_rng(3), float(person.fps), stored.config
    encoder = stored.kind == "speech_encoder"
    # A second of sound has 100 feature frames.
    length, width = (100, config.bands) if encoder else (round(fps), config.inputs)
    inputs = random.uniform(-1, 1, (1, length, width)).astype(np.float32)
    shapes = config.state_shapes if stored.kind == "predictor" else []
    return [(inputs, *(np.zeros((1, *shape), np.float32) for shape in shapes))], fps


def _renderer_calls(person: Person) -> list[tuple[np.ndarray, ...]]:
    return [(sketch[None],) for sketch in calibration_sketches(person, MEASURED_SKETCHES, seed=2)]


def _quality(network: Network, trained: StoredNetwork, calls: Sequence[tuple[np.ndarray, ...]]) -> str:
    """Returns the difference of the outputs of ``network`` from those of ``trained``'s training weights, in words."""
    try:
        reference: Callable[..., tuple[np.ndarray, ...]] = load_network(trained, Engine.KERAS)
    except EngineError as error:
        return f"not compared: {str(error).partition(':')[0]}"
    pairs = [(network(*call)[0].astype(np.float64), reference(*call)[0].astype(np.float64)) for call in calls]
    if trained.kind == "generator":
        square = float(np.mean([np.mean((exported - trained) ** 2) for exported, trained in pairs]))
        return "equal" if square == 0 else f"PSNR {10 * np.log10(255**2 / square):.1f} dB"
    return f"differs by at most {max(np.abs(exported - trained).max() for exported, trained in pairs):.1e}"
