"""The graph from timed speech sounds to mouth poses: bidirectional LSTM layers and a softmax over the poses.

What will be said is known when a text is spoken, so that a frame may be told by the sounds after it as well as by those
before: that is where co-articulation comes from.
"""

from __future__ import annotations

import keras
from keras import layers

from obamanet.networks.config import PoserConfig


def build_poser(config: PoserConfig) -> keras.Model:
    """Return the graph: inputs (B, T, inputs) to the weight of each pose (B, T, poses), whose rows have sum 1."""
    sounds = keras.Input((None, config.inputs), name="sounds")
    x: keras.KerasTensor = layers.Dense(config.units, activation="tanh", name="sound")(sounds)
    for number in range(config.layers):
        x = layers.Dropout(config.dropout)(x)
        x = layers.Bidirectional(layers.LSTM(config.units, return_sequences=True), name=f"lstm{number}")(x)
    x = layers.Dropout(config.dropout)(x)
    return keras.Model(sounds, layers.Dense(config.poses, activation="softmax", name="poses")(x), name="poser")
