"""The alignments file: where each face of a video or of pictures is; a person can read and edit it.

alignments.jsonl    JSON lines. The first is the head: schema, source, its sha256, frames per second as text ("" for
                    pictures), number of frames, landmark model. Every other line is one face.

A line that is deleted takes its face out; an edited landmark moves it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from obamanet.card import Card, CardError
from obamanet.constants import LANDMARK_COUNT
from obamanet.errors import DatasetError
from obamanet.files import atomic_write_text, parse_json

ALIGNMENTS_FILE: Final = "alignments.jsonl"
"""Name of the file in a folder of faces."""

SCHEMA: Final = 1
"""Version of the file's layout."""

DECIMALS: Final = 2
"""Decimals of a pixel that landmarks are written with; far below their own error."""


@dataclass(frozen=True, slots=True)
class Face:
    """One face of one frame; with slots, since a long video has very many.

    Attributes:
        frame: number of the frame, or of the picture in the order of names, from 0.
        name: name of the frame, or of the picture without suffix.
        number: of the face in its frame, from 0.
        track: number of the face through the video; the same face has the same one up to a cut.
        person: number of the person, 0 for the one who is seen longest, or who was asked for.
        landmarks: shape (68, 2) float32, pixels of the frame.
        sharpness: variance of the aligned face's Laplacian, in squared grey levels; 0 where it was not measured.
        size: width of the face in pixels.
        rejected: why it is not used; empty where it is.
    """

    frame: int
    name: str
    number: int
    track: int
    person: int
    landmarks: np.ndarray
    sharpness: float = 0.0
    size: float = 0.0
    rejected: str = ""

    @property
    def file(self) -> str:
        """Name of the face's pictures without suffix: the frame's and the number, as in deepfakes/faceswap."""
        return f"{self.name}_{self.number}"


@dataclass(frozen=True)
class AlignmentsHead:
    """What the faces were found in.

    Attributes:
        source: name of the video, folder or zip.
        sha256: of the video; "" for a folder of pictures.
        fps: frames per second as text, such as "30000/1001"; "" for pictures.
        frames: number of frames or pictures.
        landmarks: the model that found the landmarks.
    """

    source: str
    sha256: str
    fps: str
    frames: int
    landmarks: str


@dataclass(frozen=True)
class Alignments:
    """An alignments file: its ``head`` and its ``faces`` in the order of frames."""

    head: AlignmentsHead
    faces: tuple[Face, ...]


def face_width(landmarks: np.ndarray) -> float:
    """Returns the distance of the jaw's two ends in ``landmarks`` (68, 2), in pixels."""
    return float(np.linalg.norm(landmarks[16] - landmarks[0]))


def write_alignments(path: Path, alignments: Alignments) -> None:
    """Writes the file whole or not at all; raises :class:`obamanet.errors.OutputError`."""
    lines = [json.dumps({"schema": SCHEMA, **asdict(alignments.head)}, ensure_ascii=False)]
    for face in alignments.faces:
        content = asdict(replace(face, landmarks=np.empty(0)))
        content["sharpness"], content["size"] = round(face.sharpness, 1), round(face.size, 1)
        content["landmarks"] = [[round(float(value), DECIMALS) for value in point] for point in face.landmarks]
        lines.append(json.dumps(content, ensure_ascii=False, allow_nan=False))
    atomic_write_text(path, "\n".join(lines) + "\n")


def read_alignments(path: Path) -> Alignments:
    """Reads an alignments file.

    Raises:
        DatasetError: it is missing, of a newer schema, or a line is damaged; the message names the line.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise DatasetError(f"alignments cannot be read ({reason}): {path}") from error
    if not lines:
        raise DatasetError(f"alignments are empty: {path}")
    try:
        head = _card(lines[0], 1, path)
        if not 1 <= (schema := head.whole("schema")) <= SCHEMA:
            raise DatasetError(f"alignments have schema {schema}, this program reads 1 to {SCHEMA}: {path}")
        about = Card({key: value for key, value in head.content.items() if key != "schema"}, path, "line 1")
        faces = [_face(_card(line, number, path)) for number, line in enumerate(lines[1:], 2) if line.strip()]
        return Alignments(about.build(AlignmentsHead), tuple(sorted(faces, key=lambda face: (face.frame, face.number))))
    except CardError as error:
        raise DatasetError(f"alignments are damaged: {error}") from error


def of_frame(faces: Sequence[Face]) -> dict[int, list[Face]]:
    """Returns ``faces`` by the number of their frame."""
    by_frame: dict[int, list[Face]] = {}
    for face in faces:
        by_frame.setdefault(face.frame, []).append(face)
    return by_frame


def _card(line: str, number: int, path: Path) -> Card:
    try:
        return Card(parse_json(line), path, f"line {number}")
    except ValueError as error:
        raise CardError(f"{path}: line {number} is no JSON object ({error})") from None


def _face(card: Card) -> Face:
    content: dict[str, Any] = dict(card.content)
    try:
        landmarks: np.ndarray = np.asarray(content.pop("landmarks", None), np.float32)
    except (TypeError, ValueError):
        landmarks = np.empty(0)
    if landmarks.shape != (LANDMARK_COUNT, 2) or not np.isfinite(landmarks).all():
        raise CardError(f"{card.path}: {card.place}: landmarks must be {LANDMARK_COUNT} pairs of numbers")
    return Card(content, card.path, card.place).build(Face, landmarks=landmarks)
