"""What the page offers beside the server's persons."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class PageOptions:
    """What the page offers beside the server's persons.

    Attributes:
        folder: for persons in the making, which are kept; None for a place among the user's data.
        swaps: folders of face swap models, by name.
        program: the command line that prepares and trains persons.
    """

    folder: Path | None = None
    swaps: Mapping[str, Path] = field(default_factory=dict)
    program: tuple[str, ...] = (sys.executable, "-m", "obamanet")
