"""Makes the poser's training examples: recorded sentences with word times, and prose spoken by synthetic voices.

Recorded sentences have the true mouth, but few different words; their word times are refined to phonemes by alignment
with a synthetic voice. Prose has all phonemes of English and Spanish, with exact times; its mouth is predicted from the
synthetic voice by the person's speech predictor (distillation).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

import numpy as np

from obamanet.audio.load import load_sound
from obamanet.errors import DatasetError
from obamanet.files import DAMAGED, atomic_path, open_arrays
from obamanet.inference.keypoint_predictor import Predictor
from obamanet.person import Person
from obamanet.pipelines.speak import load_features
from obamanet.progress import Progress
from obamanet.timing import frame_times
from obamanet.training.data.dataset import Piece
from obamanet.training.data.word_times import TimedWord, read_word_times, text_of
from obamanet.training.speech.canonical_pieces import canonical_mouth
from text2face.mouth.pose_features import Word, describe
from text2face.syllables.timed import syllables_of
from text2face.text.normalise import read_out
from text2face.timed_speech import Speech, SpokenWord
from text2face.voice.align import align_speech
from text2face.voice.espeak import speak_timed

AROUND: Final = 0.4
"""Seconds of silence before and after a sentence of prose, in which the mouth opens and comes to rest."""

VOICES: Final = {"en": ("en-gb", "en-us"), "es": ("es", "es-419")}
"""Voices of the prose, in turns."""

RATES: Final = (1.0, 0.85, 1.15)
"""Speeds of the prose, in turns; 1 is the voice's default."""

EVERY_NINTH: Final = 9
"""One sentence of prose in so many is for validation; an odd number, so that all voices are among them."""

RECORDED: Final = "recorded"
"""Kind of the examples with a true mouth; the prose's kinds are its languages."""


@dataclass(frozen=True)
class PoserExample:
    """One sentence.

    Attributes:
        kind: RECORDED, or the language of prose.
        inputs: the network's inputs, (T, D) float32.
        keypoints: target keypoints, (T, 20, 2) float32 canonical.
    """

    kind: str
    inputs: np.ndarray
    keypoints: np.ndarray


def recorded_examples(
    pieces: Sequence[Piece], align: Path, language: str, person: Person, progress: Progress
) -> list[PoserExample]:
    """Returns the recorded sentences.

    Args:
        pieces: the recordings, whole clips.
        align: their word times.
        language: tag such as "en-gb".
        person: the person, for the head.
        progress: gets the progress over pieces.

    Raises:
        DatasetError: word times are missing or unreadable, or a piece has no sound.
    """
    voiced: dict[str, Speech] = {}
    examples = []
    for piece in progress.track(pieces, "timing recorded sentences", len(pieces)):
        words = recorded_words(piece, align, language, voiced)
        times = frame_times(piece.stop, person.fps)[piece.start :]
        examples.append(_example(RECORDED, words, times, canonical_mouth(piece, person.mouth.head)))
    return examples


def recorded_words(
    piece: Piece, align: Path, language: str, voiced: dict[str, Speech] | None = None
) -> tuple[Word, ...]:
    """Returns the timed syllables of each word of a recorded clip.

    Args:
        piece: the clip.
        align: word times.
        language: tag such as "en-gb".
        voiced: cache of texts that the synthetic voice has spoken; texts are added to it.

    Raises:
        DatasetError: word times are missing or unreadable, or the clip has no sound.
    """
    rows = read_word_times(align, piece.clip.name)
    if piece.clip.sound is None:
        raise DatasetError(f"clip has no sound to time its words by: {piece.clip.folder}")
    text = text_of(rows)
    voiced = {} if voiced is None else voiced
    if text not in voiced:
        voiced[text] = speak_timed(text, language)
    anchors = _anchors(voiced[text].words, rows, piece.clip.name)
    timed = align_speech(load_sound(piece.clip.sound), voiced[text], anchors)
    return tuple(syllables_of(word, language) for word in timed.words)


def prose_examples(
    person: Person, languages: Sequence[str], *, validating: bool, progress: Progress
) -> list[PoserExample]:
    """Returns sentences of prose, with keypoints predicted by the person's speech predictor from a synthetic voice.

    Args:
        person: the person.
        languages: of the prose, "en" and "es".
        validating: return every ninth sentence, else all others.
        progress: gets the progress over sentences.
    """
    teacher = Predictor(person)
    texts = [(language, number, text) for language in languages for number, text in enumerate(prose(language))]
    chosen = [text for text in texts if (text[1] % EVERY_NINTH == 0) == validating]
    examples = []
    for language, number, text in progress.track(chosen, "speaking prose", len(chosen)):
        voices = VOICES[language]
        rate = RATES[number // len(voices) % len(RATES)]
        words, times, keypoints = predict_prose(text, voices[number % len(voices)], rate, person, teacher)
        examples.append(_example(language, words, times, keypoints))
    return examples


def prose(language: str) -> Iterator[str]:
    """Yields the sentences of ``language``, "en" or "es", that come with the program."""
    text = (files("text2face.mouth") / "sentences" / f"{language}.txt").read_text("utf-8")
    yield from filter(None, text.splitlines())


def predict_prose(
    text: str, voice: str, rate: float, person: Person, teacher: Predictor
) -> tuple[tuple[Word, ...], np.ndarray, np.ndarray]:
    """Speaks ``text`` by a synthetic voice, and predicts the keypoints from its sound by ``teacher``.

    Returns:
        words: its words; times count from the start of the sound, which has AROUND seconds of silence at either end.
        times: of the frames, (T,) seconds.
        keypoints: the teacher's, (T, 20, 2).
    """
    import soundfile

    speech = speak_timed(read_out(text, voice).text, voice, rate)
    silence = np.zeros(round(AROUND * speech.clip.rate), np.float32)
    with tempfile.TemporaryDirectory(prefix="text2face-") as folder:
        wav = Path(folder) / "speech.wav"
        samples = np.concatenate([silence, speech.clip.samples, silence])
        soundfile.write(wav, samples, speech.clip.rate, subtype="PCM_16")
        keypoints = teacher.predict(load_features(wav, person)).points
    offset = len(silence) / speech.clip.rate
    words = tuple(tuple(s.shifted(offset) for s in syllables_of(word, voice)) for word in speech.words)
    return words, frame_times(len(keypoints), person.fps), keypoints


def save_examples(examples: Sequence[PoserExample], path: Path) -> None:
    """Writes ``examples`` as an ``.npz`` of plain arrays, so that a resumed run trains on exactly the same ones.

    Making them again gives slightly different ones, as the synthetic voice has random flutter.
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
    """Reads the examples written by :func:`save_examples`; raises :class:`DatasetError` for a damaged file."""
    try:
        with open_arrays(path) as arrays:
            cuts = np.cumsum(arrays["lengths"])[:-1]
            parts = zip(*(np.split(arrays[name], cuts) for name in ("inputs", "keypoints")), strict=True)
            return [PoserExample(str(kind), *part) for kind, part in zip(arrays["kinds"], parts, strict=True)]
    except DAMAGED as error:
        raise DatasetError(f"examples of the run are damaged: {path}: {error!r}; use another folder") from None


def _example(kind: str, words: Sequence[Word], times: np.ndarray, keypoints: np.ndarray) -> PoserExample:
    return PoserExample(kind, describe(words, times), keypoints.astype(np.float32))


def _anchors(spoken: Sequence[SpokenWord], rows: Sequence[TimedWord], clip: str) -> list[tuple[float, float]]:
    """Returns start and end of each spoken word in the clip; the voice may run several words together."""
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
