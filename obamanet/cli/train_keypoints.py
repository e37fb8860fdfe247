"""The training of a person's predictor on the command line: sound to mouth movement."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from obamanet.cli.boundary import console
from obamanet.cli.declare import Fields, command
from obamanet.cli.options import SEED, DatasetFolder, Quiet
from obamanet.cli.persons import find_start
from obamanet.cli.training import OR_START, STEPS, RunLimits, SplitOptions, finish_part, run_folder
from obamanet.training.data.dataset import KEYPOINTS, load_dataset
from obamanet.training.data.synthetic_voices import load_synthetic_voices
from obamanet.training.loop.trained_networks import trained_predictor
from obamanet.training.speech.keypoint_training import KeypointOptions, start_weights, train_keypoints


class Features(StrEnum):
    """Kinds of sound features."""

    LOGFBANK = "logfbank"
    MFCC = "mfcc"
    SPEECH = "speech"


USUAL_FEATURES = Features(KeypointOptions.features)


@command("me", "me --max-minutes 30", "me --start checkpoints/grid_s1")
def keypoints_verb(
    *,
    folder: DatasetFolder,
    out: Annotated[Path | None, run_folder(KEYPOINTS)] = None,
    options: Annotated[
        KeypointOptions,
        Fields(
            steps=STEPS,
            batch_size="Examples per step.",
            learning_rate="Size of the first steps.",
            bidirectional=typer.Option(
                "--bidirectional", help="Hear the whole sound instead; cannot run on a live stream."
            ),
            seed=SEED,
        ),
    ],
    units: Annotated[
        int | None,
        typer.Option(
            "--units", help="Cells of an LSTM layer, 8 to 1024.", show_default=f"{KeypointOptions.units}{OR_START}"
        ),
    ] = None,
    layers: Annotated[
        int | None,
        typer.Option("--layers", help="LSTM layers, 1 to 4.", show_default=f"{KeypointOptions.layers}{OR_START}"),
    ] = None,
    lookahead: Annotated[
        float | None,
        typer.Option(
            "--lookahead",
            help="Seconds of sound heard ahead of each frame, 0 to 2.",
            show_default=f"{KeypointOptions.lookahead}{OR_START}",
        ),
    ] = None,
    features: Annotated[Features, typer.Option("--features", help="What is computed of the sound.")] = USUAL_FEATURES,
    synthetic_voices: Annotated[
        Path | None,
        typer.Option(
            "--synthetic-voices", metavar="DIR", help="The sentences in other voices, from: obamanet synthetic-voices."
        ),
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option(
            "--start",
            metavar="PERSON",
            help="Begin with the predictor of this person, of any frame rate, or of this run, on other footage.",
        ),
    ] = None,
    split: SplitOptions,
    limits: RunLimits,
    quiet: Quiet = False,
) -> None:
    """Train what turns sound into mouth movement. Prints the run's folder, or the person's when both runs are there.

    Interrupt it at any time: the same command goes on where the last evaluation was.
    """
    options, progress = replace(options, features=features.value), console(quiet)
    voices = load_synthetic_voices(synthetic_voices) if synthetic_voices else None
    beginning = trained_predictor(find_start(start)) if start else None
    if beginning:
        options = start_weights(beginning, options)
    sizes: dict[str, Any] = {"units": units, "layers": layers, "lookahead": lookahead}
    options = replace(options, **{name: size for name, size in sizes.items() if size is not None})
    dataset = load_dataset(folder)
    chosen = split.of(dataset)
    report = train_keypoints(
        dataset,
        chosen,
        out or folder / KEYPOINTS,
        options,
        synthetic_voices=voices,
        start=beginning,
        limits=limits,
        progress=progress,
    )
    finish_part(report, dataset, chosen, progress)
