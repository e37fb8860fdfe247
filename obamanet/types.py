"""The frozen dataclasses that travel between stages; arrays inside them are never changed in place."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

import numpy as np


@dataclass(frozen=True)
class AudioClip:
    """Mono sound: ``samples`` (N,) float32 in [-1, 1] at ``rate`` Hz, and the file it came from."""

    samples: np.ndarray
    rate: int
    source: str = ""

    @property
    def duration(self) -> Fraction:
        """Length in seconds, exact."""
        return Fraction(len(self.samples), self.rate)


@dataclass(frozen=True)
class FeatureSequence:
    """Sound features: ``values`` (F, D) float32 at ``rate`` feature frames per second.

    Frame i looks at the sound from i / rate on. ``duration`` is the sound's length in seconds.
    """

    values: np.ndarray
    rate: Fraction
    duration: Fraction


@dataclass(frozen=True)
class CanonicalKeypoints:
    """Mouth keypoints ``points`` (T, 20, 2) float32 in canonical coordinates, frame n at n / ``fps`` seconds."""

    points: np.ndarray
    fps: Fraction


@dataclass(frozen=True)
class Span:
    """From ``start`` to ``end``, seconds."""

    start: float
    end: float

    def shifted(self, seconds: float) -> Span:
        """Returns the span moved by ``seconds``, forward where that is positive."""
        return Span(self.start + seconds, self.end + seconds)


@dataclass(frozen=True)
class LandmarkTrack:
    """All landmarks ``points`` (T, 68, 2) float32 in pixels, frame n at n / ``fps`` seconds."""

    points: np.ndarray
    fps: Fraction


@dataclass(frozen=True)
class Placement:
    """What turns canonical into pixel coordinates, per frame.

    ``centre`` (T, 2) pixels, ``scale`` (T,) pixels per canonical unit, ``tilt`` (T,) radians, positive clockwise in
    the picture (x right, y down).
    """

    centre: np.ndarray
    scale: np.ndarray
    tilt: np.ndarray


@dataclass(frozen=True)
class CropBox:
    """A square in the source frame: ``left``, ``top`` and ``side`` in pixels; may reach beyond the frame's edge."""

    left: float
    top: float
    side: float


class RenderMode(StrEnum):
    """How a person is rendered; a property of the person."""

    WHOLE_FACE = "whole-face"
    """The whole portrait is painted from the whole-face sketch."""

    INPAINT = "inpaint"
    """The person's footage, its mouth region blanked and the new lips drawn, is completed (ObamaNet, section 3.3)."""
