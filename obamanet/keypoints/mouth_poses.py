"""Mouth poses of a person: k-means centres in the space of the mouth PCA.

Poses are numbered from the resting mouth, always number 0, by increasing opening. A pose is a mouth only: padding and
word boundaries are symbols of the text model and have no pose; silence has the resting one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from obamanet.errors import DatasetError
from obamanet.keypoints.opening import mouth_opening, mouth_width
from obamanet.keypoints.pca import MouthPca

REST: Final = 0
"""Number of the resting mouth among the poses."""

COMPARED_VARIANCE: Final = 0.97
"""Share of the footage's variance that the compared components hold; the rest is mostly landmark jitter."""

MIN_POSES, MAX_POSES = 5, 60
"""Range of the number of poses."""

FRAMES_PER_POSE: Final = 5
"""Different mouths needed per pose."""

RARE_SHARE: Final = 0.005
"""Share of the frames, those of the rarest mouths, excluded from the fit: laughs and landmark errors would get their
own poses."""

ELBOW_STEP, ELBOW_GAIN = 10, 0.1
"""The elbow is the smallest size from which ELBOW_STEP more poses lower the inertia by less than the share
ELBOW_GAIN."""

ELBOW_REACH: Final = 5
"""Sizes to either side of the elbow among which the silhouette decides."""

CURVE_FRAMES, SILHOUETTE_FRAMES = 6000, 3000
"""Frames, drawn at random, on which inertia and silhouette are computed; twice as many change them by less than 1 %."""

KMEANS_STARTS: Final = 3
"""Initialisations of k-means, of which the best result is compared."""

OPENINGS: Final = ((0.08, "closed"), (0.25, "parted"), (0.5, "half-open"), (0.75, "open"), (np.inf, "wide-open"))
"""Upper limit and name of each class of opening, as a share of the way from the resting mouth to the most open pose."""

WIDTHS: Final = ((0.96, "round"), (1.02, ""), (np.inf, "spread"))
"""Upper limit and name of each class of width, as a share of the resting mouth's."""


@dataclass(frozen=True)
class PoseCurve:
    """Quality of the clustering for each number of poses.

    Attributes:
        sizes: numbers of poses, shape (N,) int64.
        inertia: mean squared distance of a mouth to its pose, as a share of that to the mean mouth, shape (N,).
        silhouette: mean silhouette, -1 to 1, shape (N,) (Rousseeuw 1987).
    """

    sizes: np.ndarray
    inertia: np.ndarray
    silhouette: np.ndarray


@dataclass(frozen=True)
class MouthPoses:
    """The mouth poses of a person; number 0 is the resting mouth.

    Attributes:
        centres: PCA values as of :meth:`MouthPca.encode`, shape (K, P) float32.
        counts: frames of the footage nearest to each pose, shape (K,) int64.
        scale: canonical units per unit of each PCA value, shape (P,) float32; 0 for components that are not compared.
        curve: quality for each number of poses.
        variance: share of the footage's variance that the compared components hold.
        seed: of the clustering.
        rule: how the number of poses was chosen, in words.
    """

    centres: np.ndarray
    counts: np.ndarray
    scale: np.ndarray
    curve: PoseCurve
    variance: float
    seed: int
    rule: str

    @property
    def count(self) -> int:
        """Number of poses K."""
        return len(self.centres)

    @property
    def shares(self) -> np.ndarray:
        """Share of the footage's frames per pose: (K,) float64, sums to 1."""
        return self.counts / self.counts.sum()

    def nearest(self, components: np.ndarray) -> np.ndarray:
        """Returns the number of the pose nearest to each of ``components`` (T, P), PCA values: (T,) int64."""
        return self.distances(components).argmin(axis=1)

    def distances(self, components: np.ndarray) -> np.ndarray:
        """Returns the distance of ``components`` (T, P) to each pose: (T, K) float64, canonical, over all points."""
        mouths, poses = (values.astype(np.float64) * self.scale for values in (components, self.centres))
        return np.linalg.norm(mouths[:, None] - poses, axis=-1)

    def mixture(self, weights: np.ndarray) -> np.ndarray:
        """Returns the PCA values (T, P) float32 of poses mixed by ``weights`` (T, K), whose rows sum to 1."""
        return (weights @ self.centres).astype(np.float32)


