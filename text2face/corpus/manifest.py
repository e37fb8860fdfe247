"""Reads and writes a corpus's index files: its options, the record of each cue, and the manifest of all clips.

DIR/corpus.json                  the video and the options
DIR/template.npz                 template (68, 2): the mean face of the canonical coordinates
DIR/clips/00012/cue.json         the clips of cue 12, and what was left out
                002.npz          frames (F,), times (F,) seconds, pixel (F, 20, 2), canonical (F, 20, 2)
                002.wav          16 kHz mono, from the start of the first frame to the end of the last
                frames/000345.jpg ...   whole frames by number in the video, where pictures were asked for
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
"""Files and folders of a corpus beside corpus.json, which is written before them."""


@dataclass(frozen=True)
class Corpus:
    """What a corpus is made from.

    Attributes:
        video: path of the video.
        video_sha256: sha256 of the video.
        fps: frames per second of the video, an exact ratio.
        subtitles: path of the subtitles.
        language: tag such as "en-gb".
        unit: what a clip shows, "syllable" or "word".
    """

    video: str
    video_sha256: str
    fps: str
    subtitles: str
    language: str
    unit: str


@dataclass(frozen=True)
class Clip:
    """One row of the manifest; times are in seconds, and frames are numbered, from the start of the video.

    Attributes:
        clip: name of the clip.
        cue: number of its cue, from 1.
        line: line of the cue in the subtitles.
        text: text of the cue.
        word: the word as written.
        syllable: the written syllable; of a word all of them, joined by hyphens.
        phonemes: IPA symbols, separated by spaces.
        stress: 0, 1 or 2 as in :class:`text2face.timed_speech.Phoneme`.
        start: of the syllable or word.
        end: of the syllable or word.
        word_start: of the word.
        word_end: of the word.
        first_frame: first frame of the clip.
        last_frame: last frame of the clip, inclusive.
        timed: method that found the times, see :class:`text2face.corpus.cue_times.HowTimed`.
        keypoints: file in the corpus.
        sound: file in the corpus; "" for a silent video.
        pictures: folder in the corpus with the cue's frames; "" without pictures.
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
    """The clips and rejects of one cue, and the maximum number of faces in one of its frames."""

    clips: tuple[Clip, ...]
    rejects: tuple[Reject, ...]
    most_faces: int = 0


def begin(folder: Path, corpus: Corpus) -> None:
    """Writes corpus.json into ``folder``, or checks that it is of the same corpus.

    Raises :class:`DatasetError` when the folder holds another corpus or other files of these names, or is damaged.
    """
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
    """Returns the record of the finished cue in ``folder``; None when there is none, or one of another ``key``."""
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
    """Writes ``record`` into the cue's ``folder``."""
    atomic_write_json(folder / "cue.json", {"key": key, **asdict(record)})


def write_manifest(folder: Path, corpus: Corpus, cues: Sequence[tuple[Path, dict[str, Any]]]) -> Path:
    """Writes manifest.json and manifest.tsv, with one cue in memory at a time.

    Args:
        folder: the corpus.
        corpus: what it is made from.
        cues: folder and key of each finished cue.

    Returns:
        The file manifest.json.
    """
    path = folder / "manifest.json"
    with ExitStack() as stack:
        parts = [stack.enter_context(atomic_path(path.with_suffix(suffix))) for suffix in (".json", ".tsv")]
        # Entered after atomic_path, so closed before its renames.
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
    """Writes ``rows`` as the items of a JSON list, one per line."""
    for index, row in enumerate(rows):
        file.write((",\n" if index else "\n") + json.dumps(row, ensure_ascii=False))
