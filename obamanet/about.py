"""Name and version of the program, the folder of the person that ships with it, and that of those in the making."""

from __future__ import annotations

from pathlib import Path
from typing import Final

VERSION: Final = "0.1.0"
"""Version of the package (Semantic Versioning)."""

SOFTWARE: Final = f"obamanet/{VERSION}"
"""Name and version as written into manifests, metadata and exported files."""


def default_person_folder() -> Path:
    """Returns the folder of the person that ships with the program.

    In a checkout that is ``checkpoints/grid_s1``, to which ``obamanet/default_person`` is a link; an installed package
    has the files under that name.
    """
    return (Path(__file__).parent / "default_person").resolve()


def making_folder() -> Path:
    """Returns the folder of the persons that are made by the page, which need not be there."""
    from platformdirs import user_data_path

    return user_data_path("obamanet", appauthor=False) / "making"
