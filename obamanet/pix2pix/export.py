"""Writes a trained generator as files that need no training code."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from obamanet.errors import OptionError
from obamanet.files import atomic_write_json
from obamanet.networks.weights import save_half, save_network
from obamanet.pix2pix.checkpoint import Which, load_checkpoint, load_generator


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
