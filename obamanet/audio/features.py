"""Mono samples to log filterbank energies, MFCC or log-mel energies, computed block by block."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np

from obamanet.constants import FEATURE_RATE, FEATURE_WINDOW, SAMPLE_RATE
from obamanet.errors import OptionError, SoundError
from obamanet.types import AudioClip, FeatureSequence

LOGFBANK: Final = "logfbank"
"""Kind of features: log filterbank energies of python_speech_features."""
MFCC: Final = "mfcc"
"""Kind of features: mel-frequency cepstral coefficients of python_speech_features."""
SPEECH: Final = "speech"
"""Kind of features: log-mel energies as Whisper's encoder takes them (Radford et al. 2022, section 2.2), for the speech
encoder."""

FILTER_COUNT: Final = 26
"""Number of mel filters, the default of python_speech_features."""

CEPSTRUM_COUNT: Final = 13
"""Number of cepstral coefficients, the default of python_speech_features."""

FFT_LENGTH: Final = 512
"""Samples per Fourier transform, the default of python_speech_features; at least the 400 of a 25 ms window."""

MEL_COUNT: Final = 80
"""Number of mel filters of Whisper's smaller models (Radford et al. 2022, section 2.2)."""

MEL_BREAK_HZ: Final = 1000.0
MEL_HZ: Final = 200.0 / 3.0
MEL_LOG_STEP: Final = math.log(6.4) / 27.0
"""Slaney's mel scale: linear with MEL_HZ hertz per mel up to MEL_BREAK_HZ; above it logarithmic, 27 mels per factor of
6.4."""

MIN_ENERGY: Final = 1e-10
"""Filter energies are limited from below to this value, which stands for digital silence (Radford et al. 2022)."""

PRE_EMPHASIS: Final = 0.97
"""Share of the previous sample that is subtracted from each sample, the default of python_speech_features."""

BLOCK_FRAMES: Final = 1000
"""Feature frames computed at once: python_speech_features copies each sample several times, an hour would take 1 GB."""

USUAL_COUNT: Final = {LOGFBANK: FILTER_COUNT, MFCC: CEPSTRUM_COUNT, SPEECH: MEL_COUNT}
"""Default number of values per frame, by kind."""
MAX_COUNT: Final = {LOGFBANK: 40, MFCC: FILTER_COUNT, SPEECH: MEL_COUNT}
"""Maximum number of values per frame, by kind: more than 40 filters are narrower than the Fourier transform's bins, and
a cepstrum has no more values than filters."""


@dataclass(frozen=True)
class FeatureOptions:
    """How features are computed; ``FeatureOptions(**json)`` restores ``dataclasses.asdict(options)``.

    Attributes:
        kind: "logfbank", "mfcc" (coefficient 0 is the frame's log energy) or "speech" (80 filters over the whole
            spectrum).
        count: values per frame; 0 is replaced by the kind's default of 26, 13 or 80.
        low_hz: lower edge of the filters, Hz.
        high_hz: upper edge of the filters, Hz; None for half the sample rate.

    Raises:
        OptionError: a value is out of range.
    """

    kind: str = LOGFBANK
    count: int = 0
    low_hz: float = 0.0
    high_hz: float | None = None

    def __post_init__(self) -> None:
        """Replaces a count of 0 and refuse what is outside the allowed values."""
        if self.kind not in USUAL_COUNT:
            raise OptionError(f"unknown kind of features: got {self.kind!r}, allowed are {', '.join(USUAL_COUNT)}")
        if self.count == 0:
            object.__setattr__(self, "count", USUAL_COUNT[self.kind])
        if not 1 <= self.count <= MAX_COUNT[self.kind]:
            raise OptionError(
                f"{self.kind} count is out of range: got {self.count}, allowed is 1 to {MAX_COUNT[self.kind]}"
            )
        if self.kind == SPEECH and (self.count, self.low_hz, self.high_hz) != (MEL_COUNT, 0.0, None):
            raise OptionError(
                f"speech features have filters of their own: got {self}, allowed are {MEL_COUNT} without edges"
            )
        if not 0 <= self.low_hz < (np.inf if self.high_hz is None else self.high_hz):
            raise OptionError(
                f"filter edges are out of order: got {self.low_hz} to {self.high_hz} Hz, allowed is 0 <= low < high"
            )


