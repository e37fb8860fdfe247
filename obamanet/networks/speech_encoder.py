"""The graph from log-mel features to speaker-independent speech features.

Stem and blocks are those of Whisper's encoder (Radford et al. 2022, section 2.2), but each step attends to nearby steps
only, with a learned bias per distance instead of a position embedding. So the features do not depend on absolute time,
and a long sound can be encoded chunk by chunk.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from obamanet.networks.config import NORM_EPSILON, EncoderConfig

MASKED = -1e9
"""Attention score of a step out of reach."""


@keras.saving.register_keras_serializable("obamanet")
class Offset(layers.Layer):
    """Adds one learned vector to every step, (B, T, W) to the same; replaces Whisper's position embedding."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.offset = self.add_weight(name="offset", shape=(input_shape[-1],), initializer="zeros")

    def call(self, inputs: Any) -> Any:
        return inputs + self.offset


@keras.saving.register_keras_serializable("obamanet")
class LocalAttention(layers.Layer):
    """Self-attention over nearby steps with a learned bias per head and distance: (B, T, W) to the same.

    Relative positions of Shaw et al. 2018 in the scalar form of Raffel et al. 2020: softmax(q k / sqrt(W / heads) +
    bias[distance]).
    """

    def __init__(self, heads: int, before: int, after: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.heads, self.before, self.after = heads, before, after

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        width = int(input_shape[-1] or 0)
        self.query = layers.Dense(width, name="query")
        # Whisper's keys have no bias: it would cancel in the softmax.
        self.key = layers.Dense(width, use_bias=False, name="key")
        self.value = layers.Dense(width, name="value")
        self.out = layers.Dense(width, name="out")
        for part in (self.query, self.key, self.value, self.out):
            part.build(input_shape)
        self.distance = self.add_weight(
            name="distance", shape=(self.heads, self.before + self.after + 1), initializer="zeros"
        )

    def call(self, inputs: Any) -> Any:
        steps, width = ops.shape(inputs)[1], inputs.shape[-1]
        size = width // self.heads

        def split(values: Any) -> Any:
            return ops.transpose(ops.reshape(values, (-1, steps, self.heads, size)), (0, 2, 1, 3))

        query, key, value = split(self.query(inputs)), split(self.key(inputs)), split(self.value(inputs))
        ahead = ops.arange(steps)[None, :] - ops.arange(steps)[:, None]
        reached = ops.logical_and(ahead >= -self.before, ahead <= self.after)
        bias = ops.take(self.distance, ops.clip(ahead + self.before, 0, self.before + self.after), axis=1)
        scores = ops.matmul(query, ops.transpose(key, (0, 1, 3, 2))) / size**0.5 + bias
        weights = ops.softmax(ops.where(reached, scores, MASKED), axis=-1)
        attended = ops.transpose(ops.matmul(weights, value), (0, 2, 1, 3))
        return self.out(ops.reshape(attended, (-1, steps, width)))


def build_encoder(config: EncoderConfig) -> keras.Model:
    """Returns the speech encoder, without padding.

    Output t is centred on feature frame 2 t + 2. Outputs nearer to an end than the config's reach depend on fewer
    steps.

    Returns:
        Graph from features (B, F, bands) to encoded features (B, (F - 3) // 2, outputs).
    """
    features = keras.Input((None, config.bands), name="features")
    x = layers.Conv1D(config.width, 3, name="conv1")(features)
    x = layers.Activation(keras.activations.gelu, name="gelu1")(x)
    x = layers.Conv1D(config.width, 3, strides=2, name="conv2")(x)
    x = layers.Activation(keras.activations.gelu, name="gelu2")(x)
    x = Offset(name="offset")(x)
    for number in range(config.blocks):
        normed = layers.LayerNormalization(epsilon=NORM_EPSILON, name=f"attention_norm{number}")(x)
        x = x + LocalAttention(config.heads, config.before, config.after, name=f"attention{number}")(normed)
        normed = layers.LayerNormalization(epsilon=NORM_EPSILON, name=f"dense_norm{number}")(x)
        wide = layers.Activation(keras.activations.gelu, name=f"gelu_wide{number}")(
            layers.Dense(config.hidden, name=f"wide{number}")(normed)
        )
        x = x + layers.Dense(config.width, name=f"narrow{number}")(wide)
    return keras.Model(features, layers.Dense(config.outputs, name="outputs")(x), name="speech_encoder")
