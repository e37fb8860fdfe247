"""The training loop: steps, evaluations, log, best and last weights, resuming.

A run depends on its options and data only: every batch is drawn from generators seeded by its step, and all state is
saved at every evaluation. So a run that was killed and resumed ends in the same weights as an uninterrupted one.
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from obamanet.background import in_background
from obamanet.card import CardError, read_card
from obamanet.errors import DatasetError, OptionError, OutputError
from obamanet.files import DAMAGED, atomic_path, atomic_write_json, locked, open_arrays
from obamanet.progress import Progress
from obamanet.training.loop.log import TrainingLog

if TYPE_CHECKING:
    import keras

PREFETCH = 4
"""Batches that the loading thread prepares ahead."""

NOT_STATED = "not stated"
"""Text in a card in place of a licence or an attribution that was not given."""

KEPT = "kept"
"""Folder, inside a run's, of the weights at the steps in ``keep_steps`` of :func:`run_training`."""

OPTIONS_FILE, STATE_FILE = "options.json", "state.npz"
"""Names, in a run's folder, of its options and of the state that it is resumed from."""

EXPECTED: Final = (
    "The default person, of 20 minutes of footage, took two hours on two CPU cores, most of it the renderer. Interrupt "
    "it at any time: the same command goes on."
)
"""Message before steps can be timed; its figures are from checkpoints/README.md."""

SETTLING_STEPS, TIMED_STEPS, TIMED_SECONDS = 3, 10, 10.0
"""First steps of a session, not timed because graphs are compiled in them; then the steps, and the seconds, that must
have been timed before the remaining time is reported."""


@dataclass(frozen=True)
class Limits:
    """Limits of one session of a run, whatever its schedule; at least one step is done.

    Attributes:
        steps: stop after this many steps of the whole run; None for no limit.
        minutes: stop after this much wall time since ``began``. Preparing the data counts, but is always finished.
        began: start of the session, in seconds of :func:`time.monotonic`; by default when the limits are made.

    Raises:
        OptionError: a limit is not above 0.
    """

    steps: int | None = None
    minutes: float | None = None
    began: float = field(default_factory=time.monotonic, compare=False)

    def __post_init__(self) -> None:
        """Checks the limits."""
        for name, value in (("max steps", self.steps), ("max minutes", self.minutes)):
            if value is not None and not value > 0:
                raise OptionError(f"{name} must be above 0: got {value}")

    @property
    def deadline(self) -> float:
        """End of the session, in seconds of :func:`time.monotonic`."""
        return self.began + 60 * self.minutes if self.minutes else math.inf


@dataclass(frozen=True)
class TrainReport:
    """State of a run at the end of a session.

    Attributes:
        folder: the run's.
        step: steps done.
        steps: steps of the schedule.
        best_score: validation score of the best weights; lower is better.
        best_step: step of the best weights.
        examples_per_second: throughput of this session, evaluations included.
        chosen: whether an evaluation of the schedule chose the best weights; before the first of them the latest
            weights count as the best.
    """

    folder: Path
    step: int
    steps: int
    best_score: float
    best_step: int
    examples_per_second: float
    chosen: bool = True


class Learner(Protocol):
    """What the loop trains: network, optimizer and validation data."""

    def variables(self) -> list[keras.Variable]:
        """Returns all variables that resuming needs, always in the same order."""
        ...

    def step(self, batch: Any, number: int) -> dict[str, float]:
        """Does step ``number``, counted from 0, on ``batch``, and returns the losses by name."""
        ...

    def validate(self) -> dict[str, float]:
        """Returns the validation metrics; "score" chooses the best weights, lower is better."""
        ...

    def save_weights(self, path: Path) -> None:
        """Writes the network's weights in the format of ``*.weights.h5``."""
        ...

    def sample(self, folder: Path, step: int) -> None:
        """Writes a picture of the network's output on validation data."""
        ...


@dataclass(frozen=True)
class Schedule:
    """Length of a training and when it is evaluated.

    Attributes:
        steps: steps of the whole training.
        epoch_steps: steps between two evaluations.
        batch_size: examples per step.
        fresh_start: step after which scores from before it no longer count; here the loss changes.
        later_cost: duration of a step after ``fresh_start``, relative to one before.
    """

    steps: int
    epoch_steps: int
    batch_size: int
    fresh_start: float = 0.0
    later_cost: float = 1.0

    def cost(self, first: int, last: int) -> float:
        """Returns the duration of steps ``first`` to ``last`` (exclusive); 1 is that of a step before fresh_start."""
        after = max(0.0, last - max(first, self.fresh_start))
        return (last - first) + (self.later_cost - 1) * after


@dataclass(frozen=True)
class _State:
    """Steps done, and which weights are the best; ``chosen`` is False while these are merely the latest."""

    step: int = 0
    best_score: float = math.inf
    best_step: int = 0
    chosen: bool = False


