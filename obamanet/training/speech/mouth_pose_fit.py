"""Finds a person's mouth poses in the footage it was trained on, and adds them to a person that has none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from obamanet.constants import MOUTH
from obamanet.keypoints.head import place_head
from obamanet.keypoints.mouth_poses import MouthPoses, fit_poses
from obamanet.keypoints.placement import to_canonical
from obamanet.person import POSES_FILE, MouthModel, Person, TextPart, edited_person, load_person, save_card, save_poses
from obamanet.training.data.dataset import Piece


def fit_poses_of(pieces: Sequence[Piece], mouth: MouthModel, *, seed: int = 1) -> MouthPoses:
    """Return the mouth poses of ``pieces``, which are those that ``mouth`` was fitted on.

    Raises :class:`obamanet.errors.DatasetError` for too little footage, or that of another person.
    """
    # The PCA was fitted on the footage with sound; in the rest the person may do anything but speak.
    heard = [piece for piece in pieces if piece.clip.sound] or pieces
    keypoints = np.concatenate([mouth_track(piece, mouth) for piece in heard])
    return fit_poses(keypoints, mouth.pca, mouth.rest, seed=seed)


def mouth_track(piece: Piece, mouth: MouthModel) -> np.ndarray:
    """Return the canonical keypoints (T, 20, 2) float32 of ``piece``."""
    landmarks = piece.clip.landmarks[piece.start : piece.stop]
    return to_canonical(landmarks, place_head(landmarks, mouth.head))[:, MOUTH].astype(np.float32)


def add_poses(person: Person, pieces: Sequence[Piece], *, seed: int = 1) -> Person:
    """Write mouth poses learned from ``pieces`` into the folder of ``person``, and return it as loaded anew.

    Older ones are replaced. Raises as :func:`fit_poses_of`, and :class:`obamanet.errors.OutputError`.
    """
    poses = fit_poses_of(pieces, person.mouth, seed=seed)
    with edited_person(person) as folder:
        save_poses(poses, folder / POSES_FILE)
        save_card(replace(person, folder=folder, text=TextPart(poses, person.poser)))
    return load_person(person.folder)
