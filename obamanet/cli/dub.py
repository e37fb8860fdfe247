"""Dubbing on the command line: a video and a sound in, the video with that sound in its mouth out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from obamanet.cli.boundary import console, result
from obamanet.cli.declare import command
from obamanet.cli.options import SOUND_HELP, Quiet, VideoOptions


@command(
    "interview.mp4 --sf speech.wav --person me",
    "interview.mp4 --sf speech.wav --person me --out dubbed.mp4",
)
def dub_verb(
    *,
    target: Annotated[Path, typer.Argument(metavar="VIDEO", help="The video to dub; it should show the person.")],
    sound: Annotated[Path, typer.Option("--sf", metavar="SOUND", help=SOUND_HELP)],
    video: VideoOptions,
    quiet: Quiet = False,
) -> None:
    """Let the person in VIDEO say SOUND: its mouth is painted anew, all else stays as recorded. Prints the new path.

    Head, cuts, size, frame rate and length stay; a longer sound plays the video forward and backward, after a shorter
    one the mouth rests. The video is labelled and signed as synthetic. Dub nobody who has not agreed to what is said.
    """
    from obamanet.audio.load import open_sound
    from obamanet.video.reader import probe_video

    open_sound(sound)
    probe_video(target)
    job = video.checked(target.stem, [sound, target])

    from obamanet.pipelines.dub import dub

    dub(target, sound, job.out, job.load_speaker(), job.options, console(quiet))
    result(job.out)
