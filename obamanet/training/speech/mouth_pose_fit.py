"""Fits mouth poses to the footage that a person was trained on, and adds them to the person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from obamanet.keypoints.mouth_poses import MouthPoses, fit_poses
from obamanet.person import POSES_FILE, MouthModel, Person, TextPart, edited_person, load_person, save_card, save_poses
from obamanet.training.data.dataset import Piece
from obamanet.training.speech.canonical_pieces import canonical_mouth


def fit_poses_of(pieces: Sequence[Piece], mouth: MouthModel, *, seed: int = 1) -> MouthPoses:
    """Fits mouth poses by k-means over PCA values.

    Args:
        pieces: the footage that ``mouth`` was fitted on; where any has sound, only that with sound is used.
        mouth: head, PCA and rest mouth of the person.
        seed: of k-means.

    Raises:
        obamanet.errors.DatasetError: too little footage, or that of another person.
    """
    # The PCA was fitted on the footage with sound; in the rest the person may do anything but speak.
    speaking = [piece for piece in pieces if piece.clip.sound] or pieces
    keypoints = np.concatenate([canonical_mouth(piece, mouth.head) for piece in speaking])
    return fit_poses(keypoints, mouth.pca, mouth.rest, seed=seed)


def add_poses(person: Person, pieces: Sequence[Piece], *, seed: int = 1) -> Person:
    """Writes mouth poses fitted to ``pieces`` into the folder of ``person``, replacing older ones; returns it reloaded.

    Raises what :func:`fit_poses_of` raises, and :class:`obamanet.errors.OutputError` when the folder cannot be written.
    """
    poses = fit_poses_of(pieces, person.mouth, seed=seed)
    with edited_person(person.folder) as edited:
        save_poses(poses, edited.folder / POSES_FILE)
        save_card(replace(edited, text=TextPart(poses, edited.poser)))
    return load_person(person.folder)
