"""What travels between the stages of text to video; times are seconds from the start of the sound they belong to."""

from __future__ import annotations

from dataclasses import dataclass, replace

from obamanet.types import AudioClip


@dataclass(frozen=True)
class Phoneme:
    """One spoken sound: its IPA ``symbol`` without stress marks, its times, and ``stress`` 0, 1 or 2.

    Stress is counted as in the CMU dictionary: 1 primary, 2 secondary, 0 none or a consonant.
    """

    symbol: str
    start: float
    end: float
    stress: int = 0

    def shifted(self, seconds: float) -> Phoneme:
        """Return the same sound ``seconds`` later."""
        return replace(self, start=self.start + seconds, end=self.end + seconds)


@dataclass(frozen=True)
class SpokenWord:
    """One word as written, or several that the voice ran together ("of the"), and its sounds in order."""

    text: str
    phonemes: tuple[Phoneme, ...]


@dataclass(frozen=True)
class Speech:
    """Spoken text: the sound, and the words in it."""

    clip: AudioClip
    words: tuple[SpokenWord, ...]


@dataclass(frozen=True)
class Syllable:
    """One syllable: its part of the word as written, its sounds, ``stress`` (0, 1 or 2) and its times."""

    text: str
    phonemes: tuple[Phoneme, ...]
    stress: int
    start: float
    end: float

    def shifted(self, seconds: float) -> Syllable:
        """Return the same syllable ``seconds`` later."""
        phonemes = tuple(phoneme.shifted(seconds) for phoneme in self.phonemes)
        return replace(self, phonemes=phonemes, start=self.start + seconds, end=self.end + seconds)
