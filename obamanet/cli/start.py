"""Where the programs begin: until everything is imported, Ctrl-C ends them in one line, as it does afterwards."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it: 128 and the signal's number."""


def obamanet() -> None:
    """Runs ``obamanet`` and exits."""
    _be_interruptible("obamanet")
    from obamanet.cli.app import obamanet_app
    from obamanet.cli.boundary import run

    run(obamanet_app(), "obamanet")


def text2face() -> None:
    """Runs ``text2face`` and exits."""
    _be_interruptible("text2face")
    from obamanet.cli.app import text2face_app
    from obamanet.cli.boundary import run

    run(text2face_app(), "text2face")


def run_py() -> None:
    """Runs ``run.py`` and exits."""
    _be_interruptible("run.py")
    from obamanet.cli.app import run_app
    from obamanet.cli.boundary import run

    run(run_app(), "run.py")


def _be_interruptible(name: str) -> None:
    """Lets Ctrl-C end the process at once: nothing is written yet, and an exception would show as a traceback."""

    def end(number: int, frame: FrameType | None) -> None:
        if sys.stderr is not None:
            os.write(2, f"{name}: interrupted\n".encode())
        os._exit(INTERRUPTED)

    # Who starts a program in the background may have it ignore Ctrl-C.
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, end)
