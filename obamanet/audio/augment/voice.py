"""Voice conversion by signal processing: pitch and formants are shifted independently, timing is kept."""

from __future__ import annotations

from typing import Final

import numpy as np

from obamanet.audio.augment.level import AUDIBLE_POWER, within_range
from obamanet.constants import SAMPLE_RATE
from obamanet.errors import OptionError

MIN_SHIFT: Final = 0.5
MAX_SHIFT: Final = 2.0
"""Allowed factors; formants of men, women and children differ by factors of 0.7 to 1.45."""

MIN_PITCH: Final = 65.0
MAX_PITCH: Final = 500.0
"""Hz. Range of the pitch, from a deep man's voice to a child's."""

PITCH_STEP: Final = SAMPLE_RATE // 100
"""Samples between two pitch measurements, 10 ms."""

PITCH_WINDOW: Final = 768
"""Samples per pitch measurement, 48 ms: three periods of the lowest pitch (Boersma 1993)."""

VOICING_THRESHOLD: Final = 0.5
"""Autocorrelation, at most 1, from which on a frame is voiced (Boersma 1993: 0.45)."""

MIN_VOICED_POWER: Final = 1e-3
"""Share of the loudest frame's power (-30 dB) below which a frame is unvoiced."""

CANDIDATES: Final = 6
"""Peaks of the autocorrelation considered per frame."""

OCTAVE_COST: Final = 0.02
JUMP_COST: Final = 0.35
VOICING_COST: Final = 0.14
"""Costs of a lower octave, a jump by an octave and a change of voicing, in units of autocorrelation (Boersma 1993)."""

UNVOICED_HOP: Final = SAMPLE_RATE // 200
"""Samples between two pieces of unvoiced sound, 5 ms, short enough to keep a plosive's burst in place."""

LEVEL_WINDOW: Final = SAMPLE_RATE // 40
"""Samples over which the loudness of the new voice is matched to the old one's, 25 ms."""

LEVEL_RANGE: Final = (0.25, 4.0)
"""Limits of that gain, 12 dB either way."""


def shift_voice(sound: np.ndarray, pitch: float, formants: float) -> np.ndarray:
    """Returns ``sound`` with its pitch and formants multiplied, timing and loudness kept.

    The sound is resampled by ``formants``, which moves formants and pitch alike; then its pitch periods are overlapped
    and added anew (PSOLA, Moulines and Charpentier 1990), which restores the length and sets the pitch, like Praat's
    "Change gender". Formants below 1 leave the top of the spectrum empty; it is filled with a copy of the band below.

    Args:
        sound: mono at 16 kHz, shape (N,).
        pitch: factor, 0.5 to 2.0.
        formants: factor, 0.5 to 2.0.

    Returns:
        Shape (N,) float32.

    Raises:
        OptionError: a factor is out of range.
    """
    _check("pitch", pitch)
    _check("formants", formants)
    if len(sound) < PITCH_WINDOW or float(np.max(np.square(sound))) < AUDIBLE_POWER or (pitch == 1 and formants == 1):
        return sound.astype(np.float32)
    source = _resampled(sound, formants).astype(np.float64)
    if formants < 1:
        source = _fill_top(source, formants * SAMPLE_RATE / 2)
    # The source's own clock runs ``formants`` times as fast, and so do its periods.
    hertz = track_pitch(sound)
    periods = np.where(hertz > 0, SAMPLE_RATE / (formants * np.maximum(hertz, 1.0)), 0.0)
    marks = _pitch_marks(source, periods, PITCH_STEP / formants)
    laid = _lay_out(source, periods, marks, pitch, formants, len(sound))
    return within_range(_as_loud_as(laid, sound))


