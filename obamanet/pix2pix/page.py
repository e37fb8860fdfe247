"""An HTML page with one table, that needs nothing but the pictures beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from obamanet.page_template import fill_template


@dataclass(frozen=True)
class Picture:
    """A picture on the page, a link to itself.

    Attributes:
        path: where it lies, from the page on.
        alt: what it shows, in words.
    """

    path: str
    alt: str


def page(title: str, columns: Sequence[str], rows: Sequence[Sequence[str | Picture]]) -> str:
    """Returns an HTML page with a table.

    Args:
        title: of the page.
        columns: heads of the columns.
        rows: cells, each a plain text or a picture.
    """
    return fill_template("obamanet.pix2pix", "table.html", title=title, columns=columns, rows=rows)


def number(value: float, places: int = 2) -> str:
    """Returns ``value`` with ``places`` decimals."""
    return f"{value:.{places}f}" if math.isfinite(value) else "∞"
