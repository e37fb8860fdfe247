"""What is said when, for people who animate elsewhere: JSON, a table (TSV) and WebVTT subtitles, as it comes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TextIO

from obamanet.errors import OptionError
from obamanet.files import atomic_path
from text2face.types import Phoneme, Syllable
from text2face.visemes import IDLE, viseme_of

SCHEMA: Final = 1
"""Version of the JSON layout."""

COLUMNS: Final = ("start", "end", "phoneme", "viseme", "stress", "syllable", "word", "sentence")
"""Of the TSV: one row per sound and per pause, in order and without gaps; syllable, word and sentence count from 1."""

FORMATS: Final = (".json", ".tsv", ".vtt")


@dataclass(frozen=True)
class TimedWord:
    """A word as written and its syllables."""

    text: str
    syllables: tuple[Syllable, ...]


@dataclass(frozen=True)
class TimedSentence:
    """A sentence as written, and where it lies in the sound, in seconds; its words' times count from ``start``."""

    text: str
    start: float
    end: float
    words: tuple[TimedWord, ...]


class TimelineWriter:
    """Writes sentences into open timeline files, one by one; memory does not grow with their number."""

    def __init__(self, files: Sequence[tuple[str, TextIO]], language: str) -> None:
        self._files = files
        self._language = language
        self._end = 0.0
        self._counts = {"sentence": 0, "word": 0, "syllable": 0}

    def begin(self) -> None:
        """Write what comes before the first sentence."""
        head = json.dumps({"schema": SCHEMA, "language": self._language, "unit": "second"}, ensure_ascii=False)
        for suffix, file in self._files:
            if suffix == ".json":
                file.write(head[:-1] + ', "sentences": [')
            elif suffix == ".tsv":
                file.write("\t".join([*COLUMNS, "text"]) + "\n")
            else:
                file.write("WEBVTT\n")

    def add(self, sentence: TimedSentence) -> None:
        """Write ``sentence``, which must not begin before the last one ended."""
        rows = list(self._rows(sentence))
        for suffix, file in self._files:
            if suffix == ".json":
                file.write(",\n" if self._counts["sentence"] > 1 else "\n")
                file.write(json.dumps(_as_json(sentence), ensure_ascii=False))
            elif suffix == ".tsv":
                file.writelines(rows)
            else:
                text = " ".join(sentence.text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
                file.write(f"\n{_clock(sentence.start)} --> {_clock(sentence.end)}\n{text}\n")

    def finish(self, duration: float) -> None:
        """Write what comes after the last sentence of a sound of ``duration`` seconds."""
        for suffix, file in self._files:
            if suffix == ".json":
                file.write(f'\n], "duration": {duration:.4f}}}\n')
            elif suffix == ".tsv" and duration > self._end + 1e-4:
                file.write(_row(self._end, duration, "", IDLE, 0, ("", "", ""), ""))

    def _rows(self, sentence: TimedSentence) -> Iterator[str]:
        """Yield the TSV's rows: every sound, and every pause before one."""
        self._counts["sentence"] += 1
        for word in sentence.words:
            self._counts["word"] += 1
            for syllable in word.syllables:
                self._counts["syllable"] += 1
                places = tuple(str(self._counts[name]) for name in ("syllable", "word", "sentence"))
                for sound in syllable.phonemes:
                    start, end = sentence.start + sound.start, sentence.start + sound.end
                    if start > self._end + 1e-4:
                        yield _row(self._end, start, "", IDLE, 0, ("", "", ""), "")
                    yield _row(start, end, sound.symbol, viseme_of(sound.symbol), sound.stress, places, syllable.text)
                    self._end = end


def check_timeline_names(paths: Sequence[Path]) -> None:
    """Raise :class:`OptionError` when a name does not say which kind of timeline is wanted."""
    for path in paths:
        if path.suffix.lower() not in FORMATS:
            allowed = ", ".join(FORMATS)
            raise OptionError(f"unknown kind of timeline: got {path}, allowed is a name that ends in {allowed}")


@contextmanager
def open_timelines(paths: Sequence[Path], language: str) -> Iterator[TimelineWriter]:
    """Open timelines at ``paths``, kinds by their suffix, which appear complete when the block ends well.

    Raises :class:`OptionError` for an unknown suffix and :class:`obamanet.errors.OutputError`.
    """
    check_timeline_names(paths)
    with ExitStack() as stack:
        files: list[tuple[str, TextIO]] = []
        for path in paths:
            part = stack.enter_context(atomic_path(path))
            # Closed before the rename that atomic_path does, since it is entered after it.
            file = stack.enter_context(part.open("w", encoding="utf-8", newline="\n"))
            files.append((path.suffix.lower(), file))
        yield TimelineWriter(files, language)


def _row(start: float, end: float, phoneme: str, viseme: str, stress: int, places: tuple[str, ...], text: str) -> str:
    return "\t".join([f"{start:.4f}", f"{end:.4f}", phoneme, viseme, str(stress), *places, text]) + "\n"


def _as_json(sentence: TimedSentence) -> dict[str, Any]:
    """Return the sentence with times from the start of the sound."""
    offset = sentence.start

    def sound(phoneme: Phoneme) -> dict[str, Any]:
        return {
            "phoneme": phoneme.symbol,
            "start": round(offset + phoneme.start, 4),
            "end": round(offset + phoneme.end, 4),
            "viseme": viseme_of(phoneme.symbol),
        }

    return {
        "text": sentence.text,
        "start": round(sentence.start, 4),
        "end": round(sentence.end, 4),
        "words": [
            {
                "text": word.text,
                "syllables": [
                    {
                        "text": syllable.text,
                        "start": round(offset + syllable.start, 4),
                        "end": round(offset + syllable.end, 4),
                        "stress": syllable.stress,
                        "phonemes": [sound(phoneme) for phoneme in syllable.phonemes],
                    }
                    for syllable in word.syllables
                ],
            }
            for word in sentence.words
        ],
    }


def _clock(seconds: float) -> str:
    """Return a time as WebVTT writes it: hh:mm:ss.mmm."""
    milliseconds = round(1000 * seconds)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}"
