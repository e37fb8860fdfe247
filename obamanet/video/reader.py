"""Reads a video: what it is, and its frames with the time each belongs to."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from obamanet.errors import VideoError
from obamanet.timing import standard_rate
from obamanet.types import Picture
from obamanet.video.interlacing import woven_parity
from obamanet.video.picture import BgrConverter, DecodedPicture, Shape

if TYPE_CHECKING:
    from av import VideoFrame
    from av.buffer import Buffer
    from av.container import InputContainer
    from av.filter import Graph
    from av.video.stream import VideoStream

VARIABLE_BEYOND = Fraction(1, 4)
"""Of a frame. Frames further than this from n / fps make a rate variable; rounded timestamps stay well below."""

USUAL_WITHIN = 0.5
"""Share of the median interval by which others may differ that count as one frame; a dropped frame doubles it."""

END_TOLERANCE = 0.001
"""Seconds. Containers such as Matroska round timestamps to a millisecond, which must not add a frame at the end."""

HIGH_DYNAMIC_RANGE = {16: "PQ", 18: "HLG"}
"""Transfer characteristics (ITU-T H.273, table 3) of pictures that are far too dull when taken for plain ones."""

TO_PLAIN = "out_primaries=bt709:out_transfer=bt709:out_color_matrix=bt709:out_range=tv"
"""Options of FFmpeg's scale filter, from FFmpeg 8 on, that bring BT.2100 pictures to BT.709, white at 203 cd/m2."""

BY_HAND = (
    "zscale=t=linear:npl=203,format=gbrpf32le,zscale=p=bt709,tonemap=hable,zscale=t=bt709:m=bt709:r=tv,format=yuv420p"
)
"""The same for ffmpeg's command line, where the libraries at hand cannot do it."""

SEEK_LEAD = 0.5
"""Seconds that decoding begins before the first frame that is wanted."""

SEEK_BACK = (0.0, 3.0, 15.0)
"""Seconds to go back further, in turns: streams without an index, such as MPEG's, are entered between keyframes."""


@dataclass(frozen=True)
class VideoInfo:
    """What a video file holds.

    ``width`` and ``height`` are pixels as seen: upright and with square pixels. ``fps`` is a rate that cameras have;
    ``variable_rate`` says that frame n does not lie at n / fps, so that reading at ``fps`` repeats some and leaves out
    others. ``frame_count`` is the number of coded pictures, ``duration`` the end of the last one in seconds from the
    container's start. ``rotation`` is the stored turn that brings frames upright, in degrees counter-clockwise: 0, 90,
    180 or 270; reading applies it. ``converted`` says in words what else reading mends: HDR, interlacing.
    """

    path: Path
    width: int
    height: int
    fps: Fraction
    frame_count: int
    duration: float
    variable_rate: bool
    rotation: int
    has_sound: bool
    converted: tuple[str, ...] = ()


@dataclass(frozen=True)
class Frame:
    """One frame: ``time`` in seconds from the container's start, ``picture`` upright, converted where it is indexed."""

    time: float
    picture: Picture

    @property
    def image(self) -> np.ndarray:
        """The whole picture, (H, W, 3) uint8 BGR."""
        return np.asarray(self.picture)


def probe_video(path: Path) -> VideoInfo:
    """Returns what the video at ``path`` holds; reads all timestamps but decodes only the first frame.

    Raises :class:`VideoError` when there is no such file, it is not a video, or it has no frame.
    """
    with _opened(path) as container:
        stream = _video_stream(container, path)
        stamps: list[int | None] = []
        first = None
        for packet in container.demux(stream):
            if first is None:
                first = next(iter(packet.decode()), None)
            # Packets to discard are those before an edit list's start: needed to decode, never shown.
            if packet.size > 0 and not packet.is_discard:
                stamps.append(packet.pts)
        if first is None:
            raise VideoError(f"video has no frames: {path}")
        assert stream.time_base is not None
        fps, variable = _rate(stream, stamps)
        known = [stamp for stamp in stamps if stamp is not None]
        last = float(max(known) * stream.time_base) - _start(container) if known else (len(stamps) - 1) / float(fps)
        shape = _shape(stream, first)
        on_its_side = shape.turn in (90, 270)
        return VideoInfo(
            path=path,
            width=shape.height if on_its_side else shape.width,
            height=shape.width if on_its_side else shape.height,
            fps=fps,
            frame_count=len(stamps),
            duration=last + 1.0 / float(fps),
            variable_rate=variable,
            rotation=shape.turn,
            has_sound=bool(container.streams.audio),
            converted=_conversions(first, _woven_parity(path)),
        )


