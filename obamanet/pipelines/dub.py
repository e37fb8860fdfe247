"""Dubs a video: the mouth in it says another sound, everything else stays as it was recorded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from obamanet.about import SOFTWARE
from obamanet.background import closed_after
from obamanet.errors import FaceError, OptionError, OutputError
from obamanet.face.detector import FaceDetector
from obamanet.face.identity import SAME_WITHIN, FaceEmbedder, identity_distance
from obamanet.face.landmarks import LandmarkPredictor
from obamanet.face.track import track_face
from obamanet.inference.frame_renderer import Renderer
from obamanet.inference.speaker import Speaker, as_speaker
from obamanet.keypoints.head import Head, place_head
from obamanet.keypoints.lips import hold_still
from obamanet.keypoints.placement import to_pixel
from obamanet.keypoints.reference import fold
from obamanet.person import Person
from obamanet.pipelines.into_frames import FrameJob, face_patch, paint_frames
from obamanet.pipelines.labelled import Label, write_labelled
from obamanet.pipelines.speak import SpeakOptions, check_output, load_features, predict_keypoints, save_keypoints
from obamanet.progress import Progress
from obamanet.provenance import Synthetic
from obamanet.render.crop import from_square, portrait_box, to_square
from obamanet.render.sketch import draw_face
from obamanet.timing import frame_times
from obamanet.types import CanonicalKeypoints, CropBox, RenderMode, Span
from obamanet.video.footage import FootageReader, write_footage
from obamanet.video.reader import probe_video, read_frames
from obamanet.video.sound_encoder import SoundSpan

CUT_JUMP = 0.08
"""Share of the face's width. Nose and eyes that move further in one frame are taken for a cut: finer than for training,
since here a cut that is none costs only the steadying of two frames."""

STEADY_SECONDS = 0.3
"""Sigma over which the square around the head is averaged: it must not tremble, and must not lag behind a nod."""

FACES_COMPARED = 4
"""Frames of the video, spread over it, from which it is told whose face it shows."""


@dataclass(frozen=True)
class DubbedVideo:
    """A finished video: its file, frames, rate, size in pixels (width, height), and the frames without a face."""

    path: Path
    frames: int
    fps: Fraction
    size: tuple[int, int]
    untouched: int


@dataclass(frozen=True)
class Target:
    """The video that is dubbed, as its first reading found it; F frames.

    ``landmarks`` (F, 68, 2) float32 in pixels of the frame, NaN where there is no face; ``segment`` (F,) int32, -1
    there, one number from cut to cut; ``squares`` (F, 3) left, top and side of the square around the head. ``faces``
    are a few frames with their landmarks.
    """

    path: Path
    fps: Fraction
    landmarks: np.ndarray
    segment: np.ndarray
    squares: np.ndarray
    faces: tuple[tuple[np.ndarray, np.ndarray], ...]

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.segment)


def dub(
    target: Path,
    sound: Path,
    out: Path,
    speaker: Speaker | Person,
    options: SpeakOptions | None = None,
    progress: Progress | None = None,
) -> DubbedVideo:
    """Write ``target`` into ``out`` with its mouth saying ``sound``, and that sound for its own; labelled and signed.

    Head, cuts, size, frame rate and length stay. A longer sound plays the video forward and backward; after a shorter
    one the mouth rests and there is silence. Frames without a face stay as they are. ``target`` should show the person;
    the progress is told when it does not seem to. ``options.fps`` must be None. Raises an
    :class:`obamanet.errors.ObamanetError`; then ``out`` is as it was before.
    """
    options, progress = options or SpeakOptions(), progress or Progress()
    if options.fps is not None:
        raise OptionError(f"a dubbed video keeps its own frame rate: got {options.fps}, allowed is none")
    out = check_output(sound, out, options)
    if out == target.resolve():
        raise OutputError(f"output would replace the video it is made from: {out}")
    speaker = as_speaker(speaker)
    person, renderer = speaker.person, speaker.renderer
    found = find_faces(target, person.mouth.head, progress)
    features = load_features(sound, person)
    spoken = predict_keypoints(features, speaker, replace(options, fps=found.fps))
    mouths = rest_after(spoken, features.duration, found.frames, person.mouth.rest)
    if options.keypoints_out:
        save_keypoints(mouths, options.keypoints_out)
    soundtrack = [SoundSpan(sound, duration=features.duration, until=len(mouths.points) / found.fps)]
    del features
    tell_identity(found, person, renderer, progress)
    order = fold(np.arange(len(mouths.points)), found.frames)
    made = f"the mouth of '{person.name}' was generated by {SOFTWARE}"
    comment = f"Synthetic video: {made} for another sound; it was never said like this."
    label = Label(Synthetic.INPAINTED, (person.name,), comment, options.key)
    with ExitStack() as stack:
        images = _images(found, order, out.parent, stack, progress)
        jobs = _jobs(images, order, found, mouths, person)
        size = write_labelled(
            paint_frames(jobs, person, renderer), len(order), found.fps, soundtrack, out, label, progress, "dubbing"
        )
    untouched = int((found.segment[order] < 0).sum())
    if untouched:
        progress.note(f"{untouched} of {len(order)} frames show no face and stay as they were")
    return DubbedVideo(out, len(order), found.fps, size, untouched)


def find_faces(path: Path, head: Head, progress: Progress) -> Target:
    """Return what the first reading of the video ``path`` finds, the square as it suits a person with this ``head``.

    Frames are read one by one, none is kept but the few in ``faces``. Raises :class:`FaceError` when there is no face
    and :class:`obamanet.errors.VideoError` when it is no video.
    """
    info = probe_video(path)
    kept = _SpreadFrames(FACES_COMPARED)
    frames = progress.track(read_frames(path, info.fps), "looking for the face", round(info.duration * info.fps))
    try:
        track = track_face(
            (kept.see(frame.image) for frame in frames), FaceDetector(), LandmarkPredictor(), cut_jump=CUT_JUMP
        )
    except FaceError as error:
        raise FaceError(f"{error}: {path}") from None
    squares = np.zeros((len(track.segment), 3))
    for number in range(int(track.segment.max()) + 1):
        inside = track.segment == number
        squares[inside] = steady_squares(track.landmarks[inside], head, info.fps)
    faces = tuple((image, track.landmarks[i]) for i, image in kept.frames.items() if track.segment[i] >= 0)
    return Target(path, info.fps, track.landmarks, track.segment, squares, faces)


def steady_squares(landmarks: np.ndarray, head: Head, fps: Fraction) -> np.ndarray:
    """Return left, top and side (T, 3) of the square around the head of ``landmarks`` (T, 68, 2), one stretch of video.

    It lies to nose and eyes as the portrait square does to the mean face, averaged in time, so that it neither trembles
    nor changes with the mouth.
    """
    portrait, placement = portrait_box(head.template[None]), place_head(landmarks, head)
    middle = np.array([portrait.left, portrait.top]) + portrait.side / 2
    centre = to_pixel(np.repeat(middle[None, None], len(landmarks), axis=0), placement)[:, 0]
    side = portrait.side * placement.scale
    places = _averaged(np.column_stack([centre - side[:, None] / 2, side]), STEADY_SECONDS * float(fps))
    return places


def rest_after(spoken: CanonicalKeypoints, duration: Fraction, frames: int, rest: np.ndarray) -> CanonicalKeypoints:
    """Return ``spoken``, ``duration`` seconds, and then the mouth at ``rest`` (20, 2), at least ``frames`` in all."""
    missing = frames - len(spoken.points)
    if missing <= 0:
        return spoken
    points = np.concatenate([spoken.points, np.repeat(spoken.points[-1:], missing, axis=0)])
    times = frame_times(len(points), spoken.fps)
    return CanonicalKeypoints(hold_still(points, times, [Span(0.0, float(duration))], rest), spoken.fps)


def tell_identity(target: Target, person: Person, renderer: Renderer, progress: Progress) -> None:
    """Tell the user in one line when the face of ``target`` does not look like that of ``person``."""
    if not target.faces:
        return
    embedder = FaceEmbedder()
    seen = np.stack([embedder.embed(image, landmarks) for image, landmarks in target.faces])
    known = np.stack([embedder.embed(image, landmarks) for image, landmarks in _own_faces(person, renderer)])
    distance = identity_distance(seen, known)
    if distance >= SAME_WITHIN:
        progress.note(
            f"the face does not seem to be that of {person.name!r}: their distance is {distance:.2f}, "
            f"of one person it is below {SAME_WITHIN}: {target.path}"
        )


def _own_faces(person: Person, renderer: Renderer) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield pictures of ``person`` with their landmarks: of its footage, or painted where it carries none."""
    numbers = np.linspace(0, len(person.reference.points) - 1, FACES_COMPARED).round().astype(int)
    landmarks = person.reference.points[numbers]
    if person.mode is RenderMode.WHOLE_FACE:
        yield from zip(
            renderer.paint_all(draw_face(face, person.image_size) for face in landmarks), landmarks, strict=True
        )
        return
    with FootageReader(person.footage) as footage:
        for number, face in zip(numbers, landmarks, strict=True):
            yield footage.frame(int(number)), from_square(face, person.boxes[number], person.image_size)


