"""Encodes a sound file, with the times it has, as the AAC track of a video that is being written."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from obamanet.sound_track import GAP_TOLERANCE, open_container, sound_track, timed_frames

if TYPE_CHECKING:
    from av import AudioFrame
    from av.container import InputContainer, OutputContainer
    from av.filter import Graph

BITRATE: Final = 160_000
"""Bits per second: transparent for speech in stereo."""

RATE: Final = 48_000
"""Hz. AAC comes in blocks of 1024 samples; at this rate the last block's padding is about half a frame at most."""

LAYOUTS: Final = frozenset({"mono", "stereo", "3.0", "4.0", "5.0", "5.1", "7.1"})
"""Channel layouts that AAC has a number for (ISO/IEC 14496-3, table 1.19); sound in others becomes stereo."""

FILL_GAPS: Final = f"async=1:min_hard_comp={float(GAP_TOLERANCE)}:first_pts=0"
"""Options of FFmpeg's aresample: silence in gaps and before the first sample, overlaps cut, as the features have it.
AAC's own time stamps would say so too, but not every player follows them."""


class SoundEncoder:
    """Writes the sound of a file into an open container, piece by piece.

    Args:
        container: the file that is written; gets a stream for the sound.
        path: the sound file, or a video with sound.
        duration: seconds at which the sound is cut; None for all of it.
        silence_until: seconds up to which silence follows the sound.

    Raises:
        SoundError: the sound cannot be read.
    """

    def __init__(
        self, container: OutputContainer, path: Path, duration: Fraction | None, silence_until: Fraction | None
    ) -> None:
        self._container = container
        self._path = path
        self._duration = duration
        self._silence_until = silence_until
        self._source: InputContainer = open_container(path)
        try:
            self._track = sound_track(self._source, path)
            self._stream = container.add_stream("aac", RATE)
            name = self._track.codec_context.layout.name
            self._layout = name if name in LAYOUTS else "stereo"
            self._stream.codec_context.layout = self._layout
            self._stream.codec_context.bit_rate = BITRATE
            self._stream.codec_context.time_base = Fraction(1, RATE)
        except BaseException:
            self._source.close()
            raise
        self._frames = self._filtered()
        self._written = Fraction(0)
        self._ended = False

    def advance(self, time: Fraction | None = None) -> None:
        """Write the sound up to ``time`` seconds at least, or to its end; raises as the class."""
        while not self._ended and (time is None or self._written < time):
            frame = next(self._frames, None)
            self._container.mux(self._stream.encode(frame))
            if frame is None:
                self._ended = True
            elif frame.pts is not None:
                self._written = Fraction(frame.pts + frame.samples, RATE)

    def close(self) -> None:
        """Close the sound file."""
        self._source.close()

    def _filtered(self) -> Iterator[AudioFrame]:
        """Yield the sound at RATE without gaps, cut and followed by silence as asked for."""
        graph = self._graph()
        for frame in self._one_layout():
            try:
                graph.push(frame)
            except EOFError:  # It takes nothing after the cut.
                break
            yield from _pulled(graph)
        with suppress(EOFError):
            graph.push(None)
        yield from _pulled(graph)

    def _one_layout(self) -> Iterator[AudioFrame]:
        """Yield the decoded frames as floats in one channel layout, which broadcasts change, with their times."""
        from av import AudioResampler

        given: tuple[str, str] | None = None
        for time, frame in timed_frames(self._source, self._track, self._path):
            if given != (frame.format.name, frame.layout.name):
                given = (frame.format.name, frame.layout.name)
                converter = AudioResampler("fltp", self._layout)
            frame.pts, frame.time_base = round(time * frame.sample_rate), Fraction(1, frame.sample_rate)
            yield from converter.resample(frame)

    def _graph(self) -> Graph:
        """Return the filters from the decoded to the encoded sound, linked and ready."""
        from av.filter import Graph

        graph = Graph()
        nodes = [
            graph.add_abuffer(sample_rate=self._track.codec_context.sample_rate, format="fltp", layout=self._layout),
            graph.add("aresample", f"{RATE}:{FILL_GAPS}"),
        ]
        if self._duration is not None:
            nodes.append(graph.add("atrim", f"end={_microseconds(self._duration)}"))
        if self._silence_until is not None:
            nodes.append(graph.add("apad", f"whole_dur={_microseconds(self._silence_until)}"))
        graph.link_nodes(*nodes, graph.add("abuffersink")).configure()
        return graph


def _pulled(graph: Graph) -> Iterator[AudioFrame]:
    """Yield the frames that have come out of ``graph``."""
    while True:
        try:
            yield cast("AudioFrame", graph.pull())
        except (BlockingIOError, EOFError):
            return


def _microseconds(seconds: Fraction) -> str:
    return f"{math.ceil(seconds * 1_000_000)}us"
