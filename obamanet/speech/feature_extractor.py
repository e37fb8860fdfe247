"""Turns raw sound features into what a predictor hears: normalised, and encoded where they are speech features."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

import numpy as np

from obamanet.audio.features import SPEECH, FeatureOptions, extract_features
from obamanet.audio.normalise_features import (
    normalise_to_reference,
    normalise_utterance,
    silence_features,
    speech_reference,
)
from obamanet.bundle import NetworkKind, read_network
from obamanet.constants import FEATURE_RATE, SAMPLE_RATE
from obamanet.engine.formats import Engine
from obamanet.engine.network import StoredNetwork, load_network
from obamanet.errors import PersonError
from obamanet.networks.config import EncoderConfig
from obamanet.types import AudioClip, FeatureSequence

STRIDE = 2
"""Feature frames per step of the encoder."""

CENTRE = 2
"""Feature frames before the centre of the encoder's first output: its convolutions pad nothing."""

CHUNK_STEPS = 500
"""Steps of 20 ms that the encoder takes at once, beside what it sees around them; the number changes nothing."""


ENCODER: Final = "speech_encoder"
"""Kind of the network, and the name of its files without their suffix."""

ENCODER_KIND: Final = NetworkKind(
    "speech encoder",
    f"{ENCODER}.json",
    2,
    PersonError,
    remedy="install the program anew",
    oldest=2,
    graph=ENCODER,
    config=EncoderConfig,
)
"""A speech encoder as a bundle."""


@dataclass(frozen=True)
class ShippedEncoder:
    """What is known of a speech encoder.

    Attributes:
        config: its sizes.
        sha256: of its training weights; says which encoder it is.
        origin: how it was made, in words.
        licence: of what it was made from, in words.
        network: its files.
    """

    config: EncoderConfig
    sha256: str
    origin: str
    licence: str
    network: StoredNetwork


@cache
def encoder_card() -> ShippedEncoder:
    """Returns what is known of the shipped speech encoder; raises :class:`PersonError` when it is damaged."""
    bundle = read_network(encoder_folder(), ENCODER_KIND)
    origin, licence = bundle.card.text("origin"), bundle.card.text("licence")
    return ShippedEncoder(bundle.network.config, bundle.sha256, origin, licence, bundle.network)


def encoder_folder() -> Path:
    """Returns the folder of the shipped speech encoder."""
    return Path(str(files("obamanet.speech"))) / "encoder"


def feature_size(options: FeatureOptions, encoder: EncoderConfig | None = None) -> tuple[int, Fraction]:
    """Returns values per step and steps per second of what a :class:`FeatureExtractor` makes of ``options``.

    ``encoder`` are the sizes of the speech encoder, None for the shipped one.
    """
    if options.kind == SPEECH:
        return (encoder or encoder_card().config).outputs, FEATURE_RATE / STRIDE
    return options.count, FEATURE_RATE


def encoder_digest(options: FeatureOptions) -> str | None:
    """Returns the sha256 of the encoder that features of ``options`` need, or None where they need none."""
    return encoder_card().sha256 if options.kind == SPEECH else None


class FeatureExtractor:
    """Makes a predictor's inputs, for training and for running alike; build it once, it may hold the encoder.

    The argument ``encoder`` is the speech encoder's network, None for the shipped one; the attribute is the loaded one,
    None for other features. ``silence`` (D,) is what silence becomes.
    """

    def __init__(
        self, options: FeatureOptions, encoder: StoredNetwork | None = None, engine: Engine = Engine.ONNXRUNTIME
    ) -> None:
        self._options = options
        self.encoder = SpeechEncoder(encoder or encoder_card().network, engine) if options.kind == SPEECH else None
        self.silence = self.encoder.silence if self.encoder else silence_features(options.count, options.kind)

    def extract(self, samples: np.ndarray) -> FeatureSequence:
        """Returns :meth:`encode` of the features of mono ``samples`` (N,) in [-1, 1] at 16 kHz, a whole utterance."""
        return self.encode(extract_features(AudioClip(samples, SAMPLE_RATE), self._options))

    def encode(self, features: FeatureSequence) -> FeatureSequence:
        """Returns the whole utterance's ``features`` normalised, and encoded where they are speech features."""
        return self.encoder.encode(features) if self.encoder else normalise_utterance(features, self._options.kind)


class SpeechEncoder:
    """A loaded speech encoder; ``silence`` (D,) is what it makes of silence. Several threads may encode at once.

    Raises :class:`obamanet.errors.EngineError` when it cannot be loaded.
    """

    def __init__(self, stored: StoredNetwork, engine: Engine = Engine.ONNXRUNTIME) -> None:
        self._network = load_network(stored, engine)
        self._config: EncoderConfig = stored.config
        before, after = self._config.reach
        silence = np.tile(silence_features(self._config.bands, SPEECH), (STRIDE * (before + after) + 2 * CENTRE, 1))
        self.silence = self._run(silence)[before]

    def _run(self, features: np.ndarray) -> np.ndarray:
        """Returns the network's steps for normalised ``features`` (F, bands)."""
        return self._network(features[None].astype(np.float32))[0][0]

    def encode(self, features: FeatureSequence, chunk: int = CHUNK_STEPS) -> FeatureSequence:
        """Returns a whole utterance's encoded features (F / 2, D) float32 at 50 per second; around it there is silence.

        ``features`` (F, bands) are not normalised yet: that is done chunk by chunk, so that an hour is held only once.

        Step t looks at the sound about t / 50 s, from 1 s before it to 0.5 s after.
        """
        values, reference = features.values, speech_reference(features.values)
        steps = -(-len(values) // STRIDE)
        parts = [self.steps(values, first, min(chunk, steps - first), reference) for first in range(0, steps, chunk)]
        return FeatureSequence(np.concatenate(parts), features.rate / STRIDE, features.duration)

    def steps(self, values: np.ndarray, first: int, count: int, reference: float | None, start: int = 0) -> np.ndarray:
        """Encodes some steps of an utterance.

        Args:
            values: log-mel features (F, bands), not normalised, from frame ``start`` of the utterance on; where they
                end there is silence.
            first: the first step wanted.
            count: how many steps are wanted.
            reference: the utterance's level, of :func:`obamanet.audio.normalise_features.speech_reference`.
            start: feature frame that ``values`` begin with.

        Returns:
            Encoded features (count, D) float32.
        """
        first_seen, end_seen = self.seen(first, count)
        wanted = np.arange(first_seen, end_seen) - start
        inside = (wanted >= 0) & (wanted < len(values))
        normalised = normalise_to_reference(values[np.clip(wanted, 0, len(values) - 1)], reference)
        padded = np.where(inside[:, None], normalised, silence_features(self._config.bands, SPEECH))
        before, _ = self._config.reach
        return self._run(padded)[before : before + count]

    def seen(self, first: int, count: int) -> tuple[int, int]:
        """Returns the first feature frame that ``count`` steps from ``first`` on see, and the one after the last."""
        before, after = self._config.reach
        return STRIDE * (first - before) - CENTRE, STRIDE * (first + count + after) + CENTRE
