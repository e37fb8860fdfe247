"""Measures lips at the sounds that show: shut at p, b, m, round at o, u, open at a, still in pauses."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from closure_score import NEAR, LipScore, frames_within, open_when_recorded, score_lips

from obamanet.keypoints.lips import LEAD, RELEASE
from obamanet.keypoints.opening import mouth_opening, mouth_width
from obamanet.types import Span
from text2face.mouth.articulation import BILABIALS, VOWELS, letters
from text2face.mouth.lip_times import PAUSE, lip_closures, open_vowels, sounding
from text2face.mouth.pose_features import Word

SHUT_BELOW = 0.25
"""Share of the person's median vowel gap below which lips count as shut."""

ROUND, OPEN = frozenset("ouʊɔ"), frozenset("aɑ")


@dataclass(frozen=True)
class Row:
    """One printed figure: name, value, unit, and the target that it is compared with."""

    name: str
    value: float
    unit: str = ""
    target: str = ""


@dataclass(frozen=True)
class Sentence:
    """One sentence.

    Attributes:
        gap: opening of the mouth, canonical units (T,).
        times: of the gaps, seconds (T,).
        shut: when the lips are shut according to the text.
        said: when there is speech.
        vowels: the middles of vowels that do not round the lips.
    """

    gap: np.ndarray
    times: np.ndarray
    shut: tuple[Span, ...]
    said: tuple[Span, ...]
    vowels: tuple[Span, ...]


@dataclass
class Seen:
    """Measurements of lips over many sentences."""

    sentences: list[Sentence] = field(default_factory=list)
    shut: list[float] = field(default_factory=list)
    vowels: list[float] = field(default_factory=list)
    between: list[float] = field(default_factory=list)
    widths: list[float] = field(default_factory=list)
    rounded: list[float] = field(default_factory=list)
    opened: list[float] = field(default_factory=list)
    still: list[float] = field(default_factory=list)

    def add(self, words: Sequence[Word], times: np.ndarray, mouth: np.ndarray) -> None:
        """Measures the lips at the sounds of ``words``.

        Args:
            words: with their times.
            times: of the mouths, seconds (T,).
            mouth: keypoints (T, 20, 2), NaN where no mouth was found.
        """
        gap, width = mouth_opening(mouth), mouth_width(mouth)
        closures, said = lip_closures(words), tuple(Span(each.start, each.end) for word in words for each in word)
        sounds = [sound for word in words for syllable in word for sound in syllable.phonemes]
        self.sentences.append(Sentence(gap, times, closures, said, open_vowels(words)))
        for closure in closures:
            near = (times >= closure.start - NEAR) & (times <= closure.end + NEAR) & np.isfinite(gap)
            if near.any():
                self.shut.append(float(gap[near].min()))
        for index, sound in enumerate(sounds):
            beside = [
                letters(other.symbol)[:1] in BILABIALS
                for other in [*sounds[max(0, index - 1) : index], *sounds[index + 1 : index + 2]]
            ]
            inside = (times >= sound.start) & (times < sound.end) & np.isfinite(gap)
            sign = letters(sound.symbol)[:1]
            if sign in VOWELS and inside.any():
                self.vowels.append(float(np.median(gap[inside])))
                self.widths.append(float(np.median(width[inside])))
                if any(beside):
                    self.between.append(float(gap[inside].max()))
                if sign in ROUND:
                    self.rounded.append(self.widths[-1])
                if sign in OPEN:
                    self.opened.append(self.vowels[-1])
        spans = [Span(-1.0, 0.0), *sounding(words), Span(float(times[-1]), float(times[-1]) + 1.0)]
        for before, after in itertools.pairwise(spans):
            quiet = (times > before.end + RELEASE) & (times < after.start - LEAD) & np.isfinite(gap)
            if after.start - before.end > PAUSE and quiet.sum() > 1:
                self.still.append(float(np.ptp(gap[quiet])))

    def closures(self, person_gap: float) -> LipScore:
        """Returns the score of shut lips, which are false in the middle of a vowel; ``person_gap`` as in :meth:`rows`.

        Elsewhere lips may meet without p, b or m, as those of recorded talkers do.
        """
        below = SHUT_BELOW * person_gap
        scores = (
            score_lips(
                each.gap < below,
                each.times,
                each.shut,
                # The closure of a p begins in the vowel before it.
                frames_within(each.times, each.vowels) & ~frames_within(each.times, each.shut, NEAR / 2),
            )
            for each in self.sentences
        )
        return sum(scores, LipScore())

    def against(self, recorded: Seen) -> LipScore:
        """Returns the score of shut lips, which are false where those ``recorded`` in the same sentence are open."""
        below = SHUT_BELOW * float(np.median(recorded.vowels))
        scores = (
            score_lips(
                ours.gap < below,
                ours.times,
                ours.shut,
                open_when_recorded(theirs.gap < below, theirs.times, theirs.said),
            )
            for ours, theirs in zip(self.sentences, recorded.sentences, strict=True)
        )
        return sum(scores, LipScore())

    def rows(self, name: str, person_gap: float, *, placed: bool = False) -> list[Row]:
        """Returns the figures.

        Args:
            name: begins each row.
            person_gap: median vowel gap of the person's recordings, tracked in the same way.
            placed: whether the lips were placed by the very times that they are compared with; the rows say so.
        """
        shut, opened, rounded = np.array(self.shut), np.array(self.opened), np.array(self.rounded)
        gap, width = float(np.median(self.vowels)), float(np.median(self.widths))
        closures = self.closures(person_gap)
        name = f"{name}, placed by these very times" if placed else name
        return [
            Row(f"{name}: lips shut at p b m, of {closures.closures}", closures.shut_share, "", ">= 0.93"),
            Row(f"{name}: shut in a vowel, for each p b m", closures.false_share),
            Row(f"{name}: F1 of both", closures.f1),
            Row(f"{name}: median least gap at p b m", float(np.median(shut)) / person_gap, "of the recorded vowels'"),
            Row(f"{name}: vowels beside p b m, most open", float(np.median(self.between)) / person_gap, "of vowels'"),
            Row(f"{name}: o, u narrower than the median vowel", float((rounded < width).mean())),
            Row(f"{name}: median width of o, u", float(np.median(rounded)) / width, "of the median vowel", "< 1"),
            Row(f"{name}: median gap of a", float(np.median(opened)) / gap, "of the median vowel", "> 1"),
            Row(f"{name}: median vowel gap", gap / person_gap, "of the recorded one"),
            Row(f"{name}: most movement in silence", max(self.still, default=0.0) / person_gap, "of a vowel gap", "0"),
        ]  # fmt: skip