def read_frames(path: Path, fps: Fraction | None = None) -> Iterator[Frame]:
    """Yields the frames of the video at ``path`` in order, upright and with square pixels.

    Interlaced frames are made whole, also where they are not marked as such, and HDR (HLG and PQ) is brought to BT.709.
    Times count from the container's start, which is the sound's zero too. With ``fps`` the n-th yielded frame belongs
    to n / fps seconds and shows the source frame closest to that time; one that comes later is taken only when it is
    less than half an output frame away, so that a held picture stays held. Memory does not grow with length.

    Raises :class:`VideoError` when the file cannot be read, or after the last readable frame when it is cut off.
    """
    yield from (Frame(source.time, source.picture) for source in _decode(path)) if fps is None else read_span(path, fps)


def read_span(path: Path, fps: Fraction, first: int = 0, stop: int | None = None) -> Iterator[Frame]:
    """Yields the frames ``first`` to ``stop`` - 1, by default to the last, of those that reading at ``fps`` yields.

    Decoding begins at a keyframe before them.

    Raises :class:`VideoError` as :func:`read_frames` does; that the file is cut off only after its last frame.
    """
    frames = _resample(_decode(path, float(first / fps)), fps, first)
    yield from frames if stop is None else islice(frames, stop - first)


@dataclass(frozen=True)
class _Source:
    """A decoded frame: its time and length in seconds."""

    time: float
    length: float
    picture: Picture


def _resample(sources: Iterator[_Source], fps: Fraction, first: int = 0) -> Iterator[Frame]:
    """Yields one frame per n / fps from n = ``first``, where ``sources`` have begun, to the end of the last of them."""
    index = first
    current: _Source | None = None
    half = 0.5 / float(fps)

    def time_of(n: int) -> float:
        return float(n / fps)

    for following in sources:
        if current is not None:
            while (time := time_of(index)) < following.time:
                ahead = following.time - time
                if ahead < half and ahead < time - current.time:
                    break
                yield Frame(time, current.picture)
                index += 1
        current = following
    if current is None:
        return
    end = current.time + current.length - END_TOLERANCE
    while index == 0 or time_of(index) < end:
        yield Frame(time_of(index), current.picture)
        index += 1


def _decode(path: Path, start: float = 0.0) -> Iterator[_Source]:
    """Yields every decoded frame with its time; raise when the file ends before its own index does.

    With ``start`` in seconds it begins at a keyframe before that; at the first frame where the container cannot seek.
    """
    with _opened(path) as container:
        stream = _video_stream(container, path)
        stream.thread_type = "AUTO"
        frames = _frames_from_before(container, stream, start)
        if frames is not None:
            yield from _sources(container, stream, frames, path)
            return
    with _opened(path) as container:
        stream = _video_stream(container, path)
        stream.thread_type = "AUTO"
        yield from _sources(container, stream, container.decode(stream), path)


def _frames_from_before(container: InputContainer, stream: VideoStream, start: float) -> Iterator[VideoFrame] | None:
    """Returns the frames from a keyframe on that lies SEEK_LEAD before ``start``; None where none is found."""
    import av

    wanted = _start(container) + start - SEEK_LEAD
    if start <= SEEK_LEAD or stream.time_base is None:
        return None
    for back in SEEK_BACK:
        try:
            container.seek(int((wanted - back) / stream.time_base), stream=stream, backward=True)
            frames = container.decode(stream)
            # Of an open group the pictures shown before its keyframe come first, and damaged.
            key = next((frame for frame in frames if frame.key_frame), None)
        except av.FFmpegError:
            return None
        if key is None or key.time is None:
            return None
        if key.time <= wanted:
            return chain([key], frames)
    return None


