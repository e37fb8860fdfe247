"""Fills the HTML templates that lie in a package's folder ``templates``, and embeds pictures in what comes out."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

DOTS_PER_INCH: Final = 130
"""Of plots: sharp at a page's full width, 1200 pixels."""

JPEG_QUALITY: Final = 88
"""JPEG quality of embedded pictures, 0 to 100: to look at, not to measure."""


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


def embed_figure(figure: Figure) -> str:
    """Returns ``figure`` as the data URL of a PNG."""
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=DOTS_PER_INCH)
    return embed("image/png", picture.getvalue())


def embed_picture(picture: np.ndarray) -> str:
    """Returns ``picture`` (H, W, 3) uint8 BGR as the data URL of a JPEG."""
    import cv2

    _, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return embed("image/jpeg", encoded.tobytes())


def embed(kind: str, content: bytes) -> str:
    """Returns ``content`` of the media type ``kind`` as a data URL."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
