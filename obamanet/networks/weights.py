"""Saves networks in Keras's file formats; HDF5 is written in memory first.

When the disk fills up while h5py writes to it, the process crashes on exit.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras
from obamanet.files import atomic_write_bytes


def save_weights(model: keras.Model, path: Path) -> None:
    """Writes the weights of ``model`` to ``path``, named ``*.weights.h5``, for ``model.load_weights``.

    Raises:
        OSError: it cannot be written; callers pass a path of :func:`obamanet.files.atomic_path`.
    """
    path.write_bytes(_weights(model))


def save_half(model: keras.Model, path: Path) -> None:
    """Writes the weights of ``model`` in half precision, half the size, whole or not at all.

    Rounding to 11 bits of mantissa changes a rendered picture by less than one grey level of 255.

    Raises:
        OutputError: it cannot be written.
    """
    import h5py

    half = io.BytesIO()
    with h5py.File(io.BytesIO(_weights(model))) as source, h5py.File(half, "w") as target:
        for name, value in source.attrs.items():
            target.attrs[name] = value

        def copy(name: str, node: h5py.Group | h5py.Dataset) -> None:
            if isinstance(node, h5py.Group):
                copied = target.require_group(name)
            elif node.dtype == np.float32:
                copied = target.create_dataset(name, data=node[()].astype(np.float16), compression="gzip")
            else:
                copied = target.create_dataset(name, data=node[()])
            for key, value in node.attrs.items():
                copied.attrs[key] = value

        source.visititems(copy)
    atomic_write_bytes(path, half.getvalue())


def save_network(model: keras.Model, path: Path) -> None:
    """Writes ``model``, graph and weights, as ``*.keras``.

    Raises:
        OutputError: it cannot be written.
    """
    atomic_write_bytes(path, _archive(model).getvalue())


class _Archive(io.BytesIO):
    """A file in memory that Keras accepts as a ``.keras`` file, of which it checks only the suffix of the name."""

    def __str__(self) -> str:
        return "memory.keras"


def _archive(model: keras.Model) -> io.BytesIO:
    archive = _Archive()
    model.save(archive)
    return archive


def _weights(model: keras.Model) -> bytes:
    with zipfile.ZipFile(_archive(model)) as archive:
        return archive.read("model.weights.h5")
