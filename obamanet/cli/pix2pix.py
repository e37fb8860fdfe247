"""The pix2pix tools on the command line: a generator trained on A|B pictures, tried, compared and exported."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from obamanet.cli.boundary import console, result
from obamanet.cli.declare import Fields, command
from obamanet.cli.export import FormatName, PrecisionName, ReduceChoice
from obamanet.cli.options import SEED, Quiet
from obamanet.cli.outputs import check_outputs
from obamanet.cli.training import RunLimits
from obamanet.engine.formats import Format, Precision
from obamanet.errors import OptionError
from obamanet.networks.config import GeneratorConfig
from obamanet.pipelines.standalone import table
from obamanet.pix2pix.checkpoint import Which
from obamanet.pix2pix.compare import compare_epochs
from obamanet.pix2pix.export_generator import export_generator, export_graph, export_reduced
from obamanet.pix2pix.measures import Measures
from obamanet.pix2pix.pairs import Direction
from obamanet.pix2pix.test_folder import test_folder
from obamanet.pix2pix.train_folder import VAL_SHARE, train_folder
from obamanet.progress import Progress
from obamanet.training.renderer.pix2pix_training import TrainOptions
from obamanet.training.renderer.reduce_options import ReduceOptions

Pictures = Annotated[
    Path, typer.Argument(metavar="PICTURES", help="A folder of A|B pictures: both halves side by side; png, jpg, jpeg.")
]
Run = Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a training run.")]
OutFolder = Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="The folder to make.")]
WhichWeights = Annotated[
    Which, typer.Option("--weights", help="Those that validated best, or the last of the training.")
]


@command("data/train --val data/val --out run --direction BtoA --keep-epoch 10 --keep-epoch 200")
def train_verb(
    *,
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
    val_share: Annotated[float, typer.Option("--val-share", help="That share, 0 to 1.")] = VAL_SHARE,
    direction: Annotated[
        Direction, typer.Option("--direction", help="Paint B from A, or A from B.")
    ] = Direction.A_TO_B,
    epochs: Annotated[int, typer.Option("--epochs", help="Passes over all training pictures.")] = 200,
    keep_epoch: Annotated[
        list[int] | None,
        typer.Option("--keep-epoch", help="Keep the weights after this epoch for compare; may be given again."),
    ] = None,
    config: Annotated[
        GeneratorConfig,
        Fields(
            image_size="Side of the square painted, in pixels, a power of two, 32 to 1024.",
            width="Filters of the generator's first layer, 4 to 128.",
            fold="Side of the pixel blocks that the first layer takes as one: 1, 2 or 4; larger is quicker.",
        ),
    ],
    load_size: Annotated[
        int | None,
        typer.Option(
            "--load-size",
            help="Side in pixels from which that square is cropped at random.",
            show_default="286 for 256, and in proportion",
        ),
    ] = None,
    flip: Annotated[bool, typer.Option("--flip/--no-flip", help="Mirror half of the pairs.")] = True,
    options: Annotated[
        TrainOptions,
        Fields(
            discriminator_width="Filters of the adversary's first layer.",
            batch_size="Pairs per step.",
            learning_rate="Size of the first steps; falls to zero over the second half.",
            l1_weight="Weight of the L1 loss.",
            gan_weight="Weight of the adversary's loss.",
            gan_start="Share of the training, 0 to 1, after which the adversary joins.",
            seed=SEED,
        ),
    ],
    limits: RunLimits,
    quiet: Quiet = False,
) -> None:
    """Train a generator on A|B pictures; the defaults are the paper's. Prints the run's folder.

    Interrupt it at any time: the same command goes on where the last evaluation was.
    """
    progress = console(quiet)
    report = train_folder(
        pictures,
        out,
        config,
        options,
        epochs=epochs,
        val=val,
        val_share=val_share,
        direction=direction,
        load_size=load_size,
        flip=flip,
        keep_epochs=keep_epoch or (),
        limits=limits,
        progress=progress,
    )
    progress.note(
        f"step {report.step} of {report.steps}; best score {report.best_score:.4g} at step {report.best_step}"
    )
    result(out)


@command("run data/test --out shown")
def test_verb(
    *,
    run: Run,
    pictures: Pictures,
    out: OutFolder,
    weights: WhichWeights = Which.BEST,
    quiet: Quiet = False,
) -> None:
    """Paint a folder of A|B pictures and show inputs, outputs and targets. Prints the page."""
    progress = console(quiet)
    report = test_folder(run, pictures, out, which=weights, progress=progress)
    progress.note(f"{report.pictures} pictures: {_figures(report.mean)}")
    result(report.page)


@command("run data/test --out compared", "run data/test --out compared --epoch 10 --epoch 200 --frame me-00042")
def compare_verb(
    *,
    run: Run,
    pictures: Pictures,
    out: OutFolder,
    epoch: Annotated[
        list[int] | None,
        typer.Option("--epoch", help="One of the kept epochs; may be given again.", show_default="all of them"),
    ] = None,
    frame: Annotated[
        str | None,
        typer.Option(
            "--frame",
            metavar="NAME",
            help="Show this picture over time, named without suffix.",
            show_default="some of PICTURES",
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Set the weights that --keep-epoch kept against each other: figures, curves, pictures. Prints the page.

    epochs.png beside it shows the same pictures and curves, epochs.csv the figures.
    """
    progress = console(quiet)
    for one in compare_epochs(run, pictures, out, epochs=epoch or (), frame=frame, progress=progress):
        progress.note(f"epoch {one.epoch}: {_figures(one.mean)}")
    result(out / "index.html")


