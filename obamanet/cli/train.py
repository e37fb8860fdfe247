"""A person of your own on the command line: prepare footage, train, assemble."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from obamanet.cli.boundary import console, result
from obamanet.cli.persons import CARD, find_person, find_start, in_words
from obamanet.cli.speak import Quiet
from obamanet.constants import IMAGE_SIZE
from obamanet.errors import OptionError, PersonError
from obamanet.files import read_json
from obamanet.timing import parse_rate
from obamanet.training.loop.log import logged
from obamanet.training.loop.runner import NOT_STATED
from obamanet.types import RenderMode

if TYPE_CHECKING:
    from obamanet.person import Origin
    from obamanet.progress import Progress
    from obamanet.training.data.dataset import Dataset, Split
    from obamanet.training.data.prepare import PrepareReport
    from obamanet.training.loop.runner import Limits, TrainReport

KEYPOINTS, RENDERER, PERSON = "keypoints", "renderer", "person"
"""Folders in a dataset: the two training runs, and the person that comes of them."""

LIPREADER = "lipreader"
"""Folder in a dataset: the run that trains the judge of lips."""

LIPREADER_STEPS = 1600

SYNCNET = "syncnet"
"""Folder in a dataset: the run that trains the judge of sync."""

SYNCNET_STEPS = 600


RENDERER_WIDTH = 16

OR_START = ", or as --start has it"

VALIDATED = ("step", "score", "opening_correlation", "opening_amplitude")
"""Figures of a run's log that go into the person's card."""

REJECTS_SHOWN = 20
"""Rows of the table of rejects; all of them are in dataset.json."""


class Features(StrEnum):
    """Kinds of sound features."""

    LOGFBANK = "logfbank"
    MFCC = "mfcc"
    SPEECH = "speech"


class Weights(StrEnum):
    """Which weights of a run make the person."""

    BEST = "best"
    LAST = "last"


DatasetFolder = Annotated[Path, typer.Argument(metavar="DIR", help="A dataset folder made by obamanet prepare.")]
SplitFile = Annotated[
    Path | None,
    typer.Option("--split", metavar="JSON", help='Clip names under "train" and "val"; others are left out.'),
]
RENDERER_EPOCH = 500
"""Steps between two looks at the renderer: two or three minutes on a CPU, which is what a kill can cost."""

Licence = Annotated[str, typer.Option("--licence", help='Licence of the recordings, e.g. "CC BY 4.0".')]
Attribution = Annotated[str, typer.Option("--attribution", help="Whom the recordings' licence asks to name.")]
ValShare = Annotated[float, typer.Option("--val-share", help="Share of the footage that only validates, 0 to 1.")]
Seed = Annotated[int, typer.Option("--seed", help="Makes a run repeatable: same seed, same split, same weights.")]
MaxSteps = Annotated[
    int | None, typer.Option("--max-steps", help="Stop after this many steps in all; run again to go on.")
]
MaxMinutes = Annotated[
    float | None,
    typer.Option(
        "--max-minutes",
        help="Stop this many minutes from now, preparing included, which is always finished; run again to go on.",
    ),
]


@dataclass(frozen=True)
class SplitChoice:
    """How a dataset is divided into training and validation."""

    file: Path | None
    val_share: float
    seed: int

    def __post_init__(self) -> None:
        """Refuse a seed that cannot be."""
        from obamanet.training.loop.ema_learner import check_seed

        check_seed(self.seed)

    def of(self, dataset: Dataset) -> Split:
        """Return the split of ``dataset``."""
        from obamanet.training.data.dataset import split_dataset

        return split_dataset(dataset, val_share=self.val_share, split_file=self.file, seed=self.seed)


@dataclass(frozen=True)
class Session:
    """One training session: the dataset, the run's folder (None for its place in the dataset), split and limits."""

    dataset: Path
    out: Path | None
    split: SplitChoice
    max_steps: int | None
    max_minutes: float | None
    quiet: bool

    def limits(self) -> Limits:
        """Return where this session stops."""
        from obamanet.training.loop.runner import Limits

        return Limits(steps=self.max_steps, minutes=self.max_minutes)


Train = Callable[["Dataset", "Split", Path, "Progress"], "TrainReport"]


