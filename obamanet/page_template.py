"""Fills the HTML templates that lie in a package's folder ``templates``."""

from __future__ import annotations

from typing import Any


def fill_template(package: str, name: str, **values: Any) -> str:
    """Fills a template.

    Args:
        package: import name of the package.
        name: file name of the template.
        values: by the names that the template uses; texts are escaped.

    Returns:
        The filled template.

    Raises:
        jinja2.UndefinedError: a value is missing.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(name).render(values)
