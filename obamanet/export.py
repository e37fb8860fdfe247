"""Exports a person's trained networks to ONNX files, which run without the training libraries."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from obamanet.card import read_card
from obamanet.engine.formats import Precision
from obamanet.engine.network import StoredNetwork
from obamanet.engine.onnx_export import export_network
from obamanet.errors import PersonError
from obamanet.files import atomic_path, ensure_output_path, locked
from obamanet.person import CARD, ENCODER_FILE, PARTS, Person, load_person, save_card
from obamanet.speech.feature_extractor import encoder_card


def export_weights(
    stored: StoredNetwork, precision: Precision = Precision.FP16, samples: Sequence[tuple[np.ndarray, ...]] = ()
) -> None:
    """Writes ``stored.onnx`` from ``stored.weights``.

    Args:
        stored: the network.
        precision: of the ONNX file.
        samples: typical inputs, needed for int8.

    Raises:
        EngineError: there are no weights, or they do not fit.
        OutputError: the file cannot be written.
    """
    from obamanet.engine.keras_engine import load_weights

    export_network(stored.kind, stored.config, load_weights(stored), stored.onnx, precision, samples)


def export_networks(person: Person) -> None:
    """Writes the missing ONNX files of ``person``, that of its speech encoder included.

    Raises:
        EngineError: there are no weights for a missing file, or they do not fit.
        OutputError: a file cannot be written.
    """
    networks = [person.renderer_network]
    if person.speech:
        networks.append(person.predictor_network)
        encoder = person.speech.encoder
        if encoder and not (person.folder / ENCODER_FILE).is_file():
            with atomic_path(person.folder / ENCODER_FILE) as part:
                shutil.copyfile(encoder_card().network.onnx, part)
    if person.poser:
        # A poser for other mouth poses must be trained anew before it can run.
        with suppress(PersonError):
            networks.append(person.poser_network)
    for stored in networks:
        if not stored.onnx.is_file():
            export_weights(stored)


def upgrade_person(folder: Path) -> Person:
    """Adds the ONNX files that an older person lacks.

    The card is written last: an interrupted upgrade leaves the person as it was.

    Returns:
        The person, loaded again.

    Raises:
        PersonError: the person cannot be read.
        EngineError: there are no weights for a missing file, or they do not fit.
        OutputError: the folder cannot be written, or another process is at work in it.
    """
    load_person(folder)
    ensure_output_path(folder / CARD)
    with locked(folder):
        person = load_person(folder)
        listed = read_card(folder / CARD).part("files").content
        for path in folder.glob("*.onnx"):
            # Left by an interrupted export, perhaps of other weights.
            if path.name in PARTS and path.name not in listed:
                path.unlink()
        export_networks(person)
        save_card(person)
    return load_person(folder)
