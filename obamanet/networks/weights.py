"""Stores networks in files that Keras itself reads; HDF5 is written in memory, where the disk cannot fail it.

A disk that fills up while h5py writes to it makes the process crash when it ends.
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
    """Write the weights of ``model`` to ``path``; named ``*.weights.h5``, ``model.load_weights`` reads them back.

    Raises OSError: the caller gives a path of :func:`obamanet.files.atomic_path`.
    """
    path.write_bytes(_weights(model))


def save_half(model: keras.Model, path: Path) -> None:
    """Write the weights of ``model`` in half precision, half the size, whole or not at all.

    Rounding to 11 bits of mantissa moves a painted picture by less than one grey level of 255. Raises
    :class:`obamanet.errors.OutputError`.
    """
    import h5py

    half = io.BytesIO()
    with h5py.File(io.BytesIO(_weights(model))) as source, h5py.File(half, "w") as target:
        for name, value in source.attrs.items():
            target.attrs[name] = value

        def copy(name: str, node: h5py.Group | h5py.Dataset) -> None:
            if isinstance(node, h5py.Group):
                made = target.require_group(name)
            elif node.dtype == np.float32:
                made = target.create_dataset(name, data=node[()].astype(np.float16), compression="gzip")
            else:
                made = target.create_dataset(name, data=node[()])
            for key, value in node.attrs.items():
                made.attrs[key] = value

        source.visititems(copy)
    atomic_write_bytes(path, half.getvalue())


def save_network(model: keras.Model, path: Path) -> None:
    """Write ``model`` whole, graph and weights, as ``*.keras``; raises :class:`obamanet.errors.OutputError`."""
    atomic_write_bytes(path, _archive(model).getvalue())


class _Archive(io.BytesIO):
    """A file in memory that Keras takes for a ``.keras`` file: it asks for the name's ending only."""

    def __str__(self) -> str:
        return "memory.keras"


def _archive(model: keras.Model) -> io.BytesIO:
    archive = _Archive()
    model.save(archive)
    return archive


def _weights(model: keras.Model) -> bytes:
    with zipfile.ZipFile(_archive(model)) as archive:
        return archive.read("model.weights.h5")
