"""Aligns a recording with synthetic speech of the same text, by dynamic time warping (Sakoe and Chiba 1978)."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

import numpy as np

from obamanet.errors import OptionError, SoundError
from obamanet.types import AudioClip
from text2face.timed_speech import Phoneme, Speech, SpokenWord

MAX_LENGTH: Final = 120
"""Seconds. The table of distances grows with the square of the length; two minutes take about half a gigabyte."""

STEP: Final = 0.01
"""Seconds between two spectra, as everywhere in this program."""

MAX_FRAMES: Final = 4000
"""Longer recordings are looked at in longer steps, so that the table keeps to its size."""

COEFFICIENTS: Final = 13
"""Number of MFCC per spectrum."""

MARGIN: Final = 0.2
"""Seconds of silence added before and after both sounds, so that silence in one can be aligned with the other."""

ROOM_NOISE: Final = 0.01
"""Standard deviation of the noise added to both sounds, as a share of the peak, which makes their pauses similar;
chosen on GRID, benchmarks/RESULTS.md."""

QUIET: Final = 0.06
"""Amplitude below which a stretch is a pause, as a share of that of the loud parts (about -24 dB)."""

MIN_PAUSE: Final = 0.15
"""Minimum pause in seconds; the closure of a stop is shorter."""

ANCHOR_REACH: Final = 0.08
"""Seconds by which a phoneme may deviate from given word times without a cost, about the scatter of GRID's."""

ANCHOR_PULL: Final = 100.0
"""Cost per second of deviation beyond that; cosine distances are 0 to 2."""

INAUDIBLE: Final = 1e-4
"""Amplitude of full scale below which a recording is silent (-80 dB)."""

MIN_SOUND: Final = 0.005
"""Minimum duration of a phoneme in seconds."""


def align_speech(
    recording: AudioClip, synthetic: Speech, anchors: Sequence[tuple[float, float]] | None = None
) -> Speech:
    """Aligns synthetic speech with a recording of the same text, by dynamic time warping of their MFCC.

    MFCC are normalised to mean 0 and standard deviation 1 per sound, which reduces the difference of the speakers. A
    phoneme that would last through a pause ends at its start.

    Args:
        recording: at most MAX_LENGTH seconds.
        synthetic: speech of the same text, with phoneme times.
        anchors: approximate start and end of each word, in seconds of the recording; None when they are not known.

    Returns:
        The words of ``synthetic`` with their times in ``recording``.

    Raises:
        SoundError: the recording is silent or longer than MAX_LENGTH.
        OptionError: the number of anchors is not that of the words.
    """
    if recording.duration > MAX_LENGTH:
        raise SoundError(
            f"recording is too long to align: got {float(recording.duration):.0f} s, allowed is {MAX_LENGTH} s; "
            f"cut it at a pause: {recording.source}"
        )
    check_recording(recording)
    import librosa

    longest = max(recording.duration, synthetic.clip.duration)
    step = max(STEP, float(longest) / MAX_FRAMES)
    ours, theirs = _spectra(synthetic.clip, step), _spectra(recording, step)
    if anchors is None:
        _, path = librosa.sequence.dtw(X=ours, Y=theirs, metric="cosine")
    else:
        _, path = librosa.sequence.dtw(C=_anchored(ours, theirs, step, synthetic, anchors))
    path = path[::-1]
    # Several frames of the recording may be aligned with one synthetic frame: their mean is taken.
    counts = np.bincount(path[:, 0])
    places = np.bincount(path[:, 0], weights=path[:, 1]) / counts
    edges = np.array([[sound.start, sound.end] for word in synthetic.words for sound in word.phonemes])
    if not len(edges):
        return Speech(recording, ())
    ends = np.interp((edges + MARGIN) / step, np.arange(len(places)), places) * step - MARGIN
    return retime(synthetic, ends, recording)


def check_recording(recording: AudioClip) -> None:
    """Raises :class:`SoundError` for a silent recording."""
    if not np.any(np.abs(recording.samples) > INAUDIBLE):
        raise SoundError(f"recording is silent: {recording.source}")


def retime(synthetic: Speech, edges: np.ndarray, recording: AudioClip) -> Speech:
    """Returns the words of ``synthetic`` with new phoneme times.

    Args:
        synthetic: speech of P phonemes.
        edges: start and end of each phoneme, (P, 2) seconds in ``recording``. A phoneme that would last through a pause
            ends at its start, and none is shorter than MIN_SOUND.
        recording: the recording.
    """
    ordered = _in_order(_out_of_pauses(edges, recording), recording.duration)
    return Speech(recording, _retimed(synthetic.words, ordered))


