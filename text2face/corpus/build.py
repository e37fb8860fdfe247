"""Builds a corpus, a folder of labelled clips, from a captioned video: cues, windows, clips, manifest."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from obamanet.errors import DatasetError, OutputError
from obamanet.files import NO_SPACE, locked, sha256_of
from obamanet.progress import Progress
from obamanet.video.reader import VideoInfo, probe_video
from text2face.corpus.clips import Unit
from text2face.corpus.cutter import Cutter
from text2face.corpus.manifest import Corpus, CueRecord, begin, read_cue, write_cue, write_manifest
from text2face.corpus.windows import Window, plan_windows
from text2face.subtitles import Cue, read_subtitles
from text2face.voice.aligners import Aligner, check_aligner
from text2face.voice.voices import known_language


@dataclass(frozen=True)
class CorpusOptions:
    """Options of a corpus.

    Attributes:
        language: of the subtitles, a tag such as "en-gb" or "es".
        unit: what a clip shows.
        aligner: finds the times of the words.
        pictures: write the frames too, which take far more space than all else.
    """

    language: str = "en-gb"
    unit: Unit = Unit.SYLLABLE
    aligner: Aligner = Aligner.AUTO
    pictures: bool = False


@dataclass(frozen=True)
class CorpusReport:
    """Result of :func:`build_corpus`.

    Attributes:
        manifest: the manifest's file.
        cues: number of cues in it.
        cached: number of those that an earlier run had cut.
        clips: number of clips in it.
        timed: number of clips by the method that found their times.
        reasons: number of rejects by reason.
        crowded: number of cues that show more than one face.
        beyond: cues that start after the end of the video.
        duration: of the video, in seconds.
    """

    manifest: Path
    cues: int
    cached: int
    clips: int
    timed: Counter[str]
    reasons: Counter[str]
    crowded: int
    beyond: tuple[Cue, ...]
    duration: float


class _Run:
    """Cuts the cues of one video that are not cut yet, and counts all of them."""

    def __init__(self, folder: Path, corpus: Corpus, info: VideoInfo, options: CorpusOptions) -> None:
        self.folder = folder
        self.corpus = corpus
        self.info = info
        self.options = options
        self.cues = self.cached = self.crowded = 0
        self.timed: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self._cutter: Cutter | None = None

    @property
    def clips(self) -> int:
        """The number of clips so far."""
        return self.timed.total()

    def add(self, window: Window) -> None:
        """Cuts a cue, unless an earlier run has, and counts its clips."""
        folder, key = self._folder(window.number), self._key(window)
        record = read_cue(folder, key)
        if record is None:
            record = self._cut(window, folder, key)
        else:
            self.cached += 1
        self.cues += 1
        self.timed.update(clip.timed for clip in record.clips)
        self.reasons.update(reject.reason for reject in record.rejects)
        self.crowded += record.most_faces > 1

    def write_manifest(self, windows: Sequence[Window]) -> Path:
        """Writes the manifest of those ``windows`` that are cut, by this run or an earlier one; returns its file."""
        return write_manifest(self.folder, self.corpus, [(self._folder(one.number), self._key(one)) for one in windows])

    def _folder(self, number: int) -> Path:
        return self.folder / "clips" / f"{number:05d}"

    def _key(self, window: Window) -> dict[str, Any]:
        """Returns all that the clips of a cue depend on, as JSON values."""
        cue = {**asdict(window.cue), "marks": [[mark.time, mark.place] for mark in window.cue.marks]}
        made = {"video": self.corpus.video_sha256, "language": self.corpus.language, "unit": self.corpus.unit}
        how = {"aligner": self.options.aligner.value, "pictures": self.options.pictures}
        return {**made, **how, "cue": cue, "start": window.start, "end": window.end}

    def _cut(self, window: Window, folder: Path, key: dict[str, Any]) -> CueRecord:
        options = self.options
        self._cutter = self._cutter or Cutter(
            self.info, self.folder, options.language, options.unit, options.aligner, pictures=options.pictures
        )
        part = folder.with_name(f".{folder.name}.part")
        try:
            part.mkdir()
            record = self._cutter.cut(window, part, folder.relative_to(self.folder).as_posix())
            write_cue(part, key, record)
            shutil.rmtree(folder, ignore_errors=True)
            os.replace(part, folder)
        except OSError as error:
            reason = "no space left on the disk" if error.errno in NO_SPACE else error.strerror or str(error)
            raise OutputError(f"clips cannot be written ({reason}): {folder}") from error
        finally:
            shutil.rmtree(part, ignore_errors=True)
        return record


def build_corpus(
    video: Path,
    subtitles: Path,
    out: Path,
    options: CorpusOptions | None = None,
    progress: Progress | None = None,
) -> CorpusReport:
    """Cuts a video by its subtitles into clips of one syllable or word.

    Each clip has text, phonemes, times, keypoints and sound; :mod:`text2face.corpus.manifest` describes the files. A
    second run cuts only cues that are missing or have changed. Memory does not grow with the length of the video.

    Args:
        video: the video.
        subtitles: srt or vtt file.
        out: folder of the corpus. Each cue is in it whole or not at all, also after an error.
        options: language, unit and aligner.
        progress: gets the progress over cues.

    Raises:
        obamanet.errors.ObamanetError: subtitles, video, language or folder cannot be used, or there is no clip.
    """
    options, progress = options or CorpusOptions(), progress or Progress()
    options = replace(options, language=known_language(options.language))
    check_aligner(options.aligner)
    cues = read_subtitles(subtitles)
    info = probe_video(video)
    plan = plan_windows(cues, info.duration)
    if not plan.windows:
        raise DatasetError(
            f"no cue is inside the video: the first begins at {cues[0].start:.1f} s (line {cues[0].line}), "
            f"the video ends at {info.duration:.1f} s: {subtitles}"
        )
    corpus = Corpus(
        video=str(video.resolve()),
        video_sha256=sha256_of(video),
        fps=str(info.fps),
        subtitles=str(subtitles.resolve()),
        language=options.language,
        unit=options.unit.value,
    )
    with _own_folder(out, corpus):
        run = _Run(out, corpus, info, options)
        try:
            for window in progress.track(plan.windows, "cutting", len(plan.windows)):
                run.add(window)
        except BaseException:
            if run.clips:
                run.write_manifest(plan.windows)
            raise
        if not run.clips:
            reason, count = run.reasons.most_common(1)[0]
            raise DatasetError(f"no clip can be cut from {len(plan.windows)} cues; {count} times: {reason}: {video}")
        _remove_others(out / "clips", len(plan.windows))
        return CorpusReport(
            manifest=run.write_manifest(plan.windows),
            cues=run.cues,
            cached=run.cached,
            clips=run.clips,
            timed=run.timed,
            reasons=run.reasons,
            crowded=run.crowded,
            beyond=plan.beyond,
            duration=info.duration,
        )


@contextmanager
def _own_folder(out: Path, corpus: Corpus) -> Iterator[None]:
    """Makes or checks the corpus's folder, locks it for this process, and removes an earlier run's unfinished files."""
    folder = out / "clips"
    if out.exists() and not out.is_dir():
        raise OutputError(f"output must be a folder, got a file: {out}")
    begin(out, corpus)
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"output folder cannot be used ({error.strerror}): {folder}") from error
    with locked(folder):
        try:
            for part in folder.glob(".*.part"):
                shutil.rmtree(part)
        except OSError as error:
            raise OutputError(f"output folder cannot be used ({error.strerror}): {folder}") from error
        yield


def _remove_others(folder: Path, count: int) -> None:
    """Removes the clips of cues that are no longer in the subtitles: those numbered above ``count``."""
    for path in folder.iterdir():
        if path.name.isdecimal() and int(path.name) > count and (path / "cue.json").is_file():
            shutil.rmtree(path, ignore_errors=True)
