"""Trains a pix2pix generator and discriminator on any source of picture pairs (Isola et al. 2017)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from obamanet.errors import DatasetError, OptionError
from obamanet.files import sha256_of
from obamanet.networks.config import GeneratorConfig
from obamanet.networks.weights import save_weights
from obamanet.progress import Progress
from obamanet.render.picture_quality import laplacian_sharpness
from obamanet.training.loop.ema_learner import check_amounts, check_training
from obamanet.training.loop.plots import save_picture
from obamanet.training.loop.runner import Limits, Schedule, TrainReport, claim_run, own_folder, run_training
from obamanet.training.loop.trained_networks import TrainedRenderer, load_weights

if TYPE_CHECKING:
    import keras

SAMPLE_ROWS = 6
"""Number of validation pairs in each evaluation's sample picture."""

VALIDATION_PAIRS = 96
"""Maximum number of pairs that are validated on, spread over the validation set."""

ADVERSARY_COST = 2.5
"""Duration of a step with the adversary, relative to one without."""

MIN_CROP = 32
"""Pixels. Minimum side of a discriminator's crops; the last layer has no output for smaller ones."""

FOCUS_JITTER = 0.08
"""Share of a crop's side. Maximum distance, along each axis, of its middle from the focus."""

MAX_DISCRIMINATOR = 512
"""Maximum number of filters of the discriminator's first layer; the paper has 64."""


@dataclass(frozen=True)
class Pair:
    """A condition and its target.

    Attributes:
        condition: shape (S, S, 3) uint8 BGR.
        target: shape (S, S, 3) uint8 BGR.
        weight: loss weight per pixel, shape (S, S) float32.
        foci: row and column of the pixels that a discriminator of crops looks at most; empty for the middle.
    """

    condition: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    foci: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Batch:
    """B pairs of one step.

    Attributes:
        conditions: shape (B, S, S, 3) uint8 BGR.
        targets: shape (B, S, S, 3) uint8 BGR.
        weights: loss weights per pixel, shape (B, S, S) float32.
        crops: top and left of the crops that the discriminator judges, shape (B, K, 2) int32.
    """

    conditions: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    crops: np.ndarray


class PairSource(Protocol):
    """A sized collection of picture pairs."""

    def __len__(self) -> int:
        """Returns the number of pairs."""
        ...

    def pair(self, index: int, random: np.random.Generator | None) -> Pair:
        """Returns pair ``index``, augmented with ``random``; unchanged where ``random`` is None."""
        ...


@dataclass(frozen=True)
class TrainOptions:
    """Options of a pix2pix training; the defaults of weights, rates and sizes are the paper's (Isola et al. 2017).

    Attributes:
        steps: steps of the whole training.
        batch_size: pairs per step.
        learning_rate: Adam's, in the first half of the steps; over the second it falls linearly to zero.
        l1_weight: weight of the L1 loss.
        gan_weight: weight of the adversarial loss; 0 for none.
        matching_weight: weight of the feature-matching loss (Wang et al. 2018), added with the adversarial one; 0 for
            none.
        crop: side of the crops that the discriminator judges, as a share of the picture's: of each picture one around
            each focus and one anywhere; 1 for whole pictures.
        gan_start: share of the steps after which the adversarial loss is added; steps before are two to three times
            quicker.
        gan_learning_rate: maximum learning rate once the adversarial loss is added; None for no other than before.
        discriminator_width: filters of the discriminator's first layer.
        epoch_steps: maximum number of steps between two evaluations.
        ema_decay: decay of the exponential moving average of the weights (Karras et al. 2018); 0 for none.
        seed: of everything random.
    """

    steps: int = 20_000
    batch_size: int = 1
    learning_rate: float = 2e-4
    l1_weight: float = 100.0
    gan_weight: float = 1.0
    matching_weight: float = 0.0
    crop: float = 1.0
    gan_start: float = 0.0
    gan_learning_rate: float | None = None
    discriminator_width: int = 64
    epoch_steps: int = 1000
    ema_decay: float = 0.999
    seed: int = 1

    def __post_init__(self) -> None:
        counts = ("steps", "batch_size", "epoch_steps", "discriminator_width")
        check_training(self.learning_rate, self.seed, **{name: getattr(self, name) for name in counts})
        check_amounts(l1_weight=self.l1_weight, gan_weight=self.gan_weight, matching_weight=self.matching_weight)
        if self.discriminator_width > MAX_DISCRIMINATOR:
            raise OptionError(
                f"discriminator width is out of range: got {self.discriminator_width}, "
                f"allowed is 1 to {MAX_DISCRIMINATOR}"
            )
        if not 0 <= self.gan_start <= 1:
            raise OptionError(f"gan start is a share of the run from 0 to 1: got {self.gan_start}")
        if self.gan_learning_rate is not None:
            check_training(self.gan_learning_rate, self.seed)
        if not 0 < self.crop <= 1:
            raise OptionError(f"crop is a share of the picture's side from above 0 to 1: got {self.crop}")
        if not 0 <= self.ema_decay < 1:
            raise OptionError(f"ema_decay must be from 0 to below 1: got {self.ema_decay}")

    @property
    def adversary_from(self) -> float:
        """Step from which on the adversarial loss is added; the number of steps where it never is.

        It trades a little L1 for sharpness, so that validation scores before and after it do not compare.
        """
        return self.gan_start * self.steps if self.gan_weight > 0 else float(self.steps)

    def rate(self, step: int) -> float:
        """Returns the learning rate of ``step``, from 0."""
        rate = self.learning_rate * min(1.0, 2 * (1 - step / self.steps))
        if self.gan_learning_rate is None or step < self.adversary_from:
            return rate
        return min(rate, self.gan_learning_rate)


