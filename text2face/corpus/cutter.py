"""Writes the clips of one cue: times of its words, keypoints of the mouth, and the files of each syllable or word."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np

from obamanet.constants import LANDMARK_COUNT, MOUTH, SAMPLE_RATE
from obamanet.errors import DatasetError, FaceError, OutputError
from obamanet.face.landmark_models import Landmarks
from obamanet.face.landmarker import load_landmarker
from obamanet.face.track import FaceTrack, track_face
from obamanet.files import atomic_path, open_arrays
from obamanet.keypoints.placement import fit_placement, fit_template, to_canonical
from obamanet.timing import frames_to_cover
from obamanet.types import AudioClip
from obamanet.video.reader import VideoInfo
from text2face.corpus.clips import BEYOND, Cut, Reject, Unit, cuts_of, why_not
from text2face.corpus.cue_times import TimedCue, Untimed, time_cue
from text2face.corpus.manifest import Clip, CueRecord
from text2face.corpus.span_reader import FrameReader, SoundReader
from text2face.corpus.windows import Window
from text2face.voice.aligners import Aligner

CONTEXT: Final = 2
"""Frames tracked before and after a cue's clips, as the tracker smooths over five."""

JPEG_QUALITY: Final = 95
"""JPEG quality of the frames, 0 to 100."""

TEMPLATE: Final = "template.npz"
"""File in a corpus of the mean face."""


