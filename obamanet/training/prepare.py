"""Turns footage of one person into a dataset: square frames, landmarks and sound, one worker process per core."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from obamanet.audio.load import stream_sound
from obamanet.constants import DATASET_SCHEMA, IMAGE_SIZE, SAMPLE_RATE
from obamanet.errors import DatasetError, ObamanetError, OptionError
from obamanet.face.detector import FaceDetector
from obamanet.face.landmarks import LandmarkPredictor
from obamanet.face.track import track_face
from obamanet.files import atomic_write_json, sha256_of
from obamanet.progress import Progress
from obamanet.render.crop import cut_square, portrait_box
from obamanet.training.dataset import JPEG_QUALITY
from obamanet.video.reader import probe_video, read_frames

SHORTEST_CLIP = 1.0
"""Seconds of face that a video must show; less cannot fill one training window."""


@dataclass(frozen=True)
class Reject:
    """Footage that was left out: the video, the frames (None for all), and why."""

    source: str
    reason: str
    first: int | None = None
    last: int | None = None


@dataclass(frozen=True)
class PrepareReport:
    """What a run of :func:`prepare` did: clips ready, how many of them were there before, and what was left out."""

    folder: Path
    clips: int
    cached: int
    frames: int
    rejects: tuple[Reject, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Job:
    video: Path
    folder: Path
    fps: Fraction
    image_size: int


@dataclass(frozen=True)
class _Outcome:
    folder: Path | None
    frames: int
    cached: bool
    rejects: tuple[Reject, ...]
    notes: tuple[str, ...]


def prepare(
    videos: Sequence[Path],
    out: Path,
    *,
    fps: Fraction | None = None,
    image_size: int = IMAGE_SIZE,
    workers: int | None = None,
    progress: Progress | None = None,
) -> PrepareReport:
    """Prepare ``videos`` of one person into the dataset folder ``out``.

    A folder among ``videos`` stands for the videos in it. ``fps`` is the dataset's frame rate, by default the most
    common one among the videos; others are resampled in time. What was prepared before from the same bytes with the
    same options is kept. Raises :class:`OptionError` for bad options and :class:`DatasetError` when nothing is usable.
    """
    progress = progress or Progress()
    if image_size < 64 or image_size & (image_size - 1):
        raise OptionError(f"image size must be a power of two of at least 64: got {image_size}")
    files = _expand(videos)
    rates: Counter[Fraction] = Counter()
    rejects: list[Reject] = []
    readable = []
    for video in files:
        try:
            rates[probe_video(video).fps] += 1
            readable.append(video)
        except ObamanetError as error:
            rejects.append(Reject(str(video), str(error)))
    if not readable:
        raise DatasetError(f"none of {len(files)} videos can be read; the first: {rejects[0].reason}")
    fps = fps or rates.most_common(1)[0][0]
    jobs = [_Job(video, out, fps, image_size) for video in readable]
    outcomes = _run(jobs, workers or os.cpu_count() or 1, progress)
    rejects += [reject for outcome in outcomes for reject in outcome.rejects]
    notes = [note for outcome in outcomes for note in outcome.notes]
    folders = sorted({outcome.folder.name for outcome in outcomes if outcome.folder})
    if not folders:
        raise DatasetError(f"no usable footage in {len(files)} videos; the first: {rejects[0].reason}")
    atomic_write_json(
        out / "dataset.json",
        {
            "schema": DATASET_SCHEMA,
            "fps": str(fps),
            "image_size": image_size,
            "clips": folders,
            "rejects": [asdict(reject) for reject in rejects],
            "notes": notes,
        },
    )
    return PrepareReport(
        folder=out,
        clips=len(folders),
        cached=sum(outcome.cached for outcome in outcomes),
        frames=sum(outcome.frames for outcome in outcomes),
        rejects=tuple(rejects),
        notes=tuple(notes),
    )


def _expand(videos: Sequence[Path]) -> list[Path]:
    files: list[Path] = []
    for path in videos:
        files += sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path]
    if not files:
        raise DatasetError(f"no videos to prepare in: {', '.join(map(str, videos)) or 'an empty list'}")
    return files


def _run(jobs: list[_Job], workers: int, progress: Progress) -> list[_Outcome]:
    if workers == 1 or len(jobs) == 1:
        return [_prepare_one(job) for job in progress.track(jobs, "preparing", len(jobs))]
    # Spawned, not forked: a fork of a process that runs TensorFlow's threads can hang.
    with ProcessPoolExecutor(min(workers, len(jobs)), mp_context=get_context("spawn")) as pool:
        running = [pool.submit(_prepare_one, job) for job in jobs]
        try:
            for _ in progress.track(as_completed(running), "preparing", len(jobs)):
                pass
            return [future.result() for future in running]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


@lru_cache(maxsize=1)
def _models() -> tuple[FaceDetector, LandmarkPredictor]:
    """Return this worker process's detector and predictor, loaded once."""
    return FaceDetector(), LandmarkPredictor()


