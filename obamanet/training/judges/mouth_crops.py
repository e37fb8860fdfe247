"""The lip reader's input: mouths cut out of frames, by one function for training and for evaluating."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from obamanet.keypoints.placement import fit_placement, fit_template
from obamanet.types import Placement

HEIGHT, WIDTH = 32, 48
"""Pixels of a window: the lips, wide open, with some skin about them."""

READ_FPS = 25
"""Frames per second that the lip reader reads; GRID's own."""

MARGIN = 4
"""Pixels kept around the window on every side, so that training can move it."""

PIXELS_PER_EYES = 60
"""Pixels for one eye distance: about 0.9 of GRID's own resolution, 37 for the width of a mouth at rest."""

MOUTH_DROP = 0.06
"""Eye distances by which the window's middle lies below the mouth's: the jaw opens downward."""

BLUR_SIGMA = 0.7
"""Pixels. Sigma of the blur that hides how sharp the video is; finer detail is not the lips' shape."""


@dataclass(frozen=True)
class MouthPlaces:
    """Where the mouth window lies in each frame with a face; ``placement`` has one row per frame."""

    placement: Placement

    def cut(self, image: np.ndarray, row: int) -> np.ndarray:
        """Cuts the mouth out of a frame.

        Args:
            image: the frame, (H, W, 3) uint8 BGR.
            row: its row of the placement.

        Returns:
            The grey mouth, (HEIGHT + 2 MARGIN, WIDTH + 2 MARGIN) uint8: upright, of one size and sharpness whatever the
            video's. Beyond the frame its edge is repeated.
        """
        zoom = PIXELS_PER_EYES / float(self.placement.scale[row])
        cos, sin = np.cos(self.placement.tilt[row]) * zoom, np.sin(self.placement.tilt[row]) * zoom
        x, y = self.placement.centre[row]
        width, height = WIDTH + 2 * MARGIN, HEIGHT + 2 * MARGIN
        turn = np.array([[cos, sin], [-sin, cos]])
        shift = np.array([(width - 1) / 2, (height - 1) / 2 - MOUTH_DROP * PIXELS_PER_EYES]) - turn @ (x, y)
        reach = round(max(width, height) / zoom)
        left, top = max(0, int(x) - reach), max(0, int(y) - reach)
        # Only what is near is blurred: the whole frame would take most of the time.
        near = image[top : max(0, int(y) + reach), left : max(0, int(x) + reach)]
        if near.size == 0:
            return np.zeros((height, width), dtype=np.uint8)
        grey = cv2.GaussianBlur(cv2.cvtColor(np.ascontiguousarray(near), cv2.COLOR_BGR2GRAY), (0, 0), BLUR_SIGMA / zoom)
        matrix = np.concatenate([turn, (shift + turn @ (left, top))[:, None]], axis=1)
        return cv2.warpAffine(grey, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def place_mouths(landmarks: np.ndarray) -> MouthPlaces:
    """Returns where the mouth is in frames with ``landmarks`` (T, 68, 2) pixels.

    The head's placement in each frame and the mean mouth of the clip decide, so that the mouth moves in the window.
    """
    return MouthPlaces(fit_placement(landmarks, fit_template(landmarks)))


def network_windows(mouths: np.ndarray) -> np.ndarray:
    """Returns a clip's mouths as :meth:`MouthPlaces.cut` gives them as network inputs, (T, HEIGHT, WIDTH) float32."""
    return normalise(mouths[:, MARGIN:-MARGIN, MARGIN:-MARGIN])


def normalise(windows: np.ndarray) -> np.ndarray:
    """Returns a clip's ``windows`` (T, H, W) with mean 0 and variance 1 over the clip, float32."""
    values = windows.astype(np.float32)
    return (values - values.mean()) / (values.std() + 1e-3)
