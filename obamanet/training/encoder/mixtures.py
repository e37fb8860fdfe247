"""Makes what a speech encoder learns from: mixtures of speech, each clean and as it may be heard."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from obamanet.audio.augment.chain import AugmentOptions, augment, make_noise, random_kind
from obamanet.audio.augment.voice import shift_voice
from obamanet.audio.load import load_sound
from obamanet.constants import FEATURE_RATE, FEATURE_WINDOW, SAMPLE_RATE
from obamanet.errors import DatasetError, SoundError
from obamanet.files import atomic_path, open_arrays
from obamanet.progress import Progress

SOUND_SUFFIXES: Final = (".aac", ".aiff", ".flac", ".g722", ".m4a", ".mp3", ".mp4", ".ogg", ".opus", ".wav")
"""What is taken for a sound file when a folder is searched."""

MIN_LENGTH: Final = SAMPLE_RATE // 2
"""Samples, 0.5 s. Shorter recordings are beeps and single letters."""

MAX_PIECE_SAMPLES: Final = 4 * SAMPLE_RATE
"""Samples, 4 s. At most so much of one recording is taken in a row."""

MAX_START_SAMPLES: Final = SAMPLE_RATE
"""Samples before the first piece."""

LONG_PAUSE, SHORT_PAUSE = (800, SAMPLE_RATE), (100, 3000)
"""Samples between two pieces, from and below; the long ones are drawn with the share that follows."""

LONG_PAUSES: Final = 0.6
NOISE_ONLY: Final = 0.1
"""Share of mixtures without speech, which are to sound like silence."""

FAINT: Final = 0.15
"""Share of those that hold nothing but a microphone's own noise, of -80 dBFS."""

OTHER_VOICE: Final = 0.6
"""Share of mixtures in another voice. It is the teacher's too: the encoder learns the voice's features, not to
undo it."""

PITCH, FORMANTS = (0.75, 1.4), (0.85, 1.25)
"""Factors of that other voice, drawn evenly on a logarithmic scale."""

AUGMENTED_SHARE: Final = 0.8
"""Share of mixtures of speech that are heard through a chain of augmentations."""

AUGMENTATIONS: Final = AugmentOptions(voice=0.0)

BABBLE_VOICES: Final = 6
"""Recordings that babble is made of."""

VALIDATING: Final = 0.05
"""Share of each folder's recordings, at least one, of which only validating mixtures are made."""

LARGEST: Final = 32767
"""Of 16 bit."""


@dataclass(frozen=True)
class Sounds:
    """All recordings at 16 kHz one after the other in ``samples`` (N,) int16, which may lie on disk.

    ``groups`` holds, per folder, the recordings as (R, 2) first sample and sample behind the last.
    """

    samples: np.ndarray
    groups: tuple[np.ndarray, ...]

    def sound(self, place: np.ndarray) -> np.ndarray:
        """Return the recording at ``place`` (2,): (n,) float32 in [-1, 1]."""
        return self.samples[place[0] : place[1]].astype(np.float32) / LARGEST

    def split(self, seed: int) -> tuple[Sounds, Sounds]:
        """Return the recordings to learn from and, of each folder, some others to validate with."""
        random = np.random.default_rng((seed, 1))
        shuffled = [random.permutation(group) for group in self.groups]
        cuts = [math.ceil(VALIDATING * len(group)) for group in shuffled]
        train = tuple(group[cut:] for group, cut in zip(shuffled, cuts, strict=True))
        val = tuple(group[:cut] for group, cut in zip(shuffled, cuts, strict=True))
        return Sounds(self.samples, train), Sounds(self.samples, val)


@dataclass(frozen=True)
class Mixture:
    """The same sound twice, (N,) float32 each: ``clean`` speech, or silence, and as it is ``noisy``."""

    clean: np.ndarray
    noisy: np.ndarray


def find_sounds(folders: Sequence[Path]) -> list[list[Path]]:
    """Return the sound files in and below each of ``folders``, sorted; raises :class:`DatasetError` for less than 2."""
    found = []
    for folder in folders:
        files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SOUND_SUFFIXES and path.is_file())
        if len(files) < 2:
            raise DatasetError(f"a folder of sounds must hold two or more sound files: got {len(files)} in {folder}")
        found.append(files)
    return found


