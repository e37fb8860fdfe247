"""FID (Heusel et al. 2017) by the Inception network of pytorch-fid, where the user has it and its weights.

FID is a figure of a whole set of pictures: it has no value per clip, and none of its own for a mean over clips.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from obamanet.evaluation.judges.lpips import import_torch

INCEPTION_FILE: Final = "pt_inception-2015-12-05-6726825d.pth"
"""The weights that FID was defined with, converted for PyTorch: release fid_weights of pytorch-fid."""

MIN_PICTURES: Final = 2
"""A covariance needs so many."""


@dataclass(frozen=True)
class FaceFeatures:
    """Inception features of the faces of one clip: ``generated`` and ``real`` (N, 2048) float32."""

    generated: np.ndarray
    real: np.ndarray


class Inception:
    """The network of FID; build it once per process.

    Raises:
        EvaluationError: packages or weights are missing; says which and where they belong.
    """

    def __init__(self) -> None:
        self._torch = import_torch("torchvision", "pytorch_fid", weights=INCEPTION_FILE)
        self._network: Any = importlib.import_module("pytorch_fid.inception").InceptionV3().eval()

    def features(self, picture: np.ndarray) -> np.ndarray:
        """Returns the output of the last pooling layer (2048,) float32 for a uint8 BGR picture (H, W, 3)."""
        rgb = np.ascontiguousarray(picture[..., ::-1].transpose(2, 0, 1)[None], dtype=np.float32) / 255
        with self._torch.no_grad():
            return np.asarray(self._network(self._torch.from_numpy(rgb))[0].numpy()).reshape(-1)


def frechet_distance(ours: np.ndarray, real: np.ndarray) -> float:
    """Returns the Frechet distance of two Gaussians fitted to features; 0 is best.

    FID = |mu - nu|^2 + tr(S + R - 2 (S R)^(1/2)). With S = A'A and R = B'B the last trace is the sum of the singular
    values of AB', a matrix of N x M instead of D x D.

    Args:
        ours: features of the generated pictures, (N, D).
        real: features of the recorded pictures, (M, D).

    Raises:
        ValueError: there are fewer than two rows of either.
    """
    if min(len(ours), len(real)) < MIN_PICTURES:
        raise ValueError(f"needs {MIN_PICTURES} pictures: got {min(len(ours), len(real))}")
    first, second = _spread(ours), _spread(real)
    between = np.square(ours.mean(axis=0, dtype=np.float64) - real.mean(axis=0, dtype=np.float64)).sum()
    shared = np.linalg.svd(first @ second.T, compute_uv=False).sum()
    return max(0.0, float(between + np.square(first).sum() + np.square(second).sum() - 2 * shared))


def _spread(rows: np.ndarray) -> np.ndarray:
    """Returns A (n, D), n at most D + 1, whose A'A is the sample covariance of ``rows`` (N, D)."""
    centred = (rows - rows.mean(axis=0, dtype=np.float64)) / np.sqrt(len(rows) - 1)
    # Of more rows than columns the triangle of the QR decomposition has the same product and is smaller.
    return np.asarray(np.linalg.qr(centred, mode="r")) if len(centred) > centred.shape[1] else centred
