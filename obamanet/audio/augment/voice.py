"""Another voice for the same speech: pitch and vocal tract shifted apart from each other, with times kept."""

from __future__ import annotations

from typing import Final

import numpy as np

from obamanet.audio.augment.level import AUDIBLE, within_range
from obamanet.constants import SAMPLE_RATE
from obamanet.errors import OptionError

MIN_SHIFT: Final = 0.5
MAX_SHIFT: Final = 2.0
"""Factors allowed; voices of men, women and children lie within 0.7 to 1.45 of each other's formants."""

MIN_PITCH: Final = 65.0
MAX_PITCH: Final = 500.0
"""Hz. A deep man's voice; a child's."""

STEP: Final = SAMPLE_RATE // 100
"""Samples between two measurements of pitch, 10 ms."""

WINDOW: Final = 768
"""Samples of one measurement of pitch, 48 ms: three periods of the lowest pitch (Boersma 1993)."""

VOICED_FROM: Final = 0.5
"""Autocorrelation, of at most 1, from which on a frame is voiced (Boersma 1993: 0.45)."""

SOFTEST: Final = 1e-3
"""Share of the loudest frame's power (30 dB below it) under which a frame is not voiced: a room's hum is no voice."""

CANDIDATES: Final = 6
"""Peaks of the autocorrelation considered in each frame."""

OCTAVE_COST: Final = 0.02
JUMP_COST: Final = 0.35
VOICING_COST: Final = 0.14
"""What a lower octave, a jump by an octave and a change of voicing count against autocorrelation (Boersma 1993)."""

UNVOICED_HOP: Final = SAMPLE_RATE // 200
"""Samples between two pieces of unvoiced sound, 5 ms: a plosive's burst stays in its place."""

LEVEL_WINDOW: Final = SAMPLE_RATE // 40
"""Samples over which the new voice follows the old one's loudness, 25 ms."""

LEVEL_RANGE: Final = (0.25, 4.0)
"""Limits of that correction, 12 dB either way."""


def shift_voice(sound: np.ndarray, pitch: float, formants: float) -> np.ndarray:
    """Return ``sound`` (N,) with its pitch and its formants multiplied (0.5 to 2.0 each), times and loudness kept.

    The sound is resampled by ``formants``, which moves formants and pitch alike; then its pitch periods are laid out
    anew (PSOLA, Moulines and Charpentier 1990), which restores the length and sets the pitch: Praat's "Change gender".
    Formants below 1 leave the top of the spectrum empty; it is filled with a copy of what lies under it.
    """
    _check("pitch", pitch)
    _check("formants", formants)
    if len(sound) < WINDOW or float(np.max(np.square(sound))) < AUDIBLE or (pitch == 1 and formants == 1):
        return sound.astype(np.float32)
    source = _resampled(sound, formants).astype(np.float64)
    if formants < 1:
        source = _fill_top(source, formants * SAMPLE_RATE / 2)
    # The source's own clock runs ``formants`` times as fast, and so do its periods.
    hertz = track_pitch(sound)
    periods = np.where(hertz > 0, SAMPLE_RATE / (formants * np.maximum(hertz, 1.0)), 0.0)
    marks = _pitch_marks(source, periods, STEP / formants)
    laid = _lay_out(source, periods, marks, pitch, formants, len(sound))
    return within_range(_as_loud_as(laid, sound))


