"""Encodes sound, of files with the times they have or just arriving, as the AAC track of a video being written."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final, cast

import numpy as np

from obamanet.sound_track import GAP_TOLERANCE, open_container, sound_track, timed_frames

if TYPE_CHECKING:
    from av import AudioFrame
    from av.container import OutputContainer
    from av.filter import Graph

BITRATE: Final = 160_000
"""Bits per second: transparent for speech in stereo."""

RATE: Final = 48_000
"""Hz. AAC comes in blocks of 1024 samples; at this rate the last block's padding is about half a frame at most."""

SILENT_PIECE: Final = 0.02
"""Seconds of silence put at a time where sound has not arrived yet."""

LAYOUTS: Final = frozenset({"mono", "stereo", "3.0", "4.0", "5.0", "5.1", "7.1"})
"""Channel layouts that AAC has a number for (ISO/IEC 14496-3, table 1.19); sound in others becomes mono or stereo."""

FILL_GAPS: Final = f"async=1:min_hard_comp={float(GAP_TOLERANCE)}:first_pts=0"
"""Options of FFmpeg's aresample: silence in gaps and before the first sample, overlaps cut, as the features have it.
AAC's own time stamps would say so too, but not every player follows them."""


@dataclass(frozen=True)
class SoundSpan:
    """A stretch of sound.

    Attributes:
        path: the sound file, or a video with sound; None for silence.
        start: seconds into the file at which the stretch begins.
        duration: seconds of the file that are heard at most; None for all up to its end.
        until: seconds, counted from the stretch's beginning, up to which silence follows.
    """

    path: Path | None
    start: Fraction = Fraction(0)
    duration: Fraction | None = None
    until: Fraction | None = None


class ArrivingSound:
    """Mono sound that arrives while it is encoded; safe between threads.

    What is encoded before it has arrived is silence, and moves what arrives later.

    Args:
        rate: sample rate, Hz.
        delay: seconds of silence before it.
    """

    def __init__(self, rate: int, delay: Fraction = Fraction(0)) -> None:
        self.rate = rate
        self._pieces: SimpleQueue[np.ndarray] = SimpleQueue()
        self.put(np.zeros(round(delay * rate), np.float32))

    def put(self, samples: np.ndarray) -> None:
        """Appends ``samples`` (N,) float32 in [-1, 1]."""
        if len(samples):
            self._pieces.put(samples)

    def frames(self) -> Iterator[AudioFrame]:
        """Yields the sound at RATE, without end."""
        from av import AudioFrame
        from av.filter import Graph

        graph = Graph()
        source = graph.add_abuffer(sample_rate=self.rate, format="flt", layout="mono", time_base=Fraction(1, self.rate))
        nodes = [source, graph.add("aresample", str(RATE)), graph.add("aformat", "sample_fmts=fltp")]
        graph.link_nodes(*nodes, graph.add("abuffersink")).configure()
        arrived = 0
        while True:
            try:
                samples = self._pieces.get_nowait()
            except Empty:
                samples = np.zeros(round(SILENT_PIECE * self.rate), np.float32)
            frame = AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = self.rate, arrived, Fraction(1, self.rate)
            arrived += len(samples)
            graph.push(frame)
            yield from _pulled(graph)


class SoundEncoder:
    """Writes stretches of sound, one after the other, into an open container, piece by piece.

    Args:
        container: the file that is written; gets a stream for the sound.
        spans: the stretches, one at least; all but the last have an ``until``. One that arrives stands alone.

    Raises:
        SoundError: a sound cannot be read.
    """

    def __init__(self, container: OutputContainer, spans: Sequence[SoundSpan | ArrivingSound]) -> None:
        self._container = container
        self._layout = _layout(spans)
        self._stream = container.add_stream("aac", RATE)
        self._stream.codec_context.layout = self._layout
        self._stream.codec_context.bit_rate = BITRATE
        self._stream.codec_context.time_base = Fraction(1, RATE)
        self._frames = (frame for span in spans for frame in _frames(span, self._layout))
        self._samples = 0
        self._ended = False

    def advance(self, time: Fraction | None = None) -> None:
        """Writes the sound up to ``time`` seconds at least, or to its end; raises as the class."""
        while not self._ended and (time is None or Fraction(self._samples, RATE) < time):
            frame = next(self._frames, None)
            if frame is not None:
                frame.pts, frame.time_base = self._samples, Fraction(1, RATE)
                self._samples += frame.samples
            self._container.mux(self._stream.encode(frame))
            self._ended = frame is None

    def cut(self, time: Fraction) -> None:
        """Writes the sound up to ``time`` seconds, or to its end before that, and ends it; raises as the class."""
        self.advance(time)
        if not self._ended:
            self._container.mux(self._stream.encode(None))
            self._ended = True

    def close(self) -> None:
        """Closes the sound files."""
        self._frames.close()


