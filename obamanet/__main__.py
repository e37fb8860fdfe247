"""``python -m obamanet`` is the command ``obamanet``."""

from __future__ import annotations

from text2face.cli import main

if __name__ == "__main__":
    main()
