"""The layers of Chung's SyncNet, for weights that somebody else trained (Chung and Zisserman 2016).

Layers and the names of their weights are those of ``syncnet_v2.model`` (github.com/joonson/syncnet_python). One thing
is written otherwise and gives the same numbers: a convolution over all five frames of a window is one over 15 channels.
:mod:`obamanet.engine.syncnet_v2_graph` makes the network of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

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
    """Max pooling over 3 x 3 values; ``pad`` is the border on each side."""

    strides: tuple[int, int]
    pad: int = 0


@dataclass(frozen=True)
class Convolution:
    """A convolution, its layer's ``number`` in the stream; batch normalisation and a rectifier follow it."""

    number: int
    filters: int
    kernel: tuple[int, int] = (3, 3)
    stride: int = 1
    pad: int = 1
    pool: Pool | None = None


@dataclass(frozen=True)
class Stream:
    """One half of SyncNet.

    Attributes:
        convolutions_name: prefix of the weights of the convolutions.
        dense_name: prefix of the weights of the two dense layers.
        shape: of one input, (H, W, C).
        frames: video frames among the channels.
        convolutions: in order.
    """

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


def frame_channels(frames: Sequence[np.ndarray]) -> np.ndarray:
    """Returns five pictures (H, W, 3) BGR as one array (H, W, 15): the blues in time, the greens, the reds."""
    return np.stack(frames, axis=-1).reshape(*frames[0].shape[:2], -1)


def weight_shapes() -> dict[str, tuple[int, ...]]:
    """Returns the name and shape of every weight of both streams, as PyTorch orders them."""
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
