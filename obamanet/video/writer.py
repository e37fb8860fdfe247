"""Write frames and a sound file as one mp4 through ffmpeg's pipe, whole or not at all."""

from __future__ import annotations

import math
import re
import subprocess
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack, suppress
from fractions import Fraction
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import IO, Self

import numpy as np

from obamanet.constants import AVFMT_TS_DISCONT, GAP_TOLERANCE
from obamanet.errors import OutputError, VideoError
from obamanet.files import atomic_path
from obamanet.timing import frames_to_cover

SOUND_BITRATE = "160k"
"""Bits per second of the AAC track: transparent for speech in stereo."""

SOUND_RATE = 48_000
"""Hz. AAC comes in blocks of 1024 samples; at this rate the last block's padding is about half a frame at most."""

COLOUR_FILTER = (
    "scale=out_color_matrix=bt709:out_range=tv:flags=bicubic+accurate_rnd+full_chroma_int,"
    "format=yuv420p,setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv"
)
"""Convert with the matrix that the tags name (ITU-R BT.709); a player that trusts the tags then shows no shift."""

SOUND_FILTER = f"aresample=async=1:min_hard_comp={float(GAP_TOLERANCE)}:first_pts=0"
"""Fill gaps in the sound's time stamps, and the time before its first one, with silence, as the features have it; AAC's
own time stamps would say so too, but not every player follows them."""

MESSAGES_KEPT = 50
"""Lines of ffmpeg's complaints that are kept to explain a failure."""


