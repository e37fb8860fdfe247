"""The region of a face that speech moves, of one shape in all frames.

An in-painting renderer sees the region blanked. If its outline followed the frame's own jaw, the renderer would learn
to read the mouth opening from the outline, which at inference belongs to another frame. So the outline is fixed in
canonical coordinates, wide enough for the largest reach of the jaw, and placed with the head by points that speech does
not move.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from obamanet.constants import JAW, MOUTH, NOSE_BASE
from obamanet.keypoints.head import Head, place_head
from obamanet.keypoints.jaw import LOWER_JAW
from obamanet.keypoints.placement import to_canonical, to_pixel

REACH_QUANTILE = 0.995
"""Quantile over frames of the jaw's reach that counts as its largest; beyond are landmark errors."""

MARGIN = 0.12
"""Canonical units. Margin below the chin's largest reach, for the blend's soft edge."""

CHEEK_SHARE = 0.92
"""Share of the way from the mouth to the face contour that the region covers at the cheeks."""


@dataclass(frozen=True)
class MouthRegion:
    """A convex region from below the nose to below the chin.

    Attributes:
        head: the head model in whose canonical coordinates it lies.
        outline: its corners, shape (N, 2), canonical.
    """

    head: Head
    outline: np.ndarray


def fit_region(stretches: Sequence[np.ndarray], head: Head) -> MouthRegion:
    """Returns the region that holds mouth and chin in all of ``stretches`` of landmarks, (T_i, 68, 2) pixels each."""
    canonical = np.concatenate([to_canonical(landmarks, place_head(landmarks, head)) for landmarks in stretches])
    template, points = head.template, list(LOWER_JAW)
    middle, jaw = template[MOUTH].mean(axis=0), template[JAW][points]
    outward = (jaw - middle) / np.linalg.norm(jaw - middle, axis=1, keepdims=True)
    reach = (
        np.quantile(((canonical[:, JAW][:, points] - middle) * outward).sum(axis=-1), REACH_QUANTILE, axis=0) + MARGIN
    )
    # At the chin the region holds all of the jaw's movement; at the cheeks, which do not move, it ends inside the face.
    share = np.sin(np.linspace(0.0, np.pi, len(points)))[:, None]
    lower = middle + share * reach[:, None] * outward + (1 - share) * CHEEK_SHARE * (jaw - middle)
    upper = template[NOSE_BASE].mean(axis=0)
    return MouthRegion(head, cv2.convexHull(np.vstack([lower, upper]).astype(np.float32))[:, 0])


def place_region(region: MouthRegion, landmarks: np.ndarray) -> np.ndarray:
    """Returns the outline of ``region`` on each face of ``landmarks`` (T, 68, 2) pixels: (T, N, 2) float32."""
    placement = place_head(landmarks, region.head)
    outlines = np.repeat(region.outline[None], len(landmarks), axis=0)
    return to_pixel(outlines, placement).astype(np.float32)
