"""Sound to video: sound, features, keypoints, sketches, frames, mp4."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from obamanet import provenance
from obamanet.about import SOFTWARE
from obamanet.audio.features import SPEECH, FeatureExtraction, extract_features
from obamanet.audio.load import stream_sound
from obamanet.audio.normalise_features import speech_reference_of
from obamanet.background import in_background
from obamanet.constants import MOUTH_COUNT
from obamanet.errors import OptionError, OutputError
from obamanet.files import atomic_path, ensure_output_path
from obamanet.inference.speaker import Speaker, as_speaker
from obamanet.inference.streaming import KeypointStream
from obamanet.keypoints.blinks import blinks_too_seldom, shut_lids
from obamanet.keypoints.head import place_head
from obamanet.keypoints.jaw import place_mouth
from obamanet.keypoints.lips import uncross_lips
from obamanet.keypoints.reference import nearest_frames, reference_at
from obamanet.person import Person
from obamanet.pipelines.into_frames import FrameSketch, draw_whole_face, paint_frames, paint_squares, sketch_face
from obamanet.pipelines.labelled import FinishedVideo, Label, write_labelled
from obamanet.progress import Progress
from obamanet.timing import frame_times, frames_to_cover, resample_in_time
from obamanet.types import CanonicalKeypoints, FeatureSequence, RenderMode
from obamanet.video.footage import FootageReader
from obamanet.video.sound_encoder import SoundSpan

CHUNK_FRAMES = 250
"""Frames placed on the reference track at once, ten seconds at 25 fps; changes memory, not the result."""

BLOCK_SECONDS = 4.0
"""Sound predicted at once; shorter blocks need less memory and more time, as the encoder sees 1.5 s around each."""

FRAMES_AHEAD = 16
"""Frames rendered ahead of the video writer."""

MAX_ARTICULATION = 2.0
"""Share; larger ones give mouths that no renderer was trained on."""


@dataclass(frozen=True)
class SpeakOptions:
    """How to speak.

    Attributes:
        fps: frame rate of the video; None for the person's own.
        key: signs the video; None for the key of this machine.
        keypoints_out: file for the keypoints, as of :func:`save_keypoints`; None for none.
        articulation: factor, 0 to 2, of the mouth's distance from rest; lips that a text closes stay closed.
        streamed: whether the video is written in fragments that can be read meanwhile, labelled but not signed.

    Raises:
        OptionError: the articulation is out of range.
    """

    fps: Fraction | None = None
    key: provenance.SigningKey | None = None
    keypoints_out: Path | None = None
    articulation: float = 1.0
    streamed: bool = False

    def __post_init__(self) -> None:
        """Checks the articulation."""
        if not 0 <= self.articulation <= MAX_ARTICULATION:
            raise OptionError(
                f"articulation is out of range: got {self.articulation:g}, allowed is 0 to {MAX_ARTICULATION:g}"
            )


class SpokenVideo(FinishedVideo):
    """A finished video of a person who says a sound."""


def speak(
    sound: Path,
    out: Path,
    speaker: Speaker | Person,
    options: SpeakOptions | None = None,
    progress: Progress | None = None,
) -> SpokenVideo:
    """Writes a video of a person saying a sound, labelled and signed as synthetic.

    Args:
        sound: a sound file, or a video with a sound track.
        out: the video; it is written whole, or stays as it was.
        speaker: who speaks; a :class:`Speaker` keeps its networks loaded from call to call.
        options: how to speak.
        progress: reports the progress.

    Raises:
        ObamanetError: something is wrong with the sound, the person or the output.
    """
    options, progress = options or SpeakOptions(), progress or Progress()
    out, speaker = check_output(sound, out, options), as_speaker(speaker)
    keypoints, duration = predict_sound(sound, speaker)
    keypoints = move_lips(keypoints, duration, speaker.person, options)
    if options.keypoints_out:
        save_keypoints(keypoints, options.keypoints_out)
    sketches = draw_sketches(keypoints, speaker.person)
    frames = render_frames(sketches, speaker)
    spoken = SoundSpan(sound, duration=duration)
    return write_video(frames, keypoints, spoken, out, speaker.person, options, progress)


def check_output(sound: Path, out: Path, options: SpeakOptions) -> Path:
    """Checks that the outputs can be written.

    Returns:
        ``out``, absolute.

    Raises:
        OutputError: an output cannot be written, or ``out`` is ``sound``.
        ProvenanceError: the signing key cannot be used.
    """
    out = ensure_output_path(out)
    if out == sound.resolve():
        raise OutputError(f"output would replace the sound it is made from: {out}")
    provenance.check_key(options.key)
    if options.keypoints_out:
        ensure_output_path(options.keypoints_out)
    return out


def load_features(sound: Path, person: Person) -> FeatureSequence:
    """Returns the features of the file ``sound`` of the kind ``person`` was trained on, streamed from the file."""
    return extract_features(stream_sound(sound), person.features)


def predict_sound(sound: Path, speaker: Speaker | Person) -> tuple[CanonicalKeypoints, Fraction]:
    """Predicts a mouth from the file ``sound``, uncorrected, at the person's own frame rate.

    The file is read twice, for its level and piece by piece, since an hour of features is 115 MB; where the person's
    features or predictor need the whole utterance it is read once.

    Returns:
        The mouth, and the length of the sound in seconds.
    """
    speaker = as_speaker(speaker)
    person = speaker.person
    if person.features.kind != SPEECH or person.predictor.bidirectional:
        features = load_features(sound, person)
        return predict_raw(features, speaker), features.duration
    extraction = FeatureExtraction(person.features)
    stream = KeypointStream(speaker, speech_reference_of(extraction.parts(stream_sound(sound))))
    points = np.zeros((frames_to_cover(extraction.duration, person.fps), MOUTH_COUNT, 2), np.float32)
    end = 0
    for samples in stream_sound(sound, block_seconds=BLOCK_SECONDS):
        some = stream.push(samples).points
        points[end : end + len(some)] = some
        end += len(some)
    points[end:] = stream.finish().points
    return CanonicalKeypoints(points, person.fps), extraction.duration


def move_lips(
    predicted: CanonicalKeypoints,
    duration: Fraction,
    person: Person,
    options: SpeakOptions,
    shut: Callable[[CanonicalKeypoints], CanonicalKeypoints] | None = None,
) -> CanonicalKeypoints:
    """Resamples, articulates, closes and uncrosses the lips, in this order, so that lips closed here are not scaled.

    Args:
        predicted: the mouth at the predictor's frame rate.
        duration: of the video, seconds.
        person: whose mouth.
        options: frame rate and articulation.
        shut: closes the lips where a text says so; None where only the sound is known.

    Returns:
        The mouth at the video's frame rate, covering ``duration``.
    """
    resampled = resample_keypoints(predicted, duration, options.fps or person.fps)
    mouth = articulate(resampled, person.mouth.rest, options.articulation)
    if shut is not None:
        mouth = shut(mouth)
    return CanonicalKeypoints(uncross_lips(mouth.points), mouth.fps)


def predict_raw(features: FeatureSequence, speaker: Speaker | Person) -> CanonicalKeypoints:
    """Returns the uncorrected prediction from ``features``, at the person's own frame rate."""
    return as_speaker(speaker).predictor.predict(features)


