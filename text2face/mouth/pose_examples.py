"""What the poser learns from: recorded sentences with their words' times, and prose said by the synthetic voice.

Recorded sentences have the true mouth, but few words: the times of their words are refined to phonemes by laying the
synthetic voice beside them. Prose has every sound of English and Spanish, with exact times; its mouth is the one that
the person's speech predictor makes of the synthetic voice.
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

import numpy as np

from obamanet.audio.load import load_sound
from obamanet.constants import MOUTH
from obamanet.errors import DatasetError
from obamanet.files import atomic_path, open_arrays
from obamanet.inference.keypoint_predictor import Predictor
from obamanet.keypoints.head import place_head
from obamanet.keypoints.placement import to_canonical
from obamanet.person import Person
from obamanet.pipelines.speak import load_features
from obamanet.progress import Progress
from obamanet.timing import frame_times
from obamanet.training.data.dataset import Piece
from obamanet.training.data.word_times import TimedWord, read_word_times, text_of
from text2face.mouth.pose_features import Word, describe
from text2face.syllables.timed import syllables_of
from text2face.text.normalise import read_out
from text2face.timed_speech import Speech, SpokenWord
from text2face.voice.align import align_speech
from text2face.voice.espeak import speak_timed

AROUND: Final = 0.4
"""Seconds of silence before and after a sentence of prose, so that the mouth learns to begin and to end."""

VOICES: Final = {"en": ("en-gb", "en-us"), "es": ("es", "es-419")}
"""In turns, the voices that say the prose."""

RATES: Final = (1.0, 0.85, 1.15)
"""In turns, times the voice's usual rate."""

EVERY_NINTH: Final = 9
"""Of the prose one sentence in so many only validates: an odd number, so that all voices are among them."""

RECORDED: Final = "recorded"
"""Kind of the examples with a true mouth; the prose's kinds are its languages."""


@dataclass(frozen=True)
class PoserExample:
    """One sentence: ``inputs`` (T, D) and its mouth ``keypoints`` (T, 20, 2), float32.

    ``kind`` is RECORDED or a language of the prose.
    """

    kind: str
    inputs: np.ndarray
    keypoints: np.ndarray


def recorded_examples(
    pieces: Sequence[Piece], align: Path, language: str, person: Person, progress: Progress
) -> list[PoserExample]:
    """Return the recorded sentences of ``pieces``, whose words' times are in ``align``.

    Raises :class:`DatasetError` for a missing or unreadable file of word times, or a piece without sound.
    """
    spoken: dict[str, Speech] = {}
    examples = []
    for piece in progress.track(pieces, "timing recorded sentences", len(pieces)):
        words = recorded_words(piece, align, language, spoken)
        landmarks = piece.clip.landmarks[piece.start : piece.stop]
        canonical = to_canonical(landmarks, place_head(landmarks, person.mouth.head))
        times = frame_times(piece.stop, person.fps)[piece.start :]
        examples.append(_example(RECORDED, words, times, canonical[:, MOUTH]))
    return examples


def recorded_words(
    piece: Piece, align: Path, language: str, spoken: dict[str, Speech] | None = None
) -> tuple[Word, ...]:
    """Return the timed syllables of a recorded clip; ``spoken`` keeps texts that the voice has said before."""
    rows = read_word_times(align, piece.clip.name)
    if piece.clip.sound is None:
        raise DatasetError(f"clip has no sound to time its words by: {piece.clip.folder}")
    text = text_of(rows)
    spoken = {} if spoken is None else spoken
    if text not in spoken:
        spoken[text] = speak_timed(text, language)
    anchors = _anchors(spoken[text].words, rows, piece.clip.name)
    timed = align_speech(load_sound(piece.clip.sound), spoken[text], anchors)
    return tuple(syllables_of(word, language) for word in timed.words)


