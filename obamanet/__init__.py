"""ObamaNet: a sound file in, a video of a face that says it out."""

from __future__ import annotations

from obamanet.about import VERSION as __version__

__all__ = ["__version__"]
