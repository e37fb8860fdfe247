"""Which recordings a folder was learned from, noted inside it so that it can be found again.

sources.json    schema; "videos": sha256 of each recorded video; "splits": digest of each split of them
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from obamanet.files import atomic_write_json

SOURCES_FILE = "sources.json"

SCHEMA = 1
"""Version of the file's layout."""


@dataclass(frozen=True)
class Sources:
    """Recorded ``videos``, by the sha256 of their bytes, and ``splits`` of them, by their digest."""

    videos: frozenset[str] = frozenset()
    splits: frozenset[str] = frozenset()

    def __or__(self, other: Sources) -> Sources:
        return Sources(self.videos | other.videos, self.splits | other.splits)


def read_sources(folder: Path) -> Sources:
    """Return the sources noted in ``folder``; none where the note is missing or damaged."""
    try:
        content = json.loads((folder / SOURCES_FILE).read_text(encoding="utf-8"))
        return Sources(frozenset(map(str, content["videos"])), frozenset(map(str, content["splits"])))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return Sources()


def add_sources(folder: Path, sources: Sources) -> None:
    """Note ``sources`` in ``folder``, beside those noted before: weights keep what an earlier session taught them.

    Raises :class:`obamanet.errors.OutputError`.
    """
    before = read_sources(folder)
    if (together := before | sources) != before:
        videos, splits = sorted(together.videos), sorted(together.splits)
        atomic_write_json(folder / SOURCES_FILE, {"schema": SCHEMA, "videos": videos, "splits": splits})
