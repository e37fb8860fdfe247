"""Base class for training one network with one summed loss: Adam, cosine learning rate, averaged weights."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from obamanet.training.loop.training_options import EmaOptions

if TYPE_CHECKING:
    import keras


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
        options: EmaOptions,
        *,
        weight_decay: float | None = None,
        warm_up: int = 1,
    ) -> None:
        import keras
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
        keras.utils.set_random_seed(options.seed)
        self._training_options, self._warm_up = options, warm_up
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

        decay = min(self._training_options.ema_decay, (1 + number) / (10 + number))
        rate = cosine_rate(self._training_options.learning_rate, number, self._training_options.steps, self._warm_up)
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
