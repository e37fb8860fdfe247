"""Turns footage of one person into a dataset: square frames, landmarks and sound; one worker process per core."""

from __future__ import annotations

import errno
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import numpy as np

from obamanet.audio.load import stream_sound
from obamanet.constants import DATASET_SCHEMA, IMAGE_SIZE, LANDMARKS_WITH_IRISES, SAMPLE_RATE
from obamanet.errors import DatasetError, ObamanetError, OptionError, OutputError
from obamanet.face.identity import SAME_PERSON_DISTANCE, FaceEmbedder, main_face
from obamanet.face.landmark_models import Landmarks
from obamanet.face.landmarker import Landmarker, load_landmarker
from obamanet.face.track import FaceTrack, track_face
from obamanet.files import DAMAGED, NO_SPACE, atomic_write_json, locked, made_folder, open_arrays, read_json, sha256_of
from obamanet.processes import map_in_processes
from obamanet.progress import Progress
from obamanet.render.crop import cut_square, portrait_box
from obamanet.timing import parse_rate
from obamanet.training.data.dataset import JPEG_QUALITY, check_image_size
from obamanet.video.reader import VideoInfo, probe_video, read_frames

MIN_CLIP = 1.0
"""Minimum length of a video's frames with a face, in seconds; less cannot fill one training window."""


@dataclass(frozen=True)
class Reject:
    """Footage that was left out: the video, the frames (None for all), and why."""

    source: str
    reason: str
    first: int | None = None
    last: int | None = None


@dataclass(frozen=True)
class PrepareReport:
    """Result of :func:`prepare`.

    Attributes:
        folder: the dataset.
        clips: clips in the dataset.
        cached: clips of the given videos that were there already.
        frames: frames with a face in the clips of the given videos.
        rejects: footage that was left out.
        notes: messages for the user, one per line.
    """

    folder: Path
    clips: int
    cached: int
    frames: int
    rejects: tuple[Reject, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Existing:
    """The dataset in the output folder before this run."""

    fps: Fraction
    image_size: int
    landmarks: Landmarks
    clips: frozenset[str]
    rejects: tuple[Reject, ...]

    def has(self, fps: Fraction, image_size: int, landmarks: Landmarks) -> bool:
        """Returns whether its clips are of these options."""
        return (self.fps, self.image_size, self.landmarks) == (fps, image_size, landmarks)


@dataclass(frozen=True)
class _Job:
    video: Path
    sha256: str
    folder: Path
    fps: Fraction
    image_size: int
    landmarks: Landmarks


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
    landmarks: Landmarks = Landmarks.MESH,
    workers: int | None = None,
    progress: Progress | None = None,
) -> PrepareReport:
    """Prepares videos of one person into a dataset.

    Stretches and videos that show another person than most of the footage are left out. Of videos with the same bytes
    the first is used.

    Args:
        videos: video files, and folders of video files.
        out: the dataset folder. Clips in it stay, and videos already prepared are not prepared again; with another
            frame rate or image size it is made anew.
        fps: the dataset's frame rate, by default that of most videos; videos of other rates are resampled in time.
        image_size: side of the square frames in pixels.
        landmarks: the model that landmarks are found with.
        workers: processes, by default one per core.
        progress: gets the progress over videos.

    Raises:
        OptionError: an option is out of range.
        DatasetError: no video is usable.
        OutputError: ``out`` cannot be written to.
    """
    progress = progress or Progress()
    check_image_size(image_size)
    existing = _read_existing(out)
    notes: list[str] = []
    if existing is not None and not existing.has(fps or existing.fps, image_size, landmarks):
        notes.append(
            f"{out} was begun with {existing.fps} fps, {existing.image_size} px and {existing.landmarks} landmarks; "
            "it is made anew"
        )
        existing = None
    files = _expand(videos)
    rates: Counter[Fraction] = Counter()
    rejects: list[Reject] = []
    earlier: list[Reject] = []
    readable: dict[str, Path] = {}
    for video in files:
        try:
            rate = probe_video(video).fps
            first = readable.setdefault(sha256_of(video), video)
        except (ObamanetError, OSError) as error:
            rejects.append(Reject(str(video), str(error)))
            continue
        if first is video:
            rates[rate] += 1
        else:
            # The same footage must not be in training and in validation.
            notes.append(f"{video}: the same bytes as {first}; left out")
    if not readable:
        raise DatasetError(f"none of {len(files)} videos can be read; the first: {rejects[0].reason}")
    fps = fps or (existing.fps if existing else rates.most_common(1)[0][0])
    jobs = [_Job(video, sha256, out, fps, image_size, landmarks) for sha256, video in readable.items()]
    with _clean_clips(out / "clips"):
        outcomes = _run(jobs, workers or os.cpu_count() or 1, progress)
        rejects += [reject for outcome in outcomes for reject in outcome.rejects]
        notes += [note for outcome in outcomes for note in outcome.notes]
        folders = {outcome.folder.name for outcome in outcomes if outcome.folder}
        if not folders:
            raise DatasetError(f"no usable footage in {len(files)} videos; the first: {rejects[0].reason}")
        # Read again: another process may have added clips before this one locked the folder.
        existing = _read_existing(out)
        if existing is not None and existing.has(fps, image_size, landmarks):
            folders |= existing.clips
            # Rejects of videos that are not among the given ones stay listed.
            given = {path.resolve() for path in files}
            earlier = [reject for reject in existing.rejects if Path(reject.source).resolve() not in given]
        strangers = _strangers(out / "clips", folders)
        rejects += strangers.values()
        folders -= strangers.keys()
        atomic_write_json(
            out / "dataset.json",
            {
                "schema": DATASET_SCHEMA,
                "fps": str(fps),
                "image_size": image_size,
                "landmarks": landmarks.value,
                "clips": sorted(folders),
                "rejects": [asdict(reject) for reject in [*earlier, *rejects]],
                "notes": notes,
            },
        )
    return PrepareReport(
        folder=out,
        clips=len(folders),
        cached=sum(outcome.cached for outcome in outcomes),
        frames=sum(outcome.frames for outcome in outcomes if outcome.folder and outcome.folder.name in folders),
        rejects=tuple(rejects),
        notes=tuple(notes),
    )


