"""Makes the speech encoder's training sounds: mixtures of speech and pauses, each clean and augmented."""

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
"""Suffixes of sound files, lower case."""

MIN_LENGTH: Final = SAMPLE_RATE // 2
"""Minimum length of a recording, in samples: 0.5 s. Shorter ones are beeps and single letters."""

MAX_PIECE_SAMPLES: Final = 4 * SAMPLE_RATE
"""Maximum length of a piece of one recording, in samples: 4 s."""

MAX_START_SAMPLES: Final = SAMPLE_RATE
"""Maximum number of samples before the first piece: 1 s."""

LONG_PAUSE, SHORT_PAUSE = (800, SAMPLE_RATE), (100, 3000)
"""Samples between two pieces: minimum and maximum, exclusive."""

LONG_PAUSES: Final = 0.6
"""Share of the pauses that are long."""

NOISE_ONLY: Final = 0.1
"""Share of mixtures without speech; their target is the teacher's output on silence."""

FAINT: Final = 0.15
"""Share of those with only microphone noise, of -80 dBFS."""

OTHER_VOICE: Final = 0.6
"""Share of mixtures in a shifted voice. The clean version is shifted too: the encoder is trained on the features of
that voice, not to undo the shift."""

PITCH, FORMANTS = (0.75, 1.4), (0.85, 1.25)
"""Minimum and maximum factor of the shifted voice's pitch and formants, drawn evenly on a logarithmic scale."""

AUGMENTED_SHARE: Final = 0.8
"""Share of mixtures with speech whose noisy version is augmented."""

AUGMENTATIONS: Final = AugmentOptions(voice=0.0)
"""The augmentations; voices are shifted here, not there."""

BABBLE_VOICES: Final = 6
"""Number of recordings that babble is mixed of."""

VALIDATING: Final = 0.05
"""Share of each folder's recordings, at least one, that are used in validation mixtures only."""

LARGEST: Final = 32767
"""Largest 16 bit sample."""


@dataclass(frozen=True)
class Sounds:
    """All recordings.

    Attributes:
        samples: the recordings one after the other, (N,) int16 at 16 kHz; may be mapped from disk.
        groups: per folder (R, 2), first sample and end of each recording in ``samples``.
    """

    samples: np.ndarray
    groups: tuple[np.ndarray, ...]

    def sound(self, place: np.ndarray) -> np.ndarray:
        """Returns the recording at ``place`` (2,), first sample and end: (n,) float32 in [-1, 1]."""
        return self.samples[place[0] : place[1]].astype(np.float32) / LARGEST

    def split(self, seed: int) -> tuple[Sounds, Sounds]:
        """Returns the recordings for training, and those for validation; every folder has some of each."""
        random = np.random.default_rng((seed, 1))
        shuffled = [random.permutation(group) for group in self.groups]
        cuts = [math.ceil(VALIDATING * len(group)) for group in shuffled]
        train = tuple(group[cut:] for group, cut in zip(shuffled, cuts, strict=True))
        val = tuple(group[:cut] for group, cut in zip(shuffled, cuts, strict=True))
        return Sounds(self.samples, train), Sounds(self.samples, val)


@dataclass(frozen=True)
class Mixture:
    """A mixture, (N,) float32 at 16 kHz each: ``clean`` speech or silence, and the same augmented, ``noisy``."""

    clean: np.ndarray
    noisy: np.ndarray


def find_sounds(folders: Sequence[Path]) -> list[list[Path]]:
    """Returns the sorted sound files in and below each folder; raises :class:`DatasetError` for less than two."""
    found = []
    for folder in folders:
        files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SOUND_SUFFIXES and path.is_file())
        if len(files) < 2:
            raise DatasetError(f"a folder of sounds must hold two or more sound files: got {len(files)} in {folder}")
        found.append(files)
    return found


def sounds_digest(folders: Sequence[Path], files: Sequence[Sequence[Path]]) -> str:
    """Returns a hash of the files' paths relative to their folders and their sizes, 16 hexadecimal digits."""
    lines = [
        f"{number} {path.relative_to(folder).as_posix()} {path.stat().st_size}"
        for number, (folder, group) in enumerate(zip(folders, files, strict=True))
        for path in group
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def read_sounds(files: Sequence[Sequence[Path]], store: Path, progress: Progress) -> Sounds:
    """Reads the recordings, decoding them into the file ``store`` unless it is there.

    Files that cannot be read, which are reported, and silent ones or ones shorter than 0.5 s are left out.

    Args:
        files: sound files by group.
        store: file of the samples; places and groups are kept beside it, as .npz.
        progress: gets the progress over files.

    Raises:
        DatasetError: less than two recordings of a group are left.
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
    """Writes the samples into ``store`` and then the places and groups of the recordings into ``index``."""
    numbered = [(number, path) for number, group in enumerate(files) for path in group]
    spans: dict[Path, tuple[int, int]] = {}
    places, groups, end = [], [], 0
    with atomic_path(store) as part, part.open("wb") as out:
        for number, path in progress.track(numbered, "reading sounds", len(numbered)):
            if path not in spans:
                try:
                    samples = load_sound(path).samples
                except SoundError as error:
                    progress.note(f"left out: {error}")
                    continue
                if len(samples) < MIN_LENGTH or not samples.any():
                    continue
                out.write(np.rint(np.clip(samples, -1, 1) * LARGEST).astype("<i2").tobytes())
                spans[path] = (end, end + len(samples))
                end += len(samples)
            places.append(spans[path])
            groups.append(number)
        if not places:
            raise DatasetError(f"no sound can be read that is {MIN_LENGTH / SAMPLE_RATE} s or longer: {files[0][0]}")
    with atomic_path(index) as part, part.open("wb") as out:
        np.savez(out, places=np.array(places, np.int64), groups=np.array(groups, np.int64))


def samples_of(frames: int) -> int:
    """Returns the number of samples that exactly ``frames`` feature frames cover."""
    return int((frames - 1) * SAMPLE_RATE / FEATURE_RATE + FEATURE_WINDOW * SAMPLE_RATE)


def make_mixture(sounds: Sounds, length: int, random: np.random.Generator) -> Mixture:
    """Returns a random mixture of ``length`` samples; all folders are drawn equally often, whatever their size."""
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
    """Returns pieces of recordings of one folder with pauses, all in one voice, (length,) float32."""
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