class VideoWriter:
    """Encode frames of one size to H.264 (yuv420p) with the sound as AAC; the file appears when the block ends well.

    ``size`` is (width, height) in pixels; an odd one is made even by repeating the last column or row. ``fps`` is
    exact. ``comment`` goes into the file's metadata and says that the video is synthetic. ``sound_duration`` in
    seconds limits the sound, and the frames written must cover it; up to ``silence_until`` seconds silence follows it.
    ``threads`` is for the encoder alone: one by
    default, which leaves the other cores to rendering. ``group`` is the number of frames from keyframe to
    keyframe, None for the encoder's own choice. ``finish`` is called with the complete file before it takes its name,
    e.g. to sign it.

    When the block raises, or is interrupted, an older file at ``path`` stays as it was and nothing is left behind.
    Raises :class:`VideoError` when encoding fails and :class:`OutputError` when the place cannot be written to.
    """

    def __init__(
        self,
        path: Path,
        size: tuple[int, int],
        fps: Fraction,
        sound: Path | None = None,
        comment: str = "",
        sound_duration: Fraction | None = None,
        silence_until: Fraction | None = None,
        crf: int = 18,
        preset: str = "veryfast",
        threads: int = 1,
        group: int | None = None,
        finish: Callable[[Path], None] | None = None,
    ) -> None:
        if min(size) < 1:
            raise VideoError(f"video size must be at least 1x1 pixels, got {size[0]}x{size[1]}: {path}")
        self.path = path
        self.size = size
        self.fps = fps
        self.sound = sound
        self.comment = comment
        self.sound_duration = sound_duration
        self.silence_until = silence_until
        self.crf = crf
        self.preset = preset
        self.threads = threads
        self.group = group
        self.finish = finish
        self.frame_count = 0
        self._stack = ExitStack()
        self._messages: deque[str] = deque(maxlen=MESSAGES_KEPT)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._part = stack.enter_context(atomic_path(self.path))
            self._process = self._start(self._part)
            stack.callback(self._stop)
            self._reader = Thread(target=self._drain, args=(self._process.stderr,), daemon=True)
            self._reader.start()
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
        """Append one frame, (H, W, 3) uint8 BGR; raises :class:`VideoError` when it does not fit or ffmpeg ended."""
        width, height = self.size
        if image.shape != (height, width, 3) or image.dtype != np.uint8:
            raise VideoError(
                f"frame {self.frame_count} must be uint8 of shape {(height, width, 3)}, "
                f"got {image.dtype} of shape {image.shape}: {self.path}"
            )
        if width % 2 or height % 2:
            image = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(np.ascontiguousarray(image).data)
        except OSError:  # BrokenPipeError, on Windows EINVAL
            self._process.wait()
            raise self._failure() from None
        self.frame_count += 1

    def _start(self, part: Path) -> subprocess.Popen[bytes]:
        import imageio_ffmpeg

        try:
            return subprocess.Popen(
                self._command(imageio_ffmpeg.get_ffmpeg_exe(), part),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                # Ctrl-C must reach only us: ffmpeg would end well on it and leave a short film that looks complete.
                start_new_session=True,
            )
        except (RuntimeError, OSError) as error:
            raise VideoError(f"ffmpeg cannot be started, reinstall imageio-ffmpeg: {error}") from error

    def _command(self, ffmpeg: str, part: Path) -> list[str]:
        """Return the argument list, in ffmpeg's order: global, pictures in, sound in, what goes out."""
        width, height = (side + side % 2 for side in self.size)
        command = [ffmpeg, "-nostdin", "-hide_banner", "-loglevel", "error", "-y", "-filter_threads", "1"]
        command += ["-f", "rawvideo", "-pix_fmt", "bgr24", "-video_size", f"{width}x{height}"]
        command += ["-framerate", f"{self.fps.numerator}/{self.fps.denominator}", "-i", "pipe:0"]
        if self.sound is not None:
            command += ["-itsoffset", f"{_delay_us(self.sound)}us"]
            command += ["-protocol_whitelist", "file", "-i", str(self.sound.absolute())]
        command += ["-map", "0:v:0", "-vf", COLOUR_FILTER, "-c:v", "libx264", "-preset", self.preset]
        command += ["-crf", str(self.crf), "-threads:v", str(self.threads)]
        if self.group is not None:
            command += ["-g", str(self.group)]
        if self.sound is not None:
            filters = [SOUND_FILTER]
            if self.sound_duration is not None:
                filters.append(f"atrim=end={_microseconds(self.sound_duration)}")
            if self.silence_until is not None:
                filters.append(f"apad=whole_dur={_microseconds(self.silence_until)}")
            command += ["-map", "1:a:0", "-af", ",".join(filters)]
            command += ["-c:a", "aac", "-b:a", SOUND_BITRATE, "-ar", str(SOUND_RATE)]
        command += ["-map_metadata", "-1", "-metadata", f"comment={self.comment}", "-movflags", "+faststart"]
        return [*command, "-f", "mp4", str(part)]

    def _drain(self, pipe: IO[bytes]) -> None:
        """Read ffmpeg's complaints as they come; a full pipe would stop the encoder for good."""
        with pipe:
            for line in pipe:
                self._messages.append(line.decode("utf-8", "replace").strip())

    def _complete(self) -> None:
        """End the encoder, check what it made, and let the caller finish the file."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # The exit code below tells why.
            self._process.stdin.close()
        if self._process.wait() != 0:
            raise self._failure()
        if self.frame_count == 0:
            raise VideoError(f"video has no frames, none was written: {self.path}")
        if self.sound_duration is not None:
            needed = frames_to_cover(self.sound_duration, self.fps)
            if self.frame_count < needed:
                raise VideoError(f"video does not cover its sound: {self.frame_count} of {needed} frames: {self.path}")
        if self.finish is not None:
            self.finish(self._part)

    def _stop(self) -> None:
        """End the encoder if it still runs, and free its pipes."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # Frames that a killed encoder never read.
            self._process.stdin.close()

    def _failure(self) -> OutputError | VideoError:
        """Return the error that ffmpeg's last meaningful line explains."""
        self._reader.join()
        said = [re.sub(r"^(\[[^]]*\] )+", "", line) for line in self._messages]
        if any("No space left on device" in line or "Disk quota exceeded" in line for line in said):
            return OutputError(f"no space left on the disk while writing: {self.path}")
        told = [line for line in said if line and line != "Conversion failed!"]
        reason = told[-1] if told else f"exit code {self._process.returncode}"
        sound = f" with the sound {self.sound}" if self.sound else ""
        return VideoError(f"video could not be encoded ({reason}): {self.path}{sound}")


def _delay_us(sound: Path) -> int:
    """Return by how many microseconds ffmpeg would bring the sound too early, 0 when it cannot be read.

    In broadcast containers (MPEG-TS and -PS) its time 0 is the first sample of the sound alone; in all others, and for
    the features, it is that of the container, whose picture may begin earlier.
    """
    import av

    try:
        with av.open(
            str(sound.absolute()), options={"protocol_whitelist": "file"}, metadata_errors="replace"
        ) as opened:
            stream = opened.streams.audio[0]
            if not opened.format.flags & AVFMT_TS_DISCONT or stream.start_time is None or stream.time_base is None:
                return 0
            return round(stream.start_time * stream.time_base * 1_000_000) - (opened.start_time or 0)
    except (av.FFmpegError, OSError, IndexError):
        return 0  # ffmpeg will say what is wrong with it.


def _microseconds(seconds: Fraction) -> str:
    return f"{math.ceil(seconds * 1_000_000)}us"
