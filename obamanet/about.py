"""What this program is called and which version it is."""

from __future__ import annotations

from typing import Final

VERSION: Final = "0.1.0"

SOFTWARE: Final = f"obamanet/{VERSION}"
"""How the program signs what it made."""
