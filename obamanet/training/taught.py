"""What a speech encoder learns: stretches as it hears them, and what the teacher says of them clean; kept in files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from obamanet.audio.features import SPEECH, FeatureOptions, extract_features
from obamanet.audio.normalise import normalise_utterance, quiet_vector
from obamanet.constants import SAMPLE_RATE
from obamanet.errors import DatasetError
from obamanet.files import atomic_path, open_arrays
from obamanet.hearing.listener import CENTRE
from obamanet.progress import Progress
from obamanet.training.stretches import Sounds, Stretch, make_stretch, samples_of
from obamanet.training.teacher import Teacher
from obamanet.types import AudioClip

SURVEYED: Final = 40
"""Stretches over which the teacher's mean values per position are taken."""

LEAST_VARIANCE: Final = 1e-2
"""Added to each component's variance, in shares of the first's, before dividing by its root: the last of 96 have a
hundredth of it, and would count as much as the first."""


@dataclass(frozen=True)
class Survey:
    """What must be known of the teacher's values over P positions before the encoder can learn from them.

    ``inputs`` (blocks, P, W): the mean of what goes into each block, on speech. ``centre`` (P, W): the mean of what
    comes out of the last, on all stretches. ``projection`` (W, outputs): from there to what the encoder is to say, the
    principal components at nearly equal variance.
    """

    inputs: np.ndarray
    centre: np.ndarray
    projection: np.ndarray


class TaughtStretches:
    """Stretches as the encoder hears them, with what the teacher says of them clean: a file each, made once.

    The ``count`` numbers from 0 on are to learn from, the next ``validating`` to validate with, on other recordings.
    """

    def __init__(self, folder: Path, teacher: Teacher, sounds: Sounds, count: int, validating: int, seed: int) -> None:
        self._folder, self._teacher, self._seed = folder, teacher, seed
        self._sounds, self._val_sounds = sounds.split(seed)
        self.train, self.val = range(count), range(count, count + validating)

    def make(self, progress: Progress) -> None:
        """Make what is missing."""
        self._folder.mkdir(exist_ok=True)
        missing = [number for number in (*self.train, *self.val) if not self._path(number).is_file()]
        for number in progress.track(missing, "asking the teacher", len(missing)):
            stretch = self._stretch(number)
            said = self._teacher.listen(stretch.clean, SAMPLE_RATE)[-1]
            with atomic_path(self._path(number)) as part, part.open("wb") as out:
                np.savez(out, heard=encoder_features(stretch.heard).astype(np.float16), said=said.astype(np.float16))

    def heard(self, number: int) -> np.ndarray:
        """Return the features of stretch ``number`` as heard: (F, bands) float32."""
        return self._array(number, "heard")

    def said(self, number: int) -> np.ndarray:
        """Return what the teacher says of it: (P, W) float32."""
        return self._array(number, "said")

    def streams(self, number: int) -> np.ndarray | None:
        """Return all values of the teacher on stretch ``number``, (blocks + 1, P, W), or None without speech in it."""
        clean = self._stretch(number).clean
        return self._teacher.listen(clean, SAMPLE_RATE) if clean.any() else None

    def _stretch(self, number: int) -> Stretch:
        random = np.random.default_rng((self._seed, 2, number))
        sounds = self._val_sounds if number in self.val else self._sounds
        return make_stretch(sounds, samples_of(self._teacher.frames), random)

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:06d}.npz"

    def _array(self, number: int, name: str) -> np.ndarray:
        with open_arrays(self._path(number)) as arrays:
            return np.asarray(arrays[name], dtype=np.float32)


def encoder_features(sound: np.ndarray) -> np.ndarray:
    """Return ``sound`` (N,) at 16 kHz as the encoder takes it: (F, 80) float32 in [-1, 1]."""
    clip = AudioClip(sound, SAMPLE_RATE, "a stretch of sound")
    return normalise_utterance(extract_features(clip, FeatureOptions(kind=SPEECH)), SPEECH).values


def take_survey(taught: TaughtStretches, teacher: Teacher, outputs: int, path: Path, progress: Progress) -> Survey:
    """Return the survey over the stretches to learn from, kept at ``path``."""
    if not path.is_file():
        inputs = _mean_inputs(taught, progress)
        total = np.zeros(teacher.positions.shape)
        products = np.zeros((teacher.positions.shape[1],) * 2)
        for number in progress.track(taught.train, "surveying the teacher", len(taught.train)):
            said = taught.said(number)
            total += said
            products += said.T @ said
        centre = total / len(taught.train)
        # The covariance about each position's own mean.
        covariance = (products - len(taught.train) * centre.T @ centre) / (len(taught.train) * teacher.steps)
        variances, components = np.linalg.eigh(covariance)
        chosen = np.argsort(-variances)[:outputs]
        root = np.sqrt(np.maximum(variances[chosen], 0) + LEAST_VARIANCE * variances.max())
        with atomic_path(path) as part, part.open("wb") as out:
            np.savez(out, inputs=inputs, centre=centre, projection=components[:, chosen] / root)
    with open_arrays(path) as arrays:
        return Survey(*(arrays[name].astype(np.float32) for name in ("inputs", "centre", "projection")))


def _mean_inputs(taught: TaughtStretches, progress: Progress) -> np.ndarray:
    """Return the mean of what goes into each of the teacher's blocks, per position: (blocks, P, W)."""
    chosen = taught.train[:SURVEYED]
    streams = [
        heard[:-1]
        for number in progress.track(chosen, "asking the teacher about positions", len(chosen))
        if (heard := taught.streams(number)) is not None
    ]
    if not streams:
        raise DatasetError(f"no speech in the first {SURVEYED} stretches: ask for more stretches")
    return np.stack(streams).mean(axis=0, dtype=np.float64)


def examples(
    taught: TaughtStretches, survey: Survey, numbers: Sequence[int] | np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the stretches ``numbers`` padded, (B, F + 4, bands), and the wanted outputs (B, P, outputs)."""
    heard = [padded(taught.heard(int(number))) for number in numbers]
    wanted = [(taught.said(int(number)) - survey.centre) @ survey.projection for number in numbers]
    return np.stack(heard), np.stack(wanted)


def padded(heard: np.ndarray) -> np.ndarray:
    """Return features ``heard`` (F, bands) between two frames of silence on either side."""
    quiet = np.tile(quiet_vector(heard.shape[1], SPEECH), (CENTRE, 1))
    return np.concatenate([quiet, heard, quiet])
