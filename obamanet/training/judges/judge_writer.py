"""Writes the judge that a finished run has trained, as a bundle."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from obamanet.bundle import NetworkKind, write_network

if TYPE_CHECKING:
    import keras


def write_judge(
    run: Path,
    kind: NetworkKind,
    network: keras.Model,
    config: Any,
    sections: Mapping[str, Any],
    sentences: tuple[int, int],
    **about: Any,
) -> None:
    """Writes a run's best weights as a judge into the run's folder.

    Args:
        run: the run's folder.
        kind: which judge.
        network: Keras graph of ``config``; gets the weights.
        config: the network's sizes.
        sections: the run's options; the card tells its data and training.
        sentences: number of those trained on, and of those validated on.
        about: what else the card tells, in plain values: licence, attribution, validation.

    Raises:
        OutputError: the folder cannot be written.
    """
    network.load_weights(run / "best.weights.h5")
    train, val = sentences
    content = {
        "data": sections["data"],
        "training": sections["training"],
        "sentences": {"train": train, "val": val},
        **about,
    }
    write_network(network, kind, config, content, run)
