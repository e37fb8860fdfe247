"""The pix2pix tools on the command line: folders of pictures in, folders or files out."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from obamanet.cli.boundary import HELP_NAMES, console, result
from obamanet.cli.export import FormatName, PrecisionName
from obamanet.cli.outputs import check_outputs
from obamanet.cli.speak import Quiet
from obamanet.cli.train import MaxMinutes, MaxSteps, Seed, Weights
from obamanet.constants import IMAGE_SIZE
from obamanet.engine.formats import Format, Precision
from obamanet.errors import OptionError

if TYPE_CHECKING:
    from obamanet.pix2pix.measures import Measures

EXAMPLES = """Examples:

obamanet pix2pix combine photos drawings --out pairs

obamanet pix2pix split pairs --out data

obamanet pix2pix train data/train --val data/val --out run --direction BtoA --keep-epoch 10 --keep-epoch 200

obamanet pix2pix test run data/test --out shown
"""


class Way(StrEnum):
    """Which half of a picture is the condition; obamanet.pix2pix.pairs says the same, but that loads TensorFlow."""

    A_TO_B = "AtoB"
    B_TO_A = "BtoA"


Pictures = Annotated[
    Path, typer.Argument(metavar="PICTURES", help="A folder of A|B pictures: both halves side by side; png, jpg, jpeg.")
]
Run = Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a training run.")]
OutFolder = Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="The folder to make.")]
WhichWeights = Annotated[
    Weights, typer.Option("--weights", help="Those that validated best, or the last of the training.")
]


def pix2pix_app() -> typer.Typer:
    """Return the group of the pix2pix tools."""
    app = typer.Typer(
        context_settings=HELP_NAMES, epilog=EXAMPLES, help="Train and use pix2pix on folders of A|B pictures."
    )
    for name, command in (
        ("train", train),
        ("test", test),
        ("compare", compare),
        ("export", export),
        ("resize", resize),
        ("combine", combine),
        ("split", split),
    ):
        app.command(name)(command)
    return app


def train(
    pictures: Pictures,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="RUN", help="The run's folder, to begin or to go on.")],
    val: Annotated[
        Path | None,
        typer.Option(
            "--val",
            metavar="DIR",
            help="Pictures that choose the best weights.",
            show_default="a share of PICTURES, which then is not trained on",
        ),
    ] = None,
    val_share: Annotated[float, typer.Option("--val-share", help="That share, 0 to 1.")] = 0.1,
    direction: Annotated[Way, typer.Option("--direction", help="Paint B from A, or A from B.")] = Way.A_TO_B,
    epochs: Annotated[int, typer.Option("--epochs", help="Passes over all training pictures.")] = 200,
    keep_epoch: Annotated[
        list[int] | None,
        typer.Option("--keep-epoch", help="Keep the weights after this epoch for compare; may be given again."),
    ] = None,
    image_size: Annotated[
        int, typer.Option("--image-size", help="Side of the square painted, in pixels, a power of two, 32 to 1024.")
    ] = IMAGE_SIZE,
    load_size: Annotated[
        int | None,
        typer.Option(
            "--load-size",
            help="Side in pixels from which that square is cropped at random.",
            show_default="286 for 256, and in proportion",
        ),
    ] = None,
    flip: Annotated[bool, typer.Option("--flip/--no-flip", help="Mirror half of the pairs.")] = True,
    width: Annotated[int, typer.Option("--width", help="Filters of the generator's first layer, 4 to 128.")] = 64,
    discriminator_width: Annotated[
        int, typer.Option("--discriminator-width", help="Filters of the adversary's first layer.")
    ] = 64,
    batch_size: Annotated[int, typer.Option("--batch-size", help="Pairs per step.")] = 1,
    learning_rate: Annotated[
        float, typer.Option("--learning-rate", help="Size of the first steps; falls to zero over the second half.")
    ] = 2e-4,
    l1_weight: Annotated[float, typer.Option("--l1-weight", help="Weight of the L1 loss.")] = 100.0,
    gan_weight: Annotated[float, typer.Option("--gan-weight", help="Weight of the adversary's loss.")] = 1.0,
    gan_start: Annotated[
        float, typer.Option("--gan-start", help="Share of the training, 0 to 1, after which the adversary joins.")
    ] = 0.0,
    seed: Seed = 1,
    max_steps: MaxSteps = None,
    max_minutes: MaxMinutes = None,
    quiet: Quiet = False,
) -> None:
    """Train a generator on A|B pictures; the defaults are the paper's. Prints the run's folder.

    Interrupt it at any time: the same command goes on where the last evaluation was.
    """
    from obamanet.networks.config import GeneratorConfig
    from obamanet.pix2pix.pairs import Direction
    from obamanet.pix2pix.train_folder import train_folder
    from obamanet.training.loop.runner import Limits
    from obamanet.training.renderer.pix2pix_training import TrainOptions

    progress = console(quiet)
    report = train_folder(
        pictures,
        out,
        GeneratorConfig(image_size=image_size, width=width),
        TrainOptions(
            batch_size=batch_size,
            learning_rate=learning_rate,
            l1_weight=l1_weight,
            gan_weight=gan_weight,
            gan_start=gan_start,
            discriminator_width=discriminator_width,
            seed=seed,
        ),
        epochs=epochs,
        val=val,
        val_share=val_share,
        direction=Direction(direction.value),
        load_size=load_size,
        flip=flip,
        keep_epochs=keep_epoch or (),
        limits=Limits(steps=max_steps, minutes=max_minutes),
        progress=progress,
    )
    progress.note(
        f"step {report.step} of {report.steps}; best score {report.best_score:.4g} at step {report.best_step}"
    )
    result(out)


def test(
    run: Run, pictures: Pictures, out: OutFolder, weights: WhichWeights = Weights.BEST, quiet: Quiet = False
) -> None:
    """Paint a folder of A|B pictures and show inputs, outputs and targets. Prints the page."""
    from obamanet.pix2pix.checkpoint import Which
    from obamanet.pix2pix.test_folder import test_folder

    progress = console(quiet)
    report = test_folder(run, pictures, out, which=Which(weights.value), progress=progress)
    progress.note(f"{report.pictures} pictures: {_figures(report.mean)}")
    result(report.page)


def compare(run: Run, pictures: Pictures, out: OutFolder, quiet: Quiet = False) -> None:
    """Set the weights that --keep-epoch kept against each other: a table and a picture. Prints the page."""
    from obamanet.pix2pix.compare import compare_epochs

    progress = console(quiet)
    for one in compare_epochs(run, pictures, out, progress=progress):
        progress.note(f"epoch {one.epoch:g}: {_figures(one.mean)}")
    result(out / "index.html")


def export(
    run: Run,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="The file to write, NAME.keras or NAME.onnx.")
    ],
    weights: WhichWeights = Weights.BEST,
    to: FormatName = Format.KERAS,
    precision: PrecisionName = None,
    pictures: Annotated[
        Path | None, typer.Option("--pictures", metavar="DIR", help="A|B pictures that calibrate int8.")
    ] = None,
) -> None:
    """Write the generator as a Keras or ONNX file that needs no training code. Prints its path.

    Beside it: NAME.json, which says what goes in and comes out, and for Keras NAME.weights.h5, half the size.
    """
    from obamanet.pix2pix.checkpoint import Which
    from obamanet.pix2pix.export_generator import export_generator, export_onnx

    if to is Format.ONNX:
        check_outputs((out, out.with_suffix(".json")), [run, pictures])
        export_onnx(run, out, which=Which(weights.value), precision=precision or Precision.FP16, pictures=pictures)
        result(out)
        return
    if precision not in (None, Precision.FP32) or pictures:
        raise OptionError("--precision and --pictures are for --to onnx: a keras file holds fp32")
    check_outputs((out, out.with_suffix(".weights.h5"), out.with_suffix(".json")), [run])
    result(export_generator(run, out, which=Which(weights.value)).model)


def resize(
    source: Annotated[Path, typer.Argument(metavar="PICTURES", help="A folder of pictures; it stays as it is.")],
    out: OutFolder,
    size: Annotated[int, typer.Option("--size", help="Side of the squares in pixels.")] = IMAGE_SIZE,
    pad: Annotated[
        bool, typer.Option("--pad", help="Keep the whole picture, black beside it, not its middle.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Make squares of one size of all pictures, unstretched. Prints the folder."""
    from obamanet.pix2pix.folders import resize_folder

    progress = console(quiet)
    count = resize_folder(source, out, size, pad=pad, progress=progress)
    progress.note(f"{count} pictures of {size}x{size} pixels")
    result(out)


