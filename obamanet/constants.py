"""Numbers that several stages share, each with its unit and its source."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

SAMPLE_RATE: Final = 16_000
"""Hz. Every sound is resampled to it before feature extraction; the speech energy that shapes the lips is below 8
kHz."""

FEATURE_RATE: Final = Fraction(100)
"""Feature frames per second: a step of 10 ms, the default of python_speech_features."""

FEATURE_WINDOW: Final = Fraction(25, 1000)
"""Seconds of sound per feature frame, the default of python_speech_features."""

LANDMARK_COUNT: Final = 68
"""Number of landmarks in the iBUG 300-W scheme (Sagonas et al. 2013), which dlib's predictor uses."""

IRIS_POINTS: Final = 5
"""Number of points of an iris: its centre, then four on its edge."""

LANDMARKS_WITH_IRISES: Final = LANDMARK_COUNT + 2 * IRIS_POINTS
"""Number of landmarks where the model sees irises too: the 68, then the left and the right iris in the picture."""

MOUTH: Final = slice(48, 68)
"""Indices of the mouth among the 68 landmarks: 48..59 outer lips, 60..67 inner lips."""

MOUTH_COUNT: Final = 20
"""Number of mouth keypoints."""

JAW: Final = slice(0, 17)
NOSE_BASE: Final = slice(31, 36)
LEFT_EYE: Final = slice(36, 42)
RIGHT_EYE: Final = slice(42, 48)
"""Indices of the jaw line, the nose's base and the eyes (left and right in the picture) among the 68 landmarks."""

LEFT_IRIS: Final = slice(68, 73)
RIGHT_IRIS: Final = slice(73, 78)
"""Indices of the irises (left and right in the picture) among the 78 landmarks; the first of each is its centre."""

OUTER_LIPS: Final = slice(0, 12)
"""Indices among the 20 keypoints: the closed outer contour of the lips."""

INNER_LIPS: Final = slice(12, 20)
"""Indices among the 20 keypoints: the closed inner contour of the lips, which bounds the mouth opening."""

LEFT_CORNER, RIGHT_CORNER = 0, 6
"""Indices among the 20 keypoints: the outer corners of the mouth, left and right in the picture."""

INNER_TOP: Final = (13, 14, 15)
"""Indices among the 20 keypoints: the upper inner lip, left to right in the picture."""

INNER_BOTTOM: Final = (19, 18, 17)
"""Indices among the 20 keypoints: the lower inner lip, each point below the one of INNER_TOP at the same place."""

STABLE_POINTS: Final = (27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 39, 42, 45)
"""Indices among the 68 landmarks: nose and eye corners, which speech hardly moves; placements are fitted to them
alone."""

IMAGE_SIZE: Final = 256
"""Pixels. Default side of the renderer's square images (Isola et al. 2017)."""

MAX_IMAGE_SIZE: Final = 1024
"""Pixels. Largest side allowed: twice a face in 1080p; a larger one exceeds most machines' memory in training."""

PERSON_SCHEMA: Final = 2
"""Version of the person folder's layout; a folder with a larger one is refused."""

DATASET_SCHEMA: Final = 1
"""Version of the prepared dataset's layout."""
