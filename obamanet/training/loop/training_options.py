"""Options that the trainings share, and checks of their ranges."""

from __future__ import annotations

import math
from dataclasses import dataclass

from obamanet.errors import OptionError

MAX_SEED = 2**32 - 1
"""Largest seed of NumPy's legacy generator, which Keras seeds too."""

MAX_AMOUNT = 1_000_000_000
"""Largest number of steps, examples or filters that is accepted; a larger one is a typing error."""


@dataclass(frozen=True)
class TrainingOptions:
    """Options of every training; a subclass sets its own defaults and adds its own options.

    Attributes:
        steps: steps of the whole training.
        batch_size: examples per step.
        learning_rate: Adam's at its peak.
        epoch_steps: steps between two evaluations.
        seed: of everything random.

    Raises:
        OptionError: an option is out of range.
    """

    steps: int = 1000
    batch_size: int = 16
    learning_rate: float = 2e-3
    epoch_steps: int = 100
    seed: int = 1

    def __post_init__(self) -> None:
        """Checks the ranges."""
        check_counts(steps=self.steps, batch_size=self.batch_size, epoch_steps=self.epoch_steps)
        check_learning_rate(self.learning_rate)
        check_seed(self.seed)


@dataclass(frozen=True)
class EmaOptions(TrainingOptions):
    """Options of a training that averages the weights.

    Attributes:
        ema_decay: decay of the exponential moving average of the weights, 0 for none to below 1.
    """

    ema_decay: float = 0.99

    def __post_init__(self) -> None:
        """Checks the ranges."""
        super().__post_init__()
        if not 0 <= self.ema_decay < 1:
            raise OptionError(f"ema_decay must be from 0 to below 1: got {self.ema_decay}")


def check_counts(**counts: int) -> None:
    """Raises :class:`OptionError` for a count, named as its option, below 1 or above MAX_AMOUNT."""
    for name, count in counts.items():
        if not 1 <= count <= MAX_AMOUNT:
            at_most = f" and at most {MAX_AMOUNT}" if count > MAX_AMOUNT else ""
            raise OptionError(f"{name.replace('_', ' ')} must be at least 1{at_most}: got {count}")


def check_learning_rate(rate: float) -> None:
    """Raises :class:`OptionError` for a learning rate that does not lie between 0 and 1."""
    if not 0 < rate < 1:
        raise OptionError(f"learning rate must lie between 0 and 1: got {rate}")


def check_seed(seed: int) -> None:
    """Raises :class:`OptionError` for a seed outside 0 to MAX_SEED."""
    if not 0 <= seed <= MAX_SEED:
        raise OptionError(f"seed is out of range: got {seed}, allowed is 0 to {MAX_SEED}")


def check_amounts(**amounts: float) -> None:
    """Raises :class:`OptionError` for an amount, named as its option, that is below 0 or not finite."""
    for name, amount in amounts.items():
        if not 0 <= amount < math.inf:
            raise OptionError(f"{name.replace('_', ' ')} must be a number of at least 0: got {amount}")
