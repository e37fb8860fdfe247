"""Reads the tensors of a PyTorch checkpoint without PyTorch, and without running anything that is in it.

Such a file holds a pickle, which is a program. Here it is only read: of its instructions those that build plain
containers are followed, of the functions it names the few that describe a tensor are understood, and at anything else
reading stops. Nothing is imported and nothing is called.
"""

from __future__ import annotations

import math
import pickletools
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from obamanet.errors import EvaluationError

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
"""First number of a file that torch.save wrote before PyTorch 1.6."""

LEGACY_PROTOCOL = 1001

MAX_FILE = 1_000_000_000
"""Bytes. The networks that this program knows are far smaller."""

STORAGES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "<i1",
    "ByteStorage": "<u1",
    "BoolStorage": "?",
}
"""PyTorch's names of typed memory, and what lies in it; on disk they are always little-endian."""

STORAGE_MODULES = ("torch", "torch.cuda")

ORDERED_DICT = "collections.OrderedDict"
REBUILD_TENSOR = ("torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2")
REBUILD_PARAMETER = "torch._utils._rebuild_parameter"

CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
NUMBERS_AND_TEXTS = frozenset(
    {"BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "BINSTRING"}
    | {"SHORT_BINSTRING"}
)
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
IGNORED = frozenset({"PROTO", "FRAME", "STOP"})

DAMAGED = (ValueError, KeyError, IndexError, TypeError, OverflowError, EOFError, struct.error, zipfile.BadZipFile)
"""Errors of reading a file that is of another kind or cut off."""


@dataclass(frozen=True)
class _Name:
    """A class or function that the file names; it is never imported."""

    text: str


@dataclass(frozen=True)
class _Storage:
    """``count`` values of type ``kind`` that the file keeps under ``key``."""

    kind: str
    key: str
    count: int


@dataclass(frozen=True)
class _Tensor:
    """A view into a storage: first value, shape, and steps in values."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """Reads a state dict that ``torch.save`` wrote, in either format since 2017.

    Returns:
        The tensors by name.

    Raises:
        EvaluationError: the file is missing, damaged, or holds anything but tensors.
    """
    try:
        size = path.stat().st_size
        if size > MAX_FILE:
            raise EvaluationError(f"too large: {size} bytes, allowed are {MAX_FILE}")
        with path.open("rb") as file:
            return _read_zip(file) if zipfile.is_zipfile(file) else _read_legacy(file)
    except EvaluationError as error:
        raise EvaluationError(f"not a PyTorch file of weights: {path}: {error}") from None
    except OSError as error:
        raise EvaluationError(f"the weights cannot be read: {path}: {error.strerror or error}") from None
    except DAMAGED as error:
        raise EvaluationError(
            f"not a PyTorch file of weights: {path}: damaged or of another kind ({type(error).__name__})"
        ) from None


def _read_zip(file: BinaryIO) -> dict[str, np.ndarray]:
    """Reads the format of PyTorch 1.6 and later: an archive with the pickle and one file per storage."""
    file.seek(0)
    with zipfile.ZipFile(file) as archive:
        if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
            raise EvaluationError("its archive is compressed")
        (index,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
        folder = index.removesuffix("data.pkl")
        order = folder + "byteorder"
        if order in archive.namelist() and archive.read(order) != b"little":
            raise EvaluationError("it is big-endian")
        with archive.open(index) as pickled:
            tensors = _tensors(_interpret(pickled))

        def values(storage: _Storage) -> np.ndarray:
            return np.frombuffer(archive.read(f"{folder}data/{storage.key}"), np.dtype(storage.kind))

        return _arrays(tensors, values)


def _read_legacy(file: BinaryIO) -> dict[str, np.ndarray]:
    """Reads the format before PyTorch 1.6: five pickles one after the other, then the storages."""
    file.seek(0)
    if _interpret(file) != LEGACY_MAGIC or _interpret(file) != LEGACY_PROTOCOL:
        raise EvaluationError("it does not begin as such a file does")
    if not _interpret(file)["little_endian"]:
        raise EvaluationError("it is big-endian")
    tensors = _tensors(_interpret(file))
    keys = _interpret(file)
    kinds = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    found: dict[str, np.ndarray] = {}
    for key in keys:
        kind = np.dtype(kinds[key].kind)
        (count,) = struct.unpack("<q", file.read(8))
        if count != kinds[key].count:
            raise EvaluationError(f"storage {key} has {count} values, announced are {kinds[key].count}")
        found[key] = np.frombuffer(file.read(count * kind.itemsize), kind)
    return _arrays(tensors, lambda storage: found[storage.key])


def _tensors(content: Any) -> dict[str, _Tensor]:
    if not isinstance(content, dict):
        raise EvaluationError(f"it holds {_described(content)}, needed is a dict of tensors")
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, _Tensor):
            raise EvaluationError(f"it holds {_described(value)} under {name!r}, needed is a tensor")
    return content


def _arrays(tensors: dict[str, _Tensor], values: Callable[[_Storage], np.ndarray]) -> dict[str, np.ndarray]:
    """Returns a copy of each tensor, after checking that it lies inside its storage."""
    arrays = {}
    for name, tensor in tensors.items():
        data = values(tensor.storage)
        if len(data) != tensor.storage.count:
            raise EvaluationError(f"{name} is cut off: {len(data)} of {tensor.storage.count} values")
        pairs = list(zip(tensor.shape, tensor.strides, strict=True))
        last = tensor.offset + sum((length - 1) * stride for length, stride in pairs)
        # A stride of 0 would make a tensor of any size out of one value.
        if min((tensor.offset, *tensor.shape, *tensor.strides)) < 0 or math.prod(tensor.shape) > len(data):
            raise EvaluationError(f"{name} does not fit its storage")
        if 0 not in tensor.shape and last >= len(data):
            raise EvaluationError(f"{name} reaches beyond its storage")
        steps = tuple(stride * data.itemsize for stride in tensor.strides)
        arrays[name] = np.lib.stride_tricks.as_strided(data[tensor.offset :], tensor.shape, steps).copy()
    return arrays


def _interpret(file: Any) -> Any:
    """Returns what the pickle at the position of ``file`` describes, and leaves the position behind it."""
    stack: list[Any] = []
    marks: list[int] = []
    memory: dict[Any, Any] = {}

    def since_mark() -> list[Any]:
        start = marks.pop()
        items = stack[start:]
        del stack[start:]
        return items

    for opcode, argument, _ in pickletools.genops(file):
        name = opcode.name
        if name in CONSTANTS:
            stack.append(CONSTANTS[name])
        elif name in NUMBERS_AND_TEXTS:
            stack.append(argument)
        elif name in ("EMPTY_DICT", "EMPTY_LIST", "EMPTY_TUPLE"):
            stack.append({"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}[name]())
        elif name == "MARK":
            marks.append(len(stack))
        elif name == "TUPLE":
            stack.append(tuple(since_mark()))
        elif name in TUPLES:
            stack[-TUPLES[name] :] = [tuple(stack[-TUPLES[name] :])]
        elif name == "APPEND":
            value = stack.pop()
            _list(stack[-1]).append(value)
        elif name == "APPENDS":
            items = since_mark()
            _list(stack[-1]).extend(items)
        elif name == "SETITEM":
            key, value = stack[-2:]
            del stack[-2:]
            _dict(stack[-1])[key] = value
        elif name == "SETITEMS":
            items = since_mark()
            _dict(stack[-1]).update(zip(items[::2], items[1::2], strict=True))
        elif name in ("BINPUT", "LONG_BINPUT"):
            memory[argument] = stack[-1]
        elif name == "MEMOIZE":
            memory[len(memory)] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(memory[argument])
        elif name == "GLOBAL":
            stack.append(_Name(str(argument).replace(" ", ".")))
        elif name == "BINPERSID":
            stack.append(_storage(stack.pop()))
        elif name == "REDUCE":
            arguments = stack.pop()
            stack.append(_made(stack.pop(), arguments))
        elif name == "BUILD":
            # Attributes of a dict, such as a state dict's version numbers: not needed.
            stack.pop()
            _dict(stack[-1])
        elif name not in IGNORED:
            raise EvaluationError(f"it has the instruction {name}, which no file of tensors needs")
    (content,) = stack
    return content


def _made(what: Any, arguments: Any) -> Any:
    """Returns what calling ``what`` with ``arguments`` describes; refuses what is not known to be harmless."""
    name = what.text if isinstance(what, _Name) else ""
    if name == ORDERED_DICT and isinstance(arguments, tuple) and len(arguments) <= 1:
        return dict(*arguments)
    if name in REBUILD_TENSOR and isinstance(arguments, tuple) and isinstance(arguments[0], _Storage):
        offset, shape, strides = arguments[1:4]
        return _Tensor(arguments[0], int(offset), tuple(map(int, shape)), tuple(map(int, strides)))
    if name == REBUILD_PARAMETER and isinstance(arguments, tuple) and isinstance(arguments[0], _Tensor):
        return arguments[0]
    raise EvaluationError(f"it wants to call {_described(what)}, which is never done")


def _storage(described: Any) -> _Storage:
    """Returns the storage that a persistent id of torch.save describes."""
    kind, type_name, key, _location, count, *views = described
    module, _, storage = type_name.text.rpartition(".") if isinstance(type_name, _Name) else ("", "", "")
    if kind != "storage" or module not in STORAGE_MODULES or storage not in STORAGES or any(views):
        raise EvaluationError(f"it holds {_described(type_name)} as {kind!r}, which is no plain memory of numbers")
    return _Storage(STORAGES[storage], str(key), int(count))


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise EvaluationError(f"it appends to {_described(value)}")
    return value


def _dict(value: Any) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise EvaluationError(f"it sets items or attributes of {_described(value)}")
    return value


def _described(value: Any) -> str:
    # A name is the file's own text: nothing of it may steer a terminal.
    return ascii(value.text)[1:-1] if isinstance(value, _Name) else f"a {type(value).__name__.lstrip('_').lower()}"
