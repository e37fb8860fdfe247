"""Aligns a recording with its text, by the best installed aligner."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from obamanet.errors import OptionError, SoundError
from obamanet.types import AudioClip
from text2face.timed_speech import Speech
from text2face.voice.align import align_speech
from text2face.voice.align_model import align_by_model, model_is_installed


class Aligner(StrEnum):
    """Method of alignment; their errors are in benchmarks/RESULTS.md."""

    AUTO = "auto"
    """PocketSphinx where it is installed and has the language's phonemes, else time warping."""

    POCKETSPHINX = "pocketsphinx"
    """Forced alignment with an acoustic model, see :mod:`text2face.voice.align_model`."""

    WARPING = "warping"
    """Dynamic time warping to synthetic speech, see :mod:`text2face.voice.align`."""


@dataclass(frozen=True)
class Alignment:
    """Speech with the times of a recording, and the method that found them, never AUTO."""

    speech: Speech
    aligner: Aligner


def align(recording: AudioClip, synthetic: Speech, aligner: Aligner = Aligner.AUTO) -> Alignment:
    """Aligns synthetic speech with a recording of the same text.

    Args:
        recording: the recording.
        synthetic: the same text, with phoneme times.
        aligner: the method.

    Returns:
        The words of ``synthetic`` with their times in ``recording``.

    Raises:
        OptionError: PocketSphinx is asked for and not installed.
        SoundError: the recording is silent or too long, or the text is not found in it.
    """
    check_aligner(aligner)
    if aligner is not Aligner.WARPING and model_is_installed():
        speech = align_by_model(recording, synthetic)
        if speech is not None:
            return Alignment(speech, Aligner.POCKETSPHINX)
        if aligner is Aligner.POCKETSPHINX:
            raise SoundError(
                f"PocketSphinx cannot find the text in the recording; the aligner warping may: {recording.source}"
            )
    return Alignment(align_speech(recording, synthetic), Aligner.WARPING)


def check_aligner(aligner: Aligner) -> None:
    """Raises :class:`OptionError` when ``aligner`` is not installed."""
    if aligner is Aligner.POCKETSPHINX and not model_is_installed():
        raise OptionError("the aligner pocketsphinx is not installed; install obamanet[align], or use auto or warping")
