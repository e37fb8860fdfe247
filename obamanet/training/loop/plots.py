"""Pictures of a training run: mouth opening over time, recorded and predicted, and rendered frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from obamanet.files import atomic_path, atomic_write_bytes
from obamanet.keypoints.opening import mouth_opening


def draw_openings(recorded: np.ndarray, predicted: np.ndarray, folder: Path, step: int) -> None:
    """Plots the mouth opening of recorded and predicted keypoints, as ``folder``/step_NNNNNNN.png.

    Args:
        recorded: keypoints (T, 20, 2), canonical.
        predicted: the same.
        folder: where the picture goes.
        step: training step, for the title and the file name.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 2.5), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(mouth_opening(recorded), label="recorded", color="0.5")
    axes.plot(mouth_opening(predicted), label="predicted")
    axes.set(xlabel="frame", ylabel="opening (eye distances)", title=f"step {step}")
    axes.legend(fontsize=8)
    with atomic_path(folder / f"step_{step:07d}.png") as part:
        figure.savefig(part, dpi=80)


def save_picture(picture: np.ndarray, path: Path) -> None:
    """Writes ``picture`` (H, W, 3) uint8 BGR as PNG; raises :class:`obamanet.errors.OutputError` when that fails."""
    import cv2

    # OpenCV's own writing does not say when the disk is full.
    _, content = cv2.imencode(".png", picture)
    atomic_write_bytes(path, content.tobytes())
