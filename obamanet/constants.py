"""Numbers that more than one stage shares, each with its unit and its source."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

SAMPLE_RATE: Final = 16_000
"""Hz. Every sound is brought to this rate before features; speech energy that shapes the lips lies below 8 kHz."""

FEATURE_RATE: Final = Fraction(100)
"""Feature frames per second: a 10 ms step, the default of python_speech_features."""

FEATURE_WINDOW: Final = Fraction(25, 1000)
"""Seconds of sound under one feature frame, the default of python_speech_features."""

LANDMARK_COUNT: Final = 68
"""Points of the iBUG 300-W scheme (Sagonas et al. 2013), which dlib's predictor follows."""

MOUTH: Final = slice(48, 68)
"""The 20 mouth points among the 68 landmarks; 48..59 outer lips, 60..67 inner lips."""

MOUTH_COUNT: Final = 20

JAW: Final = slice(0, 17)
NOSE_BASE: Final = slice(31, 36)
LEFT_EYE: Final = slice(36, 42)
RIGHT_EYE: Final = slice(42, 48)

OUTER_LIPS: Final = slice(0, 12)
"""Within the 20 keypoints: the closed outer contour of the lips."""

INNER_LIPS: Final = slice(12, 20)
"""Within the 20 keypoints: the closed inner contour of the lips, whose gap is the mouth opening."""

INNER_TOP: Final = (13, 14, 15)
"""Within the 20 keypoints: the upper inner lip, left to right in the picture."""

INNER_BOTTOM: Final = (19, 18, 17)
"""Within the 20 keypoints: the lower inner lip, point by point below INNER_TOP."""

STABLE_POINTS: Final = (27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 39, 42, 45)
"""Landmarks that speech hardly moves (nose and eye corners); head placement is fitted to them alone."""

IMAGE_SIZE: Final = 256
"""Pixels. Side of the square that the renderer reads and paints (Isola et al. 2017)."""

MAX_IMAGE_SIZE: Final = 1024
"""Pixels. Twice the side of a face in 1080p; beyond, one training batch needs more memory than most machines have."""

PERSON_SCHEMA: Final = 2
"""Version of the person folder's layout; a larger one in a folder is refused."""

DATASET_SCHEMA: Final = 1
"""Version of the prepared dataset's layout."""
