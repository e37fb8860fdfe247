"""The sound of a room: the direct sound at time 0, early reflections and a decaying tail."""

from __future__ import annotations

from typing import Final

import numpy as np

from obamanet.audio.augment.level import active_power, within_range
from obamanet.constants import SAMPLE_RATE
from obamanet.errors import OptionError

SPEED_OF_SOUND: Final = 343.0
"""Metres per second at 20 °C."""

MIN_LENGTH, MAX_LENGTH = 0.1, 2.0
"""Seconds of reverberation: a furnished cabin, a church."""

EARLY: Final = 0.05
"""Seconds after the direct sound within which reflections count as early (ISO 3382-1: speech clarity C50)."""

ROOM_METRES: Final = ((2.5, 8.0), (2.0, 6.0), (2.2, 3.5))
"""Shortest and longest length, width and height of a room."""

TALKER_METRES: Final = (0.5, 2.5)
"""Distance between mouth and microphone."""


def room_response(random: np.random.Generator, seconds: float, direct_db: float) -> np.ndarray:
    """Return the impulse response of a random small room, float64, its direct sound at sample 0 with height 1.

    The first 50 ms are the image sources of a shoebox room (Allen and Berkley 1979), the rest is noise; both fall by
    60 dB in ``seconds`` (0.1 to 2.0). The direct sound has ``direct_db`` decibels more energy than all that follows.
    """
    if not MIN_LENGTH <= seconds <= MAX_LENGTH:
        raise OptionError(f"reverberation is out of range: got {seconds} s, allowed is {MIN_LENGTH} to {MAX_LENGTH} s")
    length = round(1.1 * seconds * SAMPLE_RATE)
    decay = 10 ** (-3 * np.arange(length) / (seconds * SAMPLE_RATE))
    early = round(EARLY * SAMPLE_RATE)
    rise = np.clip(np.arange(length) / early, 0, 1)
    tail = random.normal(size=length) * np.sqrt(rise)
    reflections = _image_sources(random, early)[:length]
    # One hands over to the other at equal power, so that both together fall evenly.
    power = float(np.mean(reflections**2))
    tail[: len(reflections)] += reflections * np.sqrt((1 - rise[: len(reflections)]) / max(power, 1e-12))
    tail *= decay
    tail[0] = 0.0
    tail *= 10 ** (-direct_db / 20) / np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    return tail


def room(sound: np.ndarray, random: np.random.Generator, seconds: float, direct_db: float) -> np.ndarray:
    """Return ``sound`` (N,) as heard in a random room, as loud as before; see :func:`room_response`.

    The direct sound keeps its time. The tail that would outlast the sound is cut.
    """
    from scipy.signal import fftconvolve

    response = room_response(random, seconds, direct_db)
    before = active_power(sound)
    if before == 0:
        return sound.astype(np.float32)
    heard = fftconvolve(sound, response)[: len(sound)]
    return within_range(heard * np.sqrt(before / active_power(heard)))


def _image_sources(random: np.random.Generator, length: int) -> np.ndarray:
    """Return the reflections that arrive within ``length`` samples after the direct sound, without the room's decay."""
    low, high = np.array(ROOM_METRES).T
    size = random.uniform(low, high)
    microphone = size * random.uniform(0.2, 0.8, 3)
    direction = random.normal(size=3)
    distance = random.uniform(*TALKER_METRES)
    talker = np.clip(microphone + distance * direction / np.linalg.norm(direction), 0.1, size - 0.1)
    distance = float(np.linalg.norm(talker - microphone))
    # Along each axis the images of the talker lie at 2 n L + x and 2 n L - x.
    count = int(np.ceil((distance + EARLY * SPEED_OF_SOUND) / (2 * size.min()))) + 1
    cells = 2 * np.arange(-count, count + 1)
    along = [
        np.concatenate([cells * side + place, cells * side - place]) - ear
        for side, place, ear in zip(size, talker, microphone, strict=True)
    ]
    squares = along[0][:, None, None] ** 2 + along[1][None, :, None] ** 2 + along[2][None, None, :] ** 2
    paths = np.sqrt(squares).ravel()
    arrivals = np.round((paths - distance) / SPEED_OF_SOUND * SAMPLE_RATE).astype(int)
    heard = (arrivals > 0) & (arrivals < length)
    # Sound grows softer with its way; walls may turn its sign, which keeps the sum free of a constant.
    strength = random.choice([-1.0, 1.0], size=paths.shape) * distance / paths
    return np.bincount(arrivals[heard], strength[heard], minlength=length)
