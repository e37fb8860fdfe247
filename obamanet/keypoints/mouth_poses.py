"""A person's mouth poses: the few mouths between which its speech moves, found by k-means in the space of its PCA.

Poses are numbered from the resting mouth, which is always number 0, by how far they open. A pose is a mouth, nothing
else: padding and word boundaries are symbols of what reads text and have no pose; silence has the resting one.
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

VARIANCE: Final = 0.97
"""Share of the footage's movement by which mouths are compared; the rest is mostly the landmarks' tremble."""

MIN_POSES, MAX_POSES = 5, 60
"""Numbers of poses between which one is chosen."""

FRAMES_PER_POSE: Final = 5
"""Frames of different mouths needed for each pose that may be chosen."""

RARE: Final = 0.005
"""Share of the frames, those of the rarest mouths, that poses are not learned from: a laugh between two sentences or
faults of the landmarks would get poses of their own, far from all others."""

AHEAD, GAIN = 10, 0.1
"""The elbow: so many more poses lower the inertia by less than this share of what is left."""

AROUND: Final = 5
"""Numbers of poses, to either side of the elbow, among which the silhouette decides."""

CURVE_FRAMES, SILHOUETTE_FRAMES = 6000, 3000
"""Frames, drawn at random, that the curves are computed on; twice as many change them by less than a hundredth."""

STARTS: Final = 3
"""Times that k-means begins anew; the best ending counts."""

OPENINGS: Final = ((0.08, "closed"), (0.25, "parted"), (0.5, "half-open"), (0.75, "open"), (np.inf, "wide-open"))
"""What an opening is called, up to which share of the way from the resting mouth to the most open pose."""

WIDTHS: Final = ((0.96, "round"), (1.02, ""), (np.inf, "spread"))
"""What a width is called, up to which share of the resting mouth's."""


@dataclass(frozen=True)
class PoseCurve:
    """What each number of poses would give.

    ``sizes`` (N,) int64; ``inertia`` (N,) mean squared distance of a mouth to its pose as a share of the distance to
    the mean mouth; ``silhouette`` (N,) from -1 to 1 (Rousseeuw 1987).
    """

    sizes: np.ndarray
    inertia: np.ndarray
    silhouette: np.ndarray


@dataclass(frozen=True)
class MouthPoses:
    """The mouth poses of a person; number 0 is the resting mouth.

    ``centres`` (K, P) float32 are values as :meth:`MouthPca.encode` gives them. ``counts`` (K,) int64 tells how many
    frames of the footage each is nearest to. ``scale`` (P,) float32 is what one unit of each value counts in a
    distance, in canonical units, 0 for those beyond ``variance`` of the movement. ``seed`` and ``curve`` tell how the
    number was chosen, ``rule`` says it in words.
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
        """Share of the footage's frames that each pose has: (K,) float64 with sum 1."""
        return self.counts / self.counts.sum()

    def nearest(self, components: np.ndarray) -> np.ndarray:
        """Return the number of the pose nearest to each of ``components`` (T, P), PCA values: (T,) int64."""
        return self.distances(components).argmin(axis=1)

    def distances(self, components: np.ndarray) -> np.ndarray:
        """Return how far ``components`` (T, P) lie from each pose: (T, K) float64, canonical units over 20 points."""
        mouths, poses = (values.astype(np.float64) * self.scale for values in (components, self.centres))
        return np.linalg.norm(mouths[:, None] - poses, axis=-1)

    def mixture(self, weights: np.ndarray) -> np.ndarray:
        """Return the PCA values (T, P) float32 of poses mixed by ``weights`` (T, K), whose rows have sum 1."""
        return (weights @ self.centres).astype(np.float32)


