"""Time offset of sound and mouth without trained weights, for any language.

Four pairs of series correlate in all speech: opening of the mouth and level of the sound; their changes; speed of the
mouth and change of the spectrum; width of the mouth and brightness of the sound. The lag at which the weighted sum of
the four correlations is largest is the offset.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np

from obamanet.constants import FEATURE_RATE
from obamanet.evaluation.metrics import MIN_DEVIATION, speed
from obamanet.keypoints.opening import mouth_opening, mouth_width
from obamanet.timing import frame_times, resample_in_time
from obamanet.types import FeatureSequence

SYNC_RATE: Final = Fraction(25)
"""Steps per second at which sound and mouth are compared, and in which lags are counted."""

MAX_LAG: Final = 15
"""Steps. Lags from -0.6 s to 0.6 s are tried, as SyncNet's evaluation does (Chung and Zisserman 2016)."""

MIN_LENGTH = 2 * MAX_LAG + 1
"""Steps. A clip shorter than 1.24 s cannot be told apart from itself shifted."""

OPENNESS_WEIGHT: Final = 1.0
OPENING_WEIGHT: Final = 0.5
SPEED_WEIGHT: Final = 0.5
WIDTH_WEIGHT: Final = 0.5
"""Of the four correlations, chosen on training sentences (benchmarks/RESULTS.md, "The judges themselves")."""

FLOOR_DB = 60.0
"""Decibel below the loudest band at which softer bands are clipped."""

DIGITAL_SILENCE_DB = -110.0
"""Decibel of full scale: below the rounding of 16 bit samples, so not recorded but filled in."""

LOW_BANDS, HIGH_BANDS = slice(2, 10), slice(16, 26)
"""Mel bands from 140 to 1250 Hz and from 2.4 to 8 kHz, of the 26; their difference is how bright the sound is."""

AVERAGED_FRAMES = np.arange(-3, 2)
"""Feature frames averaged for one step, relative to its own: their 25 ms windows lie evenly about its time."""

SILENT_SHARE = 0.25
"""Of the way from the 5th to the 95th percentile of level; below this a step is silent."""

SILENCE_EDGE = 2
"""Steps at either end of a silence that do not count: lips prepare a sound, and come to rest after it."""

FILL_PERCENTILE = 10
"""Per cent. Digital silence is replaced by this percentile of the recorded steps."""

MIN_SILENT = 5
"""Steps of silence that must remain for it to be measured."""


@dataclass(frozen=True)
class LagCurve:
    """Agreement of sound and mouth over the lag.

    Attributes:
        lags: seconds (L,), positive where the sound is late.
        agreement: (L,), larger is better.
    """

    lags: np.ndarray
    agreement: np.ndarray


@dataclass(frozen=True)
class SyncOffset:
    """Offset of a sound.

    Attributes:
        offset: ms, positive where the sound is late.
        confidence: peak of the lag curve above its median.
    """

    offset: float
    confidence: float


@dataclass(frozen=True)
class SoundSteps:
    """Sound at SYNC_RATE.

    Attributes:
        level: dB (S,).
        change: of the spectrum, mean over the bands, dB per step (S,).
        brightness: high less low bands, dB (S,).
    """

    level: np.ndarray
    change: np.ndarray
    brightness: np.ndarray


def sound_steps(features: FeatureSequence) -> SoundSteps:
    """Returns level, change and brightness of a sound.

    Args:
        features: 26 log filterbank energies, natural logarithms.

    Raises:
        ValueError: the sound is nothing but digital silence.
    """
    count = int(features.duration * SYNC_RATE)
    decibel = features.values.astype(np.float64) * 10 / np.log(10)
    centres = np.round(frame_times(count, SYNC_RATE) * float(FEATURE_RATE)).astype(np.int64)
    places = np.clip(centres[:, None] + AVERAGED_FRAMES, 0, len(decibel) - 1)
    empty = (decibel.max(axis=1) < DIGITAL_SILENCE_DB)[places].any(axis=1)
    if empty.all():
        raise ValueError("the sound is silent")
    bands = decibel[places].mean(axis=1)
    bands[empty] = np.percentile(bands[~empty], FILL_PERCENTILE, axis=0)
    bands = np.maximum(bands, bands.max() - FLOOR_DB)
    change = np.abs(np.gradient(bands, axis=0)).mean(axis=1) if count > 1 else np.zeros(count)
    beside = empty | np.append(empty[1:], False) | np.append(False, empty[:-1])
    if beside.any() and not beside.all():
        change[beside] = np.percentile(change[~beside], FILL_PERCENTILE)
    brightness = bands[:, HIGH_BANDS].mean(axis=1) - bands[:, LOW_BANDS].mean(axis=1)
    return SoundSteps(bands.mean(axis=1), change, brightness)


