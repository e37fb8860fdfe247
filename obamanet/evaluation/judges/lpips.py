"""LPIPS, and what measures with networks of others share: they are used where the user has them, never imitated."""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np

from obamanet.errors import EvaluationError
from obamanet.evaluation.judges.judge_folders import Judges

Tool = TypeVar("Tool")

ALEXNET_FILE: Final = "alexnet-owt-7be5be79.pth"
"""torchvision's AlexNet, which LPIPS builds on; lpips would fetch it from the network, so it must be there already."""

MIN_SIDE: Final = 32
"""Pixels. A smaller picture leaves nothing for AlexNet's last layer."""


@dataclass(frozen=True)
class Supplied:
    """What the user supplies beside the videos.

    Attributes:
        syncnet: file of Chung's SyncNet; None without.
        judges: folders of the user's own judges.
    """

    syncnet: Path | None = None
    judges: Judges = field(default_factory=Judges)


def load_if_available(make: Callable[[], Tool]) -> tuple[Tool | None, str]:
    """Returns the result of ``make`` and "", or None and the message of its :class:`EvaluationError`."""
    try:
        return make(), ""
    except EvaluationError as error:
        return None, str(error)


def import_torch(*packages: str, weights: str) -> Any:
    """Imports PyTorch.

    Args:
        packages: other packages that are needed, imported too.
        weights: name of the file that must be in PyTorch's cache.

    Returns:
        The module torch.

    Raises:
        EvaluationError: packages or weights are missing; says which and where they belong.
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

    Raises:
        EvaluationError: packages or weights are missing; says which and where they belong.
    """

    def __init__(self) -> None:
        self._torch = import_torch("torchvision", "lpips", weights=ALEXNET_FILE)
        with warnings.catch_warnings():
            # The package calls torchvision in a way that is going out of use.
            warnings.simplefilter("ignore", UserWarning)
            self._network: Any = importlib.import_module("lpips").LPIPS(net="alex", verbose=False).eval()

    def distance(self, picture: np.ndarray, truth: np.ndarray) -> float:
        """Returns the distance of two uint8 BGR pictures (H, W, 3) of one size; 0 is best."""
        with self._torch.no_grad():
            return float(self._network(self._tensor(picture), self._tensor(truth)).item())

    def _tensor(self, picture: np.ndarray) -> Any:
        rgb = np.ascontiguousarray(picture[..., ::-1].transpose(2, 0, 1)[None], dtype=np.float32)
        return self._torch.from_numpy(rgb / 127.5 - 1.0)
