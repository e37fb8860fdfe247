"""Noises, babble, and mixing noise with speech at a given signal-to-noise ratio."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from obamanet.audio.augment.level import active_power, at_level, within_range
from obamanet.constants import SAMPLE_RATE
from obamanet.errors import OptionError

LOWEST_HZ: Final = 20.0
"""Hz. Lower limit of hearing, below which pink and brown noise have no energy."""

HUM_HZ: Final = (50.0, 60.0)
"""Hz. Mains frequencies."""

CLICKS_PER_SECOND: Final = (1.0, 12.0)
"""Range of the rate of clicks, from an occasional door to fast typing."""


def add_noise(sound: np.ndarray, noise: np.ndarray, snr_db: float) -> np.ndarray:
    """Returns ``sound`` with noise added at a given signal-to-noise ratio.

    Where the sum would exceed full scale, both are scaled down together. Silent sound or silent noise has no ratio: the
    sound is returned unchanged.

    Args:
        sound: shape (N,); its level is :func:`obamanet.audio.augment.level.active_power`.
        noise: shape (M,); its first N samples, repeated where it is shorter. Its level is the mean over those.
        snr_db: signal-to-noise ratio, dB.

    Returns:
        Shape (N,) float32.

    Raises:
        OptionError: the noise has no samples.
    """
    if len(noise) == 0:
        raise OptionError("noise holds no samples; allowed is any length above 0")
    added = np.resize(noise, len(sound)).astype(np.float64)
    power = float(np.mean(added**2)) if len(added) else 0.0
    speech = active_power(sound)
    if speech == 0 or power == 0:
        return sound.astype(np.float32)
    return within_range(sound + added * np.sqrt(speech / power) * 10 ** (-snr_db / 20))


def white_noise(random: np.random.Generator, length: int) -> np.ndarray:
    """Returns ``length`` samples of noise with equal power per hertz, at -26 dBFS."""
    return _sloped(random, length, 0.0)


def pink_noise(random: np.random.Generator, length: int) -> np.ndarray:
    """Returns ``length`` samples of noise with equal power per octave, at -26 dBFS."""
    return _sloped(random, length, -0.5)


def brown_noise(random: np.random.Generator, length: int) -> np.ndarray:
    """Returns ``length`` samples of noise that falls by 6 dB per octave, as of traffic and wind, at -26 dBFS."""
    return _sloped(random, length, -1.0)


def hum(random: np.random.Generator, length: int) -> np.ndarray:
    """Returns ``length`` samples of mains hum with random overtones, at -26 dBFS."""
    time = np.arange(length) / SAMPLE_RATE
    overtones = np.arange(1, 13)
    strengths = random.uniform(0, 1, len(overtones)) / overtones
    phases = random.uniform(0, 2 * np.pi, len(overtones))
    base = random.choice(HUM_HZ)
    waves = np.sin(2 * np.pi * base * overtones[:, None] * time + phases[:, None])
    return at_level(strengths @ waves)


def clicks(random: np.random.Generator, length: int) -> np.ndarray:
    """Returns ``length`` samples of short knocks (2 to 20 ms) at random times, as of keys, doors and dishes.

    Their level is -26 dBFS rms, less where peaks are clipped.
    """
    rate = random.uniform(*CLICKS_PER_SECOND)
    sound = np.zeros(length)
    for start in map(int, np.flatnonzero(random.random(length) < rate / SAMPLE_RATE)):
        span = min(length - start, SAMPLE_RATE // 10)
        time = np.arange(span) / SAMPLE_RATE
        ring = np.sin(2 * np.pi * random.uniform(300, 4000) * time) + 0.5 * random.normal(size=span)
        sound[start : start + span] += random.uniform(0.2, 1) * ring * np.exp(-time / random.uniform(0.002, 0.02))
    return at_level(sound)


def breaths(random: np.random.Generator, length: int) -> np.ndarray:
    """Returns ``length`` samples of breathing at -26 dBFS: swells of noise with broad resonances of the throat.

    A breath lasts 0.3 to 1.2 s, with pauses of 0.3 to 2 s between breaths.
    """
    from scipy.signal import butter, sosfilt

    envelope = np.zeros(length)
    start = 0
    while start < length:
        span = min(length - start, round(random.uniform(0.3, 1.2) * SAMPLE_RATE))
        envelope[start : start + span] = random.uniform(0.3, 1) * np.hanning(span)
        start += span + round(random.uniform(0.3, 2) * SAMPLE_RATE)
    noise = random.normal(size=length)
    sound = 0.2 * noise
    for centre in random.uniform((400, 1200, 2500), (900, 2200, 4500)):
        sound += sosfilt(butter(1, (0.7 * centre, 1.4 * centre), "bandpass", fs=SAMPLE_RATE, output="sos"), noise)
    return at_level(sound * envelope)


def babble(sounds: Sequence[np.ndarray], random: np.random.Generator, length: int, voices: int = 6) -> np.ndarray:
    """Returns ``length`` samples of several people talking at once, at -26 dBFS.

    Each voice is a sequence of random ``sounds`` with a random start; all have the same active power.

    Args:
        sounds: speech sounds (n,); silent ones are skipped.
        random: source of randomness.
        length: in samples.
        voices: number of people.

    Raises:
        OptionError: no sound is left.
    """
    sources = [sound / np.sqrt(power) for sound in sounds if (power := active_power(sound)) > 0]
    if not sources:
        raise OptionError("babble needs speech: got no sound that is not silent, allowed is one or more")
    total = np.zeros(length)
    for _ in range(voices):
        voice = sources[int(random.integers(len(sources)))]
        voice = np.roll(voice, int(random.integers(len(voice))))
        while len(voice) < length:
            voice = np.concatenate([voice, sources[int(random.integers(len(sources)))]])
        total += voice[:length]
    return at_level(total)


def _sloped(random: np.random.Generator, length: int, exponent: float) -> np.ndarray:
    """Returns noise whose amplitude is proportional to frequency to the power of ``exponent``."""
    from scipy.fft import irfft, next_fast_len, rfft

    size = next_fast_len(max(length, 2), real=True)
    lines = rfft(random.normal(size=size))
    frequencies = np.arange(len(lines)) * SAMPLE_RATE / size
    lines *= np.where(frequencies < LOWEST_HZ, 0.0, np.maximum(frequencies, LOWEST_HZ) ** exponent)
    return at_level(irfft(lines, size)[:length])
