"""The list of what a batch has made: JSON lines, one for each job, of which the last one of a job counts."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from obamanet.about import SOFTWARE
from obamanet.card import Card, CardError
from obamanet.errors import OutputError
from obamanet.files import NO_SPACE, atomic_write_text, parse_json

MANIFEST_FILE: Final = "manifest.jsonl"

SCHEMA: Final = 1
"""Version of the file's form; a newer one is refused."""

ABOUT: Final = "jobs of obamanet batch"


class State(StrEnum):
    """How far a job is."""

    WAITING = "waiting"
    """Not made yet, or being made."""

    DONE = "done"
    """Its results are there."""

    FAILED = "failed"
    """It could not be made; the next run tries again."""

    WRONG = "wrong"
    """The line of the job file is no job."""


@dataclass(frozen=True)
class ResultFile:
    """A file that was made.

    Attributes:
        file: its path below the batch's folder, with slashes.
        bytes: its size.
        sha256: of its content.
        streams: of a video, SHA-256 of its coded pictures and sound alone; None for other files.
    """

    file: str
    bytes: int
    sha256: str
    streams: str | None = None


@dataclass(frozen=True)
class Entry:
    """What the manifest says of one job.

    Attributes:
        job: its name; for a wrong line the place of the line.
        state: how far it is.
        kind: of the job; None for a wrong line.
        fingerprint: as of :class:`obamanet.batch.job_file.Job`; None for a wrong line.
        files: what was made.
        error: why it was not; None where nothing is wrong.
    """

    job: str
    state: State
    kind: str | None = None
    fingerprint: str | None = None
    files: tuple[ResultFile, ...] = ()
    error: str | None = None


class Manifest:
    """The manifest of a batch, kept in its file line by line; one process at a time may have it open.

    Args:
        path: the file; where it is missing the manifest is empty.

    Raises:
        OutputError: the file is damaged, newer than this program, or cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: dict[str, Entry] = {entry.job: entry for entry in _read(path)}

    def replace(self, entries: Iterable[Entry]) -> None:
        """Writes the file anew, whole or not at all, with one line for each of ``entries``.

        Raises:
            OutputError: it cannot be written.
        """
        kept = {entry.job: entry for entry in entries}
        head = {"schema": SCHEMA, "about": ABOUT, "software": SOFTWARE}
        lines = [json.dumps(head), *(_line(entry) for entry in kept.values())]
        atomic_write_text(self.path, "\n".join(lines) + "\n")
        self.entries = kept

    def append(self, entry: Entry) -> None:
        """Adds the new state of a job and waits until it is on the disk.

        Raises:
            OutputError: it cannot be written.
        """
        try:
            with self.path.open("ab") as file:
                file.write(f"{_line(entry)}\n".encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            reason = "no space left on the disk" if error.errno in NO_SPACE else error.strerror
            raise OutputError(f"manifest cannot be written ({reason}): {self.path}") from error
        self.entries[entry.job] = entry


def read_manifest(path: Path) -> dict[str, Entry]:
    """Returns the entries of a manifest by job, for those who only look; raises :class:`OutputError`."""
    return Manifest(path).entries


def _line(entry: Entry) -> str:
    told = {key: value for key, value in asdict(entry).items() if value not in (None, ())}
    # A file's name may hold bytes that are no text.
    return json.dumps(told, ensure_ascii=False).encode("utf-8", "replace").decode()


def _read(path: Path) -> Iterator[Entry]:
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return
    except OSError as error:
        raise OutputError(f"manifest cannot be read ({error.strerror}): {path}") from error
    # What follows the last line's end is a line that a killed run has not finished.
    for number, line in enumerate(lines[:-1], start=1):
        try:
            card = Card(parse_json(line.decode()), path)
            if number > 1:
                yield _entry(card)
            elif card.whole("schema") > SCHEMA:
                raise OutputError(f"manifest is of a newer version of the program: {path}; update the program")
        except ValueError as error:
            reason = str(error).removeprefix(f"{path}: ")
            raise OutputError(
                f"manifest is damaged, line {number} ({reason}): {path}; move the file away to begin anew"
            ) from None


def _entry(card: Card) -> Entry:
    try:
        state = State(card.text("state"))
    except ValueError:
        raise CardError(f"{card.path}: state is unknown") from None
    return Entry(
        card.text("job"),
        state,
        card.text("kind") if card.has("kind") else None,
        card.text("fingerprint") if card.has("fingerprint") else None,
        tuple(part.build(ResultFile) for part in card.parts("files")) if card.has("files") else (),
        card.text("error") if card.has("error") else None,
    )