def _sources(
    container: InputContainer, stream: VideoStream, frames: Iterator[VideoFrame], path: Path
) -> Iterator[_Source]:
    """Yields ``frames`` of ``stream`` with their times."""
    import av

    start, length = _start(container), 1.0 / float(_declared_rate(stream) or 25)
    shape: Shape | None = None
    converter = BgrConverter()
    time, count = -length, 0
    try:
        for native in _plain(frames, path):
            shape = shape or _shape(stream, native)
            # Raw streams carry no timestamps: their frames follow one another at the declared rate.
            time = time + length if native.time is None else native.time - start
            count += 1
            own = float(native.duration * native.time_base) if native.duration and native.time_base else length
            yield _Source(time, own, DecodedPicture(native, shape, converter))
    except av.FFmpegError as error:
        what = f"video breaks off after {count} frames" if count else "not a readable video"
        raise VideoError(f"{what} ({error.strerror}): {path}") from error
    if count == 0:
        raise VideoError(f"video has no frames: {path}")
    if _ends_early(stream, path):
        raise VideoError(f"video is cut off: {count} frames read, its index names more: {path}")


def _plain(frames: Iterable[VideoFrame], path: Path) -> Iterator[VideoFrame]:
    """Yields ``frames`` deinterlaced and brought to BT.709 from the first that needs it on; others as they are."""
    graph: Graph | None = None
    built: tuple[object, ...] = ()
    parity = _woven_parity(path)
    deinterlace = f"deint=all:parity={parity}" if parity else "deint=interlaced"
    interlaced = parity is not None
    for frame in frames:
        interlaced = interlaced or frame.interlaced_frame
        high = frame.color_trc in HIGH_DYNAMIC_RANGE
        wanted = (frame.width, frame.height, frame.format.name, interlaced, high)
        if wanted != built and (interlaced or high):
            if graph:
                yield from _flushed(graph)
            graph, built = _graph(frame, path, deinterlace if interlaced else "", high=high), wanted
        if graph is None:
            yield frame
            continue
        graph.vpush(frame)
        yield from _pulled(graph)
    if graph:
        yield from _flushed(graph)


def _graph(frame: VideoFrame, path: Path, deinterlace: str, *, high: bool) -> Graph:
    """Returns the filters that frames like ``frame`` need, linked and ready; ``deinterlace`` has FFmpeg's options."""
    import av
    from av.filter import Graph

    graph = Graph()
    chain = [graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base)]
    try:
        if deinterlace:
            chain.append(graph.add("bwdif", f"mode=send_frame:{deinterlace}"))
        if high:
            chain += [graph.add("scale", TO_PLAIN), graph.add("format", "yuv444p")]
        graph.link_nodes(*chain, graph.add("buffersink")).configure()
    except (av.FFmpegError, ValueError) as error:
        what = " and ".join(_conversions(frame, None))
        raise VideoError(
            f"video is {what}, which the FFmpeg at hand does not convert ({error}); convert it with: "
            f"ffmpeg -i IN -vf {f'bwdif,{BY_HAND}' if deinterlace else BY_HAND} OUT: {path}"
        ) from error
    return graph


def _pulled(graph: Graph) -> Iterator[VideoFrame]:
    """Yields the frames that have come out of ``graph``."""
    import av

    while True:
        try:
            yield graph.vpull()
        except (av.BlockingIOError, av.EOFError):
            return


def _flushed(graph: Graph) -> Iterator[VideoFrame]:
    graph.vpush(None)
    yield from _pulled(graph)


def _conversions(frame: VideoFrame, parity: str | None) -> tuple[str, ...]:
    """Returns in words what is mended of frames like ``frame``, woven with ``parity``, where nothing says so."""
    high = HIGH_DYNAMIC_RANGE.get(frame.color_trc)
    woven = ["interlaced without being marked so"] if parity else []
    return (*(["interlaced"] if frame.interlaced_frame else woven), *([f"HDR ({high})"] if high else []))


def _woven_parity(path: Path) -> str | None:
    """Returns :func:`woven_parity` of the file as it is now."""
    about = path.stat()
    return _parity_of_file(path, about.st_mtime_ns, about.st_size)


@lru_cache(maxsize=256)
def _parity_of_file(path: Path, _changed: int, _size: int) -> str | None:
    import av

    with _opened(path) as container:
        stream = _video_stream(container, path)
        try:
            return woven_parity(container.decode(stream))
        except (av.FFmpegError, ValueError):
            return None  # Reading says what is wrong, and where.


