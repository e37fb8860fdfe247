"""The lip reader's graph: convolutions over the picture, then over time.

After Martinez et al. 2020 (Lipreading using Temporal Convolutional Networks), at a hundredth of its size and with a
score for every word in every frame instead of one word for the whole clip.
"""

from __future__ import annotations

from typing import Final

import keras
from keras import layers

from obamanet.networks.config import LipReaderConfig

DILATIONS: Final = (1, 2, 4)
"""Frames between the five taps of each convolution over time; the receptive field is 29 frames, over a second."""


def build_lip_reader(config: LipReaderConfig) -> keras.Model:
    """Returns the graph: windows (B, T, height, width), normalised over the clip, to logits (B, T, classes)."""
    windows = keras.Input((None, config.height, config.width), name="windows")
    x: keras.KerasTensor = layers.Reshape((-1, config.height, config.width, 1))(windows)
    for number, filters in enumerate(config.filters):
        # (time, row, column); the first spans three frames, so that it detects movement.
        kernel = (3, 5, 5) if number == 0 else (1, 3, 3)
        x = layers.Conv3D(filters, kernel, (1, 2, 2), padding="same", use_bias=False, name=f"conv{number}")(x)
        x = layers.BatchNormalization(momentum=0.95, name=f"norm{number}")(x)
        x = layers.ReLU()(x)
    x = layers.Reshape((-1, x.shape[2] * x.shape[3] * x.shape[4]))(x)
    x = layers.Dropout(config.dropout)(x)
    x = layers.Dense(config.units, name="frame")(x)
    for number, dilation in enumerate(DILATIONS):
        y = layers.BatchNormalization(momentum=0.95, name=f"time_norm{number}")(x)
        y = layers.Dropout(config.dropout)(layers.ReLU()(y))
        y = layers.Conv1D(config.units, 5, padding="same", dilation_rate=dilation, name=f"time{number}")(y)
        x = layers.Add()([x, y])
    x = layers.BatchNormalization(momentum=0.95, name="words_norm")(x)
    x = layers.Dropout(config.dropout)(layers.ReLU()(x))
    return keras.Model(windows, layers.Dense(config.classes, name="words")(x), name="lip_reader")