@command(
    "run --out generator.keras",
    "run --to onnx --out generator.onnx",
    "run --to onnx --out small.onnx --reduce 16 --pictures data/train",
)
def export_verb(
    *,
    run: Run,
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="FILE", help="The file to write, NAME.keras, .onnx or .tflite."),
    ],
    weights: WhichWeights = Which.BEST,
    to: FormatName = Format.KERAS,
    precision: PrecisionName = None,
    pictures: Annotated[
        Path | None,
        typer.Option(
            "--pictures", metavar="DIR", help="A|B pictures that calibrate int8, and that --reduce is taught with."
        ),
    ] = None,
    reduction: ReduceChoice,
    quiet: Quiet = False,
) -> None:
    """Write the generator as a Keras, ONNX or TensorFlow Lite file that needs no training code. Prints its path.

    Beside it: NAME.json, which says what goes in and comes out, and for Keras NAME.weights.h5, half the size. With
    --reduce a table tells size, speed and distance of the full generator and the reduced one.
    """
    if out.suffix != f".{to}":
        raise OptionError(f"the exported file must end in .{to}: got {out}; --to chooses another format")
    if reduction.options:
        _export_reduced(run, out, weights, to, precision, pictures, reduction.options, console(quiet))
        return
    if to is not Format.KERAS:
        check_outputs((out, out.with_suffix(".json")), [run, pictures])
        export_graph(run, out, which=weights, precision=precision or Precision.FP16, pictures=pictures)
        result(out)
        return
    if precision not in (None, Precision.FP32) or pictures:
        raise OptionError("--precision and --pictures are for other files: a keras file holds fp32")
    check_outputs((out, out.with_suffix(".weights.h5"), out.with_suffix(".json")), [run])
    result(export_generator(run, out, which=weights).model)


def _export_reduced(
    run: Path,
    out: Path,
    weights: Which,
    to: Format,
    precision: Precision | None,
    pictures: Path | None,
    options: ReduceOptions,
    progress: Progress,
) -> None:
    if to is Format.KERAS and precision not in (None, Precision.FP32):
        raise OptionError(f"keras files hold fp32: got {precision}; leave --precision out")
    if pictures is None:
        raise OptionError("--reduce needs --pictures DIR to be taught with: those that the run was trained on")
    outputs = [out, out.with_suffix(".json"), *([out.with_suffix(".weights.h5")] if to is Format.KERAS else [])]
    check_outputs(outputs, [run, pictures])
    files = export_reduced(
        run, out, pictures, options, which=weights, precision=precision or Precision.FP16, progress=progress
    )
    for line in table(files):
        progress.note(line)
    result(out)


def _figures(mean: Measures) -> str:
    return f"L1 {mean.l1:.2f} of 255, PSNR {mean.psnr:.2f} dB, SSIM {mean.ssim:.3f}"