def fit_poses(
    keypoints: np.ndarray, pca: MouthPca, rest: np.ndarray, *, seed: int = 1, variance: float = COMPARED_VARIANCE
) -> MouthPoses:
    """Fits the mouth poses of a person.

    Mouths are compared in the leading components that hold ``variance`` of the footage's variance, each in canonical
    units. The number of poses is chosen by :func:`choose_size`. The pose nearest to ``rest`` is replaced by that mouth.

    Args:
        keypoints: footage of the person, shape (T, 20, 2), canonical.
        pca: the person's mouth PCA.
        rest: the person's resting mouth, shape (20, 2), canonical.
        seed: of sampling and clustering.
        variance: share, 0 to 1.

    Raises:
        DatasetError: too little footage, or footage of another person.
    """
    from threadpoolctl import threadpool_limits

    values = pca.encode(keypoints)
    explained = np.cumsum((values.astype(np.float64) * pca.spread).var(axis=0))
    total = keypoints.reshape(len(keypoints), -1).astype(np.float64).var(axis=0).sum()
    if explained[-1] < variance * total:
        raise DatasetError(
            f"footage is not what this person's mouth was learned from: its PCA holds {explained[-1] / total:.1%} of "
            f"the mouth's movement there, needed are {variance:.0%}"
        )
    compared = int(np.searchsorted(explained, variance * total)) + 1
    scale = np.where(np.arange(pca.count) < compared, pca.spread, 0.0).astype(np.float32)
    # Values have variance 1, so that their norm is the Mahalanobis distance from the mean mouth.
    rarity = np.linalg.norm(values[:, :compared], axis=1)
    typical = values[rarity <= np.quantile(rarity, 1 - RARE_SHARE)]
    points = typical[:, :compared].astype(np.float64) * scale[:compared]

    # Counted in the keypoints: equal ones may differ in the last bit once they went through a matrix product.
    distinct = len(np.unique(keypoints.reshape(len(keypoints), -1), axis=0))
    largest = min(MAX_POSES, distinct // FRAMES_PER_POSE)
    if largest < MIN_POSES:
        needed = MIN_POSES * FRAMES_PER_POSE
        raise DatasetError(f"too little footage for mouth poses: got {distinct} different mouths, needed are {needed}")
    # One thread: several add up in an order that changes from run to run, and with it the last digits.
    with threadpool_limits(1):
        curve = _curve(points, largest, seed)
        size = choose_size(curve)
        labels = _cluster(points, size, seed).labels_
    centres = np.stack([typical[labels == label].mean(axis=0) for label in range(size)])
    resting = pca.encode(rest[None])
    at_rest = np.linalg.norm((centres - resting) * scale, axis=1).argmin()
    opening = mouth_opening(pca.decode(centres))
    opening[at_rest] = -1
    centres[at_rest] = resting[0]
    poses = MouthPoses(
        centres[np.argsort(opening)].astype(np.float32),
        np.zeros(size, np.int64),
        scale,
        curve,
        float(explained[compared - 1] / total),
        seed,
        f"smallest k at which {ELBOW_STEP} more poses lower the inertia by less than {ELBOW_GAIN:.0%}, then the best "
        f"silhouette within {ELBOW_REACH} of it; k-means, {KMEANS_STARTS} starts",
    )
    return replace(poses, counts=np.bincount(poses.nearest(values), minlength=size))


def choose_size(curve: PoseCurve) -> int:
    """Returns the number of poses: among the sizes around the inertia's elbow, the one with the best silhouette.

    The elbow is the smallest size from which ELBOW_STEP more poses lower the inertia by less than ELBOW_GAIN; the
    largest size where there is none.
    """
    inertia = dict(zip(curve.sizes.tolist(), curve.inertia.tolist(), strict=True))
    elbow = next(
        (k for k in inertia if k + ELBOW_STEP in inertia and inertia[k + ELBOW_STEP] > (1 - ELBOW_GAIN) * inertia[k]),
        max(inertia),
    )
    near = np.abs(curve.sizes - elbow) <= ELBOW_REACH
    return int(curve.sizes[near][curve.silhouette[near].argmax()])


def pose_names(poses: MouthPoses, pca: MouthPca) -> tuple[str, ...]:
    """Returns a unique descriptive name of each pose, such as "rest-00" or "open-round-21".

    The first word classifies the inner lips' gap between the resting mouth and the most open pose by OPENINGS, the
    second the width between the mouth corners, relative to the resting mouth's, by WIDTHS.
    """
    keypoints = pca.decode(poses.centres)
    gap, width = mouth_opening(keypoints), mouth_width(keypoints)
    opened = (gap - gap[REST]) / max(float((gap - gap[REST]).max()), 1e-9)
    names = []
    for number in range(poses.count):
        opening = next(word for limit, word in OPENINGS if opened[number] <= limit)
        breadth = next(word for limit, word in WIDTHS if width[number] <= limit * width[REST])
        words = ["rest"] if number == REST else [opening, breadth]
        names.append("-".join([*filter(None, words), f"{number:02d}"]))
    return tuple(names)


def _curve(points: np.ndarray, largest: int, seed: int) -> PoseCurve:
    """Returns the quality of MIN_POSES to ``largest`` poses for ``points`` (T, compared components)."""
    from sklearn.metrics import pairwise_distances, silhouette_score

    random = np.random.default_rng(seed)
    drawn = points[random.permutation(len(points))[:CURVE_FRAMES]]
    distances = pairwise_distances(drawn[:SILHOUETTE_FRAMES])
    spread = float(((drawn - drawn.mean(axis=0)) ** 2).sum())
    sizes = np.arange(MIN_POSES, largest + 1)
    inertia, silhouette = [], []
    for size in sizes:
        clusters = _cluster(drawn, int(size), seed)
        inertia.append(clusters.inertia_ / spread)
        silhouette.append(silhouette_score(distances, clusters.labels_[: len(distances)], metric="precomputed"))
    return PoseCurve(sizes, np.array(inertia), np.array(silhouette))


def _cluster(points: np.ndarray, size: int, seed: int):  # type: ignore[no-untyped-def]  # scikit-learn has no types
    from sklearn.cluster import KMeans

    return KMeans(size, n_init=KMEANS_STARTS, random_state=seed).fit(points)
