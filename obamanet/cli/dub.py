"""Dubbing on the command line: a video and a sound in, the video with that sound in its mouth out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from obamanet.audio.load import open_sound
from obamanet.cli.boundary import console, result
from obamanet.cli.speak import (
    SOUND_HELP,
    Articulation,
    EngineName,
    Key,
    KeyCert,
    KeypointsOut,
    Out,
    Quiet,
    ShutLips,
    load_speaker,
    parse_video,
)
from obamanet.engine.network import Engine
from obamanet.errors import OptionError
from obamanet.video.reader import probe_video

DUB_EXAMPLES = """Examples:

obamanet dub interview.mp4 --sf speech.wav --person me

obamanet dub interview.mp4 --sf speech.wav --person me --out dubbed.mp4
"""


def dub_command(
    target: Annotated[Path, typer.Argument(metavar="VIDEO", help="The video to dub; it should show the person.")],
    sound: Annotated[Path, typer.Option("--sf", metavar="SOUND", help=SOUND_HELP)],
    person: Annotated[
        Path | None,
        typer.Option(
            "--person",
            metavar="DIR",
            help="Whose mouth is painted: a person's folder, or the dataset folder it was trained in.",
            show_default="checkpoints/grid_s1",
        ),
    ] = None,
    out: Out = None,
    keypoints_out: KeypointsOut = None,
    key_cert: KeyCert = None,
    key: Key = None,
    articulation: Articulation = 1.0,
    shut_lips: ShutLips = True,
    engine: EngineName = Engine.ONNXRUNTIME,
    quiet: Quiet = False,
) -> None:
    """Let the person in VIDEO say SOUND: its mouth is painted anew, all else stays as recorded. Prints the new path.

    Head, cuts, size, frame rate and length stay; a longer sound plays the video forward and backward, after a shorter
    one the mouth rests. The video is labelled and signed as synthetic. Dub nobody who has not agreed to what is said.
    """
    # What is wrong is told before any network is loaded.
    open_sound(sound)
    probe_video(target)
    out = out if out is not None else Path("out") / f"{target.stem}.mp4"
    choice = parse_video(out, person, None, keypoints_out, key_cert, key, engine)
    for path in filter(None, (out, keypoints_out)):
        if path.resolve() in (sound.resolve(), target.resolve()):
            raise OptionError(f"the output would replace its own source: {path}; name another one with --out")

    from obamanet.pipelines.dub import dub
    from obamanet.pipelines.speak import SpeakOptions

    options = SpeakOptions(None, choice.key, keypoints_out, articulation, shut_lips)
    dub(target, sound, out, load_speaker(choice.person, choice.engine), options, console(quiet))
    result(out)
