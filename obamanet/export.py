"""Exports a person's trained networks to files that run without the training code."""

from __future__ import annotations

import shutil
from pathlib import Path

from obamanet.card import read_card
from obamanet.engine.export import Precision, export_network
from obamanet.engine.network import StoredNetwork
from obamanet.errors import EngineError
from obamanet.files import atomic_path, ensure_output_path, locked
from obamanet.hearing.listener import encoder_card
from obamanet.person import CARD, ENCODER_FILE, PARTS, Person, load_person, save_card


def export_weights(stored: StoredNetwork, precision: Precision = Precision.FP16) -> None:
    """Write ``stored.onnx`` from ``stored.weights``.

    Raises :class:`EngineError` when there are no weights or they do not fit, and
    :class:`obamanet.errors.OutputError`.
    """
    from obamanet.networks.signatures import load_signature

    if stored.weights is None or not stored.weights.is_file():
        raise EngineError(f"there are no training weights to export: {stored.onnx.parent}")
    signature = load_signature(stored.kind, stored.config, stored.weights)
    export_network(stored.kind, stored.config, signature, stored.onnx, precision)


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
