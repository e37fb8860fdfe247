"""The record, kept inside a folder, of the recordings that its content was learned from.

sources.json    schema; "videos": sha256 of each recorded video; "splits": digest of each split of them
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from obamanet.files import atomic_write_json

SOURCES_FILE = "sources.json"
"""Name of the record inside a folder."""

SCHEMA = 1
"""Version of the file's layout."""


@dataclass(frozen=True)
class Sources:
    """Recordings that something was learned from.

    Attributes:
        videos: sha256 of each video file.
        splits: digest of each split of them.
    """

    videos: frozenset[str] = frozenset()
    splits: frozenset[str] = frozenset()

    def __or__(self, other: Sources) -> Sources:
        return Sources(self.videos | other.videos, self.splits | other.splits)


def read_sources(folder: Path) -> Sources:
    """Returns the sources recorded in ``folder``; empty where the record is missing or damaged."""
    try:
        content = json.loads((folder / SOURCES_FILE).read_text(encoding="utf-8"))
        return Sources(frozenset(map(str, content["videos"])), frozenset(map(str, content["splits"])))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return Sources()


def add_sources(folder: Path, sources: Sources) -> None:
    """Adds ``sources`` to the record in ``folder``; earlier ones stay, since the weights still depend on them.

    Raises:
        OutputError: the record cannot be written.
    """
    before = read_sources(folder)
    if (together := before | sources) != before:
        videos, splits = sorted(together.videos), sorted(together.splits)
        atomic_write_json(folder / SOURCES_FILE, {"schema": SCHEMA, "videos": videos, "splits": splits})
