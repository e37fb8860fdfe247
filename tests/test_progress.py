"""Progress: silent for a library, a bar on a terminal, plain lines elsewhere, nothing ever on standard output."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

import pytest

from obamanet import progress as progress_module
from obamanet.progress import ConsoleProgress, Progress


class Clock:
    """Time that goes on by a second at every look."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        self.now += 1.0
        return self.now


def test_the_library_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress()
    assert list(progress.track(iter("abc"), "counting", 3)) == ["a", "b", "c"]
    progress.note("something")
    assert capsys.readouterr() == ("", "")


def test_plain_lines_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    progress = ConsoleProgress()
    assert list(progress.track(iter("abc"), "counting", 3)) == ["a", "b", "c"]
    progress.note("[bold]as it is[/bold] :smile: " + "long " * 40)
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == ""
    assert len(lines) == 2
    assert re.fullmatch(r"counting: 3/3, \d+\.\d/s", lines[0])
    assert lines[1].startswith("[bold]as it is[/bold] :smile: long")


def test_a_line_every_ten_seconds(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_module, "time", Clock())
    assert len(list(ConsoleProgress().track(range(40), "speaking", 40))) == 40
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "speaking: 10/40, 1.0/s, 30 s left"
    assert [line.split(",")[0] for line in lines[1:]] == ["speaking: 20/40", "speaking: 30/40", "speaking: 40/40"]
    assert "left" not in lines[-1]


def test_slow_work_says_how_long_each_takes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(progress_module, "time", clock)

    def slow() -> Iterator[int]:
        for number in range(2):
            clock.now += 24.0
            yield number

    assert list(ConsoleProgress().track(slow(), "preparing")) == [0, 1]
    assert capsys.readouterr().err.splitlines()[0] == "preparing: 1, 25.0 s each"


def test_nothing_to_do_is_said_without_a_rate(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(ConsoleProgress().track([], "training", 0)) == []
    assert capsys.readouterr().err == "training: 0\n"


def test_an_error_of_the_work_passes_through() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        list(ConsoleProgress().track(broken(), "counting", 2))


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    for name in ("NO_COLOR", "TTY_COMPATIBLE", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    progress = ConsoleProgress()
    for item in progress.track(range(3), "speaking", 3):
        progress.note(f"note {item}")
    shown = terminal.getvalue()
    assert "speaking" in shown
    assert "3/3" in shown
    assert "note 2" in shown
    assert shown.rstrip().endswith("\x1b[2K"), "the bar must be gone at the end"
    assert capsys.readouterr().out == ""


def test_a_terminal_without_movement_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "dumb")
    list(ConsoleProgress().track(range(3), "speaking", 3))
    assert re.fullmatch(r"speaking: 3/3, \d+\.\d/s", terminal.getvalue().strip())
