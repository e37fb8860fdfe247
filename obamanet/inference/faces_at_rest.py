"""Faces at rest, which movement is compared with: of a driver, and of the person who is driven."""

from __future__ import annotations

import numpy as np

from obamanet.keypoints.retarget import NeutralFace, TargetFace, find_rest, fit_range
from obamanet.person import Person
from obamanet.render.crop import portrait_box


def neutral_face(landmarks: np.ndarray, size: int) -> NeutralFace:
    """Returns the face of ``landmarks`` (T, N, 2), pixels of a square of side ``size``, at rest."""
    shape = find_rest(landmarks)
    return NeutralFace(shape, portrait_box(shape[None]), size)


def target_face(person: Person) -> TargetFace:
    """Returns the face of ``person`` as movement is carried over to it.

    A person that was made before ranges were recorded moves as far as in its reference track.
    """
    neutral = neutral_face(person.reference.points, person.image_size)
    return TargetFace(neutral, person.movement or fit_range(person.reference.points, neutral))
