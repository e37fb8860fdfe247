"""Voices that are programs of their own, started as separate processes; their times are found by alignment."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from obamanet.audio.load import load_sound
from obamanet.errors import OptionError, SoundError
from obamanet.types import AudioClip

MAX_RUN: Final = 300
"""Seconds for one sentence; a program that takes longer hangs."""

FLITE: Final = "flite"
PICO: Final = "pico2wave"
PIPER: Final = "piper"

PICO_LANGUAGES: Final = {
    "en": "en-GB", "en-gb": "en-GB", "en-us": "en-US", "es": "es-ES", "es-es": "es-ES", "de": "de-DE", "fr": "fr-FR",
    "it": "it-IT",
}  # fmt: skip


@dataclass(frozen=True)
class Program:
    """A program that says a text: its path, what it is called, and ``arguments`` that make it write a wav file.

    ``arguments`` are given the text and the wav file; with ``reads_input`` the text goes to standard input.
    """

    path: str
    name: str
    arguments: Callable[[str, Path], list[str]]
    reads_input: bool = False

    def sound(self, text: str, sample_rate: int) -> AudioClip:
        """Return ``text`` as the program says it, mono at ``sample_rate`` Hz; raises :class:`SoundError`."""
        with TemporaryDirectory(prefix="text2face-") as folder:
            wav = Path(folder) / "said.wav"
            try:
                done = subprocess.run(
                    [self.path, *self.arguments(text, wav)],
                    input=f"{text}\n" if self.reads_input else "",
                    capture_output=True,
                    text=True,
                    encoding="utf-8",
                    errors="replace",
                    timeout=MAX_RUN,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                raise SoundError(f"{self.name} did not finish within {MAX_RUN} s: {text[:60]!r}") from None
            except OSError as error:
                raise SoundError(f"{self.name} cannot be started ({error.strerror}): {self.path}") from None
            if done.returncode != 0 or not wav.is_file():
                told = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()[-1]
                raise SoundError(f"{self.name} could not speak the text ({told}): {text[:60]!r}")
            return AudioClip(load_sound(wav, sample_rate).samples, sample_rate, self.name)


def flite(language: str, rate: float, voice: str = "") -> Program:
    """Return Flite, which speaks English alone, with its usual or the named ``voice`` ("awb", "kal", "rms", "slt").

    Raises :class:`OptionError` for other languages or when it is missing.
    """
    if language.split("-", maxsplit=1)[0] != "en":
        raise OptionError(f"flite speaks English only: got language {language!r}; use the voice espeak")
    settings = [*(["-voice", voice] if voice else []), "--setf", f"duration_stretch={1 / rate:.3f}"]
    return Program(_installed(FLITE, "flite"), "flite", lambda text, wav: [*settings, "-t", text, "-o", str(wav)])


def pico(language: str, rate: float) -> Program:
    """Return SVOX Pico; raises :class:`OptionError` for a language it does not have or when it is missing."""
    if language not in PICO_LANGUAGES:
        allowed = ", ".join(PICO_LANGUAGES)
        raise OptionError(f"pico does not speak this language: got {language!r}, allowed are {allowed}")
    level = round(100 * rate)
    path = _installed(PICO, "libttspico-utils")

    def arguments(text: str, wav: Path) -> list[str]:
        return ["-l", PICO_LANGUAGES[language], "-w", str(wav), f'<speed level="{level}">{_escaped(text)}</speed>']

    return Program(path, "pico", arguments)


def piper(model: Path, rate: float) -> Program:
    """Return Piper with the user's voice file; raises :class:`OptionError` when either is missing."""
    if not model.is_file():
        raise OptionError(
            f"no such Piper voice file: {model}; allowed is piper:VOICE.onnx with VOICE.onnx.json beside it"
        )
    if not model.with_name(model.name + ".json").is_file():
        raise OptionError(f"a Piper voice needs its settings beside it: {model.name}.json is missing: {model.parent}")
    path = _installed(PIPER, "piper-tts")
    settings = ["--model", str(model), "--length_scale", f"{1 / rate:.3f}"]
    return Program(path, "piper", lambda text, wav: [*settings, "--output_file", str(wav)], reads_input=True)


def _installed(program: str, package: str) -> str:
    path = shutil.which(program)
    if path is None:
        raise OptionError(
            f"the voice's program is not installed: {program}; install {package}, or use the voice espeak"
        )
    return path


def _escaped(text: str) -> str:
    """Return ``text`` without the signs that begin a command to Pico."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
