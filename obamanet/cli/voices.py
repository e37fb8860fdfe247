"""The voices on the command line: those that can be had."""

from __future__ import annotations

from typing import Annotated

import typer

from obamanet.cli.declare import command


@command("", "--languages")
def voices_verb(
    *,
    languages: Annotated[bool, typer.Option("--languages", help="List eSpeak NG's languages instead.")] = False,
) -> None:
    """Show the voices, what they speak, their licences, and whether they are installed."""
    from text2face.voice.espeak import languages as espeak_languages
    from text2face.voice.voices import voices

    if languages:
        print("\n".join(espeak_languages()), flush=True)
        return
    for voice in voices():
        print(f"{voice.name}: {voice.speaks}; {voice.state}; licence: {voice.licence}")
    print("your own: any recording, by --recording SOUND with its text; ready; licence: yours", flush=True)