def _layout(spans: Sequence[SoundSpan | ArrivingSound]) -> str:
    """Returns the channel layout of the first file's sound, or mono or stereo where it has none that AAC knows."""
    for span in spans:
        if isinstance(span, SoundSpan) and span.path is not None:
            with open_container(span.path) as container:
                sound = sound_track(container, span.path).codec_context
                if sound.layout.name in LAYOUTS:
                    return sound.layout.name
                return "mono" if sound.channels == 1 else "stereo"
    return "mono"


def _frames(span: SoundSpan | ArrivingSound, layout: str) -> Iterator[AudioFrame]:
    return span.frames() if isinstance(span, ArrivingSound) else _filtered(span, layout)


def _filtered(span: SoundSpan, layout: str) -> Iterator[AudioFrame]:
    """Yields the sound of ``span`` at RATE without gaps, cut and followed by silence as it says."""
    from av.filter import Graph

    graph = Graph()
    if span.path is None:
        source = graph.add("anullsrc", f"r={RATE}:cl={layout}:d={_microseconds(span.until or Fraction(0))}")
        graph.link_nodes(source, graph.add("aformat", "sample_fmts=fltp"), graph.add("abuffersink")).configure()
        yield from _pulled(graph)
        return
    with open_container(span.path) as container:
        track = sound_track(container, span.path)
        nodes = [
            graph.add_abuffer(sample_rate=track.codec_context.sample_rate, format="fltp", layout=layout),
            graph.add("aresample", f"{RATE}:{FILL_GAPS}"),
        ]
        if span.duration is not None:
            nodes.append(graph.add("atrim", f"end={_microseconds(span.duration)}"))
        if span.until is not None:
            nodes.append(graph.add("apad", f"whole_dur={_microseconds(span.until)}"))
        graph.link_nodes(*nodes, graph.add("abuffersink")).configure()
        with closing(_from_start(timed_frames(container, track, span.path), span.start, layout)) as frames:
            for frame in frames:
                try:
                    graph.push(frame)
                except EOFError:  # It takes nothing after the cut.
                    break
                yield from _pulled(graph)
        with suppress(EOFError):
            graph.push(None)
        yield from _pulled(graph)


def _from_start(timed: Iterator[tuple[Fraction, AudioFrame]], start: Fraction, layout: str) -> Generator[AudioFrame]:
    """Yields the frames that end after ``start`` with times counted from there, as floats in one channel layout."""
    from av import AudioResampler

    given: tuple[str, str] | None = None
    for time, frame in timed:
        rate = frame.sample_rate
        if time + Fraction(frame.samples, rate) <= start:
            continue
        # Broadcasts change their layout.
        if given != (frame.format.name, frame.layout.name):
            given = (frame.format.name, frame.layout.name)
            converter = AudioResampler("fltp", layout)
        frame.pts, frame.time_base = round((time - start) * rate), Fraction(1, rate)
        yield from converter.resample(frame)


def _pulled(graph: Graph) -> Iterator[AudioFrame]:
    """Yields the frames that have come out of ``graph``."""
    while True:
        try:
            yield cast("AudioFrame", graph.pull())
        except (BlockingIOError, EOFError):
            return


def _microseconds(seconds: Fraction) -> str:
    return f"{math.ceil(seconds * 1_000_000)}us"
