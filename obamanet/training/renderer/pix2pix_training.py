"""Trains a pix2pix pair on any source of picture pairs; the renderer and the pix2pix tools share it."""

from __future__ import annotations

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
from obamanet.training.loop.ema_learner import check_amounts, check_training
from obamanet.training.loop.plots import save_picture
from obamanet.training.loop.runner import Limits, Schedule, TrainReport, claim_run, own_folder, run_training
from obamanet.training.loop.trained_networks import TrainedRenderer, load_weights

if TYPE_CHECKING:
    import keras

SAMPLE_ROWS = 6
"""Validation pairs shown in each epoch's sample picture."""

VALIDATION_PAIRS = 96
"""Pairs that choose the best weights, spread over the validation set."""


ADVERSARY_COST = 3.0
"""How many times as long a step takes with the adversary."""

MAX_DISCRIMINATOR = 512
"""Filters of the discriminator's first layer; the paper has 64."""


@dataclass(frozen=True)
class Pair:
    """A condition and its target, (S, S, 3) uint8 BGR each, and the loss weight per pixel, (S, S) float32."""

    condition: np.ndarray
    target: np.ndarray
    weight: np.ndarray


class PairSource(Protocol):
    """Anything that can count and hand out picture pairs."""

    def __len__(self) -> int:
        """Return the number of pairs."""
        ...

    def pair(self, index: int, random: np.random.Generator | None) -> Pair:
        """Return pair ``index``, jittered by ``random`` in training and as it is where ``random`` is None."""
        ...


@dataclass(frozen=True)
class TrainOptions:
    """How a pix2pix pair is trained; the defaults are the paper's (Isola et al. 2017), except where said.

    ``steps`` of ``batch_size`` pairs make the whole schedule: the learning rate falls to zero over its last half.
    ``gan_start`` is the share of the schedule after which the adversary joins in; before, L1 alone paints, which is
    three times quicker per step. ``epoch_steps`` is the longest stretch between two evaluations. ``ema_decay`` is the
    decay of the running mean of weights that is kept as the result (Karras et al. 2018); 0 keeps the last weights.
    """

    steps: int = 20_000
    batch_size: int = 1
    learning_rate: float = 2e-4
    l1_weight: float = 100.0
    gan_weight: float = 1.0
    gan_start: float = 0.0
    discriminator_width: int = 64
    epoch_steps: int = 1000
    ema_decay: float = 0.999
    seed: int = 1

    def __post_init__(self) -> None:
        counts = ("steps", "batch_size", "epoch_steps", "discriminator_width")
        check_training(self.learning_rate, self.seed, **{name: getattr(self, name) for name in counts})
        check_amounts(l1_weight=self.l1_weight, gan_weight=self.gan_weight)
        if self.discriminator_width > MAX_DISCRIMINATOR:
            raise OptionError(
                f"discriminator width is out of range: got {self.discriminator_width}, "
                f"allowed is 1 to {MAX_DISCRIMINATOR}"
            )
        if not 0 <= self.gan_start <= 1:
            raise OptionError(f"gan start is a share of the run from 0 to 1: got {self.gan_start}")
        if not 0 <= self.ema_decay < 1:
            raise OptionError(f"ema_decay must be from 0 to below 1: got {self.ema_decay}")

    @property
    def adversary_from(self) -> float:
        """The step from which on there is an adversary; beyond the last where there is none.

        It trades a little L1 for sharpness: what was best without it is no measure any more.
        """
        return self.gan_start * self.steps if self.gan_weight > 0 else float(self.steps)