def resample_keypoints(keypoints: CanonicalKeypoints, duration: Fraction, fps: Fraction) -> CanonicalKeypoints:
    """Returns ``keypoints`` interpolated by time to ``fps`` frames per second, covering ``duration`` seconds."""
    if fps == keypoints.fps:
        return keypoints
    times = frame_times(len(keypoints.points), keypoints.fps)
    new_times = frame_times(frames_to_cover(duration, fps), fps)
    return CanonicalKeypoints(resample_in_time(keypoints.points, times, new_times), fps)


def articulate(keypoints: CanonicalKeypoints, rest: np.ndarray, share: float) -> CanonicalKeypoints:
    """Returns ``keypoints`` with their distance from the mouth at ``rest`` (20, 2) multiplied by ``share``."""
    if share == 1:
        return keypoints
    return CanonicalKeypoints((rest + share * (keypoints.points - rest)).astype(np.float32), keypoints.fps)


def save_keypoints(keypoints: CanonicalKeypoints, path: Path) -> None:
    """Writes ``keypoints`` as .npz: ``keypoints`` (T, 20, 2) float32 canonical, ``fps`` as text, exact.

    Raises:
        OutputError: ``path`` cannot be written.
    """
    with atomic_path(path) as part, part.open("wb") as file:
        np.savez_compressed(file, keypoints=keypoints.points, fps=np.array(str(keypoints.fps)))


