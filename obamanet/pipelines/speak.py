"""Sound in, video of a face that says it out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from obamanet import provenance
from obamanet.about import SOFTWARE
from obamanet.audio.features import extract_features
from obamanet.audio.load import stream_sound
from obamanet.background import in_background
from obamanet.errors import OptionError, OutputError
from obamanet.files import atomic_path, ensure_output_path
from obamanet.inference.speaker import Speaker, as_speaker
from obamanet.keypoints.head import place_head
from obamanet.keypoints.jaw import place_mouth
from obamanet.keypoints.lips import DETECTED_RAMP, close_lips, uncross_lips
from obamanet.keypoints.reference import nearest_frames, reference_at
from obamanet.person import Person
from obamanet.pipelines.into_frames import FrameJob, face_patch, paint_frames, paint_squares
from obamanet.pipelines.labelled import Label, write_labelled
from obamanet.progress import Progress
from obamanet.render.sketch import draw_face
from obamanet.speech.closure_detector import supports_closures
from obamanet.timing import frame_times, frames_to_cover, resample_in_time
from obamanet.types import CanonicalKeypoints, FeatureSequence, RenderMode, Span
from obamanet.video.footage import FootageReader
from obamanet.video.sound_encoder import SoundSpan

CHUNK_FRAMES = 250
"""Frames placed on the reference track at once: ten seconds, so that an hour needs no more memory."""


MAX_ARTICULATION = 2.0
"""Beyond, the renderer is asked for mouths it never saw."""


@dataclass(frozen=True)
class SpeakOptions:
    """How to speak.

    ``fps`` of the video (None for the person's own), a signing ``key`` (None for the local one), where
    :func:`save_keypoints` writes what the mouth does (None for nowhere), and the ``articulation``: how far the mouth
    goes from rest, as a share of what was learned, 0 to 2; lips that meet do so at any. With ``shut_lips`` they meet
    where a p, b or m is encoded.
    Raises :class:`OptionError`.
    """

    fps: Fraction | None = None
    key: provenance.SigningKey | None = None
    keypoints_out: Path | None = None
    articulation: float = 1.0
    shut_lips: bool = True

    def __post_init__(self) -> None:
        """Refuse an articulation that no mouth has."""
        if not 0 <= self.articulation <= MAX_ARTICULATION:
            raise OptionError(
                f"articulation is out of range: got {self.articulation:g}, allowed is 0 to {MAX_ARTICULATION:g}"
            )


@dataclass(frozen=True)
class SpokenVideo:
    """A finished video: its file, frames, rate and size in pixels (width, height)."""

    path: Path
    frames: int
    fps: Fraction
    size: tuple[int, int]


def speak(
    sound: Path,
    out: Path,
    speaker: Speaker | Person,
    options: SpeakOptions | None = None,
    progress: Progress | None = None,
) -> SpokenVideo:
    """Write the video ``out`` of a person saying ``sound``, with that sound, labelled and signed as synthetic.

    Who speaks often gives a :class:`Speaker`, which keeps its networks loaded from call to call. Raises an
    :class:`obamanet.errors.ObamanetError` for anything wrong with the sound, the person or the output; then ``out`` is
    as it was before.
    """
    options, progress = options or SpeakOptions(), progress or Progress()
    out = check_output(sound, out, options)
    speaker = as_speaker(speaker)
    features = load_features(sound, speaker.person)
    spoken, duration = predict_keypoints(features, speaker, options), features.duration
    # An hour of features is 115 MB, and the rest of the work streams.
    del features
    return render_video(spoken, sound, duration, out, speaker, options, progress)


def render_video(
    spoken: CanonicalKeypoints,
    sound: Path,
    duration: Fraction,
    out: Path,
    speaker: Speaker,
    options: SpeakOptions,
    progress: Progress,
) -> SpokenVideo:
    """Write the video ``out`` with the mouth ``spoken`` and ``sound``, ``duration`` seconds of it.

    Where the keypoints come from does not matter here; they are what :func:`move_lips` returned. ``out`` is one that
    :func:`check_output` returned.
    """
    if options.keypoints_out:
        save_keypoints(spoken, options.keypoints_out)
    frames = render_frames(spoken, speaker)
    return write_video(frames, spoken, sound, duration, out, speaker.person, options, progress)


def check_output(sound: Path, out: Path, options: SpeakOptions) -> Path:
    """Return ``out`` in full, or raise an :class:`obamanet.errors.ObamanetError` when it cannot be written."""
    out = ensure_output_path(out)
    if out == sound.resolve():
        raise OutputError(f"output would replace the sound it is made from: {out}")
    provenance.check_key(options.key)
    if options.keypoints_out:
        ensure_output_path(options.keypoints_out)
    return out


def load_features(sound: Path, person: Person) -> FeatureSequence:
    """Return the features of the file ``sound`` as ``person`` was trained on them; its samples are never held whole."""
    return extract_features(stream_sound(sound), person.features)


def predict_keypoints(
    features: FeatureSequence, speaker: Speaker | Person, options: SpeakOptions
) -> CanonicalKeypoints:
    """Return the speaker's mouth for ``features`` at the video's frame rate, its lips shut where they meet.

    That they meet is encoded in speech features alone: with others the lips are as the predictor has them.
    """
    speaker = as_speaker(speaker)
    person, predictor = speaker.person, speaker.predictor
    encoded = predictor.encode(features)
    closures: Sequence[Span] = ()
    if options.shut_lips and supports_closures(person.speech_part.encoder_digest):
        closures = speaker.closures.find(encoded, predictor.silence)
    return move_lips(
        predictor.predict_encoded(encoded),
        encoded.duration,
        person,
        options,
        lambda mouth: shut_lips(mouth, closures, person),
    )


def move_lips(
    learned: CanonicalKeypoints,
    duration: Fraction,
    person: Person,
    options: SpeakOptions,
    shut: Callable[[CanonicalKeypoints], CanonicalKeypoints],
) -> CanonicalKeypoints:
    """Return the mouth that is shown for the ``learned`` one, at the video's frame rate, covering ``duration`` seconds.

    The only place with this order: articulated first, then ``shut`` where lips meet, so that what was shut is not
    scaled, and last uncrossed.
    """
    spoken = at_rate(learned, duration, options.fps or person.fps)
    held = shut(articulate(spoken, person.mouth.rest, options.articulation))
    return CanonicalKeypoints(uncross_lips(held.points), held.fps)


def predict_raw(features: FeatureSequence, speaker: Speaker | Person) -> CanonicalKeypoints:
    """Return the mouth that the speaker's predictor makes for ``features``, at the person's own frame rate."""
    return as_speaker(speaker).predictor.predict(features)


def shut_lips(keypoints: CanonicalKeypoints, closures: Sequence[Span], person: Person) -> CanonicalKeypoints:
    """Return ``keypoints`` with lips that meet in ``closures``."""
    if not closures:
        return keypoints
    times = frame_times(len(keypoints.points), keypoints.fps)
    points = np.empty_like(keypoints.points)
    for first in range(0, len(points), CHUNK_FRAMES):
        part = slice(first, first + CHUNK_FRAMES)
        points[part] = close_lips(
            keypoints.points[part], times[part], closures, person.mouth.pca, person.mouth.rest, DETECTED_RAMP
        )
    return CanonicalKeypoints(points, keypoints.fps)


def at_rate(keypoints: CanonicalKeypoints, duration: Fraction, fps: Fraction) -> CanonicalKeypoints:
    """Return ``keypoints`` at ``fps``, covering ``duration`` seconds: interpolated by time, never by index."""
    if fps == keypoints.fps:
        return keypoints
    known = frame_times(len(keypoints.points), keypoints.fps)
    wanted = frame_times(frames_to_cover(duration, fps), fps)
    return CanonicalKeypoints(resample_in_time(keypoints.points, known, wanted), fps)


def articulate(keypoints: CanonicalKeypoints, rest: np.ndarray, share: float) -> CanonicalKeypoints:
    """Return ``keypoints`` with their distance from the mouth at ``rest`` (20, 2) multiplied by ``share``."""
    if share == 1:
        return keypoints
    return CanonicalKeypoints((rest + share * (keypoints.points - rest)).astype(np.float32), keypoints.fps)


def save_keypoints(keypoints: CanonicalKeypoints, path: Path) -> None:
    """Write ``keypoints`` as .npz: ``keypoints`` (T, 20, 2) float32 canonical, ``fps`` as text, exact."""
    with atomic_path(path) as part, part.open("wb") as file:
        np.savez_compressed(file, keypoints=keypoints.points, fps=np.array(str(keypoints.fps)))


def render_frames(keypoints: CanonicalKeypoints, speaker: Speaker | Person) -> Iterator[np.ndarray]:
    """Yield the video's frames, (H, W, 3) uint8 BGR; drawing and painting overlap, memory does not grow."""
    speaker = as_speaker(speaker)
    person, renderer = speaker.person, speaker.renderer
    if person.mode is RenderMode.WHOLE_FACE:
        return in_background(renderer.paint_all(in_background(draw_sketches(keypoints, person), 16)), 16)
    return in_background(paint_frames(_footage_jobs(keypoints, person), person, renderer), 16)


def draw_sketches(keypoints: CanonicalKeypoints, person: Person) -> Iterator[np.ndarray]:
    """Yield what the renderer paints from, (S, S, 3) uint8 BGR, for each frame."""
    if person.mode is RenderMode.WHOLE_FACE:
        yield from (draw_face(face, person.image_size) for face in place(keypoints, person))
    else:
        yield from (job.patch.condition for job in _footage_jobs(keypoints, person) if job.patch)


def render_squares(keypoints: CanonicalKeypoints, speaker: Speaker | Person) -> Iterator[np.ndarray]:
    """Yield what the renderer paints, (S, S, 3) uint8 BGR, before it is pasted: for measuring the renderer alone."""
    speaker = as_speaker(speaker)
    if speaker.person.mode is RenderMode.WHOLE_FACE:
        return render_frames(keypoints, speaker)
    painted = paint_squares(_footage_jobs(keypoints, speaker.person), speaker.renderer)
    return (square for _, square in painted if square is not None)


def place(keypoints: CanonicalKeypoints, person: Person) -> Iterator[np.ndarray]:
    """Yield each frame's landmarks (68, 2), pixels of the square: the reference's head, the spoken mouth and jaw."""
    times = frame_times(len(keypoints.points), keypoints.fps)
    for first in range(0, len(keypoints.points), CHUNK_FRAMES):
        mouth = keypoints.points[first : first + CHUNK_FRAMES]
        reference = reference_at(person.reference, times[first : first + CHUNK_FRAMES])
        placement = place_head(reference, person.mouth.head)
        yield from place_mouth(reference, placement, mouth, person.mouth.jaw)


def write_video(
    frames: Iterator[np.ndarray],
    keypoints: CanonicalKeypoints,
    sound: Path,
    duration: Fraction,
    out: Path,
    person: Person,
    options: SpeakOptions,
    progress: Progress,
) -> SpokenVideo:
    """Encode ``frames`` with ``sound`` into ``out`` and sign it, whole or not at all."""
    kind = provenance.Synthetic.INPAINTED if person.mode is RenderMode.INPAINT else provenance.Synthetic.WHOLE_FACE
    comment = f"Synthetic video: the face of '{person.name}' was generated by {SOFTWARE}; it never said this."
    label, count = Label(kind, (person.name,), comment, options.key), len(keypoints.points)
    size = write_labelled(frames, count, keypoints.fps, [SoundSpan(sound, duration=duration)], out, label, progress)
    return SpokenVideo(out, count, keypoints.fps, size)


def _footage_jobs(keypoints: CanonicalKeypoints, person: Person) -> Iterator[FrameJob]:
    """Yield the person's footage, forward and backward, with what is painted into each frame for the spoken mouth."""
    times = frame_times(len(keypoints.points), keypoints.fps)
    with FootageReader(person.footage) as footage:
        for index, mouth in zip(nearest_frames(person.reference, times), keypoints.points, strict=True):
            frame, landmarks = footage.frame(int(index)), person.reference.points[index]
            yield FrameJob(frame, face_patch(frame, person.boxes[index], landmarks, mouth, person))