def _prepare_one(job: _Job) -> _Outcome:
    source = str(job.video)
    try:
        key = {
            "schema": DATASET_SCHEMA,
            "sha256": sha256_of(job.video),
            "fps": str(job.fps),
            "image_size": job.image_size,
        }
        folder = job.folder / "clips" / f"{job.video.stem}-{key['sha256'][:8]}"
        before = _prepared_before(folder, key)
        if before is not None:
            return before
        return _prepare_clip(job, folder, key)
    except ObamanetError as error:
        return _Outcome(None, 0, False, (Reject(source, str(error)),), ())


def _prepared_before(folder: Path, key: dict[str, object]) -> _Outcome | None:
    try:
        about = json.loads((folder / "clip.json").read_text(encoding="utf-8"))
        if about["key"] != key:
            return None
        rejects = tuple(Reject(**reject) for reject in about["rejects"])
        return _Outcome(folder, int(about["frames"]), True, rejects, tuple(about["notes"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _prepare_clip(job: _Job, folder: Path, key: dict[str, object]) -> _Outcome:
    import cv2

    source = str(job.video)
    info = probe_video(job.video)
    detector, predictor = _models()
    track = track_face((frame.image for frame in read_frames(job.video, job.fps)), detector, predictor)
    seen = track.segment >= 0
    if seen.sum() < SHORTEST_CLIP * job.fps:
        reason = f"a face in only {seen.sum()} of {len(seen)} frames; at least {SHORTEST_CLIP:g} s of face is needed"
        return _Outcome(None, 0, False, (Reject(source, reason),), ())
    rejects = _frame_rejects(source, track.segment)
    notes = []
    if track.most_faces > 1:
        notes.append(f"{source}: up to {track.most_faces} faces in a frame; the larger one is followed")
    cuts = int(track.segment.max())
    if cuts:
        notes.append(f"{source}: {cuts} cut(s) or gap(s); nothing is learned across them")
    if info.variable_rate:
        notes.append(f"{source}: variable frame rate, brought to {float(job.fps):g} fps by time")
    if not info.has_sound:
        notes.append(f"{source}: no sound; it trains the renderer only")
    box = portrait_box(track.landmarks[seen])

    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    (part / "frames").mkdir(parents=True)
    for index, frame in enumerate(read_frames(job.video, job.fps)):
        square = cut_square(frame.image, box, job.image_size)
        options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x111111]
        if not cv2.imwrite(str(part / "frames" / f"{index:05d}.jpg"), square, options):
            raise DatasetError(f"cannot write frames into {part}; is the disk full?")
    np.savez_compressed(
        part / "track.npz",
        landmarks=track.landmarks,
        raw=track.raw,
        segment=track.segment,
        box=np.array([box.left, box.top, box.side]),
        frame_size=np.array([info.width, info.height]),
    )
    if info.has_sound:
        _write_sound(job.video, part / "sound.wav")
    atomic_write_json(
        part / "clip.json",
        {
            "name": job.video.stem,
            "source": str(job.video.resolve()),
            "key": key,
            "frames": int(seen.sum()),
            "rejects": [asdict(reject) for reject in rejects],
            "notes": notes,
        },
    )
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(part, folder)
    return _Outcome(folder, int(seen.sum()), False, rejects, tuple(notes))


def _frame_rejects(source: str, segment: np.ndarray) -> tuple[Reject, ...]:
    absent = np.flatnonzero(segment < 0)
    runs = np.split(absent, np.flatnonzero(np.diff(absent) > 1) + 1) if len(absent) else []
    return tuple(Reject(source, "no face found", int(run[0]), int(run[-1])) for run in runs)


def _write_sound(video: Path, path: Path) -> None:
    import soundfile

    with soundfile.SoundFile(path, "w", samplerate=SAMPLE_RATE, channels=1, subtype="PCM_16") as sound:
        for block in stream_sound(video):
            sound.write(block)
