"""Has recorded sentences said again by many synthetic voices, so that a person's true lips can teach other voices."""

from __future__ import annotations

import shutil
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
import soxr

from obamanet.audio.load import load_sound
from obamanet.constants import FEATURE_RATE, SAMPLE_RATE
from obamanet.errors import DatasetError, OptionError, SoundError
from obamanet.files import locked
from obamanet.progress import Progress
from obamanet.sources import Sources, add_sources
from obamanet.training.data.dataset import Piece, videos_of
from obamanet.training.data.synthetic_voices import (
    SyntheticUtterance,
    SyntheticVoices,
    save_sound,
    save_synthetic_voices,
)
from obamanet.training.data.word_times import read_word_times, text_of
from obamanet.training.loop.ema_learner import check_seed
from obamanet.training.loop.runner import claim_folder
from obamanet.types import AudioClip
from text2face.timed_speech import Speech, SpokenWord
from text2face.voice import programs
from text2face.voice.aligners import align
from text2face.voice.espeak import USUAL_PITCH, speak_timed, variants

UNLIKE_PEOPLE: Final = frozenset(
    {"Demonic", "UniRobot", "anikaRobot", "croak", "fast", "serious", "whisper", "whisperf"}
    | {f"robosoft{number}" for number in ("", *range(2, 9))}
)
"""eSpeak NG's variants that no person sounds like."""

