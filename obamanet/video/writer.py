"""Writes frames and a sound file as one mp4, whole or not at all.

Encoding runs in this process: what comes in are checked arrays, and sound that the same libraries have decoded here for
the features, so that a process of its own would keep no crash away. What a killed run leaves, the next one clears.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import numpy as np

from obamanet.errors import OutputError, VideoError
from obamanet.files import NO_SPACE, atomic_path, ensure_output_path
from obamanet.timing import frames_to_cover
from obamanet.video.sound_encoder import ArrivingSound, SoundEncoder, SoundSpan

if TYPE_CHECKING:
    from av import VideoFrame

FRAMES_AHEAD: Final = 4
"""Frames that wait for the encoder at most, so that rendering goes on meanwhile and memory stays bounded."""

FRAGMENT_SECONDS: Final = 0.4
"""Longest fragment of a video that is read while it is written."""

FRAGMENTED: Final = {
    "movflags": "frag_keyframe+empty_moov+default_base_moof",
    "frag_duration": str(round(FRAGMENT_SECONDS * 1_000_000)),
    "flush_packets": "1",
}
"""Options of FFmpeg's mp4 writer for such a video: each fragment is told by itself, as Media Source Extensions need it,
and is in the file as soon as it is complete."""

BT709: Final = 1
"""Code of ITU-R BT.709 as primaries, transfer characteristics and matrix (ITU-T H.273, tables 2 to 4). Frames are
converted with the matrix that the tags name; a player that trusts them then shows no shift."""


class VideoWriter:
    """Encodes frames of one size to H.264 (yuv420p, BT.709) with the sound as AAC.

    The file appears when the ``with`` block ends well. When it raises or is interrupted, an older file at ``path``
    stays as it was and nothing is left behind. Encoding runs in a thread of its own.

    Args:
        path: the mp4 to write.
        size: width and height in pixels; an odd one is made even by repeating the last column or row.
        fps: frame rate, exact; frame n lies at n / fps seconds.
        sound: a sound file, or a video with one, whose times are kept; or stretches of such files, one after the other;
            sound that arrives meanwhile; None for a silent video.
        comment: metadata tag that says that the video is synthetic.
        sound_duration: seconds at which a sound file is cut; the frames written must cover it. None for all of it.
        silence_until: seconds up to which silence follows a sound file.
        cut_sound: whether the sound ends with the last frame, however long it is.
        crf: x264's constant rate factor, 0 (lossless) to 51.
        preset: x264's preset, which trades speed for size.
        threads: of the encoder; one leaves the other cores to rendering.
        group: frames from one keyframe to the next; None for the encoder's own choice.
        fragments: whether the file is written in fragments of FRAGMENT_SECONDS, straight at ``path``, where it can be
            read while it grows; an incomplete one stays.
        finish: called with the complete file before it takes its name, e.g. to sign it.

    Raises:
        VideoError: a frame does not fit, encoding fails, or the frames do not cover the sound.
        SoundError: the sound cannot be read.
        OutputError: the place cannot be written to, or the disk is full.
    """

    def __init__(
        self,
        path: Path,
        size: tuple[int, int],
        fps: Fraction,
        sound: Path | Sequence[SoundSpan | ArrivingSound] | None = None,
        comment: str = "",
        sound_duration: Fraction | None = None,
        silence_until: Fraction | None = None,
        cut_sound: bool = False,
        crf: int = 18,
        preset: str = "veryfast",
        threads: int = 1,
        group: int | None = None,
        fragments: bool = False,
        finish: Callable[[Path], None] | None = None,
    ) -> None:
        if min(size) < 1:
            raise VideoError(f"video size must be at least 1x1 pixels, got {size[0]}x{size[1]}: {path}")
        self.path = path
        self.size = size
        self.fps = fps
        if isinstance(sound, Path):
            sound = [SoundSpan(sound, duration=sound_duration, until=silence_until)]
        self.spans = tuple(sound or ())
        self.comment = comment
        self.sound_duration = sound_duration
        self.cut_sound = cut_sound
        self.crf = crf
        self.preset = preset
        self.threads = threads
        self.group = group
        self.fragments = fragments
        self.finish = finish
        self.frame_count = 0
        self._stack = ExitStack()
        self._pending: deque[Future[None]] = deque()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._part = (
                ensure_output_path(self.path) if self.fragments else stack.enter_context(atomic_path(self.path))
            )
            self._open(stack)
            self._thread = ThreadPoolExecutor(1, "encoder")
            # Runs before the container is closed: what waits is given up, what runs is awaited.
            stack.callback(self._thread.shutdown, cancel_futures=True)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._stack.__exit__(kind, error, trace)
            return
        with self._stack:
            self._complete()

    def write(self, image: np.ndarray) -> None:
        """Append one frame.

        Args:
            image: (H, W, 3) uint8 BGR of the writer's size; it may change after the call.

        Raises:
            VideoError: the frame does not fit, or an earlier one could not be encoded.
            OutputError: the disk is full.
        """
        width, height = self.size
        if image.shape != (height, width, 3) or image.dtype != np.uint8:
            raise VideoError(
                f"frame {self.frame_count} must be uint8 of shape {(height, width, 3)}, "
                f"got {image.dtype} of shape {image.shape}: {self.path}"
            )
        if width % 2 or height % 2:
            image = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        import av

        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), "bgr24")
        frame.pts, frame.time_base, frame.duration = self.frame_count, 1 / self.fps, 1
        self._submit(self._encode, frame, (self.frame_count + 1) / self.fps)
        self.frame_count += 1

    def _open(self, stack: ExitStack) -> None:
        """Opens the file and its encoders; ``stack`` closes them."""
        import av
        from av.video.reformatter import ColorRange, VideoReformatter

        options = {"preset": self.preset, "crf": str(self.crf)}
        if self.group is not None:
            options["g"] = str(self.group)
        layout = {"movflags": "+faststart"}
        if self.fragments:
            # Else the encoder would hold back frames to look ahead.
            options["tune"] = "zerolatency"
            layout = FRAGMENTED
        with self._explained():
            self._container = av.open(str(self._part), "w", format="mp4", options=layout)
            stack.callback(self._abandon)
            if self.comment:
                self._container.metadata["comment"] = self.comment
            self._pictures = self._container.add_stream("libx264", self.fps, options)
            coder = self._pictures.codec_context
            coder.width, coder.height = (side + side % 2 for side in self.size)
            coder.time_base, coder.thread_count = 1 / self.fps, self.threads
            coder.colorspace = coder.color_primaries = coder.color_trc = BT709
            coder.color_range = ColorRange.MPEG
            self._converter = VideoReformatter()
            self._sound_encoder = None
            if self.spans:
                self._sound_encoder = SoundEncoder(self._container, self.spans)
                stack.callback(self._sound_encoder.close)
            # Opens the encoders and writes the head of the file, so that a wrong option is told before the first frame.
            self._container.start_encoding()

    def _submit(self, work: Callable[..., None], *arguments: object) -> None:
        """Has ``work`` done after all that was submitted before; raises what has gone wrong there."""
        self._pending.append(self._thread.submit(work, *arguments))
        while len(self._pending) > FRAMES_AHEAD or (self._pending and self._pending[0].done()):
            self._pending.popleft().result()

    def _encode(self, frame: VideoFrame, end: Fraction) -> None:
        """Encode one frame, and the sound up to its ``end``, so that both lie side by side in the file."""
        from av.video.reformatter import ColorRange, Colorspace, Interpolation

        with self._explained():
            converted = self._converter.reformat(
                frame,
                format="yuv420p",
                dst_colorspace=Colorspace.ITU709,
                dst_color_range=ColorRange.MPEG,
                interpolation=Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT,
                threads=1,
            )
            self._container.mux(self._pictures.encode(converted))
            if self._sound_encoder is not None:
                self._sound_encoder.advance(end)

    def _finish_encoding(self) -> None:
        """Writes what the encoders still hold, and the end of the file."""
        with self._explained():
            self._container.mux(self._pictures.encode(None))
            if self._sound_encoder is not None and self.cut_sound:
                self._sound_encoder.cut(self.frame_count / self.fps)
            elif self._sound_encoder is not None:
                self._sound_encoder.advance()
            self._container.close()

    def _complete(self) -> None:
        """End the encoding, check what it made, and let the caller finish the file."""
        if self.frame_count == 0:
            raise VideoError(f"video has no frames, none was written: {self.path}")
        if self.sound_duration is not None:
            needed = frames_to_cover(self.sound_duration, self.fps)
            if self.frame_count < needed:
                raise VideoError(f"video does not cover its sound: {self.frame_count} of {needed} frames: {self.path}")
        self._submit(self._finish_encoding)
        while self._pending:
            self._pending.popleft().result()
        if self.finish is not None:
            self.finish(self._part)

    def _abandon(self) -> None:
        """Closes the file, complete or not."""
        import av

        # What is left unwritten of an incomplete file is no loss.
        with suppress(av.FFmpegError):
            self._container.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turns FFmpeg's errors inside the block into one line."""
        import av

        try:
            yield
        except av.FFmpegError as error:
            if error.errno in NO_SPACE:
                raise OutputError(f"no space left on the disk while writing: {self.path}") from error
            sounds = ", ".join(str(span.path) for span in self.spans if isinstance(span, SoundSpan) and span.path)
            told = f"{self.path} with the sound {sounds}" if sounds else str(self.path)
            raise VideoError(f"video could not be encoded ({error.strerror}): {told}") from error
