"""What a speech encoder learns: mixtures as it hears them, and what the teacher says of them clean; kept in files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from obamanet.audio.features import SPEECH, FeatureOptions, extract_features
from obamanet.audio.normalise_features import normalise_utterance, silence_features
from obamanet.constants import SAMPLE_RATE
from obamanet.errors import DatasetError
from obamanet.files import atomic_path, open_arrays
from obamanet.progress import Progress
from obamanet.speech.feature_extractor import CENTRE
from obamanet.training.encoder.mixtures import Mixture, Sounds, make_mixture, samples_of
from obamanet.training.encoder.teacher import Teacher
from obamanet.types import AudioClip

STATISTICS_EXAMPLES: Final = 40
"""Mixtures over which the teacher's mean values per position are taken."""

MIN_VARIANCE: Final = 1e-2
"""Added to each component's variance, in shares of the first's, before dividing by its root: the last of 96 have a
hundredth of it, and would count as much as the first."""


@dataclass(frozen=True)
class TeacherStatistics:
    """What must be known of the teacher's values over P positions before the encoder can learn from them.

    ``inputs`` (blocks, P, W): the mean of what goes into each block, on speech. ``centre`` (P, W): the mean of what
    comes out of the last, on all mixtures. ``projection`` (W, outputs): from there to what the encoder is to say, the
    principal components at nearly equal variance.
    """

    inputs: np.ndarray
    centre: np.ndarray
    projection: np.ndarray


class DistillationSet:
    """Mixtures as the encoder hears them, with what the teacher says of them clean: a file each, made once.

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
            mixture = self._mixture(number)
            said = self._teacher.activations(mixture.clean, SAMPLE_RATE)[-1]
            with atomic_path(self._path(number)) as part, part.open("wb") as out:
                np.savez(out, input=encoder_features(mixture.noisy).astype(np.float16), output=said.astype(np.float16))

    def student_input(self, number: int) -> np.ndarray:
        """Return the features of mixture ``number`` as heard: (F, bands) float32."""
        return self._array(number, "input")

    def teacher_output(self, number: int) -> np.ndarray:
        """Return what the teacher says of it: (P, W) float32."""
        return self._array(number, "output")

    def streams(self, number: int) -> np.ndarray | None:
        """Return all values of the teacher on mixture ``number``, (blocks + 1, P, W), or None without speech in it."""
        clean = self._mixture(number).clean
        return self._teacher.activations(clean, SAMPLE_RATE) if clean.any() else None

    def _mixture(self, number: int) -> Mixture:
        random = np.random.default_rng((self._seed, 2, number))
        sounds = self._val_sounds if number in self.val else self._sounds
        return make_mixture(sounds, samples_of(self._teacher.frames), random)

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:06d}.npz"

    def _array(self, number: int, name: str) -> np.ndarray:
        with open_arrays(self._path(number)) as arrays:
            return np.asarray(arrays[name], dtype=np.float32)


def encoder_features(sound: np.ndarray) -> np.ndarray:
    """Return ``sound`` (N,) at 16 kHz as the encoder takes it: (F, 80) float32 in [-1, 1]."""
    clip = AudioClip(sound, SAMPLE_RATE, "a mixture of sound")
    return normalise_utterance(extract_features(clip, FeatureOptions(kind=SPEECH)), SPEECH).values


def measure_teacher(
    dataset: DistillationSet, teacher: Teacher, outputs: int, path: Path, progress: Progress
) -> TeacherStatistics:
    """Return the statistics over the mixtures to learn from, kept at ``path``."""
    if not path.is_file():
        inputs = _mean_inputs(dataset, progress)
        total = np.zeros(teacher.positions.shape)
        products = np.zeros((teacher.positions.shape[1],) * 2)
        for number in progress.track(dataset.train, "surveying the teacher", len(dataset.train)):
            said = dataset.teacher_output(number)
            total += said
            products += said.T @ said
        centre = total / len(dataset.train)
        # The covariance about each position's own mean.
        covariance = (products - len(dataset.train) * centre.T @ centre) / (len(dataset.train) * teacher.steps)
        variances, components = np.linalg.eigh(covariance)
        chosen = np.argsort(-variances)[:outputs]
        root = np.sqrt(np.maximum(variances[chosen], 0) + MIN_VARIANCE * variances.max())
        with atomic_path(path) as part, part.open("wb") as out:
            np.savez(out, inputs=inputs, centre=centre, projection=components[:, chosen] / root)
    with open_arrays(path) as arrays:
        return TeacherStatistics(*(arrays[name].astype(np.float32) for name in ("inputs", "centre", "projection")))


def _mean_inputs(dataset: DistillationSet, progress: Progress) -> np.ndarray:
    """Return the mean of what goes into each of the teacher's blocks, per position: (blocks, P, W)."""
    chosen = dataset.train[:STATISTICS_EXAMPLES]
    streams = [
        heard[:-1]
        for number in progress.track(chosen, "asking the teacher about positions", len(chosen))
        if (heard := dataset.streams(number)) is not None
    ]
    if not streams:
        raise DatasetError(f"no speech in the first {STATISTICS_EXAMPLES} mixtures: ask for more mixtures")
    return np.stack(streams).mean(axis=0, dtype=np.float64)


def examples(
    dataset: DistillationSet, statistics: TeacherStatistics, numbers: Sequence[int] | np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mixtures ``numbers`` padded, (B, F + 4, bands), and the wanted outputs (B, P, outputs)."""
    heard = [padded(dataset.student_input(int(number))) for number in numbers]
    wanted = [(dataset.teacher_output(int(number)) - statistics.centre) @ statistics.projection for number in numbers]
    return np.stack(heard), np.stack(wanted)


def padded(heard: np.ndarray) -> np.ndarray:
    """Return features ``heard`` (F, bands) between two frames of silence on either side."""
    silence = np.tile(silence_features(heard.shape[1], SPEECH), (CENTRE, 1))
    return np.concatenate([silence, heard, silence])
