"""What every training of one network by one sum of losses shares: averaged weights, a falling learning rate, a step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from obamanet.errors import OptionError

if TYPE_CHECKING:
    import keras


MAX_SEED = 2**32 - 1
"""NumPy's legacy generator, which Keras seeds too, takes no more."""

MAX_AMOUNT = 1_000_000_000
"""Largest number of steps, examples or filters that is not taken for a slip of the hand."""


class OptimiserOptions(Protocol):
    """The options by which a :class:`EmaLearner` learns."""

    @property
    def steps(self) -> int:
        """How many steps the whole training has."""
        ...

    @property
    def batch_size(self) -> int:
        """Examples per step."""
        ...

    @property
    def epoch_steps(self) -> int:
        """Steps between two evaluations."""
        ...

    @property
    def learning_rate(self) -> float:
        """Size of the first steps."""
        ...

    @property
    def ema_decay(self) -> float:
        """Decay of the running mean of weights, 0 to below 1."""
        ...

    @property
    def seed(self) -> int:
        """What everything random is drawn from."""
        ...


@dataclass(frozen=True)
class Losses:
    """The ``total`` that is made smaller, and what the log is ``told``; scalars of the graph."""

    total: Any
    told: dict[str, Any]


class EmaLearner(ABC):
    """A network, the running mean of its weights (Polyak and Juditsky 1992), and Adam.

    Stored and validated is the running mean. Subclasses complete :class:`obamanet.training.loop.runner.Learner`.
    """

    def __init__(
        self,
        build: Callable[[], keras.Model],
        course: OptimiserOptions,
        *,
        weight_decay: float | None = None,
        warm_up: int = 1,
    ) -> None:
        import keras
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
        keras.utils.set_random_seed(course.seed)
        self._course, self._warm_up = course, warm_up
        self._network, self._ema = build(), build()
        self._ema.set_weights(self._network.get_weights())
        self._optimizer = keras.optimizers.Adam(course.learning_rate, weight_decay=weight_decay, global_clipnorm=1.0)
        self._optimizer.build(self._network.trainable_variables)
        self._traced = tf.function(self._step, autograph=False)

    @abstractmethod
    def losses(self, *batch: Any) -> Losses:
        """Return the losses of the network, in training, on the arrays of a ``batch`` as tensors."""

    def variables(self) -> list[keras.Variable]:
        """Return network, averaged copy and optimizer; dropout's random state is part of the network's."""
        return [*self._network.variables, *self._ema.variables, *self._optimizer.variables]

    def step(self, batch: tuple[np.ndarray, ...], number: int) -> dict[str, float]:
        """Learn from the arrays of ``batch`` as step ``number``; returns the losses."""
        import tensorflow as tf

        decay = min(self._course.ema_decay, (1 + number) / (10 + number))
        rate = falling_rate(self._course.learning_rate, number, self._course.steps, self._warm_up)
        told = self._traced(tf.constant(rate, tf.float32), tf.constant(decay, tf.float32), *map(tf.constant, batch))
        return {name: float(value) for name, value in told.items()}

    def save_weights(self, path: Path) -> None:
        """Write the averaged network's weights."""
        from obamanet.networks.weights import save_weights

        save_weights(self._ema, path)

    def _step(self, rate: Any, decay: Any, *batch: Any) -> dict[str, Any]:
        import tensorflow as tf

        self._optimizer.learning_rate.assign(rate)
        with tf.GradientTape() as tape:
            losses = self.losses(*batch)
        variables = self._network.trainable_variables
        self._optimizer.apply(tape.gradient(losses.total, variables), variables)
        for smooth, current in zip(self._ema.weights, self._network.weights, strict=True):
            smooth.assign(smooth + (1 - decay) * (current - smooth))
        return losses.told


def falling_rate(highest: float, number: int, steps: int, warm_up: int) -> float:
    """Return the learning rate of step ``number``: up over ``warm_up`` steps, down to 0 along half a cosine."""
    return highest * min(1.0, (1 + number) / warm_up) * 0.5 * float(1 + np.cos(np.pi * number / steps))


def check_training(learning_rate: float, seed: int, **counts: int) -> None:
    """Raise :class:`OptionError` for a rate outside 0 to 1, a bad seed, or a count, named as its option, below 1."""
    for name, count in counts.items():
        if not 1 <= count <= MAX_AMOUNT:
            raise OptionError(f"{name.replace('_', ' ')} must be at least 1{_at_most(count)}: got {count}")
    if not 0 < learning_rate < 1:
        raise OptionError(f"learning rate must lie between 0 and 1: got {learning_rate}")
    check_seed(seed)


def check_seed(seed: int) -> None:
    """Raise :class:`OptionError` for a seed that not every random generator takes."""
    if not 0 <= seed <= MAX_SEED:
        raise OptionError(f"seed is out of range: got {seed}, allowed is 0 to {MAX_SEED}")


def check_amounts(**amounts: float) -> None:
    """Raise :class:`OptionError` for an amount, named as its option, that is below 0 or no finite number."""
    for name, amount in amounts.items():
        if not 0 <= amount < np.inf:
            raise OptionError(f"{name.replace('_', ' ')} must be a number of at least 0: got {amount}")


def check_optimiser_options(course: OptimiserOptions) -> None:
    """Raise :class:`OptionError` for a course whose steps, batches, learning rate, ema_decay or seed cannot be."""
    counts = {name: getattr(course, name) for name in ("steps", "batch_size", "epoch_steps")}
    check_training(course.learning_rate, course.seed, **counts)
    if not 0 <= course.ema_decay < 1:
        raise OptionError(f"ema_decay must be from 0 to below 1: got {course.ema_decay}")


def _at_most(count: int) -> str:
    return f" and at most {MAX_AMOUNT}" if count > MAX_AMOUNT else ""
