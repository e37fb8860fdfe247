"""Writes timelines of phonemes, syllables and words, for animation elsewhere: JSON, a table (TSV), WebVTT subtitles."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TextIO

import numpy as np

from obamanet.about import SOFTWARE
from obamanet.errors import OptionError
from obamanet.files import atomic_path
from obamanet.keypoints.mouth_poses import REST, MouthPoses
from obamanet.keypoints.pca import MouthPca
from obamanet.timing import frame_times
from obamanet.types import CanonicalKeypoints
from text2face.timed_speech import Phoneme, Syllable
from text2face.visemes import IDLE, viseme_of

SCHEMA: Final = 1
"""Version of the JSON layout."""

COLUMNS: Final = ("start", "end", "phoneme", "viseme", "stress", "syllable", "word", "sentence")
"""Columns of the TSV, before "text": one row per phoneme and per pause, in order and without gaps; syllables, words and
sentences are numbered from 1.

POSE_COLUMN comes after "viseme" in timelines with mouth poses."""

POSE_COLUMN: Final = "mouth_pose"
"""Column, and JSON key of syllables and phonemes, with the name of a mouth pose, such as "open-round-19". In the JSON
each sentence also has "mouth_poses", the runs of frames with the same pose and their times."""

FORMATS: Final = (".json", ".tsv", ".vtt")
"""Suffixes of timelines, lower case."""


@dataclass(frozen=True)
class TimedWord:
    """A word as written and its syllables."""

    text: str
    syllables: tuple[Syllable, ...]


@dataclass(frozen=True)
class PoseTrack:
    """The mouth poses of a sentence's video frames.

    Attributes:
        numbers: pose of each frame, (T,) int.
        times: start of each frame, (T,) seconds from the start of the sound, evenly spaced.
        step: duration of a frame in seconds.
    """

    numbers: np.ndarray
    times: np.ndarray
    step: float

    def dominant(self, start: float, end: float) -> int | None:
        """Returns the pose shown longest from ``start`` to ``end``, the earliest of equal ones; None without frames."""
        shown = np.minimum(self.times + self.step, end) - np.maximum(self.times, start)
        if not (shown > 0).any():
            return None
        durations = np.bincount(self.numbers, weights=np.maximum(shown, 0))
        return int(next(number for number in self.numbers if durations[number] >= durations.max() - 1e-9))

    def runs(self) -> Iterator[tuple[int, float, float]]:
        """Yields each run of frames with the same pose: pose, start and end in seconds."""
        first = 0
        for last in range(1, len(self.numbers) + 1):
            if last == len(self.numbers) or self.numbers[last] != self.numbers[first]:
                yield int(self.numbers[first]), float(self.times[first]), float(self.times[last - 1]) + self.step
                first = last


@dataclass(frozen=True)
class TimedSentence:
    """A sentence with its times.

    Attributes:
        text: as written.
        start: in seconds from the start of the sound.
        end: in seconds from the start of the sound.
        words: its words; their times count from ``start``.
        poses: its mouth poses; None where they are not predicted.
    """

    text: str
    start: float
    end: float
    words: tuple[TimedWord, ...]
    poses: PoseTrack | None = None


class TimelineWriter:
    """Writes sentences into open timeline files, one at a time, so that memory does not grow with their number.

    Args:
        files: open files with their suffixes.
        language: tag, for the JSON.
        pose_names: names of all mouth poses; empty for timelines without.
    """

    def __init__(self, files: Sequence[tuple[str, TextIO]], language: str, pose_names: Sequence[str] = ()) -> None:
        self._files = files
        self._language = language
        self._names = pose_names
        self._end = 0.0
        self._counts = {"sentence": 0, "word": 0, "syllable": 0}

    def begin(self) -> None:
        """Writes the head of each file, before the first sentence."""
        about: dict[str, Any] = {"schema": SCHEMA, "language": self._language, "unit": "second"}
        if self._names:
            about["mouth_poses"] = list(self._names)
        head = json.dumps(about, ensure_ascii=False)
        for suffix, file in self._files:
            if suffix == ".json":
                file.write(head[:-1] + ', "sentences": [')
            elif suffix == ".tsv":
                columns = list(COLUMNS)
                if self._names:
                    columns.insert(COLUMNS.index("viseme") + 1, POSE_COLUMN)
                file.write("\t".join([*columns, "text"]) + "\n")
            else:
                file.write(f"WEBVTT {SOFTWARE}\n")

    def add(self, sentence: TimedSentence) -> None:
        """Writes ``sentence``, which must not start before the end of the one before."""
        rows = list(self._rows(sentence))
        for suffix, file in self._files:
            if suffix == ".json":
                file.write(",\n" if self._counts["sentence"] > 1 else "\n")
                file.write(json.dumps(_as_json(sentence, self._names), ensure_ascii=False))
            elif suffix == ".tsv":
                file.writelines(rows)
            else:
                text = " ".join(sentence.text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
                file.write(f"\n{_clock(sentence.start)} --> {_clock(sentence.end)}\n{text}\n")

    def finish(self, duration: float) -> None:
        """Writes the end of each file, after the last sentence of a sound of ``duration`` seconds."""
        for suffix, file in self._files:
            if suffix == ".json":
                file.write(f'\n], "duration": {duration:.4f}}}\n')
            elif suffix == ".tsv" and duration > self._end + 1e-4:
                file.write(self._row(self._end, duration, "", 0, ("", "", ""), "", None))

    def _rows(self, sentence: TimedSentence) -> Iterator[str]:
        """Yields the TSV's rows: every phoneme, and every pause before one."""
        self._counts["sentence"] += 1
        for word in sentence.words:
            self._counts["word"] += 1
            for syllable in word.syllables:
                self._counts["syllable"] += 1
                places = tuple(str(self._counts[name]) for name in ("syllable", "word", "sentence"))
                for sound in syllable.phonemes:
                    start, end = sentence.start + sound.start, sentence.start + sound.end
                    if start > self._end + 1e-4:
                        yield self._row(self._end, start, "", 0, ("", "", ""), "", sentence.poses)
                    yield self._row(start, end, sound.symbol, sound.stress, places, syllable.text, sentence.poses)
                    self._end = end

    def _row(
        self,
        start: float,
        end: float,
        phoneme: str,
        stress: int,
        places: tuple[str, ...],
        text: str,
        poses: PoseTrack | None,
    ) -> str:
        """Returns one row, of a pause when ``phoneme`` is ""; without frames in it the pose is that at rest."""
        fields = [f"{start:.4f}", f"{end:.4f}", phoneme, viseme_of(phoneme) if phoneme else IDLE]
        if self._names:
            pose = poses.dominant(start, end) if poses else None
            fields.append(self._names[REST if pose is None else pose])
        return "\t".join([*fields, str(stress), *places, text]) + "\n"


