"""Mouth keypoints as a few numbers: principal components of the canonical mouth (Kumar et al. 2017, section 3.2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from obamanet.constants import MOUTH_COUNT


@dataclass(frozen=True)
class MouthPca:
    """A mean mouth and its main ways of moving.

    ``mean`` (40,) and ``components`` (K, 40) in canonical units, x and y of a point side by side; ``spread`` (K,) is
    the standard deviation of each component over the training footage, so that encoded values have variance 1.
    """

    mean: np.ndarray
    components: np.ndarray
    spread: np.ndarray

    @property
    def count(self) -> int:
        """Number of components K."""
        return len(self.components)

    def encode(self, keypoints: np.ndarray) -> np.ndarray:
        """Return canonical ``keypoints`` (T, 20, 2) as (T, K) float32 of variance 1."""
        flat = keypoints.reshape(len(keypoints), 2 * MOUTH_COUNT)
        return ((flat - self.mean) @ self.components.T / self.spread).astype(np.float32)

    def decode(self, values: np.ndarray) -> np.ndarray:
        """Return the canonical keypoints (T, 20, 2) float32 of ``values`` (T, K)."""
        flat = values * self.spread @ self.components + self.mean
        return flat.reshape(len(values), MOUTH_COUNT, 2).astype(np.float32)


def fit_pca(keypoints: np.ndarray, variance: float = 0.99) -> MouthPca:
    """Return the components that hold ``variance`` (0..1) of canonical ``keypoints`` (T, 20, 2)."""
    from sklearn.decomposition import PCA

    flat = keypoints.reshape(len(keypoints), 2 * MOUTH_COUNT).astype(np.float64)
    pca = PCA(n_components=variance, svd_solver="full").fit(flat)
    return MouthPca(
        mean=pca.mean_.astype(np.float32),
        components=pca.components_.astype(np.float32),
        spread=np.sqrt(pca.explained_variance_).astype(np.float32),
    )