def _read_existing(out: Path) -> _Existing | None:
    """Returns the dataset in ``out``; None when there is none or it is of another schema, and has to be made anew."""
    try:
        index = read_json(out / "dataset.json")
        if index["schema"] != DATASET_SCHEMA:
            return None
        clips = frozenset(name for name in index["clips"] if (out / "clips" / name / "clip.json").is_file())
        rejects = tuple(Reject(**reject) for reject in index["rejects"])
        landmarks = Landmarks(index.get("landmarks", Landmarks.DLIB))
        return _Existing(parse_rate(index["fps"]), check_image_size(index["image_size"]), landmarks, clips, rejects)
    except (*DAMAGED, OptionError):
        return None


def _strangers(folder: Path, names: Iterable[str]) -> dict[str, Reject]:
    """Returns a reject for each of the clips ``names`` that shows another person than most of the footage."""
    faces: dict[str, np.ndarray] = {}
    frames: list[int] = []
    for name in sorted(names):
        # A damaged clip is reported when the dataset is read; one made by an older version has no identity.
        with suppress(*DAMAGED), open_arrays(folder / name / "track.npz") as arrays:
            faces[name] = arrays["identity"]
            frames.append(int((arrays["segment"] >= 0).sum()))
    if len(faces) < 2:
        return {}
    main = main_face(np.stack(list(faces.values())), np.array(frames))
    strangers = {}
    for name, face in faces.items():
        distance = float(np.linalg.norm(face - main))
        if distance > SAME_PERSON_DISTANCE:
            reason = (
                f"another face than in most videos (distance {distance:.2f}, allowed is up to {SAME_PERSON_DISTANCE:g})"
            )
            strangers[name] = Reject(str(read_json(folder / name / "clip.json")["source"]), reason)
    return strangers


def _expand(videos: Sequence[Path]) -> list[Path]:
    files: list[Path] = []
    for path in videos:
        try:
            files += sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path]
        except OSError as error:
            raise DatasetError(f"folder cannot be read ({error.strerror}): {path}") from error
    if not files:
        raise DatasetError(f"no videos to prepare in: {', '.join(map(str, videos)) or 'an empty list'}")
    return files


def _run(jobs: list[_Job], workers: int, progress: Progress) -> list[_Outcome]:
    if workers == 1 or len(jobs) == 1:
        return [_prepare_one(job) for job in progress.track(jobs, "preparing", len(jobs))]
    return list(progress.track(map_in_processes(_prepare_one, jobs, workers, _worker_died), "preparing", len(jobs)))


def _worker_died(job: _Job) -> _Outcome:
    raise DatasetError(
        f"preparing stopped: a worker process died twice at {job.video}, perhaps of too little memory; finished videos "
        "are kept: run it again, with fewer workers"
    )


@contextmanager
def _clean_clips(folder: Path) -> Iterator[None]:
    """Makes ``folder``, locks it for this process and removes half-written clips, an earlier run's and its own."""
    with made_folder(folder):
        if not os.access(folder, os.W_OK | os.X_OK):
            raise OutputError(f"output folder is not writable: {folder}")
        with locked(folder):
            try:
                _remove_parts(folder)
                yield
            finally:
                _remove_parts(folder)


def _remove_parts(folder: Path) -> None:
    for part in folder.glob(".*.part"):
        shutil.rmtree(part, ignore_errors=True)


@lru_cache(maxsize=1)
def _models(landmarks: Landmarks) -> tuple[Landmarker, FaceEmbedder]:
    """Returns this worker process's landmarker and embedder, loaded once."""
    return load_landmarker(landmarks), FaceEmbedder()


