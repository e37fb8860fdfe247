"""Times of the phonemes in a recording, found by laying it beside the synthetic voice that says the same text."""

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
MARGIN: Final = 0.2
"""Seconds of silence put around both sounds, so that their own silence has something to be like."""

ROOM_NOISE: Final = 0.01
"""Share of the peak. Noise put over both sounds, which makes their pauses alike; word borders of 8 GRID sentences then
lie within 0.071 s of the corpus's own in 90 % of cases, with a tenth of it within 0.097 s."""

QUIET: Final = 0.06
"""Share of the loud parts' amplitude below which a stretch is a pause (about -24 dB)."""

MIN_PAUSE: Final = 0.15
"""Seconds. A stop's closure is shorter."""

ANCHOR_REACH: Final = 0.08
"""Seconds by which a sound may lie beside where known times of words put it; those of GRID scatter by about that."""

ANCHOR_PULL: Final = 100.0
"""Distance per second beyond that; cosine distances are 0 to 2."""

INAUDIBLE: Final = 1e-4
"""Of full scale (-80 dB)."""

MIN_SOUND: Final = 0.005
"""Seconds left to a phoneme whose part the recording swallows."""


def align_speech(
    recording: AudioClip, synthetic: Speech, anchors: Sequence[tuple[float, float]] | None = None
) -> Speech:
    """Return the words of ``synthetic`` with the times at which ``recording``, of the same text, says them.

    MFCC of both, each normalised to its own mean and deviation so that the speakers' difference goes, are laid beside
    each other by dynamic time warping (Sakoe and Chiba 1978). A sound that would last through a pause ends where the
    pause begins. ``anchors`` are start and end, in seconds of the recording, near which each word is known to lie.
    Raises :class:`SoundError` for a recording that is silent or longer than two minutes.
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
    # Several frames of the recording may lie beside one of ours: their mean place is taken.
    counts = np.bincount(path[:, 0])
    places = np.bincount(path[:, 0], weights=path[:, 1]) / counts
    edges = np.array([[sound.start, sound.end] for word in synthetic.words for sound in word.phonemes])
    if not len(edges):
        return Speech(recording, ())
    ends = np.interp((edges + MARGIN) / step, np.arange(len(places)), places) * step - MARGIN
    return retime(synthetic, ends, recording)


def check_recording(recording: AudioClip) -> None:
    """Raise :class:`SoundError` for a recording in which nothing can be heard."""
    if not np.any(np.abs(recording.samples) > INAUDIBLE):
        raise SoundError(f"recording is silent: {recording.source}")


def retime(synthetic: Speech, edges: np.ndarray, recording: AudioClip) -> Speech:
    """Return the words of ``synthetic`` with each sound at its row of ``edges`` (P, 2), seconds in ``recording``.

    A sound that would last through a pause ends where the pause begins; none is shorter than MIN_SOUND.
    """
    ordered = _in_order(_out_of_pauses(edges, recording), recording.duration)
    return Speech(recording, _retimed(synthetic.words, ordered))


def _spectra(clip: AudioClip, step: float) -> np.ndarray:
    """Return normalised MFCC and their change, (2 * 13, F)."""
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
    """Return the distances between all spectra, (F, G), made larger away from where the ``anchors`` put the words."""
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
    """Return ``edges`` (P, 2) seconds with each sound cut where a pause begins inside it, or begun where one ends."""
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
    """Return start and end, in seconds, of the quiet stretches that no single sound makes."""
    hop = round(STEP * clip.rate)
    count = len(clip.samples) // hop
    level = np.sqrt(np.square(clip.samples[: count * hop]).reshape(count, hop).mean(axis=1))
    quiet = np.concatenate([[0], level < QUIET * np.percentile(level, 95), [0]]).astype(int)
    changes = np.diff(quiet)
    starts, ends = np.flatnonzero(changes == 1), np.flatnonzero(changes == -1)
    return [(a * STEP, b * STEP) for a, b in zip(starts, ends, strict=True) if (b - a) * STEP >= MIN_PAUSE]


def _in_order(edges: np.ndarray, duration: Fraction) -> np.ndarray:
    """Return ``edges`` (P, 2) inside the recording, every sound at least MIN_SOUND long and after the last."""
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
