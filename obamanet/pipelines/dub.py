"""Dubs a video: the mouth says another sound, everything else stays as recorded."""

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
from obamanet.face.identity import SAME_PERSON_DISTANCE, FaceEmbedder, identity_distance
from obamanet.face.landmark_models import Landmarks
from obamanet.face.landmarker import load_landmarker
from obamanet.face.track import track_face
from obamanet.inference.frame_renderer import Renderer
from obamanet.inference.speaker import Speaker, as_speaker
from obamanet.keypoints.head import Head, place_head
from obamanet.keypoints.lips import hold_still
from obamanet.keypoints.placement import to_pixel
from obamanet.keypoints.reference import fold
from obamanet.person import Person
from obamanet.pipelines.into_frames import FrameSketch, draw_whole_face, paint_frames, sketch_face
from obamanet.pipelines.labelled import FinishedVideo, Label, write_labelled
from obamanet.pipelines.speak import SpeakOptions, check_output, move_lips, predict_sound, save_keypoints
from obamanet.progress import Progress
from obamanet.provenance import Synthetic
from obamanet.render.crop import from_square, portrait_box, to_square
from obamanet.timing import frame_times
from obamanet.types import CanonicalKeypoints, CropBox, RenderMode, Span
from obamanet.video.footage import FootageReader, write_footage
from obamanet.video.reader import probe_video, read_frames
from obamanet.video.sound_encoder import SoundSpan

CUT_JUMP = 0.08
"""Share of the face's width. A larger move of nose and eyes between two frames is a cut; lower than in training, since
here a false cut costs only the smoothing of two frames."""

STEADY_SECONDS = 0.3
"""Seconds. Sigma over which the square around the head is averaged; reduces jitter without lagging behind a nod."""

FACES_COMPARED = 4
"""Number of frames, spread over the video, in which the face's identity is checked."""


@dataclass(frozen=True)
class DubbedVideo(FinishedVideo):
    """A finished video whose mouth says another sound.

    Attributes:
        untouched: frames without a face, which stay as recorded.
    """

    untouched: int


