"""Room acoustics: direct sound at time 0, early reflections and a decaying tail."""

from __future__ import annotations

from typing import Final

import numpy as np

from obamanet.audio.augment.level import active_power, within_range
from obamanet.constants import SAMPLE_RATE
from obamanet.errors import OptionError

SPEED_OF_SOUND: Final = 343.0
"""Metres per second at 20 °C."""

MIN_REVERBERATION, MAX_REVERBERATION = 0.1, 2.0
"""Seconds. Allowed reverberation times, from a furnished cabin to a church."""

EARLY_SECONDS: Final = 0.05
"""Seconds after the direct sound within which reflections are early (ISO 3382-1: speech clarity C50)."""

ROOM_METRES: Final = ((2.5, 8.0), (2.0, 6.0), (2.2, 3.5))
"""Metres. Range of the length, width and height of a room."""

TALKER_METRES: Final = (0.5, 2.5)
"""Metres. Range of the distance between mouth and microphone."""


def room_response(random: np.random.Generator, seconds: float, direct_db: float) -> np.ndarray:
    """Returns the impulse response of a random shoebox room, float64, with a direct sound of height 1 at sample 0.

    The first 50 ms are image sources (Allen and Berkley 1979), the rest is noise; the level falls by 60 dB in
    ``seconds``.

    Args:
        random: source of randomness.
        seconds: reverberation time, 0.1 to 2.0.
        direct_db: energy of the direct sound relative to the rest, dB.

    Raises:
        OptionError: the reverberation time is out of range.
    """
    if not MIN_REVERBERATION <= seconds <= MAX_REVERBERATION:
        raise OptionError(
            f"reverberation is out of range: got {seconds} s, allowed is {MIN_REVERBERATION} to {MAX_REVERBERATION} s"
        )
    length = round(1.1 * seconds * SAMPLE_RATE)
    decay = 10 ** (-3 * np.arange(length) / (seconds * SAMPLE_RATE))
    early = round(EARLY_SECONDS * SAMPLE_RATE)
    rise = np.clip(np.arange(length) / early, 0, 1)
    tail = random.normal(size=length) * np.sqrt(rise)
    reflections = _image_sources(random, early)[:length]
    # An equal-power crossfade keeps the decay of their sum even.
    power = float(np.mean(reflections**2))
    tail[: len(reflections)] += reflections * np.sqrt((1 - rise[: len(reflections)]) / max(power, 1e-12))
    tail *= decay
    tail[0] = 0.0
    tail *= 10 ** (-direct_db / 20) / np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    return tail


def room(sound: np.ndarray, random: np.random.Generator, seconds: float, direct_db: float) -> np.ndarray:
    """Returns ``sound`` (N,) with the reverberation of a random room, at its original loudness.

    The direct sound keeps its time; the tail beyond the end is cut. Arguments as for :func:`room_response`.
    """
    from scipy.signal import fftconvolve

    response = room_response(random, seconds, direct_db)
    before = active_power(sound)
    if before == 0:
        return sound.astype(np.float32)
    reverberant = fftconvolve(sound, response)[: len(sound)]
    return within_range(reverberant * np.sqrt(before / active_power(reverberant)))


def _image_sources(random: np.random.Generator, length: int) -> np.ndarray:
    """Returns the reflections of the first ``length`` samples after the direct sound, without the room's decay."""
    low, high = np.array(ROOM_METRES).T
    size = random.uniform(low, high)
    microphone = size * random.uniform(0.2, 0.8, 3)
    direction = random.normal(size=3)
    distance = random.uniform(*TALKER_METRES)
    talker = np.clip(microphone + distance * direction / np.linalg.norm(direction), 0.1, size - 0.1)
    distance = float(np.linalg.norm(talker - microphone))
    # Along each axis the images of the talker lie at 2 n L + x and 2 n L - x.
    count = int(np.ceil((distance + EARLY_SECONDS * SPEED_OF_SOUND) / (2 * size.min()))) + 1
    cells = 2 * np.arange(-count, count + 1)
    along = [
        np.concatenate([cells * side + position, cells * side - position]) - origin
        for side, position, origin in zip(size, talker, microphone, strict=True)
    ]
    squares = along[0][:, None, None] ** 2 + along[1][None, :, None] ** 2 + along[2][None, None, :] ** 2
    paths = np.sqrt(squares).ravel()
    arrivals = np.round((paths - distance) / SPEED_OF_SOUND * SAMPLE_RATE).astype(int)
    early = (arrivals > 0) & (arrivals < length)
    # Amplitude falls with distance; random signs, as of walls, keep the sum free of an offset.
    strength = random.choice([-1.0, 1.0], size=paths.shape) * distance / paths
    return np.bincount(arrivals[early], strength[early], minlength=length)
