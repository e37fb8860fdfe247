"""Times of the phonemes in a recording, found by a speech recogniser's acoustic model: PocketSphinx's, for English.

PocketSphinx (Huggins-Daines et al. 2006; BSD licence) and its model come with the package pocketsphinx, which is
optional: install obamanet[align]. The model was trained on American English; Spanish sounds are laid beside their
nearest English ones.
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
"""The model's own; its times are multiples of 10 ms."""

SILENCE: Final = 0.25
"""Seconds put around the recording: the model expects an utterance to begin and end in silence."""

PHONES: Final = {
    "ɑː": "AA", "ɑ": "AA", "ɒ": "AA", "a": "AE", "æ": "AE", "ʌ": "AH", "ə": "AH", "ɐ": "AH", "ɔ": "AO", "o": "AO",
    "aʊ": "AW", "aɪ": "AY", "ɛ": "EH", "e": "EH", "ɜ": "ER", "ɚ": "ER", "ɝ": "ER", "eɪ": "EY", "ɪ": "IH", "ᵻ": "IH",
    "i": "IY", "y": "IY", "oʊ": "OW", "əʊ": "OW", "ɔɪ": "OY", "ʊ": "UH", "u": "UW", "b": "B", "β": "B", "tʃ": "CH",
    "d": "D", "ð": "DH", "f": "F", "ɡ": "G", "g": "G", "ɣ": "G", "h": "HH", "x": "HH", "dʒ": "JH", "k": "K", "l": "L",
    "ɫ": "L", "ʎ": "L Y", "m": "M", "n": "N", "ɲ": "N Y", "ŋ": "NG", "p": "P", "ɹ": "R", "r": "R", "s": "S",
    "ʃ": "SH", "t": "T", "ɾ": "T", "ʔ": "T", "θ": "TH", "v": "V", "w": "W", "j": "Y", "ʝ": "Y", "ɟ": "Y", "z": "Z",
    "ʒ": "ZH",
}  # fmt: skip
"""IPA to the phones of the CMU Pronouncing Dictionary, the model's own; Spanish sounds to the nearest."""

MARKS: Final = frozenset("ːˑʰʲ\u0329\u0303\u032f\u0361\u032c\u0325")
"""Length, colour and ties, which the model does not tell apart."""

_lock = threading.Lock()
"""The recogniser holds one utterance at a time."""


def model_is_installed() -> bool:
    """Say whether :func:`align_by_model` can be called."""
    return find_spec("pocketsphinx") is not None


def align_by_model(recording: AudioClip, synthetic: Speech) -> Speech | None:
    """Return the words of ``synthetic`` with the times at which ``recording``, of the same text, says them.

    Forced alignment with hidden Markov models: words and pauses first, then each word's sounds. Returns None when the
    model has no phone for one of the sounds, as in other languages than English and Spanish, or cannot find the words
    in the recording. Raises :class:`obamanet.errors.SoundError` for a recording that is silent.
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
    """Return the model's phones for an IPA symbol, at most two signs of it at a time; none when there is no like."""
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
    """Return the samples as the model wants them: 16 bit at 16 kHz, between two stretches of silence."""
    import soxr

    samples = recording.samples
    if recording.rate != SAMPLE_RATE:
        samples = soxr.resample(samples, recording.rate, SAMPLE_RATE)
    samples = samples / max(np.abs(samples).max(), 1e-6)
    padded = np.pad(samples, round(SILENCE * SAMPLE_RATE))
    return (0.9 * 32767 * padded).astype("<i2").tobytes()


def _forced(pcm: bytes, words: Sequence[str]) -> list[list[tuple[float, float]]] | None:
    """Return start and end of every phone of every word, seconds in the recording; None where they cannot be found."""
    decoder = _decoder()
    names = [f"_{word.replace(' ', '_').lower()}" for word in words]
    for name, word in zip(names, words, strict=True):
        if decoder.lookup_word(name) is None:
            decoder.add_word(name, word, False)
    decoder.set_align_text(" ".join(names))
    try:
        _hear(decoder, pcm)
        if decoder.hyp() is None:
            return None
        decoder.set_alignment()
        _hear(decoder, pcm)
    except RuntimeError:
        return None  # What PocketSphinx raises when no path through the words fits the sound.
    found = [
        [(phone.start, phone.start + phone.duration) for phone in word]
        for word in decoder.get_alignment() or ()
        if word.name in names
    ]
    if [len(word) for word in found] != [len(word.split()) for word in words]:
        return None
    return [[(a / FRAMES_PER_SECOND - SILENCE, b / FRAMES_PER_SECOND - SILENCE) for a, b in word] for word in found]


def _hear(decoder: Any, pcm: bytes) -> None:
    decoder.start_utt()
    try:
        decoder.process_raw(pcm, full_utt=True)
    finally:
        decoder.end_utt()


def _edges(spelled: list[list[list[str]]], found: list[list[tuple[float, float]]]) -> Iterator[tuple[float, float]]:
    """Yield start and end of every sound, which may be several of the model's phones."""
    for word, phones in zip(spelled, found, strict=True):
        index = 0
        for sound in word:
            yield phones[index][0], phones[index + len(sound) - 1][1]
            index += len(sound)


@cache
def _decoder() -> Any:
    """Return the recogniser with its own model, loaded once per process; use it with the lock held."""
    from pocketsphinx import Decoder

    return Decoder(samprate=float(SAMPLE_RATE), lm=None, bestpath=False, loglevel="FATAL")
