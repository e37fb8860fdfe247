"""Trains a judge of any kind and writes it as a bundle."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from obamanet.bundle import NetworkKind, write_network
from obamanet.progress import Progress
from obamanet.sources import add_sources
from obamanet.training.data.dataset import Split
from obamanet.training.loop.runner import (
    Learner,
    Limits,
    Schedule,
    TrainReport,
    check_not_blank,
    claim_run,
    own_folder,
    run_training,
)
from obamanet.training.loop.training_options import EmaOptions

if TYPE_CHECKING:
    import keras

Example = TypeVar("Example")


@dataclass(frozen=True)
class JudgeTraining(Generic[Example]):
    """What the training of one kind of judge does in its own way.

    Attributes:
        kind: the judge as a bundle.
        config: sizes of its network.
        build: returns the Keras graph of ``config``.
        load: reads the examples to train on and those to validate on.
        learner: returns the learner that is validated on the given examples.
        batches: returns what makes the batch of a step of the given examples.
        about: returns what else the card tells of a finished run, in plain values.
    """

    kind: NetworkKind
    config: Any
    build: Callable[[], keras.Model]
    load: Callable[[Progress], tuple[Sequence[Example], Sequence[Example]]]
    learner: Callable[[Sequence[Example]], Learner]
    batches: Callable[[Sequence[Example]], Callable[[int], Any]]
    about: Callable[[TrainReport], Mapping[str, Any]]


def train_judge(
    training: JudgeTraining[Any],
    split: Split,
    folder: Path,
    options: EmaOptions,
    *,
    licence: str,
    attribution: str,
    limits: Limits | None,
    progress: Progress | None,
) -> TrainReport:
    """Trains a judge, or continues the run in ``folder``, and writes its best weights as a bundle into ``folder``.

    Args:
        training: what is trained.
        split: training and validation pieces.
        folder: of the run.
        options: how it is trained.
        licence: of the recordings, for the card.
        attribution: of the recordings, for the card.
        limits: when to stop early.
        progress: shows how far it is.

    Raises:
        ObamanetError: the recordings do not do, ``folder`` holds another run or cannot be written.
    """
    check_not_blank(licence=licence, attribution=attribution)
    progress = progress or Progress()
    sections = {
        "network": _listed(asdict(training.config)),
        "data": {"split": split.digest},
        "training": _listed(asdict(options)),
    }
    with own_folder(folder):
        claim_run(folder, sections)
        add_sources(folder, split.sources)
        train, val = training.load(progress)
        learner, make_batch = training.learner(val), training.batches(train)
        schedule = Schedule(options.steps, options.epoch_steps, options.batch_size)
        report = run_training(learner, make_batch, folder, schedule, limits=limits or Limits(), progress=progress)
        network = training.build()
        network.load_weights(folder / "best.weights.h5")
        content = {
            "data": sections["data"],
            "training": sections["training"],
            "sentences": {"train": len(train), "val": len(val)},
            "licence": licence,
            "attribution": attribution,
            **training.about(report),
        }
        write_network(network, training.kind, training.config, content, folder)
        return report


def _listed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns ``values`` with tuples as lists, as JSON gives them back."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