def prepare_command(
    videos: Annotated[
        list[Path],
        typer.Argument(metavar="VIDEO...", help="Videos of one person, or folders of them.", show_default=False),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="The dataset folder to make or add to.")],
    fps: Annotated[
        str | None,
        typer.Option("--fps", metavar="RATE", help="Frames per second.", show_default="the videos' most common rate"),
    ] = None,
    image_size: Annotated[
        int, typer.Option("--image-size", help="Side of the square portrait in pixels, a power of two, 64 to 1024.")
    ] = IMAGE_SIZE,
    workers: Annotated[
        int | None, typer.Option("--workers", help="Processes at work.", show_default="one per core")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Make a dataset from videos: frames, landmarks, sound. Prints its folder.

    What was prepared before is kept, so adding a video costs only that video. What could not be used is listed.
    """
    from obamanet.training.data.prepare import prepare

    rate = parse_rate(fps) if fps is not None else None
    if workers is not None and workers < 1:
        raise OptionError(f"workers must be at least 1: got {workers}")
    progress = console(quiet)
    report = prepare(videos, out, fps=rate, image_size=image_size, workers=workers, progress=progress)
    for line in prepared(report):
        progress.note(line)
    result(out)


def keypoints_command(
    folder: DatasetFolder,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="RUN", help="The run's folder.", show_default="DIR/keypoints")
    ] = None,
    steps: Annotated[int, typer.Option("--steps", help="Length of the whole training in batches.")] = 900,
    batch_size: Annotated[int, typer.Option("--batch-size", help="Examples per step.")] = 32,
    learning_rate: Annotated[float, typer.Option("--learning-rate", help="Size of the first steps.")] = 2e-3,
    units: Annotated[
        int | None, typer.Option("--units", help="Cells of an LSTM layer, 8 to 1024.", show_default=f"128{OR_START}")
    ] = None,
    layers: Annotated[
        int | None, typer.Option("--layers", help="LSTM layers, 1 to 4.", show_default=f"2{OR_START}")
    ] = None,
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
    lookahead: Annotated[
        float | None,
        typer.Option(
            "--lookahead", help="Seconds of sound heard ahead of each frame, 0 to 2.", show_default=f"0.2{OR_START}"
        ),
    ] = None,
    bidirectional: Annotated[
        bool, typer.Option("--bidirectional", help="Hear the whole sound instead; cannot run on a live stream.")
    ] = False,
    features: Annotated[Features, typer.Option("--features", help="What is computed of the sound.")] = Features.SPEECH,
    split: SplitFile = None,
    val_share: ValShare = 0.1,
    seed: Seed = 1,
    max_steps: MaxSteps = None,
    max_minutes: MaxMinutes = None,
    quiet: Quiet = False,
) -> None:
    """Train what turns sound into mouth movement. Prints the run's folder, or the person's when both runs are there.

    Interrupt it at any time: the same command goes on where the last evaluation was.
    """
    from obamanet.training.data.synthetic_voices import load_synthetic_voices
    from obamanet.training.loop.trained_networks import trained_predictor
    from obamanet.training.speech.keypoint_training import KeypointOptions, start_weights, train_keypoints

    session = Session(folder, out, SplitChoice(split, val_share, seed), max_steps, max_minutes, quiet)
    limits = session.limits()
    options = KeypointOptions(
        steps=steps,
        batch_size=batch_size,
        learning_rate=learning_rate,
        bidirectional=bidirectional,
        features=features.value,
        seed=seed,
    )
    voices = load_synthetic_voices(synthetic_voices) if synthetic_voices else None
    beginning = trained_predictor(find_start(start)) if start else None
    if beginning:
        options = start_weights(beginning, options)
    options = replace(
        options,
        units=options.units if units is None else units,
        layers=options.layers if layers is None else layers,
        lookahead=options.lookahead if lookahead is None else lookahead,
    )

    def train(dataset: Dataset, chosen: Split, run: Path, progress: Progress) -> TrainReport:
        return train_keypoints(
            dataset, chosen, run, options, synthetic_voices=voices, start=beginning, limits=limits, progress=progress
        )

    _train(session, KEYPOINTS, train)


def renderer_command(
    folder: DatasetFolder,
    mode: Annotated[
        RenderMode,
        typer.Option(
            "--mode",
            help="Paint the whole portrait, or only the mouth into the recorded footage, which then is needed.",
        ),
    ] = RenderMode.WHOLE_FACE,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="RUN", help="The run's folder.", show_default="DIR/renderer")
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option(
            "--start",
            metavar="PERSON",
            help="Begin with the renderer of this person, of the same picture size, or of this run, on other footage.",
        ),
    ] = None,
    width: Annotated[
        int | None,
        typer.Option(
            "--width",
            help="Filters of the first layer, 4 to 128; pix2pix's own is 64, 16 is quick on a CPU.",
            show_default=f"{RENDERER_WIDTH}{OR_START}",
        ),
    ] = None,
    discriminator_width: Annotated[
        int, typer.Option("--discriminator-width", help="The same for the adversary; pix2pix's own is 64.")
    ] = 16,
    steps: Annotated[int, typer.Option("--steps", help="Length of the whole training in batches.")] = 20_000,
    batch_size: Annotated[int, typer.Option("--batch-size", help="Pictures per step; pix2pix's own is 1.")] = 4,
    learning_rate: Annotated[
        float, typer.Option("--learning-rate", help="Size of the first steps; pix2pix's own is 0.0002.")
    ] = 5e-4,
    gan_start: Annotated[
        float,
        typer.Option(
            "--gan-start",
            help="Share of the training, 0 to 1, after which the adversary joins; before is 3 times quicker.",
        ),
    ] = 0.65,
    gan_weight: Annotated[
        float,
        typer.Option(
            "--gan-weight",
            help="Weight of the adversary; pix2pix's own is 1, which on a narrow network leaves dark specks.",
        ),
    ] = 0.1,
    split: SplitFile = None,
    val_share: ValShare = 0.1,
    seed: Seed = 1,
    max_steps: MaxSteps = None,
    max_minutes: MaxMinutes = None,
    quiet: Quiet = False,
) -> None:
    """Train what paints the face. Prints the run's folder, or the person's when both runs are there.

    Interrupt it at any time: the same command goes on where the last evaluation was.
    """
    from obamanet.networks.config import GeneratorConfig
    from obamanet.training.loop.trained_networks import trained_renderer
    from obamanet.training.renderer.pix2pix_training import TrainOptions
    from obamanet.training.renderer.renderer_training import train_renderer

    session = Session(folder, out, SplitChoice(split, val_share, seed), max_steps, max_minutes, quiet)
    limits = session.limits()
    options = TrainOptions(
        steps=steps,
        batch_size=batch_size,
        learning_rate=learning_rate,
        gan_start=gan_start,
        gan_weight=gan_weight,
        epoch_steps=RENDERER_EPOCH,
        discriminator_width=discriminator_width,
        seed=seed,
    )

    beginning = trained_renderer(find_start(start)) if start else None
    filters = width or (beginning.config.width if beginning else RENDERER_WIDTH)

    def train(dataset: Dataset, chosen: Split, run: Path, progress: Progress) -> TrainReport:
        config = GeneratorConfig(image_size=dataset.image_size, width=filters)
        return train_renderer(
            dataset, chosen, run, mode, config, options, start=beginning, limits=limits, progress=progress
        )

    _train(session, RENDERER, train)


def lip_reader_command(
    folder: DatasetFolder,
    align: Annotated[
        Path, typer.Option("--align", metavar="DIR", help="GRID's files of word times, one NAME.align for each clip.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="RUN", help="The run's folder.", show_default="DIR/lipreader")
    ] = None,
    steps: Annotated[int, typer.Option("--steps", help="Length of the whole training in batches.")] = LIPREADER_STEPS,
    licence: Licence = NOT_STATED,
    attribution: Attribution = NOT_STATED,
    split: SplitFile = None,
    val_share: ValShare = 0.1,
    seed: Seed = 1,
    max_steps: MaxSteps = None,
    max_minutes: MaxMinutes = None,
    quiet: Quiet = False,
) -> None:
    """Train the judge that reads GRID's 51 words from the lips. Prints the run's folder.

    Recordings only: a judge that learned from generated video would praise its faults. The same command goes on with a
    run that was stopped.
    """
    from obamanet.training.data.dataset import load_dataset
    from obamanet.training.judges.lip_reader_training import LipReaderOptions, train_lip_reader

    session = Session(folder, out, SplitChoice(split, val_share, seed), max_steps, max_minutes, quiet)
    limits, options = session.limits(), LipReaderOptions(steps=steps, seed=seed)
    rights = {"licence": licence, "attribution": attribution}

    def train(dataset: Dataset, chosen: Split, run: Path, progress: Progress) -> TrainReport:
        return train_lip_reader(dataset, chosen, align, run, options, **rights, limits=limits, progress=progress)

    result(_run(session, load_dataset(folder), LIPREADER, train).folder)


def syncnet_command(
    folder: DatasetFolder,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="RUN", help="The run's folder.", show_default="DIR/syncnet")
    ] = None,
    steps: Annotated[int, typer.Option("--steps", help="Length of the whole training in batches.")] = SYNCNET_STEPS,
    licence: Licence = NOT_STATED,
    attribution: Attribution = NOT_STATED,
    split: SplitFile = None,
    val_share: ValShare = 0.1,
    seed: Seed = 1,
    max_steps: MaxSteps = None,
    max_minutes: MaxMinutes = None,
    quiet: Quiet = False,
) -> None:
    """Train the judge that hears whether a mouth and a sound are in time. Prints the run's folder.

    Recordings only: a judge that learned from generated video would praise its faults. The same command goes on with a
    run that was stopped.
    """
    from obamanet.training.data.dataset import load_dataset
    from obamanet.training.judges.syncnet_training import SyncNetOptions, train_syncnet

    session = Session(folder, out, SplitChoice(split, val_share, seed), max_steps, max_minutes, quiet)
    limits, options = session.limits(), SyncNetOptions(steps=steps, seed=seed)
    rights = {"licence": licence, "attribution": attribution}

    def train(dataset: Dataset, chosen: Split, run: Path, progress: Progress) -> TrainReport:
        return train_syncnet(dataset, chosen, run, options, **rights, limits=limits, progress=progress)

    result(_run(session, load_dataset(folder), SYNCNET, train).folder)


def assemble_command(
    folder: DatasetFolder,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="PERSON", help="The person's folder to make.")],
    name: Annotated[str, typer.Option("--name", help="What the person is called.")],
    footage: Annotated[str, typer.Option("--footage", help="Which recordings it was trained on.")],
    licence: Annotated[str, typer.Option("--licence", help='Licence of the recordings, e.g. "CC BY 4.0".')],
    attribution: Annotated[str, typer.Option("--attribution", help="Whom that licence asks to name.")],
    consent: Annotated[str, typer.Option("--consent", help="Who agreed to this use of the face, and to what.")],
    weights: Annotated[
        Weights, typer.Option("--weights", help="Of each run, those that validated best, or the last.")
    ] = (Weights.BEST),
    keypoints_run: Annotated[
        Path | None,
        typer.Option(
            "--keypoints", metavar="RUN", help="The run to take keypoints from.", show_default="DIR/keypoints"
        ),
    ] = None,
    renderer_run: Annotated[
        Path | None,
        typer.Option(
            "--renderer", metavar="RUN", help="The run to take the renderer from.", show_default="DIR/renderer"
        ),
    ] = None,
    split: SplitFile = None,
    val_share: ValShare = 0.1,
    seed: Seed = 1,
) -> None:
    """Make a person to keep or to give away, with its name and its rights. Prints its folder.

    Give the same split as in training: the head movement is taken from the training footage.
    """
    from obamanet.person import Origin
    from obamanet.training.data.dataset import load_dataset

    origin = Origin(footage, licence, attribution, consent)
    dataset = load_dataset(folder)
    runs = (keypoints_run or folder / KEYPOINTS, renderer_run or folder / RENDERER)
    _assemble(dataset, SplitChoice(split, val_share, seed), runs, out, name, origin, weights, console(False))
    result(out)


def poses_command(
    folder: DatasetFolder,
    person: Annotated[
        Path | None,
        typer.Argument(metavar="[PERSON]", help="The person trained on it.", show_default="DIR/person"),
    ] = None,
    split: SplitFile = None,
    val_share: ValShare = 0.1,
    seed: Seed = 1,
    quiet: Quiet = False,
) -> None:
    """Find the mouth poses of a person that was made without them, or anew. Prints the person's folder.

    Give the same split as in training: poses are learned from the training footage. obamanet assemble finds them too.
    """
    from obamanet.person import load_person
    from obamanet.training.data.dataset import load_dataset
    from obamanet.training.speech.mouth_pose_fit import add_poses

    dataset = load_dataset(folder)
    owner = load_person(find_person(person or folder))
    chosen = SplitChoice(split, val_share, seed).of(dataset)
    made = add_poses(owner, chosen.train, seed=seed)
    console(quiet).note(in_words(made.poses))
    result(made.folder)


def prepared(report: PrepareReport) -> list[str]:
    """Return what was prepared and what was not, as lines for people."""
    lines = [
        f"{report.clips} clips ({report.cached} prepared before), {report.frames} frames with a face",
        *(f"note: {note}" for note in report.notes[:REJECTS_SHOWN]),
    ]
    if not report.rejects:
        return lines
    rows = [(Path(reject.source).name, _frames(reject.first, reject.last), reject.reason) for reject in report.rejects]
    shown = [("not used", "frames", "reason"), *rows[:REJECTS_SHOWN]]
    widths = [max(len(row[column]) for row in shown) for column in (0, 1)]
    lines += [f"{source:<{widths[0]}}  {frames:<{widths[1]}}  {reason}" for source, frames, reason in shown]
    if len(rows) > REJECTS_SHOWN:
        lines.append(f"and {len(rows) - REJECTS_SHOWN} more: see {report.folder / 'dataset.json'}")
    return lines


def _frames(first: int | None, last: int | None) -> str:
    if first is None:
        return "all"
    return f"{first}" if first == last else f"{first}-{last}"


def tell(report: TrainReport, progress: Progress) -> None:
    """Say where the run that ``report`` tells of stands."""
    rate = f", {report.examples_per_second:.1f} examples/s" if report.examples_per_second else ""
    best = f"best score {report.best_score:.4g} at step {report.best_step}"
    if not report.chosen:
        best = f"score {report.best_score:.4g}; no evaluation that chooses the best weights was reached yet"
    progress.note(f"step {report.step} of {report.steps}; {best}{rate}")
    if report.step < report.steps:
        progress.note("not finished yet; the same command goes on")


def _run(session: Session, dataset: Dataset, kind: str, train: Train) -> TrainReport:
    """Run the session on its ``dataset`` and tell where it stands."""
    progress = console(session.quiet)
    report = train(dataset, session.split.of(dataset), session.out or session.dataset / kind, progress)
    tell(report, progress)
    return report


def _train(session: Session, kind: str, train: Train) -> None:
    """Run the session, then make the person when the other run is there too."""
    from obamanet.training.data.dataset import load_dataset

    dataset, progress = load_dataset(session.dataset), console(session.quiet)
    run = _run(session, dataset, kind, train).folder
    if session.out is not None:
        progress.note("not assembled: this run has its own folder; name it to obamanet assemble")
        result(run)
        return
    runs = (session.dataset / KEYPOINTS, session.dataset / RENDERER)
    missing = [path.name for path in runs if not (path / "best.weights.h5").is_file()]
    if missing:
        progress.note(f"no person yet; next: obamanet train {missing[0]} {session.dataset}")
        result(run)
        return
    for path in runs:
        if _is_of_another_split(path, session, dataset):
            progress.note(
                f"person not made anew: {path} was trained on other footage; go on from it with: "
                f"obamanet train {path.name} {session.dataset} --start {path} --out {path}-2"
            )
            result(run)
            return
    out = session.dataset / PERSON
    name, origin = _card(out, session.dataset)
    _assemble(dataset, session.split, runs, out, name, origin, Weights.BEST, progress)
    progress.note(f"person '{name}' is ready; to name it and its rights: obamanet assemble --help")
    result(out)


def _assemble(
    dataset: Dataset,
    split: SplitChoice,
    runs: tuple[Path, Path],
    out: Path,
    name: str,
    origin: Origin,
    weights: Weights,
    progress: Progress,
) -> None:
    from obamanet.assemble import assemble_person
    from obamanet.person import poser_of

    metrics = {**_metrics(runs[0], KEYPOINTS, weights), **_metrics(runs[1], RENDERER, weights)}
    person = assemble_person(
        dataset, split.of(dataset), *runs, out.resolve(), name=name, origin=origin, metrics=metrics, weights=weights
    )
    if person.poser:
        try:
            poser_of(person)
        except PersonError as error:
            progress.note(f"note: {error}")


def _is_of_another_split(run: Path, session: Session, dataset: Dataset) -> bool:
    from obamanet.training.loop.runner import read_options

    split = read_options(run).get("data", {}).get("split")
    return split is not None and split != session.split.of(dataset).digest


def _metrics(run: Path, kind: str, weights: Weights) -> dict[str, float]:
    """Return what validation said of the weights that are taken, each figure named after the run."""
    from obamanet.training.loop.runner import chosen_step

    step = chosen_step(run, weights)
    # A run whose state or log is lost still makes a person; its figures are not known then.
    record = logged(run, step) if step is not None else {}
    return {f"{kind}_{name}": record[name] for name in VALIDATED if name in record}


def _card(person: Path, dataset: Path) -> tuple[str, Origin]:
    """Return the name and origin that the person in a dataset has, or unstated ones for a new person."""
    from obamanet.person import Origin

    try:
        card = read_json(person / CARD)
        return str(card["name"]), Origin(**card["origin"])
    except (OSError, ValueError, KeyError, TypeError):
        return dataset.resolve().name, Origin(str(dataset.resolve().name), NOT_STATED, NOT_STATED, NOT_STATED)
