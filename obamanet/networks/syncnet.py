"""This project's SyncNet: a mouth stream and a sound stream into one embedding space (Chung and Zisserman 2016).

It is written for landmarks: both streams are 1-d convolutions over time without padding, so that a whole clip is
embedded in one pass and no embedding depends on anything outside its window.
"""

from __future__ import annotations

import keras
from keras import layers, ops

from obamanet.networks.config import SyncNetConfig


@keras.saving.register_keras_serializable("obamanet")
class Velocity(layers.Layer):
    """Appends central differences over time to the values; drops a frame at either end."""

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Returns (B, T - 2, 2 D) for (B, T, D)."""
        change = inputs[:, 2:] - inputs[:, :-2]
        return ops.concatenate([inputs[:, 1:-1], change], axis=-1)


@keras.saving.register_keras_serializable("obamanet")
class UnitLength(layers.Layer):
    """Divides each embedding by its Euclidean length, at least 1e-6."""

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Returns (B, T, D) of length 1 along the last axis."""
        return ops.normalize(inputs, axis=-1, order=2, epsilon=1e-6)


def build_syncnet(config: SyncNetConfig) -> keras.Model:
    """Builds the graph.

    Args:
        config: its sizes.

    Returns:
        Mouth (B, T, points) and sound (B, 4 S, bands) to embeddings (B, T - 12, size) and (B, S - 12, size) of length
        1. Embedding n depends on frames n to n + 12. T and S are video frames at 25 per second, at least 13 each, and
        may differ.
    """
    mouth = keras.Input((None, config.points), name="mouth")
    sound = keras.Input((None, config.bands), name="sound")
    x = Velocity(name="velocity")(mouth)
    for number, spread in enumerate((1, 1, 1, 2)):
        x = _block(x, config, f"mouth{number}", dilation=spread)
    y = _block(sound, config, "sound0", kernel=4, stride=2)
    y = _block(y, config, "sound1")
    y = _block(y, config, "sound2", stride=2)
    for number, spread in enumerate((1, 1, 1, 2), start=3):
        y = _block(y, config, f"sound{number}", dilation=spread)
    outputs = [
        UnitLength(name=f"{name}_embedding")(layers.Dense(config.size, name=f"{name}_out")(stream))
        for name, stream in (("mouth", x), ("sound", y))
    ]
    return keras.Model([mouth, sound], outputs, name="syncnet")


def _block(
    x: keras.KerasTensor, config: SyncNetConfig, name: str, kernel: int = 3, stride: int = 1, dilation: int = 1
) -> keras.KerasTensor:
    """Applies convolution, batch normalisation, rectifier and dropout of whole filters."""
    x = layers.Conv1D(
        config.width, kernel, strides=stride, dilation_rate=dilation, use_bias=False, name=f"{name}_conv"
    )(x)
    x = layers.BatchNormalization(name=f"{name}_norm", momentum=0.98)(x)
    x = layers.ReLU(name=f"{name}_relu")(x)
    return layers.SpatialDropout1D(config.dropout, name=f"{name}_dropout")(x)