def track_pitch(sound: np.ndarray) -> np.ndarray:
    """Return the pitch in Hz of ``sound`` (N,) every 10 ms, 0.0 where it is unvoiced: (1 + N // 160,), float64.

    Value i belongs to time i / 100 s. Autocorrelation divided by the window's own, and the cheapest path through its
    peaks (Boersma, "Accurate short-term analysis of the fundamental frequency", 1993).
    """
    count = 1 + len(sound) // STEP
    padded = np.pad(sound.astype(np.float64), (WINDOW // 2, WINDOW))
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[: count * STEP : STEP][:count]
    powers = np.mean(frames**2, axis=1)
    window = np.hanning(WINDOW)
    lowest, highest = int(SAMPLE_RATE / MAX_PITCH), int(SAMPLE_RATE / MIN_PITCH)
    lags = np.arange(lowest, highest + 1)
    likeness = _autocorrelation((frames - frames.mean(axis=1, keepdims=True)) * window)[:, lowest - 1 : highest + 2]
    likeness /= _autocorrelation(window[None])[:, lowest - 1 : highest + 2]
    middle = likeness[:, 1:-1]
    # Of two periods that fit alike the shorter is meant: each multiple of the period fits too.
    strength = middle - OCTAVE_COST * np.log2(lags / lowest)
    is_peak = (middle >= likeness[:, :-2]) & (middle > likeness[:, 2:])
    strength = np.where(is_peak & (powers >= SOFTEST * powers.max())[:, None], strength, -1.0)
    order = np.argsort(-strength, axis=1)[:, :CANDIDATES]
    chosen = _best_path(np.take_along_axis(strength, order, axis=1), np.log2(lags[order]))
    voiced = np.flatnonzero(chosen < CANDIDATES)
    hertz = np.zeros(count)
    best = order[voiced, chosen[voiced]]
    # A parabola through the peak and its neighbours finds the period between samples.
    left, top, right = (likeness[voiced, best + shift] for shift in range(3))
    curvature = np.minimum(left - 2 * top + right, -1e-9)
    hertz[voiced] = SAMPLE_RATE / (lags[best] + np.clip(0.5 * (left - right) / curvature, -0.5, 0.5))
    return hertz


def _autocorrelation(frames: np.ndarray) -> np.ndarray:
    """Return the autocorrelation of each frame (F, W), 1 at lag 0 unless the frame is zero."""
    from scipy.fft import irfft, rfft

    lines = rfft(frames, 2 * frames.shape[1], axis=1)
    values = irfft(lines.real**2 + lines.imag**2, axis=1)[:, : frames.shape[1]]
    return values / np.maximum(values[:, :1], 1e-12)


def _best_path(strengths: np.ndarray, octaves: np.ndarray) -> np.ndarray:
    """Return, per frame, which candidate (F, C) is the pitch, or C for unvoiced: the path that scores highest."""
    frames, count = strengths.shape
    unvoiced = np.full((frames, 1), VOICED_FROM)
    scores = np.concatenate([strengths, unvoiced], axis=1)
    total, came_from = scores[0], np.zeros((frames, count + 1), dtype=int)
    costs = np.full((count + 1, count + 1), VOICING_COST)
    costs[count, count] = 0.0
    for frame in range(1, frames):
        costs[:count, :count] = JUMP_COST * np.abs(octaves[frame - 1][:, None] - octaves[frame][None])
        arriving = total[:, None] - costs
        came_from[frame] = arriving.argmax(axis=0)
        total = arriving.max(axis=0) + scores[frame]
    path = np.zeros(frames, dtype=int)
    path[-1] = total.argmax()
    for frame in range(frames - 1, 0, -1):
        path[frame - 1] = came_from[frame, path[frame]]
    return path


def _pitch_marks(source: np.ndarray, periods: np.ndarray, step: float) -> np.ndarray:
    """Return the samples of ``source`` (M,) at which its pitch periods begin, ascending.

    ``periods`` (F,) in samples, 0 where unvoiced, hold every ``step`` samples. In each voiced stretch the highest peak
    is the first mark; the others follow on both sides where the sound is most alike one period on.
    """
    # The side on which the voice has its sharper peaks is the same throughout a recording.
    upright = source if source.max() >= -source.min() else -source
    voiced = np.flatnonzero(np.diff(np.concatenate([[0], periods > 0, [0]])))
    marks: list[int] = []
    for first, behind in zip(voiced[::2], voiced[1::2], strict=True):
        begin, end = max(0, round((first - 0.5) * step)), min(len(source), round((behind - 0.5) * step))
        if end - begin < 2:
            continue
        start = begin + int(upright[begin:end].argmax())
        found = [start]
        for direction in (-1, 1):
            mark: int | None = start
            while mark is not None:
                frame = int(np.clip(round(mark / step), first, behind - 1))
                mark = _next_mark(upright, mark, direction, float(periods[frame]))
                if mark is not None and not begin <= mark < end:
                    mark = None
                if mark is not None:
                    found.append(mark)
        marks += sorted(found)
    return np.unique(np.array(marks, dtype=int))


def _next_mark(upright: np.ndarray, mark: int, direction: int, period: float) -> int | None:
    """Return the sample, 0.8 to 1.2 periods from ``mark``, around which the sound is most like that around ``mark``."""
    half = round(period / 2)
    nearest, farthest = (round(share * period) for share in (0.8, 1.2))
    centres = mark + direction * np.arange(nearest, farthest + 1)
    low, high = int(centres.min()) - half, int(centres.max()) + half
    if min(low, mark - half) < 0 or max(high, mark + half) >= len(upright):
        return None
    model = upright[mark - half : mark + half + 1]
    around = upright[low : high + 1]
    energy = np.convolve(around**2, np.ones(len(model)), "valid")
    likeness = np.correlate(around, model, "valid") / np.sqrt(energy * (model @ model) + 1e-12)
    # A little for the height itself keeps the marks from wandering off the peaks.
    peaks = upright[low + half : high - half + 1]
    score = likeness + 0.2 * peaks / (np.abs(peaks).max() + 1e-12)
    return low + half + int(score.argmax())


def _lay_out(
    source: np.ndarray, periods: np.ndarray, marks: np.ndarray, pitch: float, formants: float, length: int
) -> np.ndarray:
    """Return the pieces of ``source`` (M,) laid out to ``length`` samples: one per new period, two old periods long."""
    margin = WINDOW
    padded = np.pad(source, margin)
    laid, weight = np.zeros(length + 2 * margin), np.zeros(length + 2 * margin)
    # Unvoiced pieces are taken from beside their place, or their regular repetition would ring. Always the same chance.
    random = np.random.default_rng(0)
    scatter = 0 if formants == 1 else UNVOICED_HOP // 2
    at = 0.0
    while at < length:
        there = at / formants
        period = periods[min(len(periods) - 1, round(at / STEP))]
        near = int(np.searchsorted(marks, there))
        near = min((near - 1, near), key=lambda n: abs(marks[n] - there) if 0 <= n < len(marks) else np.inf)
        if period > 0 and 0 <= near < len(marks) and abs(marks[near] - there) <= period:
            centre, half = int(marks[near]), round(period)
            hop = period * formants / pitch
        else:
            centre, half = round(there) + int(random.integers(-scatter, scatter + 1)), UNVOICED_HOP
            hop = float(UNVOICED_HOP)
        fade = 0.5 + 0.5 * np.cos(np.pi * np.arange(-half, half + 1) / half)
        begin, goal = margin + centre - half, margin + round(at) - half
        piece = padded[max(0, begin) : begin + len(fade)]
        if len(piece) == len(fade):
            laid[goal : goal + len(fade)] += fade * piece
            weight[goal : goal + len(fade)] += fade
        at += hop
    laid = laid / np.maximum(weight, 1.0)
    return laid[margin : margin + length]


def _as_loud_as(laid: np.ndarray, sound: np.ndarray) -> np.ndarray:
    """Return ``laid`` (N,) with its loudness over time brought to that of ``sound`` (N,), within 12 dB."""
    from scipy.ndimage import uniform_filter1d

    wanted, got = (
        uniform_filter1d(np.square(s, dtype=np.float64), LEVEL_WINDOW, mode="constant") for s in (sound, laid)
    )
    gains = np.clip(np.sqrt((wanted + AUDIBLE) / (np.maximum(got, 0) + AUDIBLE)), *LEVEL_RANGE)
    return laid * uniform_filter1d(gains, LEVEL_WINDOW, mode="nearest")


def _fill_top(source: np.ndarray, highest: float) -> np.ndarray:
    """Return ``source`` (M,) with what lies above ``highest`` Hz filled by the band below, moved up as it is."""
    from scipy.signal import butter, hilbert, sosfiltfilt

    width = SAMPLE_RATE / 2 - highest
    if width < 50:
        return source
    below = sosfiltfilt(butter(6, highest - width, "highpass", fs=SAMPLE_RATE, output="sos"), source)
    turning = np.exp(2j * np.pi * width / SAMPLE_RATE * np.arange(len(source)))
    moved = np.real(hilbert(below) * turning)
    return source + sosfiltfilt(butter(6, 0.98 * highest, "highpass", fs=SAMPLE_RATE, output="sos"), moved)


def _resampled(sound: np.ndarray, factor: float) -> np.ndarray:
    """Return ``sound`` (N,) played ``factor`` times as fast, without delay."""
    import soxr

    return soxr.resample(sound.astype(np.float32), SAMPLE_RATE * factor, SAMPLE_RATE)


def _check(what: str, factor: float) -> None:
    """Refuse a factor out of range."""
    if not MIN_SHIFT <= factor <= MAX_SHIFT:
        raise OptionError(f"{what} factor is out of range: got {factor}, allowed is {MIN_SHIFT} to {MAX_SHIFT}")
