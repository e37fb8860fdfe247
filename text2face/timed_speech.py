"""The dataclasses between the stages of text to video; times are in seconds from the start of their sound."""

from __future__ import annotations

from dataclasses import dataclass, replace

from obamanet.types import AudioClip


@dataclass(frozen=True)
class Phoneme:
    """One phoneme.

    Attributes:
        symbol: IPA, without stress marks.
        start: in seconds.
        end: in seconds.
        stress: as in the CMU dictionary: 1 primary, 2 secondary, 0 none or a consonant.
    """

    symbol: str
    start: float
    end: float
    stress: int = 0

    def shifted(self, seconds: float) -> Phoneme:
        """Returns the phoneme moved by ``seconds``, forward where that is positive."""
        return replace(self, start=self.start + seconds, end=self.end + seconds)


@dataclass(frozen=True)
class SpokenWord:
    """A word as written, or several that the voice ran together ("of the"), and its phonemes in order."""

    text: str
    phonemes: tuple[Phoneme, ...]


@dataclass(frozen=True)
class Speech:
    """Spoken text: the sound and its timed words."""

    clip: AudioClip
    words: tuple[SpokenWord, ...]


@dataclass(frozen=True)
class Syllable:
    """One syllable.

    Attributes:
        text: its part of the word as written.
        phonemes: its phonemes, in order.
        stress: 0, 1 or 2 as in :class:`Phoneme`.
        start: in seconds.
        end: in seconds.
    """

    text: str
    phonemes: tuple[Phoneme, ...]
    stress: int
    start: float
    end: float

    def shifted(self, seconds: float) -> Syllable:
        """Returns the syllable moved by ``seconds``, forward where that is positive."""
        phonemes = tuple(phoneme.shifted(seconds) for phoneme in self.phonemes)
        return replace(self, phonemes=phonemes, start=self.start + seconds, end=self.end + seconds)
