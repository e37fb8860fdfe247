"""What every viewer sees at once, held to the words' times: lips that meet at p, b and m, and rest in silence.

A mouth learned from 25 pictures a second by landmarks hardly ever shuts: the closure of a b is over between two
frames, and in the footage of GRID talker s1 the inner lips' gap, as tracked, has its least at p, b and m at 0.44 of
the vowels' median, where a mouth at rest has 0.25. The times of a text's sounds are known, so the meeting of the lips
is laid over what was learned (the constriction targets of articulatory phonology: Browman and Goldstein 1992).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from obamanet.constants import INNER_BOTTOM, INNER_TOP, MOUTH_COUNT
from obamanet.keypoints.pca import MouthPca
from text2face.mouth.articulation import BILABIALS, letters, rounding
from text2face.mouth.frames import Word
from text2face.types import Phoneme

LEAST_CLOSURE: Final = 0.06
"""Seconds that lips stay shut at least: closures of connected speech last 50 to 100 ms (Byrd 1993, on TIMIT), and at 24
frames per second one frame at least falls into this."""

BURST: Final = 0.012
"""Seconds after its time that a p opens: the voice gives the burst's time, and the silence before it is closure."""

VOICE_BAR: Final = 0.045
"""Seconds of a b that sound through shut lips, where the voice makes it long enough."""

RAMP: Final = 0.04
"""Seconds in which lips come together and part again. What was learned does most of the way before; with 0.02, 0.04 and
0.07 the opening of 40 GRID sentences correlates with the tracked one, which does not close, by 0.79, 0.78 and 0.77."""

CLOSED: Final = 0.0
"""Gap of lips that meet, canonical units; tracked again in the painted face it is 0.17 of the vowels' median."""

ROUNDED: Final = 0.96
"""Width of rounded lips, of the mouth's at rest, at most: in GRID talker s1 that of oo is 0.95 in the median, of aw
0.94, of all vowels 1.0; a pose up to this width is called round."""

ROUND_FROM: Final = 0.8
"""Rounding of a sound, 0 to 1, from which on lips are held round: u, ʊ, o, ɔ and w."""

TOWARDS_REST: Final = 0.7
"""How far a mouth goes to its rest where lips meet. In painted frames of 46 Spanish labials the lips, tracked again,
are shut (below a quarter of the vowels' gap) at 0.76 of them without this, and at all of them with a half; of 29 on the
road through the voice at 0.90 with a half and at 0.97 with this."""

PAUSE: Final = 0.3
"""Seconds. In shorter silences the mouth goes on moving from one sound to the next."""

LEAD: Final = 0.12
"""Seconds before a sound in which the mouth leaves its rest."""

RELEASE: Final = 0.18
"""Seconds after a sound in which it comes back to rest; both together are the shortest pause in which it rests."""


@dataclass(frozen=True)
class Span:
    """From ``start`` to ``end``, seconds."""

    start: float
    end: float

    def later(self, seconds: float) -> Span:
        """Return the same span ``seconds`` later."""
        return Span(self.start + seconds, self.end + seconds)


def lip_closures(words: Sequence[Word]) -> tuple[Span, ...]:
    """Return when the lips are shut: at p, b, m and the Spanish b and v, each for 60 ms or longer."""
    sounds = [sound for word in words for syllable in word for sound in syllable.phonemes]
    return tuple(_closure(sound) for sound in sounds if letters(sound.symbol)[:1] in BILABIALS)


def lip_roundings(words: Sequence[Word]) -> tuple[Span, ...]:
    """Return when the lips are round: at o, u and w, and at the half of a diphthong that is one of these."""
    spans = []
    for sound in (sound for word in words for syllable in word for sound in syllable.phonemes):
        begins, ends = (round_enough >= ROUND_FROM for round_enough in rounding(sound.symbol))
        middle = (sound.start + sound.end) / 2
        if begins or ends:
            spans.append(Span(sound.start if begins else middle, sound.end if ends else middle))
    return tuple(spans)


def sounding(words: Sequence[Word]) -> tuple[Span, ...]:
    """Return the stretches in which something is said: sounds with pauses of at most 300 ms between them.

    A p or b begins with its closure, which is silent.
    """
    spans = [Span(syllable.start, syllable.end) for word in words for syllable in word]
    return joined(sorted([*spans, *lip_closures(words)], key=lambda span: span.start))


def joined(spans: Sequence[Span]) -> tuple[Span, ...]:
    """Return ``spans``, which are in order, with those in one that have at most 300 ms between them."""
    whole: list[Span] = []
    for span in spans:
        if whole and span.start - whole[-1].end <= PAUSE:
            whole[-1] = Span(whole[-1].start, max(whole[-1].end, span.end))
        else:
            whole.append(span)
    return tuple(whole)


