"""Turns footage of one person into a dataset: square frames, landmarks and sound; one worker process per core."""

from __future__ import annotations

import errno
import itertools
import os
import shutil
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import NoReturn

import numpy as np

from obamanet.audio.load import stream_sound
from obamanet.constants import DATASET_SCHEMA, IMAGE_SIZE, LANDMARKS_WITH_IRISES, SAMPLE_RATE
from obamanet.errors import DatasetError, FaceError, ObamanetError, OptionError, OutputError, SoundError, VideoError
from obamanet.face.identity import SAME_PERSON_DISTANCE, FaceEmbedder, main_face
from obamanet.face.landmark_models import Landmarks
from obamanet.face.landmarker import Landmarker, load_landmarker
from obamanet.face.track import FaceTrack, SeenFaces, face_turn, finish_track, join_seen, see_faces
from obamanet.files import DAMAGED, NO_SPACE, atomic_write_json, locked, made_folder, open_arrays, read_json, sha256_of
from obamanet.person import CARD
from obamanet.processes import Workers, one_opencv_thread
from obamanet.progress import Progress
from obamanet.render.crop import cut_square, portrait_box
from obamanet.timing import parse_rate
from obamanet.training.data.dataset import JPEG_QUALITY, Reject, check_image_size
from obamanet.types import CropBox, Picture
from obamanet.video.reader import VideoInfo, probe_video, read_span

MIN_SPAN, MAX_SPAN = 10.0, 60.0
"""Seconds. Spans of a video that several processes prepare; the least is long against what each decodes in vain."""

FAULTS = (VideoError, FaceError, SoundError)
"""Errors for which a video is left out; of others, such as a full disk, it is not to blame."""

LEAD_FRAMES = 24
"""Frames before a span at which looking begins: twice what the face mesh takes until it looks for faces again."""

MIN_CLIP = 1.0
"""Minimum length of a video's frames with a face, in seconds; less cannot fill one training window."""


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
    """A video to be prepared into the dataset ``out``."""

    info: VideoInfo
    sha256: str
    out: Path
    fps: Fraction
    image_size: int
    landmarks: Landmarks

    @property
    def video(self) -> Path:
        """The video's file."""
        return self.info.path

    @property
    def folder(self) -> Path:
        """The clip's folder."""
        return self.out / "clips" / f"{self.video.stem}-{self.sha256[:8]}"

    @property
    def part(self) -> Path:
        """The folder that the clip is made in."""
        return self.folder.with_name(f".{self.folder.name}.part")

    @property
    def key(self) -> dict[str, object]:
        """What a clip depends on; one with the same key is not made again."""
        key: dict[str, object] = {"schema": DATASET_SCHEMA, "sha256": self.sha256, "fps": str(self.fps)}
        key |= {"image_size": self.image_size, "same_within": SAME_PERSON_DISTANCE}
        if self.landmarks is not Landmarks.DLIB:
            key["landmarks"] = self.landmarks.value
            # Clips that were prepared before irises were looked for are prepared again.
            key["points"] = LANDMARKS_WITH_IRISES
        return key


@dataclass(frozen=True)
class _Span:
    """Frames ``first`` to ``stop`` - 1 of a job's video, to the last one where ``stop`` is None."""

    job: _Job
    first: int = 0
    stop: int | None = None

    def frames(self, before: int = 0) -> Iterator[Picture]:
        """Yields the pictures of the span, and of ``before`` frames before it."""
        return (frame.picture for frame in read_span(self.job.video, self.job.fps, self.first - before, self.stop))


