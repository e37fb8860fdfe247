"""What this program is called, which version it is, and where the person lies that comes with it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

VERSION: Final = "0.1.0"

SOFTWARE: Final = f"obamanet/{VERSION}"
"""How the program signs what it made."""


def default_person_folder() -> Path:
    """Return the folder of the person that comes with the program.

    In a checkout this is ``checkpoints/grid_s1``, to which ``obamanet/default_person`` is a link; an installed package
    holds the files themselves under that name.
    """
    return (Path(__file__).parent / "default_person").resolve()
