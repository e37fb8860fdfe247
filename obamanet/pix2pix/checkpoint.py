"""Loads a pix2pix run: its options and its generator."""

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
    """Weights of a run."""

    BEST = "best"
    """Those with the lowest error on the validation pairs."""

    LAST = "last"
    """Those of the last step."""


@dataclass(frozen=True)
class Checkpoint:
    """A pix2pix run on a folder of pictures.

    Attributes:
        folder: the run's.
        generator: sizes of the generator.
        direction: which half of a picture is the condition.
        pairs: number of training pairs.
        batch_size: pairs per step.
    """

    folder: Path
    generator: GeneratorConfig
    direction: Direction
    pairs: int
    batch_size: int

    def weights(self, which: Which) -> Path:
        """Returns the file of the best or the last weights."""
        return self.folder / f"{which}.weights.h5"

    def kept(self) -> dict[int, Path]:
        """Returns the files of the weights kept at certain steps, by step in ascending order."""
        files = sorted((self.folder / KEPT).glob("step_*.weights.h5"))
        return {int(path.name.removeprefix("step_").removesuffix(".weights.h5")): path for path in files}

    def epoch(self, step: int) -> int:
        """Returns the number of epochs, passes over all training pairs, that are through after ``step`` steps."""
        return step * self.batch_size // self.pairs


def load_checkpoint(folder: Path) -> Checkpoint:
    """Returns the run in ``folder``; raises :class:`DatasetError` when it is no run on a folder of pictures."""
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
    """Returns the generator of ``config`` with ``weights``; raises :class:`DatasetError` when they do not fit."""
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
    """Runs a generator on one picture at a time, so that no picture affects another.

    Raises :class:`DatasetError` for weights that are missing or do not fit.
    """

    def __init__(self, config: GeneratorConfig, weights: Path) -> None:
        import tensorflow as tf

        self._network = load_generator(config, weights)
        shape = (1, config.image_size, config.image_size, config.in_channels)
        self._run = tf.function(self._paint, input_signature=[tf.TensorSpec(shape, tf.uint8)], autograph=False)

    def paint(self, condition: np.ndarray) -> np.ndarray:
        """Returns the generator's output for ``condition`` (S, S, 3) uint8 BGR: same shape and type."""
        return np.asarray(self._run(condition[None]))[0]

    def _paint(self, conditions: object) -> object:
        import tensorflow as tf

        pictures = self._network(tf.cast(conditions, tf.float32) / 127.5 - 1.0, training=False)
        return tf.cast(tf.clip_by_value((pictures + 1.0) * 127.5 + 0.5, 0.0, 255.0), tf.uint8)
