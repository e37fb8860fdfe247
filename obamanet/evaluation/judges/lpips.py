"""Measures that need networks and weights of other people: used where the user has them, never imitated."""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from obamanet.errors import EvaluationError
from obamanet.evaluation.judges.judge_folders import Judges

Tool = TypeVar("Tool")

ALEXNET_FILE = "alexnet-owt-7be5be79.pth"
"""torchvision's AlexNet, which LPIPS builds on; lpips would fetch it from the network, so it must be there already."""

MIN_SIDE = 32
"""Pixels. Of a smaller picture AlexNet's last layer sees nothing."""


@dataclass(frozen=True)
class Supplied:
    """What the user supplies beside the videos: the file of Chung's SyncNet, or None, and judges of their own."""

    syncnet: Path | None = None
    judges: Judges = field(default_factory=Judges)


def where_there(make: Callable[[], Tool]) -> tuple[Tool | None, str]:
    """Return what ``make`` makes, or None and the reason why it cannot be made here."""
    try:
        return make(), ""
    except EvaluationError as error:
        return None, str(error)


def torch_with(*packages: str, weights: str) -> Any:
    """Return PyTorch, imported as ``packages`` are, when the file ``weights`` is in its cache.

    Raises :class:`EvaluationError`, saying what is to be installed and where the weights belong.
    """
    needed = ("torch", *packages)
    missing = [name.replace("_", "-") for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        raise EvaluationError(
            f"not installed: {', '.join(missing)}; pip install {' '.join(missing)}, and put {weights} into "
            "hub/checkpoints of PyTorch's cache (~/.cache/torch)"
        )
    try:
        torch, *_ = [importlib.import_module(name) for name in needed]
    except (ImportError, OSError, RuntimeError) as error:
        # Versions that do not fit each other, or a library of the system that is not there.
        reason = str(error).partition("\n")[0]
        raise EvaluationError(f"installed but not usable: {', '.join(needed)}: {reason}") from None
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    if not (folder / weights).is_file():
        # The packages would fetch them from the network; nothing here does that unasked.
        raise EvaluationError(f"weights are missing: put {weights} into {folder}")
    return torch


class Lpips:
    """LPIPS (Zhang et al. 2018) by the package lpips with AlexNet; build it once per process.

    Raises :class:`EvaluationError`, saying what is missing, where it cannot be computed.
    """

    def __init__(self) -> None:
        self._torch = torch_with("torchvision", "lpips", weights=ALEXNET_FILE)
        with warnings.catch_warnings():
            # The package calls torchvision in a way that is going out of use.
            warnings.simplefilter("ignore", UserWarning)
            self._network: Any = importlib.import_module("lpips").LPIPS(net="alex", verbose=False).eval()

    def distance(self, picture: np.ndarray, truth: np.ndarray) -> float:
        """Return the distance of two uint8 BGR pictures (H, W, 3) of one size; 0 is best."""
        with self._torch.no_grad():
            return float(self._network(self._tensor(picture), self._tensor(truth)).item())

    def _tensor(self, picture: np.ndarray) -> Any:
        rgb = np.ascontiguousarray(picture[..., ::-1].transpose(2, 0, 1)[None], dtype=np.float32)
        return self._torch.from_numpy(rgb / 127.5 - 1.0)
