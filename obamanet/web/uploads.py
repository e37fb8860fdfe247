"""Checks what clients upload, in processes with little memory and time, before anything else reads it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from queue import Empty, LifoQueue
from traceback import format_exception
from types import TracebackType
from typing import Final, Self, TypeVar

import numpy as np

from obamanet.errors import ObamanetError, SoundError, VideoError
from obamanet.files import atomic_path
from obamanet.memory import is_out_of_memory, limit_memory
from obamanet.processes import Tell, WorkerDiedError, WorkerProcess
from obamanet.provenance import ProvenanceReport
from obamanet.web.job_queue import QueueFullError
from obamanet.web.limits import Limits

Result = TypeVar("Result")

CHECK_BYTES: Final = 3_000_000_000
"""Bytes of address space of a checking process, most of which is never touched."""

CHECK_SECONDS: Final = 60.0
"""Seconds that checking one upload may take, and that it may wait for a process."""

SOUND_RATE: Final = 48_000
"""Hz. Of the checked sound, which is heard in the video."""

NO_MEMORY: Final = "the file cannot be read with the memory allowed for it"

FORMATS: Final = "aac,ac3,aiff,amr,asf,au,avi,caf,eac3,flac,flv,m4a,matroska,mov,mp3,mp4,mpeg,mpegts,ogg,w64,wav,webm"
"""Containers that are taken, by FFmpeg's names; a playlist, for one, names files of the server."""


class WrongTypeError(ObamanetError):
    """An upload is not of the kind that is needed."""


class TooLargeError(ObamanetError):
    """An upload is longer or larger than allowed."""


class Uploads:
    """Checks uploads; a context manager, which ends its processes. May be used from any thread.

    Args:
        limits: of what is taken.
        processes: at once.
    """

    def __init__(self, limits: Limits, processes: int = 2) -> None:
        self._limits = limits
        self._idle: LifoQueue[WorkerProcess | None] = LifoQueue()
        self._all: set[WorkerProcess] = set()
        for _ in range(processes):
            self._idle.put(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._all:
            worker.end()

    def sound(self, file: Path, folder: Path) -> Path:
        """Decodes speech.

        Args:
            file: what was uploaded; any sound, or a video with sound.
            folder: where the decoded sound goes.

        Returns:
            A wav of 16 bits, mono, at SOUND_RATE.

        Raises:
            WrongTypeError: it is no sound.
            TooLargeError: it is too long, or takes too much to decode.
            SoundError: it is too short or damaged.
            QueueFullError: too many uploads are being checked.
        """
        return self._checked(partial(_decode_sound, file, folder / "sound.wav", self._limits.sound_seconds))

    def video(self, file: Path) -> Path:
        """Checks the head and the first picture of a driver's video, and returns ``file``; raises as :meth:`sound`."""
        return self._checked(partial(_check_video, file, self._limits))

    def verify(self, file: Path) -> ProvenanceReport:
        """Returns what a video says of its making; raises as :meth:`sound`, and ProvenanceError."""
        return self._checked(partial(_verify, file))

    def _checked(self, check: Callable[[], Result]) -> Result:
        try:
            worker = self._idle.get(timeout=CHECK_SECONDS)
        except Empty:
            raise QueueFullError("too many uploads at once; try again later") from None
        try:
            if worker is None or not worker.is_alive:
                worker = WorkerProcess(partial(limit_memory, CHECK_BYTES))
                self._all = {one for one in self._all if one.is_alive} | {worker}
            return worker.do(_do_check, check, timeout=CHECK_SECONDS)
        except TimeoutError:
            raise TooLargeError(f"the file takes longer than {CHECK_SECONDS:.0f} s to read") from None
        except WorkerDiedError:
            raise TooLargeError(NO_MEMORY) from None
        finally:
            self._idle.put(worker)


def _do_check(check: Callable[[], Result], tell: Tell) -> Result:
    """Returns what ``check`` returns, in the checking process.

    Raises:
        ObamanetError: of the file; :class:`TooLargeError` where the memory did not suffice.
        RuntimeError: a bug of this program.
    """
    try:
        return check()
    except Exception as error:
        if is_out_of_memory(error):
            raise TooLargeError(NO_MEMORY) from None
        if isinstance(error, ObamanetError):
            raise
        # As a text, since an error that cannot be pickled would end the process, which is taken for a lack of memory.
        raise RuntimeError("".join(format_exception(error))) from None


def _decode_sound(file: Path, decoded: Path, seconds: float) -> Path:
    import soundfile

    from obamanet.audio.load import open_sound, stream_sound

    _check_format(file, "sound")
    _check_seconds(float(open_sound(file).duration), seconds)
    written = 0
    with (
        atomic_path(decoded) as part,
        soundfile.SoundFile(part, "w", SOUND_RATE, 1, "PCM_16", format="WAV") as out,
    ):
        for block in stream_sound(file, SOUND_RATE):
            written += len(block)
            _check_seconds(written / SOUND_RATE, seconds)
            out.write(np.clip(block, -1, 1))
    return decoded


def _check_video(file: Path, limits: Limits) -> Path:
    from obamanet.video.reader import probe_video, read_frames

    _check_format(file, "video")
    try:
        info = probe_video(file)
    except VideoError as error:
        raise WrongTypeError(str(error)) from None
    _check_seconds(info.duration, limits.sound_seconds)
    if info.width * info.height > limits.video_pixels or info.fps > limits.fps:
        raise TooLargeError(
            f"the video is too large: got {info.width}x{info.height} pixels at {float(info.fps):g} fps, allowed are "
            f"{limits.video_pixels} pixels and {float(limits.fps):g} fps"
        )
    next(iter(read_frames(file)))
    return file


def _verify(file: Path) -> ProvenanceReport:
    from obamanet.provenance import verify_video

    return verify_video(file)


def _check_format(file: Path, kind: str) -> None:
    """Raises :class:`WrongTypeError` where FFmpeg does not know the file, or it is of no kind that is taken."""
    from obamanet.sound_track import open_container

    try:
        with open_container(file) as container:
            if not {*FORMATS.split(",")} & {*container.format.name.split(",")}:
                raise WrongTypeError(f"not a {kind}: the file is {container.format.long_name}")
            if kind == "sound" and not container.streams.audio:
                raise WrongTypeError("the file has no sound track")
    except SoundError:
        raise WrongTypeError(f"the file is not a {kind} that can be read") from None


def _check_seconds(seconds: float, allowed: float) -> None:
    if seconds > allowed:
        raise TooLargeError(f"it is too long: got {seconds:.0f} s or more, allowed are {allowed:.0f} s")
