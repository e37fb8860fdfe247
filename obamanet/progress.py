"""Progress reports on standard error: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bar

Item = TypeVar("Item")

LINE_SECONDS = 10.0
"""Seconds between plain lines where standard error is not a terminal."""


class Progress:
    """Silent progress, the library's default; the command line uses :class:`ConsoleProgress`."""

    def track(self, items: Iterable[Item], description: str, total: int | None = None) -> Iterator[Item]:
        """Yields ``items`` and reports how many of ``total`` are done."""
        yield from items

    def note(self, text: str) -> None:
        """Reports one line to the user."""


class ConsoleProgress(Progress):
    """Progress on standard error: a bar with rate and remaining time on a terminal, plain lines elsewhere."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(stderr=True, highlight=False)

    def track(self, items: Iterable[Item], description: str, total: int | None = None) -> Iterator[Item]:
        """Yields ``items`` and shows how many of ``total`` are done, the rate and the remaining time."""
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            return self._with_bar(items, description, total)
        return self._with_lines(items, description, total)

    def note(self, text: str) -> None:
        """Prints one line on standard error, above the bar where there is one."""
        self._console.print(text, markup=False, emoji=False, soft_wrap=True)

    def _with_bar(self, items: Iterable[Item], description: str, total: int | None) -> Iterator[Item]:
        with _bar(self._console) as bar:
            task = bar.add_task(description, total=total, rate="")
            for item in items:
                yield item
                bar.advance(task)
                speed = bar.tasks[task].speed
                bar.update(task, rate=_rate(speed) if speed else "")

    def _with_lines(self, items: Iterable[Item], description: str, total: int | None) -> Iterator[Item]:
        started = reported = time.monotonic()
        count = 0
        for count, item in enumerate(items, start=1):
            yield item
            now = time.monotonic()
            if now - reported >= LINE_SECONDS and count != total:
                reported = now
                self.note(progress_line(description, count, total, now - started))
        self.note(progress_line(description, count, total, time.monotonic() - started))


def _bar(console: Console) -> Bar:
    """Returns a progress bar that is erased when the work is done."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"))
    return Bar(*columns, TimeRemainingColumn(), console=console, transient=True)


def progress_line(description: str, count: int, total: int | None, seconds: float) -> str:
    """Returns, for example, ``speaking: 120/1500, 31.2/s, 44 s left``."""
    rate = count / max(seconds, 1e-9)
    parts = [f"{description}: {count}/{total}" if total else f"{description}: {count}"]
    if count:
        parts.append(_rate(rate))
    if total and 0 < count < total:
        parts.append(f"{(total - count) / rate:.0f} s left")
    return ", ".join(parts)


def _rate(per_second: float) -> str:
    """Returns a rate in readable form: ``31.2/s``, or ``4.0 s each`` for slow work."""
    return f"{per_second:.1f}/s" if per_second >= 1 else f"{1 / per_second:.1f} s each"