def train_pix2pix(
    train: PairSource,
    val: PairSource,
    folder: Path,
    config: GeneratorConfig,
    options: TrainOptions,
    *,
    sections: dict[str, dict[str, Any]] | None = None,
    write_notes: Callable[[], None] | None = None,
    start: TrainedRenderer | None = None,
    keep_steps: frozenset[int] = frozenset(),
    expected: str = "",
    hint: str = "",
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> TrainReport:
    """Trains a pix2pix generator, or resumes its training.

    Args:
        train: pairs for training.
        val: pairs for validation, which chooses the best weights.
        folder: the run's.
        config: sizes of the generator.
        options: how to train.
        sections: further sections of plain values for the run's options.json.
        write_notes: writes further files of the run; called once ``folder`` is locked for this process.
        start: generator of the same sizes whose weights to start from.
        keep_steps: steps whose weights are kept beside the best and the last.
        expected: message about how long such a training takes.
        hint: end of the error message for a folder with another run.
        limits: where this session stops.
        progress: gets the metrics of each evaluation.

    Raises:
        DatasetError: there are no pairs on a side, or files of the run are damaged.
        OptionError: ``start`` has other sizes, or the folder holds a run with other options; nothing is written.
    """
    if not len(train) or not len(val):
        raise DatasetError(f"{len(train)} pairs to train and {len(val)} to validate; both are needed")
    if start and start.config != config:
        raise OptionError(
            f"renderer to begin with is of another size: {start.folder} paints {start.config.image_size} px with width "
            f"{start.config.width}, this one {config.image_size} px with width {config.width}"
        )
    claim = {
        "generator": asdict(config),
        "training": asdict(options),
        "start": {"weights": sha256_of(start.weights) if start else None},
        **(sections or {}),
    }
    progress = progress or Progress()
    epoch_steps = min(options.epoch_steps, max(1, len(train) // options.batch_size))
    with own_folder(folder):
        claim_run(folder, claim, hint=hint)
        if write_notes:
            write_notes()
        progress.note(f"{options.steps} steps of {options.batch_size} pictures. {expected}".rstrip())
        learner = Pix2PixLearner(config, options, val)
        if start:
            learner.start_from(start)
        return run_training(
            learner,
            lambda step: draw_batch(train, options, step),
            folder,
            Schedule(options.steps, epoch_steps, options.batch_size, options.adversary_from, ADVERSARY_COST),
            keep_steps=keep_steps,
            limits=limits or Limits(),
            progress=progress,
        )


class Pix2PixLearner:
    """Generator, its average (EMA), discriminator and both optimizers; a ``Learner`` of the loop."""

    def __init__(self, config: GeneratorConfig, options: TrainOptions, val: PairSource) -> None:
        import keras
        import tensorflow as tf

        from obamanet.networks.unet import build_discriminator, build_generator

        # Without it sums depend on the order of threads, and a resumed run differs from an uninterrupted one.
        tf.config.experimental.enable_op_determinism()
        keras.utils.set_random_seed(options.seed)
        self.options = options
        self._val = val
        self.generator = build_generator(config)
        self.ema = build_generator(config)
        self.ema.set_weights(self.generator.get_weights())
        self._crop = crop_side(options.crop, config.image_size)
        self.discriminator = build_discriminator(config, options.discriminator_width, self._crop)
        self._generator_optimizer = keras.optimizers.Adam(options.learning_rate, beta_1=0.5)
        self._discriminator_optimizer = keras.optimizers.Adam(options.learning_rate, beta_1=0.5)
        self._generator_optimizer.build(self.generator.trainable_variables)
        self._discriminator_optimizer.build(self.discriminator.trainable_variables)
        self._traced = {
            adversarial: tf.function(
                lambda *a, adversarial=adversarial: self._step(*a, adversarial=adversarial), autograph=False
            )
            for adversarial in (False, True)
        }
        self._paint = tf.function(lambda pictures: self.ema(pictures, training=False), autograph=False)

    def start_from(self, start: TrainedRenderer) -> None:
        """Loads the weights of ``start`` into the generator; raises :class:`DatasetError` if they cannot be read."""
        load_weights(self.generator, start.weights)
        self.ema.set_weights(self.generator.get_weights())

    def step(self, batch: Batch, number: int) -> dict[str, float]:
        """Does step ``number``, from 0, on ``batch``, and returns the losses by name."""
        import tensorflow as tf

        options = self.options
        rate = options.rate(number)
        decay = min(options.ema_decay, (1 + number) / (10 + number))
        losses = self._traced[number >= options.adversary_from](
            _to_unit(batch.conditions),
            _to_unit(batch.targets),
            tf.constant(batch.weights[..., None]),
            tf.constant(batch.crops),
            tf.constant(rate),
            tf.constant(decay),
        )
        return {name: float(value) for name, value in losses.items()}

    def validate(self) -> dict[str, float]:
        """Returns the averaged generator's figures on validation pairs.

        "error" is the weighted mean absolute error in grey levels of 255, "sharpness" the painted pictures' as a share
        of the targets', where the weight is largest. Blur has the least error, so "score" is the error times
        1 + |ln sharpness|.
        """
        errors, ours, theirs = [], [], []
        for index in _spread(len(self._val), VALIDATION_PAIRS):
            pair = self._val.pair(index, None)
            painted = self.paint(pair.condition[None])[0]
            difference = np.abs(painted.astype(np.float32) - pair.target).mean(axis=-1)
            errors.append(np.average(difference, weights=pair.weight))
            rows, columns = (np.flatnonzero((pair.weight == pair.weight.max()).any(axis=axis)) for axis in (1, 0))
            part = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
            ours.append(laplacian_sharpness(painted[part]))
            theirs.append(laplacian_sharpness(pair.target[part]))
        error, sharpness = float(np.mean(errors)), float((np.mean(ours) + 1e-6) / (np.mean(theirs) + 1e-6))
        return {"score": error * (1 + abs(math.log(sharpness))), "error": error, "sharpness": sharpness}

    def paint(self, conditions: np.ndarray) -> np.ndarray:
        """Returns the averaged generator's output for ``conditions`` (B, S, S, 3) uint8 BGR: same shape and type."""
        return _to_bytes(self._paint(_to_unit(conditions)).numpy())

    def save_weights(self, path: Path) -> None:
        """Writes the averaged generator's weights."""
        save_weights(self.ema, path)

    def sample(self, folder: Path, step: int) -> None:
        """Writes a picture with rows of condition, painted and target, of validation pairs."""
        pairs = [self._val.pair(index, None) for index in _spread(len(self._val), SAMPLE_ROWS)]
        rows = [np.hstack([pair.condition, self.paint(pair.condition[None])[0], pair.target]) for pair in pairs]
        save_picture(np.vstack(rows), folder / f"step_{step:07d}.png")

    def variables(self) -> list[keras.Variable]:
        """Returns both networks, the averaged generator and both optimizers."""
        return [
            *self.generator.variables,
            *self.ema.variables,
            *self.discriminator.variables,
            *self._generator_optimizer.variables,
            *self._discriminator_optimizer.variables,
        ]

    def _step(
        self, condition: Any, target: Any, weight: Any, crops: Any, rate: Any, decay: Any, *, adversarial: bool
    ) -> dict[str, Any]:
        import tensorflow as tf

        from obamanet.networks.unet import adversarial_loss, l1_loss, matching_loss

        options = self.options
        self._generator_optimizer.learning_rate.assign(rate)
        losses: dict[str, Any] = {}
        with tf.GradientTape() as generator_tape:
            painted = self.generator(condition, training=True)
            losses["l1"] = l1_loss(target, painted, weight)
            total = options.l1_weight * losses["l1"]
            if adversarial:
                seen, shown, drawn = (self._judged(pictures, crops) for pictures in (condition, target, painted))
                with tf.GradientTape() as discriminator_tape:
                    *real_hidden, real = self.discriminator([seen, shown], training=True)
                    *_, fake = self.discriminator([seen, tf.stop_gradient(drawn)], training=True)
                    # Halved, so that the discriminator learns slower than the generator (paper, section 3.3).
                    losses["discriminator"] = (adversarial_loss(real, True) + adversarial_loss(fake, False)) / 2
                *hidden, logits = self.discriminator([seen, drawn], training=True)
                losses["generator"] = adversarial_loss(logits, True)
                total = total + options.gan_weight * losses["generator"]
                if options.matching_weight:
                    losses["matching"] = matching_loss([tf.stop_gradient(layer) for layer in real_hidden], hidden)
                    total = total + options.matching_weight * losses["matching"]
        variables = self.generator.trainable_variables
        self._generator_optimizer.apply(generator_tape.gradient(total, variables), variables)
        if adversarial:
            self._discriminator_optimizer.learning_rate.assign(rate)
            variables = self.discriminator.trainable_variables
            self._discriminator_optimizer.apply(
                discriminator_tape.gradient(losses["discriminator"], variables), variables
            )
        for average, current in zip(self.ema.trainable_variables, self.generator.trainable_variables, strict=True):
            average.assign(average + (1 - decay) * (current - average))
        return losses

    def _judged(self, pictures: Any, crops: Any) -> Any:
        """Returns the parts of ``pictures`` (B, S, S, 3) that the discriminator judges; see :class:`Batch`."""
        import tensorflow as tf

        side = self._crop
        if side == pictures.shape[1]:
            return pictures
        parts = [
            tf.slice(pictures[number], [*tf.unstack(crops[number, crop]), 0], [side, side, 3])
            for number in range(pictures.shape[0])
            for crop in range(crops.shape[1])
        ]
        return tf.stack(parts)


def draw_batch(source: PairSource, options: TrainOptions, step: int) -> Batch:
    """Returns the batch of ``step``; each epoch goes through all pairs in a random order of its own."""
    pairs = []
    for place in range(step * options.batch_size, (step + 1) * options.batch_size):
        epoch, position = divmod(place, len(source))
        pairs.append(
            source.pair(
                int(_order(options.seed, epoch, len(source))[position]), np.random.default_rng((options.seed, place))
            )
        )
    random = np.random.default_rng((options.seed, step))
    return Batch(
        np.stack([pair.condition for pair in pairs]),
        np.stack([pair.target for pair in pairs]),
        np.stack([pair.weight for pair in pairs]),
        np.stack([_crops(pair, crop_side(options.crop, len(pair.target)), random) for pair in pairs]),
    )


def crop_side(share: float, size: int) -> int:
    """Returns the side, in pixels, of a discriminator's crops of ``share`` of a picture of ``size`` pixels."""
    return min(size, max(MIN_CROP, round(share * size)))


def _crops(pair: Pair, side: int, random: np.random.Generator) -> np.ndarray:
    """Returns top and left of K crops inside ``pair``, around each focus and anywhere: shape (K, 2) int32."""
    size = len(pair.target)
    foci = np.array(pair.foci or [(size // 2, size // 2)])
    jitter = round(FOCUS_JITTER * side)
    around = foci - side // 2 + random.integers(-jitter, jitter + 1, foci.shape)
    anywhere = random.integers(0, size - side + 1, (1, 2))
    return np.clip(np.concatenate([around, anywhere]), 0, size - side).astype(np.int32)


@lru_cache(maxsize=2)
def _order(seed: int, epoch: int, length: int) -> np.ndarray:
    return np.random.default_rng((seed, epoch)).permutation(length)


def _spread(length: int, count: int) -> list[int]:
    """Returns up to ``count`` indices evenly over ``length``."""
    return sorted({int(i) for i in np.linspace(0, length - 1, min(count, length)).round()})


def _to_unit(pictures: np.ndarray) -> Any:
    import tensorflow as tf

    return tf.constant(pictures.astype(np.float32) / 127.5 - 1.0)


def _to_bytes(pictures: np.ndarray) -> np.ndarray:
    return np.clip((pictures + 1.0) * 127.5 + 0.5, 0, 255).astype(np.uint8)
