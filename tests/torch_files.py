"""Writes files as torch.save does, in both of its formats; PyTorch itself reads them back."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

STORAGE = {"f4": "FloatStorage", "f8": "DoubleStorage", "f2": "HalfStorage", "i8": "LongStorage"}
MAGIC = 0x1950A86A20F9469CFC6C


def text(value: str) -> bytes:
    encoded = value.encode()
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def number(value: int) -> bytes:
    if -(2**31) <= value < 2**31:
        return b"J" + struct.pack("<i", value)
    data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data


def tuple_of(*parts: bytes) -> bytes:
    return b"(" + b"".join(parts) + b"t"


def named(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def pickled(body: bytes) -> bytes:
    return b"\x80\x02" + body + b"."


def ordered_dict(*pairs: bytes) -> bytes:
    return named("collections", "OrderedDict") + b")R" + (b"(" + b"".join(pairs) + b"u" if pairs else b"")


def tensor(
    key: str,
    value: np.ndarray,
    *,
    offset: int = 0,
    module: str = "torch",
    shape: tuple[int, ...] | None = None,
    strides: tuple[int, ...] | None = None,
    legacy: bool = False,
) -> bytes:
    """Return the instructions for a tensor of all of ``value``, or of another shape in its memory."""
    if strides is None:
        strides = tuple(step // value.itemsize for step in value.strides)
    parts = [
        tuple_of(
            text("storage"),
            named(module, STORAGE[value.dtype.str[1:]]),
            text(key),
            text("cpu" if module == "torch" else "cuda:0"),
            number(value.size),
            b"N" if legacy else b"",
        )
        + b"Q",
        number(offset),
        tuple_of(*map(number, value.shape if shape is None else shape)),
        tuple_of(*map(number, strides)),
        b"\x89",
        ordered_dict(),
    ]
    return named("torch._utils", "_rebuild_tensor_v2") + tuple_of(*parts) + b"R"


def state_dict(values: Mapping[str, np.ndarray], module: str = "torch", legacy: bool = False) -> bytes:
    """Return the pickle of a state dict, with the version numbers that PyTorch hangs onto it."""
    pairs = [
        text(name) + tensor(str(key), value, module=module, legacy=legacy)
        for key, (name, value) in enumerate(values.items())
    ]
    return pickled(ordered_dict(*pairs) + b"}" + text("_metadata") + ordered_dict() + b"sb")


def write_zip(path: Path, index: bytes, values: Mapping[str, np.ndarray], stored: bool = True) -> Path:
    """Write the format of PyTorch 1.6 and later."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", index)
        archive.writestr("archive/byteorder", "little")
        for key, value in enumerate(values.values()):
            archive.writestr(f"archive/data/{key}", value.tobytes())
        archive.writestr("archive/version", "3\n")
    return path


def write_legacy(path: Path, index: bytes, values: Mapping[str, np.ndarray]) -> Path:
    """Write the format before PyTorch 1.6."""
    system = b"}(" + text("protocol_version") + number(1001) + text("little_endian") + b"\x88u"
    keys = b"](" + b"".join(text(str(key)) for key in range(len(values))) + b"e"
    head = b"".join([pickled(number(MAGIC)), pickled(number(1001)), pickled(system), index, pickled(keys)])
    data = b"".join(struct.pack("<q", value.size) + value.tobytes() for value in values.values())
    path.write_bytes(head + data)
    return path