def check_not_blank(**values: str) -> None:
    """Raises :class:`OptionError` for a blank value, named by its keyword; an unknown one is ``NOT_STATED``."""
    for name, value in values.items():
        if not value.strip():
            raise OptionError(f"{name} is blank: say it in words")


@contextmanager
def own_folder(folder: Path, *, keep_prepared: bool = False) -> Iterator[None]:
    """Makes the run's ``folder`` and locks it for this process; an error before the first evaluation empties it again.

    Args:
        folder: the run's; files of a killed run that were not renamed yet are removed.
        keep_prepared: keep prepared files after an error too, for those that take hours to make. After an interrupt
            they are always kept, so that the same command goes on.

    Raises:
        OutputError: the folder cannot be made, or another process has locked it.
    """
    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"run's folder cannot be made ({error.strerror}): {folder}") from error
    with locked(folder):
        # Nobody else is at work here: these are of a run that was killed.
        _remove(set(folder.glob(".*.part*")))
        before = set(folder.iterdir())
        try:
            yield
        except Exception:
            if not keep_prepared and not (folder / STATE_FILE).is_file():
                _remove(set(folder.iterdir()) - before)
                if made:
                    folder.rmdir()
            raise


def claim_folder(folder: Path, options: dict[str, Any], hint: str = "") -> None:
    """Writes the run's options into ``folder``, or checks that they are those already there.

    Args:
        folder: the run's.
        options: plain values by section and name.
        hint: end of the error message for another run.

    Raises:
        OptionError: the folder holds a run with other options; the message names each of them.
        DatasetError: the options there are damaged.
    """
    path = folder / OPTIONS_FILE
    if not path.is_file():
        atomic_write_json(path, options)
        return
    changed = _changed(read_options(folder), options)
    if changed:
        raise OptionError(
            f"{folder} holds a run with other options ({', '.join(changed)}); use the same, or another folder{hint}"
        )


def start_hint(folder: Path) -> str:
    """Returns the end of an error message about the run in ``folder``, for trainings that have ``--start``."""
    return f", which --start {folder} lets begin with what was learned here"


def claim_run(folder: Path, options: dict[str, Any], *, caches: tuple[str, ...] = (), hint: str = "") -> None:
    """Claims ``folder`` as :func:`claim_folder` does, replacing other options when no step has been saved yet.

    ``caches`` are names of files that depend on the options and are removed with them.
    """
    if not (folder / STATE_FILE).is_file() and (folder / OPTIONS_FILE).is_file():
        try:
            same = not _changed(read_options(folder), options)
        except DatasetError:
            same = False
        if not same:
            _remove({folder / name for name in (OPTIONS_FILE, *caches)})
    claim_folder(folder, options, hint)


def read_options(folder: Path) -> dict[str, Any]:
    """Returns the options of the run in ``folder``; raises :class:`DatasetError` when there is none."""
    path = folder / OPTIONS_FILE
    if not path.is_file():
        raise DatasetError(f"no training run in {folder}: {path} is missing; train first")
    try:
        options = read_card(path)
        return {section: dict(options.part(section).content) for section in options.content}
    except CardError as error:
        raise DatasetError(f"options of the run are damaged: {error}; use another folder") from None


def chosen_step(folder: Path, weights: str) -> int | None:
    """Returns the step of the run's ``weights``, "best" or "last"; None when the run's state cannot be read."""
    try:
        with open_arrays(folder / STATE_FILE) as state:
            return int(state["best"][1] if weights == "best" else state["step"])
    except DAMAGED:
        return None


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
    """Trains ``learner`` for the steps of ``schedule`` that are not yet done in ``folder``.

    Args:
        learner: the network and its optimizer; its variables are restored from ``folder``.
        make_batch: returns the batch of a step, counted from 0; called in a thread, ahead of the step.
        folder: gets best.weights.h5, last.weights.h5, state.npz, log.jsonl, curves.png and samples/.
        schedule: steps and evaluations.
        keep_steps: steps after which the weights are kept under kept/ too.
        limits: where this session stops.
        progress: gets the metrics of each evaluation and the remaining time.

    Raises:
        DatasetError: the state in ``folder`` is damaged or of another network.
        OutputError: a file cannot be written.
    """
    state = _load(learner, folder / STATE_FILE)
    log = TrainingLog(folder, resume_at=state.step)
    stop = min(schedule.steps, limits.steps or schedule.steps)
    done, seconds = 0, 0.0
    pace = _Pace(schedule, state.step)
    losses: list[dict[str, float]] = []
    began = time.monotonic()
    batches = in_background(((step, make_batch(step)) for step in range(state.step, stop)), PREFETCH)
    title = f"training from step {state.step} of {schedule.steps}"
    for step, batch in progress.track(batches, title, max(0, stop - state.step)):
        losses.append(learner.step(batch, step))
        reached = step + 1
        pace.report(reached, progress)
        expired = time.monotonic() > limits.deadline
        scheduled = reached % schedule.epoch_steps == 0 or reached == schedule.steps
        if scheduled or reached == stop or expired or reached in keep_steps:
            took = time.monotonic() - began
            done, seconds = done + len(losses) * schedule.batch_size, seconds + took
            metrics = learner.validate()
            log.add({"step": reached, "seconds": round(took, 1), **_means(losses), **metrics})
            progress.note(f"step {reached}: " + ", ".join(f"{name} {value:.4g}" for name, value in metrics.items()))
            if reached in keep_steps:
                with atomic_path(folder / KEPT / f"step_{reached:07d}.weights.h5") as part:
                    learner.save_weights(part)
            state = _evaluated(state, reached, metrics["score"], schedule.fresh_start, scheduled=scheduled)
            _save(learner, state, folder)
            learner.sample(folder / "samples", reached)
            losses, began = [], time.monotonic()
            pace.pause()
            if expired:
                break
    rate = done / seconds if seconds else 0.0
    return TrainReport(folder, state.step, schedule.steps, state.best_score, state.best_step, rate, state.chosen)


