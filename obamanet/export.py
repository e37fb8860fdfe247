"""Exports a person's trained networks to ONNX files, which run without the training libraries."""

from __future__ import annotations

import shutil
from pathlib import Path

from obamanet.card import read_card
from obamanet.engine.onnx_export import export_weights
from obamanet.files import atomic_path, ensure_output_path, locked
from obamanet.person import CARD, ENCODER_FILE, PARTS, Person, load_person, save_card


def export_networks(person: Person) -> None:
    """Writes the missing ONNX files of ``person``, that of its speech encoder included.

    Raises:
        EngineError: there are no weights for a missing file, or they do not fit.
        OutputError: a file cannot be written.
    """
    own_encoder = person.folder / ENCODER_FILE
    if person.speech and person.encoder_network and not own_encoder.is_file():
        with atomic_path(own_encoder) as part:
            shutil.copyfile(person.encoder_network.onnx, part)
    for stored in person.networks.values():
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
        # A person that lacked nothing stays as it is, to the byte.
        if any(path.name in PARTS and path.name not in listed for path in folder.glob("*.onnx")):
            save_card(person)
    return load_person(folder)
