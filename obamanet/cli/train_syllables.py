"""The training of a person's poser on the command line: timed syllables to mouth poses."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from obamanet.cli.boundary import console, result
from obamanet.cli.declare import Fields, command
from obamanet.cli.options import DEFAULT_LANGUAGE, SEED, DatasetFolder, Language, PersonFolder, Quiet, WordTimes
from obamanet.cli.persons import find_person
from obamanet.cli.training import (
    STEPS,
    RunLimits,
    SplitOptions,
    report_run,
    run_folder,
)
from obamanet.person import load_person
from obamanet.training.data.dataset import load_dataset
from text2face.mouth.pose_training import PoserOptions, train_poser
from text2face.mouth.save_poser import save_poser
from text2face.voice.voices import known_language


@command("me --align me/align --split me/split.json --person me/person")
def syllables_verb(
    *,
    folder: DatasetFolder,
    align: WordTimes,
    person: PersonFolder = None,
    out: Annotated[Path | None, run_folder("syllables")] = None,
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

    dataset, speaker, progress = load_dataset(folder), load_person(owner), console(quiet)
    chosen, run = split.of(dataset), out or folder / "syllables"
    report = train_poser(dataset, chosen, align, language, speaker, run, options, limits=limits, progress=progress)
    report_run(report, progress)
    result(save_poser(speaker, report, len(chosen.train)).folder)
