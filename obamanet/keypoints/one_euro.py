"""The One-Euro filter: smooths what is measured while it is measured (Casiez, Roussel and Vogel 2012)."""

from __future__ import annotations

import math

import numpy as np

SPEED_CUTOFF = 1.0
"""Hz. Cut-off of the low-pass on the speed, the paper's own."""


class OneEuroFilter:
    """A first-order low-pass whose cut-off rises with the speed: little jitter at rest, little delay in movement.

    Every number is filtered on its own; its cut-off is ``min_cutoff + beta * |speed|``.

    Args:
        min_cutoff: Hz, the cut-off at rest.
        beta: Hz per unit of speed.
    """

    def __init__(self, min_cutoff: float, beta: float) -> None:
        self._min_cutoff, self._beta = min_cutoff, beta
        self._time: float | None = None

    def reset(self) -> None:
        """Forgets what came before; the next values are returned as they are."""
        self._time = None

    def next(self, values: np.ndarray, time: float, unit: float = 1.0) -> np.ndarray:
        """Returns the smoothed ``values``, of their shape, float64.

        Args:
            values: measured at ``time``, of any shape, the same in every call.
            time: seconds; after the one of the call before, or the earlier result is returned again.
            unit: size, in units of ``values``, in which the speed is counted.
        """
        if self._time is None:
            self._values, self._speed = values.astype(np.float64), np.zeros(values.shape)
            self._measured, self._time = self._values, time
            return self._values
        step = time - self._time
        if step <= 0:
            return self._values
        speed = (values - self._measured) / step
        self._speed = self._speed + _share(SPEED_CUTOFF, step) * (speed - self._speed)
        cutoff = self._min_cutoff + self._beta * np.abs(self._speed) / unit
        self._values = self._values + _share(cutoff, step) * (values - self._values)
        self._measured, self._time = values.astype(np.float64), time
        return self._values

    def delay(self, speed: float = 0.0) -> float:
        """Returns by how many seconds the result lags behind values that change at a constant ``speed``, in units per
        second: ``1 / (2 pi cutoff)``, whatever the frame rate.
        """
        return 1.0 / (2.0 * math.pi * (self._min_cutoff + self._beta * speed))


def _share(cutoff: np.ndarray | float, step: float) -> np.ndarray | float:
    """Returns the weight of the new value in a low-pass of ``cutoff`` Hz after ``step`` seconds."""
    return 1.0 / (1.0 + 1.0 / (2.0 * math.pi * cutoff * step))
