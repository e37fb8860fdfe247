"""Decoded frames of a sound file, or of a video's sound track, each with its time: for features and for writing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final

from obamanet.errors import SoundError

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container.input import InputContainer

GAP_TOLERANCE: Final = Fraction(1, 50)
"""Seconds between the end of one decoded frame and the next one's time stamp that count as rounding, not as a gap; less
than one lost MP3 or AAC frame (26 ms or 21 ms)."""

TIMES_MAY_JUMP: Final = 0x0200
"""FFmpeg's flag (AVFMT_TS_DISCONT) of containers for broadcast, MPEG-TS and -PS, whose time stamps may start anew."""

MAX_JUMP_AHEAD: Final = Fraction(10)
MAX_JUMP_BACK: Final = Fraction(1, 10)
"""Seconds. A larger jump of a broadcast container's time stamps, ahead or back, is where two recordings were joined and
no gap."""


@dataclass
class Timeline:
    """Turns time stamps into times of the sound, which goes on where two broadcast recordings were joined.

    Attributes:
        joins: whether the container's time stamps may jump.
        skipped: sum of the jumps so far, in seconds.
    """

    joins: bool
    skipped: Fraction = Fraction(0)

    def time_of(self, stamp: Fraction, end: Fraction) -> Fraction:
        """Returns the time, in seconds, of a frame with time stamp ``stamp`` that follows one ending at ``end``."""
        jump = stamp - self.skipped - end
        if self.joins and end > 0 and not -MAX_JUMP_BACK <= jump <= MAX_JUMP_AHEAD:
            self.skipped += jump
        return stamp - self.skipped


def open_container(path: Path) -> InputContainer:
    """Returns the opened file at ``path``, to be closed by the caller.

    Raises:
        SoundError: the file is missing, a folder, empty, may not be read, or FFmpeg does not know it.
    """
    import av

    if not path.exists():
        raise SoundError(f"no such sound file: {path}")
    if not path.is_file():
        raise SoundError(f"a sound file is needed, got a {'directory' if path.is_dir() else 'device or pipe'}: {path}")
    try:
        if path.stat().st_size == 0:
            raise SoundError(f"sound file is empty (0 bytes): {path}")
        # "file:" keeps a colon in a name from being read as a protocol; the whitelist keeps a playlist inside the file
        # from reaching the network. Old tags are often not UTF-8, and none of them is needed.
        return av.open(f"file:{path}", metadata_errors="replace", options={"protocol_whitelist": "file"})
    except PermissionError:
        raise SoundError(f"sound file may not be read (permission denied): {path}") from None
    except (av.error.FFmpegError, OSError):
        raise SoundError(f"not a sound file, or one cut before its first sample: {path}") from None


def sound_track(container: InputContainer, path: Path) -> AudioStream:
    """Returns the first sound track of ``container``.

    Raises:
        SoundError: there is none, its coding is not known, or the file is a picture.
    """
    name = container.format.name
    if name == "image2" or name.endswith("_pipe"):
        raise SoundError(f"not a sound file but a picture: {path}")
    if not container.streams.audio:
        raise SoundError(f"file has no sound track: {path}")
    stream = container.streams.audio[0]
    if stream.codec_context is None or not stream.codec_context.sample_rate or not stream.codec_context.channels:
        raise SoundError(f"sound track has no known coding or sample rate: {path}")
    return stream


def timed_frames(container: InputContainer, stream: AudioStream, path: Path) -> Iterator[tuple[Fraction, AudioFrame]]:
    """Yields each decoded frame with the time, in seconds from the container's time 0, at which it begins.

    A frame that follows the one before within GAP_TOLERANCE begins exactly at its end. A larger step is a gap, or an
    overlap where it is negative. A damaged packet is left out, which leaves a gap.

    Raises:
        SoundError: the file cannot be read to its end, or the sample rate changes.
    """
    timeline = Timeline(bool(container.format.flags & TIMES_MAY_JUMP))
    rate = stream.codec_context.sample_rate
    end = Fraction(0)
    for frame in _decoded(container, stream, path):
        if frame.sample_rate != rate:
            raise SoundError(f"sound's rate changes from {rate} to {frame.sample_rate} Hz; one is allowed: {path}")
        stamp = end if frame.pts is None else seconds_after_start(container, stream, frame.pts)
        time = timeline.time_of(stamp, end)
        if end > 0 and abs(time - end) <= GAP_TOLERANCE:
            time = end
        yield time, frame
        end = max(end, time + Fraction(frame.samples, rate))


def seconds_after_start(container: InputContainer, stream: AudioStream, stamp: int | None) -> Fraction:
    """Returns the seconds from the container's time 0 to ``stamp`` in the stream's time base; 0 where there is none."""
    if stamp is None or stream.time_base is None:
        return Fraction(0)
    return max(Fraction(0), stamp * stream.time_base - Fraction(container.start_time or 0, 1_000_000))


def _decoded(container: InputContainer, stream: AudioStream, path: Path) -> Iterator[AudioFrame]:
    """Yields the decoded frames; a damaged packet is left out."""
    import av

    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.error.FFmpegError as error:
            raise SoundError(f"sound file cannot be read to its end ({error.strerror}): {path}") from None
        if packet is None:
            return
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            continue
        yield from frames