def close_lips(
    keypoints: np.ndarray, times: np.ndarray, closures: Sequence[Span], pca: MouthPca, rest: np.ndarray
) -> np.ndarray:
    """Return canonical ``keypoints`` (T, 20, 2), at ``times`` (T,) seconds, with lips that meet in ``closures``.

    The mouth goes most of the way to ``rest`` (20, 2), and from there is moved by the PCA values that are the least
    unusual ones for lips that meet: a rounded mouth closes rounded, and jaw and outer lips go along. It closes over 40
    ms before a closure, and opens likewise after it. Mouths that need not move are returned as they came.
    """
    meeting = _eased(times, closures, RAMP, RAMP)
    nearer = keypoints + TOWARDS_REST * meeting[:, None, None] * (rest - keypoints)
    return _held(nearer.astype(np.float32), meeting, GAP, CLOSED, pca)


def round_lips(
    keypoints: np.ndarray, times: np.ndarray, roundings: Sequence[Span], pca: MouthPca, rest: np.ndarray
) -> np.ndarray:
    """Return canonical ``keypoints`` (T, 20, 2) that are no wider in ``roundings`` than 0.96 of ``rest`` (20, 2).

    Moved and eased in as by :func:`close_lips`.
    """
    widest = ROUNDED * float(rest.reshape(-1) @ WIDTH)
    return _held(keypoints, _eased(times, roundings, RAMP, RAMP), WIDTH, widest, pca)


def hold_still(keypoints: np.ndarray, times: np.ndarray, said: Sequence[Span], rest: np.ndarray) -> np.ndarray:
    """Return ``keypoints`` (T, 20, 2) with the mouth at ``rest`` (20, 2) wherever nothing is ``said``.

    It leaves its rest 120 ms before a sound and is back 180 ms after one.
    """
    share = _eased(times, said, LEAD, RELEASE)
    return (rest + share[:, None, None] * (keypoints - rest)).astype(np.float32)


def _held(keypoints: np.ndarray, share: np.ndarray, measure: np.ndarray, most: float, pca: MouthPca) -> np.ndarray:
    """Return ``keypoints`` (T, 20, 2) whose ``measure`` (40,) is not above ``most``, where ``share`` (T,) is 1.

    Where it is less, only that part of the excess is taken away.
    """
    flat = keypoints.reshape(len(keypoints), 2 * MOUTH_COUNT)
    excess = share * np.maximum(0.0, flat @ measure - most)
    if not excess.any():
        return keypoints
    # Of all PCA values, of variance 1, that change the measure by as much, those along its gradient have least norm.
    gradient = (pca.components * pca.spread[:, None]) @ measure
    move = (gradient * pca.spread) @ pca.components / (gradient @ gradient)
    return (flat - excess[:, None] * move).reshape(keypoints.shape).astype(np.float32)


def _closure(sound: Phoneme) -> Span:
    match letters(sound.symbol)[0]:
        case "p":
            end = min(sound.start + BURST, sound.end)
        case "b":
            end = min(sound.start + VOICE_BAR, sound.end)
        case _:
            end = sound.end
    return Span(min(sound.start, end - LEAST_CLOSURE), end)


def _eased(times: np.ndarray, spans: Sequence[Span], before: float, after: float) -> np.ndarray:
    """Return 1 inside ``spans`` and a raised cosine that falls to 0 ``before`` and ``after`` each: (T,)."""
    share = np.zeros(len(times))
    firsts = np.searchsorted(times, np.array([span.start - before for span in spans]))
    lasts = np.searchsorted(times, np.array([span.end + after for span in spans]), side="right")
    for index in np.flatnonzero(lasts > firsts):
        span, first, last = spans[int(index)], firsts[index], lasts[index]
        near = times[first:last]
        away = np.maximum((span.start - near) / before, (near - span.end) / after)
        eased = 0.5 + 0.5 * np.cos(np.pi * np.clip(away, 0.0, 1.0))
        share[first:last] = np.maximum(share[first:last], eased)
    return share


def _difference(plus: Sequence[int], minus: Sequence[int], axis: int) -> np.ndarray:
    """Return what a flat mouth (40,) is multiplied with to get how far points ``plus`` lie beyond ``minus``."""
    weights = np.zeros((MOUTH_COUNT, 2))
    weights[list(plus), axis] = 1 / len(plus)
    weights[list(minus), axis] = -1 / len(minus)
    return weights.reshape(-1)


GAP: Final = _difference(INNER_BOTTOM, INNER_TOP, 1)
"""The vertical gap between the inner lips."""

WIDTH: Final = _difference((6,), (0,), 0)
"""The horizontal distance between the outer corners."""
