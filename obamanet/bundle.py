"""Bundles: a folder with a card (JSON) that says what it is and the sha256 of each of its files.

Nothing in one can execute code: cards are JSON, arrays are .npz without pickled objects, networks are ONNX or Keras
weights.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from obamanet.card import Card, CardError, read_card
from obamanet.errors import ObamanetError
from obamanet.files import atomic_write_json, sha256_of


@dataclass(frozen=True)
class BundleKind:
    """One kind of bundle.

    ``name`` is what messages call it, ``card`` the card's file name, ``schema`` the newest readable version of the
    card, ``error`` what is raised for a bundle that cannot be used. ``optional`` files may be missing though the card
    names them.
    """

    name: str
    card: str
    schema: int
    error: type[ObamanetError]
    optional: frozenset[str] = frozenset()


def read_bundle(folder: Path, kind: BundleKind) -> Card:
    """Reads the card of the bundle in ``folder`` and checks the sha256 of every file that it names.

    Raises:
        ObamanetError: of the kind, naming the file and the reason: no such folder, no card, a newer schema, a file that
            is missing or was altered.
        CardError: the card is damaged.
    """
    path = folder / kind.card
    if not folder.is_dir():
        raise kind.error(f"no such {kind.name}: {folder} is not a folder")
    if not path.exists():
        raise kind.error(f"not a {kind.name}: {folder} has no {kind.card}")
    card = read_card(path)
    schema = card.whole("schema")
    if schema > kind.schema:
        raise kind.error(f"{path}: schema {schema} is newer than this program's {kind.schema}; update obamanet")
    if schema < 1:
        raise CardError(f"{path}: schema must be at least 1, got {schema}")
    check_files(folder, kind, card.part("files").all_texts())
    return card


def check_files(folder: Path, kind: BundleKind, files: dict[str, str]) -> None:
    """Raise the kind's error unless every one of ``files`` lies in ``folder``, or is optional, and has its sha256."""
    for name in files:
        if Path(name).name != name:
            raise kind.error(f"{kind.name} is damaged: {folder / kind.card} names a file outside the folder: {name!r}")
    for name, digest in files.items():
        path = folder / name
        if not path.is_file() and name in kind.optional:
            continue
        if not path.is_file():
            raise kind.error(f"{kind.name} is incomplete: {path} is missing")
        found = sha256_of(path)
        if found != digest:
            raise kind.error(
                f"{kind.name} was altered: {path} has sha256 {found[:12]}..., {kind.card} says {digest[:12]}..."
            )


def write_card(folder: Path, kind: BundleKind, content: dict[str, Any], files: Iterable[str]) -> None:
    """Write the card of the bundle in ``folder``: ``content`` in plain values, and the sha256 of each of ``files``."""
    digests = {name: sha256_of(folder / name) for name in files}
    atomic_write_json(folder / kind.card, {"schema": kind.schema, **content, "files": digests})
