"""Reads the program's own JSON and .npz files, and says in plain words which entry is missing or of the wrong type."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np

from obamanet.files import DAMAGED, open_arrays, read_json

T = TypeVar("T")

JSON_TYPES: Final[dict[type, str]] = {
    bool: "true or false",
    dict: "an object in braces",
    float: "a number",
    int: "a whole number",
    list: "a list",
    str: "a text",
}
"""JSON's types, as messages call them."""

MAX_SHOWN: Final = 40
"""Characters of a wrong value that a message shows."""


class CardError(ValueError):
    """A JSON or .npz file is damaged or lacks an entry; one line that names file and entry."""


@dataclass(frozen=True)
class Card:
    """A JSON object whose entries are checked when they are read; every method raises :class:`CardError`.

    Attributes:
        content: the object.
        path: the file that it was read from.
        place: where in the file it stands, such as "network", "" for the whole file.
    """

    content: Mapping[str, Any]
    path: Path
    place: str = ""

    def has(self, key: str) -> bool:
        """Returns whether there is an entry ``key`` that is not null."""
        return self.content.get(key) is not None

    def text(self, key: str) -> str:
        """Returns the text ``key``."""
        return self._value(key, str)

    def whole(self, key: str) -> int:
        """Returns the whole number ``key``."""
        return self._value(key, int)

    def part(self, key: str) -> Card:
        """Returns the object ``key``."""
        return Card(self._value(key, dict), self.path, self._named(key))

    def texts(self, key: str) -> list[str]:
        """Returns the list of texts ``key``."""
        return [self._checked(f"{key}[{number}]", one, str) for number, one in enumerate(self._value(key, list))]

    def parts(self, key: str) -> list[Card]:
        """Returns the list of objects ``key``."""
        objects = self._value(key, list)
        return [
            Card(self._checked(f"{key}[{number}]", one, dict), self.path, self._named(f"{key}[{number}]"))
            for number, one in enumerate(objects)
        ]

    def all_texts(self) -> dict[str, str]:
        """Returns all entries, which must be texts."""
        return {key: self.text(key) for key in self.content}

    def all_numbers(self) -> dict[str, float]:
        """Returns all entries, which must be numbers."""
        return {key: self._value(key, float) for key in self.content}

    def build(self, kind: type[T], **given: Any) -> T:
        """Builds a dataclass from all entries.

        Args:
            kind: the dataclass; its fields are the entries.
            given: fields that are not read from the card.

        Raises:
            CardError: an entry is missing, unknown or of another type than its field.
            ObamanetError: what ``kind`` raises for a value that is not allowed.
        """
        hints, known = typing.get_type_hints(kind), {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
        values = dict(given)
        for key in self.content:
            if key not in known:
                raise CardError(f"{self.path}: {self._named(key)} is unknown")
            if key not in given:
                values[key] = self._value(key, hints[key])
        for key, field in known.items():
            if key not in values and field.default is MISSING and field.default_factory is MISSING:
                raise CardError(f"{self.path}: {self._named(key)} is missing")
        return kind(**values)

    def _value(self, key: str, kind: Any) -> Any:
        if key not in self.content:
            raise CardError(f"{self.path}: {self._named(key)} is missing")
        return self._checked(key, self.content[key], kind)

    def _checked(self, key: str, value: Any, kind: Any) -> Any:
        origin, arguments = typing.get_origin(kind), typing.get_args(kind)
        if origin in (types.UnionType, typing.Union) and value is None and type(None) in arguments:
            return None
        if origin in (types.UnionType, typing.Union):
            kind = next(one for one in arguments if one is not type(None))
            return self._checked(key, value, kind)
        if origin is tuple:
            self._checked(key, value, list)
            return tuple(self._checked(f"{key}[{number}]", one, arguments[0]) for number, one in enumerate(value))
        kind = origin or kind
        if kind not in JSON_TYPES:
            raise TypeError(f"no JSON type is meant by {kind}")
        fits = isinstance(value, int | float if kind is float else kind) and (
            kind is bool or not isinstance(value, bool)
        )
        if not fits:
            raise CardError(
                f"{self.path}: {self._named(key)} must be {JSON_TYPES[kind]}, got {json.dumps(value)[:MAX_SHOWN]}"
            )
        return value

    def _named(self, key: str) -> str:
        return f"{self.place}.{key}" if self.place else key


def read_card(path: Path) -> Card:
    """Returns the JSON object in ``path``; raises :class:`CardError` when the file is missing or no JSON object."""
    try:
        content = read_json(path)
    except json.JSONDecodeError as error:
        raise CardError(f"{path}: line {error.lineno} is no JSON") from None
    except FileNotFoundError:
        raise CardError(f"{path} is missing") from None
    except OSError as error:
        raise CardError(f"{path} cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise CardError(f"{path}: it is no UTF-8 text") from None
    except ValueError as error:
        raise CardError(f"{path}: {error}") from None
    return Card(content, path)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Returns all arrays of an .npz file by name; raises :class:`CardError`, also when a missing array is asked for."""
    try:
        with open_arrays(path) as arrays:
            return _Arrays({name: arrays[name] for name in arrays}, path)
    except FileNotFoundError:
        raise CardError(f"{path} is missing") from None
    except (*DAMAGED, AttributeError) as error:
        reason = f" ({error.strerror})" if isinstance(error, OSError) and error.strerror else ""
        raise CardError(f"{path}: it is damaged or no .npz file of arrays{reason}") from None


class _Arrays(dict[str, np.ndarray]):
    """Arrays by name; :class:`CardError` names the file when one is missing."""

    def __init__(self, arrays: dict[str, np.ndarray], path: Path) -> None:
        super().__init__(arrays)
        self._path = path

    def __missing__(self, name: str) -> np.ndarray:
        raise CardError(f"{self._path}: the array {name} is missing")