@dataclass(frozen=True)
class Target:
    """The video to be dubbed, F frames, after its first reading.

    Attributes:
        path: its file.
        fps: frames per second.
        landmarks: shape (F, 68, 2) float32, pixels of the frame; NaN without a face.
        segment: shape (F,) int32, one number from cut to cut; -1 without a face.
        squares: left, top and side of the square around the head, shape (F, 3), pixels.
        faces: a few frames with their landmarks.
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
    """Writes a video in which the mouth of another one says a new sound, labelled and signed.

    Head, cuts, size, frame rate and length stay. A longer sound plays the video forward and backward; after a shorter
    one the mouth rests and there is silence. Frames without a face stay as recorded.

    Args:
        target: the video; it should show the person, which is reported to ``progress`` where it does not seem to.
        sound: a sound file, or a video with a sound track.
        out: the dubbed video; it is written whole, or stays as it was.
        speaker: whose mouth; a :class:`Speaker` keeps its networks loaded from call to call.
        options: how to speak; ``fps`` must be None.
        progress: reports the progress.

    Raises:
        ObamanetError: something is wrong with the video, the sound, the person or the output.
    """
    options, progress = options or SpeakOptions(), progress or Progress()
    if options.fps is not None:
        raise OptionError(f"a dubbed video keeps its own frame rate: got {options.fps}, allowed is none")
    out = check_output(sound, out, options)
    if out == target.resolve():
        raise OutputError(f"output would replace the video it is made from: {out}")
    speaker = as_speaker(speaker)
    person, renderer = speaker.person, speaker.renderer
    video = find_faces(target, person.mouth.head, progress, person.landmarks)
    predicted, duration = predict_sound(sound, speaker)
    moved = move_lips(predicted, duration, person, replace(options, fps=video.fps))
    keypoints = rest_after(moved, duration, video.frames, person.mouth.rest)
    if options.keypoints_out:
        save_keypoints(keypoints, options.keypoints_out)
    soundtrack = [SoundSpan(sound, duration=duration, until=len(keypoints.points) / video.fps)]
    warn_about_identity(video, person, renderer, progress)
    order = fold(np.arange(len(keypoints.points)), video.frames)
    generated = f"the mouth of '{person.name}' was generated by {SOFTWARE}"
    comment = f"Synthetic video: {generated} for another sound; it was never said like this."
    label = Label(Synthetic.INPAINTED, (person.name,), comment, options.key)
    with ExitStack() as stack:
        images = _images(video, order, out.parent, stack, progress)
        sketches = _sketches(images, order, video, keypoints, person)
        frames = paint_frames(sketches, person, renderer)
        size = write_labelled(frames, len(order), video.fps, soundtrack, out, label, progress, "dubbing")
    untouched = int((video.segment[order] < 0).sum())
    if untouched:
        progress.note(f"{untouched} of {len(order)} frames show no face and stay as they were")
    return DubbedVideo(out, len(order), video.fps, size, untouched)


def find_faces(path: Path, head: Head, progress: Progress, landmarks: Landmarks = Landmarks.DLIB) -> Target:
    """Tracks the face in a video.

    Frames are read one by one; only those in ``faces`` are kept.

    Args:
        path: the video.
        head: head model of the person, for the squares.
        progress: reports the progress.
        landmarks: the model that finds the landmarks, that of the person.

    Raises:
        FaceError: no frame has a face.
        VideoError: not a video.
    """
    info = probe_video(path)
    spread = _SpreadFrames(FACES_COMPARED)
    frames = progress.track(read_frames(path, info.fps), "looking for the face", round(info.duration * info.fps))
    try:
        images = (spread.add(frame.image) for frame in frames)
        track = track_face(images, load_landmarker(landmarks), cut_jump=CUT_JUMP)
    except FaceError as error:
        raise FaceError(f"{error}: {path}") from None
    squares = np.zeros((len(track.segment), 3))
    for number in range(int(track.segment.max()) + 1):
        inside = track.segment == number
        squares[inside] = steady_squares(track.landmarks[inside], head, info.fps)
    faces = tuple((image, track.landmarks[i]) for i, image in spread.frames.items() if track.segment[i] >= 0)
    return Target(path, info.fps, track.landmarks, track.segment, squares, faces)


def steady_squares(landmarks: np.ndarray, head: Head, fps: Fraction) -> np.ndarray:
    """Returns left, top and side, (T, 3) pixels, of the square around the head in one segment of a video.

    It lies to nose and eyes as the portrait square does to the mean face, averaged in time, so that it neither jitters
    nor changes with the mouth.

    Args:
        landmarks: shape (T, 68, 2), pixels.
        head: head model of the person.
        fps: frames per second.
    """
    portrait, placement = portrait_box(head.template[None]), place_head(landmarks, head)
    middle = np.array([portrait.left, portrait.top]) + portrait.side / 2
    centre = to_pixel(np.repeat(middle[None, None], len(landmarks), axis=0), placement)[:, 0]
    side = portrait.side * placement.scale
    return _averaged(np.column_stack([centre - side[:, None] / 2, side]), STEADY_SECONDS * float(fps))


def rest_after(keypoints: CanonicalKeypoints, duration: Fraction, frames: int, rest: np.ndarray) -> CanonicalKeypoints:
    """Returns ``keypoints`` followed by the mouth at ``rest`` (20, 2), at least ``frames`` in all.

    The mouth speaks for ``duration`` seconds.
    """
    missing = frames - len(keypoints.points)
    if missing <= 0:
        return keypoints
    points = np.concatenate([keypoints.points, np.repeat(keypoints.points[-1:], missing, axis=0)])
    times = frame_times(len(points), keypoints.fps)
    return CanonicalKeypoints(hold_still(points, times, [Span(0.0, float(duration))], rest), keypoints.fps)


def warn_about_identity(target: Target, person: Person, renderer: Renderer, progress: Progress) -> None:
    """Reports to ``progress`` when the face of ``target`` does not resemble that of ``person``."""
    if not target.faces:
        return
    embedder = FaceEmbedder()
    recorded = np.stack([embedder.embed(image, landmarks) for image, landmarks in target.faces])
    own = np.stack([embedder.embed(image, landmarks) for image, landmarks in _own_faces(person, renderer)])
    distance = identity_distance(recorded, own)
    if distance >= SAME_PERSON_DISTANCE:
        progress.note(
            f"the face does not seem to be that of {person.name!r}: their distance is {distance:.2f}, "
            f"of one person it is below {SAME_PERSON_DISTANCE}: {target.path}"
        )


def _own_faces(person: Person, renderer: Renderer) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields pictures of ``person`` with their landmarks: from its footage, or rendered where it has none."""
    numbers = np.linspace(0, len(person.reference.points) - 1, FACES_COMPARED).round().astype(int)
    landmarks = person.reference.points[numbers]
    if person.mode is RenderMode.WHOLE_FACE:
        yield from zip(renderer.paint_all(draw_whole_face(face, person) for face in landmarks), landmarks, strict=True)
        return
    with FootageReader(person.footage) as footage:
        for number, face in zip(numbers, landmarks, strict=True):
            yield footage.frame(int(number)), from_square(face, person.boxes[number], person.image_size)


