"""Training sentences said again by other voices, on the command line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from obamanet.cli.boundary import console, result
from obamanet.cli.declare import Fields, command
from obamanet.cli.options import LANGUAGE, SEED, WORD_TIMES_HELP, DatasetFolder, Quiet
from obamanet.cli.training import SplitOptions
from obamanet.training.data.dataset import load_dataset
from text2face.voice.voices import known_language
from text2face.voice_augmentation import SyntheticVoiceOptions, make_synthetic_voices


@command("me --align me/align --out voices", "me --out prose")
def synthetic_voices_verb(
    *,
    dataset: DatasetFolder,
    align: Annotated[
        Path | None,
        typer.Option("--align", metavar="DIR", help=f"{WORD_TIMES_HELP} Without them, only prose is said."),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="DIR", help="Where the synthetic voices go; made when missing.")
    ],
    options: Annotated[
        SyntheticVoiceOptions,
        Fields(
            voices="Voices that say each sentence.",
            prose="Voices that say each sentence of prose, which teaches lips to meet; 0 for none.",
            language=LANGUAGE,
            seed=SEED,
        ),
    ],
    split: SplitOptions,
    quiet: Quiet = False,
) -> None:
    """Have the training sentences said again by other voices, for: obamanet train keypoints --synthetic-voices DIR.

    Prints the folder. What is there already is not made again.
    """
    options = replace(options, language=known_language(options.language))

    pieces = split.of(load_dataset(dataset)).train
    result(make_synthetic_voices(pieces, align, out, options, console(quiet)).folder)
