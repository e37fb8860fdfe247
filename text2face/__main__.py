"""``python -m text2face`` is the command ``text2face``."""

from __future__ import annotations

from text2face.cli import main_text2face

if __name__ == "__main__":
    main_text2face()