class Cutter:
    """Cuts the cues of one video, in order of time.

    Args:
        info: the video.
        corpus: folder of the corpus.
        language: tag such as "en-gb".
        unit: what a clip shows.
        aligner: finds the times of the words.
        pictures: write the frames too.
    """

    def __init__(
        self, info: VideoInfo, corpus: Path, language: str, unit: Unit, aligner: Aligner, *, pictures: bool
    ) -> None:
        self._info = info
        self._template = corpus / TEMPLATE
        self._language = language
        self._unit = unit
        self._aligner = aligner
        self._pictures = pictures
        self._frames = FrameReader(info.path, info.fps)
        self._sound = SoundReader(info.path) if info.has_sound else None
        self._frame_count = frames_to_cover(Fraction(info.duration).limit_denominator(100_000), info.fps)
        self._landmarker = load_landmarker(Landmarks.MESH)

    def cut(self, window: Window, folder: Path, name: str) -> CueRecord:
        """Writes the clips of a cue, and returns their record.

        Args:
            window: the cue's.
            folder: where to write.
            name: the folder's path in the corpus, for the manifest.

        Raises:
            obamanet.errors.ObamanetError: the video cannot be read.
            OSError: ``folder`` cannot be written to.
        """
        fps = float(self._info.fps)
        # One more frame on both sides, as clips cover whole frames.
        start = max(0.0, window.start - 1 / fps)
        around = self._sound.stretch(start, window.end + 1 / fps) if self._sound else None
        timed = time_cue(window, _part(around, window.start - start, window.end - start), self._language, self._aligner)
        if isinstance(timed, Untimed):
            return CueRecord((), (self._reject(window, timed.reason),))
        cuts = cuts_of(timed, self._language, self._unit, self._info.fps)
        rejects = [self._reject(window, BEYOND, cut) for cut in cuts if cut.first >= self._frame_count]
        cuts = tuple(cut for cut in cuts if cut.first < self._frame_count)
        first = max(0, min((cut.first for cut in cuts), default=0) - CONTEXT)
        last = max((cut.last for cut in cuts), default=0) + CONTEXT
        try:
            track = track_face(self._images(first, last, folder), self._landmarker)
        except FaceError:
            return CueRecord((), (*rejects, self._reject(window, "no face")))
        canonical = self._canonical(track)
        clips: list[Clip] = []
        for cut in cuts:
            absence = why_not(cut, track, first)
            if absence:
                rejects.append(
                    Reject(window.number, window.cue.line, absence.reason, cut.syllable, absence.first, absence.last)
                )
                continue
            number = f"{len(clips) + 1:03d}"
            inside = slice(cut.first - first, cut.last + 1 - first)
            _write_keypoints(folder / f"{number}.npz", cut, track.landmarks[inside, MOUTH], canonical[inside], fps)
            if around:
                sound = _part(around, cut.first / fps - start, (cut.last + 1) / fps - start)
                assert sound is not None
                _write_sound(folder / f"{number}.wav", sound)
            clips.append(self._row(window, cut, timed, name, number))
        if self._pictures:
            _keep_pictures(folder / "frames", clips)
        return CueRecord(tuple(clips), tuple(rejects), track.max_faces)

    def _reject(self, window: Window, reason: str, cut: Cut | None = None) -> Reject:
        if cut is None:
            return Reject(window.number, window.cue.line, reason)
        return Reject(window.number, window.cue.line, reason, cut.syllable, cut.first, cut.last)

    def _row(self, window: Window, cut: Cut, timed: TimedCue, name: str, number: str) -> Clip:
        return Clip(
            clip=f"{window.number:05d}-{number}",
            cue=window.number,
            line=window.cue.line,
            text=window.cue.text,
            word=cut.word,
            syllable=cut.syllable,
            phonemes=cut.phonemes,
            stress=cut.stress,
            start=round(cut.start, 4),
            end=round(cut.end, 4),
            word_start=round(cut.word_start, 4),
            word_end=round(cut.word_end, 4),
            first_frame=cut.first,
            last_frame=cut.last,
            timed=timed.how.value,
            keypoints=f"{name}/{number}.npz",
            sound=f"{name}/{number}.wav" if self._sound else "",
            pictures=f"{name}/frames" if self._pictures else "",
        )

    def _images(self, first: int, last: int, folder: Path) -> Iterator[np.ndarray]:
        """Yields frames ``first`` to ``last``, and writes them into ``folder`` where pictures are asked for."""
        import cv2

        if self._pictures:
            (folder / "frames").mkdir()
        for number, image in enumerate(self._frames.stretch(first, last), start=first):
            if self._pictures:
                path = folder / "frames" / f"{number:06d}.jpg"
                if not cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]):
                    raise OutputError(f"picture cannot be written, perhaps the disk is full: {path}")
            yield image

    def _canonical(self, track: FaceTrack) -> np.ndarray:
        """Returns the canonical keypoints (T, 20, 2), NaN in frames without a face."""
        has_face = track.segment >= 0
        if not self._template.exists():
            with atomic_path(self._template) as part:
                np.savez(part, template=fit_template(track.landmarks[has_face]))
        with open_arrays(self._template) as arrays:
            template = arrays["template"]
        if template.shape != (LANDMARK_COUNT, 2):
            raise DatasetError(f"corpus is damaged: {self._template}; choose another folder")
        canonical = np.full((len(has_face), 20, 2), np.nan, np.float32)
        face = track.landmarks[has_face]
        canonical[has_face] = to_canonical(face[:, MOUTH], fit_placement(face, template))
        return canonical


def _part(sound: AudioClip | None, start: float, end: float) -> AudioClip | None:
    """Returns the part of ``sound`` from ``start`` to ``end`` seconds; None for None."""
    if sound is None:
        return None
    part = sound.samples[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)]
    return AudioClip(part, sound.rate, sound.source)


def _write_keypoints(path: Path, cut: Cut, pixel: np.ndarray, canonical: np.ndarray, fps: float) -> None:
    frames = np.arange(cut.first, cut.last + 1)
    np.savez(path, frames=frames, times=frames / fps, pixel=pixel, canonical=canonical)


def _write_sound(path: Path, sound: AudioClip) -> None:
    import soundfile

    try:
        soundfile.write(path, np.clip(sound.samples, -1, 1), sound.rate, subtype="PCM_16")
    except soundfile.LibsndfileError as error:
        raise OutputError(f"sound cannot be written ({error}): {path}") from error


def _keep_pictures(folder: Path, clips: Sequence[Clip]) -> None:
    """Removes the frames that are in no clip."""
    shown = {number for clip in clips for number in range(clip.first_frame, clip.last_frame + 1)}
    for path in folder.iterdir():
        if int(path.stem) not in shown:
            path.unlink()