def fit_poses(
    keypoints: np.ndarray, pca: MouthPca, rest: np.ndarray, *, seed: int = 1, variance: float = VARIANCE
) -> MouthPoses:
    """Return the mouth poses of canonical ``keypoints`` (T, 20, 2), footage of the person with ``pca`` and ``rest``.

    Mouths are compared in as many leading components as hold ``variance`` of the keypoints' movement, each by the
    canonical units it moves. The number of poses is chosen by the rule of :func:`choose_size`. The pose nearest to
    ``rest`` (20, 2) becomes that mouth exactly. Raises :class:`DatasetError` for too little footage
    and for another person's.
    """
    from threadpoolctl import threadpool_limits

    values = pca.encode(keypoints)
    moves = np.cumsum((values.astype(np.float64) * pca.spread).var(axis=0))
    total = keypoints.reshape(len(keypoints), -1).astype(np.float64).var(axis=0).sum()
    if moves[-1] < variance * total:
        raise DatasetError(
            f"footage is not what this person's mouth was learned from: its PCA holds {moves[-1] / total:.1%} of the "
            f"mouth's movement there, needed are {variance:.0%}"
        )
    used = int(np.searchsorted(moves, variance * total)) + 1
    scale = np.where(np.arange(pca.count) < used, pca.spread, 0.0).astype(np.float32)
    # Values have variance 1, so that their norm is the Mahalanobis distance from the mean mouth.
    rarity = np.linalg.norm(values[:, :used], axis=1)
    usual = values[rarity <= np.quantile(rarity, 1 - RARE)]
    points = usual[:, :used].astype(np.float64) * scale[:used]

    # Counted in the keypoints: equal ones may differ in the last bit once they went through a matrix product.
    different = len(np.unique(keypoints.reshape(len(keypoints), -1), axis=0))
    largest = min(MAX_POSES, different // FRAMES_PER_POSE)
    if largest < MIN_POSES:
        needed = MIN_POSES * FRAMES_PER_POSE
        raise DatasetError(f"too little footage for mouth poses: got {different} different mouths, needed are {needed}")
    # One thread: several add up in an order that changes from run to run, and with it the last digits.
    with threadpool_limits(1):
        curve = _curve(points, largest, seed)
        size = choose_size(curve)
        labels = _cluster(points, size, seed).labels_
    centres = np.stack([usual[labels == label].mean(axis=0) for label in range(size)])
    still = pca.encode(rest[None])
    at_rest = np.linalg.norm((centres - still) * scale, axis=1).argmin()
    opening = mouth_opening(pca.decode(centres))
    opening[at_rest] = -1
    centres[at_rest] = still[0]
    poses = MouthPoses(
        centres[np.argsort(opening)].astype(np.float32),
        np.zeros(size, np.int64),
        scale,
        curve,
        float(moves[used - 1] / total),
        seed,
        f"smallest k at which {AHEAD} more poses lower the inertia by less than {GAIN:.0%}, then the best silhouette "
        f"within {AROUND} of it; k-means, {STARTS} starts",
    )
    return replace(poses, counts=np.bincount(poses.nearest(values), minlength=size))


def choose_size(curve: PoseCurve) -> int:
    """Return the number of poses: near the inertia's elbow, the one of best silhouette.

    The elbow is the smallest size from which AHEAD more poses lower the inertia by less than GAIN; the largest size
    when there is none.
    """
    inertia = dict(zip(curve.sizes.tolist(), curve.inertia.tolist(), strict=True))
    elbow = next(
        (k for k in inertia if k + AHEAD in inertia and inertia[k + AHEAD] > (1 - GAIN) * inertia[k]), max(inertia)
    )
    near = np.abs(curve.sizes - elbow) <= AROUND
    return int(curve.sizes[near][curve.silhouette[near].argmax()])


def pose_names(poses: MouthPoses, pca: MouthPca) -> tuple[str, ...]:
    """Return a name for each pose that says what it looks like, unique by its number: "rest-00", "open-round-21".

    The first word is the inner lips' gap, on the way from the resting mouth to the most open pose, as OPENINGS has it;
    the second the width between the mouth's corners against the resting mouth's, as WIDTHS has it.
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
    """Return what MIN_POSES to ``largest`` poses would give for ``points`` (T, used components)."""
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

    return KMeans(size, n_init=STARTS, random_state=seed).fit(points)
