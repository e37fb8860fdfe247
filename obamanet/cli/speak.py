"""The main job on the command line: a sound file in, a video out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from obamanet.cli.boundary import console, result
from obamanet.cli.declare import command
from obamanet.cli.options import SOUND_HELP, Fps, Quiet, VideoOptions


@command(
    "speech.wav",
    "speech.wav --out talk.mp4 --fps 29.97",
    "speech.wav --person my_dataset --keypoints-out mouth.npz",
)
def speak_verb(
    *,
    sound: Annotated[Path, typer.Argument(metavar="SOUND", help=SOUND_HELP)],
    video: VideoOptions,
    fps: Fps = None,
    quiet: Quiet = False,
) -> None:
    """Write a video of a person who says SOUND. Prints its path.

    The video is labelled and signed as synthetic. Make nobody say what they did not agree to.
    """
    speak_sound(sound, video, fps, quiet)


def speak_sound(sound: Path, video: VideoOptions, fps: str | None, quiet: bool) -> None:
    """Writes the video of a person who says ``sound`` and prints its path."""
    from obamanet.audio.load import open_sound

    open_sound(sound)
    job = video.checked(sound.stem, [sound], fps=fps)

    from obamanet.memory import return_large_blocks
    from obamanet.pipelines.speak import speak

    return_large_blocks()
    speak(sound, job.out, job.load_speaker(), job.options, console(quiet))
    result(job.out)