def train_pix2pix(
    train: PairSource,
    val: PairSource,
    folder: Path,
    config: GeneratorConfig,
    options: TrainOptions,
    *,
    about: dict[str, dict[str, Any]] | None = None,
    write_notes: Callable[[], None] | None = None,
    start: TrainedRenderer | None = None,
    keep_steps: frozenset[int] = frozenset(),
    expected: str = "",
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> TrainReport:
    """Train on ``train``, choose by ``val``, and keep everything in ``folder``; go on from there if it was begun.

    ``about`` are further sections of plain values for the run's options.json; ``write_notes`` writes what else belongs
    to the run, once ``folder`` is this process's own; ``start`` is a generator of the same
    sizes whose weights are taken as the beginning; ``keep_steps`` are steps whose weights are kept beside the best and
    the last; ``expected`` says how long such a training takes. Raises :class:`DatasetError` for empty data and
    :class:`OptionError` when ``start`` has other sizes or the folder holds a run with other options; then nothing is
    written.
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
        **(about or {}),
    }
    progress = progress or Progress()
    epoch_steps = min(options.epoch_steps, max(1, len(train) // options.batch_size))
    with own_folder(folder):
        claim_run(folder, claim)
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
    """Generator, its averaged copy, discriminator and both optimizers: a ``Learner`` of the loop."""

    def __init__(self, config: GeneratorConfig, options: TrainOptions, val: PairSource) -> None:
        import keras
        import tensorflow as tf

        from obamanet.networks.unet import build_discriminator, build_generator

        # Threads that add up in another order would part a resumed run from an uninterrupted one.
        tf.config.experimental.enable_op_determinism()
        keras.utils.set_random_seed(options.seed)
        self.options = options
        self._val = val
        self.generator = build_generator(config)
        self.ema = build_generator(config)
        self.ema.set_weights(self.generator.get_weights())
        self.discriminator = build_discriminator(config, options.discriminator_width)
        self._painting = keras.optimizers.Adam(options.learning_rate, beta_1=0.5)
        self._judging = keras.optimizers.Adam(options.learning_rate, beta_1=0.5)
        self._painting.build(self.generator.trainable_variables)
        self._judging.build(self.discriminator.trainable_variables)
        self._traced = {
            adversarial: tf.function(
                lambda *a, adversarial=adversarial: self._step(*a, adversarial=adversarial), autograph=False
            )
            for adversarial in (False, True)
        }
        self._paint = tf.function(lambda pictures: self.ema(pictures, training=False), autograph=False)

    def start_from(self, start: TrainedRenderer) -> None:
        """Take over the generator ``start``; adversary and optimizers begin anew.

        Raises :class:`DatasetError` for weights that cannot be read.
        """
        load_weights(self.generator, start.weights)
        self.ema.set_weights(self.generator.get_weights())

    def step(self, batch: tuple[np.ndarray, np.ndarray, np.ndarray], number: int) -> dict[str, float]:
        """Learn from one batch of (conditions, targets, weights) as step ``number``; returns the losses."""
        import tensorflow as tf

        options = self.options
        rate = options.learning_rate * min(1.0, 2 * (1 - number / options.steps))
        decay = min(options.ema_decay, (1 + number) / (10 + number))
        conditions, targets, weights = batch
        losses = self._traced[number >= options.adversary_from](
            _to_unit(conditions),
            _to_unit(targets),
            tf.constant(weights[..., None]),
            tf.constant(rate),
            tf.constant(decay),
        )
        return {name: float(value) for name, value in losses.items()}

    def validate(self) -> dict[str, float]:
        """Return the averaged generator's weighted mean absolute error, in grey levels of 255, on up to 96 pairs."""
        errors = []
        for index in _spread(len(self._val), VALIDATION_PAIRS):
            pair = self._val.pair(index, None)
            difference = np.abs(self.paint(pair.condition[None])[0].astype(np.float32) - pair.target).mean(axis=-1)
            errors.append(np.average(difference, weights=pair.weight))
        return {"score": float(np.mean(errors))}

    def paint(self, conditions: np.ndarray) -> np.ndarray:
        """Return the averaged generator's pictures of ``conditions`` (B, S, S, 3) uint8: the same shape, uint8."""
        return _to_bytes(self._paint(_to_unit(conditions)).numpy())

    def save_weights(self, path: Path) -> None:
        """Write the averaged generator's weights."""
        save_weights(self.ema, path)

    def sample(self, folder: Path, step: int) -> None:
        """Write validation pairs as rows of condition, painted, target."""
        pairs = [self._val.pair(index, None) for index in _spread(len(self._val), SAMPLE_ROWS)]
        rows = [np.hstack([pair.condition, self.paint(pair.condition[None])[0], pair.target]) for pair in pairs]
        save_picture(np.vstack(rows), folder / f"step_{step:07d}.png")

    def variables(self) -> list[keras.Variable]:
        """Return both networks, the averaged generator and both optimizers."""
        return [
            *self.generator.variables,
            *self.ema.variables,
            *self.discriminator.variables,
            *self._painting.variables,
            *self._judging.variables,
        ]

    def _step(
        self, condition: Any, target: Any, weight: Any, rate: Any, decay: Any, *, adversarial: bool
    ) -> dict[str, Any]:
        import tensorflow as tf

        from obamanet.networks.unet import adversarial_loss, l1_loss

        options = self.options
        self._painting.learning_rate.assign(rate)
        losses: dict[str, Any] = {}
        with tf.GradientTape() as painting:
            painted = self.generator(condition, training=True)
            losses["l1"] = l1_loss(target, painted, weight)
            total = options.l1_weight * losses["l1"]
            if adversarial:
                losses["generator"] = adversarial_loss(self.discriminator([condition, painted], training=True), True)
                total = total + options.gan_weight * losses["generator"]
        variables = self.generator.trainable_variables
        self._painting.apply(painting.gradient(total, variables), variables)
        if adversarial:
            self._judging.learning_rate.assign(rate)
            with tf.GradientTape() as judging:
                real = self.discriminator([condition, target], training=True)
                fake = self.discriminator([condition, tf.stop_gradient(painted)], training=True)
                # Halved, so that the discriminator learns slower than the generator (paper, section 3.3).
                losses["discriminator"] = (adversarial_loss(real, True) + adversarial_loss(fake, False)) / 2
            variables = self.discriminator.trainable_variables
            self._judging.apply(judging.gradient(losses["discriminator"], variables), variables)
        for smooth, current in zip(self.ema.trainable_variables, self.generator.trainable_variables, strict=True):
            smooth.assign(smooth + (1 - decay) * (current - smooth))
        return losses


def draw_batch(source: PairSource, options: TrainOptions, step: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the pairs of ``step``: each epoch goes through all pairs in an order of its own."""
    pairs = []
    for place in range(step * options.batch_size, (step + 1) * options.batch_size):
        epoch, position = divmod(place, len(source))
        pairs.append(
            source.pair(
                int(_order(options.seed, epoch, len(source))[position]), np.random.default_rng((options.seed, place))
            )
        )
    return (
        np.stack([pair.condition for pair in pairs]),
        np.stack([pair.target for pair in pairs]),
        np.stack([pair.weight for pair in pairs]),
    )


@lru_cache(maxsize=2)
def _order(seed: int, epoch: int, length: int) -> np.ndarray:
    return np.random.default_rng((seed, epoch)).permutation(length)


def _spread(length: int, count: int) -> list[int]:
    """Return up to ``count`` indices evenly over ``length``."""
    return sorted({int(i) for i in np.linspace(0, length - 1, min(count, length)).round()})


def _to_unit(pictures: np.ndarray) -> Any:
    import tensorflow as tf

    return tf.constant(pictures.astype(np.float32) / 127.5 - 1.0)


def _to_bytes(pictures: np.ndarray) -> np.ndarray:
    return np.clip((pictures + 1.0) * 127.5 + 0.5, 0, 255).astype(np.uint8)
