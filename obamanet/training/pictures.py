"""The picture that a training run shows of a mouth: its opening over time, recorded and predicted."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from obamanet.files import atomic_path
from obamanet.keypoints.opening import mouth_opening


def draw_openings(recorded: np.ndarray, predicted: np.ndarray, folder: Path, step: int) -> None:
    """Write the openings of two mouths (T, 20, 2), canonical, as ``folder``/step_NNNNNNN.png."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 2.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.plot(mouth_opening(recorded), label="recorded", color="0.5")
    axes.plot(mouth_opening(predicted), label="predicted")
    axes.set(xlabel="frame", ylabel="opening (eye distances)", title=f"step {step}")
    axes.legend(fontsize=8)
    with atomic_path(folder / f"step_{step:07d}.png") as part:
        figure.savefig(part, dpi=80)
