"""The command run.py: the sound or the text as an option, one video out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from obamanet.cli.declare import command
from obamanet.cli.options import SOUND_HELP, Fps, Quiet, VideoOptions
from obamanet.cli.say import say_text
from obamanet.cli.speak import speak_sound
from obamanet.cli.texts import TextFile, Timelines, VoiceOptions
from obamanet.errors import OptionError
from text2face.say import MouthSource, SayOptions


@command(
    "--sf speech.wav",
    "--sf speech.wav --out talk.mp4 --fps 29.97",
    '--text "Hello, I am a face made by a program."',
    '--text "Hola, ¿qué tal?" --lang es --person my_dataset',
)
def run_verb(
    *,
    sound: Annotated[Path | None, typer.Option("--sf", metavar="SOUND", help=SOUND_HELP, show_default=False)] = None,
    text: Annotated[
        str | None, typer.Option("--text", metavar="TEXT", help="What to say, instead of a sound.", show_default=False)
    ] = None,
    text_file: TextFile = None,
    options: VoiceOptions,
    timeline: Timelines = None,
    video: VideoOptions,
    fps: Fps = None,
    quiet: Quiet = False,
) -> None:
    """Write a video of a person who says SOUND, or TEXT, and print its path.

    The video is labelled and signed as synthetic. Make nobody say what they did not agree to.
    """
    if sound is None:
        if text is None and text_file is None:
            raise OptionError("nothing to say: give a sound with --sf, a text with --text, or a file with --text-file")
        say_text(text, text_file, replace(options, timelines=tuple(timeline or ())), video, fps, quiet)
        return
    if text is not None or text_file is not None:
        raise OptionError("--sf and a text exclude each other: to time a recording's text, use obamanet timeline")
    if timeline:
        raise OptionError("--timeline needs --text or --text-file")
    if options.via is MouthSource.SYLLABLES:
        raise OptionError("--via syllables needs a text: with a sound alone, the sound moves the mouth")
    if any(getattr(options, name) != getattr(SayOptions, name) for name in ("language", "voice", "rate")):
        raise OptionError("--lang, --voice and --rate need --text or --text-file: a sound has its voice")
    speak_sound(sound, video, fps, quiet)
