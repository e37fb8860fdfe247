"""Says how long work is getting on: a bar on a terminal, plain lines elsewhere, always on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

Item = TypeVar("Item")

LINE_EVERY = 10.0
"""Seconds between plain lines when standard error is not a terminal."""


class Progress:
    """Silent progress, the library's default; the command line uses :class:`ConsoleProgress`."""

    def track(self, items: Iterable[Item], description: str, total: int | None = None) -> Iterator[Item]:
        """Yield ``items`` and tell how many of ``total`` have gone by."""
        yield from items

    def note(self, text: str) -> None:
        """Tell one line that the user should see."""


class ConsoleProgress(Progress):
    """Progress on standard error: rich's bar with rate and remaining time on a terminal, plain lines elsewhere."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(stderr=True, highlight=False)

    def track(self, items: Iterable[Item], description: str, total: int | None = None) -> Iterator[Item]:
        """Yield ``items`` and show how many of ``total`` have gone by, the rate and the time that remains."""
        if self._console.is_terminal:
            with self._bar() as bar:
                task = bar.add_task(description, total=total)
                for item in items:
                    yield item
                    bar.advance(task)
        else:
            yield from self._lines(items, description, total)

    def note(self, text: str) -> None:
        """Print one line on standard error."""
        self._console.print(text, markup=False, soft_wrap=True)

    def _bar(self) -> RichProgress:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
        from rich.text import Text

        class TaskRateColumn(ProgressColumn):
            def render(self, task: Task) -> Text:
                return Text(f"{task.speed:.1f}/s" if task.speed else "")

        return Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TaskRateColumn(),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
        )

    def _lines(self, items: Iterable[Item], description: str, total: int | None) -> Iterator[Item]:
        started = said = time.monotonic()
        count = 0
        for count, item in enumerate(items, start=1):
            yield item
            now = time.monotonic()
            if now - said >= LINE_EVERY:
                said = now
                self._say(description, count, total, now - started)
        self._say(description, count, total, time.monotonic() - started)

    def _say(self, description: str, count: int, total: int | None, seconds: float) -> None:
        rate = count / max(seconds, 1e-9)
        amount = f"{count}/{total}" if total else f"{count}"
        remaining = f", {(total - count) / rate:.0f} s left" if total and count < total and rate > 0 else ""
        print(f"{description}: {amount}, {rate:.1f}/s{remaining}", file=sys.stderr, flush=True)
