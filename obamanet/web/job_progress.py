"""Progress of a job, told by its worker process to the server."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeVar

from obamanet.processes import Tell
from obamanet.progress import Progress, progress_line

Item = TypeVar("Item")

TELL_SECONDS: Final = 0.25
"""Seconds between two messages of one stage."""


@dataclass(frozen=True)
class Told:
    """A message.

    Attributes:
        note: a line; "" for none.
        share: of the present stage that is done, 0 to 1; None where it is not known.
    """

    note: str
    share: float | None = None


class ToldProgress(Progress):
    """Progress that is told by messages.

    Args:
        tell: sends one.
    """

    def __init__(self, tell: Tell) -> None:
        self._tell = tell

    def track(self, items: Iterable[Item], description: str, total: int | None = None) -> Iterator[Item]:
        """Yields ``items`` and tells how many of ``total`` are done, the rate and the remaining time."""
        started = told = time.monotonic()
        self._tell(Told(description, 0.0 if total else None))
        for count, item in enumerate(items, start=1):
            yield item
            now = time.monotonic()
            if now - told >= TELL_SECONDS:
                told = now
                line = progress_line(description, count, total, now - started)
                self._tell(Told(line, min(1.0, count / total) if total else None))

    def note(self, text: str) -> None:
        """Tells one line."""
        self._tell(Told(text))
