"""The models that landmarks can be found with."""

from __future__ import annotations

from enum import StrEnum


class Landmarks(StrEnum):
    """The models that landmarks are found with."""

    MESH = "mesh"
    """BlazeFace and MediaPipe's face mesh."""

    DLIB = "dlib"
    """dlib's HOG detector and 68-point model, as in Kumar et al. 2017; not for commercial use."""
