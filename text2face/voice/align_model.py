"""Forced alignment of a recording by PocketSphinx's acoustic model of English.

PocketSphinx (Huggins-Daines et al. 2006; BSD licence) and its model come with the package pocketsphinx, which is
optional: install obamanet[align]. The model was trained on American English; Spanish phonemes are mapped to the nearest
English ones.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from typing import Any, Final

import numpy as np

from obamanet.constants import SAMPLE_RATE
from obamanet.types import AudioClip
from text2face.timed_speech import Speech
from text2face.voice.align import check_recording, retime

FRAMES_PER_SECOND: Final = 100
"""Frames per second of the model; its times are multiples of 10 ms."""

SILENCE: Final = 0.25
"""Seconds of silence added before and after the recording, as the model expects silence there."""

PHONES: Final = {
    "ɑː": "AA", "ɑ": "AA", "ɒ": "AA", "a": "AE", "æ": "AE", "ʌ": "AH", "ə": "AH", "ɐ": "AH", "ɔ": "AO", "o": "AO",
    "aʊ": "AW", "aɪ": "AY", "ɛ": "EH", "e": "EH", "ɜ": "ER", "ɚ": "ER", "ɝ": "ER", "eɪ": "EY", "ɪ": "IH", "ᵻ": "IH",
    "i": "IY", "y": "IY", "oʊ": "OW", "əʊ": "OW", "ɔɪ": "OY", "ʊ": "UH", "u": "UW", "b": "B", "β": "B", "tʃ": "CH",
    "d": "D", "ð": "DH", "f": "F", "ɡ": "G", "g": "G", "ɣ": "G", "h": "HH", "x": "HH", "dʒ": "JH", "k": "K", "l": "L",
    "ɫ": "L", "ʎ": "L Y", "m": "M", "n": "N", "ɲ": "N Y", "ŋ": "NG", "p": "P", "ɹ": "R", "r": "R", "s": "S",
    "ʃ": "SH", "t": "T", "ɾ": "T", "ʔ": "T", "θ": "TH", "v": "V", "w": "W", "j": "Y", "ʝ": "Y", "ɟ": "Y", "z": "Z",
    "ʒ": "ZH",
}  # fmt: skip
"""IPA to the model's phones, those of the CMU Pronouncing Dictionary; Spanish phonemes to the nearest."""

MARKS: Final = frozenset("ːˑʰʲ\u0329\u0303\u032f\u0361\u032c\u0325")
"""Marks of length, quality and ties, which the model does not distinguish."""

_lock = threading.Lock()
"""Held while the recogniser is used, as it has one utterance at a time."""


def model_is_installed() -> bool:
    """Returns whether PocketSphinx is installed, so that :func:`align_by_model` can be called."""
    return find_spec("pocketsphinx") is not None


def align_by_model(recording: AudioClip, synthetic: Speech) -> Speech | None:
    """Aligns ``synthetic`` with a recording of the same text, by hidden Markov models: words and pauses, then phonemes.

    Returns:
        The words of ``synthetic`` with their times in ``recording``; None when the model has no phone for one of the
        phonemes, as in languages other than English and Spanish, or does not find the words in the recording.

    Raises:
        obamanet.errors.SoundError: the recording is silent.
    """
    check_recording(recording)
    spelled = [[_phones(sound.symbol) for sound in word.phonemes] for word in synthetic.words]
    if not spelled or not all(phones for word in spelled for phones in word):
        return None
    with _lock:
        found = _forced(_pcm(recording), [" ".join(phone for sound in word for phone in sound) for word in spelled])
    if found is None:
        return None
    edges = np.array(list(_edges(spelled, found)))
    return retime(synthetic, edges, recording)


def _phones(symbol: str) -> list[str]:
    """Returns the model's phones for an IPA symbol; empty when it has none for a part of it."""
    plain = "".join(sign for sign in symbol if sign not in MARKS)
    phones: list[str] = []
    index = 0
    while index < len(plain):
        size = 2 if plain[index : index + 2] in PHONES else 1
        if plain[index : index + size] not in PHONES:
            return []
        phones += PHONES[plain[index : index + size]].split()
        index += size
    return phones


def _pcm(recording: AudioClip) -> bytes:
    """Returns the samples in the model's format: 16 bit at 16 kHz, with silence before and after."""
    import soxr

    samples = recording.samples
    if recording.rate != SAMPLE_RATE:
        samples = soxr.resample(samples, recording.rate, SAMPLE_RATE)
    samples = samples / max(np.abs(samples).max(), 1e-6)
    padded = np.pad(samples, round(SILENCE * SAMPLE_RATE))
    return (0.9 * 32767 * padded).astype("<i2").tobytes()


def _forced(pcm: bytes, words: Sequence[str]) -> list[list[tuple[float, float]]] | None:
    """Returns start and end of each phone of each word, in seconds; None when they are not found in the recording."""
    decoder = _decoder()
    names = [f"_{word.replace(' ', '_').lower()}" for word in words]
    for name, word in zip(names, words, strict=True):
        if decoder.lookup_word(name) is None:
            decoder.add_word(name, word, False)
    decoder.set_align_text(" ".join(names))
    try:
        _decode(decoder, pcm)
        if decoder.hyp() is None:
            return None
        decoder.set_alignment()
        _decode(decoder, pcm)
    except RuntimeError:
        return None  # PocketSphinx raises this when no path through the words fits the sound.
    found = [
        [(phone.start, phone.start + phone.duration) for phone in word]
        for word in decoder.get_alignment() or ()
        if word.name in names
    ]
    if [len(word) for word in found] != [len(word.split()) for word in words]:
        return None
    return [[(a / FRAMES_PER_SECOND - SILENCE, b / FRAMES_PER_SECOND - SILENCE) for a, b in word] for word in found]


def _decode(decoder: Any, pcm: bytes) -> None:
    decoder.start_utt()
    try:
        decoder.process_raw(pcm, full_utt=True)
    finally:
        decoder.end_utt()


def _edges(spelled: list[list[list[str]]], found: list[list[tuple[float, float]]]) -> Iterator[tuple[float, float]]:
    """Yields start and end of each phoneme, which may be several phones of the model."""
    for word, phones in zip(spelled, found, strict=True):
        index = 0
        for sound in word:
            yield phones[index][0], phones[index + len(sound) - 1][1]
            index += len(sound)


@cache
def _decoder() -> Any:
    """Returns the recogniser with its model, loaded once per process; to be used with the lock held."""
    from pocketsphinx import Decoder

    return Decoder(samprate=float(SAMPLE_RATE), lm=None, bestpath=False, loglevel="FATAL")
