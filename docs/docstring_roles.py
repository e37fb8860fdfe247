"""Shows :func:`name` in a docstring as `name` in the API's pages: an extension of griffe, which reads docstrings."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object

ROLE = re.compile(r":(?:func|class|mod|data|meth|attr|exc):`~?([^`]+)`")


class PlainRoles(Extension):
    """Takes the roles out of every docstring that is shown."""

    def on_object(self, *, obj: Object, **kwargs: Any) -> None:
        """Changes the docstring of ``obj``."""
        if obj.docstring is not None:
            obj.docstring.value = ROLE.sub(r"`\1`", obj.docstring.value)
