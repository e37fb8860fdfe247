"""A corpus folder's own papers: what it was made of, what is in each cue's folder, and the manifest of all clips.

DIR/corpus.json                  the video and the options it was begun with
DIR/template.npz                 template (68, 2): the mean face that canonical coordinates are those of
DIR/clips/00012/cue.json         the clips of cue 12, and what was left out
                002.npz          frames (F,), times (F,) seconds, pixel (F, 20, 2), canonical (F, 20, 2)
                002.wav          16 kHz mono; sample 0 at the time of the first frame, the last at the last one's end
                frames/000345.jpg ...   whole frames by their number in the video, only when pictures were asked for
DIR/manifest.json, manifest.tsv  all clips, written last
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final, TextIO

from obamanet.errors import DatasetError
from obamanet.files import atomic_path, atomic_write_json, read_json
from text2face.corpus.clips import Reject

SCHEMA: Final = 1
"""Version of the folder's layout."""

OUR_NAMES: Final = ("clips", "manifest.json", "manifest.tsv", "template.npz")
"""What a corpus folder holds beside corpus.json, which is there before any of these."""


@dataclass(frozen=True)
class Corpus:
    """What a corpus is made of: the video, its hash and frame rate, the subtitles, the language, and what a clip is."""

    video: str
    video_sha256: str
    fps: str
    subtitles: str
    language: str
    unit: str


@dataclass(frozen=True)
class Clip:
    """One row of the manifest; times are seconds and frames numbers from the video's start.

    ``cue`` counts the cues from 1, ``line`` is where it stands in the subtitles and ``text`` what it says. ``timed``
    says how the times were found (see :class:`text2face.corpus.cue_times.HowTimed`). ``keypoints``, ``sound`` and
    ``pictures`` are paths in the corpus, "" for what there is not; of the pictures those numbered ``first_frame`` to
    ``last_frame`` are the clip's.
    """

    clip: str
    cue: int
    line: int
    text: str
    word: str
    syllable: str
    phonemes: str
    stress: int
    start: float
    end: float
    word_start: float
    word_end: float
    first_frame: int
    last_frame: int
    timed: str
    keypoints: str
    sound: str
    pictures: str


@dataclass(frozen=True)
class CueRecord:
    """What came of one cue: its clips, what was left out, and the most faces seen in one of its frames."""

    clips: tuple[Clip, ...]
    rejects: tuple[Reject, ...]
    most_faces: int = 0


def begin(folder: Path, corpus: Corpus) -> None:
    """Note in ``folder`` what it is made of; raise :class:`DatasetError` when it holds the corpus of something else."""
    path = folder / "corpus.json"
    foreign = [] if path.exists() else [name for name in OUR_NAMES if (folder / name).exists()]
    if foreign:
        raise DatasetError(f"folder is no corpus, but holds {' and '.join(foreign)}: {folder}; choose another folder")
    if path.exists():
        try:
            about = read_json(path)
            before = Corpus(**about["corpus"])
            schema = about["schema"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DatasetError(f"corpus is damaged: {path}: {error!r}; choose another folder") from None
        if schema != SCHEMA:
            raise DatasetError(f"corpus schema is {schema!r}, readable is {SCHEMA}; choose another folder: {path}")
        for name in ("video_sha256", "language", "unit"):
            ours, theirs = getattr(corpus, name), getattr(before, name)
            if ours != theirs:
                raise DatasetError(
                    f"folder holds a corpus of another {name.split('_', maxsplit=1)[0]}: {theirs}, got {ours}; "
                    f"choose another folder: {folder}"
                )
    atomic_write_json(path, {"schema": SCHEMA, "corpus": asdict(corpus)})


def read_cue(folder: Path, key: dict[str, Any]) -> CueRecord | None:
    """Return what the finished cue in ``folder`` holds; None when there is none, or of another ``key``."""
    try:
        about = read_json(folder / "cue.json")
        if about["key"] != key:
            return None
        return CueRecord(
            tuple(Clip(**clip) for clip in about["clips"]),
            tuple(Reject(**reject) for reject in about["rejects"]),
            int(about["most_faces"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_cue(folder: Path, key: dict[str, Any], record: CueRecord) -> None:
    """Write ``record`` into the cue's ``folder``."""
    atomic_write_json(folder / "cue.json", {"key": key, **asdict(record)})


def write_manifest(folder: Path, corpus: Corpus, cues: Sequence[tuple[Path, dict[str, Any]]]) -> Path:
    """Write manifest.json and manifest.tsv of the finished ``cues``, a folder and its key each; return the former.

    One cue is in memory at a time.
    """
    path = folder / "manifest.json"
    with ExitStack() as stack:
        parts = [stack.enter_context(atomic_path(path.with_suffix(suffix))) for suffix in (".json", ".tsv")]
        # Closed before the renames that atomic_path does, since they are entered after it.
        files = [stack.enter_context(part.open("w", encoding="utf-8", newline="\n")) for part in parts]
        head = json.dumps({"schema": SCHEMA, **asdict(corpus)}, ensure_ascii=False)
        files[0].write(f'{head[:-1]}, "clips": [')
        files[1].write(
            "\t".join([*(field.name for field in fields(Clip)), "video", "video_sha256", "subtitles"]) + "\n"
        )
        source = [" ".join(text.split()) for text in (corpus.video, corpus.video_sha256, corpus.subtitles)]
        for clip in (clip for record in _records(cues) for clip in record.clips):
            files[1].write("\t".join([*map(str, asdict(clip).values()), *source]) + "\n")
        _write_rows(files[0], (asdict(clip) for record in _records(cues) for clip in record.clips))
        files[0].write('], "rejects": [')
        _write_rows(files[0], (asdict(reject) for record in _records(cues) for reject in record.rejects))
        files[0].write("]}\n")
    return path


def _records(cues: Sequence[tuple[Path, dict[str, Any]]]) -> Iterator[CueRecord]:
    for folder, key in cues:
        record = read_cue(folder, key)
        if record is not None:
            yield record


def _write_rows(file: TextIO, rows: Iterator[dict[str, Any]]) -> None:
    """Write ``rows`` as the inside of a JSON list, one on a line."""
    for index, row in enumerate(rows):
        file.write((",\n" if index else "\n") + json.dumps(row, ensure_ascii=False))
