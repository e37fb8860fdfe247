"""Drives a person with a video of another face: driver, landmarks, movement, sketches, frames, mp4.

The driver's pictures are looked at and dropped: none is shown, pasted or stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from obamanet.about import SOFTWARE
from obamanet.constants import IMAGE_SIZE, MOUTH
from obamanet.errors import FaceError, OptionError
from obamanet.face.landmark_models import Landmarks
from obamanet.face.landmarker import load_landmarker
from obamanet.face.track import track_face
from obamanet.inference.faces_at_rest import neutral_face, target_face
from obamanet.inference.speaker import Speaker, as_speaker
from obamanet.keypoints.retarget import GapFiller, Movement, Retargeter
from obamanet.person import Person
from obamanet.pipelines.into_frames import FrameSketch, draw_whole_face
from obamanet.pipelines.labelled import FinishedVideo, Label, write_labelled
from obamanet.pipelines.speak import (
    SpeakOptions,
    articulate,
    check_output,
    draw_sketches,
    render_frames,
    save_keypoints,
)
from obamanet.progress import Progress
from obamanet.provenance import Synthetic
from obamanet.render.crop import portrait_box, to_square
from obamanet.types import CanonicalKeypoints, CropBox, DrivenPart, RenderMode, Span
from obamanet.video.reader import probe_video, read_frames
from obamanet.video.sound_encoder import SoundSpan

OWN_SQUARE_SECONDS = 2
"""Seconds from which on a segment between cuts has squares of its own; shorter ones take that of the whole video."""

SQUARE_SECONDS = 3
"""Seconds of a driver that one square is fitted to; it follows a head that wanders for longer, which no renderer has
seen: in training each clip has its square."""


@dataclass(frozen=True)
class ReenactedVideo(FinishedVideo):
    """A finished video of a person who moves as a driver does.

    Attributes:
        without_face: frames of the driver without a face, in which the person comes to rest.
    """

    without_face: int


@dataclass(frozen=True)
class DriverTrack:
    """The driver's face through T frames.

    Attributes:
        squares: landmarks in the square around the head, shape (T, 78, 2) float32, pixels; NaN without a face.
        fps: frames per second.
    """

    squares: np.ndarray
    fps: Fraction

    @property
    def seen(self) -> np.ndarray:
        """Frames with a face, shape (T,) bool."""
        return ~np.isnan(self.squares[:, 0, 0])


def reenact(
    driver: Path,
    out: Path,
    speaker: Speaker | Person,
    options: SpeakOptions | None = None,
    *,
    part: DrivenPart = DrivenPart.HEAD,
    neutral: Span | None = None,
    progress: Progress | None = None,
) -> ReenactedVideo:
    """Writes a video in which a person moves as the face in another video does, with that video's sound.

    The person's shape stays; movement, gaze, blinks, brows and the head's moves are the driver's, within what the
    person's renderer was trained on. Without a face in a frame the last movement is held, then eases to rest. The video
    has as many frames as the driver, and is labelled and signed as synthetic.

    Args:
        driver: the video whose largest face is followed.
        out: the video; it is written whole, or stays as it was.
        speaker: who is driven; a :class:`Speaker` keeps its networks loaded from call to call.
        options: frame rate (None for the driver's own), articulation, key, file for the mouth's keypoints.
        part: what follows the driver.
        neutral: where the driver's face is at rest, in seconds of the video; None to find it.
        progress: reports the progress.

    Raises:
        ObamanetError: something is wrong with the driver, the person or the output.
    """
    options, progress = options or SpeakOptions(), progress or Progress()
    out, speaker = check_output(driver, out, options), as_speaker(speaker)
    person = speaker.person
    if person.mode is RenderMode.INPAINT and part is not DrivenPart.MOUTH:
        raise OptionError(f"person is painted into its own footage, so only its mouth can be driven: {person.folder}")
    if neutral is not None and not 0 <= neutral.start < neutral.end:
        raise OptionError(
            f"neutral stretch must end after its start: got {neutral.start:g} to {neutral.end:g} s, allowed are times "
            "from 0 on"
        )
    track = track_driver(driver, options.fps, progress)
    retargeter = make_retargeter(track, person, neutral)
    if options.keypoints_out:
        save_keypoints(take_mouths(track, retargeter, person, options), options.keypoints_out)
    if part is DrivenPart.MOUTH:
        sketches = draw_sketches(take_mouths(track, retargeter, person, options), person)
    else:
        sketches = draw_moved(move_person(track, retargeter), retargeter, person, options)
    frames, count = render_frames(sketches, speaker), len(track.squares)
    sound = [SoundSpan(driver, until=count / track.fps)] if probe_video(driver).has_sound else []
    kind = Synthetic.INPAINTED if person.mode is RenderMode.INPAINT else Synthetic.WHOLE_FACE
    comment = f"Synthetic video: the face of '{person.name}' was generated by {SOFTWARE} after another one's movement."
    label = Label(kind, (person.name,), comment, options.key)
    size = write_labelled(frames, count, track.fps, sound, out, label, progress, "reenacting")
    return ReenactedVideo(out, count, track.fps, size, int((~track.seen).sum()))


def track_driver(path: Path, fps: Fraction | None, progress: Progress) -> DriverTrack:
    """Follows the largest face of a video.

    Args:
        path: the video.
        fps: frames per second of the track; None for the video's own.
        progress: reports the progress.

    Raises:
        FaceError: no frame has a face.
        VideoError: not a video.
    """
    info = probe_video(path)
    fps = fps or info.fps
    frames = progress.track(read_frames(path, fps), "looking for the face", round(info.duration * fps))
    try:
        track = track_face((frame.image for frame in frames), load_landmarker(Landmarks.MESH))
    except FaceError as error:
        raise FaceError(f"{error}: {path}") from None
    if track.max_faces > 1:
        progress.note(f"up to {track.max_faces} faces in a frame; the largest one is followed: {path}")
    if (track.segment < 0).any():
        progress.note(f"{(track.segment < 0).sum()} of {len(track.segment)} frames show no face: {path}")
    squares = np.full_like(track.landmarks, np.nan)
    whole = portrait_box(track.landmarks[track.segment >= 0])
    for number in range(int(track.segment.max()) + 1):
        inside = track.segment == number
        landmarks = track.landmarks[inside]
        boxes = follow_head(landmarks, fps) if len(landmarks) >= OWN_SQUARE_SECONDS * fps else [whole] * len(landmarks)
        squares[inside] = [to_square(face, box) for face, box in zip(landmarks, boxes, strict=True)]
    return DriverTrack(squares, fps)


def follow_head(landmarks: np.ndarray, fps: Fraction) -> list[CropBox]:
    """Returns the square around the head in each frame of a segment, which moves slowly with it.

    Squares of SQUARE_SECONDS, fitted once a second, are interpolated; a segment that is no longer has one.

    Args:
        landmarks: shape (T, N, 2), pixels.
        fps: frames per second.
    """
    window, count = min(len(landmarks), round(SQUARE_SECONDS * fps)), len(landmarks)
    starts = np.arange(0, count - window + 1, max(1, round(fps)))
    fitted = [portrait_box(landmarks[start : start + window]) for start in starts]
    middles = starts + (window - 1) / 2
    edges = [[box.left, box.top, box.side] for box in fitted]
    moved = [np.interp(np.arange(count), middles, values) for values in np.transpose(edges)]
    return [CropBox(*map(float, box)) for box in np.transpose(moved)]


def make_retargeter(track: DriverTrack, person: Person, neutral: Span | None = None) -> Retargeter:
    """Returns what carries the driver's movement over to ``person``.

    Args:
        track: the driver's face.
        person: who is driven.
        neutral: where the driver is at rest, seconds; None to find it in the whole track.

    Raises:
        OptionError: there is no face in ``neutral``.
    """
    at_rest = track.seen
    if neutral is not None:
        times = np.arange(len(track.squares)) / float(track.fps)
        at_rest = at_rest & (times >= neutral.start) & (times < neutral.end)
        if not at_rest.any():
            raise OptionError(
                f"no face in the driver's neutral stretch: got {neutral.start:g} to {neutral.end:g} s, the video has "
                f"{len(times) / float(track.fps):.2f} s"
            )
    driver = neutral_face(track.squares[at_rest], IMAGE_SIZE)
    return Retargeter(driver, target_face(person))


def move_person(track: DriverTrack, retargeter: Retargeter) -> Iterator[Movement]:
    """Yields the person's movement in each frame of ``track``; frames without a face are filled."""
    filler, step = GapFiller(retargeter.rest), float(1 / track.fps)
    for seen, square in zip(track.seen, track.squares, strict=True):
        yield filler.next(retargeter.movement(square) if seen else None, step)


def take_mouths(
    track: DriverTrack, retargeter: Retargeter, person: Person, options: SpeakOptions
) -> CanonicalKeypoints:
    """Returns the person's mouth in each frame of ``track``, with the articulation of ``options``.

    Raises:
        PersonError: the person has no speech part, whose canonical coordinates they are in.
    """
    template = person.mouth.head.template
    points = retargeter.mouths(move_person(track, retargeter), template)
    return articulate(CanonicalKeypoints(points, track.fps), person.mouth.rest, options.articulation)


def draw_moved(
    movements: Iterable[Movement], retargeter: Retargeter, person: Person, options: SpeakOptions
) -> Iterator[FrameSketch]:
    """Yields the sketch of each of ``movements``, with the articulation of ``options``."""
    rest = retargeter.rest.face[MOUTH]
    for movement in movements:
        face = movement.face.copy()
        face[MOUTH] = rest + options.articulation * (face[MOUTH] - rest)
        yield FrameSketch(draw_whole_face(retargeter.place(Movement(face, movement.head)), person))
