"""The main job on the command line: a sound file in, a video out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from obamanet.audio.load import open_sound
from obamanet.cli.boundary import console, result
from obamanet.cli.outputs import check_outputs
from obamanet.cli.persons import find_person
from obamanet.engine.network import Engine, check_engine
from obamanet.errors import OptionError
from obamanet.provenance import SigningKey, check_key
from obamanet.timing import parse_rate

if TYPE_CHECKING:
    from obamanet.inference.speaker import Speaker

SOUND_HELP = (
    "The speech: a sound file of any kind (wav, mp3, flac, ogg, m4a, ...) or a video with sound; 0.1 s to 24 h."
)

Out = Annotated[
    Path | None,
    typer.Option("--out", "-o", metavar="MP4", help="The video to write.", show_default="out/NAME-OF-THE-SOUND.mp4"),
]
PersonFolder = Annotated[
    Path | None,
    typer.Option(
        "--person",
        metavar="DIR",
        help="Who speaks: a person's folder, or the dataset folder it was trained in.",
        show_default="the default person",
    ),
]
Fps = Annotated[
    str | None,
    typer.Option(
        "--fps",
        metavar="RATE",
        help="Frames per second: 25, 29.97 or 30000/1001; 1 to 240.",
        show_default="the person's own",
    ),
]
KeypointsOut = Annotated[
    Path | None,
    typer.Option(
        "--keypoints-out",
        metavar="NPZ",
        help="Also write the mouth's movement: keypoints (T, 20, 2), canonical coordinates, and fps as text.",
    ),
]
KeyCert = Annotated[
    Path | None,
    typer.Option(
        "--key-cert",
        metavar="PEM",
        help="Sign the video with your own certificate chain; needs --key.",
        show_default="a local key, made on first use",
    ),
]
Key = Annotated[
    Path | None, typer.Option("--key", metavar="PEM", help="The private key that belongs to --key-cert, unencrypted.")
]
Articulation = Annotated[
    float,
    typer.Option(
        "--articulation", help="How far the mouth moves: 1 as learned, 2 twice as far, 0 only where lips meet."
    ),
]
ShutLips = Annotated[
    bool,
    typer.Option("--shut-lips/--open-lips", help="Whether lips meet where a p, b or m is heard, or as learned alone."),
]
EngineName = Annotated[
    Engine,
    typer.Option(
        "--engine",
        help="What runs the networks; fast takes a renderer in eight-bit integers: obamanet export --precision int8.",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress; errors are still told.")]


@dataclass(frozen=True)
class VideoChoice:
    """Who speaks, at which frame rate (None for the person's own), signed by which key (None for the local one)."""

    person: Path
    fps: Fraction | None
    key: SigningKey | None
    engine: Engine = Engine.ONNXRUNTIME


@dataclass(frozen=True)
class SpeakCommand:
    """A checked request to speak: every path is usable as far as can be known before the work."""

    sound: Path
    out: Path
    person: Path
    fps: Fraction | None
    keypoints_out: Path | None
    key: SigningKey | None
    articulation: float
    quiet: bool
    shut_lips: bool = True
    engine: Engine = Engine.ONNXRUNTIME


def parse_speak(
    sound: Path,
    out: Path | None,
    person: Path | None,
    fps: str | None,
    keypoints_out: Path | None,
    key_cert: Path | None,
    key: Path | None,
    articulation: float,
    quiet: bool,
    shut_lips: bool = True,
    engine: Engine = Engine.ONNXRUNTIME,
) -> SpeakCommand:
    """Return the checked request, or raise an :class:`obamanet.errors.ObamanetError`.

    What is wrong is told here, before any network is loaded.
    """
    open_sound(sound)
    out = out if out is not None else Path("out") / f"{sound.stem}.mp4"
    video = parse_video(out, person, fps, keypoints_out, key_cert, key, engine, inputs=[sound])
    return SpeakCommand(
        sound, out, video.person, video.fps, keypoints_out, video.key, articulation, quiet, shut_lips, engine
    )


def parse_video(
    out: Path,
    person: Path | None,
    fps: str | None,
    keypoints_out: Path | None,
    key_cert: Path | None,
    key: Path | None,
    engine: Engine = Engine.ONNXRUNTIME,
    inputs: Sequence[Path] = (),
) -> VideoChoice:
    """Return what every way of speaking asks of its video, checked, or raise an ObamanetError.

    ``inputs`` are the files that it is made from, beside the person and the key.
    """
    own_key = parse_key(key_cert, key)
    check_engine(engine)
    rate = parse_rate(fps) if fps is not None else None
    if out.suffix.lower() != ".mp4":
        raise OptionError(f"the video is an mp4 file: got {out}, allowed is a name that ends in .mp4")
    if keypoints_out is not None and keypoints_out.suffix.lower() != ".npz":
        raise OptionError(f"keypoints are an npz file: got {keypoints_out}, allowed is a name that ends in .npz")
    folder = find_person(person)
    check_outputs((out, keypoints_out), (*inputs, folder, key_cert, key))
    check_key(own_key)
    return VideoChoice(folder, rate, own_key, engine)


def parse_key(key_cert: Path | None, key: Path | None) -> SigningKey | None:
    """Return the user's own key, None for the local one; raises OptionError where one of its two files is missing."""
    if (key_cert is None) != (key is None):
        raise OptionError("--key-cert and --key belong together: give both or neither")
    return SigningKey(certificate_chain=key_cert, private_key=key) if key_cert and key else None


def load_speaker(folder: Path, engine: Engine) -> Speaker:
    """Return the person in ``folder`` ready to speak by ``engine``; raises an ObamanetError."""
    from obamanet.inference.speaker import Speaker
    from obamanet.person import load_person

    return Speaker(load_person(folder), engine)


def speak_command(command: SpeakCommand) -> None:
    """Write the video and print its path."""
    from obamanet.pipelines.speak import SpeakOptions, speak

    options = SpeakOptions(command.fps, command.key, command.keypoints_out, command.articulation, command.shut_lips)
    speaker = load_speaker(command.person, command.engine)
    speak(command.sound, command.out, speaker, options, console(command.quiet))
    result(command.out)


EPILOG = """Examples:

{program} speech.wav

{program} speech.wav --out talk.mp4 --fps 29.97

{program} speech.wav --person my_dataset --keypoints-out mouth.npz
"""
