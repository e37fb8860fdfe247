"""Puts the painted face of one person in the place of another's, in one frame."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

import cv2
import numpy as np

from obamanet.errors import OptionError
from obamanet.swap.alignments import face_width
from obamanet.swap.colour_transfer import Colour, match_colour
from obamanet.swap.face_masks import Part, hull_mask, parts_mask
from obamanet.swap.umeyama import moved, scale_of, transform, warp, window_of

SHARPEN_SIGMA: Final = 0.008
"""Sigma of the unsharp mask, as a share of the painted square's side in the frame."""


CLONE_EDGE: Final = 3
"""Pixels added around what is cloned, so that it does not reach the picture's edge."""


class Blend(StrEnum):
    """How a painted face is put into the frame."""

    FEATHER = "feather"
    """Over a soft edge."""

    SEAMLESS = "seamless"
    """By its gradients (Perez et al. 2003, "Poisson image editing"), then over a soft edge."""


@dataclass(frozen=True)
class BlendOptions:
    """How faces are put into frames.

    Attributes:
        colour: how their colours are matched.
        blend: how they are put in.
        coverage: share of the face, around its middle, that is replaced, 0.1 to 1.
        feather: width of the soft edge as a share of the face's width, 0 to 0.5; it lies inside the face.
        enhance: strength of sharpening, 0 to 2.
        parts: what is replaced; the whole face where it is empty.
        panes: 1 for the result, 2 for it beside the original, 3 with the mask between them.

    Raises:
        OptionError: a value is out of range.
    """

    colour: Colour = Colour.ADAIN
    blend: Blend = Blend.FEATHER
    coverage: float = 1.0
    feather: float = 0.12
    enhance: float = 0.0
    parts: frozenset[Part] = frozenset()
    panes: int = 1

    def __post_init__(self) -> None:
        """Checks the values."""
        for name, value, low, high in (
            ("coverage", self.coverage, 0.1, 1.0),
            ("feather", self.feather, 0.0, 0.5),
            ("enhance", self.enhance, 0.0, 2.0),
            ("panes", self.panes, 1, 3),
        ):
            if not low <= value <= high:
                raise OptionError(f"{name} must be from {low} to {high}: got {value}")