def draw_sketches(keypoints: CanonicalKeypoints, person: Person) -> Iterator[FrameSketch]:
    """Yields the sketch of each frame: of the whole face, or drawn into a frame of the person's footage."""
    if person.mode is RenderMode.WHOLE_FACE:
        for landmarks in place_landmarks(keypoints, person):
            yield FrameSketch(draw_whole_face(landmarks, person))
        return
    times = frame_times(len(keypoints.points), keypoints.fps)
    with FootageReader(person.footage) as footage:
        for index, mouth in zip(nearest_frames(person.reference, times), keypoints.points, strict=True):
            landmarks = person.reference.points[index]
            yield sketch_face(footage.frame(int(index)), person.boxes[index], landmarks, mouth, person)


def place_landmarks(keypoints: CanonicalKeypoints, person: Person) -> Iterator[np.ndarray]:
    """Yields each frame's landmarks: the reference's head with the new mouth and jaw.

    They are (68, 2) or (78, 2), pixels of the square. Eyes blink as in the reference, and at seeded intervals where it
    hardly does.
    """
    times = frame_times(len(keypoints.points), keypoints.fps)
    add_blinks = blinks_too_seldom(person.reference.points, float(person.reference.fps))
    for first in range(0, len(keypoints.points), CHUNK_FRAMES):
        some = slice(first, first + CHUNK_FRAMES)
        yield from landmarks_at(times[some], keypoints.points[some], person, times[some] if add_blinks else None)


def landmarks_at(
    times: np.ndarray, mouth: np.ndarray, person: Person, blink_times: np.ndarray | None = None
) -> np.ndarray:
    """Returns the landmarks of the reference's head with a new mouth and jaw.

    Args:
        times: shape (T,), seconds.
        mouth: the new mouth, shape (T, 20, 2), canonical.
        person: whose reference it is.
        blink_times: shape (T,), seconds on the time line of the seeded blinks; None without those.

    Returns:
        Shape (T, 68, 2) or (T, 78, 2) float32, pixels of the square.
    """
    reference = reference_at(person.reference, times)
    if blink_times is not None:
        reference = shut_lids(reference, blink_times)
    return place_mouth(reference, place_head(reference, person.mouth.head), mouth, person.mouth.jaw)


def render_frames(sketches: Iterator[FrameSketch], speaker: Speaker | Person) -> Iterator[np.ndarray]:
    """Yields the video's frames, (H, W, 3) uint8 BGR; drawing and rendering overlap, memory does not grow."""
    speaker = as_speaker(speaker)
    return in_background(paint_frames(sketches, speaker.person, speaker.renderer), FRAMES_AHEAD)


def render_squares(keypoints: CanonicalKeypoints, speaker: Speaker | Person) -> Iterator[np.ndarray]:
    """Yields the renderer's output, (S, S, 3) uint8 BGR, before it is pasted, to measure the renderer alone."""
    speaker = as_speaker(speaker)
    painted = paint_squares(draw_sketches(keypoints, speaker.person), speaker.renderer)
    return (square for _, square in painted if square is not None)


def write_video(
    frames: Iterator[np.ndarray],
    keypoints: CanonicalKeypoints,
    sound: SoundSpan,
    out: Path,
    person: Person,
    options: SpeakOptions,
    progress: Progress,
) -> SpokenVideo:
    """Writes ``frames``, one for each of ``keypoints``, with their sound into ``out`` and signs it, whole or not at
    all.

    Raises:
        ObamanetError: the video cannot be written or signed.
    """
    kind = provenance.Synthetic.INPAINTED if person.mode is RenderMode.INPAINT else provenance.Synthetic.WHOLE_FACE
    comment = f"Synthetic video: the face of '{person.name}' was generated by {SOFTWARE}; it never said this."
    label, count = Label(kind, (person.name,), comment, options.key), len(keypoints.points)
    size = write_labelled(frames, count, keypoints.fps, [sound], out, label, progress, streamed=options.streamed)
    return SpokenVideo(out, count, keypoints.fps, size)