@dataclass(frozen=True)
class _SquareSpan:
    """A span of which the square ``box`` is written."""

    span: _Span
    box: CropBox


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
        OutputError: ``out`` cannot be written to, or holds a person.
    """
    progress = progress or Progress()
    check_image_size(image_size)
    if (out / CARD).is_file():
        raise OutputError(f"there is a person in the folder, which takes no footage: {out}; name another one")
    existing = _read_existing(out)
    notes: list[str] = []
    if existing is not None and not existing.has(fps or existing.fps, image_size, landmarks):
        notes.append(
            f"{out} was begun with {existing.fps} fps, {existing.image_size} px and {existing.landmarks} landmarks; "
            "it is made anew"
        )
        existing = None
    files = _expand(videos)
    readable, rejects, copies = _probe(files)
    notes += copies
    if not readable:
        raise DatasetError(f"none of {len(files)} videos can be read; the first: {rejects[0].reason}")
    rates = Counter(info.fps for info in readable.values())
    fps = fps or (existing.fps if existing else rates.most_common(1)[0][0])
    earlier: list[Reject] = []
    jobs = [_Job(info, sha256, out, fps, image_size, landmarks) for sha256, info in readable.items()]
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


def _probe(files: Sequence[Path]) -> tuple[dict[str, VideoInfo], list[Reject], list[str]]:
    """Returns the readable videos by their sha256, rejects of the others, and a note for each copy of one."""
    readable: dict[str, VideoInfo] = {}
    rejects, copies = [], []
    for video in files:
        try:
            info = probe_video(video)
            first = readable.setdefault(sha256_of(video), info)
        except (ObamanetError, OSError) as error:
            rejects.append(Reject(str(video), str(error)))
            continue
        if first is not info:
            # The same footage must not be in training and in validation.
            copies.append(f"{video}: the same bytes as {first.path}; left out")
    return readable, rejects, copies


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
    """Prepares ``jobs``: long videos one after the other, each by all workers, and the others side by side."""
    outcomes = {job: outcome for job in jobs if (outcome := _cached_outcome(job)) is not None}
    todo = [job for job in jobs if job not in outcomes]
    share = sum(job.info.duration for job in todo) / workers
    spans = {job: found for job in todo if len(found := _spans(job, share, workers)) > 1}
    whole = [job for job in todo if job not in spans]

    def steps() -> Iterator[None]:
        """Does the work, and yields once for each whole video and twice for each span."""
        yield from (None for _ in outcomes)
        # One process more would only have to load the models again.
        alone = workers == 1 or len(whole) == 1
        prepared = map(_prepare_whole, whole) if alone else pool.map(_prepare_whole, whole, _worker_died)
        for job, outcome in zip(whole, prepared, strict=True):
            outcomes[job] = outcome
            yield
        for job, parts in spans.items():
            outcomes[job] = yield from _prepare_in_spans(parts, pool)

    with Workers(workers, one_opencv_thread) as pool:
        count = len(jobs) + sum(2 * len(parts) - 1 for parts in spans.values())
        for _ in progress.track(steps(), "preparing", count):
            pass
    return [outcomes[job] for job in jobs]


def _spans(job: _Job, share: float, workers: int) -> list[_Span]:
    """Returns the spans that ``workers`` prepare a video in: one, unless it is a good part of a worker's ``share``.

    Args:
        job: the video.
        share: seconds of footage that each worker has to prepare.
        workers: number of processes.
    """
    seconds = job.info.duration
    length = min(max(seconds / workers, MIN_SPAN), MAX_SPAN)
    count = max(1, int(seconds / length)) if workers > 1 and seconds > share / 4 else 1
    starts = [round(number * seconds * job.fps / count) for number in range(count)]
    return [_Span(job, first, stop) for first, stop in itertools.zip_longest(starts, starts[1:])]


def _worker_died(job: _Job) -> NoReturn:
    raise DatasetError(
        f"preparing stopped: a worker process died twice at {job.video}, perhaps of too little memory; finished videos "
        "are kept: run it again, with fewer workers"
    )


def _died_at_span(span: _Span) -> NoReturn:
    _worker_died(span.job)


def _died_at_square(square: _SquareSpan) -> NoReturn:
    _worker_died(square.span.job)


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


def _cached_outcome(job: _Job) -> _Outcome | None:
    try:
        about = read_json(job.folder / "clip.json")
        if about["key"] != job.key:
            return None
        rejects = tuple(Reject(**reject) for reject in about["rejects"])
        return _Outcome(job.folder, int(about["frames"]), True, rejects, tuple(about["notes"]))
    except DAMAGED:
        return None


def _prepare_whole(job: _Job) -> _Outcome:
    """Prepares a video in this process."""
    try:
        track = finish_track(_see_span(_Span(job)))
        outcome = _outcome_of(job, track)
        if outcome.folder:
            with _clip_folder(job):
                _write_squares(_SquareSpan(_Span(job), _box_of(track)))
                _write_rest(job, track, outcome)
    except FAULTS as error:
        return _left_out(job, str(error))
    return outcome


def _prepare_in_spans(spans: list[_Span], pool: Workers) -> Generator[None, None, _Outcome]:
    """Prepares a video by all of ``pool``: its spans are looked at, then all is decided, then its squares are written.

    Yields after each span that is looked at, and after each that is written.
    """
    job = spans[0].job
    seen = []
    try:
        for span in pool.map(_see_span, spans, _died_at_span):
            seen.append(span)
            yield
        joined = _joined(spans, seen)
        if joined is None:
            return next(pool.map(_prepare_whole, [job], _worker_died))
        track = finish_track(joined)
        outcome = _outcome_of(job, track)
        if outcome.folder:
            with _clip_folder(job):
                squares = [_SquareSpan(span, _box_of(track)) for span in spans]
                for _ in pool.map(_write_squares, squares, _died_at_square):
                    yield
                _write_rest(job, track, outcome)
    except FAULTS as error:
        return _left_out(job, str(error))
    return outcome


def _joined(spans: list[_Span], seen: list[SeenFaces]) -> SeenFaces | None:
    """Returns what was seen in all of ``spans``; None when they do not fit together, as when two faces were there."""
    for span, found in zip(spans, seen, strict=True):
        if span.stop is not None and len(found.faces) != span.stop - span.first:
            return None
    return join_seen(seen)


def _see_span(span: _Span) -> SeenFaces:
    landmarker, embedder = _models(span.job.landmarks)
    before = min(LEAD_FRAMES, span.first)
    return see_faces(span.frames(before), landmarker, embedder, span.first, before, watch_mouth=True)


def _left_out(job: _Job, reason: str) -> _Outcome:
    return _Outcome(None, 0, False, (Reject(str(job.video), reason),), ())


def _outcome_of(job: _Job, track: FaceTrack) -> _Outcome:
    """Returns what becomes of a video with this ``track``: a folder, if it is used, rejects and notes."""
    source, info = str(job.video), job.info
    has_face = track.segment >= 0
    if has_face.sum() < MIN_CLIP * job.fps:
        reason = f"a face in only {has_face.sum()} of {len(has_face)} frames; at least {MIN_CLIP:g} s of face is needed"
        return _left_out(job, reason)
    turn = face_turn(track.landmarks[has_face])
    if turn:
        return _left_out(job, f"the face is turned by {turn} degrees in the picture: the file names a wrong rotation")
    rejects = (
        *frame_rejects(
            source, ~has_face & ~track.other & ~track.covered, "no face found, or not wholly in the picture"
        ),
        *frame_rejects(source, track.other, "another face than in most of the video"),
        *frame_rejects(source, track.covered, "the mouth is covered"),
    )
    notes = []
    if track.covered.any():
        notes.append(f"{source}: the mouth is covered in {track.covered.sum()} frames, which are left out")
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
    return _Outcome(job.folder, int(has_face.sum()), False, rejects, tuple(notes))


def _box_of(track: FaceTrack) -> CropBox:
    return portrait_box(track.landmarks[track.segment >= 0])


@contextmanager
def _clip_folder(job: _Job) -> Iterator[None]:
    """Makes the folder ``job.part``, which becomes the clip's when the block ends without an error."""
    try:
        shutil.rmtree(job.part, ignore_errors=True)
        (job.part / "frames").mkdir(parents=True)
        yield
        shutil.rmtree(job.folder, ignore_errors=True)
        os.replace(job.part, job.folder)
    except OSError as error:
        reason = "no space left on the disk" if error.errno in NO_SPACE else error.strerror or str(error)
        raise OutputError(f"prepared clip cannot be written ({reason}): {job.folder}") from error
    finally:
        shutil.rmtree(job.part, ignore_errors=True)


