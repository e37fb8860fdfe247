"""Decodes a sound file, or a video's sound track, to mono float32 samples at one rate, in blocks."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from obamanet.constants import SAMPLE_RATE
from obamanet.errors import OptionError, SoundError
from obamanet.sound_track import (
    TIMES_MAY_JUMP,
    Timeline,
    open_container,
    seconds_after_start,
    sound_track,
    timed_frames,
)
from obamanet.types import AudioClip

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container.input import InputContainer

MIN_SOUND_SECONDS: Final = Fraction(1, 10)
"""Seconds. Shortest sound accepted, about one short syllable."""

MAX_SOUND_SECONDS: Final = Fraction(24 * 3600)
"""Seconds. Longest sound accepted; a longer one comes from a broken header."""

CUT_TOLERANCE: Final = Fraction(1, 4)
"""Seconds that may be missing from the announced length: AAC encoders count up to 0.12 s of their own delay."""

LENGTH_IN_HEADER: Final = frozenset({"wav", "w64", "aiff", "au", "caf", "flac", "ogg", "mov,mp4,m4a,3gp,3g2,mj2"})
"""Containers, by FFmpeg's names, whose header or last page holds the length of the sound track."""


@dataclass(frozen=True)
class SoundFile:
    """Header of a sound file.

    Attributes:
        path: the file.
        rate: native sample rate, Hz.
        channels: number of channels.
        duration: seconds from time 0 of the container, so including the silence before a late sound track; from the
            header if it has one, otherwise the sum of the packets.
    """

    path: Path
    rate: int
    channels: int
    duration: Fraction


def open_sound(path: Path) -> SoundFile:
    """Reads the header of a sound file, or of a video's sound track, without decoding it.

    Raises:
        SoundError: no such file, not a sound, no sound track, or a length below 0.1 s or above 24 h.
    """
    with open_container(path) as container:
        stream = sound_track(container, path)
        start = seconds_after_start(container, stream, stream.start_time)
        length = _announced_length(container, stream, path)
        rate, channels = stream.codec_context.sample_rate, stream.codec_context.channels
        if length is None:
            length = _length_of_packets(container, stream, path)
    sound = SoundFile(path, rate, channels, start + length)
    _check_duration(sound.duration, path)
    return sound


def stream_sound(path: Path, rate: int = SAMPLE_RATE, block_seconds: float = 10.0) -> Iterator[np.ndarray]:
    """Returns an iterator over the sound at ``path`` as mono blocks.

    Sample 0 is time 0 of the container. A late sound track and gaps are filled with silence; where time stamps overlap,
    the later sound is cut at its beginning. The video writer uses the same times. Channels are averaged. Resampling is
    soxr's quality HQ, as in ``librosa.resample(res_type="soxr_hq")``, to ceil(N * rate / native rate) samples.

    Args:
        path: sound file or video.
        rate: sample rate of the blocks, Hz.
        block_seconds: length of a block, at least 0.1 s; memory depends on it alone.

    Returns:
        Blocks of shape (n,) float32 in [-1, 1].

    Raises:
        OptionError: ``block_seconds`` is too short.
        SoundError: at once, as :func:`open_sound`; while reading, for NaN or infinite samples; at the end, when the
            file holds less than its header announces.
    """
    if block_seconds < MIN_SOUND_SECONDS:
        raise OptionError(
            f"block length is too short: got {block_seconds} s, allowed is {float(MIN_SOUND_SECONDS)} s or more"
        )
    sound = open_sound(path)
    return _resampled(_native_blocks(sound, math.ceil(block_seconds * sound.rate)), sound.rate, rate)


def load_sound(path: Path, rate: int = SAMPLE_RATE) -> AudioClip:
    """Returns the whole sound at ``path`` as an :class:`AudioClip` at ``rate`` Hz.

    Raises:
        SoundError: as :func:`stream_sound`.
    """
    return AudioClip(np.concatenate(list(stream_sound(path, rate))), rate, str(path))


