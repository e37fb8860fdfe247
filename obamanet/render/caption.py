"""Burns words into pictures: that they are synthetic, and how the live loop is doing."""

from __future__ import annotations

import cv2
import numpy as np

SYNTHETIC = "SYNTHETIC"
"""The label of every live picture; unlike a file, a stream carries no signature."""

REFERENCE_SIDE = 256
"""Pixels. Side of the picture for which the sizes below are meant; they grow with it."""

MIN_ZOOM = 0.6
"""Share of those sizes below which the text could not be read."""

TEXT_SCALE = 0.5
"""Of OpenCV's Hershey font, whose capitals are 21 pixels high at scale 1."""

MARGIN = 4
"""Pixels around the text inside its dark box."""


def label_synthetic(picture: np.ndarray) -> np.ndarray:
    """Returns a copy of ``picture`` (H, W, 3) uint8 BGR with the label in its lower left corner."""
    return _captioned(picture, SYNTHETIC, at_bottom=True)


def show_figures(picture: np.ndarray, fps: float, latency: float) -> np.ndarray:
    """Returns a copy of ``picture`` (H, W, 3) uint8 BGR with ``fps`` and ``latency``, seconds, in its upper corner."""
    return _captioned(picture, f"{fps:.0f} fps  {1000 * latency:.0f} ms", at_bottom=False)


def _captioned(picture: np.ndarray, text: str, *, at_bottom: bool) -> np.ndarray:
    """Returns ``picture`` with white ``text`` on black at its left edge: legible whatever the picture shows."""
    captioned = picture.copy()
    zoom = max(MIN_ZOOM, min(picture.shape[:2]) / REFERENCE_SIDE)
    scale, margin, width = TEXT_SCALE * zoom, max(1, round(MARGIN * zoom)), max(1, round(zoom))
    (length, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, width)
    bottom = len(picture) if at_bottom else height + 2 * margin
    captioned[max(0, bottom - height - 2 * margin) : bottom, : length + 2 * margin] = 0
    place = (margin, bottom - margin)
    cv2.putText(captioned, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, (255, 255, 255), width, cv2.LINE_AA)
    return captioned