def _write_squares(square: _SquareSpan) -> None:
    """Writes the square of each frame of a span into ``part``; raises OSError when it cannot be written."""
    import cv2

    job = square.span.job
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x111111]
    for index, image in enumerate(square.span.frames(), start=square.span.first):
        path = job.part / "frames" / f"{index:05d}.jpg"
        # OpenCV says only that it failed: by far most often the disk is full.
        if not cv2.imwrite(str(path), cut_square(image, square.box, job.image_size), options):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def _write_rest(job: _Job, track: FaceTrack, outcome: _Outcome) -> None:
    """Writes what a clip has beside its frames; raises OSError when it cannot be written."""
    box = _box_of(track)
    np.savez_compressed(
        job.part / "track.npz",
        landmarks=track.landmarks,
        raw=track.raw,
        segment=track.segment,
        box=np.array([box.left, box.top, box.side]),
        frame_size=np.array([job.info.width, job.info.height]),
        identity=np.asarray(track.identity),
    )
    if job.info.has_sound:
        _write_sound(job.video, job.part / "sound.wav")
    about = {
        "name": job.video.stem,
        "source": str(job.video.resolve()),
        "key": job.key,
        "frames": outcome.frames,
        "rejects": [asdict(reject) for reject in outcome.rejects],
        "notes": outcome.notes,
    }
    atomic_write_json(job.part / "clip.json", about)


def frame_rejects(source: str, left_out: np.ndarray, reason: str) -> tuple[Reject, ...]:
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
