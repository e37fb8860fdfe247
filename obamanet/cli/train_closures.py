"""The training of the closure detector on the command line: when lips are shut."""

from __future__ import annotations

from typing import Annotated

from obamanet.cli.boundary import console, result
from obamanet.cli.declare import Fields, command
from obamanet.cli.options import DEFAULT_LANGUAGE, DatasetFolder, Language, Quiet, WordTimes
from obamanet.cli.training import (
    SEED,
    STEPS,
    NewRunFolder,
    RightsOptions,
    RunLimits,
    SplitOptions,
    report_run,
)
from obamanet.training.data.dataset import load_dataset
from text2face.closures.closure_training import RESULT, ClosureOptions, train_closures
from text2face.voice.voices import known_language


@command("dataset --align words --split split.json --out closures_run")
def closures_verb(
    *,
    folder: DatasetFolder,
    align: WordTimes,
    out: NewRunFolder,
    options: Annotated[ClosureOptions, Fields(steps=STEPS, seed=SEED)],
    rights: RightsOptions,
    language: Language = DEFAULT_LANGUAGE,
    split: SplitOptions,
    limits: RunLimits,
    quiet: Quiet = False,
) -> None:
    """Train what hears when the lips are shut, at p, b and m. Prints the folder of its weights and card.

    It serves every person, learns from synthetic voices and from these recordings' sound, and works with the speech
    encoder that comes with the program alone. The same command goes on with a run that was stopped.
    """
    language = known_language(language)

    dataset, progress = load_dataset(folder), console(quiet)
    chosen = split.of(dataset)
    report = train_closures(
        dataset, chosen, align, language, out, options, **rights.named(), limits=limits, progress=progress
    )
    report_run(report, progress)
    result(report.folder / RESULT)
