"""The persons that a server shows, by name; nothing that comes from outside names a folder."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from obamanet.errors import ObamanetError, OptionError, PersonError
from obamanet.person import CARD, Person, load_person

NAME: Final = re.compile(r"[\w-]{1,40}")
"""Form of a registered name."""


class UnknownPersonError(ObamanetError):
    """No person is registered under that name."""


@dataclass(frozen=True)
class PersonInfo:
    """What clients are told of a person.

    Attributes:
        name: by which it is asked for.
        title: whose face it is.
        licence: of the footage it was made from.
        attribution: as the licence requires.
        consent: the ground on which the footage may be used.
        mode: how it is rendered: "whole-face" or "inpaint".
        fps: frames per second, exact, as text.
        size: side of what is painted, pixels.
        speaks: whether it can be moved by sound.
        says: whether it can be moved by syllables.
    """

    name: str
    title: str
    licence: str
    attribution: str
    consent: str
    mode: str
    fps: str
    size: int
    speaks: bool
    says: bool


class Persons:
    """The registered persons; may be used from any thread.

    Args:
        folders: of the persons by name; the first is the default.

    Raises:
        OptionError: a name cannot be used.
        PersonError: a person cannot be loaded.
    """

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self._folders: dict[str, Path] = {}
        self._loaded: dict[str, tuple[int, PersonInfo]] = {}
        for name, folder in folders.items():
            self.add(name, folder)

    def add(self, name: str, folder: Path) -> PersonInfo:
        """Registers a person, or another one under a name that is known; raises as the class."""
        if not NAME.fullmatch(name):
            raise OptionError(f"not a person's name: got {name[:60]!r}, allowed are 1 to 40 letters, digits, - and _")
        info = _about(name, load_person(folder))
        self._folders = {**self._folders, name: folder.absolute()}
        return info

    @property
    def names(self) -> tuple[str, ...]:
        """All names, the default person's first."""
        return tuple(self._folders)

    def folder(self, name: str | None = None) -> Path:
        """Returns the folder of a person; None is the default one.

        Raises:
            UnknownPersonError: there is none of that name.
            PersonError: its folder is no longer there.
        """
        name = self.names[0] if name is None else name
        if name not in self._folders:
            raise UnknownPersonError(f"no such person: got {name[:40]!r}, allowed are {', '.join(self._folders)}")
        self._changed(name)
        return self._folders[name]

    def about(self, name: str) -> PersonInfo:
        """Returns what clients are told of a person; raises as :meth:`folder`, and where it cannot be loaded."""
        folder, changed = self.folder(name), self._changed(name)
        known = self._loaded.get(name)
        if known is None or known[0] != changed:
            known = changed, _about(name, load_person(folder))
            self._loaded[name] = known
        return known[1]

    def all(self) -> list[PersonInfo]:
        """Returns what clients are told of all persons that can be used now."""
        usable = []
        for name in self.names:
            try:
                usable.append(self.about(name))
            except PersonError:
                continue  # Removed or damaged meanwhile; who asks for it by name is told.
        return usable

    def _changed(self, name: str) -> int:
        try:
            return (self._folders[name] / CARD).stat().st_mtime_ns
        except OSError:
            raise PersonError(f"the person {name} was removed from the server") from None


def _about(name: str, person: Person) -> PersonInfo:
    origin = person.origin
    return PersonInfo(
        name,
        person.name,
        origin.licence,
        origin.attribution,
        origin.consent,
        person.mode.value,
        str(person.fps),
        person.image_size,
        person.speech is not None,
        person.poser is not None,
    )
