"""Canonical landmarks and mouth keypoints of pieces of a person's footage."""

from __future__ import annotations

import numpy as np

from obamanet.constants import MOUTH
from obamanet.keypoints.head import Head, place_head
from obamanet.keypoints.placement import to_canonical
from obamanet.training.data.dataset import Piece


def canonical_landmarks(piece: Piece, head: Head) -> np.ndarray:
    """Returns the landmarks of ``piece`` with the placement of ``head`` taken off, (T, 68, 2) float32 canonical."""
    return to_canonical(piece.landmarks, place_head(piece.landmarks, head)).astype(np.float32)


def canonical_mouth(piece: Piece, head: Head) -> np.ndarray:
    """Returns the keypoints of ``piece``, (T, 20, 2) float32 canonical."""
    return canonical_landmarks(piece, head)[:, MOUTH]