def prose_examples(
    person: Person, languages: Sequence[str], *, validating: bool, progress: Progress
) -> list[PoserExample]:
    """Return the prose of ``languages`` ("en", "es") as the synthetic voice says it and the person's predictor sees it.

    Either every ninth sentence, which is ``validating``, or all others.
    """
    teacher = Predictor(person)
    texts = [(language, number, text) for language in languages for number, text in enumerate(prose(language))]
    wanted = [text for text in texts if (text[1] % EVERY_NINTH == 0) == validating]
    examples = []
    for language, number, text in progress.track(wanted, "speaking prose", len(wanted)):
        voices = VOICES[language]
        rate = RATES[number // len(voices) % len(RATES)]
        words, times, keypoints = taught(text, voices[number % len(voices)], rate, person, teacher)
        examples.append(_example(language, words, times, keypoints))
    return examples


def prose(language: str) -> Iterator[str]:
    """Yield the sentences of ``language``, "en" or "es", that come with the program."""
    text = (files("text2face.mouth") / "sentences" / f"{language}.txt").read_text("utf-8")
    yield from filter(None, text.splitlines())


def taught(
    text: str, voice: str, rate: float, person: Person, teacher: Predictor
) -> tuple[tuple[Word, ...], np.ndarray, np.ndarray]:
    """Return ``text`` as timed words, frame times (T,) seconds, and the keypoints (T, 20, 2) that ``teacher`` sees.

    The sound has 0.4 s of silence before and after the speech; times count from its beginning.
    """
    import soundfile

    speech = speak_timed(read_out(text, voice).text, voice, rate)
    silence = np.zeros(round(AROUND * speech.clip.rate), np.float32)
    with tempfile.TemporaryDirectory(prefix="text2face-") as folder:
        wav = Path(folder) / "said.wav"
        samples = np.concatenate([silence, speech.clip.samples, silence])
        soundfile.write(wav, samples, speech.clip.rate, subtype="PCM_16")
        keypoints = teacher.predict(load_features(wav, person)).points
    later = len(silence) / speech.clip.rate
    words = tuple(tuple(s.shifted(later) for s in syllables_of(word, voice)) for word in speech.words)
    return words, frame_times(len(keypoints), person.fps), keypoints


def save_examples(examples: Sequence[PoserExample], path: Path) -> None:
    """Write ``examples`` as an ``.npz`` of plain arrays: a run that goes on learns from the very same ones.

    The synthetic voice flutters, so that what it says a second time is a little different.
    """
    with atomic_path(path) as part, part.open("wb") as file:
        np.savez_compressed(
            file,
            kinds=np.array([example.kind for example in examples]),
            lengths=np.array([len(example.inputs) for example in examples]),
            inputs=np.concatenate([example.inputs for example in examples]),
            keypoints=np.concatenate([example.keypoints for example in examples]),
        )


def load_examples(path: Path) -> list[PoserExample]:
    """Read what :func:`save_examples` wrote; raises :class:`DatasetError` when it is not that."""
    try:
        with open_arrays(path) as arrays:
            cuts = np.cumsum(arrays["lengths"])[:-1]
            parts = zip(*(np.split(arrays[name], cuts) for name in ("inputs", "keypoints")), strict=True)
            return [PoserExample(str(kind), *part) for kind, part in zip(arrays["kinds"], parts, strict=True)]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DatasetError(f"examples of the run are damaged: {path}: {error!r}; use another folder") from None


def _example(kind: str, words: Sequence[Word], times: np.ndarray, keypoints: np.ndarray) -> PoserExample:
    return PoserExample(kind, describe(words, times), keypoints.astype(np.float32))


def _anchors(spoken: Sequence[SpokenWord], rows: Sequence[TimedWord], clip: str) -> list[tuple[float, float]]:
    """Return where each spoken word lies; the voice may run several words together."""
    anchors, first = [], 0
    for word in spoken:
        last = first + len(word.text.split()) - 1
        if last >= len(rows):
            break
        anchors.append((rows[first].start, rows[last].end))
        first = last + 1
    if first != len(rows) or len(anchors) != len(spoken):
        raise DatasetError(
            f"words and voice do not agree: the clip {clip} has {len(rows)} words, the voice says {len(spoken)}"
        )
    return anchors
