"""The graph from timed speech sounds to mouth poses: bidirectional LSTM layers and a softmax over the poses.

What will be said is known when a text is spoken, so that a frame may be told by the sounds after it as well as by those
before: that is where co-articulation comes from.
"""

from __future__ import annotations

from dataclasses import dataclass

import keras
from keras import layers

from obamanet.errors import OptionError


@dataclass(frozen=True)
class PoserConfig:
    """Sizes of a poser: ``inputs`` numbers per video frame, ``poses`` to choose from, ``layers`` of ``units`` cells."""

    inputs: int
    poses: int
    units: int = 64
    layers: int = 2
    dropout: float = 0.2

    def __post_init__(self) -> None:
        """Refuse sizes that give no network."""
        if not 1 <= self.layers <= 4 or not 8 <= self.units <= 1024:
            raise OptionError(
                f"poser size is wrong: got {self.layers} layers of {self.units}, allowed are 1 to 4 of 8 to 1024"
            )
        if self.inputs < 1 or self.poses < 2:
            raise OptionError(
                f"poser size is wrong: got {self.inputs} inputs and {self.poses} poses, needed are at least 1 and 2"
            )


def build_poser(config: PoserConfig) -> keras.Model:
    """Return the graph: inputs (B, T, inputs) to the weight of each pose (B, T, poses), whose rows have sum 1."""
    sounds = keras.Input((None, config.inputs), name="sounds")
    x: keras.KerasTensor = layers.Dense(config.units, activation="tanh", name="sound")(sounds)
    for number in range(config.layers):
        x = layers.Dropout(config.dropout)(x)
        x = layers.Bidirectional(layers.LSTM(config.units, return_sequences=True), name=f"lstm{number}")(x)
    x = layers.Dropout(config.dropout)(x)
    return keras.Model(sounds, layers.Dense(config.poses, activation="softmax", name="poses")(x), name="poser")
