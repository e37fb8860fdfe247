"""Text to speech by other programs, which run as separate processes; phoneme times are found by alignment."""

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
"""Maximum duration in seconds of a program's run for one sentence."""

FLITE: Final = "flite"
PICO: Final = "pico2wave"
PIPER: Final = "piper"
"""Names of the programs' files."""

PICO_LANGUAGES: Final = {
    "en": "en-GB", "en-gb": "en-GB", "en-us": "en-US", "es": "es-ES", "es-es": "es-ES", "de": "de-DE", "fr": "fr-FR",
    "it": "it-IT",
}  # fmt: skip
"""Pico's names of languages, by tag."""


@dataclass(frozen=True)
class Program:
    """A text to speech program.

    Attributes:
        path: its file.
        name: its name, for messages.
        arguments: returns the command line arguments for a text and a wav file to write.
        reads_input: whether the text goes to standard input.
    """

    path: str
    name: str
    arguments: Callable[[str, Path], list[str]]
    reads_input: bool = False

    def sound(self, text: str, sample_rate: int) -> AudioClip:
        """Returns ``text`` spoken by the program, mono at ``sample_rate`` Hz; raises :class:`SoundError`."""
        with TemporaryDirectory(prefix="text2face-") as folder:
            wav = Path(folder) / "speech.wav"
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
                reason = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()[-1]
                raise SoundError(f"{self.name} could not speak the text ({reason}): {text[:60]!r}")
            return AudioClip(load_sound(wav, sample_rate).samples, sample_rate, self.name)


def flite(language: str, rate: float, voice: str = "") -> Program:
    """Returns Flite, which speaks English only.

    Args:
        language: tag such as "en-gb".
        rate: speed, 1 for the default.
        voice: "awb", "kal", "rms" or "slt"; "" for the default.

    Raises:
        OptionError: another language, or Flite is not installed.
    """
    if language.split("-", maxsplit=1)[0] != "en":
        raise OptionError(f"flite speaks English only: got language {language!r}; use the voice espeak")
    settings = [*(["-voice", voice] if voice else []), "--setf", f"duration_stretch={1 / rate:.3f}"]
    return Program(_installed(FLITE, "flite"), "flite", lambda text, wav: [*settings, "-t", text, "-o", str(wav)])


def pico(language: str, rate: float) -> Program:
    """Returns SVOX Pico for ``language`` at ``rate``, 1 for the default speed.

    Raises :class:`OptionError` for a language that it does not have, or when it is not installed.
    """
    if language not in PICO_LANGUAGES:
        allowed = ", ".join(PICO_LANGUAGES)
        raise OptionError(f"pico does not speak this language: got {language!r}, allowed are {allowed}")
    level = round(100 * rate)
    path = _installed(PICO, "libttspico-utils")

    def arguments(text: str, wav: Path) -> list[str]:
        return ["-l", PICO_LANGUAGES[language], "-w", str(wav), f'<speed level="{level}">{_escaped(text)}</speed>']

    return Program(path, "pico", arguments)


def piper(model: Path, rate: float) -> Program:
    """Returns Piper with the voice file ``model`` at ``rate``, 1 for the default speed.

    Raises :class:`OptionError` when the voice file or Piper is missing.
    """
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
    """Returns ``text`` with the characters escaped that start a command to Pico."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
