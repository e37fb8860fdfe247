"""Reads a list of jobs from a CSV, from JSON lines or from a folder; a line that is wrong does not stop the others."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from enum import Enum
from fractions import Fraction
from functools import cache
from pathlib import Path
from types import NoneType
from typing import Any, Final, get_args, get_origin, get_type_hints

from obamanet.batch.batch_manifest import MANIFEST_FILE
from obamanet.batch.kinds import KINDS, ListedWork, SpeakJob
from obamanet.engine.formats import Engine
from obamanet.errors import ObamanetError, OptionError
from obamanet.files import parse_json, sha256_of
from obamanet.person import CARD
from obamanet.timing import parse_rate

NAME, KIND = "name", "kind"
"""Columns that every kind has beside its own."""

MAX_NAME_BYTES: Final = 120
"""Bytes of a job's name; suffixes and the names of temporary files need room beside it."""

TEXT_SUFFIX: Final = ".txt"

SOUND_SUFFIXES: Final = frozenset(
    {".wav", ".mp3", ".flac", ".ogg", ".opus", ".m4a", ".aac", ".aiff", ".mp4", ".m4v", ".mov", ".mkv", ".webm"}
)
"""Suffixes of the files in a folder that are sounds or videos with sound; a job file may name any file."""

MAX_SHOWN: Final = 60
"""Characters of a wrong value that a message shows."""

PersonOf = Callable[[Path | None], Path]
"""Finds the folder of a person; None is the default person's. Raises a PersonError where there is none."""


@dataclass(frozen=True)
class Job:
    """One line of the list.

    Attributes:
        name: of its results, unique in the list.
        kind: key of :data:`obamanet.batch.kinds.KINDS`.
        work: what is made.
        fingerprint: SHA-256 of all that decides the result: the line, size and time of last change of the files that it
            names, the person's card and the engine. A job with another fingerprint is made again.
    """

    name: str
    kind: str
    work: ListedWork
    fingerprint: str


@dataclass(frozen=True)
class WrongLine:
    """A line that is no job.

    Attributes:
        place: for example "jobs.csv, line 7"; for a folder the file's name.
        error: what is wrong.
    """

    place: str
    error: str


@dataclass(frozen=True)
class JobList:
    """What is to be made, in the order of the list, and what is wrong in it."""

    jobs: tuple[Job, ...]
    wrong: tuple[WrongLine, ...]


def read_jobs(
    source: Path, person_of: PersonOf, defaults: Mapping[str, str] | None = None, engine: Engine = Engine.ONNXRUNTIME
) -> JobList:
    """Reads a list of jobs.

    Args:
        source: a CSV with a header, JSON lines with one object per line, or a folder of sounds and texts. Paths are
            relative to the file's folder.
        person_of: finds persons.
        defaults: values by column for lines that do not give them and whose kind has the column.
        engine: the back end that will run the networks.

    Raises:
        OptionError: nothing can be read, a column is unknown, or there is no job at all.
    """
    defaults = dict(defaults or {})
    _check_columns(defaults, "--default")
    if not source.exists():
        raise OptionError(f"no such job file or folder: {source}")
    if source.is_dir():
        rows, base = _rows_of_folder(source, defaults.get(KIND)), source
    else:
        reader = {".csv": _rows_of_csv, ".jsonl": _rows_of_json_lines}.get(source.suffix.lower())
        if reader is None:
            raise OptionError(f"a job file is .csv or .jsonl, or a folder: got {source}")
        rows, base = reader(source), source.parent
    jobs: list[Job] = []
    places = {MANIFEST_FILE: "the manifest"}
    wrong: list[WrongLine] = []
    try:
        for place, row in rows:
            try:
                if isinstance(row, OptionError):
                    raise row
                job = _job(row, defaults, base.absolute(), person_of, engine)
                # Without regard to case, which some file systems do not tell apart.
                names = {name.casefold() for name in (job.name, *job.work.results(job.name))}
                if taken := next((places[name] for name in names if name in places), None):
                    raise OptionError(f"the name {job.name!r} is also that of {taken}; give another one")
                jobs.append(job)
                places |= dict.fromkeys(names, place)
            except ObamanetError as error:
                wrong.append(WrongLine(place, str(error)))
    except OSError as error:
        raise OptionError(f"job file cannot be read ({error.strerror}): {source}") from None
    if not jobs and not wrong:
        raise OptionError(f"there is no job in it: {source}")
    return JobList(tuple(jobs), tuple(wrong))


