"""A trained run's folder, read back: its options and its generator, ready to paint."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from obamanet.errors import DatasetError
from obamanet.networks.config import GeneratorConfig
from obamanet.pix2pix.pairs import Direction
from obamanet.training.loop.runner import KEPT, read_options

if TYPE_CHECKING:
    import keras


class Which(StrEnum):
    """Which weights of a run are used."""

    BEST = "best"
    """The lowest error on the validation pairs."""

    LAST = "last"


@dataclass(frozen=True)
class Checkpoint:
    """A run's ``folder`` and what it was trained with; ``pairs`` is the number of training pairs."""

    folder: Path
    generator: GeneratorConfig
    direction: Direction
    pairs: int
    batch_size: int

    def weights(self, which: Which) -> Path:
        """Return the file of the best or the last weights."""
        return self.folder / f"{which}.weights.h5"

    def kept(self) -> dict[int, Path]:
        """Return the weights that training was told to keep, by their step, in order."""
        files = sorted((self.folder / KEPT).glob("step_*.weights.h5"))
        return {int(path.name.removeprefix("step_").removesuffix(".weights.h5")): path for path in files}

    def epoch(self, step: int) -> float:
        """Return how many times training had seen every pair after ``step``."""
        return step * self.batch_size / self.pairs


def load_checkpoint(folder: Path) -> Checkpoint:
    """Return what training left in ``folder``; raises :class:`DatasetError` when it is no run on pictures."""
    options = read_options(folder)
    try:
        return Checkpoint(
            folder,
            GeneratorConfig(**options["generator"]),
            Direction(options["folder"]["direction"]),
            int(options["folder"]["pairs"]),
            int(options["training"]["batch_size"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DatasetError(f"not a pix2pix run on a folder of pictures ({error!r}): {folder}") from error


def load_generator(config: GeneratorConfig, weights: Path) -> keras.Model:
    """Return the generator with ``weights``; raises :class:`DatasetError` when they are missing or do not fit."""
    if not weights.is_file():
        raise DatasetError(f"no such weights: {weights}; train first")
    from obamanet.networks.unet import build_generator

    generator = build_generator(config)
    try:
        generator.load_weights(weights)
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).partition("\n")[0]
        raise DatasetError(f"weights do not fit: {weights}: {reason}") from error
    return generator


class Painter:
    """A generator at work; pictures go through it one by one, so that none can change another."""

    def __init__(self, config: GeneratorConfig, weights: Path) -> None:
        import tensorflow as tf

        self._network = load_generator(config, weights)
        shape = (1, config.image_size, config.image_size, config.in_channels)
        self._run = tf.function(self._paint, input_signature=[tf.TensorSpec(shape, tf.uint8)], autograph=False)

    def paint(self, condition: np.ndarray) -> np.ndarray:
        """Return the picture for ``condition`` (S, S, 3) uint8 BGR: the same shape and type."""
        return np.asarray(self._run(condition[None]))[0]

    def _paint(self, conditions: object) -> object:
        import tensorflow as tf

        pictures = self._network(tf.cast(conditions, tf.float32) / 127.5 - 1.0, training=False)
        return tf.cast(tf.clip_by_value((pictures + 1.0) * 127.5 + 0.5, 0.0, 255.0), tf.uint8)
