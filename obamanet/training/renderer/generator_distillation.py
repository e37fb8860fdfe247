"""Distils a trained generator into one with fewer filters, which learns to paint what the full one paints.

A small generator learns more from a trained one than from photos: the targets are what such a network can paint at
all, without the chance details of recordings (Hinton et al. 2015). It begins with the filters that count most.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from obamanet.engine.network import Network, StoredNetwork
from obamanet.errors import OptionError
from obamanet.progress import Progress
from obamanet.training.loop.trained_networks import TrainedRenderer
from obamanet.training.renderer.filter_pruning import prune_filters
from obamanet.training.renderer.pix2pix_training import Pair, TrainOptions, train_pix2pix
from obamanet.training.renderer.reduce_options import ReduceOptions

LEARNING: Final = TrainOptions(batch_size=4, learning_rate=2e-3, gan_weight=0.0, epoch_steps=500, ema_decay=0.995)
"""Without an adversary: the targets depend on the sketch alone, so that the smallest error is sharp, too. The figures
are in benchmarks/RESULTS.md, "Reduced renderers"."""

VAL_EVERY: Final = 10
"""Each sketch whose number this divides validates and is not trained on."""

MIN_SKETCHES: Final = 20
"""Fewest sketches to learn from; of less, too few would validate."""

RUN, START_FILE = "distillation", "start.weights.h5"
"""Names of the training's folder, and of the weights it begins with."""


class TeacherPairs:
    """Sketches and what a full generator paints from them, kept as PNG: a ``PairSource`` of pix2pix training.

    Args:
        sketches: shape (S, S, 3) uint8 BGR each.
        teacher: the full generator, pictures (1, S, S, 3) uint8 BGR to the same.
    """

    def __init__(self, sketches: Iterable[np.ndarray], teacher: Network) -> None:
        self._pairs = [(_packed(sketch), _packed(teacher(sketch[None])[0][0])) for sketch in sketches]

    def __len__(self) -> int:
        return len(self._pairs)

    def pair(self, index: int, random: np.random.Generator | None) -> Pair:
        """Returns pair ``index``; ``random`` is not used."""
        condition, target = map(_unpacked, self._pairs[index])
        return Pair(condition, target, np.ones(target.shape[:2], np.float32))


def distil_generator(
    full: StoredNetwork,
    teacher: Network,
    sketches: Iterable[np.ndarray],
    folder: Path,
    options: ReduceOptions,
    progress: Progress | None = None,
    *,
    sections: dict[str, dict[str, Any]] | None = None,
) -> StoredNetwork:
    """Trains a smaller generator to paint what the full one paints.

    Args:
        full: the trained generator, with its training weights.
        teacher: the same, loaded.
        sketches: typical inputs, shape (S, S, 3) uint8 BGR each.
        folder: gets the files of the training.
        options: size and length.
        progress: gets the figures of each evaluation.
        sections: further sections of plain values for the options of the training's run, ``folder``/RUN.

    Returns:
        The small generator, with the best weights of that run; its ONNX file is not written yet.

    Raises:
        OptionError: it would not be smaller, or there are fewer than MIN_SKETCHES sketches.
        EngineError: the full generator's training weights are missing or do not fit.
        OSError: the folder cannot be written.
    """
    from obamanet.engine.keras_engine import load_weights
    from obamanet.networks.unet import build_generator
    from obamanet.networks.weights import save_weights

    config = options.config(full.config)
    pairs = TeacherPairs(sketches, teacher)
    if len(pairs) < MIN_SKETCHES:
        raise OptionError(f"too few sketches to learn from: got {len(pairs)}, needed are at least {MIN_SKETCHES}")
    small, start = build_generator(config), TrainedRenderer(folder, config, folder / START_FILE)
    prune_filters(load_weights(full).network, small)
    folder.mkdir(parents=True, exist_ok=True)
    save_weights(small, start.weights)
    report = train_pix2pix(
        _Part(pairs, [index for index in range(len(pairs)) if index % VAL_EVERY]),
        _Part(pairs, list(range(0, len(pairs), VAL_EVERY))),
        folder / RUN,
        config,
        replace(LEARNING, steps=options.steps, seed=options.seed),
        sections=sections,
        start=start,
        progress=progress or Progress(),
    )
    return StoredNetwork(full.kind, config, folder / "reduced.onnx", report.folder / "best.weights.h5")


@dataclass(frozen=True)
class _Part:
    """Some of the pairs, by their indices."""

    pairs: TeacherPairs
    indices: list[int]

    def __len__(self) -> int:
        return len(self.indices)

    def pair(self, index: int, random: np.random.Generator | None) -> Pair:
        return self.pairs.pair(self.indices[index], random)


def _packed(picture: np.ndarray) -> bytes:
    import cv2

    return bytes(cv2.imencode(".png", picture)[1].tobytes())


def _unpacked(content: bytes) -> np.ndarray:
    import cv2

    return np.asarray(cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR))