def _prepare_one(job: _Job) -> _Outcome:
    key = {"schema": DATASET_SCHEMA, "sha256": job.sha256, "fps": str(job.fps), "image_size": job.image_size}
    key["same_within"] = SAME_PERSON_DISTANCE
    if job.landmarks is not Landmarks.DLIB:
        key["landmarks"] = job.landmarks.value
        # Clips that were prepared before irises were looked for are prepared again.
        key["points"] = LANDMARKS_WITH_IRISES
    folder = job.folder / "clips" / f"{job.video.stem}-{job.sha256[:8]}"
    cached = _cached_outcome(folder, key)
    if cached is not None:
        return cached
    try:
        return _prepare_clip(job, folder, key)
    except OutputError:
        raise  # A full disk is no fault of the video.
    except ObamanetError as error:
        return _Outcome(None, 0, False, (Reject(str(job.video), str(error)),), ())


def _cached_outcome(folder: Path, key: dict[str, object]) -> _Outcome | None:
    try:
        about = read_json(folder / "clip.json")
        if about["key"] != key:
            return None
        rejects = tuple(Reject(**reject) for reject in about["rejects"])
        return _Outcome(folder, int(about["frames"]), True, rejects, tuple(about["notes"]))
    except DAMAGED:
        return None


def _prepare_clip(job: _Job, folder: Path, key: dict[str, object]) -> _Outcome:
    source = str(job.video)
    info = probe_video(job.video)
    track = track_face((frame.image for frame in read_frames(job.video, job.fps)), *_models(job.landmarks))
    has_face = track.segment >= 0
    if has_face.sum() < MIN_CLIP * job.fps:
        reason = f"a face in only {has_face.sum()} of {len(has_face)} frames; at least {MIN_CLIP:g} s of face is needed"
        return _Outcome(None, 0, False, (Reject(source, reason),), ())
    rejects = (
        *_frame_rejects(source, (track.segment < 0) & ~track.other, "no face found"),
        *_frame_rejects(source, track.other, "another face than in most of the video"),
    )
    notes = []
    if track.max_faces > 1:
        notes.append(f"{source}: up to {track.max_faces} faces in a frame; the larger one is followed")
    cuts = int(track.segment.max())
    if cuts:
        notes.append(f"{source}: {cuts} cut(s) or gap(s); nothing is learned across them")
    if info.variable_rate:
        notes.append(f"{source}: variable frame rate, brought to {float(job.fps):g} fps by time")
    if info.converted:
        notes.append(f"{source}: {' and '.join(info.converted)}, brought to plain frames")
    if not info.has_sound:
        notes.append(f"{source}: no sound; it trains the renderer only")
    about = {
        "name": job.video.stem,
        "source": str(job.video.resolve()),
        "key": key,
        "frames": int(has_face.sum()),
        "rejects": [asdict(reject) for reject in rejects],
        "notes": notes,
    }
    part = folder.with_name(f".{folder.name}.part")
    try:
        _write_clip(part, job, info, track, about)
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(part, folder)
    except OSError as error:
        reason = "no space left on the disk" if error.errno in NO_SPACE else error.strerror or str(error)
        raise OutputError(f"prepared clip cannot be written ({reason}): {folder}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return _Outcome(folder, int(has_face.sum()), False, rejects, tuple(notes))


def _write_clip(part: Path, job: _Job, info: VideoInfo, track: FaceTrack, about: dict[str, object]) -> None:
    """Writes a clip's files into the new folder ``part``; raises OSError when they cannot be written."""
    import cv2

    box = portrait_box(track.landmarks[track.segment >= 0])
    shutil.rmtree(part, ignore_errors=True)
    (part / "frames").mkdir(parents=True)
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x111111]
    for index, frame in enumerate(read_frames(job.video, job.fps)):
        path = part / "frames" / f"{index:05d}.jpg"
        # OpenCV says only that it failed: by far most often the disk is full.
        if not cv2.imwrite(str(path), cut_square(frame.image, box, job.image_size), options):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    np.savez_compressed(
        part / "track.npz",
        landmarks=track.landmarks,
        raw=track.raw,
        segment=track.segment,
        box=np.array([box.left, box.top, box.side]),
        frame_size=np.array([info.width, info.height]),
        identity=np.asarray(track.identity),
    )
    if info.has_sound:
        _write_sound(job.video, part / "sound.wav")
    atomic_write_json(part / "clip.json", about)


def _frame_rejects(source: str, left_out: np.ndarray, reason: str) -> tuple[Reject, ...]:
    """Returns each run of frames that ``left_out`` (T,) bool marks."""
    frames = np.flatnonzero(left_out)
    runs = np.split(frames, np.flatnonzero(np.diff(frames) > 1) + 1) if len(frames) else []
    return tuple(Reject(source, reason, int(run[0]), int(run[-1])) for run in runs)


def _write_sound(video: Path, path: Path) -> None:
    import soundfile

    try:
        with soundfile.SoundFile(path, "w", samplerate=SAMPLE_RATE, channels=1, subtype="PCM_16") as sound:
            for block in stream_sound(video):
                sound.write(block)
    except soundfile.LibsndfileError as error:
        raise OutputError(f"sound cannot be written ({error}): {path}") from error
