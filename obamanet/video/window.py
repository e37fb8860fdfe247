"""Shows live pictures in a window."""

from __future__ import annotations

import os
import re
import sys
import threading
from types import TracebackType
from typing import Final, Self

import cv2
import numpy as np

QUIT_KEYS: Final = frozenset({ord("q"), ord("Q"), 27})
"""Keys that end: q and Escape."""


def why_no_window() -> str | None:
    """Returns why no window can be shown, None where one can."""
    built = re.search(r"GUI:\s*(\S+)", cv2.getBuildInformation())
    if built is None or built.group(1) == "NONE":
        return "this OpenCV has no windows (opencv-python-headless); opencv-python in its place has them"
    shown_by = ("DISPLAY", "WAYLAND_DISPLAY")
    if sys.platform.startswith("linux") and not any(os.environ.get(name) for name in shown_by):
        return "there is no display"
    return None


class Window:
    """A window; use it in the main thread alone.

    Args:
        title: its name.
        stop: is set when q is pressed in it, or it is closed.
    """

    def __init__(self, title: str, stop: threading.Event) -> None:
        self._title, self._stop = title, stop

    def __enter__(self) -> Self:
        cv2.namedWindow(self._title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        cv2.destroyAllWindows()

    def write(self, picture: np.ndarray, time: float) -> None:
        """Shows ``picture`` (H, W, 3) uint8 BGR."""
        cv2.imshow(self._title, picture)
        key = cv2.waitKey(1) & 0xFF
        closed = cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) < 1
        if key in QUIT_KEYS or closed:
            self._stop.set()
