"""A person's face moved live: by another face in front of a camera, or by sound."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from obamanet.background import Newest
from obamanet.errors import ObamanetError, PersonError
from obamanet.inference.speaker import Speaker
from obamanet.person import Person
from obamanet.pipelines.into_frames import draw_whole_face
from obamanet.pipelines.live_drivers import Driver
from obamanet.pipelines.live_report import LiveMeter, LiveReport
from obamanet.pipelines.live_sinks import LiveOptions, LiveSinks
from obamanet.progress import Progress
from obamanet.render.caption import label_synthetic
from obamanet.types import RenderMode
from obamanet.video.live_source import LiveFrame, LiveSource


@dataclass(frozen=True)
class DrivenFace:
    """What a picture is painted from. The source's picture is not in it, so that it can never be shown.

    Attributes:
        landmarks: shape (N, 2), pixels of the person's square.
        time: seconds on the source's time line.
        arrived: seconds of :func:`time.monotonic` at which the source's frame came.
    """

    landmarks: np.ndarray
    time: float
    arrived: float


def live(
    source: LiveSource,
    driver: Driver,
    speaker: Speaker,
    options: LiveOptions,
    stop: threading.Event | None = None,
    progress: Progress | None = None,
    meter: LiveMeter | None = None,
) -> LiveReport:
    """Shows, records and streams a person's face that a source moves, until the source ends.

    Every picture is labelled as synthetic; the recording is signed too, and completed whatever ends the session. The
    source, the driver and the rest have a thread each and take the newest there is.

    Args:
        source: gives the frames.
        driver: moves the face.
        speaker: whose face.
        options: where the pictures go.
        stop: ends the session when it is set; q in the window sets it too.
        progress: is told where streams are, and why there is no window.
        meter: measures; None for a new one.

    Raises:
        ObamanetError: something is wrong with the person or a place, the source vanished, or a stream broke off; the
            message says what was recorded.
    """
    stop, progress, meter = stop or threading.Event(), progress or Progress(), meter or LiveMeter()
    check_live(speaker.person)
    size, renderer = speaker.person.image_size, speaker.renderer
    # A network's first call takes several times as long.
    renderer.paint(np.zeros((size, size, 3), np.uint8))
    sinks = LiveSinks(source, speaker.person, options, stop, progress)
    frames = Newest(source.frames())
    faces = Newest(drive(frames, driver))
    try:
        # Left from the last to the first: the driver, which waits for frames, after the frames.
        with sinks, faces, frames:
            for face in faces.until(stop):
                sketch = draw_whole_face(face.landmarks, speaker.person)
                picture = label_synthetic(renderer.paint(sketch))
                sinks.write(picture, face.time, meter)
                meter.add(face.arrived)
    except ObamanetError as error:
        if sinks.recorded is None:
            raise
        raise type(error)(f"{error}; recorded until then: {sinks.recorded}") from error
    return meter.report(frames.dropped + faces.dropped)


def check_live(person: Person) -> None:
    """Raises :class:`obamanet.errors.PersonError` where ``person`` cannot be moved live."""
    if person.mode is not RenderMode.WHOLE_FACE:
        raise PersonError(f"live needs a person whose whole face is painted; of {person.name} it is the mouth alone")


def drive(frames: Iterable[LiveFrame], driver: Driver) -> Iterator[DrivenFace]:
    """Yields what ``driver`` makes of each of ``frames``."""
    for frame in frames:
        yield DrivenFace(driver.next(frame.image, frame.time), frame.time, frame.arrived)
