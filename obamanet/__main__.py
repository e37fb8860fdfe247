"""``python -m obamanet`` is the command ``obamanet``."""

from __future__ import annotations

from obamanet.cli.start import obamanet

if __name__ == "__main__":
    obamanet()
