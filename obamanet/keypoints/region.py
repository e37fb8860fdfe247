"""The region of a face that speech moves, of one shape for all frames: it must not tell how far the mouth is open.

A renderer that paints into footage sees the region blanked. Were its outline that of the frame's own jaw, the renderer
would learn to read the opening from the outline, and when speaking the outline is another frame's. So the outline is
fixed in canonical coordinates, wide enough for the largest reach of the jaw, and placed as the head is, by points
that speech does not move.
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

FARTHEST = 0.995
"""Quantile over frames that counts as the jaw's largest reach; beyond are faults of the landmarks."""

MARGIN = 0.12
"""Canonical units kept below the chin's largest reach, so that the blend is over before the chin begins."""

CHEEK_SHARE = 0.92
"""How far the region reaches from the mouth towards the contour at the cheeks, which stay as they are recorded."""

NOSE_SHARE = 0.8
"""Where the region begins, on the way from the mouth's middle to the nose's base."""


@dataclass(frozen=True)
class MouthRegion:
    """A convex region, nose to below the chin: ``outline`` (N, 2), canonical coordinates of ``head``."""

    head: Head
    outline: np.ndarray


def fit_region(stretches: Sequence[np.ndarray], head: Head) -> MouthRegion:
    """Return the region that holds mouth and chin in all of ``stretches`` of landmarks, (T_i, 68, 2) pixels each."""
    canonical = np.concatenate([to_canonical(landmarks, place_head(landmarks, head)) for landmarks in stretches])
    template, points = head.template, list(LOWER_JAW)
    middle, jaw = template[MOUTH].mean(axis=0), template[JAW][points]
    outward = (jaw - middle) / np.linalg.norm(jaw - middle, axis=1, keepdims=True)
    reach = np.quantile(((canonical[:, JAW][:, points] - middle) * outward).sum(axis=-1), FARTHEST, axis=0) + MARGIN
    # At the chin all of the jaw's movement is inside; towards the cheeks, where it ends, the contour stays outside.
    share = np.sin(np.linspace(0.0, np.pi, len(points)))[:, None]
    lower = middle + share * reach[:, None] * outward + (1 - share) * CHEEK_SHARE * (jaw - middle)
    upper = NOSE_SHARE * template[NOSE_BASE].mean(axis=0) + (1 - NOSE_SHARE) * middle
    return MouthRegion(head, cv2.convexHull(np.vstack([lower, upper]).astype(np.float32))[:, 0])


def place_region(region: MouthRegion, landmarks: np.ndarray) -> np.ndarray:
    """Return the outline of ``region`` on each face of ``landmarks`` (T, 68, 2): (T, N, 2) float32, their pixels."""
    placement = place_head(landmarks, region.head)
    outlines = np.repeat(region.outline[None], len(landmarks), axis=0)
    return to_pixel(outlines, placement).astype(np.float32)
