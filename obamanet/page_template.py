"""Fills the HTML templates that lie in a package's folder ``templates``."""

from __future__ import annotations

from typing import Any


def fill_template(package: str, name: str, **values: Any) -> str:
    """Returns the template ``name`` of ``package`` filled with ``values``.

    Values are plain text and are escaped. A name that the template uses and nobody gave is an error.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader(package), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template(name).render(values)
