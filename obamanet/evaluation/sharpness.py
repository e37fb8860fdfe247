"""How sharp a picture is to see, without a reference: CPBD."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

BLOCK: Final = 64
"""Pixels. Side of a block (Narvekar and Karam 2011, section III): about one degree of vision."""

EDGE_SHARE: Final = 0.002
"""Share of a block's pixels that must be edges for it to be looked at (section III)."""

JUST_NOTICEABLE_WIDTHS: Final = (5.0, 3.0)
"""Pixels. Width of a just noticeably blurred edge at a contrast of at most 50, and above (table I)."""

CONTRAST_STEP: Final = 50
"""Grey levels. Contrast of a block up to which the first width holds, beyond it the second."""

BETA: Final = 3.6
"""Steepness of the psychometric function (section III)."""

DETECTION_PROBABILITY: Final = 0.63
"""Probability at which blur is just noticed: 1 - 1/e (section III)."""

MAX_EDGE: Final = 100
"""Pixels. No edge is followed further on either side."""

MAX_SLANT: Final = np.tan(np.pi / 8)
"""Edges that lean by more than 22.5 degrees are not measured along the row (the authors quantise to 45 degrees)."""

SOBEL_SCALE: Final = 4.0
"""Threshold of the edge map: this times the mean squared gradient (Pratt 1978, as MATLAB's edge() does)."""


def cpbd(picture: np.ndarray) -> float | None:
    """Returns CPBD of a uint8 BGR picture (H, W, 3): the share of edges whose blur is not noticed, 0 to 1.

    Narvekar and Karam 2011. Vertical edges (Sobel) of blocks of 64 x 64 pixels; an edge's width w is the distance
    between the extremes of luma left and right of it; P = 1 - exp(-(w / w_jnb)^3.6); CPBD = P(P <= 0.63). Written from
    the published formula: the thinning of the edge map may differ from the authors' MATLAB, so values are to be
    compared with each other, not with theirs. Whole blocks alone count; None when no block has an edge.
    """
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(np.float64)
    edges = _vertical_edges(grey)
    widths = _edge_widths(grey, edges)
    seen = unnoticed = 0
    for top in range(0, grey.shape[0] - BLOCK + 1, BLOCK):
        for left in range(0, grey.shape[1] - BLOCK + 1, BLOCK):
            block = np.s_[top : top + BLOCK, left : left + BLOCK]
            if np.count_nonzero(edges[block]) <= EDGE_SHARE * BLOCK**2:
                continue
            found = widths[block][widths[block] > 0]
            noticeable = JUST_NOTICEABLE_WIDTHS[0 if np.ptp(grey[block]) <= CONTRAST_STEP else 1]
            seen += found.size
            unnoticed += int((1 - np.exp(-((found / noticeable) ** BETA)) <= DETECTION_PROBABILITY).sum())
    return unnoticed / seen if seen else None


def _vertical_edges(grey: np.ndarray) -> np.ndarray:
    """Returns where luma changes along the row most strongly: thinned along the row, (H, W) bool."""
    gradient = cv2.Sobel(grey, cv2.CV_64F, 1, 0, ksize=3, borderType=cv2.BORDER_REPLICATE) / 8
    strength = gradient**2
    before, after = np.roll(strength, 1, axis=1), np.roll(strength, -1, axis=1)
    edges = (strength > SOBEL_SCALE * strength.mean()) & (strength >= before) & (strength > after)
    edges[:, [0, -1]] = False
    return edges


def _edge_widths(grey: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Returns the width in pixels of each upright edge, 0 elsewhere, (H, W); Marziliano et al. 2002.

    From the edge on, luma rises to one side and falls to the other; the width reaches to where it stops doing so.
    """
    down, across = np.gradient(grey)
    rows, columns = np.nonzero(edges & (np.abs(down) <= MAX_SLANT * np.abs(across)))
    rising = grey[rows, columns + 1] > grey[rows, columns - 1]
    sign = np.where(rising, 1.0, -1.0)
    widths = np.zeros(grey.shape)
    widths[rows, columns] = _reach(grey, rows, columns, sign, 1) + _reach(grey, rows, columns, -sign, -1)
    return widths


def _reach(grey: np.ndarray, rows: np.ndarray, columns: np.ndarray, sign: np.ndarray, step: int) -> np.ndarray:
    """Returns how many pixels from each place luma keeps rising (``sign`` 1) or falling (-1) in direction ``step``."""
    last = grey.shape[1] - 1
    reach = np.zeros(len(rows))
    going = np.ones(len(rows), dtype=bool)
    for distance in range(MAX_EDGE):
        here = np.clip(columns + step * distance, 0, last)
        there = np.clip(columns + step * (distance + 1), 0, last)
        going &= sign * (grey[rows, there] - grey[rows, here]) > 0
        if not going.any():
            break
        reach[going] += 1
    return reach