ACCENTS: Final = {
    "en": ("en-gb", "en-us", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-029"),
    "es": ("es", "es-419"),
}
"""Accents in which a language is said; the recording's own mouth is right for all of them but for details."""

HELD_FOR_CHOOSING: Final = ("en-gb+f5", "en-us+m2", "en-gb+klatt5", "en-gb+steph", "flite:awb")
HELD_FOR_MEASURING: Final = (
    *("en-gb+f3", "en-us+m5", "en-gb+klatt3", "en-us+linda", "en-gb+paul", "en-gb+adam"),
    *("en-us+victor", "en-gb+grandma", "flite:slt"),
)
"""Voices that are never trained on."""

FLITE_VOICES: Final = ("kal", "rms")
FLITE_EVERY: Final = 2
"""Every second synthetic utterance is by Flite where it is installed: its voices are made of recordings of people.
Against every sixth, opening correlation on the voice held for choosing rises from 0.77 to 0.79, and no other falls."""

SLOWEST, FASTEST = 0.75, 1.25
LOWEST, HIGHEST = 15, 90
"""Pitch on the voice's own scale."""

LEVEL: Final = 0.5
"""Peak of the sound written; features do not depend on it."""

MARGIN: Final = 0.3
"""Seconds before the first and after the last sound that pass as fast as in the recording."""


@dataclass(frozen=True)
class SyntheticVoiceOptions:
    """``voices`` per sentence, drawn with ``seed``; ``language`` as "en-gb"; ``named`` are used instead if given.

    Named voices speak at their usual rate and pitch. Raises :class:`OptionError`.
    """

    voices: int = 8
    language: str = "en-gb"
    named: tuple[str, ...] = ()
    seed: int = 1

    def __post_init__(self) -> None:
        """Refuse what is outside the allowed values."""
        if not 1 <= self.voices <= 100:
            raise OptionError(f"voices per sentence are out of range: got {self.voices}, allowed is 1 to 100")
        check_seed(self.seed)


@dataclass(frozen=True)
class Way:
    """How a text is said: by which ``voice``, at how many times its usual ``rate``, at which ``pitch``, 0 to 100."""

    voice: str
    rate: float = 1.0
    pitch: int = USUAL_PITCH


def make_synthetic_voices(
    pieces: Sequence[Piece], align_folder: Path, folder: Path, options: SyntheticVoiceOptions, progress: Progress
) -> SyntheticVoices:
    """Write the sentences of ``pieces``, whose words are in ``align_folder``, as said by other voices.

    Only clips that are a piece as a whole are said again. What is in ``folder`` already is not made again. Raises
    :class:`OptionError`, also when ``folder`` holds synthetic voices of other options, :class:`DatasetError` or
    :class:`SoundError`.
    """
    whole = [piece for piece in pieces if piece.is_whole]
    if not whole:
        raise DatasetError(
            f"no clip to say again: all {len(pieces)} pieces are cut from longer clips; cut the footage into sentences"
        )
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        claim_folder(folder, {"synthetic-voices": {**asdict(options), "named": list(options.named)}})
        add_sources(folder, Sources(videos_of(whole)))
        entries = []
        for piece in progress.track(whole, "saying sentences again", len(whole)):
            text = text_of(read_word_times(align_folder, piece.clip.name))
            for number, way in enumerate(draw_voices_used(piece.clip.name, options)):
                name = piece.clip.folder.name
                entry = SyntheticUtterance(name, way.voice, way.rate, way.pitch, f"{name}-{number}.npz")
                if not (folder / entry.file).is_file():
                    _render(piece, text, way, options.language, folder / entry.file)
                entries.append(entry)
        made = f"eSpeak NG's variants, and Flite's voices where installed; seed {options.seed}"
        synthetic_voices = SyntheticVoices(folder, made, tuple(entries))
        save_synthetic_voices(synthetic_voices)
        return synthetic_voices


def say_again(recording: AudioClip, text: str, way: Way, language: str) -> tuple[AudioClip, np.ndarray]:
    """Return ``text`` said in another ``way`` at 16 kHz, and for each 10 ms of it the seconds in ``recording``, (F,).

    A recording is laid beside sound by sound; between two sounds' borders time passes evenly. Raises
    :class:`SoundError`.
    """
    speech = say_timed(text, way, language)
    times = _times(_edges(speech), _edges(align(recording, speech).speech), float(speech.clip.duration))
    return AudioClip(at_sample_rate(speech), SAMPLE_RATE, speech.clip.source), times


def draw_voices_used(name: str, options: SyntheticVoiceOptions) -> list[Way]:
    """Return the ways in which the text called ``name`` is said, drawn with the seed of ``options``."""
    if options.named:
        return [Way(voice) for voice in options.named]
    random = np.random.default_rng((options.seed, zlib.crc32(name.encode())))
    accents = ACCENTS.get(options.language.split("-", maxsplit=1)[0], (options.language,))
    held = {voice.partition("+")[2] for voice in (*HELD_FOR_CHOOSING, *HELD_FOR_MEASURING)}
    pool = [variant for variant in variants() if variant not in UNLIKE_PEOPLE | held]
    flite = options.language.startswith("en") and shutil.which(programs.FLITE) is not None
    ways = []
    for number in range(options.voices):
        rate = round(float(random.uniform(SLOWEST, FASTEST)), 3)
        pitch = int(random.integers(LOWEST, HIGHEST))
        if flite and number % FLITE_EVERY == FLITE_EVERY - 1:
            ways.append(Way(f"flite:{FLITE_VOICES[int(random.integers(len(FLITE_VOICES)))]}", rate))
        else:
            accent, variant = (row[int(random.integers(len(row)))] for row in (accents, pool))
            ways.append(Way(f"{accent}+{variant}", rate, pitch))
    return ways


def say_timed(text: str, way: Way, language: str) -> Speech:
    """Return ``text`` in ``language`` with its sounds' times; raises :class:`SoundError`.

    eSpeak NG tells the times itself; Flite's are found by laying eSpeak NG beside.
    """
    kind, _, name = way.voice.partition(":")
    if not name:
        return speak_timed(text, kind, way.rate, way.pitch)
    synthetic = speak_timed(text, language, way.rate)
    said = programs.flite(language, way.rate, name).sound(text, synthetic.clip.rate)
    return align(said, synthetic).speech


def at_sample_rate(speech: Speech) -> np.ndarray:
    """Return the samples (N,) float32 of ``speech`` at 16 kHz, their peak at half of full scale."""
    samples = soxr.resample(speech.clip.samples, speech.clip.rate, SAMPLE_RATE).astype(np.float32)
    return LEVEL * samples / np.abs(samples).max()


def _render(piece: Piece, text: str, way: Way, language: str, path: Path) -> None:
    if piece.clip.sound is None:
        raise SoundError(f"clip has no sound to lay another voice beside: {piece.clip.folder}")
    said, times = say_again(load_sound(piece.clip.sound), text, way, language)
    save_sound(path, said.samples, times)


def _edges(speech: Speech) -> np.ndarray:
    words: tuple[SpokenWord, ...] = speech.words
    return np.array([time for word in words for sound in word.phonemes for time in (sound.start, sound.end)])


def _times(said: np.ndarray, heard: np.ndarray, duration: float) -> np.ndarray:
    """Return the seconds in the recording for each 10 ms of ``duration``, from the sounds' borders in both, (2 P,)."""
    steps = np.arange(round(duration * float(FEATURE_RATE)) + 1) / float(FEATURE_RATE)
    known = np.concatenate([[said[0] - MARGIN], said, [said[-1] + MARGIN]])
    there = np.concatenate([[heard[0] - MARGIN], heard, [heard[-1] + MARGIN]])
    return np.interp(steps, known, np.maximum.accumulate(there))