def _spectra(clip: AudioClip, step: float) -> np.ndarray:
    """Returns normalised MFCC and their deltas, (2 * COEFFICIENTS, F), one per ``step`` seconds."""
    import librosa

    silence = np.zeros(round(MARGIN * clip.rate), np.float32)
    noise = np.random.default_rng(1).normal(0, ROOM_NOISE, len(clip.samples) + 2 * len(silence)).astype(np.float32)
    samples = np.concatenate([silence, clip.samples / max(np.abs(clip.samples).max(), 1e-6), silence]) + noise
    window = round(0.025 * clip.rate)
    values = librosa.feature.mfcc(
        y=samples,
        sr=clip.rate,
        n_mfcc=COEFFICIENTS,
        hop_length=max(1, round(step * clip.rate)),
        n_fft=1 << (window - 1).bit_length(),
        win_length=window,
        fmax=min(8000, clip.rate / 2),
    )
    values = np.vstack([values, librosa.feature.delta(values, width=5)])
    mean, deviation = values.mean(axis=1, keepdims=True), values.std(axis=1, keepdims=True)
    return np.asarray((values - mean) / (deviation + 1e-6))


def _anchored(
    ours: np.ndarray, theirs: np.ndarray, step: float, synthetic: Speech, anchors: Sequence[tuple[float, float]]
) -> np.ndarray:
    """Returns the distances between all spectra, (F, G), made larger away from where the ``anchors`` put the words."""
    from scipy.spatial.distance import cdist

    if len(anchors) != len(synthetic.words):
        raise OptionError(f"every word needs its times: got {len(anchors)} for {len(synthetic.words)} words")
    said = [time for word in synthetic.words for time in (word.phonemes[0].start, word.phonemes[-1].end)]
    known = [time for anchor in anchors for time in anchor]
    times = np.arange(ours.shape[1]) * step - MARGIN
    away = np.abs(np.interp(times, said, known)[:, None] - (np.arange(theirs.shape[1]) * step - MARGIN))
    inside = (times > said[0]) & (times < said[-1])
    pull = ANCHOR_PULL * np.maximum(0.0, away - ANCHOR_REACH)
    return np.asarray(cdist(ours.T, theirs.T, "cosine") + np.where(inside[:, None], pull, 0.0))


def _out_of_pauses(edges: np.ndarray, clip: AudioClip) -> np.ndarray:
    """Returns ``edges`` (P, 2) with each phoneme that contains a pause cut to its longer part, before or after it."""
    edges = edges.copy()
    for start, end in _pauses(clip):
        inside = (edges[:, 0] < end) & (edges[:, 1] > start)
        for index in np.flatnonzero(inside):
            before, after = start - edges[index, 0], edges[index, 1] - end
            if before >= after and before > 0:
                edges[index, 1] = start
            elif after > 0:
                edges[index, 0] = end
    return edges


def _pauses(clip: AudioClip) -> list[tuple[float, float]]:
    """Returns start and end, in seconds, of the quiet stretches of MIN_PAUSE or longer."""
    hop = round(STEP * clip.rate)
    count = len(clip.samples) // hop
    level = np.sqrt(np.square(clip.samples[: count * hop]).reshape(count, hop).mean(axis=1))
    quiet = np.concatenate([[0], level < QUIET * np.percentile(level, 95), [0]]).astype(int)
    changes = np.diff(quiet)
    starts, ends = np.flatnonzero(changes == 1), np.flatnonzero(changes == -1)
    return [(a * STEP, b * STEP) for a, b in zip(starts, ends, strict=True) if (b - a) * STEP >= MIN_PAUSE]


def _in_order(edges: np.ndarray, duration: Fraction) -> np.ndarray:
    """Returns ``edges`` (P, 2) inside the recording, in order, each phoneme at least MIN_SOUND long."""
    ordered = edges.copy()
    shortest = min(MIN_SOUND, float(duration) / (2 * len(edges)))
    earliest = 0.0
    for index in range(len(ordered)):
        left = len(ordered) - index
        latest = float(duration) - left * shortest
        ordered[index, 0] = min(max(ordered[index, 0], earliest), latest)
        ordered[index, 1] = min(max(ordered[index, 1], ordered[index, 0] + shortest), latest + shortest)
        earliest = ordered[index, 1]
    return ordered


def _retimed(words: tuple[SpokenWord, ...], edges: np.ndarray) -> tuple[SpokenWord, ...]:
    times = iter(edges.tolist())
    return tuple(SpokenWord(word.text, tuple(_at(sound, *next(times)) for sound in word.phonemes)) for word in words)


def _at(sound: Phoneme, start: float, end: float) -> Phoneme:
    return Phoneme(sound.symbol, start, end, sound.stress)
