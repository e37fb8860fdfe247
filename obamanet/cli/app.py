"""The command ``obamanet``: its verbs and their help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from obamanet.about import VERSION
from obamanet.cli.boundary import HELP_NAMES
from obamanet.cli.dub import DUB_EXAMPLES, dub_command
from obamanet.cli.encoder import ENCODER_EXAMPLE, encoder_command
from obamanet.cli.evaluate import EXAMPLES, evaluate_command
from obamanet.cli.export import EXPORT_EXAMPLES, export_command
from obamanet.cli.forget import FORGET_EXAMPLES, forget_command
from obamanet.cli.montage import MONTAGE_EXAMPLES, montage_command
from obamanet.cli.persons import describe, find_person
from obamanet.cli.pix2pix import pix2pix_app
from obamanet.cli.speak import (
    EPILOG,
    SOUND_HELP,
    Articulation,
    EngineName,
    Fps,
    Key,
    KeyCert,
    KeypointsOut,
    Out,
    PersonFolder,
    Quiet,
    ShutLips,
    parse_speak,
    speak_command,
)
from obamanet.cli.train import (
    assemble_command,
    keypoints_command,
    lip_reader_command,
    poses_command,
    prepare_command,
    renderer_command,
    syncnet_command,
)
from obamanet.engine.network import Engine
from obamanet.memory import check_memory

OVERVIEW = """A person of your own, in three commands and one:

obamanet prepare videos/*.mp4 --out me

obamanet train keypoints me

obamanet train renderer me

obamanet speak speech.wav --person me
"""

TRAIN_EXAMPLES = """Examples:

obamanet train keypoints me

obamanet train renderer me --max-minutes 60

obamanet train renderer me --mode inpaint --out me/inpaint
"""


def obamanet_app() -> typer.Typer:
    """Return the program with all its verbs."""
    app = typer.Typer(
        add_completion=False, pretty_exceptions_enable=False, context_settings=HELP_NAMES, epilog=OVERVIEW
    )
    app.callback()(overview)
    app.command("speak", epilog=EPILOG.format(program="obamanet speak"))(speak)
    app.command("dub", epilog=DUB_EXAMPLES)(dub_command)
    app.command("verify")(verify)
    app.command("montage", epilog=MONTAGE_EXAMPLES)(montage_command)
    app.command("prepare", epilog="Example:\n\nobamanet prepare videos/*.mp4 --out me")(prepare_command)
    train = typer.Typer(context_settings=HELP_NAMES, epilog=TRAIN_EXAMPLES, help="Train a person on a dataset.")
    # Before Keras: with too little memory its import may crash, which nobody can catch.
    train.callback()(check_memory)
    train.command("keypoints")(keypoints_command)
    train.command("renderer")(renderer_command)
    train.command("lipreader")(lip_reader_command)
    train.command("syncnet")(syncnet_command)
    train.command("encoder", epilog=ENCODER_EXAMPLE)(encoder_command)
    app.add_typer(train, name="train")
    app.command("assemble")(assemble_command)
    app.command("poses", epilog="Example:\n\nobamanet poses me")(poses_command)
    app.command("person")(person)
    app.command("export", epilog=EXPORT_EXAMPLES)(export_command)
    app.command("forget", epilog=FORGET_EXAMPLES)(forget_command)
    app.command("evaluate", epilog=EXAMPLES)(evaluate_command)
    app.add_typer(pix2pix_app(), name="pix2pix")
    return app


def print_version(asked: bool) -> None:
    """Print the version and end, where that was asked for."""
    if asked:
        print(VERSION, flush=True)
        raise typer.Exit


def overview(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=print_version, help="Print the version.")
    ] = False,
) -> None:
    """Speech to video: a sound file in, a video of a face that says it out."""


def speak(
    sound: Annotated[Path, typer.Argument(metavar="SOUND", help=SOUND_HELP)],
    out: Out = None,
    person: PersonFolder = None,
    fps: Fps = None,
    keypoints_out: KeypointsOut = None,
    key_cert: KeyCert = None,
    key: Key = None,
    articulation: Articulation = 1.0,
    shut_lips: ShutLips = True,
    engine: EngineName = Engine.ONNXRUNTIME,
    quiet: Quiet = False,
) -> None:
    """Write a video of a person who says SOUND. Prints its path.

    The video is labelled and signed as synthetic. Make nobody say what they did not agree to.
    """
    speak_command(
        parse_speak(sound, out, person, fps, keypoints_out, key_cert, key, articulation, quiet, shut_lips, engine)
    )


def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An mp4 video.")],
    trust: Annotated[
        Path | None, typer.Option("--trust", metavar="PEM", help="Certificates of signers' authorities that you trust.")
    ] = None,
) -> None:
    """Say what a video's signed manifest tells, and whether the file was changed since.

    Exit code 0: a manifest is there and the file is unchanged; 1: no manifest, or the file was changed.
    """
    from obamanet import provenance

    report = provenance.verify_video(file, trust)
    print("\n".join(provenance.describe(report)), flush=True)
    if not (report.found and report.intact):
        raise typer.Exit(1)


def person(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DIR]",
            help="A person's folder, or the dataset folder it was trained in.",
            show_default="the default person",
        ),
    ] = None,
) -> None:
    """Check a person and show its card: sizes, origin, licence, consent, figures."""
    from obamanet.person import load_person

    print("\n".join(describe(load_person(find_person(folder)))), flush=True)
