"""Exports a person's trained networks to files that run without the training code."""

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
    """Write ``stored.onnx`` from ``stored.weights``; int8 needs ``samples`` of typical inputs.

    Raises :class:`EngineError` when there are no weights or they do not fit, and
    :class:`obamanet.errors.OutputError`.
    """
    from obamanet.engine.keras_engine import load_weights

    export_network(stored.kind, stored.config, load_weights(stored), stored.onnx, precision, samples)


def export_networks(person: Person) -> None:
    """Write into the folder of ``person`` the ONNX file of each of its networks that has none, and its encoder's."""
    networks = [person.renderer_network]
    if person.speech:
        networks.append(person.predictor_network)
        encoder = person.speech.encoder
        if encoder and not (person.folder / ENCODER_FILE).is_file():
            with atomic_path(person.folder / ENCODER_FILE) as part:
                shutil.copyfile(encoder_card().network.onnx, part)
    if person.poser:
        # One that was trained for other mouth poses has to be trained anew before it can be run.
        with suppress(PersonError):
            networks.append(person.poser_network)
    for stored in networks:
        if not stored.onnx.is_file():
            export_weights(stored)


def upgrade_person(folder: Path) -> Person:
    """Give the person in ``folder`` what newer persons have, the exported networks, and return it as loaded anew.

    The card is written last: an interrupted upgrade leaves the person as it was. Raises
    :class:`obamanet.errors.PersonError`, :class:`EngineError`, and :class:`obamanet.errors.OutputError` when the folder
    cannot be written or another process is at work there.
    """
    load_person(folder)
    ensure_output_path(folder / CARD)
    with locked(folder):
        person = load_person(folder)
        known = read_card(folder / CARD).part("files").content
        for path in folder.glob("*.onnx"):
            # Of an export that was interrupted, perhaps of other weights than these.
            if path.name in PARTS and path.name not in known:
                path.unlink()
        export_networks(person)
        save_card(person)
    return load_person(folder)
