"""The graph from timed phonemes to mouth poses: bidirectional LSTM layers and a softmax over the poses.

Text is known in advance, so each frame depends on the phonemes after it as well as on those before: co-articulation.
"""

from __future__ import annotations

import keras
from keras import layers

from obamanet.networks.config import PoserConfig


def build_poser(config: PoserConfig) -> keras.Model:
    """Returns the poser: inputs (B, T, inputs) to weights of the poses (B, T, poses), whose rows sum to 1."""
    sounds = keras.Input((None, config.inputs), name="sounds")
    x: keras.KerasTensor = layers.Dense(config.units, activation="tanh", name="sound")(sounds)
    for number in range(config.layers):
        x = layers.Dropout(config.dropout)(x)
        x = layers.Bidirectional(layers.LSTM(config.units, return_sequences=True), name=f"lstm{number}")(x)
    x = layers.Dropout(config.dropout)(x)
    return keras.Model(sounds, layers.Dense(config.poses, activation="softmax", name="poses")(x), name="poser")
