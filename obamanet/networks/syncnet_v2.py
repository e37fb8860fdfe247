"""Chung's SyncNet as a Keras graph, for weights that somebody else trained (Chung and Zisserman 2016).

Layers and the names of their weights are those of ``syncnet_v2.model`` (github.com/joonson/syncnet_python). Two things
are written otherwise and give the same numbers: a convolution over all five frames of a window is one over 15 channels,
and each batch normalisation, whose statistics are fixed, is multiplied into the convolution before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import keras
import numpy as np
from keras import layers

WINDOW_FRAMES = 5
"""Frames at 25 per second under one embedding."""

FACE_SIDE = 224
"""Pixels. Side of the face picture."""

SOUND_STEPS = 20
"""MFCC frames of 10 ms under one embedding."""

CEPSTRUM = 13
"""Cepstral coefficients."""

HIDDEN, EMBEDDING = 512, 1024
"""Values of the last convolution, and of an embedding."""

NORM_EPSILON = 1e-5
"""Of batch normalisation in PyTorch."""


@dataclass(frozen=True)
class Pool:
    """A maximum over 3 x 3 values, every ``strides`` of them, with a border of ``pad``."""

    strides: tuple[int, int]
    pad: int = 0


@dataclass(frozen=True)
class Convolution:
    """A convolution with its place ``number`` in the stream; batch normalisation and rectifier follow it."""

    number: int
    filters: int
    kernel: tuple[int, int] = (3, 3)
    stride: int = 1
    pad: int = 1
    pool: Pool | None = None


@dataclass(frozen=True)
class Stream:
    """One half of SyncNet: the names of its two parts, the shape of its input (H, W, C), how many frames are in C."""

    convolutions_name: str
    dense_name: str
    shape: tuple[int, int, int]
    frames: int
    convolutions: tuple[Convolution, ...]


FACE = Stream(
    "netcnnlip",
    "netfclip",
    (FACE_SIDE, FACE_SIDE, 3 * WINDOW_FRAMES),
    WINDOW_FRAMES,
    (
        Convolution(0, 96, (7, 7), stride=2, pad=0, pool=Pool((2, 2))),
        Convolution(4, 256, (5, 5), stride=2, pool=Pool((2, 2), pad=1)),
        Convolution(8, 256),
        Convolution(11, 256),
        Convolution(14, 256, pool=Pool((2, 2))),
        Convolution(18, HIDDEN, (6, 6), pad=0),
    ),
)

SOUND = Stream(
    "netcnnaud",
    "netfcaud",
    (CEPSTRUM, SOUND_STEPS, 1),
    1,
    (
        Convolution(0, 64),
        Convolution(4, 192, pool=Pool((1, 2))),
        Convolution(8, 384),
        Convolution(11, 256),
        Convolution(14, 256, pool=Pool((2, 2))),
        Convolution(18, HIDDEN, (5, 4), pad=0),
    ),
)


def build_stream(stream: Stream, weights: Mapping[str, np.ndarray]) -> keras.Model:
    """Return the network of ``stream`` with ``weights``: (B, H, W, C) to embeddings (B, 1024).

    The face stream takes windows of pictures, 0 to 255, blue, green, red, whose 15 channels are :func:`frame_channels`;
    the sound stream (B, 13, 20, 1) MFCC. ``weights`` are those that :func:`weight_shapes` names, in those shapes.
    """
    inputs = keras.Input(stream.shape)
    x = inputs
    for item in stream.convolutions:
        x = layers.ZeroPadding2D(item.pad)(x) if item.pad else x
        kernel, bias = _convolution(stream, item, weights)
        convolution = layers.Conv2D(item.filters, item.kernel, strides=item.stride, activation="relu")
        x = convolution(x)
        convolution.set_weights([kernel, bias])
        if item.pool:
            # After a rectifier no value is below 0, so a border of zeros never wins.
            x = layers.ZeroPadding2D(item.pool.pad)(x) if item.pool.pad else x
            x = layers.MaxPooling2D(3, strides=item.pool.strides)(x)
    x = layers.Flatten()(x)
    name = stream.dense_name
    hidden, outputs = layers.Dense(HIDDEN, activation="relu"), layers.Dense(EMBEDDING)
    x = outputs(hidden(x))
    hidden.set_weights(_normalised(weights[f"{name}.0.weight"].T, weights[f"{name}.0.bias"], f"{name}.1", weights))
    outputs.set_weights([weights[f"{name}.3.weight"].T, weights[f"{name}.3.bias"]])
    return keras.Model(inputs, x, name=stream.convolutions_name)


def frame_channels(frames: Sequence[np.ndarray]) -> np.ndarray:
    """Return a window of pictures (H, W, 3) as (H, W, 15): all five blues in time, then the greens, then the reds."""
    return np.stack(frames, axis=-1).reshape(*frames[0].shape[:2], -1)


def weight_shapes() -> dict[str, tuple[int, ...]]:
    """Return the name and shape of every weight of both streams, as PyTorch orders them."""
    shapes: dict[str, tuple[int, ...]] = {}
    for stream in (FACE, SOUND):
        channels = stream.shape[-1] // stream.frames
        depth: tuple[int, ...] = (stream.frames,) if stream.frames > 1 else ()
        for item in stream.convolutions:
            name = f"{stream.convolutions_name}.{item.number}"
            shapes[f"{name}.weight"] = (item.filters, channels, *depth, *item.kernel)
            shapes[f"{name}.bias"] = (item.filters,)
            shapes |= _norm_shapes(f"{stream.convolutions_name}.{item.number + 1}", item.filters)
            channels, depth = item.filters, (1,) if stream.frames > 1 else ()
        shapes[f"{stream.dense_name}.0.weight"] = (HIDDEN, HIDDEN)
        shapes[f"{stream.dense_name}.0.bias"] = (HIDDEN,)
        shapes |= _norm_shapes(f"{stream.dense_name}.1", HIDDEN)
        shapes[f"{stream.dense_name}.3.weight"] = (EMBEDDING, HIDDEN)
        shapes[f"{stream.dense_name}.3.bias"] = (EMBEDDING,)
    return shapes


def _norm_shapes(name: str, size: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.{part}": (size,) for part in ("weight", "bias", "running_mean", "running_var")}


def _convolution(stream: Stream, item: Convolution, weights: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Return kernel (h, w, in, out) and bias (out,) of ``item``, its normalisation multiplied in."""
    name = f"{stream.convolutions_name}.{item.number}"
    kernel = weights[f"{name}.weight"].reshape(item.filters, -1, *item.kernel)
    norm = f"{stream.convolutions_name}.{item.number + 1}"
    return _normalised(kernel.transpose(2, 3, 1, 0), weights[f"{name}.bias"], norm, weights)


def _normalised(kernel: np.ndarray, bias: np.ndarray, norm: str, weights: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Return ``kernel`` (..., out) and ``bias`` (out,) with the fixed batch normalisation ``norm`` multiplied in."""
    scale, shift, mean, variance = (
        weights[f"{norm}.{part}"].astype(np.float64) for part in ("weight", "bias", "running_mean", "running_var")
    )
    factor = scale / np.sqrt(variance + NORM_EPSILON)
    return [(kernel * factor).astype(np.float32), ((bias - mean) * factor + shift).astype(np.float32)]