class _SpreadFrames:
    """Keeps up to 2 ``count`` - 1 frames of a video of unknown length, evenly spread over it."""

    def __init__(self, count: int) -> None:
        self.frames: dict[int, np.ndarray] = {}
        self._max_frames, self._every, self._count = 2 * count - 1, 1, 0

    def add(self, image: np.ndarray) -> np.ndarray:
        """Counts the next frame, keeps it where it is one of the spread ones, and returns it."""
        if self._count % self._every == 0:
            self.frames[self._count] = image
        if len(self.frames) > self._max_frames:
            self._every *= 2
            self.frames = {number: frame for number, frame in self.frames.items() if number % self._every == 0}
        self._count += 1
        return image


def _averaged(values: np.ndarray, sigma: float) -> np.ndarray:
    """Returns ``values`` (T, N) smoothed over time by a Gaussian of ``sigma`` rows, normalised at the ends."""
    from scipy.ndimage import gaussian_filter1d

    ones = gaussian_filter1d(np.ones(len(values)), sigma, mode="constant")
    return np.asarray(gaussian_filter1d(values, sigma, axis=0, mode="constant") / ones[:, None])


def _images(
    target: Target, order: np.ndarray, folder: Path, stack: ExitStack, progress: Progress
) -> Iterator[np.ndarray]:
    """Yields the video's frames in ``order``; to play backward they are stored in ``folder`` until ``stack`` closes."""
    frames = (frame.image for frame in read_frames(target.path, target.fps))
    if len(order) <= target.frames:
        return frames
    stored = Path(stack.enter_context(TemporaryDirectory(prefix=".dub.", suffix=".part", dir=folder))) / "footage.mp4"
    write_footage(stored, progress.track(frames, "reading the video", target.frames), target.fps)
    return _played(stored, order)


def _played(footage: Path, order: np.ndarray) -> Iterator[np.ndarray]:
    with FootageReader(footage) as reader:
        for index in order:
            yield reader.frame(int(index))


def _sketches(
    images: Iterable[np.ndarray],
    order: np.ndarray,
    target: Target,
    keypoints: CanonicalKeypoints,
    person: Person,
) -> Iterator[FrameSketch]:
    with closed_after(images):
        for image, index, mouth in zip(images, order, keypoints.points, strict=True):
            if target.segment[index] < 0:
                yield FrameSketch(None, image)
                continue
            box = CropBox(*map(float, target.squares[index]))
            landmarks = to_square(target.landmarks[index], box, person.image_size)
            yield sketch_face(image, box, landmarks, mouth, person)
