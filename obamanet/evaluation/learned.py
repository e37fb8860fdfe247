"""Measures that need networks and weights of other people: used where the user has them, never imitated."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np

from obamanet.errors import EvaluationError

ALEXNET_FILE = "alexnet-owt-7be5be79.pth"
"""torchvision's AlexNet, which LPIPS builds on; lpips would fetch it from the network, so it must be there already."""

NOT_AVAILABLE: dict[str, str] = {
    "fid": "needs Inception weights, and thousands of frames to mean anything; not part of this version",
    "lse_c": "needs Chung's syncnet_v2.model and torch; not part of this version",
    "lse_d": "needs Chung's syncnet_v2.model and torch; not part of this version",
    "own_offset": "this version comes without a SyncNet of its own",
    "own_confidence": "this version comes without a SyncNet of its own",
    "word_error": "this version comes without a lip reader",
}
"""Rows that the report keeps a place for, and why they are empty."""


class Lpips:
    """LPIPS (Zhang et al. 2018) by the package lpips with AlexNet; build it once per process.

    Raises :class:`EvaluationError`, saying what is missing, where it cannot be computed.
    """

    def __init__(self) -> None:
        missing = [name for name in ("torch", "torchvision", "lpips") if importlib.util.find_spec(name) is None]
        if missing:
            raise EvaluationError(f"not installed: {', '.join(missing)}")
        torch: Any = importlib.import_module("torch")
        weights = Path(torch.hub.get_dir()) / "checkpoints" / ALEXNET_FILE
        if not weights.is_file():
            raise EvaluationError(f"weights are missing: {weights}")
        self._torch = torch
        self._network: Any = importlib.import_module("lpips").LPIPS(net="alex", verbose=False).eval()

    def distance(self, picture: np.ndarray, truth: np.ndarray) -> float:
        """Return the distance of two uint8 BGR pictures (H, W, 3) of one size; 0 is best."""
        with self._torch.no_grad():
            return float(self._network(self._tensor(picture), self._tensor(truth)).item())

    def _tensor(self, picture: np.ndarray) -> Any:
        rgb = np.ascontiguousarray(picture[..., ::-1].transpose(2, 0, 1)[None], dtype=np.float32)
        return self._torch.from_numpy(rgb / 127.5 - 1.0)
