"""The loop every training shares: steps, evaluations, log, best and last weights, and going on after a kill.

A run is a function of its options and data alone: every batch is drawn from generators seeded by its step, and all
state is saved at every evaluation, so a run that was killed and resumed ends in the same weights as one that was not.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from obamanet.background import in_background
from obamanet.card import CardError, read_card
from obamanet.errors import DatasetError, OptionError
from obamanet.files import atomic_path, atomic_write_json
from obamanet.progress import Progress
from obamanet.training.log import TrainingLog

if TYPE_CHECKING:
    import keras

PREFETCH = 4
"""Batches prepared ahead by the loading thread."""

NOT_STATED = "not stated"
"""What a card says of a licence or an attribution that nobody gave."""

KEPT = "kept"
"""Folder, in a run's, of the weights after the steps that the caller wants to keep."""


@dataclass(frozen=True)
class Limits:
    """Where this session of a run stops, whatever the schedule: after ``steps`` in all or ``minutes`` from now."""

    steps: int | None = None
    minutes: float | None = None

    def __post_init__(self) -> None:
        """Refuse limits that let nothing run."""
        for name, value in (("max steps", self.steps), ("max minutes", self.minutes)):
            if value is not None and value <= 0:
                raise OptionError(f"{name} must be above 0: got {value}")


@dataclass(frozen=True)
class TrainReport:
    """Where a run stands: steps done of the schedule, the best validation score and its step, examples per second."""

    folder: Path
    step: int
    steps: int
    best_score: float
    best_step: int
    examples_per_second: float


class Learner(Protocol):
    """What the loop trains."""

    def variables(self) -> list[keras.Variable]:
        """Return everything that resuming needs, always in the same order."""
        ...

    def step(self, batch: Any, number: int) -> dict[str, float]:
        """Learn from ``batch`` as step ``number``; returns the losses."""
        ...

    def validate(self) -> dict[str, float]:
        """Return the validation metrics; "score" is the one that chooses, lower is better."""
        ...

    def save_weights(self, path: Path) -> None:
        """Write the network's weights as ``*.weights.h5``."""
        ...

    def sample(self, folder: Path, step: int) -> None:
        """Write a picture that shows what the network does on validation data."""
        ...


@dataclass(frozen=True)
class Schedule:
    """``steps`` in all, evaluated every ``epoch_steps``; what was best before ``fresh_start`` counts no more after."""

    steps: int
    epoch_steps: int
    batch_size: int
    fresh_start: float = 0.0


@dataclass(frozen=True)
class _State:
    step: int = 0
    best_score: float = math.inf
    best_step: int = 0


def claim_folder(folder: Path, options: dict[str, Any]) -> None:
    """Write the run's ``options`` (plain values, in sections) into ``folder``, or refuse when it holds another run.

    Raises :class:`OptionError` that names every changed option.
    """
    path = folder / "options.json"
    if not path.is_file():
        atomic_write_json(path, options)
        return
    begun = read_options(folder)
    changed = [
        f"{name} {begun.get(section, {}).get(name)} -> {value}"
        for section, values in options.items()
        for name, value in values.items()
        if begun.get(section, {}).get(name) != value
    ]
    if changed:
        raise OptionError(
            f"{folder} holds a run with other options ({', '.join(changed)}); use the same, or another folder"
        )


def read_options(folder: Path) -> dict[str, Any]:
    """Return the options of the run in ``folder``; raises :class:`DatasetError` when there is none."""
    try:
        return dict(read_card(folder / "options.json").content)
    except CardError as error:
        raise DatasetError(f"no training run in {folder}: {error}; train first") from None


def run_training(
    learner: Learner,
    make_batch: Callable[[int], Any],
    folder: Path,
    schedule: Schedule,
    *,
    keep_steps: frozenset[int] = frozenset(),
    limits: Limits,
    progress: Progress,
) -> TrainReport:
    """Train ``learner`` on ``make_batch(step)`` for every step of the ``schedule`` not yet done in ``folder``.

    ``folder`` gets best.weights.h5, last.weights.h5, state.npz, log.jsonl, curves.png and samples/, and the weights
    after each of ``keep_steps`` under kept/.
    """
    state = _load(learner, folder / "state.npz")
    log = TrainingLog(folder, resume_at=state.step)
    stop = min(schedule.steps, limits.steps or schedule.steps)
    deadline = time.monotonic() + 60 * limits.minutes if limits.minutes else math.inf
    done, seconds = 0, 0.0
    losses: list[dict[str, float]] = []
    began = time.monotonic()
    batches = in_background(((step, make_batch(step)) for step in range(state.step, stop)), PREFETCH)
    title = f"training from step {state.step} of {schedule.steps}"
    for step, batch in progress.track(batches, title, max(0, stop - state.step)):
        losses.append(learner.step(batch, step))
        reached = step + 1
        expired = time.monotonic() > deadline
        if reached % schedule.epoch_steps == 0 or reached == stop or expired or reached in keep_steps:
            took = time.monotonic() - began
            done, seconds = done + len(losses) * schedule.batch_size, seconds + took
            metrics = learner.validate()
            log.add({"step": reached, "seconds": round(took, 1), **_means(losses), **metrics})
            progress.note(f"step {reached}: " + ", ".join(f"{name} {value:.4g}" for name, value in metrics.items()))
            if reached in keep_steps:
                _save_weights(learner, folder / KEPT / f"step_{reached:07d}.weights.h5")
            state = _keep(learner, state, reached, metrics["score"], folder, schedule.fresh_start)
            learner.sample(folder / "samples", reached)
            losses, began = [], time.monotonic()
            if expired:
                break
    rate = done / seconds if seconds else 0.0
    return TrainReport(folder, state.step, schedule.steps, state.best_score, state.best_step, rate)


def _means(losses: list[dict[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for loss in losses for name in loss)
    return {name: float(np.mean([loss[name] for loss in losses if name in loss])) for name in names}


def _keep(learner: Learner, state: _State, reached: int, score: float, folder: Path, fresh_start: float) -> _State:
    best = score < state.best_score or state.best_step <= fresh_start < reached
    for name in ("best", "last") if best else ("last",):
        _save_weights(learner, folder / f"{name}.weights.h5")
    state = _State(reached, score, reached) if best else _State(reached, state.best_score, state.best_step)
    arrays: dict[str, Any] = {f"v{i:04d}": np.asarray(variable) for i, variable in enumerate(learner.variables())}
    with atomic_path(folder / "state.npz") as part, part.open("wb") as file:
        np.savez(file, step=state.step, best=np.array([state.best_score, state.best_step]), **arrays)
    return state


def _save_weights(learner: Learner, path: Path) -> None:
    # Keras takes no other suffix than .weights.h5.
    part = path.with_name(f".{path.name.removesuffix('.weights.h5')}.part.weights.h5")
    part.parent.mkdir(exist_ok=True)
    learner.save_weights(part)
    part.replace(path)


def _load(learner: Learner, path: Path) -> _State:
    if not path.is_file():
        return _State()
    with np.load(path, allow_pickle=False) as arrays:
        for i, variable in enumerate(learner.variables()):
            variable.assign(arrays[f"v{i:04d}"])
        best_score, best_step = arrays["best"]
        return _State(int(arrays["step"]), float(best_score), int(best_step))
