"""Lists the available voices with their licences, and returns one by name."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final, Protocol

from obamanet.errors import OptionError
from text2face.timed_speech import Speech
from text2face.voice import programs
from text2face.voice.aligners import align
from text2face.voice.espeak import FASTEST, SLOWEST, languages, speak_timed

ESPEAK: Final = "espeak"
"""Name of eSpeak NG among the voices."""

DIALECTS: Final = {"en": "en-gb", "es-es": "es", "es-mx": "es-419"}
"""eSpeak NG's tags of languages that have another name there."""

USUAL: Final = ("en-gb", "en-us", "es", "es-419")
"""Languages that a message suggests when none is similar to the unknown one."""

NEAR: Final = 6
"""Maximum number of languages in a message."""

MAX_SHOWN: Final = 20
"""Maximum number of characters of an unknown language in a message."""


class Voice(Protocol):
    """Speaks one sentence at a time, at 22050 Hz."""

    def say(self, text: str) -> Speech:
        """Returns ``text`` spoken, with phoneme times; raises :class:`obamanet.errors.ObamanetError` when it cannot."""


@dataclass(frozen=True)
class VoiceInfo:
    """A voice's name for ``--voice``, its languages, the licence of program and voices, and whether it is installed."""

    name: str
    speaks: str
    licence: str
    state: str


@dataclass(frozen=True)
class EspeakVoice:
    """eSpeak NG, whose phoneme times are exact."""

    language: str
    rate: float = 1.0

    def say(self, text: str) -> Speech:
        """Returns ``text`` spoken."""
        return speak_timed(text, self.language, self.rate)


@dataclass(frozen=True)
class ProgramVoice:
    """Another program's sound, with phonemes and times by alignment with eSpeak NG's."""

    program: programs.Program
    language: str
    rate: float = 1.0

    def say(self, text: str) -> Speech:
        """Returns ``text`` spoken."""
        synthetic = speak_timed(text, self.language, self.rate)
        return align(self.program.sound(text, synthetic.clip.rate), synthetic).speech


def choose_voice(name: str, language: str, rate: float = 1.0) -> Voice:
    """Returns a voice by name.

    Args:
        name: "espeak", "flite", "pico" or "piper:VOICE.onnx".
        language: tag such as "en-us" or "es".
        rate: speed, 0.5 to 2.5; 1 is the voice's default.

    Raises:
        OptionError: voice or language is unknown, the rate is out of range, or the voice is not installed.
    """
    if not SLOWEST <= rate <= FASTEST:
        raise OptionError(f"rate of speech is out of range: got {rate:g}, allowed is {SLOWEST:g} to {FASTEST:g}")
    language = known_language(language)
    kind, _, file = name.partition(":")
    match kind:
        case "espeak" if kind == name:
            return EspeakVoice(language, rate)
        case "flite" if kind == name:
            return ProgramVoice(programs.flite(language, rate), language, rate)
        case "pico" if kind == name:
            return ProgramVoice(programs.pico(language, rate), language, rate)
        case "piper" if file:
            return ProgramVoice(programs.piper(Path(file), rate), language, rate)
    raise OptionError(f"no such voice: got {name!r}, allowed are espeak, flite, pico or piper:VOICE.onnx")


def known_language(language: str) -> str:
    """Returns eSpeak NG's tag of ``language``; raises :class:`OptionError` for a language that it does not have."""
    tag = language.strip().lower().replace("_", "-")
    tag = DIALECTS.get(tag, tag)
    allowed = languages()
    if tag not in allowed:
        raise OptionError(
            f"no such language: got {language[:MAX_SHOWN]!r}, {_near(tag, allowed)}; "
            "obamanet voices --languages lists all"
        )
    return tag


def _near(tag: str, allowed: Sequence[str]) -> str:
    """Returns a message with the languages among ``allowed`` that are similar to ``tag``."""
    first = tag.split("-", maxsplit=1)[0]
    similar = [one for one in allowed if one.split("-", maxsplit=1)[0] == first] or get_close_matches(tag, allowed)
    return (
        f"near are {', '.join(sorted(similar, key=lambda one: one not in USUAL)[:NEAR])}"
        if similar
        else f"allowed are {', '.join(USUAL)} and others"
    )


def voices() -> tuple[VoiceInfo, ...]:
    """Returns all voices, installed or not."""
    return (
        VoiceInfo(
            ESPEAK,
            f"{len(languages())} languages",
            "eSpeak NG: GPL-3.0-or-later; comes with this program as a loaded library",
            "ready",
        ),
        VoiceInfo("flite", "English", "Flite: BSD-style (Carnegie Mellon University)", _state(programs.FLITE, "flite")),
        VoiceInfo(
            "pico",
            "English, Spanish, German, French, Italian",
            "SVOX Pico: Apache-2.0",
            _state(programs.PICO, "libttspico-utils"),
        ),
        VoiceInfo(
            "piper:VOICE.onnx",
            "the language of your voice file",
            "Piper: MIT (to 2023) or GPL-3.0 (piper1-gpl), run as a program; each voice file has a licence of its own",
            _state(programs.PIPER, "piper-tts"),
        ),
    )


def _state(program: str, package: str) -> str:
    return "ready" if shutil.which(program) else f"not installed: {program} (package {package})"