@contextmanager
def _opened(path: Path) -> Iterator[InputContainer]:
    """Opens ``path`` with every way a user's file can be wrong told apart."""
    import av

    if not path.exists():
        raise VideoError(f"no such video file: {path}")
    if not path.is_file():
        raise VideoError(f"video must be a file, got a directory or device: {path}")
    if path.stat().st_size == 0:
        raise VideoError(f"video file is empty (0 bytes): {path}")
    try:
        # An absolute name cannot be taken for a protocol, and playlists inside a file may not reach the network.
        container = av.open(str(path.absolute()), options={"protocol_whitelist": "file"}, metadata_errors="replace")
        with container:
            yield container
    except av.FFmpegError as error:
        raise VideoError(f"not a readable video ({error.strerror}): {path}") from error


def _video_stream(container: InputContainer, path: Path) -> VideoStream:
    """Returns the first moving-picture stream; cover pictures inside sound files and photographs are none."""
    from av.stream import Disposition

    name = container.format.name
    if name == "image2" or name.endswith("_pipe"):
        raise VideoError(f"not a video but a single picture: {path}")
    for stream in container.streams.video:
        if stream.disposition & Disposition.attached_pic:
            continue
        if stream.codec_context is None:
            raise VideoError(f"not a readable video (its codec is not known): {path}")
        return stream
    raise VideoError(f"file has no video stream: {path}")


def _start(container: InputContainer) -> float:
    """Returns the container's first timestamp in seconds."""
    return (container.start_time or 0) / 1_000_000


def _declared_rate(stream: VideoStream) -> Fraction | None:
    return stream.average_rate or stream.guessed_rate


def _rate(stream: VideoStream, stamps: list[int | None]) -> tuple[Fraction, bool]:
    """Returns the standard rate nearest to the frames' own and whether they stray from it, decided from all timestamps.

    Where no rate is kept, the own rate is that of the usual interval: drops and pauses do not lower it.
    """
    known = sorted(stamp for stamp in stamps if stamp is not None)
    declared = _declared_rate(stream)
    if len(known) < len(stamps) or len(known) < 2 or known[-1] == known[0]:
        return standard_rate(declared or Fraction(25)), False
    assert stream.time_base is not None
    measured = Fraction(len(known) - 1) / ((known[-1] - known[0]) * Fraction(stream.time_base))
    times = (np.asarray(known, dtype=np.float64) - known[0]) * float(stream.time_base)
    for rate in (standard_rate(declared or measured), declared or measured, measured):
        if _is_kept(rate, times):
            fps = standard_rate(rate)
            return fps, not _is_kept(fps, times)
    intervals = np.diff(times)
    intervals = intervals[intervals > 0]
    usual = intervals[np.abs(intervals / np.median(intervals) - 1) <= USUAL_WITHIN]
    return standard_rate(1 / Fraction(float(usual.mean()))), True


def _is_kept(rate: Fraction, times: np.ndarray) -> bool:
    """Returns whether frame n lies at n / ``rate`` seconds in ``times``."""
    strayed = np.abs(times * float(rate) - np.arange(len(times))).max()
    return bool(strayed <= float(VARIABLE_BEYOND))


def _shape(stream: VideoStream, frame: VideoFrame) -> Shape:
    """Returns how frames like the first one of ``stream`` are brought upright."""
    aspect = stream.sample_aspect_ratio or Fraction(1)
    width, height = frame.width, frame.height
    if aspect > 1:
        width = round(width * aspect)
    elif 0 < aspect < 1:
        height = round(height / aspect)
    return Shape(width, height, round(frame.rotation / 90) % 4 * 90, _is_mirrored(frame))


def _is_mirrored(frame: VideoFrame) -> bool:
    """Returns whether the display matrix of ``frame``, 3 x 3 numbers of 32 bits, mirrors it: its determinant says so.

    Asked of one frame only: reading its side data ties it into a reference cycle, which keeps the picture in memory
    until the next garbage collection.
    """
    try:
        # PyAV's types name one kind only.
        matrix = cast("Mapping[str, Buffer]", frame.side_data)["DISPLAYMATRIX"]
    except (KeyError, ValueError):  # ValueError: PyAV does not know some kind of what comes with the frame.
        return False
    (a, b), (c, d) = np.frombuffer(bytes(matrix), np.int32).reshape(3, 3)[:2, :2].tolist()
    return bool(a * d - b * c < 0)


def _ends_early(stream: VideoStream, path: Path) -> bool:
    """Returns whether the container's index points beyond the end of the file, as in a download that was cut."""
    size = os.path.getsize(path)
    entries = stream.index_entries
    return len(entries) > 0 and entries[-1].pos + entries[-1].size > size
