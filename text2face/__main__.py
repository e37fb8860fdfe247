"""``python -m text2face`` is the command ``text2face``."""

from __future__ import annotations

from obamanet.cli.start import text2face

if __name__ == "__main__":
    text2face()
