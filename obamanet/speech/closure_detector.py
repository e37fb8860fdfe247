"""Hears when the lips are shut: at p, b and m, in any voice.

Tracked lips, which teach the predictor, hardly ever shut (:mod:`obamanet.keypoints.lips` tells why), so that it cannot
learn it from them. The times of synthetic voices' sounds are known; from these a small LSTM on the speech encoder's
features has learned to tell bilabial sounds from all others.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

import numpy as np

from obamanet.bundle import NetworkKind, read_network
from obamanet.engine.formats import Engine
from obamanet.engine.network import StoredNetwork
from obamanet.errors import PersonError
from obamanet.networks.config import PredictorConfig
from obamanet.speech.streaming_lstm import StreamingLstm
from obamanet.types import FeatureSequence, Span

DETECTOR_KIND: Final = NetworkKind(
    "closure detector",
    "closures.json",
    2,
    PersonError,
    remedy="install the program anew",
    oldest=2,
    graph="predictor",
    config=PredictorConfig,
    sizes={"outputs": 1},
)
"""A closure detector as a bundle."""

CLOSURE_THRESHOLD: Final = 0.4
"""Likelihood from which on the lips are taken to be shut. With 0.3, 0.4, 0.5 and 0.6 they shut at 0.99, 0.99, 0.98 and
0.97 of the p, b and m in prose by voices that were held back, at 0.90, 0.90, 0.88 and 0.86 of those in 40 recorded GRID
sentences, and elsewhere 0.21, 0.18, 0.15 and 0.11 times per p, b and m of the prose."""

MIN_DURATION: Final = 0.06
"""Seconds that lips stay shut at least, as where a text is read: a frame or two of 25 per second. With 0.04, and a step
less at either end, the opening of 40 GRID sentences correlates with the tracked one better by 0.01; but lips are found
shut in the painted frames of prose at 0.90 of the p, b and m, and so at 0.93."""

MARGIN: Final = 0.01
"""Seconds by which a closure is detected too early and too long: in training those steps of 20 ms count as shut that
look at half a step around it."""

CHUNK_STEPS: Final = 1000
"""Steps of 20 ms that the LSTM takes at once; the number changes nothing."""


@dataclass(frozen=True)
class ClosureCard:
    """What is known of a closure detector.

    Attributes:
        config: its sizes.
        encoder: sha256 of the speech encoder whose features it takes.
        origin: how it was made, in words.
        licence: of what it was made from, in words.
        network: its files.
    """

    config: PredictorConfig
    encoder: str
    origin: str
    licence: str
    network: StoredNetwork


@cache
def closure_card() -> ClosureCard:
    """Returns what is known of the shipped detector; raises :class:`PersonError` when it is damaged."""
    bundle = read_network(closure_folder(), DETECTOR_KIND)
    encoder, origin, licence = (bundle.card.text(name) for name in ("encoder", "origin", "licence"))
    return ClosureCard(bundle.network.config, encoder, origin, licence, bundle.network)


def closure_folder() -> Path:
    """Returns the folder of the shipped detector."""
    return Path(str(files("obamanet.speech"))) / "detector"


def supports_closures(encoder: str | None) -> bool:
    """Returns whether the shipped detector learned from the features of the encoder with this sha256."""
    return encoder == closure_card().encoder


class ClosureDetector:
    """The shipped detector, loaded; build it once. Raises :class:`PersonError` when its files are damaged."""

    def __init__(self, engine: Engine = Engine.ONNXRUNTIME) -> None:
        self._network = StreamingLstm(closure_card().network, engine)

    def find(self, encoded: FeatureSequence, silence: np.ndarray, chunk: int = CHUNK_STEPS) -> tuple[Span, ...]:
        """Returns when the lips are shut in the features ``encoded`` (T, D), with ``silence`` (D,) around them."""
        return shut_spans(self.likelihood(encoded, silence, chunk), float(encoded.rate))

    def likelihood(self, encoded: FeatureSequence, silence: np.ndarray, chunk: int = CHUNK_STEPS) -> np.ndarray:
        """Returns how likely the lips are shut at each step of ``encoded``: (T,), 0 to 1."""

        def inputs(first: int, count: int) -> np.ndarray:
            values = encoded.values[first : first + count]
            return np.concatenate([values, np.repeat(silence[None], count - len(values), axis=0)]).astype(np.float32)

        return likelihood_of(np.concatenate(list(self._network.stream(inputs, len(encoded.values), chunk))))


def likelihood_of(outputs: np.ndarray) -> np.ndarray:
    """Returns how likely the lips are shut, (T,) in 0 to 1, of the network's ``outputs`` (T, 1), which are logits."""
    return 1 / (1 + np.exp(-outputs[:, 0]))


def shut_spans(likelihood: np.ndarray, rate: float) -> tuple[Span, ...]:
    """Returns the stretches in which the ``likelihood`` (T,), ``rate`` steps per second, is above the threshold.

    Each is shorter by half a step at either end, and lasts 60 ms at least.
    """
    above = np.concatenate([[False], likelihood > CLOSURE_THRESHOLD, [False]])
    borders = np.flatnonzero(np.diff(above.astype(np.int8)))
    spans = []
    for first, stop in zip(borders[::2], borders[1::2], strict=True):
        middle, half = (first + stop - 1) / 2 / rate, max((stop - first) / rate - 2 * MARGIN, MIN_DURATION) / 2
        spans.append(Span(float(middle - half), float(middle + half)))
    return tuple(spans)