Row = tuple[str, Mapping[str, Any] | OptionError]
"""The place of a line, and its values by column or what is wrong with it."""


def _rows_of_csv(path: Path) -> Iterator[Row]:
    try:
        # Line ends stay as they are, which the csv module asks for.
        lines = io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")
    except UnicodeDecodeError as error:
        raise OptionError(f"job file is not UTF-8 ({error.reason} at byte {error.start}): {path}") from None
    reader = csv.reader(lines, strict=True)
    header: list[str] | None = None
    while True:
        place = f"{path.name}, line {reader.line_num + 1}"
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield place, OptionError(f"not CSV ({error})")
            continue
        if not any(cell.strip() for cell in cells):
            continue
        if header is None:
            header = [cell.strip().lower() for cell in cells]
            _check_columns(header, place)
            if len(set(header)) != len(header):
                raise OptionError(f"{place}: a column stands twice")
        elif len(cells) > len(header):
            yield place, OptionError(f"{len(cells)} values for {len(header)} columns; a comma in a text needs quotes")
        else:
            yield place, {name: cell for name, cell in zip(header, cells, strict=False) if cell.strip()}


def _rows_of_json_lines(path: Path) -> Iterator[Row]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            place = f"{path.name}, line {number}"
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
                if text.strip():
                    yield place, parse_json(text)
            except json.JSONDecodeError as error:
                yield place, OptionError(f"not JSON ({error.msg} at character {error.pos + 1})")
            except ValueError as error:
                yield place, OptionError(str(error))


def _rows_of_folder(folder: Path, kind: str | None) -> Iterator[Row]:
    # What is no text is the file that the kind is made from.
    files = KINDS.get(kind or "", SpeakJob).main[-1]
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or not path.is_file():
            continue
        if path.suffix.lower() == TEXT_SUFFIX:
            yield path.name, {"text_file": path.name}
        elif path.suffix.lower() in SOUND_SUFFIXES:
            yield path.name, {files: path.name}


def _job(row: Mapping[str, Any], defaults: Mapping[str, str], base: Path, person_of: PersonOf, engine: Engine) -> Job:
    """Returns the job that one line asks for; raises an ObamanetError for a wrong one."""
    given = {column: _text(column, value) for column, value in row.items() if value is not None}
    _check_columns(given, "the line")
    kind = given.pop(KIND, None) or defaults.get(KIND) or _kind_of(given)
    if kind not in KINDS:
        raise OptionError(f"no such kind: got {kind[:MAX_SHOWN]!r}, allowed are {', '.join(KINDS)}")
    name = given.pop(NAME, None)
    columns = _columns(kind)
    for column in given:
        if column not in columns:
            raise OptionError(f"{kind} has no column {column}; it has {', '.join(columns)}")
    values = {column: value for column, value in {**defaults, **given}.items() if column in columns}
    parsed: dict[str, Any] = {}
    if "person" in columns and "person" not in values:
        parsed["person"] = person_of(None).absolute()
    parsed |= {column: _parsed(column, columns[column], value, base, person_of) for column, value in values.items()}
    if name is None:
        name = next((parsed[column].stem for column in KINDS[kind].main if isinstance(parsed.get(column), Path)), None)
    if name is None:
        raise OptionError("a job of a text needs a name in the column name")
    _check_name(name)
    needed = [field.name for field in fields(KINDS[kind]) if field.default is MISSING]
    for column in needed:
        if column not in parsed:
            raise OptionError(f"{kind} needs a {column}")
    work = KINDS[kind](**parsed)
    return Job(name, kind, work, _fingerprint(kind, parsed, engine))