def extract_features(
    blocks: Iterable[np.ndarray] | AudioClip, options: FeatureOptions, rate: int = SAMPLE_RATE
) -> FeatureSequence:
    """Extracts the features of one utterance, 100 frames per second, windows of 25 ms.

    Log filterbank energies and MFCC equal ``python_speech_features.logfbank`` and ``.mfcc`` on the joined blocks.
    Speech features are natural logarithms of librosa's Slaney mel filters on the power spectrum of a Hann window,
    without pre-emphasis. The last frame is padded with zeros: F = 1 + ceil((N - window) / step). Overlap and
    pre-emphasis are carried from block to block, so that beside the features only one block is in memory.

    Args:
        blocks: mono samples, one clip or an iterable of blocks of shape (n,), in [-1, 1].
        options: kind and number of features.
        rate: sample rate of the blocks in Hz.

    Returns:
        Features, shape (F, D) float32, not normalised.

    Raises:
        OptionError: the rate or the filter edges do not fit.
        SoundError: there are no samples, or a block is not mono.
    """
    if isinstance(blocks, AudioClip):
        if blocks.rate != rate:
            raise OptionError(f"sound is at {blocks.rate} Hz, features were asked for at {rate} Hz: {blocks.source}")
        blocks = [blocks.samples]
    extraction = FeatureExtraction(options, rate)
    return FeatureSequence(np.concatenate(list(extraction.parts(blocks))), FEATURE_RATE, extraction.duration)


