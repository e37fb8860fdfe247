"""Where the program meets the terminal: the only place that exits, prints results and turns errors into one line."""

from __future__ import annotations

import io
import os
import re
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from obamanet.cli.start import INTERRUPTED
from obamanet.errors import ObamanetError

if TYPE_CHECKING:
    from obamanet.progress import Progress

DEBUG_VARIABLE = "OBAMANET_DEBUG"
"""Environment variable; set to 1 it shows tracebacks, warnings and what TensorFlow has to say."""

BUG = 70
"""Exit code of an error inside the program (EX_SOFTWARE of BSD's sysexits.h)."""

ALSO_IN_EVALUATE = ("dlib", "face_recognition_models", "matplotlib", "onnx", "scipy")
"""Modules of the extra train that the extra evaluate, which has no TensorFlow, brings too."""

EXTRAS = {
    **dict.fromkeys(("h5py", "keras", "python_speech_features", "sklearn", "tensorflow", "tf2onnx"), "train"),
    "threadpoolctl": "train",
    **dict.fromkeys(ALSO_IN_EVALUATE, "train"),
    **dict.fromkeys(("jinja2", "jiwer", "skimage"), "evaluate"),
    "filterpy": "swap",
    "librosa": "align",
    "moviepy": "montage",
    "openvino": "openvino",
    "PIL": "montage",
    "pocketsphinx": "align",
    "sounddevice": "live",
    "ray": "ray",
    **dict.fromkeys(("fastapi", "gradio", "prometheus_client", "uvicorn"), "web"),
}
"""The extra of setup.cfg that brings each module which the light installation lacks."""

UsageError: type[Exception] = typer.BadParameter.__mro__[1]
"""What typer raises for a wrong command line; typer has carried its own click since 0.26, before it used click's."""


def run(app: typer.Typer, name: str) -> None:
    """Runs ``app`` on the command line of the program ``name`` and exits."""
    debug = os.environ.get(DEBUG_VARIABLE) == "1"
    _fit_streams()
    if not debug:
        _quiet()
    # Only POSIX has SIGHUP; nohup has it ignored.
    for number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(call(app, sys.argv[1:] or ["--help"], name, debug=debug))


def call(app: typer.Typer, arguments: Sequence[str], name: str, *, debug: bool = False) -> int:
    """Runs ``app`` on ``arguments`` and returns the exit code; an error is one line on standard error."""
    try:
        code = typer.main.get_command(app).main(list(arguments), prog_name=name, standalone_mode=False)
        code = code if isinstance(code, int) else 0
        message = "interrupted" if code == INTERRUPTED else ""
    except (Exception, KeyboardInterrupt) as error:
        if debug:
            traceback.print_exc()
        message, code = explain(error, name)
    # Only here, when the error is gone and with it a progress bar that was still shown.
    if message:
        line = f"{name}: {message}"
        print(" ".join(line.splitlines()), file=sys.stderr)
    return code


def explain(error: BaseException, name: str) -> tuple[str, int]:
    """Returns the line that tells of ``error``, and the exit code."""
    from obamanet.files import NO_SPACE
    from obamanet.memory import is_out_of_memory

    match error:
        case ObamanetError():
            return str(error), error.exit_code
        case typer.Abort() | KeyboardInterrupt():
            return "interrupted", INTERRUPTED
        case _ if is_out_of_memory(error):
            return "not enough memory", 1
        case OSError() if error.errno in NO_SPACE:
            return f"no space left on the disk{_named(error)}", 1
        case OSError() if error.strerror:
            return f"{error.strerror}{_named(error)}", 1
        case ModuleNotFoundError():
            return _lacking(error), 1
        case _ if isinstance(error, UsageError):
            context = getattr(error, "ctx", None)
            command = context.command_path if context else name
            # The message is typer's; getattr because its type depends on typer's version.
            told = getattr(error, "format_message", error.__str__)().replace("Value error, ", "")
            told = re.sub(r"Input should be (a valid \w+).*", r"needed is \1", told)
            return f"{told.rstrip('.')} (see {command} --help)", 2
    kind = type(error).__name__
    hint = f"please report it with what {DEBUG_VARIABLE}=1 shows (see CONTRIBUTING.md)"
    return f"this is a bug in obamanet: {kind}: {error}; {hint}", BUG


def console(quiet: bool) -> Progress:
    """Returns the progress that is shown on standard error; a silent one when ``quiet``."""
    from obamanet.progress import ConsoleProgress, Progress

    return Progress() if quiet else ConsoleProgress()


def result(path: Path) -> None:
    """Prints the path of what was made, alone on standard output."""
    # Flushed here, where a closed pipe can still be dealt with.
    print(path, flush=True)


def _lacking(error: ModuleNotFoundError) -> str:
    """Returns which extra brings the module that is missing."""
    module = (error.name or "").partition(".")[0]
    extra = EXTRAS.get(module)
    if extra is None:
        return f"{error}: the installation is incomplete; install the program anew"
    small = " or, to evaluate alone, 'obamanet[evaluate]'" if module in ALSO_IN_EVALUATE else ""
    return f"this needs {module}, which the light installation leaves out: pip install 'obamanet[{extra}]'{small}"


def _named(error: OSError) -> str:
    return f": {error.filename}" if error.filename else ""


def _end(number: int, frame: object) -> None:
    """Leaves by an exception, so that half-written files are removed."""
    raise SystemExit(128 + number)


def _fit_streams() -> None:
    """Makes standard output take any file name, and all three streams be there, be they closed.

    Nowhere takes the place of a closed one, so that no file that is opened later becomes it to a library.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            # The lowest free one is taken, and those below are open.
            os.open(os.devnull, os.O_RDWR)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8", closefd=False)


def _quiet() -> None:
    """Keeps off the terminal what libraries say among themselves; errors reach the user as exceptions.

    TensorFlow greets from C++, past every setting, on file descriptor 2. That descriptor goes nowhere from here on;
    Python's own standard error keeps the terminal by another one.
    """
    import faulthandler
    import logging
    import warnings

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.disable(logging.WARNING)
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    sys.stderr.flush()
    sys.stderr = os.fdopen(os.dup(2), "w", encoding=sys.stderr.encoding, errors="backslashreplace", buffering=1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    # A crash in C++ is still told.
    faulthandler.enable(sys.stderr)