def _resampled(blocks: Iterator[np.ndarray], native: int, rate: int) -> Iterator[np.ndarray]:
    """Yields ``blocks`` at ``native`` Hz resampled to ``rate`` Hz, ceil(N * rate / native) samples in all."""
    if native == rate:
        yield from blocks
        return
    import soxr

    resampler = soxr.ResampleStream(native, rate, num_channels=1, dtype="float32", quality="HQ")
    received = returned = 0
    for block in blocks:
        received += len(block)
        resampled = resampler.resample_chunk(block)
        returned += len(resampled)
        if len(resampled):
            yield resampled
    rest = resampler.resample_chunk(np.zeros(0, np.float32), last=True)
    # soxr rounds the total; librosa makes it the ceiling, which keeps the last syllable.
    missing = -(-received * rate // native) - returned
    yield np.pad(rest, (0, max(0, missing - len(rest))))[:missing]


def _native_blocks(sound: SoundFile, block_length: int) -> Iterator[np.ndarray]:
    """Yields mono blocks (n,) float32 at the native rate, of at least ``block_length`` samples except for the last."""
    path, rate = sound.path, sound.rate
    waiting: list[np.ndarray] = []
    waiting_length = length = 0
    with open_container(path) as container:
        stream = sound_track(container, path)
        for time, frame in timed_frames(container, stream, path):
            gap = round(time * rate) - length
            samples = _mono(frame, length + max(0, gap), path)
            if gap < 0:
                samples = samples[-gap:]
            for piece in chain(_silence(gap, block_length), [samples]):
                waiting.append(piece)
                waiting_length += len(piece)
                length += len(piece)
                if length > MAX_SOUND_SECONDS * rate:
                    _check_duration(Fraction(length, rate), path)
                if waiting_length >= block_length:
                    yield np.concatenate(waiting)
                    waiting, waiting_length = [], 0
    held = Fraction(length, rate)
    if length == 0:
        raise SoundError(f"sound holds no samples that can be decoded: {path}")
    if held < sound.duration - CUT_TOLERANCE:
        raise SoundError(
            f"sound is cut: the header announces {float(sound.duration):.3f} s, "
            f"the file holds {float(held):.3f} s: {path}"
        )
    _check_duration(held, path)
    if waiting:
        yield np.concatenate(waiting)


def _silence(gap: int, piece_length: int) -> Iterator[np.ndarray]:
    """Yields ``gap`` samples of silence in pieces, nothing where there is no gap."""
    while gap > 0:
        yield np.zeros(min(gap, piece_length), np.float32)
        gap -= piece_length


def _mono(frame: AudioFrame, start: int, path: Path) -> np.ndarray:
    """Returns the mean over the frame's channels (n,) float32, in [-1, 1]; the first is sample ``start``."""
    values = frame.to_ndarray().reshape((-1, frame.samples) if frame.format.is_planar else (frame.samples, -1))
    mono = values.mean(axis=0 if frame.format.is_planar else 1, dtype=np.float64)
    if values.dtype.kind == "u":
        mono -= 1 << (8 * values.dtype.itemsize - 1)
    if values.dtype.kind in "iu":
        mono /= 1 << (8 * values.dtype.itemsize - 1)
    samples = mono.astype(np.float32)
    finite = np.isfinite(samples)
    if not finite.all():
        seconds = (start + int(np.argmin(finite))) / frame.sample_rate
        raise SoundError(f"sound holds a NaN or infinite sample at {seconds:.3f} s; only numbers are allowed: {path}")
    return samples


def _announced_length(container: InputContainer, stream: AudioStream, path: Path) -> Fraction | None:
    """Returns the length of the sound track in the header, seconds, or None when the header has none."""
    name = container.format.name
    if name == "wav":
        announced = _announced_by_wav(path)
        if announced is not None:
            return announced
    if name not in LENGTH_IN_HEADER and not (name == "mp3" and _has_frame_count(path)):
        return None
    if stream.duration is None or stream.time_base is None:
        return None
    return stream.duration * stream.time_base


def _announced_by_wav(path: Path) -> Fraction | None:
    """Returns the length in a RIFF header, seconds, or None where the header leaves it open.

    FFmpeg silently reduces the announced size to the file's, so the header is read here. Source: Microsoft and IBM,
    Multimedia Programming Interface and Data Specifications 1.0 (1991), pages 56 to 60. Programs that write to a pipe
    leave the size 0 or 0xFFFFFFFF.
    """
    bytes_per_second = 0
    with path.open("rb") as file:
        if file.read(12)[:4] != b"RIFF":
            return None
        while len(head := file.read(8)) == 8:
            name, size = head[:4], struct.unpack("<I", head[4:])[0]
            if name == b"fmt ":
                chunk = file.read(size + size % 2)
                if len(chunk) < 12:
                    return None
                bytes_per_second = struct.unpack_from("<I", chunk, 8)[0]
            elif name == b"data":
                has_size = bytes_per_second > 0 and 0 < size < 0xFFFFFFFF
                return Fraction(size, bytes_per_second) if has_size else None
            else:
                file.seek(size + size % 2, 1)
    return None


def _has_frame_count(path: Path) -> bool:
    """Returns whether the MP3's first frame is a Xing, Info or VBRI header, which holds the number of frames."""
    with path.open("rb") as file:
        head = file.read(10)
        if head[:3] == b"ID3" and len(head) == 10:
            # An ID3v2 tag's size is four times seven bits (id3.org, ID3v2.4.0 structure, 6.2).
            file.seek(sum(byte << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True)), 1)
        else:
            file.seek(0)
        # The tag lies within the first frame, which is at most 1441 bytes long (320 kbit/s at 32 kHz).
        start = file.read(2048)
    return any(tag in start for tag in (b"Xing", b"Info", b"VBRI"))


def _length_of_packets(container: InputContainer, stream: AudioStream, path: Path) -> Fraction:
    """Returns the seconds from the first to the last packet of the sound track, without decoding."""
    import av

    first: int | None = None
    end = Fraction(0)
    timeline = Timeline(bool(container.format.flags & TIMES_MAY_JUMP))
    try:
        for packet in container.demux(stream):
            if packet.pts is not None and stream.time_base is not None:
                first = packet.pts if first is None else first
                time = timeline.time_of((packet.pts - first) * stream.time_base, end)
                end = max(end, time + (packet.duration or 0) * stream.time_base)
    except av.error.FFmpegError as error:
        raise SoundError(f"sound file cannot be read to its end ({error.strerror}): {path}") from None
    if first is None:
        raise SoundError(f"sound file holds no samples: {path}")
    return end


def _check_duration(duration: Fraction, path: Path) -> None:
    if duration < MIN_SOUND_SECONDS:
        raise SoundError(
            f"sound is too short: got {float(duration):.3f} s, allowed is {float(MIN_SOUND_SECONDS)} s or more: {path}"
        )
    if duration > MAX_SOUND_SECONDS:
        raise SoundError(
            f"sound is too long: the file announces {float(duration) / 3600:.2f} h, "
            f"allowed is {MAX_SOUND_SECONDS // 3600} h at most: {path}"
        )
