"""Normalises features over an utterance's speech, independent of the silence before, after or within it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

import numpy as np

from obamanet.audio.features import BLOCK_FRAMES, LOGFBANK, MFCC, SPEECH
from obamanet.constants import FEATURE_WINDOW, SAMPLE_RATE
from obamanet.types import FeatureSequence

NEPERS_PER_DB: Final = math.log(10) / 10
"""Natural-log power units per decibel: features are natural logarithms, 60 dB are 6 ln 10 = 13.8."""

ACTIVE_DEPTH: Final = 15 * NEPERS_PER_DB
"""Natural-log power units. A frame is active when its level is at most this far (15 dB) below the reference level, the
mean over active frames; chosen on GRID, benchmarks/RESULTS.md, "Constants"."""

FLOOR_DEPTH: Final = 45 * NEPERS_PER_DB
"""Natural-log power units. Values are limited from below to this far (45 dB) under the reference, which is about 60 dB
under the loudest frames."""

AUDIBLE_LEVEL: Final = math.log(float(FEATURE_WINDOW * SAMPLE_RATE) / 2) - 70 * NEPERS_PER_DB
"""Natural-log energy of a frame whose pre-emphasised samples have -70 dBFS rms; below it is silence. By Parseval half
of their sum of squares, because python_speech_features sums the lower half of the spectrum. 16-bit rounding is at -98
dBFS."""

MIN_STD: Final = 1.0
"""Natural-log power units (4.3 dB). Lower bound of the standard deviation, so that steady noise (0.3 to 1 per filter)
is not amplified to look like speech (2 to 3)."""

CLIP: Final = 3.0
"""Standard deviations. Normalised values are limited to plus and minus this, which holds 99.9 % of speech; digital zero
lies at about -3, so that any silence is at or near -3."""

SPEECH_LEVEL: Final = math.log(2 / 3)
"""Natural-log power units, added to the sum of speech features so that ``AUDIBLE_LEVEL`` holds for them too. For white
noise the mel energies sum to 3/2 of the filterbank energies: 80 filters of area 1/40 per bin under a Hann window of
power 0.375, against half of the sum of squares."""

MIN_LEVEL: Final = -25.0
MAX_LEVEL: Final = 20.0
LEVEL_BIN: Final = 0.05
"""Natural-log power units: range of speech features' levels, from digital silence (-19) to beyond full scale, and the
width of the histogram bins of :class:`RunningReference`."""


def silence_features(count: int, kind: str = LOGFBANK) -> np.ndarray:
    """Returns the normalised features of silence.

    Args:
        count: values per frame.
        kind: kind of features, as in :class:`FeatureOptions`.

    Returns:
        Shape (count,) float32: the lower limit wherever a value is a log energy, and 0, the mean, for MFCC coefficients
        from 1 on, which describe the spectrum's shape.
    """
    if kind == SPEECH:
        return np.full(count, -1.0, np.float32)
    silence = np.full(count, -CLIP, np.float32)
    if kind == MFCC:
        silence[1:] = 0.0
    return silence


def normalise_utterance(features: FeatureSequence, kind: str = LOGFBANK) -> FeatureSequence:
    """Normalises the features of one utterance.

    Log filterbank energies and MFCC get mean 0 and variance 1 per value over the active frames and are limited to [-3,
    3]. Before that, log energies are limited from below to 45 dB under the active frames' mean level, or digital zero
    would dominate. A frame's level is the logarithm of its energy: of the sum over the filters, or MFCC coefficient 0.
    Silence and background noise are not active, so neither adding any nor a gain changes the other frames.

    Speech features keep the shape of their spectrum: they are decibels relative to the reference level, divided by 45
    and limited to [-1, 1].

    Args:
        features: not normalised, shape (F, D).
        kind: the kind they were extracted as.

    Returns:
        Normalised features, shape (F, D) float32; :func:`silence_features` throughout where no frame is above -70 dBFS.
    """
    values = features.values
    if kind == SPEECH:
        return replace(features, values=normalise_to_reference(values, speech_reference(values)))
    levels = _levels(values, kind)
    if levels.max() < AUDIBLE_LEVEL:
        return replace(features, values=np.tile(silence_features(values.shape[1], kind), (len(values), 1)))
    reference = _reference_level(levels)
    values = _limited(values, reference, kind)
    active = values[levels >= reference - ACTIVE_DEPTH].astype(np.float64)
    normalised = _standardised(values, levels, reference, active.mean(axis=0), active.std(axis=0), kind)
    return replace(features, values=normalised)


def speech_reference(values: np.ndarray) -> float | None:
    """Returns the reference level of speech features (F, D), natural-log power units, or None where all is silence.

    Together with :func:`normalise_to_reference` it normalises a part of an utterance as :func:`normalise_utterance`
    does the whole.
    """
    return speech_reference_of([values])


def speech_reference_of(parts: Iterable[np.ndarray]) -> float | None:
    """Returns :func:`speech_reference` of features that come in ``parts`` (F, D), of which only levels are kept."""
    levels = np.concatenate([_levels(values, SPEECH) for values in parts if len(values)])
    return None if levels.max() < AUDIBLE_LEVEL else _reference_level(levels)


class RunningReference:
    """Estimates :func:`speech_reference` from the part of an utterance received so far.

    Levels are counted in bins of 0.05 natural-log units (0.2 dB), so that memory and time do not grow. The mean over
    the active bins is exact; only the border between active and inactive frames is rounded to a bin.

    Attributes:
        level: the estimate, natural-log power units; None in silence.
    """

    def __init__(self) -> None:
        count = round((MAX_LEVEL - MIN_LEVEL) / LEVEL_BIN)
        self._levels = MIN_LEVEL + LEVEL_BIN * (np.arange(count) + 0.5)
        self._counts, self._sums = np.zeros(count), np.zeros(count)
        self.level: float | None = None

    def add(self, values: np.ndarray) -> None:
        """Updates ``level`` with the speech features ``values`` (F, D)."""
        if not len(values):
            return
        levels = _levels(values, SPEECH).astype(np.float64)
        bins = np.clip((levels - MIN_LEVEL) / LEVEL_BIN, 0, len(self._counts) - 1).astype(np.int64)
        np.add.at(self._counts, bins, 1.0)
        np.add.at(self._sums, bins, levels)
        occupied = np.flatnonzero(self._counts)
        if self._sums[occupied[-1]] / self._counts[occupied[-1]] >= AUDIBLE_LEVEL:
            self.level = _reference_level(self._levels[occupied], self._counts[occupied], self._sums[occupied])


def normalise_to_reference(values: np.ndarray, reference: float | None) -> np.ndarray:
    """Normalises speech features with a given reference level.

    Args:
        values: speech features, shape (F, D), natural logarithms.
        reference: level of :func:`speech_reference`; None for silence.

    Returns:
        Shape (F, D) float32 in [-1, 1]: the distance to the mean filter's energy at the reference level, over the
        floor's depth of 45 dB.
    """
    if reference is None:
        return np.tile(silence_features(values.shape[1], SPEECH), (len(values), 1))
    middle = reference - SPEECH_LEVEL - math.log(values.shape[1])
    return np.clip((values - middle) / FLOOR_DEPTH, -1.0, 1.0).astype(np.float32)


def _levels(values: np.ndarray, kind: str) -> np.ndarray:
    """Returns the log energy (F,) of each frame of ``values`` (F, D), computed in blocks to bound memory."""
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
    """Returns the mean level of the active frames, which in turn are those near the mean.

    Solved by iteration from the loudest frame on. Silent frames never enter, so adding some changes nothing; and one
    click moves the mean much less than it moves the loudest frame's level.

    Args:
        levels: shape (F,), natural-log power units.
        counts: number of frames that each level stands for; None for one each.
        sums: sum of the levels of those frames; None for ``levels``.
    """
    levels = levels.astype(np.float64)
    counts, sums = np.ones_like(levels) if counts is None else counts, levels if sums is None else sums
    active = levels >= levels.max() - 2 * ACTIVE_DEPTH
    for _ in range(20):  # converges in two to five rounds
        reference = float(sums[active].sum() / counts[active].sum())
        updated = levels >= reference - ACTIVE_DEPTH
        if np.array_equal(updated, active):
            break
        active = updated
    return reference


def _limited(values: np.ndarray, reference: float, kind: str) -> np.ndarray:
    """Returns ``values`` (F, D) with log energies limited from below, each filter by its share of the reference."""
    if kind == MFCC:
        limited = values.copy()
        limited[:, 0] = np.maximum(values[:, 0], reference - FLOOR_DEPTH)
        return limited
    return np.maximum(values, reference - math.log(values.shape[1]) - FLOOR_DEPTH)


def _standardised(
    values: np.ndarray, levels: np.ndarray, reference: float, mean: np.ndarray, std: np.ndarray, kind: str
) -> np.ndarray:
    """Returns limited ``values`` (F, D) minus ``mean``, divided by ``std``, clipped, float32."""
    scores = values.astype(np.float32)
    scores -= mean.astype(np.float32)
    scores /= np.maximum(std, MIN_STD).astype(np.float32)
    np.clip(scores, -CLIP, CLIP, out=scores)
    if kind == MFCC:
        # Below the floor the spectrum has no shape to measure.
        scores[levels < reference - FLOOR_DEPTH, 1:] = 0.0
    return scores