class _Pace:
    """Times steps and reports the remaining time once, as soon as enough of them are timed."""

    def __init__(self, schedule: Schedule, first: int) -> None:
        self._schedule, self._settled = schedule, first + SETTLING_STEPS
        self._before: float | None = None
        self._seconds = self._cost = 0.0
        self._timed = 0

    def report(self, reached: int, progress: Progress) -> None:
        """Counts the step that ended at ``reached`` steps."""
        if reached < self._settled or self._timed < 0:
            return
        now, schedule = time.monotonic(), self._schedule
        if self._before is not None:
            self._timed += 1
            self._seconds += now - self._before
            self._cost += schedule.cost(reached - 1, reached)
        self._before = now
        if self._timed >= TIMED_STEPS and self._seconds >= TIMED_SECONDS:
            self._timed = -1
            left = self._seconds / self._cost * schedule.cost(reached, schedule.steps)
            progress.note(f"the {schedule.steps - reached} steps left take about {_duration(left)} on this machine")

    def pause(self) -> None:
        """Excludes the time until the next step, which an evaluation takes."""
        self._before = None


def _duration(seconds: float) -> str:
    """Returns e.g. ``2 h 5 min``, ``8 min`` or ``40 s``."""
    minutes = round(seconds / 60)
    if minutes < 2:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _changed(begun: dict[str, Any], options: dict[str, Any]) -> list[str]:
    return [
        f"{name} {begun.get(section, {}).get(name)} -> {value}"
        for section, values in options.items()
        for name, value in values.items()
        if begun.get(section, {}).get(name) != value
    ]


def _remove(paths: set[Path]) -> None:
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _means(losses: list[dict[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for loss in losses for name in loss)
    return {name: float(np.mean([loss[name] for loss in losses if name in loss])) for name in names}


def _evaluated(state: _State, reached: int, score: float, fresh_start: float, *, scheduled: bool) -> _State:
    """Returns the state after an evaluation; only a ``scheduled`` one chooses, so that interrupting changes nothing."""
    better = score < state.best_score or math.isnan(state.best_score) or state.best_step <= fresh_start < reached
    if (scheduled and (better or not state.chosen)) or not (scheduled or state.chosen):
        return _State(reached, score, reached, scheduled)
    return replace(state, step=reached)


def _save(learner: Learner, state: _State, folder: Path) -> None:
    """Writes the weights and, renamed last of all, the state."""
    names = ("best", "last") if state.best_step == state.step else ("last",)
    arrays = {f"v{i:04d}": np.asarray(variable) for i, variable in enumerate(learner.variables())}
    best = np.array([state.best_score, state.best_step])
    with ExitStack() as stack:
        part = stack.enter_context(atomic_path(folder / STATE_FILE))
        parts = [stack.enter_context(atomic_path(folder / f"{name}.weights.h5")) for name in names]
        with part.open("wb") as file:
            np.savez(file, step=state.step, best=best, chosen=state.chosen, **arrays)  # type: ignore[arg-type]
        for weights in parts:
            learner.save_weights(weights)


def _load(learner: Learner, path: Path) -> _State:
    if not path.is_file():
        return _State()
    variables = learner.variables()
    try:
        with open_arrays(path) as arrays:
            values = [arrays[f"v{i:04d}"] for i in range(len(variables))]
            best_score, best_step = (float(value) for value in arrays["best"])
            chosen = bool(arrays["chosen"]) if "chosen" in arrays else True
            state = _State(int(arrays["step"]), best_score, int(best_step), chosen)
    except DAMAGED as error:
        raise DatasetError(f"state of the run is damaged: {path}: {error}; train into another folder") from None
    for variable, value in zip(variables, values, strict=True):
        if tuple(variable.shape) != value.shape:
            raise DatasetError(f"state of the run is of another network: {path}; train into another folder")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    return state
