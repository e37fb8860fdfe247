"""Exports a person's trained networks to files that run without the training code."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from obamanet.card import read_card
from obamanet.engine.onnx_export import export_weights
from obamanet.errors import PersonError
from obamanet.files import atomic_path, ensure_output_path, locked
from obamanet.person import CARD, ENCODER_FILE, PARTS, Person, load_person, save_card
from obamanet.speech.feature_extractor import encoder_card


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