def _kind_of(given: Mapping[str, str]) -> str:
    kinds = [kind for kind, work in KINDS.items() if any(column in given for column in work.main)]
    if len(kinds) != 1:
        mains = ", ".join(column for work in KINDS.values() for column in work.main)
        raise OptionError(f"the kind is not clear: give a column kind, or one of {mains}")
    return kinds[0]


def _text(column: str, value: Any) -> str:
    """Returns a value of a JSON object as it would stand in a CSV."""
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        value = " ".join(value)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise OptionError(f"{column} must be a text or a number, got {json.dumps(value)[:MAX_SHOWN]}")
    text = str(value).strip()
    if not text:
        raise OptionError(f"{column} is empty")
    return text


@cache
def _columns(kind: str) -> dict[str, Any]:
    """Returns the type of each column of a kind."""
    hints = get_type_hints(KINDS[kind])
    return {field.name: hints[field.name] for field in fields(KINDS[kind])}


def _check_columns(names: Iterable[str], place: str) -> None:
    known = dict.fromkeys([NAME, KIND, *(column for kind in KINDS for column in _columns(kind))])
    for name in names:
        if name not in known:
            raise OptionError(f"{place}: no such column: got {name[:MAX_SHOWN]!r}, allowed are {', '.join(known)}")


def _check_name(name: str) -> None:
    """Refuses a name that would be another folder's file, hidden, or too long."""
    if any(sign in name for sign in "/\\") or not name.isprintable() or name.startswith("."):
        raise OptionError(
            f"a name has no slashes, no control characters and no dot at its beginning: got {name[:MAX_SHOWN]!r}"
        )
    if len(name.encode()) > MAX_NAME_BYTES:
        raise OptionError(f"name is too long: got {len(name.encode())} bytes, allowed are {MAX_NAME_BYTES}")


def _parsed(column: str, hint: Any, text: str, base: Path, person_of: PersonOf) -> Any:
    """Returns the value of a column of the type ``hint``; raises an ObamanetError for one that is not of it."""
    kind = next((one for one in get_args(hint) if one is not NoneType), hint) if get_origin(hint) is not tuple else hint
    if column == "person":
        return person_of(base / Path(text).expanduser()).absolute()
    if kind is Path:
        path = base / Path(text).expanduser()
        if not path.exists():
            raise OptionError(f"no such {column}: {path}")
        return path
    if kind is Fraction:
        return parse_rate(text)
    if kind is float:
        try:
            return float(text)
        except ValueError:
            raise OptionError(f"{column} must be a number, got {text[:MAX_SHOWN]!r}") from None
    if isinstance(kind, type) and issubclass(kind, Enum):
        allowed = [str(one.value) for one in kind]
        if text not in allowed:
            raise OptionError(f"{column} must be one of {', '.join(allowed)}, got {text[:MAX_SHOWN]!r}")
        return kind(text)
    return tuple(text.split()) if get_origin(kind) is tuple else text


def _fingerprint(kind: str, values: Mapping[str, Any], engine: Engine) -> str:
    """Returns the SHA-256 of all that decides the result of a job."""
    told: list[Any] = [kind, engine.value]
    for column, value in sorted(values.items()):
        told.append([column, str(value)])
        if column == "person":
            # The card tells the SHA-256 of all other files.
            told.append(sha256_of(value / CARD))
        elif isinstance(value, Path):
            inside = sorted(value.iterdir()) if value.is_dir() else [value]
            stats = [(path.name, path.stat()) for path in inside]
            told.append([[name, stat.st_size, stat.st_mtime_ns] for name, stat in stats])
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()
