"""Where live pictures go: a recording, a window, streams for other programs."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self
from urllib.parse import urlsplit

import numpy as np

from obamanet import provenance
from obamanet.about import SOFTWARE
from obamanet.errors import OptionError
from obamanet.files import ensure_output_path
from obamanet.person import Person
from obamanet.pipelines.labelled import Label
from obamanet.pipelines.live_report import LiveMeter
from obamanet.progress import Progress
from obamanet.render.caption import show_figures
from obamanet.video.ffmpeg_stream import OUTPUTS, FfmpegStream
from obamanet.video.live_recording import LiveRecording
from obamanet.video.live_source import LiveSource
from obamanet.video.mjpeg import HTTP, MjpegServer
from obamanet.video.window import Window, why_no_window


@dataclass(frozen=True)
class LiveOptions:
    """Where live pictures go; one place at least.

    Attributes:
        record: the mp4 to record; None for none.
        show: whether a window shows them, where there can be one.
        streams: where other programs read them: ``http://HOST:PORT`` (MJPEG), ``udp://...``, ``rtsp://...`` or
            ``/dev/videoN``.
        figures: whether frame rate and latency stand on the streams; they stand in the window and not on the recording.
        fps: frame rate of recording and streams; None for the source's.
        key: signs the recording; None for the key of this machine.

    Raises:
        OptionError: no place is named, or an address is of no known kind.
    """

    record: Path | None = None
    show: bool = False
    streams: tuple[str, ...] = ()
    figures: bool = False
    fps: Fraction | None = None
    key: provenance.SigningKey | None = None

    def __post_init__(self) -> None:
        """Checks that there is a place, and the addresses."""
        if self.record is None and not self.show and not self.streams:
            raise OptionError("nobody would see it: give --show 1, --record MP4 or --stream ADDRESS")
        for address in self.streams:
            if address.startswith(HTTP):
                _host_and_port(address)
            elif not address.startswith(tuple(OUTPUTS)):
                allowed = ", ".join((f"{HTTP}localhost:PORT", *OUTPUTS))
                raise OptionError(f"not an address to stream to: got {address}, allowed begin with {allowed}")


class Sink(Protocol):
    """Takes live pictures inside its ``with`` block."""

    def __enter__(self) -> Sink: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def write(self, picture: np.ndarray, time: float) -> None:
        """Takes a picture (H, W, 3) uint8 BGR of ``time`` seconds on the source's time line."""
        ...


class LiveSinks:
    """All places that the options name, open inside the ``with`` block.

    Attributes:
        recorded: the recording, once it is complete; None before, or without one.

    Args:
        source: whose frame rate and sound they have.
        person: whose face they show.
        options: what they are.
        stop: is set by q in the window.
        progress: is told where streams are, and why there is no window.

    Raises:
        ObamanetError: one of them cannot be had.
    """

    def __init__(
        self, source: LiveSource, person: Person, options: LiveOptions, stop: threading.Event, progress: Progress
    ) -> None:
        fps, size = options.fps or source.fps, (person.image_size, person.image_size)
        self.recorded: Path | None = None
        self._record, self._written = options.record, False
        self._figures = options.figures
        self._windows = _windows(person, options, stop, progress)
        self._streams = [
            MjpegServer(*_host_and_port(address)) if address.startswith(HTTP) else FfmpegStream(address, size, fps)
            for address in options.streams
        ]
        self._recordings = _recordings(source, person, options, fps)
        self._progress = progress

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            # The recording last, so that it is completed first.
            for sink in (*self._windows, *self._streams, *self._recordings):
                stack.enter_context(sink)
            for stream in self._streams:
                self._progress.note(f"streaming to {stream.address}")
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)
        if self._written:
            self.recorded = self._record

    def write(self, picture: np.ndarray, time: float, meter: LiveMeter) -> None:
        """Hands on a labelled ``picture`` (S, S, 3) uint8 BGR of ``time`` seconds on the source's time line.

        Raises:
            ObamanetError: one of the places is gone.
        """
        for recording in self._recordings:
            recording.write(picture, time)
        self._written = True
        with_figures = show_figures(picture, meter.fps, meter.latency)
        for stream in self._streams:
            stream.write(with_figures if self._figures else picture, time)
        for window in self._windows:
            window.write(with_figures, time)


def _windows(person: Person, options: LiveOptions, stop: threading.Event, progress: Progress) -> list[Sink]:
    """Returns the window, none where there can be none; raises OptionError where nothing else is asked for."""
    if not options.show:
        return []
    why_not = why_no_window()
    if why_not is None:
        return [Window(f"{person.name} (synthetic)", stop)]
    if options.record is None and not options.streams:
        raise OptionError(f"no window can be shown: {why_not}; give --record MP4 or --stream {HTTP}localhost:8000")
    progress.note(f"no window is shown: {why_not}")
    return []


def _recordings(source: LiveSource, person: Person, options: LiveOptions, fps: Fraction) -> list[Sink]:
    """Returns the recording where one is asked for."""
    if options.record is None:
        return []
    provenance.check_key(options.key)
    out = ensure_output_path(options.record)
    comment = f"Synthetic video: the face of '{person.name}' was generated by {SOFTWARE}; it never did this."
    label = Label(provenance.Synthetic.WHOLE_FACE, (person.name,), comment, options.key)
    size = (person.image_size, person.image_size)
    return [LiveRecording(out, size, fps, source.recorded, comment, lambda path: label.sign(path, out.name))]


def _host_and_port(address: str) -> tuple[str, int]:
    """Returns host and port of ``http://HOST:PORT``; raises OptionError for another address."""
    parts = urlsplit(address)
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or port is None or parts.path.strip("/"):
        raise OptionError(f"not an address to serve at: got {address}, allowed is {HTTP}HOST:PORT")
    return host, port
