"""What the commands that begin with a text share: its options, and how it is read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from obamanet.cli.declare import Fields
from obamanet.cli.options import LANGUAGE
from obamanet.errors import OptionError
from text2face.say import SayOptions
from text2face.voice.aligners import Aligner, check_aligner
from text2face.voice.voices import choose_voice, known_language

PIECE_CHARACTERS = 8192
"""Read from a text file at a time."""

NAME_CHARACTERS = 40
"""Of the text's first words that name the video when no name is given."""

Text = Annotated[str | None, typer.Argument(metavar="TEXT", help="What to say.", show_default=False)]
TextFile = Annotated[
    Path | None, typer.Option("--text-file", metavar="FILE", help="A text of any length to say, UTF-8.")
]
Recording = Annotated[
    Path | None,
    typer.Option("--recording", metavar="SOUND", help="Your own recording of the text, instead of a voice."),
]
Timelines = Annotated[
    list[Path] | None,
    typer.Option(
        "--timeline",
        metavar="FILE",
        help="Also write what is said when: .json, .tsv or .vtt; may be given several times.",
        show_default="none",
    ),
]
VOICE = {
    "language": LANGUAGE,
    "voice": typer.Option("--voice", help="espeak, flite, pico or piper:VOICE.onnx; obamanet voices lists them."),
    "rate": typer.Option("--rate", help="Times the voice's usual rate, 0.5 to 2.5."),
}
VIA = typer.Option(
    "--via",
    help="What moves the mouth: the sound of the voice, or the syllables of the text, by the person's mouth poses.",
    show_default="syllables where the person has learned them; audio for a recording",
)

ALIGNER = typer.Option("--aligner", help="How a recording's times are found; auto takes pocketsphinx where installed.")

VoiceOptions = Annotated[SayOptions, Fields(**VOICE, via=VIA)]
RecordableOptions = Annotated[SayOptions, Fields(**VOICE, via=VIA, aligner=ALIGNER)]
TimelineOptions = Annotated[SayOptions, Fields(**VOICE, aligner=ALIGNER)]


def read_text(text: str | None, file: Path | None) -> str | Iterator[str]:
    """Returns the text, or that of the file piece by piece; the file is checked here, before any work.

    Raises:
        OptionError: none or both are given, or nothing can be read.
    """
    if (text is None) == (file is None):
        raise OptionError("give a text or --text-file, one of them")
    if text is not None:
        if not text.strip():
            raise OptionError("text to say is empty; at least one word is needed")
        return text
    assert file is not None
    if not file.is_file():
        what = "a text file is needed, got a directory or device" if file.exists() else "no such text file"
        raise OptionError(f"{what}: {file}")
    if file.stat().st_size == 0:
        raise OptionError(f"text file is empty (0 bytes): {file}")
    return _pieces(file)


def _pieces(file: Path) -> Iterator[str]:
    with file.open(encoding="utf-8-sig") as stream:
        try:
            while piece := stream.read(PIECE_CHARACTERS):
                yield piece
        except UnicodeDecodeError as error:
            raise OptionError(f"text file is not UTF-8 ({error.reason} near byte {error.start}): {file}") from None


def name_of(text: str | None, file: Path | None) -> str:
    """Returns the name of a video without suffix: the text file's, or the text's first words."""
    if file is not None:
        return file.stem
    words = "-".join(re.findall(r"\w+", (text or "").lower()))[:NAME_CHARACTERS].strip("-")
    return words or "said"


def check_voice(options: SayOptions, recording: Path | None) -> None:
    """Raises an ObamanetError for a voice, language or rate that cannot be had, or does not go with a recording."""
    if recording is None:
        choose_voice(options.voice, options.language, options.rate)
        if options.aligner is not Aligner.AUTO:
            raise OptionError("--aligner goes with --recording: a voice tells its times itself")
        return
    if (options.voice, options.rate) != (SayOptions.voice, SayOptions.rate):
        raise OptionError("--recording is the voice itself: --voice and --rate do not go with it")
    known_language(options.language)
    check_aligner(options.aligner)