def pose_track(keypoints: CanonicalKeypoints, poses: MouthPoses, pca: MouthPca, start: float = 0.0) -> PoseTrack:
    """Returns the mouth pose nearest to each frame of ``keypoints``, whose first frame is at ``start`` seconds."""
    times = start + frame_times(len(keypoints.points), keypoints.fps)
    return PoseTrack(poses.nearest(pca.encode(keypoints.points)), times, float(1 / keypoints.fps))


def check_timeline_names(paths: Sequence[Path]) -> None:
    """Raises :class:`OptionError` for a name whose suffix is none of FORMATS."""
    for path in paths:
        if path.suffix.lower() not in FORMATS:
            allowed = ", ".join(FORMATS)
            raise OptionError(f"unknown kind of timeline: got {path}, allowed is a name that ends in {allowed}")


@contextmanager
def open_timelines(paths: Sequence[Path], language: str, pose_names: Sequence[str] = ()) -> Iterator[TimelineWriter]:
    """Opens timelines for writing; they are renamed to their places when the block ends without an error.

    Args:
        paths: files to write; the suffix chooses the format.
        language: tag, for the JSON.
        pose_names: names of all mouth poses, of :func:`obamanet.keypoints.mouth_poses.pose_names`; empty for none.

    Raises:
        OptionError: a suffix is none of FORMATS.
        obamanet.errors.OutputError: a file cannot be written.
    """
    check_timeline_names(paths)
    with ExitStack() as stack:
        files: list[tuple[str, TextIO]] = []
        for path in paths:
            part = stack.enter_context(atomic_path(path))
            # Entered after atomic_path, so closed before its rename.
            file = stack.enter_context(part.open("w", encoding="utf-8", newline="\n"))
            files.append((path.suffix.lower(), file))
        yield TimelineWriter(files, language, pose_names)


def _as_json(sentence: TimedSentence, names: Sequence[str]) -> dict[str, Any]:
    """Returns the sentence as JSON, with times from the start of the sound."""
    offset, poses = sentence.start, sentence.poses if names else None

    def pose(start: float, end: float) -> dict[str, str]:
        number = poses.dominant(offset + start, offset + end) if poses else None
        return {} if number is None else {POSE_COLUMN: names[number]}

    def sound(phoneme: Phoneme) -> dict[str, Any]:
        return {
            "phoneme": phoneme.symbol,
            "start": round(offset + phoneme.start, 4),
            "end": round(offset + phoneme.end, 4),
            "viseme": viseme_of(phoneme.symbol),
            **pose(phoneme.start, phoneme.end),
        }

    frames = [
        {POSE_COLUMN: names[number], "start": round(start, 4), "end": round(end, 4)}
        for number, start, end in (poses.runs() if poses else ())
    ]
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
                        **pose(syllable.start, syllable.end),
                        "phonemes": [sound(phoneme) for phoneme in syllable.phonemes],
                    }
                    for syllable in word.syllables
                ],
            }
            for word in sentence.words
        ],
        **({"mouth_poses": frames} if frames else {}),
    }


def _clock(seconds: float) -> str:
    """Returns a time in WebVTT's form, hh:mm:ss.mmm."""
    milliseconds = round(1000 * seconds)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}"
