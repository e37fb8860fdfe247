"""The networks of the face swap: one encoder for two faces, a decoder for each, and discriminators.

The form is that of the first deepfakes autoencoder: strided convolutions to 4x4, a dense bottleneck, and sub-pixel
convolutions up again. With self-attention and a painted mask it is the generator of its adversarial successor.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from obamanet.networks.config import SwapConfig
from obamanet.networks.layers import InstanceNormalisation, PixelShuffle

ENCODER_LEAK, LEAK = 0.1, 0.2
"""Slopes of the leaky rectifiers in encoder and decoders, and in the discriminators."""

ATTENTION_SIDE = 16
"""Pixels of a picture at which places see each other: at 32x32 attention would cost 16 times as much."""


@keras.saving.register_keras_serializable("obamanet")
class SelfAttention(keras.layers.Layer):
    """Adds to each place what it draws from all others: (B, H, W, C) to the same (Zhang et al. 2019, section 3).

    ``y = gamma * softmax(f(x) g(x)^T) h(x) + x`` with 1x1 convolutions f and g to C / 8 channels and h to C; gamma
    begins at 0, so that the layer begins as the identity.
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        channels = input_shape[-1]
        assert channels is not None
        small = max(1, channels // 8)
        self.query, self.key, self.value = (
            self.add_weight(name=name, shape=(channels, size), initializer="glorot_uniform")
            for name, size in (("query", small), ("key", small), ("value", channels))
        )
        self.gamma = self.add_weight(name="gamma", shape=(), initializer="zeros")

    def call(self, inputs: Any) -> Any:
        _, height, width, channels = inputs.shape
        places = ops.reshape(inputs, (-1, channels))
        query, key, value = (
            ops.reshape(ops.matmul(places, weight), (-1, height * width, weight.shape[1]))
            for weight in (self.query, self.key, self.value)
        )
        seen = ops.softmax(ops.matmul(query, ops.transpose(key, (0, 2, 1))), axis=-1)
        drawn = ops.reshape(ops.matmul(seen, value), (-1, height, width, channels))
        return self.gamma * drawn + inputs


def build_swap_encoder(config: SwapConfig) -> keras.Model:
    """Returns the encoder: faces (B, S, S, 3) in [0, 1] to their codes (B, 8, 8, 4 * width)."""
    inputs = keras.Input((config.image_size, config.image_size, 3))
    x, side = inputs, config.image_size
    level = 0
    while side > 4:
        filters = min(config.width * 2**level, 8 * config.width)
        x = layers.Conv2D(filters, 5, strides=2, padding="same", name=f"down{level}")(x)
        x = layers.LeakyReLU(ENCODER_LEAK)(x)
        side, level = side // 2, level + 1
        if config.self_attention and side == ATTENTION_SIDE:
            x = SelfAttention(name="attention")(x)
    x = layers.Dense(config.code, name="code")(layers.Flatten()(x))
    x = layers.Dense(4 * 4 * 8 * config.width, name="decode")(x)
    x = layers.Reshape((4, 4, 8 * config.width))(x)
    return keras.Model(inputs, _up(x, 4 * config.width, "up"), name="swap_encoder")


def build_swap_decoder(config: SwapConfig, name: str = "swap_decoder") -> keras.Model:
    """Returns a decoder called ``name``.

    Returns:
        Graph from codes (B, 8, 8, 4 * width), to be run by :func:`paint`.
    """
    inputs = keras.Input(config.code_shape)
    x, side, level = inputs, 8, 0
    while side < config.image_size:
        x = _up(x, max(2 * config.width >> level, config.width // 2), f"up{level}")
        side, level = 2 * side, level + 1
        if config.self_attention and side == ATTENTION_SIDE:
            x = SelfAttention(name="attention")(x)
    picture = layers.Conv2D(3, 5, padding="same", activation="sigmoid", name="picture")(x)
    if not config.mask:
        return keras.Model(inputs, picture, name=name)
    mask = layers.Conv2D(1, 5, padding="same", activation="sigmoid", name="mask")(x)
    return keras.Model(inputs, [picture, mask], name=name)


def build_swap(config: SwapConfig) -> keras.Model:
    """Returns encoder and decoders as one network, whose weights are kept in one file.

    Returns:
        Graph from a face of A and one of B, (B, S, S, 3) in [0, 1] each, to their own pictures; its parts are layers
        called "swap_encoder", "decoder_a" and "decoder_b".
    """
    encoder = build_swap_encoder(config)
    faces = [keras.Input((config.image_size, config.image_size, 3)) for _ in "ab"]
    decoders = [build_swap_decoder(config, f"decoder_{side}") for side in "ab"]
    pictures = [paint(decoder, encoder(face))[0] for decoder, face in zip(decoders, faces, strict=True)]
    return keras.Model(faces, pictures, name="swap")


def paint(decoder: keras.Model, codes: Any, *, training: bool = False) -> list[Any]:
    """Runs a decoder.

    Args:
        decoder: made by :func:`build_swap_decoder`.
        codes: of faces, shape (B, 8, 8, 4 * width).
        training: whether it is being trained.

    Returns:
        The picture (B, S, S, 3) in [0, 1] and, where its config says so, its mask (B, S, S, 1) in [0, 1].
    """
    painted = decoder(codes, training=training)
    return list(painted) if isinstance(painted, list | tuple) else [painted]


def build_swap_discriminator(config: SwapConfig, width: int = 64) -> keras.Model:
    """Returns a discriminator of patches.

    Args:
        config: sizes of the swap.
        width: filters of the first layer.

    Returns:
        Graph from the encoder's input and a picture of the same face, (B, S, S, 3) in [0, 1] each, to one value per
        patch (B, P, P, 1).
    """
    shape = (config.image_size, config.image_size, 3)
    given, picture = keras.Input(shape), keras.Input(shape)
    x = layers.Concatenate()([given, picture])
    for level in range(3):
        x = layers.Conv2D(width * 2**level, 4, strides=2, padding="same", name=f"down{level}")(x)
        x = InstanceNormalisation(name=f"norm{level}")(x) if level else x
        x = layers.LeakyReLU(LEAK)(x)
        if config.self_attention and x.shape[1] == ATTENTION_SIDE:
            x = SelfAttention(name="attention")(x)
    return keras.Model([given, picture], layers.Conv2D(1, 4, padding="same", name="patches")(x), name="discriminator")


def compose(alpha: Any, painted: Any, given: Any) -> Any:
    """Returns ``alpha * painted + (1 - alpha) * given``: exactly ``given`` where alpha is 0."""
    return alpha * painted + (1 - alpha) * given


def _up(x: Any, filters: int, name: str) -> Any:
    return layers.LeakyReLU(ENCODER_LEAK)(PixelShuffle(filters, name=name)(x))
