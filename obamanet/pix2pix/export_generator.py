"""Writes a trained generator as files that need no training code."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from obamanet.engine.formats import Precision
from obamanet.engine.network import StoredNetwork
from obamanet.engine.onnx_export import export_weights
from obamanet.errors import OptionError
from obamanet.files import atomic_write_json
from obamanet.networks.weights import save_half, save_network
from obamanet.pix2pix.checkpoint import Which, load_checkpoint, load_generator
from obamanet.pix2pix.pairs import FolderPairs
from obamanet.pix2pix.pictures import list_pictures

CALIBRATION_PICTURES = 32
"""Pictures from which int8 finds its ranges."""


@dataclass(frozen=True)
class ExportReport:
    """The files: the whole network, its half-precision weights alone, and what both expect."""

    model: Path
    weights: Path
    about: Path


def export_generator(checkpoint: Path, out: Path, *, which: Which = Which.BEST) -> ExportReport:
    """Write the generator of the run in ``checkpoint`` to ``out``, a ``.keras`` file, and two files beside it.

    ``import obamanet.networks.layers`` and ``keras.models.load_model(out)``, in its safe mode, are all it takes to use
    it; its weights are the run's own. ``.weights.h5`` has them in half precision, for ``build_generator`` and
    ``load_weights``, which moves a painted picture by less than one grey level of 255. ``.json`` has sizes, direction
    and value range. Raises :class:`DatasetError` when the run cannot be read, :class:`OptionError` for another suffix
    and :class:`OutputError`.
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


def export_onnx(
    checkpoint: Path,
    out: Path,
    *,
    which: Which = Which.BEST,
    precision: Precision = Precision.FP16,
    pictures: Path | None = None,
) -> Path:
    """Writes the generator of a run as an ONNX file, and beside it a ``.json`` that says what goes in and comes out.

    The scaling is inside: pictures (n, S, S, 3) uint8 BGR in and out.

    Args:
        checkpoint: the run's folder.
        out: the file to write, NAME.onnx.
        which: the best or the last weights.
        precision: how weights are stored.
        pictures: a folder of A|B pictures whose conditions calibrate int8; needed for it alone.

    Returns:
        The ``.json`` file.

    Raises:
        OptionError: another suffix, or int8 without pictures.
        DatasetError: run or pictures cannot be read.
        OutputError: a file cannot be written.
    """
    if out.suffix != ".onnx":
        raise OptionError(f"the exported file must end in .onnx: got {out}")
    if (precision is Precision.INT8) != (pictures is not None):
        raise OptionError("int8 and the pictures that calibrate it belong together: give both or neither")
    run = load_checkpoint(checkpoint)
    # Says what is wrong with the run in its own words.
    load_generator(run.generator, run.weights(which))
    samples = []
    if pictures:
        pairs = FolderPairs(list_pictures(pictures)[:CALIBRATION_PICTURES], run.generator.image_size, run.direction)
        samples = [(pairs.pair(index, None).condition[None],) for index in range(len(pairs))]
    export_weights(StoredNetwork("generator", run.generator, out, run.weights(which)), precision, samples)
    about = out.with_suffix(".json")
    told = {"direction": run.direction, "value_range": [0, 255], "channel_order": "BGR", "precision": precision}
    atomic_write_json(about, {**asdict(run.generator), **told, "model": out.name})
    return about
