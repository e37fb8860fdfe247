"""Speaks recorded sentences by many synthetic voices, aligned to the recording, as training data with its keypoints."""

from __future__ import annotations

import shutil
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
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
    LipTimes,
    ProseUtterance,
    SyntheticUtterance,
    SyntheticVoices,
    save_prose,
    save_sound,
    save_synthetic_voices,
)
from obamanet.training.data.word_times import read_word_times, text_of
from obamanet.training.loop.runner import claim_folder
from obamanet.training.loop.training_options import check_seed
from obamanet.types import AudioClip
from text2face.mouth.lip_times import lip_closures, open_vowels
from text2face.mouth.pose_examples import EVERY_NINTH, prose
from text2face.syllables.timed import syllables_of
from text2face.text.normalise import read_out
from text2face.timed_speech import Speech, SpokenWord
from text2face.voice import programs
from text2face.voice.aligners import align
from text2face.voice.espeak import USUAL_PITCH, speak_timed, variants

UNLIKE_PEOPLE: Final = frozenset(
    {"Demonic", "UniRobot", "anikaRobot", "croak", "fast", "serious", "whisper", "whisperf"}
    | {f"robosoft{number}" for number in ("", *range(2, 9))}
)
"""eSpeak NG's variants that do not sound like a person."""

