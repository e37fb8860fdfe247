"""Faces to train on: a folder of aligned faces with the masks of their eyes, and what is drawn from it for a step."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from obamanet.errors import DatasetError
from obamanet.keypoints.eyes import BLINK_SHARE, eye_openings
from obamanet.pix2pix.pictures import list_pictures, read_picture
from obamanet.swap.alignments import ALIGNMENTS_FILE, read_alignments
from obamanet.swap.extract_faces import Side
from obamanet.swap.face_masks import Part, parts_mask
from obamanet.swap.umeyama import alignment, transform

MIN_FACES: Final = 25
"""Faces a side below which a swap learns pictures by heart rather than faces."""

COVERAGE: Final = 0.85
"""Share of an aligned picture's side, around its middle, that a swap sees and paints."""

CACHED: Final = 4096
"""Faces that are kept in memory at most; at 256 pixels 1.1 GB."""

VALIDATION_SHARE: Final = 0.1
"""Share of the faces, the last of them, that only validate: neighbouring frames would be the same picture."""

MAX_TURN, MAX_ZOOM, MAX_SHIFT = 10.0, 0.05, 0.04
"""Degrees; share of the scale; share of the side: how far augmentation turns, scales and moves a face."""

WARP_POINTS: Final = 5
WARP_SIGMA: Final = 0.02
"""Points along a side of the grid that warps a face, and the standard deviation of their shifts as a share of it."""

SHUT_SHARE: Final = 0.25
"""Share of the faces drawn whose eyes are shut, where there are any: of a hundred frames a blink has some, and which of
the two faces blinks must not matter to the encoder."""

COLOUR_GAIN, COLOUR_SHIFT = 0.08, 8.0
"""Standard deviations of each channel's factor, and of its shift in grey levels."""

BLUR_SHARE: Final = 0.25
"""Share of the encoder's inputs that are blurred, by up to a fiftieth of their side."""


@dataclass(frozen=True)
class FaceBatch:
    """B faces of one side.

    Attributes:
        given: warped and perhaps blurred, shape (B, S, S, 3) uint8 BGR.
        target: what is to be painted, shape (B, S, S, 3) uint8 BGR.
        eyes: masks of their eyes, shape (B, S, S, 1) uint8, 0 or 255.
        mouth: masks of their mouths with the lips, likewise; empty where no landmarks are known.
    """

    given: np.ndarray
    target: np.ndarray
    eyes: np.ndarray
    mouth: np.ndarray


