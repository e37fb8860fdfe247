"""Write a video of a person who says a sound file or a text: run.py --sf speech.wav --out talk.mp4"""

from __future__ import annotations

import sys


def main() -> None:
    """Runs the main job and exits."""
    if sys.version_info < (3, 11):  # noqa: UP036  whoever lacks it has not run make either
        sys.exit(f"run.py: Python 3.11 or newer is needed, this is {sys.version.split()[0]}")
    try:
        import typer  # noqa: F401  stands for all that make installs

        from obamanet.cli.start import run_py
    except ModuleNotFoundError as error:
        sys.exit(f"run.py: {error}; run: make install, then: .venv/bin/python run.py")
    run_py()


if __name__ == "__main__":
    main()
