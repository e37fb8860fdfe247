"""Trains a person's poser: timed syllables to mouth poses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from obamanet.constants import INNER_LIPS
from obamanet.errors import DatasetError, OptionError
from obamanet.files import sha256_of
from obamanet.keypoints.lips import GAP_WEIGHTS
from obamanet.keypoints.mouth_poses import MouthPoses
from obamanet.keypoints.opening import mouth_opening
from obamanet.networks.config import PoserConfig
from obamanet.person import POSES_FILE, Person, poses_of
from obamanet.progress import Progress
from obamanet.sources import add_sources
from obamanet.training.data.dataset import Dataset, Piece, Split
from obamanet.training.loop.ema_learner import EmaLearner, Losses
from obamanet.training.loop.plots import draw_openings
from obamanet.training.loop.runner import Limits, Schedule, TrainReport, claim_folder, own_folder, run_training
from obamanet.training.loop.training_options import EmaOptions
from text2face.mouth.pose_examples import (
    RECORDED,
    PoserExample,
    load_examples,
    prose_examples,
    recorded_examples,
    save_examples,
)
from text2face.mouth.pose_features import INPUTS, padding

INNER_LIP_WEIGHT: Final = 2.0
"""Loss weight of the inner lips, 1 for the outer ones, as in the training of the speech predictor."""

SOFTNESS: Final = 0.05
"""Standard deviation, in canonical units over all points, of the Gaussian that gives the target weights of the poses;
below the distances of neighbouring poses, benchmarks/RESULTS.md."""


@dataclass(frozen=True)
class PoserOptions(EmaOptions):
    """Options of a poser's training.

    No loss is on closed lips: with one, lips stay shut in the vowels beside closures too;
    :mod:`obamanet.keypoints.lips` closes them.

    Attributes:
        units: values per LSTM layer.
        layers: number of LSTM layers.
        dropout: share of values dropped in training.
        sequence: length of one training example, in seconds.
        prose_share: share of the examples that are prose, 0 to 1.
        shape_trust: factor of the losses on the mouth's shape in prose, whose keypoints are predicted.
        gap_trust: factor of the loss on the gap between the lips in prose.
        choice_weight: weight of the loss on the choice of pose; that on position has 1.
        velocity_weight: weight of the loss on differences between frames.
        opening_weight: weight of the loss on the gap between the lips.
        languages: of the prose.

    Raises:
        OptionError: an option is out of range.
    """

    steps: int = 400
    batch_size: int = 32
    learning_rate: float = 3e-3
    units: int = 48
    layers: int = 2
    dropout: float = 0.3
    sequence: float = 4.0
    prose_share: float = 0.5
    shape_trust: float = 0.1
    gap_trust: float = 0.5
    choice_weight: float = 0.005
    velocity_weight: float = 1.0
    opening_weight: float = 2.0
    languages: tuple[str, ...] = ("en", "es")

    def __post_init__(self) -> None:
        """Checks the ranges."""
        super().__post_init__()
        if not 0 <= self.prose_share <= 1:
            raise OptionError(f"prose share is out of range: got {self.prose_share}, allowed is 0 to 1")


def train_poser(
    dataset: Dataset,
    split: Split,
    align: Path,
    language: str,
    person: Person,
    folder: Path,
    options: PoserOptions,
    *,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> TrainReport:
    """Trains a person's poser, or resumes its training.

    Args:
        dataset: the person's dataset.
        split: pieces for training and for validation, whole clips.
        align: their word times.
        language: of the recordings, a tag such as "en-gb".
        person: the person.
        folder: the run's.
        options: how to train.
        limits: where this session stops.
        progress: gets the progress over sentences and the metrics of each evaluation.

    Raises:
        obamanet.errors.PersonError: the person has no mouth poses.
        DatasetError: word times are missing, frame rates differ, or files of the run are damaged.
        OptionError: ``folder`` holds another run.
    """
    progress = progress or Progress()
    poses = poses_of(person)
    if dataset.fps != person.fps:
        raise DatasetError(f"dataset and person have different frame rates: {dataset.fps} and {person.fps} per second")
    config = PoserConfig(INPUTS, poses.count, options.units, options.layers, options.dropout)
    with own_folder(folder, keep_prepared=True):
        claim_folder(
            folder,
            {
                "poser": asdict(config),
                "data": {
                    "split": split.digest,
                    "language": language,
                    "poses": sha256_of(person.folder / POSES_FILE),
                    "teacher": sha256_of(person.predictor_weights),
                },
                "training": {**asdict(options), "languages": list(options.languages)},
            },
        )
        add_sources(folder, split.sources)
        sides = {}
        for side, pieces in (("train", split.train), ("val", split.val)):
            cache = folder / f"{side}.npz"
            if not cache.is_file():
                save_examples(_examples(side, pieces, align, language, person, options, progress), cache)
            sides[side] = load_examples(cache)
        train, val = sides["train"], sides["val"]
        source = ExampleSource(train, round(options.sequence * dataset.fps), options)
        learner = PoserLearner(config, options, person, poses, val)
        schedule = Schedule(options.steps, options.epoch_steps, options.batch_size)
        return run_training(learner, source.batch, folder, schedule, limits=limits or Limits(), progress=progress)


def _examples(
    side: str,
    pieces: Sequence[Piece],
    align: Path,
    language: str,
    person: Person,
    options: PoserOptions,
    progress: Progress,
) -> list[PoserExample]:
    """Returns the recorded sentences of one ``side`` of the split, and the prose for that side."""
    examples = recorded_examples(pieces, align, language, person, progress)
    if options.prose_share:
        examples += prose_examples(person, options.languages, validating=side == "val", progress=progress)
    return examples


class ExampleSource:
    """Batches of sentences, cut or padded to ``length`` frames."""

    def __init__(self, examples: Sequence[PoserExample], length: int, options: PoserOptions) -> None:
        self._recorded = [example for example in examples if example.kind == RECORDED]
        self._prose = [example for example in examples if example.kind != RECORDED]
        self._length = length
        self._options = options

    def batch(self, step: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns inputs (B, L, D), keypoints (B, L, 20, 2) and trust (B, L, 2), float32, for ``step``.

        Trust is the weight of each frame in the losses on shape and on gap, 0 for padding.
        """
        random = np.random.default_rng((self._options.seed, step))
        rows = [self._row(random) for _ in range(self._options.batch_size)]
        inputs, keypoints, trust = (np.stack(column) for column in zip(*rows, strict=True))
        return inputs, keypoints, trust

    def _row(self, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        prose = bool(self._prose) and random.random() < self._options.prose_share
        pool = self._prose if prose else self._recorded
        example = pool[int(random.integers(len(pool)))]
        first = int(random.integers(max(1, len(example.inputs) - self._length + 1)))
        part = slice(first, first + self._length)
        count = len(example.inputs[part])
        inputs = np.repeat(padding()[None], self._length, axis=0)
        keypoints = np.zeros((self._length, 20, 2), np.float32)
        trust = np.zeros((self._length, 2), np.float32)
        inputs[:count], keypoints[:count] = example.inputs[part], example.keypoints[part]
        trust[:count] = (self._options.shape_trust, self._options.gap_trust) if prose else (1.0, 1.0)
        return inputs, keypoints, trust


class PoserLearner(EmaLearner):
    """Trains a poser; see :class:`obamanet.training.loop.runner.Learner`."""

    def __init__(
        self,
        config: PoserConfig,
        options: PoserOptions,
        person: Person,
        poses: MouthPoses,
        val: Sequence[PoserExample],
    ) -> None:
        import tensorflow as tf

        from obamanet.networks.pose_lstm import build_poser

        super().__init__(partial(build_poser, config), options)
        self._options, self._val = options, val
        pca = person.mouth.pca
        self._mouths = pca.decode(poses.centres).reshape(poses.count, -1)
        self._centres = tf.constant(self._mouths)
        self._encode = tf.constant((pca.components / pca.spread[:, None]).T)
        self._mean = tf.constant(pca.mean)
        self._scale = tf.constant(poses.scale)
        self._poses = tf.constant(poses.centres)
        weights = np.ones(20, dtype=np.float32)
        weights[INNER_LIPS] = INNER_LIP_WEIGHT
        self._point_weights = tf.constant(weights / weights.mean())
        self._gap = tf.constant(GAP_WEIGHTS.astype(np.float32)[:, None])
        self._run = tf.function(
            lambda inputs: self._ema(inputs, training=False),
            input_signature=[tf.TensorSpec((1, None, config.inputs))],
            autograph=False,
        )

    def validate(self) -> dict[str, float]:
        """Returns, per kind of example, position error in thousandths of a canonical unit and opening correlation.

        "score" is the error on recorded sentences plus half of that on prose.
        """
        metrics: dict[str, float] = {}
        for kind in dict.fromkeys(example.kind for example in self._val):
            own = [example for example in self._val if example.kind == kind]
            predicted = [self._predict(example.inputs) for example in own]
            errors = [np.linalg.norm(p - e.keypoints, axis=-1).mean() for p, e in zip(predicted, own, strict=True)]
            opening = np.concatenate([mouth_opening(p) for p in predicted])
            true = np.concatenate([mouth_opening(e.keypoints) for e in own])
            correlation = float(np.corrcoef(opening, true)[0, 1]) if opening.std() > 0 else 0.0
            metrics[f"{kind}_error"] = float(1000 * np.mean(errors))
            metrics[f"{kind}_opening_correlation"] = correlation
        prose = [value for name, value in metrics.items() if name.endswith("_error") and not name.startswith(RECORDED)]
        score = metrics.get(f"{RECORDED}_error", 0.0) + 0.5 * float(np.mean(prose) if prose else 0.0)
        return {"score": score, **metrics}

    def sample(self, folder: Path, step: int) -> None:
        """Plots the mouth opening of the first validation sentence, predicted and recorded."""
        shown = self._val[0]
        draw_openings(shown.keypoints, self._predict(shown.inputs), folder, step)

    def _predict(self, inputs: np.ndarray) -> np.ndarray:
        weights = np.asarray(self._run(inputs[None]))[0]
        return (weights @ self._mouths).reshape(-1, 20, 2)

    def losses(self, *batch: Any) -> Losses:
        """Returns the losses on inputs (B, L, D), keypoints (B, L, 20, 2) and trust (B, L, 2)."""
        import tensorflow as tf

        inputs, keypoints, trust = batch
        options = self._options
        true = tf.reshape(keypoints, (*keypoints.shape[:2], 40))
        shape, gap_trust = trust[..., 0], trust[..., 1]
        # The target weights of the poses are Gaussian in the distance to their centres, a soft k-means assignment.
        values = tf.tensordot(true - self._mean, self._encode, 1)
        away = tf.reduce_sum(((values[:, :, None] - self._poses) * self._scale) ** 2, axis=-1)
        belongs = tf.nn.softmax(-away / (2 * SOFTNESS**2), axis=-1)
        weights = self._network(inputs, training=True)
        predicted = tf.tensordot(weights, self._centres, 1)
        gap, true_gap = (tf.tensordot(mouths, self._gap, 1)[..., 0] for mouths in (predicted, true))
        movement = (predicted - true)[:, 1:] - (predicted - true)[:, :-1]
        reported = {
            "position": _mean(self._distance(predicted - true), shape),
            "velocity": _mean(self._distance(movement), tf.minimum(shape[:, 1:], shape[:, :-1])),
            "opening": _mean(tf.abs(gap - true_gap), gap_trust),
            "choice": _mean(-tf.reduce_sum(belongs * tf.math.log(weights + 1e-7), axis=-1), shape),
        }
        total = (
            reported["position"]
            + options.velocity_weight * reported["velocity"]
            + options.opening_weight * reported["opening"]
            + options.choice_weight * reported["choice"]
        )
        return Losses(total, reported)

    def _distance(self, difference: Any) -> Any:
        """Returns the weighted mean point distance (B, T) of (B, T, 40), differentiable at zero, in canonical units."""
        import tensorflow as tf

        points = tf.reshape(difference, (*difference.shape[:2], 20, 2))
        return tf.reduce_mean(self._point_weights * tf.sqrt(tf.reduce_sum(points**2, axis=-1) + 1e-6), axis=-1)


def _mean(values: Any, weight: Any) -> Any:
    import tensorflow as tf

    return tf.reduce_sum(values * weight) / (tf.reduce_sum(weight) + 1e-6)
