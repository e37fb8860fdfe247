"""Writes a trained generator as files that need no training code."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from obamanet.engine.formats import Engine, Precision
from obamanet.engine.keras_engine import load_weights
from obamanet.engine.network import Network, StoredNetwork, load_network
from obamanet.engine.onnx_export import export_weights
from obamanet.engine.tflite_export import TfliteNetwork, export_tflite
from obamanet.errors import OptionError
from obamanet.files import atomic_write_json, scratch_folder
from obamanet.networks.weights import save_half, save_network
from obamanet.pipelines.standalone import ExportedFile, measure_file
from obamanet.pix2pix.checkpoint import Which, load_checkpoint, load_generator
from obamanet.pix2pix.pairs import FolderPairs
from obamanet.pix2pix.pictures import list_pictures
from obamanet.progress import Progress
from obamanet.training.renderer.generator_distillation import RUN, distil_generator
from obamanet.training.renderer.pix2pix_training import spread_evenly
from obamanet.training.renderer.reduce_options import ReduceOptions

CALIBRATION_PICTURES = 32
"""Maximum number of pictures that calibrate the value ranges of int8."""

MEASURED_PICTURES = 8
"""Number of pictures on which a reduced generator is compared with the full one; it does not learn from them."""


@dataclass(frozen=True)
class ExportReport:
    """The exported files.

    Attributes:
        model: the network with its weights, ``.keras``.
        weights: the weights in half precision, ``.weights.h5``.
        about: sizes, direction and value range, ``.json``.
    """

    model: Path
    weights: Path
    about: Path


def export_generator(checkpoint: Path, out: Path, *, which: Which = Which.BEST) -> ExportReport:
    """Writes a run's generator as a ``.keras`` file, with ``.weights.h5`` and ``.json`` beside it.

    After ``import obamanet.networks.layers``, ``keras.models.load_model(out)`` loads it in safe mode. ``.weights.h5``
    has the weights in half precision, for ``build_generator`` and ``load_weights``; they change a picture by less than
    one grey level of 255.

    Args:
        checkpoint: the run's folder.
        out: the file to write, NAME.keras.
        which: the best or the last weights.

    Raises:
        DatasetError: the run cannot be read.
        OptionError: ``out`` has another suffix.
        OutputError: a file cannot be written.
    """
    if out.suffix != ".keras":
        raise OptionError(f"the exported file must end in .keras: got {out}")
    run = load_checkpoint(checkpoint)
    generator = load_generator(run.generator, run.weights(which))
    report = ExportReport(out, out.with_suffix(".weights.h5"), out.with_suffix(".json"))
    save_network(generator, report.model)
    save_half(generator, report.weights)
    about = {
        **asdict(run.generator),
        "direction": run.direction,
        "value_range": [-1, 1],
        "channel_order": "BGR",
        "model": report.model.name,
        "half_weights": report.weights.name,
    }
    atomic_write_json(report.about, about)
    return report


def export_graph(
    checkpoint: Path,
    out: Path,
    *,
    which: Which = Which.BEST,
    precision: Precision = Precision.FP16,
    pictures: Path | None = None,
) -> Path:
    """Writes a run's generator as an ONNX or TensorFlow Lite file, and beside it a ``.json`` that describes it.

    Scaling is part of the graph: input and output are pictures (n, S, S, 3) uint8 BGR, n being 1 in TensorFlow Lite.

    Args:
        checkpoint: the run's folder.
        out: the file to write, NAME.onnx or NAME.tflite.
        which: the best or the last weights.
        precision: how weights are stored; int8 is for ONNX.
        pictures: folder of A|B pictures whose conditions calibrate int8; for that precision only.

    Returns:
        The ``.json`` file.

    Raises:
        OptionError: ``out`` has another suffix, or int8 is given without pictures or they without it.
        DatasetError: run or pictures cannot be read.
        OutputError: a file cannot be written.
    """
    if out.suffix not in (".onnx", ".tflite"):
        raise OptionError(f"the exported file must end in .onnx or .tflite: got {out}")
    if out.suffix == ".tflite" and precision is Precision.INT8:
        raise OptionError("tflite files hold fp32 or fp16: got int8; int8 is for onnx")
    if (precision is Precision.INT8) != (pictures is not None):
        raise OptionError("int8 and the pictures that calibrate it belong together: give both or neither")
    run = load_checkpoint(checkpoint)
    # Raises the error of a run whose weights are missing or do not fit, before anything is written.
    load_generator(run.generator, run.weights(which))
    samples = []
    if pictures:
        pairs = FolderPairs(list_pictures(pictures)[:CALIBRATION_PICTURES], run.generator.image_size, run.direction)
        samples = [(pairs.pair(index, None).condition[None],) for index in range(len(pairs))]
    stored = StoredNetwork("generator", run.generator, out, run.weights(which))
    if out.suffix == ".tflite":
        export_tflite(load_weights(stored), out, precision)
    else:
        export_weights(stored, precision, samples)
    about = out.with_suffix(".json")
    interface = {"direction": run.direction, "value_range": [0, 255], "channel_order": "BGR", "precision": precision}
    atomic_write_json(about, {**asdict(run.generator), **interface, "model": out.name})
    return about


def export_reduced(
    checkpoint: Path,
    out: Path,
    pictures: Path,
    options: ReduceOptions,
    *,
    which: Which = Which.BEST,
    precision: Precision = Precision.FP16,
    progress: Progress | None = None,
) -> tuple[ExportedFile, ExportedFile]:
    """Writes a smaller generator that learned to paint as the run's does, as a file of :func:`export_generator` or, by
    the suffix of ``out``, of :func:`export_graph`.

    Args:
        checkpoint: the run's folder.
        out: the file to write, NAME.keras, NAME.onnx or NAME.tflite.
        pictures: folder of A|B pictures whose conditions it learns from.
        options: size and length.
        which: the best or the last weights of the run.
        precision: how weights are stored, but for .keras.
        progress: gets the figures of each evaluation.

    Returns:
        The full generator in a file of the same kind, which is not kept, and the reduced one, both measured against the
        full one in single precision.

    Raises:
        As the function that writes the file; OptionError also where it would not be smaller.
    """
    progress, run = progress or Progress(), load_checkpoint(checkpoint)
    options.config(run.generator)
    load_generator(run.generator, run.weights(which))
    found = list_pictures(pictures)
    held_out = set(spread_evenly(len(found), MEASURED_PICTURES))
    pairs = FolderPairs(found, run.generator.image_size, run.direction)
    calls = [(pairs.pair(index, None).condition[None],) for index in sorted(held_out)]
    learned = [index for index in range(len(found)) if index not in held_out]
    full = StoredNetwork("generator", run.generator, out, run.weights(which))
    sections = {"folder": {"direction": str(run.direction), "pairs": len(learned)}}
    with scratch_folder(out.with_name(f"{out.stem}-reduced")) as scratch:
        conditions = (pairs.pair(index, None).condition for index in progress.track(learned, "painting", len(learned)))
        teacher = load_network(full, Engine.KERAS)
        small = distil_generator(full, teacher, conditions, scratch, options, progress, sections=sections)
        measured = []
        for note, folder, weights, file, stored in (
            ("full", checkpoint, which, scratch / out.name, full),
            ("reduced", scratch / RUN, Which.BEST, out, small),
        ):
            if out.suffix == ".keras":
                export_generator(folder, file, which=weights)
            else:
                calibration = pictures if precision is Precision.INT8 else None
                export_graph(folder, file, which=weights, precision=precision, pictures=calibration)
            network = _loaded(StoredNetwork(stored.kind, stored.config, file, stored.weights))
            measured.append(measure_file(file, network, full, calls, note=note))
    return measured[0], measured[1]


def _loaded(exported: StoredNetwork) -> Network:
    """Returns the network in the file that was written; of a .keras file, the graph that it was written from."""
    match exported.onnx.suffix:
        case ".keras":
            return load_network(exported, Engine.KERAS)
        case ".tflite":
            return TfliteNetwork(exported.onnx, ["sketch"], ["picture"])
    return load_network(exported)
