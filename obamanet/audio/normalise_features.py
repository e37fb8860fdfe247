"""Features to features of mean 0 and variance 1 over the speech, whatever silence lies before, after or within it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

import numpy as np

from obamanet.audio.features import BLOCK_FRAMES, LOGFBANK, MFCC, SPEECH
from obamanet.constants import FEATURE_WINDOW, SAMPLE_RATE
from obamanet.types import FeatureSequence

NEPERS_PER_DB: Final = math.log(10) / 10
"""Natural-log power units in one decibel: features are natural logarithms, 60 dB are 6 ln 10 = 13.8."""

ACTIVE_BELOW: Final = 15 * NEPERS_PER_DB
"""A frame is active when its level is at most this far below the reference level, the mean over active frames; that is
30 dB below the loudest, which lie about 15 dB above their mean in read speech. At 40 dB the room in GRID's recordings
(40 to 50 dB below the voice) counts as speech in some clips and not in others."""

FLOOR_BELOW: Final = 45 * NEPERS_PER_DB
"""Values are limited from below to this far under the reference: 60 dB under the loudest frames, as just said."""

AUDIBLE: Final = math.log(float(FEATURE_WINDOW * SAMPLE_RATE) / 2) - 70 * NEPERS_PER_DB
"""Level of a frame whose pre-emphasised samples have -70 dBFS rms: by Parseval half of their sum of squares, because
python_speech_features sums the Fourier transform's lower half. A 16-bit recording's own rounding is at -98 dBFS."""

MIN_STD: Final = 1.0
"""Natural-log power units (4.3 dB). Noise alone has less, 0.3 to 1 per filter; speech has 2 to 3. Keeps a steady hum
from being blown up to look like speech."""

CLIP: Final = 3.0
"""Standard deviations. 99.9 % of speech lies within, and digital zero in speech at about -3, so that silence of any
kind comes out at or near -3: a network trained on recorded pauses has seen it."""

SPEECH_LEVEL: Final = math.log(2 / 3)
"""Natural-log power units. White noise's mel energies sum to 3/2 of what its filterbank energies sum to: 80 filters of
area 1/40 per line under a Hann window of power 0.375, against half of the sum of squares."""


MIN_LEVEL: Final = -25.0
MAX_LEVEL: Final = 20.0
LEVEL_BIN: Final = 0.05
"""Natural-log power units: the range of speech features' levels, from digital silence (-19) to beyond full scale, and
the steps in which a running estimate counts them."""


def silence_features(count: int, kind: str = LOGFBANK) -> np.ndarray:
    """Return what silence is normalised to: (count,) float32, the lower clip value wherever a value is a log energy.

    The further MFCC coefficients describe the spectrum's shape, which silence does not have: they are 0, their mean.
    """
    if kind == SPEECH:
        return np.full(count, -1.0, np.float32)
    quiet = np.full(count, -CLIP, np.float32)
    if kind == MFCC:
        quiet[1:] = 0.0
    return quiet


def normalise_utterance(features: FeatureSequence, kind: str = LOGFBANK) -> FeatureSequence:
    """Return the features with mean 0 and variance 1 per value over the utterance's active frames, in [-3, 3].

    ``kind`` is that of the :class:`FeatureOptions` the features were made with. A frame's level is the logarithm of its
    energy: of the sum over the filters, or MFCC coefficient 0. Silence and background noise are not active, so adding
    any before, after or within the speech leaves the rest unchanged, and so does making the whole louder. Log energies
    are limited from below to 45 dB under the active frames' mean level, or digital zero would dwarf all else. Where no
    frame is above -70 dBFS every frame is :func:`silence_features`.

    Speech features keep their spectrum's shape, which the encoder has learned to hear through: they are decibels about
    the reference level, over 45, in [-1, 1].
    """
    values = features.values
    if kind == SPEECH:
        return replace(features, values=about_reference(values, speech_reference(values)))
    levels = _levels(values, kind)
    if levels.max() < AUDIBLE:
        return replace(features, values=np.tile(silence_features(values.shape[1], kind), (len(values), 1)))
    reference = _reference_level(levels)
    values = _limited(values, reference, kind)
    active = values[levels >= reference - ACTIVE_BELOW].astype(np.float64)
    normalised = _standardised(values, levels, reference, active.mean(axis=0), active.std(axis=0), kind)
    return replace(features, values=normalised)


def speech_reference(values: np.ndarray) -> float | None:
    """Return the reference level of speech features (F, D), natural-log power units, or None where all is silence.

    With :func:`about_reference` it does to a part of an utterance what :func:`normalise_utterance` does to the whole.
    """
    levels = _levels(values, SPEECH)
    return None if levels.max() < AUDIBLE else _reference_level(levels)


class RunningReference:
    """Estimates :func:`speech_reference` of an utterance that is not over, from all of it that was heard so far.

    Levels are counted in bins of 0.05 nepers (0.2 dB), so that memory and time do not grow; the mean over the active
    bins is exact, and only which frames are active is told to a bin.
    """

    def __init__(self) -> None:
        count = round((MAX_LEVEL - MIN_LEVEL) / LEVEL_BIN)
        self._levels = MIN_LEVEL + LEVEL_BIN * (np.arange(count) + 0.5)
        self._counts, self._sums = np.zeros(count), np.zeros(count)
        self.level: float | None = None

    def add(self, values: np.ndarray) -> None:
        """Take the speech features ``values`` (F, D) into account; ``level`` is the estimate, None in silence."""
        if not len(values):
            return
        levels = _levels(values, SPEECH).astype(np.float64)
        bins = np.clip((levels - MIN_LEVEL) / LEVEL_BIN, 0, len(self._counts) - 1).astype(np.int64)
        np.add.at(self._counts, bins, 1.0)
        np.add.at(self._sums, bins, levels)
        heard = np.flatnonzero(self._counts)
        if self._sums[heard[-1]] / self._counts[heard[-1]] >= AUDIBLE:
            self.level = _reference_level(self._levels[heard], self._counts[heard], self._sums[heard])


def about_reference(values: np.ndarray, reference: float | None) -> np.ndarray:
    """Return speech features (F, D) float32 in [-1, 1]: energies against the mean filter's at the reference level.

    The scale is the floor's depth. Without a reference all is quiet.
    """
    if reference is None:
        return np.tile(silence_features(values.shape[1], SPEECH), (len(values), 1))
    middle = reference - SPEECH_LEVEL - math.log(values.shape[1])
    return np.clip((values - middle) / FLOOR_BELOW, -1.0, 1.0).astype(np.float32)


def _levels(values: np.ndarray, kind: str) -> np.ndarray:
    """Return the log energy (F,) of each frame of ``values`` (F, D), computed in blocks to keep memory small."""
    if kind == MFCC:
        return values[:, 0]
    return np.concatenate(
        [_summed(values[start : start + BLOCK_FRAMES], kind) for start in range(0, len(values), BLOCK_FRAMES)]
    )


def _summed(values: np.ndarray, kind: str) -> np.ndarray:
    largest = values.max(axis=1)
    level = largest + np.log(np.exp(values - largest[:, np.newaxis]).sum(axis=1))
    return level + SPEECH_LEVEL if kind == SPEECH else level


def _reference_level(levels: np.ndarray, counts: np.ndarray | None = None, sums: np.ndarray | None = None) -> float:
    """Return the mean level of the active frames, which in turn are those near it.

    Found by repetition from the loudest frame on. Silent frames never enter, so adding some changes nothing; and unlike
    the loudest frame's level the mean hardly moves for one click. Where one of ``levels`` stands for several frames,
    ``counts`` says for how many and ``sums`` what their levels add up to.
    """
    levels = levels.astype(np.float64)
    counts, sums = np.ones_like(levels) if counts is None else counts, levels if sums is None else sums
    active = levels >= levels.max() - 2 * ACTIVE_BELOW
    for _ in range(20):  # two to five rounds settle it
        reference = float(sums[active].sum() / counts[active].sum())
        nearer = levels >= reference - ACTIVE_BELOW
        if np.array_equal(nearer, active):
            break
        active = nearer
    return reference


def _limited(values: np.ndarray, reference: float, kind: str) -> np.ndarray:
    """Return ``values`` (F, D) with log energies limited from below, for a filter by its share of the reference."""
    if kind == MFCC:
        limited = values.copy()
        limited[:, 0] = np.maximum(values[:, 0], reference - FLOOR_BELOW)
        return limited
    return np.maximum(values, reference - math.log(values.shape[1]) - FLOOR_BELOW)


def _standardised(
    values: np.ndarray, levels: np.ndarray, reference: float, mean: np.ndarray, std: np.ndarray, kind: str
) -> np.ndarray:
    """Return limited ``values`` (F, D) less ``mean``, over ``std``, clipped, float32."""
    scores = values.astype(np.float32)
    scores -= mean.astype(np.float32)
    scores /= np.maximum(std, MIN_STD).astype(np.float32)
    np.clip(scores, -CLIP, CLIP, out=scores)
    if kind == MFCC:
        # Below the floor there is no spectrum whose shape could be told.
        scores[levels < reference - FLOOR_BELOW, 1:] = 0.0
    return scores
