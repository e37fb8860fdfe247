"""Base class for training one network with one summed loss: Adam, cosine learning rate, averaged weights."""

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
"""Largest seed of NumPy's legacy generator, which Keras seeds too."""

MAX_AMOUNT = 1_000_000_000
"""Largest number of steps, examples or filters that is accepted; a larger one is a typing error."""


class OptimiserOptions(Protocol):
    """The options that a :class:`EmaLearner` needs; the options of every training have them."""

    @property
    def steps(self) -> int:
        """Steps of the whole training."""
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
        """Peak learning rate, above 0 and below 1."""
        ...

    @property
    def ema_decay(self) -> float:
        """Decay of the exponential moving average of the weights, 0 to below 1."""
        ...

    @property
    def seed(self) -> int:
        """Seed of every random generator, 0 to MAX_SEED."""
        ...


@dataclass(frozen=True)
class Losses:
    """The ``total`` that is minimised, and the ``reported`` losses by name, for the log; scalar tensors."""

    total: Any
    reported: dict[str, Any]


class EmaLearner(ABC):
    """A network, the exponential moving average (EMA) of its weights (Polyak and Juditsky 1992), and Adam.

    The averaged network is what is validated and saved. Subclasses add ``losses``, ``validate`` and ``sample`` and so
    become a :class:`obamanet.training.loop.runner.Learner`.

    Args:
        build: makes the network; called twice, for the network and for its average.
        options: steps, peak learning rate, decay of the average and seed.
        weight_decay: Adam's decoupled weight decay; None for none.
        warm_up: steps over which the learning rate rises to its peak.
    """

    def __init__(
        self,
        build: Callable[[], keras.Model],
        options: OptimiserOptions,
        *,
        weight_decay: float | None = None,
        warm_up: int = 1,
    ) -> None:
        import keras
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
        keras.utils.set_random_seed(options.seed)
        self._optimiser_options, self._warm_up = options, warm_up
        self._network, self._ema = build(), build()
        self._ema.set_weights(self._network.get_weights())
        self._optimizer = keras.optimizers.Adam(options.learning_rate, weight_decay=weight_decay, global_clipnorm=1.0)
        self._optimizer.build(self._network.trainable_variables)
        self._traced = tf.function(self._step, autograph=False)

    @abstractmethod
    def losses(self, *batch: Any) -> Losses:
        """Returns the losses of the network in training mode on the tensors of one ``batch``."""

    def variables(self) -> list[keras.Variable]:
        """Returns the variables of network, average and optimizer; the network's include dropout's random state."""
        return [*self._network.variables, *self._ema.variables, *self._optimizer.variables]

    def step(self, batch: tuple[np.ndarray, ...], number: int) -> dict[str, float]:
        """Does step ``number``, counted from 0, on the arrays of ``batch``, and returns the losses by name."""
        import tensorflow as tf

        decay = min(self._optimiser_options.ema_decay, (1 + number) / (10 + number))
        rate = cosine_rate(self._optimiser_options.learning_rate, number, self._optimiser_options.steps, self._warm_up)
        reported = self._traced(tf.constant(rate, tf.float32), tf.constant(decay, tf.float32), *map(tf.constant, batch))
        return {name: float(value) for name, value in reported.items()}

    def save_weights(self, path: Path) -> None:
        """Writes the averaged network's weights."""
        from obamanet.networks.weights import save_weights

        save_weights(self._ema, path)

    def _step(self, rate: Any, decay: Any, *batch: Any) -> dict[str, Any]:
        import tensorflow as tf

        self._optimizer.learning_rate.assign(rate)
        with tf.GradientTape() as tape:
            losses = self.losses(*batch)
        variables = self._network.trainable_variables
        self._optimizer.apply(tape.gradient(losses.total, variables), variables)
        for average, current in zip(self._ema.weights, self._network.weights, strict=True):
            average.assign(average + (1 - decay) * (current - average))
        return losses.reported


def cosine_rate(peak: float, number: int, steps: int, warm_up: int) -> float:
    """Returns the learning rate of step ``number``: linear warm-up times half a cosine (Loshchilov and Hutter 2017).

    Args:
        peak: the rate that warm-up leads to.
        number: the step, from 0.
        steps: steps of the whole training; at this step the rate is 0.
        warm_up: steps of the warm-up, at least 1.
    """
    return peak * min(1.0, (1 + number) / warm_up) * 0.5 * float(1 + np.cos(np.pi * number / steps))


def check_training(learning_rate: float, seed: int, **counts: int) -> None:
    """Raises :class:`OptionError` for a rate outside 0 to 1, a bad seed, or a count, named as its option, below 1."""
    for name, count in counts.items():
        if not 1 <= count <= MAX_AMOUNT:
            raise OptionError(f"{name.replace('_', ' ')} must be at least 1{_at_most(count)}: got {count}")
    if not 0 < learning_rate < 1:
        raise OptionError(f"learning rate must lie between 0 and 1: got {learning_rate}")
    check_seed(seed)


def check_seed(seed: int) -> None:
    """Raises :class:`OptionError` for a seed outside 0 to MAX_SEED."""
    if not 0 <= seed <= MAX_SEED:
        raise OptionError(f"seed is out of range: got {seed}, allowed is 0 to {MAX_SEED}")


def check_amounts(**amounts: float) -> None:
    """Raises :class:`OptionError` for an amount, named as its option, that is below 0 or not finite."""
    for name, amount in amounts.items():
        if not 0 <= amount < np.inf:
            raise OptionError(f"{name.replace('_', ' ')} must be a number of at least 0: got {amount}")


def check_optimiser_options(options: OptimiserOptions) -> None:
    """Raises :class:`OptionError` for steps, batch size, learning rate, ema_decay or seed out of range."""
    counts = {name: getattr(options, name) for name in ("steps", "batch_size", "epoch_steps")}
    check_training(options.learning_rate, options.seed, **counts)
    if not 0 <= options.ema_decay < 1:
        raise OptionError(f"ema_decay must be from 0 to below 1: got {options.ema_decay}")


def _at_most(count: int) -> str:
    return f" and at most {MAX_AMOUNT}" if count > MAX_AMOUNT else ""
