"""A page with one table, that needs nothing but the pictures beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from urllib.parse import quote

STYLE = (
    "body{font-family:sans-serif;margin:2em}table{border-collapse:collapse}th,td{padding:.3em .8em;text-align:left;"
    "border-bottom:1px solid #ccc}img{display:block;max-width:100%}"
)


def page(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, above: str = "") -> str:
    """Return an HTML page with ``rows`` under ``columns``; ``above`` and the cells are HTML, the rest is plain text."""
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "\n".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style></head>\n<body><h1>{escape(title)}</h1>\n{above}\n"
        f"<table>\n<tr>{head}</tr>\n{body}\n</table></body></html>\n"
    )


def picture(path: str, text: str) -> str:
    """Return the picture at the relative ``path`` as HTML, a link to itself."""
    place = quote(path)
    return f'<a href="{place}"><img src="{place}" alt="{escape(text)}" loading="lazy"></a>'


def number(value: float, places: int = 2) -> str:
    """Return ``value`` with ``places`` decimals."""
    return f"{value:.{places}f}" if math.isfinite(value) else "∞"
