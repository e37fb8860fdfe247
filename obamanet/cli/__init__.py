"""The command line: parse, check, one call. Nothing but results goes to standard output."""

from __future__ import annotations


def main() -> None:
    """Run ``obamanet`` and exit."""
    from obamanet.cli.app import obamanet_app
    from obamanet.cli.boundary import run

    run(obamanet_app(), "obamanet")


def main_speak() -> None:
    """Run ``run.py``, the main job alone, and exit."""
    from obamanet.cli.boundary import run
    from obamanet.cli.speak import speak_app

    run(speak_app(), "run.py")
