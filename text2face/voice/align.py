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
"""Maximum length of a recording in seconds; at that length the spectra are 30 ms apart."""

STEP: Final = 0.01
"""Seconds between two spectra, as everywhere in this program."""

MAX_FRAMES: Final = 4000
"""Maximum number of spectra of a sound; longer sounds have larger steps between them. It bounds time and memory of the
alignment, which needs a byte for each pair of spectra: 16 MB."""

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
    longest = max(recording.duration, synthetic.clip.duration)
    step = max(STEP, float(longest) / MAX_FRAMES)
    ours, theirs = _spectra(synthetic.clip, step), _spectra(recording, step)
    expected = None if anchors is None else _expected_frames(ours.shape[1], step, synthetic, anchors)
    path = warping_path(ours, theirs, expected, ANCHOR_REACH / step, ANCHOR_PULL * step)
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


def warping_path(
    ours: np.ndarray, theirs: np.ndarray, expected: np.ndarray | None = None, reach: float = 0.0, pull: float = 0.0
) -> np.ndarray:
    """Returns the dynamic time warping path of minimum cost between two sequences of spectra, by cosine distance.

    The table of costs is computed by anti-diagonals, of which the last two are kept; of the table itself only each
    pair's step is stored, in one byte.

    Args:
        ours: spectra (D, F).
        theirs: spectra (D, G).
        expected: frame of ``theirs`` where each of ``ours`` is expected, (F,), NaN where none is; None for none at all.
        reach: distance in frames from the expected one without a cost.
        pull: cost per frame of distance beyond ``reach``.

    Returns:
        Aligned pairs (P, 2) int, from (0, 0) to (F - 1, G - 1), with steps of one frame in either or both.
    """
    rows, columns = ours.shape[1], theirs.shape[1]
    a, b = (np.ascontiguousarray((each / np.linalg.norm(each, axis=0)).T) for each in (ours, theirs))
    # Reversed, the frames of theirs on an anti-diagonal are in the order of those of ours.
    b = b[::-1]
    steps = np.zeros((rows, columns), np.uint8)
    last, before = (np.full(rows + 1, np.inf) for _ in range(2))  # costs by row, with one before the first
    for diagonal in range(rows + columns - 1):
        first, end = max(0, diagonal - columns + 1), min(rows, diagonal + 1)
        row = np.arange(first, end)
        column = diagonal - row
        offset = columns - 1 - diagonal
        cost = 1.0 - np.einsum("id,id->i", a[first:end], b[first + offset : end + offset])
        if expected is not None:
            # fmax takes the 0 where nothing is expected, NaN.
            cost += pull * np.fmax(0.0, np.abs(expected[first:end] - column) - reach)
        if diagonal:
            origins = np.stack([before[first:end], last[first + 1 : end + 1], last[first:end]])
            step = origins.argmin(axis=0)
            steps[row, column] = step
            cost += origins[step, np.arange(len(row))]
        before, last = last, np.full(rows + 1, np.inf)
        last[first + 1 : end + 1] = cost
    pair = rows - 1, columns - 1
    path = [pair]
    while pair != (0, 0):
        step = steps[pair]
        pair = pair[0] - int(step != 1), pair[1] - int(step != 2)
        path.append(pair)
    return np.array(path[::-1])


def _expected_frames(count: int, step: float, synthetic: Speech, anchors: Sequence[tuple[float, float]]) -> np.ndarray:
    """Returns the recording's frame where each of ``count`` synthetic frames is expected, NaN outside all words."""
    if len(anchors) != len(synthetic.words):
        raise OptionError(f"every word needs its times: got {len(anchors)} for {len(synthetic.words)} words")
    edges = [time for word in synthetic.words for time in (word.phonemes[0].start, word.phonemes[-1].end)]
    times = np.arange(count) * step - MARGIN
    expected = (np.interp(times, edges, [time for anchor in anchors for time in anchor]) + MARGIN) / step
    return np.where((times > edges[0]) & (times < edges[-1]), expected, np.nan)


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