def sounds_digest(folders: Sequence[Path], files: Sequence[Sequence[Path]]) -> str:
    """Return a short name for these files: a hash of their places within the folders and their sizes."""
    lines = [
        f"{number} {path.relative_to(folder).as_posix()} {path.stat().st_size}"
        for number, (folder, group) in enumerate(zip(folders, files, strict=True))
        for path in group
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def read_sounds(files: Sequence[Sequence[Path]], store: Path, progress: Progress) -> Sounds:
    """Return the recordings of each group of ``files``, decoded into the file ``store`` if they are not there yet.

    Those that cannot be read or are shorter than 0.5 s are left out, and named. Raises :class:`DatasetError` when a
    group has less than two left.
    """
    index = store.with_suffix(".npz")
    if not index.is_file():
        _decode(files, store, index, progress)
    with open_arrays(index) as arrays:
        places, numbers = arrays["places"], arrays["groups"]
    groups = tuple(places[numbers == number] for number in range(len(files)))
    for group, paths in zip(groups, files, strict=True):
        if len(group) < 2:
            raise DatasetError(
                f"less than two sounds can be read that are {MIN_LENGTH / SAMPLE_RATE} s or longer: {paths[0].parent}"
            )
    return Sounds(np.memmap(store, np.int16, "r"), groups)


def _decode(files: Sequence[Sequence[Path]], store: Path, index: Path, progress: Progress) -> None:
    """Write the samples into ``store`` and then the places and groups of the recordings into ``index``."""
    numbered = [(number, path) for number, group in enumerate(files) for path in group]
    known: dict[Path, tuple[int, int]] = {}
    places, groups, end = [], [], 0
    with atomic_path(store) as part, part.open("wb") as out:
        for number, path in progress.track(numbered, "reading sounds", len(numbered)):
            if path not in known:
                try:
                    samples = load_sound(path).samples
                except SoundError as error:
                    progress.note(f"left out: {error}")
                    continue
                if len(samples) < MIN_LENGTH or not samples.any():
                    continue
                out.write(np.rint(np.clip(samples, -1, 1) * LARGEST).astype("<i2").tobytes())
                known[path] = (end, end + len(samples))
                end += len(samples)
            places.append(known[path])
            groups.append(number)
        if not places:
            raise DatasetError(f"no sound can be read that is {MIN_LENGTH / SAMPLE_RATE} s or longer: {files[0][0]}")
    with atomic_path(index) as part, part.open("wb") as out:
        np.savez(out, places=np.array(places, np.int64), groups=np.array(groups, np.int64))


def samples_of(frames: int) -> int:
    """Return the samples that have just so many feature ``frames``."""
    return int((frames - 1) * SAMPLE_RATE / FEATURE_RATE + FEATURE_WINDOW * SAMPLE_RATE)


def make_mixture(sounds: Sounds, length: int, random: np.random.Generator) -> Mixture:
    """Return a random mixture of ``length`` samples; every folder is drawn alike often, whatever its size."""
    others = [_any_sound(sounds, int(random.integers(len(sounds.groups))), random) for _ in range(BABBLE_VOICES)]
    if random.random() < NOISE_ONLY:
        silence = np.zeros(length, np.float32)
        if random.random() < FAINT:
            return Mixture(silence, random.normal(0.0, 1e-4, length).astype(np.float32))
        return Mixture(silence, make_noise(random_kind(random, others), random, length, others))
    clean = _speech(sounds, length, random)
    noisy = augment(clean, AUGMENTATIONS, random, others) if random.random() < AUGMENTED_SHARE else clean
    return Mixture(clean, noisy)


def _speech(sounds: Sounds, length: int, random: np.random.Generator) -> np.ndarray:
    """Return pieces of recordings of one folder, in one voice's disguise, with pauses: (length,) float32."""
    speech = np.zeros(length, np.float32)
    at = int(random.integers(MAX_START_SAMPLES))
    group = int(random.integers(len(sounds.groups)))
    pitch, formants = (float(np.exp(random.uniform(*np.log(span)))) for span in (PITCH, FORMANTS))
    shifted = random.random() < OTHER_VOICE
    while at < length:
        sound = _any_sound(sounds, group, random)
        first = int(random.integers(max(1, len(sound) - MAX_PIECE_SAMPLES)))
        piece = sound[first : first + MAX_PIECE_SAMPLES]
        if shifted:
            piece = shift_voice(piece, pitch, formants)
        piece = piece[: length - at]
        speech[at : at + len(piece)] = piece
        pause = LONG_PAUSE if random.random() < LONG_PAUSES else SHORT_PAUSE
        at += len(piece) + int(random.integers(*pause))
    return speech


def _any_sound(sounds: Sounds, group: int, random: np.random.Generator) -> np.ndarray:
    places = sounds.groups[group]
    return sounds.sound(places[int(random.integers(len(places)))])
