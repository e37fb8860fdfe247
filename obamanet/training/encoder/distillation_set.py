"""Training data of the speech encoder, cached in files: features of noisy mixtures, teacher's outputs on clean ones."""

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
"""Number of mixtures that the teacher's mean inputs per position are computed from."""

MIN_VARIANCE: Final = 1e-2
"""Added to each principal component's variance before dividing by its root, as a share of the first one's: the last of
96 components have a hundredth of that, and would otherwise count as much as the first."""


@dataclass(frozen=True)
class TeacherStatistics:
    """Statistics of the teacher's values over its P positions.

    Attributes:
        inputs: mean input of each block, on speech, (blocks, P, W).
        centre: mean output of the last block, on all mixtures, (P, W).
        projection: from the teacher's outputs, less ``centre``, to the encoder's targets, (W, outputs): principal
            components scaled to nearly equal variance.
    """

    inputs: np.ndarray
    centre: np.ndarray
    projection: np.ndarray


class DistillationSet:
    """Noisy mixtures with the teacher's outputs on their clean versions, one file each.

    Args:
        folder: of the files.
        teacher: the teacher.
        sounds: recordings; those of the validation mixtures are in no training mixture.
        count: mixtures for training, numbered from 0.
        validating: mixtures for validation, numbered after those.
        seed: of everything random.
    """

    def __init__(self, folder: Path, teacher: Teacher, sounds: Sounds, count: int, validating: int, seed: int) -> None:
        self._folder, self._teacher, self._seed = folder, teacher, seed
        self._sounds, self._val_sounds = sounds.split(seed)
        self.train, self.val = range(count), range(count, count + validating)

    def make(self, progress: Progress) -> None:
        """Makes the files that are missing."""
        self._folder.mkdir(exist_ok=True)
        missing = [number for number in (*self.train, *self.val) if not self._path(number).is_file()]
        for number in progress.track(missing, "asking the teacher", len(missing)):
            mixture = self._mixture(number)
            output = self._teacher.activations(mixture.clean, SAMPLE_RATE)[-1].astype(np.float16)
            with atomic_path(self._path(number)) as part, part.open("wb") as out:
                np.savez(out, input=encoder_features(mixture.noisy).astype(np.float16), output=output)

    def student_input(self, number: int) -> np.ndarray:
        """Returns the features of the noisy mixture ``number``, (F, bands) float32."""
        return self._array(number, "input")

    def teacher_output(self, number: int) -> np.ndarray:
        """Returns the teacher's output on the clean mixture ``number``, (P, W) float32."""
        return self._array(number, "output")

    def activations(self, number: int) -> np.ndarray | None:
        """Returns the teacher's activations on clean mixture ``number``, (blocks + 1, P, W); None without speech."""
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
    """Returns the encoder's input features of ``sound`` (N,) at 16 kHz: (F, 80) float32 in [-1, 1]."""
    clip = AudioClip(sound, SAMPLE_RATE, "a mixture of sound")
    return normalise_utterance(extract_features(clip, FeatureOptions(kind=SPEECH)), SPEECH).values


def measure_teacher(
    dataset: DistillationSet, teacher: Teacher, outputs: int, path: Path, progress: Progress
) -> TeacherStatistics:
    """Returns the teacher's statistics over the training mixtures, cached at ``path``.

    Args:
        dataset: the mixtures, whose files are made.
        teacher: the teacher.
        outputs: values per step of the encoder.
        path: file of the statistics.
        progress: gets the progress over mixtures.

    Raises:
        DatasetError: there is no speech in the first STATISTICS_EXAMPLES mixtures.
    """
    if not path.is_file():
        inputs = _mean_inputs(dataset, progress)
        total = np.zeros(teacher.positions.shape)
        products = np.zeros((teacher.positions.shape[1],) * 2)
        for number in progress.track(dataset.train, "surveying the teacher", len(dataset.train)):
            output = dataset.teacher_output(number)
            total += output
            products += output.T @ output
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
    """Returns the mean input of each of the teacher's blocks, (blocks, P, W) float64."""
    chosen = dataset.train[:STATISTICS_EXAMPLES]
    inputs = [
        activations[:-1]
        for number in progress.track(chosen, "asking the teacher about positions", len(chosen))
        if (activations := dataset.activations(number)) is not None
    ]
    if not inputs:
        raise DatasetError(f"no speech in the first {STATISTICS_EXAMPLES} mixtures: ask for more mixtures")
    return np.stack(inputs).mean(axis=0, dtype=np.float64)


def examples(
    dataset: DistillationSet, statistics: TeacherStatistics, numbers: Sequence[int] | np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the padded features (B, F + 4, bands) of the mixtures ``numbers`` and the targets (B, P, outputs)."""
    features = [padded(dataset.student_input(int(number))) for number in numbers]
    targets = [(dataset.teacher_output(int(number)) - statistics.centre) @ statistics.projection for number in numbers]
    return np.stack(features), np.stack(targets)


def padded(features: np.ndarray) -> np.ndarray:
    """Returns ``features`` (F, bands) with two frames of silence before and after, (F + 4, bands)."""
    silence = np.tile(silence_features(features.shape[1], SPEECH), (CENTRE, 1))
    return np.concatenate([silence, features, silence])
