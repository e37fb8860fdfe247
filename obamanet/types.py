"""The frozen dataclasses that travel between stages; the arrays in them are never changed in place."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    # Help texts know the enumerations here, and load no library.
    import numpy as np


class Picture(Protocol):
    """A picture (H, W, 3) uint8 BGR: an array, or what stands for one and converts only what is looked at."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Height, width and 3."""
        ...

    def __getitem__(self, where: tuple[slice, slice], /) -> np.ndarray:
        """Returns the pixels of two slices, those of the rows first."""
        ...

    def __array__(self, dtype: None = None, /, *, copy: bool | None = None) -> np.ndarray:
        """Returns the whole, as :func:`numpy.asarray` does."""
        ...


@dataclass(frozen=True)
class AudioClip:
    """Mono sound.

    Attributes:
        samples: shape (N,) float32, in [-1, 1].
        rate: sample rate in Hz.
        source: the file it came from, for error messages; empty where there is none.
    """

    samples: np.ndarray
    rate: int
    source: str = ""

    @property
    def duration(self) -> Fraction:
        """Length in seconds, exact."""
        return Fraction(len(self.samples), self.rate)


@dataclass(frozen=True)
class FeatureSequence:
    """Sound features; frame i covers the sound from i / ``rate`` seconds on.

    Attributes:
        values: shape (F, D) float32.
        rate: feature frames per second.
        duration: length of the sound in seconds.
    """

    values: np.ndarray
    rate: Fraction
    duration: Fraction


@dataclass(frozen=True)
class CanonicalKeypoints:
    """Mouth keypoints in canonical coordinates; frame n is shown from n / ``fps`` seconds on.

    Attributes:
        points: shape (T, 20, 2) float32, canonical units.
        fps: frames per second.
    """

    points: np.ndarray
    fps: Fraction


@dataclass(frozen=True)
class Span:
    """A stretch of time from ``start`` to ``end``, both in seconds."""

    start: float
    end: float

    def shifted(self, seconds: float) -> Span:
        """Returns the span moved by ``seconds``, forward where that is positive."""
        return Span(self.start + seconds, self.end + seconds)


@dataclass(frozen=True)
class LandmarkTrack:
    """All landmarks of a video; frame n is shown from n / ``fps`` seconds on.

    Attributes:
        points: shape (T, 68, 2) float32, or (T, 78, 2) with irises, pixels.
        fps: frames per second.
    """

    points: np.ndarray
    fps: Fraction


@dataclass(frozen=True)
class Placement:
    """The map from canonical to pixel coordinates, per frame: a stretch along canonical x, then a similarity.

    Attributes:
        centre: shape (T, 2), pixels; the canonical origin in the frame.
        scale: shape (T,), pixels per canonical unit.
        tilt: shape (T,), radians, positive clockwise in the picture (x right, y down).
        stretch: shape (T,) or one number, factor of canonical x; below 1 a face is narrower than canonical.
    """

    centre: np.ndarray
    scale: np.ndarray
    tilt: np.ndarray
    stretch: np.ndarray | float = 1.0


@dataclass(frozen=True)
class CropBox:
    """A square in the source frame, which may reach beyond the frame's edge.

    Attributes:
        left: x of its left edge, pixels.
        top: y of its upper edge, pixels.
        side: length of its side, pixels.
    """

    left: float
    top: float
    side: float


class SketchStyle(StrEnum):
    """How landmarks are drawn for the renderer; each person has one style."""

    PARTS = "parts"
    """A line for each part of the face, each part with its own colour; lips, mouth and irises are filled."""

    LINES = "lines"
    """White lines, without irises."""

    REGIONS = "regions"
    """Filled regions, each part of the face with its own colour, and white irises."""


class DrivenPart(StrEnum):
    """What of a person follows the driver."""

    HEAD = "head"
    """The whole head: its moves, brows, eyes, gaze, jaw and mouth."""

    MOUTH = "mouth"
    """The mouth, and the jaw with it; the rest is that of the reference track."""


class RenderMode(StrEnum):
    """How a person is rendered; each person has one mode."""

    WHOLE_FACE = "whole-face"
    """The renderer paints the whole portrait from the whole-face sketch."""

    INPAINT = "inpaint"
    """The renderer fills the blanked mouth region of the person's footage, with the new lips drawn in it (Kumar et al.
    2017, section 3.3)."""