class FaceSet:
    """The aligned faces in a folder: of ``obamanet swap extract``, or of deepfakes/faceswap.

    Args:
        folder: with the pictures; masks of eyes below it.
        size: side of the faces that are drawn, pixels.
        least: faces that must be there.
        need_eyes: whether every face must have its mask of eyes.

    Raises:
        DatasetError: there are too few faces, or a mask is missing.
    """

    def __init__(self, folder: Path, size: int, least: int = MIN_FACES, *, need_eyes: bool = False) -> None:
        self.folder, self.size = folder, size
        self.pictures = list_pictures(folder)
        if len(self.pictures) < max(least, 2):
            raise DatasetError(
                f"{len(self.pictures)} faces are too few to swap, at least {max(least, 2)} a side are needed: "
                f"{folder}; extract from more pictures or a longer video, or say --min-faces "
                f"{len(self.pictures)} to try anyway"
            )
        self.eyes = [self._eyes_of(path) for path in self.pictures]
        missing = [path for path, eyes in zip(self.pictures, self.eyes, strict=True) if eyes is None]
        if need_eyes and missing:
            place = next((side.eyes for side in Side if (folder / side.eyes).is_dir()), Side.SRC.eyes)
            raise DatasetError(
                f"mask of eyes is missing for {len(missing)} of {len(self.pictures)} faces, the first "
                f"{missing[0].name}: {folder / place}; extract anew, or say --eyes 0"
            )
        self._load = lru_cache(maxsize=CACHED)(self._read)
        held_out = max(1, round(VALIDATION_SHARE * len(self.pictures)))
        self.train = range(len(self.pictures) - held_out)
        self.val = range(len(self.pictures) - held_out, len(self.pictures))
        self._landmarks = _landmarks_in(folder)
        self._shut = self._find_shut()

    def face(self, index: int) -> np.ndarray:
        """Returns face ``index`` as a swap sees it: shape (S, S, 3) uint8 BGR."""
        return self._cut(index, _shown(self._load(index)[0].shape[0], self.size))[0]

    def draw(self, count: int, random: np.random.Generator, *, flip: bool) -> FaceBatch:
        """Returns ``count`` training faces, augmented with ``random``; ``flip`` mirrors every second."""
        given, target, masks = [], [], []
        chosen = random.choice(len(self.train), count, replace=count > len(self.train))
        if len(self._shut):
            shut = round(SHUT_SHARE * count)
            chosen[:shut] = random.choice(self._shut, shut)
        for index in chosen:
            side = self._load(int(index))[0].shape[0]
            turned = _shown(side, self.size) @ _random_turn(self.size, random, flip)
            face, mask = self._cut(int(index), turned, None)
            warped, _ = self._cut(int(index), turned, _random_warp(self.size, random))
            gain, shift = random.normal(1, COLOUR_GAIN, 3), random.normal(0, COLOUR_SHIFT, 3)
            target.append(_coloured(face, gain, shift))
            given.append(_blurred(_coloured(warped, gain, shift), random))
            masks.append(mask)
        eyes, mouth = np.split(np.stack(masks), 2, axis=-1)
        return FaceBatch(np.stack(given), np.stack(target), eyes, mouth)

    def _cut(self, index: int, matrix: np.ndarray, warp: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Returns face and masks where ``matrix`` (3, 3), from pixels drawn to pixels read, and ``warp`` say."""
        face, masks = self._load(index)
        grid = np.stack(np.meshgrid(np.arange(self.size), np.arange(self.size)), axis=-1).astype(np.float64)
        if warp is not None:
            grid = grid + warp
        places = (grid @ matrix[:2, :2].T + matrix[:2, 2]).astype(np.float32)
        border = cv2.BORDER_REPLICATE
        return (
            cv2.remap(face, places, None, cv2.INTER_LINEAR, borderMode=border),  # type: ignore[call-overload]
            cv2.remap(masks, places, None, cv2.INTER_NEAREST, borderMode=border),  # type: ignore[call-overload]
        )

    def _read(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns a face and its masks of eyes and mouth, scaled so that a drawn face's pixels are the picture's."""
        side = round(self.size / COVERAGE)
        face = cv2.resize(read_picture(self.pictures[index]), (side, side), interpolation=cv2.INTER_AREA)
        path = self.eyes[index]
        eyes: np.ndarray = np.zeros((side, side), np.uint8)
        if path is not None:
            eyes = cv2.resize(read_picture(path)[..., 0], (side, side), interpolation=cv2.INTER_NEAREST)
        mouth = np.zeros_like(eyes)
        landmarks = self._landmarks.get(self.pictures[index].stem)
        if landmarks is not None:
            aligned = transform(landmarks, alignment(landmarks, side))
            mouth = parts_mask(aligned, (side, side), frozenset({Part.MOUTH}))
        return face, np.dstack([eyes, mouth])

    def _find_shut(self) -> np.ndarray:
        """Returns the training faces with shut eyes, by their landmarks; none where these are not there."""
        known = [index for index in self.train if self.pictures[index].stem in self._landmarks]
        if not known:
            return np.empty(0, int)
        seen = np.array([eye_openings(self._landmarks[self.pictures[index].stem]).mean() for index in known])
        return np.array(known)[seen < BLINK_SHARE * np.median(seen)]

    def _eyes_of(self, picture: Path) -> Path | None:
        places = (self.folder / side.eyes / f"{picture.stem}.png" for side in Side)
        return next((place for place in places if place.is_file()), None)


def _landmarks_in(folder: Path) -> dict[str, np.ndarray]:
    """Returns landmarks (68, 2) by the names of pictures without suffix; none where no alignments are in ``folder``."""
    path = folder / ALIGNMENTS_FILE
    return {face.file: face.landmarks for face in read_alignments(path).faces} if path.is_file() else {}


def shown_matrix(side: float, size: int) -> np.ndarray:
    """Returns the similarity (2, 3) from an aligned picture of ``side`` pixels to what a swap sees of it."""
    return np.linalg.inv(_shown(side, size))[:2]


def _shown(side: float, size: int) -> np.ndarray:
    """Returns the matrix (3, 3) from pixels that a swap sees to those of an aligned picture of ``side`` pixels."""
    zoom = COVERAGE * side / size
    start = (1 - COVERAGE) / 2 * side + (zoom - 1) / 2
    return np.array([[zoom, 0, start], [0, zoom, start], [0, 0, 1]])


def _random_turn(size: int, random: np.random.Generator, flip: bool) -> np.ndarray:
    """Returns a matrix (3, 3) that turns, scales, moves and perhaps mirrors a face of ``size`` pixels."""
    angle = np.radians(random.uniform(-MAX_TURN, MAX_TURN))
    zoom = 1 + random.uniform(-MAX_ZOOM, MAX_ZOOM)
    mirrored = -1.0 if random.uniform() < 0.5 and flip else 1.0
    turn = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ np.diag([mirrored, 1])
    middle = np.full(2, (size - 1) / 2)
    move = random.uniform(-MAX_SHIFT, MAX_SHIFT, 2) * size
    return np.vstack([np.column_stack([turn, middle + move - turn @ middle]), [0, 0, 1]])


def _random_warp(size: int, random: np.random.Generator) -> np.ndarray:
    """Returns smooth shifts (size, size, 2) in pixels."""
    shifts = random.normal(0, WARP_SIGMA * size, (WARP_POINTS, WARP_POINTS, 2))
    return cv2.resize(shifts, (size, size), interpolation=cv2.INTER_CUBIC)


def _coloured(face: np.ndarray, gain: np.ndarray, shift: np.ndarray) -> np.ndarray:
    return np.clip(np.round(face * gain + shift), 0, 255).astype(np.uint8)


def _blurred(face: np.ndarray, random: np.random.Generator) -> np.ndarray:
    sigma = random.uniform(0, len(face) / 50)
    if random.uniform() >= BLUR_SHARE or sigma < 0.2:
        return face
    return cv2.GaussianBlur(face, (0, 0), sigma)
