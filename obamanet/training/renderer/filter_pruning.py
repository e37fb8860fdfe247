"""Begins a narrow generator with the filters of a wide one that count most."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras

Arrays = Mapping[str, list[np.ndarray]]
"""Weights of a generator by layer: a convolution's kernel and bias, a normalisation's scale and shift."""


def prune_filters(wide: keras.Model, narrow: keras.Model) -> None:
    """Sets the weights of ``narrow`` to those of the filters of ``wide`` that count most.

    A filter counts by the sum of its absolute weights (Li et al. 2017), here in the layers that read it, times its
    scale in the normalisation, since that undoes the size of its own weights. The deepest layers are as wide in both
    and stay whole.

    Args:
        wide: a trained graph of :func:`obamanet.networks.unet.build_generator`.
        narrow: one of a smaller width and otherwise equal sizes.
    """
    arrays = {layer.name: [np.asarray(array) for array in layer.get_weights()] for layer in wide.layers}
    layers = {layer.name: layer for layer in narrow.layers}
    depth = sum(name.startswith("down") and not name.endswith("_norm") for name in arrays)
    kept: dict[str, np.ndarray] = {}
    for level in range(depth):
        kept[f"down{level}"] = _strongest(arrays, f"down{level}", _down_strength(arrays, level), layers)
        if level:
            above = _inputs(arrays, level - 1)[: _filters(arrays, f"up{level}")]
            kept[f"up{level}"] = _strongest(arrays, f"up{level}", above, layers)
    for level in range(depth):
        down, up = f"down{level}", f"up{level}"
        kernel, *bias = arrays[down]
        kernel = kernel[:, :, kept[f"down{level - 1}"]] if level else kernel
        layers[down].set_weights([kernel[..., kept[down]], *(one[kept[down]] for one in bias)])
        kernel, *bias = arrays[up]
        # What comes from below, then the skip connection, as the graph concatenates them.
        read = kept[down]
        if level < depth - 1:
            read = np.concatenate([kept[f"up{level + 1}"], _filters(arrays, f"up{level + 1}") + read])
        if level:
            layers[up].set_weights([kernel[:, :, kept[up]][..., read]])
        else:
            layers[up].set_weights([kernel[:, :, read], *bias])
        for name in (down, up):
            if f"{name}_norm" in layers:
                layers[f"{name}_norm"].set_weights([one[kept[name]] for one in arrays[f"{name}_norm"]])


def _down_strength(arrays: Arrays, level: int) -> np.ndarray:
    """Returns how strongly each filter of layer ``down`` is read, by the next one and over its skip connection."""
    if f"up{level + 1}" not in arrays:
        return _inputs(arrays, level)
    skipped = _inputs(arrays, level)[_filters(arrays, f"up{level + 1}") :]
    return skipped + np.abs(arrays[f"down{level + 1}"][0]).sum(axis=(0, 1, 3))


def _inputs(arrays: Arrays, level: int) -> np.ndarray:
    """Returns how strongly layer ``up`` reads each of its inputs."""
    kernel = np.abs(arrays[f"up{level}"][0])
    # The outermost is a pixel shuffle, (row, column, in, out), the others (row, column, out, in).
    return np.asarray(kernel.sum(axis=(0, 1, 3) if level == 0 else (0, 1, 2)))


def _filters(arrays: Arrays, up: str) -> int:
    return int(arrays[up][0].shape[2])


def _strongest(arrays: Arrays, name: str, strength: np.ndarray, layers: Mapping[str, keras.Layer]) -> np.ndarray:
    """Returns as many filters of layer ``name`` as the narrow generator's ``layers`` have there, ascending."""
    if f"{name}_norm" in arrays:
        strength = strength * np.abs(arrays[f"{name}_norm"][0])
    kernel = layers[name].weights[0]
    count = kernel.shape[2] if name.startswith("up") else kernel.shape[3]
    return np.sort(np.argsort(-strength, kind="stable")[:count])
