"""Sound from a microphone, by PortAudio (package sounddevice)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self

import numpy as np

from obamanet.constants import SAMPLE_RATE
from obamanet.errors import SoundError

SILENT_SECONDS: Final = 5.0
"""Seconds without a sample after which the microphone is taken to have vanished."""

BLOCK_SECONDS: Final = 0.02
"""Seconds of sound that come at once."""


class Microphone:
    """The system's microphone; listens inside its ``with`` block.

    Attributes:
        rate: its own sample rate, Hz.

    Raises:
        ModuleNotFoundError: sounddevice is not installed.
        SoundError: PortAudio is not installed, or there is no microphone.
    """

    def __init__(self) -> None:
        import soxr

        try:
            import sounddevice
        except OSError as error:
            raise SoundError(f"a microphone needs PortAudio, which is not installed ({error})") from error
        self._library: Any = sounddevice
        with_errors = (sounddevice.PortAudioError, ValueError)
        try:
            self.rate = round(sounddevice.query_devices(kind="input")["default_samplerate"])
        except with_errors as error:
            raise SoundError(f"no microphone ({error})") from error
        self._resampler = soxr.ResampleStream(self.rate, SAMPLE_RATE, num_channels=1, dtype="float32", quality="HQ")
        self._arrived = threading.Condition()
        self._waiting: list[np.ndarray] = []
        self._samples = 0
        self._on_sound: Callable[[np.ndarray], None] = lambda samples: None

    def __enter__(self) -> Self:
        library = self._library
        try:
            self._stream = library.InputStream(
                samplerate=self.rate,
                channels=1,
                dtype="float32",
                blocksize=round(BLOCK_SECONDS * self.rate),
                callback=self._append,
            )
            self._stream.start()
        except library.PortAudioError as error:
            raise SoundError(f"microphone cannot be opened ({error})") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()

    def listen(self, on_sound: Callable[[np.ndarray], None]) -> None:
        """Gives every further piece, mono (N,) float32 in [-1, 1] at ``rate``, to ``on_sound`` too."""
        self._on_sound = on_sound

    def wait(self, seconds: float) -> None:
        """Waits until ``seconds`` of sound have come since the beginning.

        Raises:
            SoundError: none comes any more.
        """
        with self._arrived:
            while self._samples < seconds * self.rate:
                if not self._arrived.wait(SILENT_SECONDS):
                    raise SoundError("microphone has vanished: it gives no more sound")

    def take(self) -> np.ndarray:
        """Returns what has come since the call before: mono, shape (N,) float32 in [-1, 1], 16 kHz."""
        with self._arrived:
            pieces, self._waiting = self._waiting, []
        return self._resampler.resample_chunk(np.concatenate([np.zeros(0, np.float32), *pieces]))

    def _append(self, block: np.ndarray, frames: int, times: object, status: object) -> None:
        """Takes a ``block`` (N, 1) float32 in PortAudio's thread."""
        samples = block[:, 0].copy()
        self._on_sound(samples)
        with self._arrived:
            self._waiting.append(samples)
            self._samples += len(samples)
            self._arrived.notify_all()