def combine(
    a: Annotated[Path, typer.Argument(metavar="A", help="The folder of the left halves.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="The folder of the right halves, of the same names.")],
    out: OutFolder,
    quiet: Quiet = False,
) -> None:
    """Put pictures of the same name side by side. Prints the folder."""
    from obamanet.pix2pix.folders import combine_folders

    progress = console(quiet)
    report = combine_folders(a, b, out, progress=progress)
    progress.note(f"{report.pairs} pairs")
    for folder, names in ((a, report.only_a), (b, report.only_b)):
        if names:
            shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
            progress.note(f"only in {folder}, left out: {len(names)} ({shown})")
    result(out)


def split(
    source: Annotated[Path, typer.Argument(metavar="PICTURES", help="A folder of pictures; it stays as it is.")],
    out: OutFolder,
    train_share: Annotated[float, typer.Option("--train", help="Share that trains.")] = 0.8,
    val_share: Annotated[float, typer.Option("--val", help="Share that validates.")] = 0.1,
    test_share: Annotated[float, typer.Option("--test", help="Share that tests; all three make 1.")] = 0.1,
    seed: Annotated[int, typer.Option("--seed", help="Same seed, same split.")] = 1,
    quiet: Quiet = False,
) -> None:
    """Copy pictures into DIR/train, DIR/val and DIR/test. Prints DIR."""
    from obamanet.pix2pix.folders import Shares, split_folder

    progress = console(quiet)
    counts = split_folder(source, out, Shares(train_share, val_share, test_share), seed=seed, progress=progress)
    progress.note(", ".join(f"{name} {count}" for name, count in counts.items()))
    result(out)


def _figures(mean: Measures) -> str:
    return f"L1 {mean.l1:.2f} of 255, PSNR {mean.psnr:.2f} dB, SSIM {mean.ssim:.3f}"
