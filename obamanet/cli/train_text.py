"""The trainings that learn from texts: when lips are shut, and which mouth poses syllables show."""

from __future__ import annotations

from typing import Annotated

from obamanet.cli.boundary import console, result
from obamanet.cli.declare import Fields, command
from obamanet.cli.options import DEFAULT_LANGUAGE, DatasetFolder, Language, PersonFolder, Quiet, WordTimes
from obamanet.cli.persons import find_person
from obamanet.cli.training import (
    SEED,
    STEPS,
    NewRunFolder,
    RightsOptions,
    RunFolder,
    RunLimits,
    SplitOptions,
    report_run,
)
from text2face.closures.closure_training import ClosureOptions
from text2face.mouth.pose_training import PoserOptions
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

    from obamanet.training.data.dataset import load_dataset
    from text2face.closures.closure_training import RESULT, train_closures

    dataset, progress = load_dataset(folder), console(quiet)
    chosen = split.of(dataset)
    report = train_closures(
        dataset, chosen, align, language, out, options, **rights.named(), limits=limits, progress=progress
    )
    report_run(report, progress)
    result(report.folder / RESULT)


@command("me --align me/align --split me/split.json --person me/person")
def syllables_verb(
    *,
    folder: DatasetFolder,
    align: WordTimes,
    person: PersonFolder = None,
    out: RunFolder = None,
    options: Annotated[PoserOptions, Fields(steps=STEPS, seed=SEED)],
    language: Language = DEFAULT_LANGUAGE,
    split: SplitOptions,
    limits: RunLimits,
    quiet: Quiet = False,
) -> None:
    """Train what turns syllables into mouth poses, and put it into the person. Prints the person's folder.

    It learns from the recorded sentences and, for all that is not said in them, from prose in English and Spanish as
    the person's speech predictor sees it: train it anew after the predictor. The same command goes on with a run that
    was stopped.
    """
    language, owner = known_language(language), find_person(person)

    from obamanet.person import load_person
    from obamanet.training.data.dataset import load_dataset
    from text2face.mouth.pose_training import train_poser
    from text2face.mouth.save_poser import save_poser

    dataset, speaker, progress = load_dataset(folder), load_person(owner), console(quiet)
    chosen, run = split.of(dataset), out or folder / "syllables"
    report = train_poser(dataset, chosen, align, language, speaker, run, options, limits=limits, progress=progress)
    report_run(report, progress)
    result(save_poser(speaker, report, len(chosen.train)).folder)