class Painter(Protocol):
    """What paints faces: :class:`obamanet.swap.swap_model.Swapper`."""

    @property
    def size(self) -> int:
        """Side of the faces in pixels."""
        ...

    def paint(self, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns pictures (n, S, S, 3) uint8 BGR and alphas (n, S, S, 1) float32 for ``faces`` (n, S, S, 3) uint8."""
        ...


@dataclass(frozen=True)
class PlacedFace:
    """A face to replace: its ``landmarks`` (68, 2) in the frame, and ``matrix`` (2, 3) from there to the painter's."""

    landmarks: np.ndarray
    matrix: np.ndarray


def swap_faces(
    frame: np.ndarray, faces: list[PlacedFace], painter: Painter, options: BlendOptions
) -> tuple[np.ndarray, np.ndarray]:
    """Replaces faces in a frame.

    Args:
        frame: shape (H, W, 3) uint8 BGR; it is left as it is.
        faces: the faces to replace.
        painter: paints them.
        options: how they are put in.

    Returns:
        The frame with the new faces (H, W, 3) uint8 BGR, and their weight (H, W) float32 in [0, 1]; where it is 0,
        every pixel is the frame's own.
    """
    result, weights = frame.copy(), np.zeros(frame.shape[:2], np.float32)
    if not faces:
        return result, weights
    given = np.stack([warp(frame, face.matrix, painter.size) for face in faces])
    for face, seen, picture, alpha in zip(faces, given, *painter.paint(given), strict=True):
        left, top, right, bottom = window_of(face.matrix, painter.size, frame.shape)
        if right - left < 2 or bottom - top < 2:
            continue
        window, size = (slice(top, bottom), slice(left, right)), (bottom - top, right - left)
        there = PlacedFace(face.landmarks - (left, top), moved(face.matrix, left, top))
        points = transform(face.landmarks, face.matrix)
        matched = match_colour(picture, seen, hull_mask(points, seen.shape[:2]), options.colour)
        back = _brought_back(matched, there, size, options.enhance)
        weight = _weight(alpha[..., 0], there, size, options)
        if options.blend is Blend.SEAMLESS:
            back = _seamless(back, result[window], weight)
        mixed = result[window] + weight[..., None] * (back.astype(np.float32) - result[window])
        result[window] = np.round(mixed).astype(np.uint8)
        weights[window] = np.maximum(weights[window], weight)
    return result, weights


def _brought_back(painted: np.ndarray, face: PlacedFace, size: tuple[int, int], enhance: float) -> np.ndarray:
    """Returns ``painted`` (S, S, 3) uint8 in the window of ``size`` (height, width) around ``face``, sharpened."""
    back = _back(painted, face.matrix, size, cv2.INTER_CUBIC, cv2.BORDER_REPLICATE)
    if not enhance:
        return back
    blurred = cv2.GaussianBlur(back, (0, 0), max(0.6, SHARPEN_SIGMA * len(painted) / scale_of(face.matrix)))
    return cv2.addWeighted(back, 1 + enhance, blurred, -enhance, 0)


def _weight(alpha: np.ndarray, face: PlacedFace, size: tuple[int, int], options: BlendOptions) -> np.ndarray:
    """Returns the weight of the painted face in the window of ``size`` (height, width) that ``face`` lies in.

    Args:
        alpha: the painter's own, shape (S, S) float32.
        face: in pixels of the window.
        size: of the window.
        options: what is put in, and its edge.

    Returns:
        Shape (height, width) float32 in [0, 1].
    """
    landmarks = face.landmarks
    mask = parts_mask(landmarks, size, options.parts) if options.parts else hull_mask(landmarks, size)
    # One pixel less than the square: beyond it nothing was painted.
    square = np.pad(np.ones((len(alpha) - 2,) * 2, np.uint8), 1) * 255
    mask = np.minimum(mask, _back(square, face.matrix, size, cv2.INTER_NEAREST, cv2.BORDER_CONSTANT))
    edge = soft_edge(_covered(mask, options.coverage), options.feather * face_width(landmarks))
    return edge * _back(alpha, face.matrix, size, cv2.INTER_LINEAR, cv2.BORDER_CONSTANT)


def panes(frame: np.ndarray, result: np.ndarray, weights: np.ndarray, count: int) -> np.ndarray:
    """Returns ``count`` pictures side by side: the ``result``; before it the ``frame``; between them the mask in it."""
    if count == 1:
        return result
    if count == 2:
        return np.hstack([frame, result])
    red = np.array([0, 0, 255], np.float32)
    masked = np.round(frame + 0.6 * weights[..., None] * (red - frame)).astype(np.uint8)
    return np.hstack([frame, masked, result])


def soft_edge(mask: np.ndarray, width: float) -> np.ndarray:
    """Returns ``mask`` (H, W) uint8 as a weight that rises from 0 at its edge to 1 ``width`` pixels inside: float32.

    The picture's own edge is none of the mask's: a face that it cuts off is whole up to there.
    """
    if width < 1:
        return (mask > 0).astype(np.float32)
    inside = cv2.distanceTransform(mask, cv2.DIST_L2, cv2.DIST_MASK_5)
    # A narrow part, such as a brow, still reaches its full weight in its middle.
    width = min(width, max(float(inside.max()), 1.0))
    share = np.clip(inside / width, 0, 1)
    return (share * share * (3 - 2 * share)).astype(np.float32)


def _covered(mask: np.ndarray, coverage: float) -> np.ndarray:
    """Returns ``mask`` shrunk to ``coverage`` about its middle."""
    if coverage == 1 or not mask.any():
        return mask
    moments = cv2.moments(mask, binaryImage=True)
    x, y = moments["m10"] / moments["m00"], moments["m01"] / moments["m00"]
    matrix = np.array([[coverage, 0, (1 - coverage) * x], [0, coverage, (1 - coverage) * y]])
    return np.minimum(mask, cv2.warpAffine(mask, matrix, mask.shape[::-1], flags=cv2.INTER_NEAREST))


def _back(picture: np.ndarray, matrix: np.ndarray, size: tuple[int, int], how: int, border: int) -> np.ndarray:
    """Returns ``picture`` brought back by ``matrix``, which leads to it, to a window of ``size`` (height, width)."""
    return cv2.warpAffine(picture, matrix, size[::-1], flags=how | cv2.WARP_INVERSE_MAP, borderMode=border)


def _seamless(back: np.ndarray, under: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Returns ``back`` with the colours that its gradients have in ``under``, where ``weight`` is above 0."""
    inside = np.where(weight > 0.02, 255, 0).astype(np.uint8)
    if cv2.countNonZero(inside) < 16:
        return back
    # The clone takes its border's colours from outside, of which there is nothing beyond the frame's edge.
    edge = (CLONE_EDGE,) * 4
    mask = cv2.copyMakeBorder(inside, *edge, cv2.BORDER_CONSTANT, value=0)
    source, target = (cv2.copyMakeBorder(picture, *edge, cv2.BORDER_REPLICATE) for picture in (back, under))
    left, top, width, height = cv2.boundingRect(mask)
    centre = (left + width // 2, top + height // 2)
    cloned = cv2.seamlessClone(source, target, mask, centre, cv2.NORMAL_CLONE)
    return cloned[CLONE_EDGE:-CLONE_EDGE, CLONE_EDGE:-CLONE_EDGE]