def lag_curve(mouth: np.ndarray, times: np.ndarray, sound: SoundSteps) -> LagCurve:
    """Returns the agreement of mouth and sound at each lag.

    At lag k it is the weighted sum of sum_t m[t] a[t + k] / sqrt(n S) for the four pairs of standardised series of S
    steps, n of which overlap. The divisor lies between n, which trusts short overlaps too much, and S, which favours
    lag 0.

    Args:
        mouth: canonical keypoints (T, 20, 2).
        times: of the keypoints, seconds (T,).
        sound: of the same video.

    Raises:
        ValueError: there are less than 1.24 s of either.
    """
    count = min(len(sound.level), int(times[-1] * float(SYNC_RATE)) + 1) if len(times) else 0
    if count < MIN_LENGTH:
        raise ValueError(
            f"too short: {count / float(SYNC_RATE):.2f} s, needed are {MIN_LENGTH / float(SYNC_RATE):.2f} s"
        )
    steps = resample_in_time(mouth.astype(np.float64), times, frame_times(count, SYNC_RATE))
    level = sound.level[:count]
    inner = mouth_opening(steps)
    agreement = (
        OPENNESS_WEIGHT * _agreement(inner + np.linalg.norm(steps[:, 9] - steps[:, 3], axis=-1), level)
        + OPENING_WEIGHT * _agreement(np.gradient(inner), np.gradient(level))
        + SPEED_WEIGHT * _agreement(np.sqrt(speed(steps, float(SYNC_RATE))), np.sqrt(sound.change[:count]))
        + WIDTH_WEIGHT * _agreement(mouth_width(steps), sound.brightness[:count])
    )
    return LagCurve(np.arange(-MAX_LAG, MAX_LAG + 1) / float(SYNC_RATE), agreement)


def find_offset(curve: LagCurve) -> SyncOffset:
    """Returns where ``curve`` peaks, interpolated by a parabola through three of its steps; (0, 0) for a flat curve."""
    values = curve.agreement
    if np.ptp(values) < MIN_DEVIATION:
        return SyncOffset(0.0, 0.0)
    peak = int(np.argmax(values))
    place = float(curve.lags[peak])
    if 0 < peak < len(values) - 1:
        before, top, after = values[peak - 1 : peak + 2]
        bend = before - 2 * top + after
        if bend < 0:
            place += float(0.5 * (before - after) / bend) * float(curve.lags[1] - curve.lags[0])
    return SyncOffset(1000 * place, float(values[peak] - np.median(values)))


def silences(sound: SoundSteps, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns which frames are silent and which are spoken; the edges of silences are neither.

    Args:
        sound: of the video.
        times: of the frames, seconds (T,).

    Returns:
        Two masks (T,) that do not overlap.

    Raises:
        ValueError: there is too little of either.
    """
    low, high = np.percentile(sound.level, (5, 95)) if len(sound.level) else (0.0, 0.0)
    quiet = sound.level < low + SILENT_SHARE * (high - low)
    inner = quiet.copy()
    for shift in range(1, SILENCE_EDGE + 1):
        inner[shift:] &= quiet[:-shift]
        inner[:-shift] &= quiet[shift:]
    if inner.sum() < MIN_SILENT or (~quiet).sum() < MIN_SILENT:
        raise ValueError("the sound has no silence to measure")
    places = np.round(times * float(SYNC_RATE)).astype(np.int64)
    heard = places < len(quiet)
    places = np.minimum(places, len(quiet) - 1)
    return inner[places] & heard, ~quiet[places] & heard


def _agreement(mouth: np.ndarray, sound: np.ndarray) -> np.ndarray:
    """Returns the sum of :func:`lag_curve` for two series (S,), (2 MAX_LAG + 1,); zeros when one does not move."""
    if mouth.std() < MIN_DEVIATION or sound.std() < MIN_DEVIATION:
        return np.zeros(2 * MAX_LAG + 1)
    mouth, sound = (mouth - mouth.mean()) / mouth.std(), (sound - sound.mean()) / sound.std()
    count = len(mouth)
    values = []
    for lag in range(-MAX_LAG, MAX_LAG + 1):
        ours, theirs = mouth[max(0, -lag) : count - max(0, lag)], sound[max(0, lag) : count - max(0, -lag)]
        values.append((ours * theirs).sum() / np.sqrt(len(ours) * count))
    return np.array(values)