class FeatureExtraction:
    """Extracts the features of one utterance that arrives in pieces; overlap and pre-emphasis are carried along.

    Raises:
        OptionError: the rate or the filter edges do not fit.
    """

    def __init__(self, options: FeatureOptions, rate: int = SAMPLE_RATE) -> None:
        self.window, self.step = _window_and_step(rate)
        _check_filters(options, rate)
        self._options, self._rate = options, rate
        self._emphasis = 0.0 if options.kind == SPEECH else PRE_EMPHASIS
        self._waiting = np.zeros(0)
        self._before: float | None = None
        self._samples = 0
        self._frames = 0

    @property
    def duration(self) -> Fraction:
        """Length of the sound pushed so far, seconds."""
        return Fraction(self._samples, self._rate)

    def parts(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Yields the features (f, D) float32 of the whole utterance that comes in ``blocks`` (n,); see :meth:`push`."""
        for piece in _pieces(blocks, BLOCK_FRAMES * self.step):
            yield self.push(piece)
        yield self.finish()

    def push(self, samples: np.ndarray) -> np.ndarray:
        """Appends samples.

        Args:
            samples: mono, shape (n,), in [-1, 1].

        Returns:
            The features of the windows that are now complete, shape (f, D) float32.

        Raises:
            SoundError: the samples are not mono.
        """
        _check_mono(samples)
        if len(samples):
            piece = samples.astype(np.float64)
            shifted = np.concatenate([[0.0 if self._before is None else self._before], piece[:-1]])
            self._before = float(piece[-1])
            self._samples += len(piece)
            self._waiting = np.concatenate([self._waiting, piece - self._emphasis * shifted])
        complete = (len(self._waiting) - self.window) // self.step + 1
        if complete <= 0:
            return np.zeros((0, self._options.count), np.float32)
        features = _frames(self._waiting[: (complete - 1) * self.step + self.window], self._options, self._rate)
        self._waiting = self._waiting[complete * self.step :]
        self._frames += complete
        return features

    def finish(self) -> np.ndarray:
        """Returns the features of the remaining samples, padded with zeros: shape (f, D) float32, f is 0 or 1.

        Raises:
            SoundError: there were no samples.
        """
        if self._samples == 0:
            raise SoundError("sound holds no samples")
        # Samples beyond the overlap of the last complete frame need one more frame.
        if self._frames and len(self._waiting) <= self.window - self.step:
            return np.zeros((0, self._options.count), np.float32)
        return _frames(self._waiting, self._options, self._rate)


def _frames(emphasised: np.ndarray, options: FeatureOptions, rate: int) -> np.ndarray:
    """Returns the features (f, D) float32 of samples that are pre-emphasised already where their kind needs it."""
    if options.kind == SPEECH:
        return _log_mel(emphasised, rate)
    import python_speech_features as psf

    shared = {
        "samplerate": rate,
        "winlen": float(FEATURE_WINDOW),
        "winstep": float(1 / FEATURE_RATE),
        "nfft": FFT_LENGTH,
        "lowfreq": options.low_hz,
        "highfreq": options.high_hz,
        "preemph": 0.0,
    }
    if options.kind == LOGFBANK:
        values = psf.logfbank(emphasised, nfilt=options.count, **shared)
    else:
        values = psf.mfcc(emphasised, numcep=options.count, nfilt=FILTER_COUNT, **shared)
    return values.astype(np.float32)


def _log_mel(samples: np.ndarray, rate: int) -> np.ndarray:
    """Returns the natural logarithm of the mel energies (f, 80) float32, the last frame filled with zeros."""
    window, step = _window_and_step(rate)
    count = 1 + max(0, -(-(len(samples) - window) // step))
    filled = np.pad(samples, (0, max(0, (count - 1) * step + window - len(samples))))
    frames = np.lib.stride_tricks.sliding_window_view(filled, window)[::step][:count]
    # The periodic form of the window, as for every short-time Fourier transform.
    power = np.abs(np.fft.rfft(frames * np.hanning(window + 1)[:-1], axis=-1)) ** 2
    filters = mel_filters(rate, window, MEL_COUNT)
    return np.log(np.maximum(power @ filters.T, MIN_ENERGY)).astype(np.float32)


def mel_filters(rate: int, window: int, count: int) -> np.ndarray:
    """Returns the triangular filters of Slaney's Auditory Toolbox (1998), each of area 1: (count, window // 2 + 1).

    Equal to ``librosa.filters.mel``: linear in frequency up to 1 kHz, logarithmic above.

    Args:
        rate: sample rate in Hz; the filters cover 0 to ``rate`` / 2.
        window: samples per Fourier transform.
        count: number of filters.
    """
    lines = np.fft.rfftfreq(window, 1 / rate)
    edges = _mel_to_hz(np.linspace(0.0, _hz_to_mel(rate / 2), count + 2))
    rising = (lines - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - lines) / np.diff(edges)[1:, None]
    return np.maximum(0.0, np.minimum(rising, falling)) * (2.0 / (edges[2:] - edges[:-2]))[:, None]


def _hz_to_mel(hz: float) -> float:
    return hz / MEL_HZ if hz < MEL_BREAK_HZ else MEL_BREAK_HZ / MEL_HZ + math.log(hz / MEL_BREAK_HZ) / MEL_LOG_STEP


def _mel_to_hz(mel: np.ndarray) -> np.ndarray:
    above = MEL_BREAK_HZ * np.exp(MEL_LOG_STEP * (mel - MEL_BREAK_HZ / MEL_HZ))
    return np.where(mel < MEL_BREAK_HZ / MEL_HZ, mel * MEL_HZ, above)


def _window_and_step(rate: int) -> tuple[int, int]:
    """Returns window and step in samples; both must be whole, or frames would drift from their times."""
    window, step = FEATURE_WINDOW * rate, rate / FEATURE_RATE
    if window.denominator != 1 or step.denominator != 1 or not 0 < window <= FFT_LENGTH:
        raise OptionError(
            f"sample rate does not fit the features: got {rate} Hz, allowed are multiples of 200 Hz up to 20400 Hz"
        )
    return int(window), int(step)


def _check_filters(options: FeatureOptions, rate: int) -> None:
    """Refuses filters beyond half the sample rate or too narrow to hold a bin of the Fourier transform."""
    if options.kind == SPEECH:
        return
    from python_speech_features import get_filterbanks

    high = rate / 2 if options.high_hz is None else options.high_hz
    if not options.low_hz < high <= rate / 2:
        raise OptionError(f"filter edges do not fit: got {options.low_hz} to {high} Hz, allowed is up to {rate / 2} Hz")
    count = options.count if options.kind == LOGFBANK else FILTER_COUNT
    if not get_filterbanks(count, FFT_LENGTH, rate, options.low_hz, high).any(axis=1).all():
        raise OptionError(
            f"filters are too narrow: got {count} from {options.low_hz} to {high} Hz, allowed are fewer or a wider band"
        )


def _pieces(blocks: Iterable[np.ndarray], length: int) -> Iterator[np.ndarray]:
    """Yields the blocks cut into pieces of at most ``length`` samples; empty blocks are skipped."""
    for block in blocks:
        _check_mono(block)
        for start in range(0, len(block), length):
            yield block[start : start + length]


def _check_mono(samples: np.ndarray) -> None:
    if samples.ndim != 1:
        raise SoundError(f"sound must be mono: got samples of shape {samples.shape}, allowed is (N,)")
