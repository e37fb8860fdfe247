"""Level of a sound where it is active, and limits to full scale."""

from __future__ import annotations

from typing import Final

import numpy as np

from obamanet.constants import SAMPLE_RATE

LEVEL_FRAME: Final = SAMPLE_RATE // 50
"""Samples per level measurement, 20 ms: several periods of any voice, shorter than a phoneme."""

ACTIVE_POWER_SHARE: Final = 1e-3
"""Share of the loudest frame's power (-30 dB) from which on a frame is active, as in audio/normalise_features.py."""

AUDIBLE_POWER: Final = 1e-9
"""Power (-90 dBFS), full scale squared, below which a sound is silence; 16-bit rounding is at -98 dBFS."""

NOISE_LEVEL: Final = 0.05
"""Root mean square (-26 dBFS) of generated noise and music: the nominal level of speech in telephony (ITU-T P.56)."""


def active_power(sound: np.ndarray) -> float:
    """Returns the mean power of ``sound`` (N,) over its active 20 ms frames, full scale squared; 0.0 for silence."""
    if len(sound) == 0:
        return 0.0
    starts = np.arange(0, len(sound), LEVEL_FRAME)
    sums = np.add.reduceat(np.square(sound, dtype=np.float64), starts)
    counts = np.minimum(LEVEL_FRAME, len(sound) - starts)
    powers = sums / counts
    if powers.max() < AUDIBLE_POWER:
        return 0.0
    active = powers >= ACTIVE_POWER_SHARE * powers.max()
    return float(sums[active].sum() / counts[active].sum())


def within_range(sound: np.ndarray) -> np.ndarray:
    """Returns ``sound`` (N,) as float32, scaled down as a whole where its peak is above 1."""
    peak = float(np.abs(sound).max(initial=0.0))
    return (sound / peak if peak > 1 else sound).astype(np.float32)


def at_level(sound: np.ndarray, level: float = NOISE_LEVEL) -> np.ndarray:
    """Returns ``sound`` (N,) as float32 scaled to ``level`` rms, peaks clipped at 1; silence stays silence."""
    rms = float(np.sqrt(np.mean(np.square(sound, dtype=np.float64)))) if len(sound) else 0.0
    return np.clip(sound * (level / rms if rms > 0 else 0.0), -1, 1).astype(np.float32)