class _SpreadFrames:
    """Keeps up to 2 ``count`` - 1 frames of a video of unknown length, evenly spread over it."""

    def __init__(self, count: int) -> None:
        self.frames: dict[int, np.ndarray] = {}
        self._most, self._every, self._seen = 2 * count - 1, 1, 0

    def see(self, image: np.ndarray) -> np.ndarray:
        """Take the next frame into account and return it."""
        if self._seen % self._every == 0:
            self.frames[self._seen] = image
        if len(self.frames) > self._most:
            self._every *= 2
            self.frames = {number: kept for number, kept in self.frames.items() if number % self._every == 0}
        self._seen += 1
        return image


def _averaged(values: np.ndarray, sigma: float) -> np.ndarray:
    """Return ``values`` (T, N) averaged over time with a Gaussian of ``sigma`` rows; at the ends over what is there."""
    from scipy.ndimage import gaussian_filter1d

    ones = gaussian_filter1d(np.ones(len(values)), sigma, mode="constant")
    return np.asarray(gaussian_filter1d(values, sigma, axis=0, mode="constant") / ones[:, None])


def _images(
    target: Target, order: np.ndarray, folder: Path, stack: ExitStack, progress: Progress
) -> Iterator[np.ndarray]:
    """Yield the video's frames in ``order``; to play them backward they are kept in ``folder`` until ``stack`` ends."""
    frames = (frame.image for frame in read_frames(target.path, target.fps))
    if len(order) <= target.frames:
        return frames
    kept = Path(stack.enter_context(TemporaryDirectory(prefix=".dub.", suffix=".part", dir=folder))) / "footage.mp4"
    write_footage(kept, progress.track(frames, "reading the video", target.frames), target.fps)
    return _played(kept, order)


def _played(footage: Path, order: np.ndarray) -> Iterator[np.ndarray]:
    with FootageReader(footage) as reader:
        for index in order:
            yield reader.frame(int(index))


def _jobs(
    images: Iterable[np.ndarray],
    order: np.ndarray,
    target: Target,
    mouths: CanonicalKeypoints,
    person: Person,
) -> Iterator[FrameJob]:
    with closed_after(images):
        for image, index, mouth in zip(images, order, mouths.points, strict=True):
            if target.segment[index] < 0:
                yield FrameJob(image, None)
                continue
            box = CropBox(*map(float, target.squares[index]))
            landmarks = to_square(target.landmarks[index], box, person.image_size)
            yield FrameJob(image, face_patch(image, box, landmarks, mouth, person))
