"""What the detector of shut lips learns from: sentences by many voices, and recordings, with the closures' times."""

from __future__ import annotations

import shutil
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from obamanet.audio.augment.chain import AugmentOptions, augment, make_noise, random_kind
from obamanet.audio.load import load_sound
from obamanet.constants import SAMPLE_RATE
from obamanet.errors import SoundError
from obamanet.progress import Progress
from obamanet.training.data.dataset import Piece
from obamanet.training.data.word_times import read_word_times, text_of
from obamanet.types import Span
from text2face.mouth.lip_times import closures_of
from text2face.mouth.pose_examples import EVERY_NINTH, prose
from text2face.text.normalise import read_out
from text2face.timed_speech import Speech
from text2face.voice import programs
from text2face.voice.aligners import align
from text2face.voice.espeak import speak_timed
from text2face.voice_augmentation import (
    HELD_FOR_CHOOSING,
    SyntheticVoiceOptions,
    Way,
    at_sample_rate,
    draw_voices_used,
    say_timed,
)

ACCENTS: Final = {"en": "en-us", "es": "es"}
"""The accent by whose sounds a language's text is read and aligned."""

VOICED, RECORDED, NOISE = "voiced", "recorded", "noise"
"""Kinds of sounds: by synthetic voices, recorded, and without speech."""

NOISE_EXAMPLES: Final = 150
"""Stretches of noise without speech, in which no lips shut."""

NOISE_SECONDS: Final = 4

AROUND: Final = (0.05, 0.5)
"""Seconds of silence before and after a synthetic voice."""

BABBLE_VOICES: Final = 6
"""Voices of which babble is made."""


@dataclass(frozen=True)
class Sound:
    """A sound of one ``kind``: ``samples`` (N,) float32 at 16 kHz, and when the lips are shut in it."""

    kind: str
    samples: np.ndarray
    closures: tuple[Span, ...]


@dataclass(frozen=True)
class Text:
    """What many voices say: ``words`` as they are read out, in an ``accent``, in ``voices`` ways."""

    words: str
    accent: str
    voices: int


def prose_texts(voices: int, *, validating: bool) -> list[Text]:
    """Return the program's English and Spanish prose: every ninth sentence, which is ``validating``, or all others."""
    return [
        Text(read_out(text, accent).text, accent, voices)
        for language, accent in ACCENTS.items()
        for number, text in enumerate(prose(language))
        if (number % EVERY_NINTH == 0) == validating
    ]


def recorded_texts(pieces: Sequence[Piece], align_folder: Path, language: str, voices: int) -> list[Text]:
    """Return the texts of the whole clips among ``pieces``, whose words are in ``align_folder``/NAME.align.

    Raises :class:`DatasetError` for a missing file of word times.
    """
    return [Text(_words(piece, align_folder), language, voices) for piece in pieces if piece.is_whole]


def voiced_sounds(texts: Sequence[Text], seed: int, *, validating: bool, progress: Progress) -> Iterator[Sound]:
    """Yield the ``texts`` as synthetic voices say them, in times known sound by sound.

    Each by one voice that is held for choosing when ``validating``, else by as many others as it wants. Raises
    :class:`SoundError`.
    """
    for number, text in enumerate(progress.track(texts, "saying sentences", len(texts))):
        held = _held(text.accent)
        drawn = SyntheticVoiceOptions(voices=text.voices, language=text.accent, seed=seed)
        ways = [Way(held[number % len(held)])] if validating else draw_voices_used(text.words, drawn)
        for index, way in enumerate(ways):
            random = np.random.default_rng((seed, zlib.crc32(text.words.encode()), index))
            yield _in_silence(say_timed(text.words, way, text.accent), random)


def recorded_sounds(pieces: Sequence[Piece], align_folder: Path, language: str, progress: Progress) -> Iterator[Sound]:
    """Yield the whole clips among ``pieces``, whose words are in ``align_folder``/NAME.align.

    Raises :class:`DatasetError` for a missing file of word times and :class:`SoundError` for a clip without sound.
    """
    whole = [piece for piece in pieces if piece.is_whole]
    for piece in progress.track(whole, "timing recorded sentences", len(whole)):
        if piece.clip.sound is None:
            raise SoundError(f"clip has no sound to time its words by: {piece.clip.folder}")
        recording = load_sound(piece.clip.sound)
        speech = align(recording, speak_timed(_words(piece, align_folder), language)).speech
        yield Sound(RECORDED, recording.samples, _closures(speech))


def augmented_sounds(sounds: Iterable[Sound], others: Sequence[np.ndarray], seed: int) -> Iterator[Sound]:
    """Yield ``sounds``, every other synthetic one through noise, rooms, lines and another larynx, then mere noise.

    Recordings come twice, once augmented. ``others`` are samples (n,) of speech that babble is made of, if any.
    """
    options = AugmentOptions()
    for number, sound in enumerate(sounds):
        if sound.kind == RECORDED or number % 2:
            yield sound
        if sound.kind == RECORDED or number % 2 == 0:
            random = np.random.default_rng((seed, number))
            babble = [others[int(random.integers(len(others)))] for _ in range(BABBLE_VOICES if others else 0)]
            yield replace(sound, samples=augment(sound.samples, options, random, babble))
    for number in range(NOISE_EXAMPLES):
        random = np.random.default_rng((seed, NOISE_EXAMPLES, number))
        yield Sound(NOISE, make_noise(random_kind(random), random, NOISE_SECONDS * SAMPLE_RATE), ())


def _held(accent: str) -> list[str]:
    """Return the voices that are held for choosing, for English as they are, else as variants of ``accent``."""
    if accent.startswith("en"):
        return [voice for voice in HELD_FOR_CHOOSING if ":" not in voice or shutil.which(programs.FLITE)]
    return [f"{accent}+{variant}" for _, _, variant in (voice.partition("+") for voice in HELD_FOR_CHOOSING) if variant]


def _words(piece: Piece, align_folder: Path) -> str:
    return text_of(read_word_times(align_folder, piece.clip.name))


def _in_silence(speech: Speech, random: np.random.Generator) -> Sound:
    before, after = (np.zeros(int(random.uniform(*AROUND) * SAMPLE_RATE), np.float32) for _ in range(2))
    closures = tuple(span.shifted(len(before) / SAMPLE_RATE) for span in _closures(speech))
    return Sound(VOICED, np.concatenate([before, at_sample_rate(speech), after]), closures)


def _closures(speech: Speech) -> tuple[Span, ...]:
    return closures_of(sound for word in speech.words for sound in word.phonemes)
