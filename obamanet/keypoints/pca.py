"""Principal components of the canonical mouth (Kumar et al. 2017, section 3.2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from obamanet.constants import MOUTH_COUNT


@dataclass(frozen=True)
class MouthPca:
    """PCA of a person's mouth; flat mouths have x and y of a point adjacent.

    Attributes:
        mean: the mean mouth, shape (40,), canonical units.
        components: shape (K, 40), canonical units.
        spread: standard deviation of each component over the training footage, shape (K,); encoded values have variance
            1.
    """

    mean: np.ndarray
    components: np.ndarray
    spread: np.ndarray

    @property
    def count(self) -> int:
        """Number of components K."""
        return len(self.components)

    def encode(self, keypoints: np.ndarray) -> np.ndarray:
        """Returns the PCA values (T, K) float32 of canonical ``keypoints`` (T, 20, 2)."""
        flat = keypoints.reshape(len(keypoints), 2 * MOUTH_COUNT)
        return ((flat - self.mean) @ self.components.T / self.spread).astype(np.float32)

    def decode(self, values: np.ndarray) -> np.ndarray:
        """Returns the canonical keypoints (T, 20, 2) float32 of PCA ``values`` (T, K)."""
        flat = values * self.spread @ self.components + self.mean
        return flat.reshape(len(values), MOUTH_COUNT, 2).astype(np.float32)


def fit_pca(keypoints: np.ndarray, variance: float = 0.99) -> MouthPca:
    """Returns the PCA whose components hold ``variance`` (0 to 1) of canonical ``keypoints`` (T, 20, 2)."""
    from sklearn.decomposition import PCA

    flat = keypoints.reshape(len(keypoints), 2 * MOUTH_COUNT).astype(np.float64)
    pca = PCA(n_components=variance, svd_solver="full").fit(flat)
    return MouthPca(
        mean=pca.mean_.astype(np.float32),
        components=pca.components_.astype(np.float32),
        spread=np.sqrt(pca.explained_variance_).astype(np.float32),
    )