ACCENTS: Final = {
    "en": ("en-gb", "en-us", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-029"),
    "es": ("es", "es-419"),
}
"""eSpeak NG's accents of each language; the recorded keypoints hold for all of them, except for details."""

HELD_FOR_CHOOSING: Final = ("en-gb+f5", "en-us+m2", "en-gb+klatt5", "en-gb+steph", "flite:awb")
"""Validation voices, which are never trained on."""

HELD_FOR_MEASURING: Final = (
    *("en-gb+f3", "en-us+m5", "en-gb+klatt3", "en-us+linda", "en-gb+paul", "en-gb+adam"),
    *("en-us+victor", "en-gb+grandma", "flite:slt"),
)
"""Test voices, which are never trained on and choose nothing."""

FLITE_VOICES: Final = ("kal", "rms")
"""Flite's voices that are trained on."""

FLITE_EVERY: Final = 2
"""One utterance in so many is by Flite, where it is installed, as its voices are made of recordings of people; chosen
on the validation voices, benchmarks/RESULTS.md."""

SLOWEST, FASTEST = 0.75, 1.25
"""Minimum and maximum speed, 1 for the voice's default."""

LOWEST, HIGHEST = 15, 90
"""Minimum and maximum pitch, on the voice's own scale of 0 to 100."""

LEVEL: Final = 0.5
"""Peak of the samples written, of full scale; features do not depend on it."""

PROSE: Final = {"en": "en-us", "es": "es"}
"""Accent in which each language's prose is read out and timed."""

AROUND: Final = (0.05, 0.5)
"""Minimum and maximum silence before and after a sentence of prose, in seconds."""

MARGIN: Final = 0.3
"""Seconds before the first and after the last phoneme that are at the recording's speed."""


@dataclass(frozen=True)
class SyntheticVoiceOptions:
    """Options of synthetic voices.

    Attributes:
        voices: voices per sentence, 1 to 100, drawn at random.
        prose: voices per sentence of the program's English and Spanish prose, 0 to 100; 0 leaves it out.
        language: tag such as "en-gb".
        named: voices to use instead, at their default speed and pitch.
        seed: of everything random.

    Raises:
        OptionError: an option is out of range.
    """

    voices: int = 8
    prose: int = 3
    language: str = "en-gb"
    named: tuple[str, ...] = ()
    seed: int = 1

    def __post_init__(self) -> None:
        """Checks the ranges."""
        if not 1 <= self.voices <= 100:
            raise OptionError(f"voices per sentence are out of range: got {self.voices}, allowed is 1 to 100")
        if not 0 <= self.prose <= 100:
            raise OptionError(f"voices per sentence of prose are out of range: got {self.prose}, allowed is 0 to 100")
        check_seed(self.seed)


@dataclass(frozen=True)
class SpeakingStyle:
    """A ``voice``, its ``rate``, 1 for the default, and its ``pitch``, 0 to 100 on its own scale."""

    voice: str
    rate: float = 1.0
    pitch: int = USUAL_PITCH


def make_synthetic_voices(
    pieces: Sequence[Piece],
    align_folder: Path | None,
    folder: Path,
    options: SyntheticVoiceOptions,
    progress: Progress,
) -> SyntheticVoices:
    """Speaks the sentences of ``pieces`` by synthetic voices, aligned to the recordings, and prose.

    Args:
        pieces: the footage; only pieces that are whole clips are used.
        align_folder: word times of the clips; None for prose alone.
        folder: folder to write; files already there are kept.
        options: voices, language and seed.
        progress: gets the progress over sentences.

    Raises:
        OptionError: ``folder`` holds synthetic voices of other options, or there is nothing to say.
        DatasetError: no piece is a whole clip, or word times are missing.
        SoundError: a clip has no sound, or a voice is not installed.
    """
    if align_folder is None and not options.prose:
        raise OptionError("nothing to say: sentences need their word times, and prose, which needs none, is left out")
    sentences = _sentences(pieces, align_folder) if align_folder else []
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        claim_folder(folder, {"synthetic-voices": {**asdict(options), "named": list(options.named)}})
        add_sources(folder, Sources(videos_of([piece for piece, _ in sentences])))
        entries = []
        for piece, text in progress.track(sentences, "saying sentences again", len(sentences)):
            for number, style in enumerate(draw_styles(piece.clip.name, options)):
                name = piece.clip.folder.name
                entry = SyntheticUtterance(name, style.voice, style.rate, style.pitch, f"{name}-{number}.npz")
                if not (folder / entry.file).is_file():
                    _render(piece, text, style, options.language, folder / entry.file)
                entries.append(entry)
        made = f"eSpeak NG's variants, and Flite's voices where installed; seed {options.seed}"
        synthetic_voices = SyntheticVoices(folder, made, tuple(entries), make_prose(folder, options, progress))
        save_synthetic_voices(synthetic_voices)
        return synthetic_voices


def _sentences(pieces: Sequence[Piece], align_folder: Path) -> list[tuple[Piece, str]]:
    """Returns those of ``pieces`` that are whole clips, each with its text."""
    whole = [piece for piece in pieces if piece.is_whole]
    if not whole:
        raise DatasetError(
            f"no clip to say again: all {len(pieces)} pieces are cut from longer clips; cut the footage into sentences"
        )
    return [(piece, text_of(read_word_times(align_folder, piece.clip.name))) for piece in whole]


def make_prose(folder: Path, options: SyntheticVoiceOptions, progress: Progress) -> tuple[ProseUtterance, ...]:
    """Speaks the program's prose by synthetic voices, with the times at which the lips meet and open.

    What the mouth does in between is not known, but lips that meet at p, b and m are the same in any language, and 51
    recorded words teach few of them. Every ninth sentence is left for validation.

    Args:
        folder: folder to write; files already there are kept.
        options: voices and seed.
        progress: gets the progress over sentences.

    Raises:
        SoundError: a voice is not installed.
    """
    texts = [
        (language, number, text)
        for language in PROSE
        for number, text in enumerate(prose(language))
        if options.prose and number % EVERY_NINTH
    ]
    entries = []
    for language, number, text in progress.track(texts, "saying prose", len(texts)):
        accent = PROSE[language]
        said = read_out(text, accent).text
        drawn = replace(options, voices=max(1, options.prose), language=accent, named=())
        for index, style in enumerate(draw_styles(said, drawn)):
            name = f"prose-{language}-{number}-{index}.npz"
            if not (folder / name).is_file():
                random = np.random.default_rng((options.seed, zlib.crc32(said.encode()), index))
                _speak_prose(say_timed(said, style, accent), accent, random, folder / name)
            entries.append(ProseUtterance(style.voice, style.rate, style.pitch, name))
    return tuple(entries)


def resynthesise(recording: AudioClip, text: str, style: SpeakingStyle, language: str) -> tuple[AudioClip, np.ndarray]:
    """Speaks the text of a recording in another voice, and aligns the two phoneme by phoneme.

    Args:
        recording: the sentence.
        text: its words.
        style: the voice.
        language: tag such as "en-gb".

    Returns:
        clip: the synthetic speech at 16 kHz.
        times: (F,) seconds in ``recording``, one per 10 ms of ``clip``; linear between the edges of phonemes.

    Raises:
        SoundError: voice or recording cannot be used.
    """
    speech = say_timed(text, style, language)
    times = _times(_edges(speech), _edges(align(recording, speech).speech), float(speech.clip.duration))
    return AudioClip(at_sample_rate(speech), SAMPLE_RATE, speech.clip.source), times


def draw_styles(name: str, options: SyntheticVoiceOptions) -> list[SpeakingStyle]:
    """Returns the speaking styles of the text ``name``, drawn at random with the seed of ``options``."""
    if options.named:
        return [SpeakingStyle(voice) for voice in options.named]
    random = np.random.default_rng((options.seed, zlib.crc32(name.encode())))
    accents = ACCENTS.get(options.language.split("-", maxsplit=1)[0], (options.language,))
    held = {voice.partition("+")[2] for voice in (*HELD_FOR_CHOOSING, *HELD_FOR_MEASURING)}
    pool = [variant for variant in variants() if variant not in UNLIKE_PEOPLE | held]
    flite = options.language.startswith("en") and shutil.which(programs.FLITE) is not None
    styles = []
    for number in range(options.voices):
        rate = round(float(random.uniform(SLOWEST, FASTEST)), 3)
        pitch = int(random.integers(LOWEST, HIGHEST))
        if flite and number % FLITE_EVERY == FLITE_EVERY - 1:
            styles.append(SpeakingStyle(f"flite:{FLITE_VOICES[int(random.integers(len(FLITE_VOICES)))]}", rate))
        else:
            accent, variant = (row[int(random.integers(len(row)))] for row in (accents, pool))
            styles.append(SpeakingStyle(f"{accent}+{variant}", rate, pitch))
    return styles


def say_timed(text: str, style: SpeakingStyle, language: str) -> Speech:
    """Returns ``text`` spoken in ``language``, with the times of its phonemes; raises :class:`SoundError`.

    eSpeak NG gives the times itself; Flite's are found by alignment with eSpeak NG.
    """
    kind, _, name = style.voice.partition(":")
    if not name:
        return speak_timed(text, kind, style.rate, style.pitch)
    synthetic = speak_timed(text, language, style.rate)
    clip = programs.flite(language, style.rate, name).sound(text, synthetic.clip.rate)
    return align(clip, synthetic).speech


def at_sample_rate(speech: Speech) -> np.ndarray:
    """Returns the samples (N,) float32 of ``speech`` at 16 kHz, scaled to a peak of LEVEL."""
    samples = soxr.resample(speech.clip.samples, speech.clip.rate, SAMPLE_RATE).astype(np.float32)
    return LEVEL * samples / np.abs(samples).max()


def _render(piece: Piece, text: str, style: SpeakingStyle, language: str, path: Path) -> None:
    if piece.clip.sound is None:
        raise SoundError(f"clip has no sound to lay another voice beside: {piece.clip.folder}")
    clip, times = resynthesise(load_sound(piece.clip.sound), text, style, language)
    save_sound(path, clip.samples, times)


def _speak_prose(speech: Speech, accent: str, random: np.random.Generator, path: Path) -> None:
    before, after = (np.zeros(int(random.uniform(*AROUND) * SAMPLE_RATE), np.float32) for _ in range(2))
    words = tuple(syllables_of(word, accent) for word in speech.words)
    shut, opened = (
        tuple(span.shifted(len(before) / SAMPLE_RATE) for span in spans(words)) for spans in (lip_closures, open_vowels)
    )
    save_prose(path, np.concatenate([before, at_sample_rate(speech), after]), LipTimes(shut, opened))


def _edges(speech: Speech) -> np.ndarray:
    words: tuple[SpokenWord, ...] = speech.words
    return np.array([time for word in words for sound in word.phonemes for time in (sound.start, sound.end)])


def _times(synthetic: np.ndarray, recorded: np.ndarray, duration: float) -> np.ndarray:
    """Returns the seconds in the recording for each 10 ms of ``duration``, from the phonemes' edges in both, (2 P,)."""
    steps = np.arange(round(duration * float(FEATURE_RATE)) + 1) / float(FEATURE_RATE)
    source = np.concatenate([[synthetic[0] - MARGIN], synthetic, [synthetic[-1] + MARGIN]])
    target = np.concatenate([[recorded[0] - MARGIN], recorded, [recorded[-1] + MARGIN]])
    return np.interp(steps, source, np.maximum.accumulate(target))
