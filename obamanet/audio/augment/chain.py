"""A random chain of augmentations: another voice, room, noise, microphone, transmission line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final

import numpy as np

from obamanet.audio.augment.line import MP3_KBITS, band_limit, clip, equalise, gain, mp3, telephone
from obamanet.audio.augment.music import music
from obamanet.audio.augment.noise import (
    add_noise,
    babble,
    breaths,
    brown_noise,
    clicks,
    hum,
    pink_noise,
    white_noise,
)
from obamanet.audio.augment.room import room
from obamanet.audio.augment.voice import shift_voice
from obamanet.errors import OptionError

NOISES: Final = {
    "white": white_noise,
    "pink": pink_noise,
    "brown": brown_noise,
    "hum": hum,
    "clicks": clicks,
    "breaths": breaths,
    "music": music,
}
"""Noises that need no recording, by name; each function takes a Generator and a length in samples."""

BABBLE: Final = "babble"
"""Name of the noise that is made of other speech."""

NOISE_KINDS: Final = (*NOISES, BABBLE, "music", BABBLE)
"""Names that a random noise is drawn from; music and babble twice, because they resemble speech most."""


@dataclass(frozen=True)
class AugmentOptions:
    """Probability of each augmentation (drawn independently) and ranges of its parameters, in the chain's order.

    Attributes:
        voice: probability of another voice.
        pitch: range of its pitch factor, drawn evenly on a logarithmic scale.
        formants: range of its formant factor, drawn evenly on a logarithmic scale.
        room: probability of a room.
        reverberation: range of its reverberation time, seconds.
        direct_db: range of its direct-to-reverberant energy ratio, dB.
        noise: probability of added noise of a random kind.
        snr_db: range of its signal-to-noise ratio, dB.
        equaliser: probability of a random equaliser.
        equaliser_db: its maximum gain or attenuation per octave band, dB.
        loudness: probability of a gain.
        gain_db: its range, dB.
        clipping: probability of clipping.
        clip_share: range of the clipping level, as a share of the peak.
        line: probability of a transmission line: telephone, band limit or MP3 with equal probability.
        band_hz: range of the band limit, Hz.
        mp3_kbit: maximum MP3 bit rate, kbit/s.

    Raises:
        OptionError: a probability is not within 0 to 1, a range is not in ascending order, or the bit rate is too low.
    """

    voice: float = 0.5
    pitch: tuple[float, float] = (0.75, 1.45)
    formants: tuple[float, float] = (0.85, 1.3)
    room: float = 0.3
    reverberation: tuple[float, float] = (0.1, 0.8)
    direct_db: tuple[float, float] = (-3.0, 12.0)
    noise: float = 0.5
    snr_db: tuple[float, float] = (0.0, 20.0)
    equaliser: float = 0.5
    equaliser_db: float = 8.0
    loudness: float = 0.5
    gain_db: tuple[float, float] = (-20.0, 6.0)
    clipping: float = 0.1
    clip_share: tuple[float, float] = (0.3, 0.9)
    line: float = 0.3
    band_hz: tuple[float, float] = (2500.0, 7500.0)
    mp3_kbit: int = 64

    def __post_init__(self) -> None:
        """Converts lists, as read from JSON, to tuples and checks the values."""
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, list | tuple):
                object.__setattr__(self, field.name, tuple(value))
                if len(value) != 2 or not value[0] <= value[1]:
                    raise OptionError(f"range of {field.name} is out of order: got {value}, allowed is low, high")
        for name in ("voice", "room", "noise", "equaliser", "loudness", "clipping", "line"):
            if not 0 <= getattr(self, name) <= 1:
                raise OptionError(f"share of {name} is out of range: got {getattr(self, name)}, allowed is 0 to 1")
        if self.mp3_kbit < MP3_KBITS[0]:
            raise OptionError(f"MP3 bit rate is out of range: got {self.mp3_kbit}, allowed is {MP3_KBITS[0]} or more")


def augment(
    sound: np.ndarray, options: AugmentOptions, random: np.random.Generator, others: Sequence[np.ndarray] = ()
) -> np.ndarray:
    """Returns ``sound`` after a random chain of augmentations, shape (N,) float32, with unchanged timing.

    Args:
        sound: mono at 16 kHz, shape (N,), in [-1, 1].
        options: probabilities and ranges.
        random: source of randomness; equal seeds give equal sounds.
        others: speech sounds (n,) that babble is made of; without them there is no babble.
    """
    augmented = sound.astype(np.float32)
    if random.random() < options.voice:
        pitch, formants = (float(np.exp(random.uniform(*np.log(span)))) for span in (options.pitch, options.formants))
        augmented = shift_voice(augmented, pitch, formants)
    if random.random() < options.room:
        augmented = room(augmented, random, random.uniform(*options.reverberation), random.uniform(*options.direct_db))
    if random.random() < options.noise:
        noise = make_noise(random_kind(random, others), random, len(sound), others)
        augmented = add_noise(augmented, noise, random.uniform(*options.snr_db))
    if random.random() < options.equaliser:
        augmented = equalise(augmented, random, options.equaliser_db)
    if random.random() < options.loudness:
        augmented = gain(augmented, random.uniform(*options.gain_db))
    if random.random() < options.clipping:
        augmented = clip(augmented, random.uniform(*options.clip_share))
    if random.random() < options.line:
        augmented = _random_line(augmented, options, random)
    return augmented


def random_kind(random: np.random.Generator, others: Sequence[np.ndarray] = ()) -> str:
    """Returns the name of a random kind of noise; babble only if there are ``others`` to make it of."""
    kinds = [kind for kind in NOISE_KINDS if kind != BABBLE or len(others)]
    return kinds[int(random.integers(len(kinds)))]


def make_noise(kind: str, random: np.random.Generator, length: int, others: Sequence[np.ndarray] = ()) -> np.ndarray:
    """Returns ``length`` samples of noise at -26 dBFS, float32.

    Args:
        kind: a name in NOISES, or BABBLE.
        random: source of randomness.
        length: in samples at 16 kHz.
        others: speech sounds (n,) for babble.

    Raises:
        OptionError: unknown kind, or babble without other speech.
    """
    if kind == BABBLE:
        return babble(others, random, length)
    if kind not in NOISES:
        raise OptionError(f"unknown noise: got {kind!r}, allowed are {', '.join((*NOISES, BABBLE))}")
    return NOISES[kind](random, length)


def _random_line(sound: np.ndarray, options: AugmentOptions, random: np.random.Generator) -> np.ndarray:
    """Returns ``sound`` sent through the telephone, a band limit or an MP3, chosen at random."""
    which = int(random.integers(3))
    if which == 0:
        return telephone(sound)
    if which == 1:
        return band_limit(sound, random.uniform(*options.band_hz))
    allowed = [kbit for kbit in MP3_KBITS if kbit <= options.mp3_kbit]
    return mp3(sound, allowed[int(random.integers(len(allowed)))])
