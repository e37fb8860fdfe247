"""Distortions of microphones and transmission lines: gain, clipping, equaliser, band limit, telephone, MP3."""

from __future__ import annotations

from typing import Final

import numpy as np

from obamanet.audio.augment.level import within_range
from obamanet.constants import SAMPLE_RATE
from obamanet.errors import OptionError

TELEPHONE_RATE: Final = 8000
TELEPHONE_BAND: Final = (300.0, 3400.0)
"""Hz. Sample rate and pass band of the telephone (ITU-T G.711, G.712)."""

MU: Final = 255.0
"""Curvature of mu-law companding (ITU-T G.711)."""

MU_LEVELS: Final = 127
"""Levels on each side of zero in 8 bits."""

FILTER_ORDER: Final = 5
"""Butterworth order of each band edge; applied forwards and backwards, so 60 dB per octave and no delay."""

EQUALISER_KNOTS: Final = (60.0, 150.0, 300.0, 600.0, 1200.0, 2400.0, 4800.0, 8000.0)
"""Hz, about an octave apart: responses of microphones, loudspeakers and rooms are smooth curves."""

EQUALISER_TAPS: Final = 801
"""Samples of the equaliser's filter, 50 ms, which resolves its lowest octave."""

MP3_KBITS: Final = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
"""kbit/s. Bit rates of MPEG-2 layer III at 16 kHz (ISO/IEC 13818-3)."""

MP3_FRAME: Final = 576
"""Samples per MPEG-2 layer III frame (ISO/IEC 13818-3)."""


def gain(sound: np.ndarray, db: float) -> np.ndarray:
    """Returns ``sound`` (N,) amplified by ``db`` decibels and clipped at full scale."""
    return np.clip(sound * np.float32(10 ** (db / 20)), -1, 1).astype(np.float32)


def clip(sound: np.ndarray, share: float) -> np.ndarray:
    """Returns ``sound`` (N,) clipped at ``share`` of its peak.

    Raises:
        OptionError: ``share`` is not above 0 and at most 1.
    """
    if not 0 < share <= 1:
        raise OptionError(f"clipping level is out of range: got {share}, allowed is above 0 to 1 of the peak")
    limit = share * float(np.abs(sound).max(initial=0.0))
    return np.clip(sound, -limit, limit).astype(np.float32)


def equalise(sound: np.ndarray, random: np.random.Generator, depth_db: float = 8.0) -> np.ndarray:
    """Returns ``sound`` (N,) filtered by a random smooth equaliser.

    Args:
        sound: mono at 16 kHz.
        random: source of randomness.
        depth_db: maximum gain or attenuation of each octave, dB.
    """
    from scipy.interpolate import PchipInterpolator
    from scipy.signal import fftconvolve, firwin2

    curve = PchipInterpolator(np.log(EQUALISER_KNOTS), random.uniform(-depth_db, depth_db, len(EQUALISER_KNOTS)))
    lines = np.linspace(0, SAMPLE_RATE / 2, 257)
    gains = 10 ** (curve(np.log(np.maximum(lines, EQUALISER_KNOTS[0]))) / 20)
    # A symmetric filter of odd length delays by its half, which the convolution's full result is cut by.
    taps = firwin2(EQUALISER_TAPS, lines, gains, fs=SAMPLE_RATE)
    half = EQUALISER_TAPS // 2
    return within_range(fftconvolve(sound, taps)[half : half + len(sound)])


def band_limit(sound: np.ndarray, hz: float) -> np.ndarray:
    """Returns ``sound`` (N,) low-passed at ``hz``, without delay.

    Raises:
        OptionError: ``hz`` is not within 100 to 7900.
    """
    if not 100 <= hz <= 7900:
        raise OptionError(f"band limit is out of range: got {hz} Hz, allowed is 100 to 7900 Hz")
    return within_range(_filtered(sound, hz, "lowpass", SAMPLE_RATE))


def telephone(sound: np.ndarray) -> np.ndarray:
    """Returns ``sound`` (N,) as transmitted by telephone: 300 to 3400 Hz at 8 kHz, 8-bit mu-law (ITU-T G.711)."""
    import soxr

    if len(sound) == 0:
        return np.zeros(0, np.float32)
    narrow = _filtered(soxr.resample(sound, SAMPLE_RATE, TELEPHONE_RATE), TELEPHONE_BAND, "bandpass", TELEPHONE_RATE)
    narrow = np.clip(narrow, -1, 1)
    companded = np.sign(narrow) * np.log1p(MU * np.abs(narrow)) / np.log1p(MU)
    coded = np.round(companded * MU_LEVELS) / MU_LEVELS
    decoded = np.sign(coded) * np.expm1(np.abs(coded) * np.log1p(MU)) / MU
    wide = soxr.resample(decoded.astype(np.float32), TELEPHONE_RATE, SAMPLE_RATE)
    return within_range(_of_length(wide, len(sound)))


def mp3(sound: np.ndarray, kbit: int) -> np.ndarray:
    """Returns ``sound`` (N,) encoded by LAME at ``kbit`` kbit/s and decoded again, its delay removed.

    Raises:
        OptionError: MP3 has no such bit rate at 16 kHz.
    """
    import av

    if kbit not in MP3_KBITS:
        raise OptionError(f"MP3 bit rate does not exist at 16 kHz: got {kbit}, allowed are {MP3_KBITS} kbit/s")
    encoder = av.CodecContext.create("libmp3lame", "w")
    assert isinstance(encoder, av.AudioCodecContext)
    encoder.sample_rate, encoder.layout, encoder.format = SAMPLE_RATE, "mono", "fltp"
    encoder.bit_rate = kbit * 1000
    decoder = av.CodecContext.create("mp3float", "r")
    assert isinstance(decoder, av.AudioCodecContext)
    # Whole frames: LAME buffers no further sound, and FFmpeg marks its delay in the packets for the decoder to drop.
    padded = np.pad(sound.astype(np.float32), (0, -len(sound) % MP3_FRAME))
    packets = []
    for start in range(0, len(padded), MP3_FRAME):
        frame = av.AudioFrame.from_ndarray(padded[None, start : start + MP3_FRAME], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = SAMPLE_RATE, start
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    decoded = [frame.to_ndarray()[0] for packet in packets for frame in decoder.decode(packet)]
    return within_range(_of_length(np.concatenate([np.zeros(0, np.float32), *decoded]), len(sound)))


def _of_length(sound: np.ndarray, length: int) -> np.ndarray:
    """Returns ``sound`` cut or padded with silence to ``length`` samples."""
    return np.pad(sound[:length], (0, max(0, length - len(sound))))


def _filtered(sound: np.ndarray, edges: float | tuple[float, float], kind: str, rate: int) -> np.ndarray:
    """Returns ``sound`` filtered by a Butterworth filter forwards and backwards, which cancels its delay."""
    from scipy.signal import butter, sosfiltfilt

    # A fifth of a second of silence around keeps the filter's ends from mirroring the sound's.
    margin = rate // 5
    padded = np.pad(sound, margin)
    return sosfiltfilt(butter(FILTER_ORDER, edges, kind, fs=rate, output="sos"), padded, padtype=None)[margin:-margin]
