"""Whether two folders of faces are of two persons: a swap of one with itself teaches nothing, and is a slip."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from obamanet.errors import FaceError, OptionError
from obamanet.face.identity import FaceEmbedder
from obamanet.pix2pix.pictures import list_pictures, read_picture
from obamanet.progress import Progress
from obamanet.swap.extract_faces import RAW
from obamanet.swap.face_finder import MeshFaces

COMPARED_FACES: Final = 10
"""Faces of each side that are compared, spread over all of them."""

ONE_PERSON_DISTANCE: Final = 0.5
"""Distance of mean embeddings up to which two folders are taken for one person's (benchmarks/RESULTS.md, "Face
swap")."""


def check_two_persons(a: Path, b: Path, progress: Progress) -> None:
    """Makes sure that the faces in the folders ``a`` and ``b`` are not of one person, by the face embedding.

    Where that cannot be told, since the embedding's packages are missing or no face is found again, a note says so.

    Raises:
        OptionError: they look like one person.
        DatasetError: a folder has no pictures, or one cannot be read.
    """
    try:
        embedder = FaceEmbedder()
    except (ImportError, FaceError):
        progress.note("not checked whether A and B are two persons: that needs dlib-bin and face_recognition_models")
        return
    one, other = (mean_embedding(folder, embedder, COMPARED_FACES) for folder in (a, b))
    if one is None or other is None:
        progress.note(
            f"not checked whether A and B are two persons: no face is seen again in {a if one is None else b}"
        )
        return
    apart = float(np.linalg.norm(one - other))
    if apart <= ONE_PERSON_DISTANCE:
        raise OptionError(
            f"A and B look like one person: face embeddings are {apart:.2f} apart, two persons' above "
            f"{ONE_PERSON_DISTANCE}: {a} and {b}; if they are two, such as twins, say --two-persons"
        )


def mean_embedding(folder: Path, embedder: FaceEmbedder, count: int) -> np.ndarray | None:
    """Returns the mean embedding (128,) of about ``count`` faces in a folder of faces; None where none is found again.

    Faces are looked for in the raw pictures, or in the aligned ones where there are no others.

    Raises:
        DatasetError: there are no pictures, or one cannot be read.
    """
    pictures = list_pictures(folder / RAW if (folder / RAW).is_dir() else folder)
    model, found = MeshFaces(), []
    for path in pictures[:: -(-len(pictures) // count)]:
        image = read_picture(path)
        model.restart()
        found += [embedder.embed(image, face) for face in model.find(image)[:1]]
    return np.mean(found, axis=0) if found else None
