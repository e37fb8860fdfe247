"""The pix2pix networks: U-Net generator and 70x70 PatchGAN discriminator (Isola et al. 2017, section 6.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops

from obamanet.networks.config import GeneratorConfig
from obamanet.networks.layers import InstanceNormalisation, PixelFold, PixelShuffle, ResizeConvolution

LEAK = 0.2
"""Slope of the leaky rectifiers (Isola et al. 2017, section 6.1)."""


def build_generator(config: GeneratorConfig) -> keras.Model:
    """Returns the U-Net generator.

    Differences from the paper: resize-convolution and pixel shuffle instead of transposed convolution (no checkerboard
    artefacts); instance normalisation instead of batch normalisation and no dropout (the result depends on the image
    only); and the bottleneck at 2x2, since normalising 1x1 would leave nothing.

    Returns:
        Graph from (B, S, S, in_channels) in [-1, 1] to (B, S, S, out_channels) in [-1, 1].
    """
    inputs = keras.Input((config.image_size, config.image_size, config.in_channels))
    depth = (config.image_size // config.fold).bit_length() - 2
    x = PixelFold(config.fold, name="fold")(inputs) if config.fold > 1 else inputs
    skips = []
    for level in range(depth):
        filters = config.channels(level)
        if level:
            x = layers.LeakyReLU(LEAK)(x)
        outermost, innermost = level == 0, level == depth - 1
        x = _down(filters, use_bias=outermost or innermost, name=f"down{level}")(x)
        if not (outermost or innermost):
            x = InstanceNormalisation(name=f"down{level}_norm")(x)
        skips.append(x)
    for level in reversed(range(depth)):
        if level < depth - 1:
            x = layers.Concatenate()([x, skips[level]])
        x = layers.ReLU()(x)
        if level == 0:
            x = PixelShuffle(config.out_channels, 2 * config.fold, name="up0")(x)
        else:
            x = ResizeConvolution(config.channels(level - 1), use_bias=False, name=f"up{level}")(x)
            x = InstanceNormalisation(name=f"up{level}_norm")(x)
    return keras.Model(inputs, layers.Activation("tanh", name="picture")(x), name="generator")


def build_discriminator(config: GeneratorConfig, width: int = 64, size: int | None = None) -> keras.Model:
    """Returns the PatchGAN discriminator; each logit judges a patch of 70x70 pixels.

    Args:
        config: sizes of the generator whose output is judged.
        width: filters of the first layer.
        size: side S of the judged pictures in pixels; None for the generator's.

    Returns:
        Graph from condition (B, S, S, in_channels) and image (B, S, S, out_channels) to the outputs of its four hidden
        layers, and last to logits, 30x30 for S = 256.
    """
    size = size or config.image_size
    condition = keras.Input((size, size, config.in_channels))
    picture = keras.Input((size, size, config.out_channels))
    x = layers.Concatenate()([condition, picture])
    hidden = []
    for level in range(3):
        x = _down(width * 2**level, use_bias=level == 0, name=f"disc{level}")(x)
        if level:
            x = InstanceNormalisation(name=f"disc{level}_norm")(x)
        x = layers.LeakyReLU(LEAK)(x)
        hidden.append(x)
    x = layers.ZeroPadding2D(1)(x)
    x = layers.Conv2D(width * 8, 4, use_bias=False, kernel_initializer=_normal(), name="disc3")(x)
    x = layers.LeakyReLU(LEAK)(InstanceNormalisation(name="disc3_norm")(x))
    hidden.append(x)
    x = layers.ZeroPadding2D(1)(x)
    logits = layers.Conv2D(1, 4, kernel_initializer=_normal(), name="logits")(x)
    return keras.Model([condition, picture], [*hidden, logits], name="discriminator")


def adversarial_loss(logits: Any, real: bool) -> Any:
    """Returns the mean binary cross-entropy of ``logits`` with real or fake labels (Isola et al. 2017, eq. 1)."""
    return ops.mean(ops.softplus(-logits) if real else ops.softplus(logits))


def matching_loss(real: Sequence[Any], painted: Sequence[Any]) -> Any:
    """Returns the mean absolute difference of a discriminator's hidden layers (Wang et al. 2018, eq. 4)."""
    return sum(ops.mean(ops.abs(one - other)) for one, other in zip(real, painted, strict=True)) / len(real)


def l1_loss(target: Any, painted: Any, weight: Any = 1.0) -> Any:
    """Returns the mean absolute difference of images (B, S, S, C), weighted per pixel by ``weight`` (B, S, S, 1)."""
    return ops.mean(ops.abs(target - painted) * weight)


def _down(filters: int, *, use_bias: bool, name: str) -> keras.layers.Layer:
    return layers.Conv2D(
        filters, 4, strides=2, padding="same", use_bias=use_bias, kernel_initializer=_normal(), name=name
    )


def _normal() -> keras.initializers.Initializer:
    # Standard deviation from the paper, section 6.2.
    return keras.initializers.RandomNormal(stddev=0.02)