def track_pitch(sound: np.ndarray) -> np.ndarray:
    """Returns the pitch of ``sound`` (N,) every 10 ms: (1 + N // 160,) float64, Hz, 0.0 where unvoiced.

    Value i belongs to time i / 100 s. Autocorrelation divided by the window's own, and the cheapest path through its
    peaks (Boersma, "Accurate short-term analysis of the fundamental frequency", 1993).
    """
    count = 1 + len(sound) // PITCH_STEP
    padded = np.pad(sound.astype(np.float64), (PITCH_WINDOW // 2, PITCH_WINDOW))
    frames = np.lib.stride_tricks.sliding_window_view(padded, PITCH_WINDOW)[: count * PITCH_STEP : PITCH_STEP][:count]
    powers = np.mean(frames**2, axis=1)
    window = np.hanning(PITCH_WINDOW)
    lowest, highest = int(SAMPLE_RATE / MAX_PITCH), int(SAMPLE_RATE / MIN_PITCH)
    lags = np.arange(lowest, highest + 1)
    correlation = _autocorrelation((frames - frames.mean(axis=1, keepdims=True)) * window)[:, lowest - 1 : highest + 2]
    correlation /= _autocorrelation(window[None])[:, lowest - 1 : highest + 2]
    middle = correlation[:, 1:-1]
    # Of two periods with equal correlation the shorter is preferred: every multiple of the period correlates too.
    strength = middle - OCTAVE_COST * np.log2(lags / lowest)
    is_peak = (middle >= correlation[:, :-2]) & (middle > correlation[:, 2:])
    strength = np.where(is_peak & (powers >= MIN_VOICED_POWER * powers.max())[:, None], strength, -1.0)
    order = np.argsort(-strength, axis=1)[:, :CANDIDATES]
    chosen = _best_path(np.take_along_axis(strength, order, axis=1), np.log2(lags[order]))
    voiced = np.flatnonzero(chosen < CANDIDATES)
    hertz = np.zeros(count)
    best = order[voiced, chosen[voiced]]
    # A parabola through the peak and its neighbours finds the period between samples.
    left, top, right = (correlation[voiced, best + shift] for shift in range(3))
    curvature = np.minimum(left - 2 * top + right, -1e-9)
    hertz[voiced] = SAMPLE_RATE / (lags[best] + np.clip(0.5 * (left - right) / curvature, -0.5, 0.5))
    return hertz


def _autocorrelation(frames: np.ndarray) -> np.ndarray:
    """Returns the autocorrelation of each frame (F, W), 1 at lag 0 unless the frame is zero."""
    from scipy.fft import irfft, rfft

    lines = rfft(frames, 2 * frames.shape[1], axis=1)
    values = irfft(lines.real**2 + lines.imag**2, axis=1)[:, : frames.shape[1]]
    return values / np.maximum(values[:, :1], 1e-12)


def _best_path(strengths: np.ndarray, octaves: np.ndarray) -> np.ndarray:
    """Returns the index of the candidate (F, C) that is the pitch in each frame, or C for unvoiced: the best path's."""
    frames, count = strengths.shape
    unvoiced = np.full((frames, 1), VOICING_THRESHOLD)
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
    """Returns the samples of ``source`` (M,) at which its pitch periods begin, ascending.

    The highest peak of each voiced stretch is the first mark; the others follow on both sides where the sound is most
    similar one period on.

    Args:
        source: samples.
        periods: pitch period of each frame (F,) in samples, 0 where unvoiced.
        step: samples per frame.
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
        stretch = [start]
        for direction in (-1, 1):
            mark: int | None = start
            while mark is not None:
                frame = int(np.clip(round(mark / step), first, behind - 1))
                mark = _next_mark(upright, mark, direction, float(periods[frame]))
                if mark is not None and not begin <= mark < end:
                    mark = None
                if mark is not None:
                    stretch.append(mark)
        marks += sorted(stretch)
    return np.unique(np.array(marks, dtype=int))


def _next_mark(upright: np.ndarray, mark: int, direction: int, period: float) -> int | None:
    """Returns the sample 0.8 to 1.2 periods from ``mark`` where the sound is most similar to that at ``mark``."""
    half = round(period / 2)
    nearest, farthest = (round(share * period) for share in (0.8, 1.2))
    centres = mark + direction * np.arange(nearest, farthest + 1)
    low, high = int(centres.min()) - half, int(centres.max()) + half
    if min(low, mark - half) < 0 or max(high, mark + half) >= len(upright):
        return None
    model = upright[mark - half : mark + half + 1]
    around = upright[low : high + 1]
    energy = np.convolve(around**2, np.ones(len(model)), "valid")
    correlation = np.correlate(around, model, "valid") / np.sqrt(energy * (model @ model) + 1e-12)
    # A little for the height itself keeps the marks from wandering off the peaks.
    peaks = upright[low + half : high - half + 1]
    score = correlation + 0.2 * peaks / (np.abs(peaks).max() + 1e-12)
    return low + half + int(score.argmax())


def _lay_out(
    source: np.ndarray, periods: np.ndarray, marks: np.ndarray, pitch: float, formants: float, length: int
) -> np.ndarray:
    """Returns the pieces of ``source`` (M,) overlapped and added to ``length`` samples: one piece per new period.

    A piece is two old periods long.
    """
    margin = PITCH_WINDOW
    padded = np.pad(source, margin)
    laid, weight = np.zeros(length + 2 * margin), np.zeros(length + 2 * margin)
    # Unvoiced pieces are taken from beside their place, or their regular repetition would ring. The seed is fixed, so
    # equal sounds give equal results.
    random = np.random.default_rng(0)
    scatter = 0 if formants == 1 else UNVOICED_HOP // 2
    at = 0.0
    while at < length:
        source_at = at / formants
        period = periods[min(len(periods) - 1, round(at / PITCH_STEP))]
        near = int(np.searchsorted(marks, source_at))
        near = min((near - 1, near), key=lambda n: abs(marks[n] - source_at) if 0 <= n < len(marks) else np.inf)
        if period > 0 and 0 <= near < len(marks) and abs(marks[near] - source_at) <= period:
            centre, half = int(marks[near]), round(period)
            hop = period * formants / pitch
        else:
            centre, half = round(source_at) + int(random.integers(-scatter, scatter + 1)), UNVOICED_HOP
            hop = float(UNVOICED_HOP)
        fade = 0.5 + 0.5 * np.cos(np.pi * np.arange(-half, half + 1) / half)
        begin, target = margin + centre - half, margin + round(at) - half
        piece = padded[max(0, begin) : begin + len(fade)]
        if len(piece) == len(fade):
            laid[target : target + len(fade)] += fade * piece
            weight[target : target + len(fade)] += fade
        at += hop
    laid = laid / np.maximum(weight, 1.0)
    return laid[margin : margin + length]


def _as_loud_as(laid: np.ndarray, sound: np.ndarray) -> np.ndarray:
    """Returns ``laid`` (N,) with its short-time loudness matched to that of ``sound`` (N,), within 12 dB."""
    from scipy.ndimage import uniform_filter1d

    target_power, power = (
        uniform_filter1d(np.square(s, dtype=np.float64), LEVEL_WINDOW, mode="constant") for s in (sound, laid)
    )
    gains = np.clip(np.sqrt((target_power + AUDIBLE_POWER) / (np.maximum(power, 0) + AUDIBLE_POWER)), *LEVEL_RANGE)
    return laid * uniform_filter1d(gains, LEVEL_WINDOW, mode="nearest")


def _fill_top(source: np.ndarray, highest: float) -> np.ndarray:
    """Returns ``source`` (M,) with the spectrum above ``highest`` Hz filled by a shifted copy of the band below."""
    from scipy.signal import butter, hilbert, sosfiltfilt

    width = SAMPLE_RATE / 2 - highest
    if width < 50:
        return source
    below = sosfiltfilt(butter(6, highest - width, "highpass", fs=SAMPLE_RATE, output="sos"), source)
    turning = np.exp(2j * np.pi * width / SAMPLE_RATE * np.arange(len(source)))
    moved = np.real(hilbert(below) * turning)
    return source + sosfiltfilt(butter(6, 0.98 * highest, "highpass", fs=SAMPLE_RATE, output="sos"), moved)


def _resampled(sound: np.ndarray, factor: float) -> np.ndarray:
    """Returns ``sound`` (N,) played ``factor`` times as fast, without delay."""
    import soxr

    return soxr.resample(sound.astype(np.float32), SAMPLE_RATE * factor, SAMPLE_RATE)


def _check(what: str, factor: float) -> None:
    """Refuses a factor out of range."""
    if not MIN_SHIFT <= factor <= MAX_SHIFT:
        raise OptionError(f"{what} factor is out of range: got {factor}, allowed is {MIN_SHIFT} to {MAX_SHIFT}")
