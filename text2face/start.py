"""Where the programs begin: until everything is imported, Ctrl-C ends them in one line, as it does afterwards."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

INTERRUPTED = 130
"""Exit code after Ctrl-C, that of obamanet.cli.boundary, which is not imported yet."""


def obamanet() -> None:
    """Run ``obamanet`` and exit."""
    _be_interruptible("obamanet")
    from text2face.cli import main

    main()


def text2face() -> None:
    """Run ``text2face`` and exit."""
    _be_interruptible("text2face")
    from text2face.cli import main_text2face

    main_text2face()


def run_py() -> None:
    """Run ``run.py`` and exit."""
    _be_interruptible("run.py")
    from text2face.cli import main_run

    main_run()


def _be_interruptible(name: str) -> None:
    """Let Ctrl-C end the process at once: nothing is written yet, and an exception would show as a traceback."""

    def end(number: int, frame: FrameType | None) -> None:
        if sys.stderr is not None:
            os.write(2, f"{name}: interrupted\n".encode())
        os._exit(INTERRUPTED)

    # Who starts a program in the background may have it ignore Ctrl-C.
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, end)
