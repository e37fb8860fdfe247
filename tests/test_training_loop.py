"""The loop that every training shares: what chooses the best weights, what a stop, an error or a full disk leaves."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import ROOT
from made import Notes

from obamanet.errors import DatasetError, OptionError, OutputError
from obamanet.files import atomic_write_bytes, locked
from obamanet.progress import Progress
from obamanet.training.loop import runner
from obamanet.training.loop.log import draw_curves
from obamanet.training.loop.runner import Limits, Schedule, TrainReport, claim_run, own_folder, run_training


class Variable:
    """An array that is assigned to as a Keras variable is."""

    def __init__(self, size: int) -> None:
        self.value = np.zeros(size)
        self.shape = self.value.shape

    def assign(self, value: np.ndarray) -> None:
        self.value = np.array(value)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self.value


class Learner:
    """Adds up the batches; its score after each step is given."""

    def __init__(self, scores: dict[int, float], size: int = 1) -> None:
        self._scores, self._sum = scores, Variable(size)

    @property
    def steps(self) -> int:
        return int(self._sum.value[0])

    def variables(self) -> list[Any]:
        return [self._sum]

    def step(self, batch: Any, number: int) -> dict[str, float]:
        assert number == self.steps
        self._sum.assign(self._sum.value + 1)
        return {"loss": 1.0}

    def validate(self) -> dict[str, float]:
        return {"score": self._scores.get(self.steps, 9.0)}

    def save_weights(self, path: Path) -> None:
        path.write_bytes(self._sum.value.tobytes())

    def sample(self, folder: Path, step: int) -> None:
        pass


SCORES = {3: 5.0, 4: 0.5, 6: 4.0, 7: 0.1, 9: 6.0, 10: 7.0}
"""The lowest are at steps 4 and 7, which are no evaluations of the schedule."""


def train(
    folder: Path,
    limits: Limits | None = None,
    *,
    schedule: Schedule | None = None,
    scores: dict[int, float] | None = None,
    progress: Progress | None = None,
    size: int = 1,
) -> TrainReport:
    with own_folder(folder):
        return run_training(
            Learner(scores or SCORES, size),
            lambda step: None,
            folder,
            schedule or Schedule(10, 3, 1),
            limits=limits or Limits(),
            progress=progress or Progress(),
        )


def steps_in(weights: Path) -> float:
    return float(np.frombuffer(weights.read_bytes())[0])


class TestTheBest:
    def test_a_stop_between_two_evaluations_does_not_choose(self, tmp_path: Path) -> None:
        whole = train(tmp_path / "whole")
        assert (whole.best_step, whole.best_score) == (6, 4.0)
        for steps in (4, 7, None):
            report = train(tmp_path / "parts", Limits(steps=steps))
        assert (report.best_step, report.best_score) == (6, 4.0)
        for name in ("best.weights.h5", "last.weights.h5", "state.npz"):
            assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name

    def test_before_the_first_evaluation_the_latest_weights_stand_for_the_best(self, tmp_path: Path) -> None:
        for steps in (1, 2):
            report = train(tmp_path, Limits(steps=steps), scores={1: 0.1, **SCORES})
            assert (report.chosen, report.best_step) == (False, steps)
            assert steps_in(tmp_path / "best.weights.h5") == steps
        report = train(tmp_path, Limits(steps=3))
        assert (report.chosen, report.best_step, report.best_score) == (True, 3, 5.0)
        assert steps_in(tmp_path / "best.weights.h5") == 3

    def test_what_was_best_before_a_fresh_start_counts_no_more(self, tmp_path: Path) -> None:
        assert train(tmp_path, schedule=Schedule(10, 3, 1, fresh_start=6.0)).best_step == 9

    def test_a_score_that_is_no_number_is_no_best(self, tmp_path: Path) -> None:
        assert train(tmp_path, scores={3: np.nan, 6: 4.0, 9: np.nan, 10: 5.0}).best_step == 6


def test_a_killed_and_resumed_run_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    code = f"""
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_training_loop import Learner, train

step = Learner.step
def killed_step(self, batch, number):
    if number == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    return step(self, batch, number)
Learner.step = killed_step
train(Path({str(tmp_path / "killed")!r}))
"""
    killed = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    with np.load(tmp_path / "killed" / "state.npz") as state:
        assert int(state["step"]) == 6
    reports = [train(tmp_path / name) for name in ("killed", "whole")]
    assert [(report.step, report.best_step, report.best_score) for report in reports] == [(10, 6, 4.0)] * 2
    for name in ("best.weights.h5", "last.weights.h5", "state.npz"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    records = [(tmp_path / name / "log.jsonl").read_text("utf-8").splitlines() for name in ("killed", "whole")]
    killed_log, whole_log = ([{**json.loads(line), "seconds": 0} for line in lines] for lines in records)
    assert killed_log == whole_log


def test_curves_are_drawn_one_panel_for_each_number(tmp_path: Path) -> None:
    records = [{"step": 10.0 * n, "seconds": 1.0, **{f"loss {i}": n / (i + 1) for i in range(4)}} for n in range(1, 4)]
    heights = []
    for count in (3, 4):
        draw_curves([dict(list(record.items())[: 2 + count]) for record in records], tmp_path / "curves.png")
        picture = cv2.imread(str(tmp_path / "curves.png"))
        assert picture.std() > 10
        heights.append(picture.shape[0])
    assert heights[1] == 2 * heights[0], "three panels in a row"


class TestLimits:
    def test_minutes_count_from_when_the_limits_were_made(self, tmp_path: Path) -> None:
        # An hour of preparing has gone by: one step is done all the same.
        assert train(tmp_path, Limits(minutes=30, began=time.monotonic() - 3600)).step == 1

    @pytest.mark.parametrize("minutes", [0, -1, float("nan")])
    def test_no_time_is_refused(self, minutes: float) -> None:
        with pytest.raises(OptionError, match="max minutes must be above 0: got"):
            Limits(minutes=minutes)


class TestHowLongItTakes:
    def test_it_is_told_once(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(runner, "TIMED_SECONDS", 0.0)
        notes = Notes()
        train(tmp_path, schedule=Schedule(40, 10, 1), progress=notes)
        told = [line for line in notes.told if "on this machine" in line]
        # Of the first 14 steps ten are timed: the first three settle, and the one after an evaluation has it in it.
        assert told == ["the 26 steps left take about 0 s on this machine"]

    def test_steps_with_the_adversary_count_more(self) -> None:
        schedule = Schedule(100, 10, 1, fresh_start=60, later_cost=3.0)
        assert [schedule.cost(0, 60), schedule.cost(60, 100), schedule.cost(50, 70)] == [60, 120, 40]

    @pytest.mark.parametrize(("seconds", "told"), [(40, "40 s"), (481, "8 min"), (7500, "2 h 5 min")])
    def test_durations_are_rounded(self, seconds: float, told: str) -> None:
        assert runner._duration(seconds) == told


class TestDamage:
    @pytest.mark.parametrize("kept", [0, 100, 600])
    def test_a_truncated_state_is_one_line(self, tmp_path: Path, kept: int) -> None:
        train(tmp_path, Limits(steps=3))
        state = tmp_path / "state.npz"
        state.write_bytes(state.read_bytes()[:kept])
        with pytest.raises(DatasetError, match=r"state of the run is damaged: .*state\.npz"):
            train(tmp_path)
        assert len(state.read_bytes()) == kept

    def test_the_state_of_another_network_is_one_line(self, tmp_path: Path) -> None:
        train(tmp_path, Limits(steps=3), size=2)
        with pytest.raises(DatasetError, match="of another network"):
            train(tmp_path)

    @pytest.mark.parametrize("content", ["", "{", "[]", "7", '{"training": 7}', "[" * 100_000, "\ud800"])
    def test_damaged_options_are_one_line(self, tmp_path: Path, content: str) -> None:
        train(tmp_path, Limits(steps=3))
        (tmp_path / "options.json").write_bytes(content.encode("utf-8", "surrogatepass"))
        with pytest.raises(DatasetError, match=r"options of the run are damaged: .*options\.json"):
            claim_run(tmp_path, {"training": {"steps": 7}})

    @pytest.mark.parametrize("line", ["{", "7", '{"score": 1}', '{"step": "3"}'])
    def test_a_damaged_log_is_one_line(self, tmp_path: Path, line: str) -> None:
        train(tmp_path, Limits(steps=3))
        (tmp_path / "log.jsonl").write_text(line)
        with pytest.raises(DatasetError, match=r"log of the run is damaged: .*log\.jsonl"):
            train(tmp_path)


class TestTheFolder:
    def test_an_error_before_anything_was_learned_leaves_nothing(self, tmp_path: Path) -> None:
        with pytest.raises(DatasetError), own_folder(tmp_path / "run"):
            claim_run(tmp_path / "run", {"training": {"steps": 7}})
            (tmp_path / "run" / "samples").mkdir()
            raise DatasetError("no sound")
        assert not (tmp_path / "run").exists()

    def test_what_was_there_before_an_error_stays(self, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").touch()
        with pytest.raises(DatasetError), own_folder(tmp_path):
            claim_run(tmp_path, {"training": {"steps": 7}})
            raise DatasetError("no sound")
        assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]

    def test_an_error_after_something_was_learned_leaves_it(self, tmp_path: Path) -> None:
        train(tmp_path, Limits(steps=3))
        before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
        with pytest.raises(DatasetError), own_folder(tmp_path):
            raise DatasetError("no sound")
        assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}

    def test_an_interrupt_while_preparing_lets_the_same_command_go_on(self, tmp_path: Path) -> None:
        with pytest.raises(KeyboardInterrupt), own_folder(tmp_path):
            (tmp_path / "heard.npz").touch()
            raise KeyboardInterrupt
        assert (tmp_path / "heard.npz").exists()

    def test_a_run_that_learned_nothing_yet_takes_other_options(self, tmp_path: Path) -> None:
        claim_run(tmp_path, {"training": {"steps": 7}})
        (tmp_path / "heard.npz").touch()
        claim_run(tmp_path, {"training": {"steps": 7}}, caches=("heard.npz",))
        assert (tmp_path / "heard.npz").exists(), "the same options still need it"
        claim_run(tmp_path, {"training": {"steps": 8}}, caches=("heard.npz",))
        assert json.loads((tmp_path / "options.json").read_text("utf-8")) == {"training": {"steps": 8}}
        assert not (tmp_path / "heard.npz").exists()

    def test_half_written_files_of_a_killed_run_are_cleared(self, tmp_path: Path) -> None:
        for name in (".state.123.part.npz", ".best.weights.123.part.h5"):
            (tmp_path / name).touch()
        with own_folder(tmp_path):
            assert not list(tmp_path.iterdir())

    def test_a_second_process_is_refused(self, tmp_path: Path) -> None:
        with own_folder(tmp_path), pytest.raises(OutputError, match=f"another process is at work in {tmp_path}"):
            train(tmp_path)
        train(tmp_path)


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let no file grow beyond ``size`` bytes, as on a disk that is full then."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


class TestFullDisk:
    def test_what_was_there_is_unharmed(self, tmp_path: Path) -> None:
        train(tmp_path, Limits(steps=3), size=20_000)
        names = ("best.weights.h5", "last.weights.h5", "state.npz")
        before = {name: (tmp_path / name).read_bytes() for name in names}
        with largest_file(100_000), pytest.raises(OutputError, match="no space left"):
            train(tmp_path, size=20_000)
        assert {name: (tmp_path / name).read_bytes() for name in names} == before
        assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]
        assert train(tmp_path, size=20_000).best_step == 6

    def test_a_new_run_leaves_nothing(self, tmp_path: Path) -> None:
        with largest_file(10_000), pytest.raises(OutputError, match="no space left"):
            train(tmp_path / "run", size=20_000)
        assert not (tmp_path / "run").exists()

    def test_keras_weights_do_not_crash_the_process(self, tmp_path: Path) -> None:
        import keras

        from obamanet.networks.weights import save_half, save_network, save_weights

        network = keras.Sequential([keras.Input((100,)), keras.layers.Dense(500)])
        network.set_weights([np.random.default_rng(1).normal(size=w.shape) for w in network.get_weights()])
        for save, name in ((save_half, "a.weights.h5"), (save_network, "a.keras")):
            atomic_write_bytes(tmp_path / name, b"before")
            with largest_file(50_000), pytest.raises(OutputError, match="no space left"):
                save(network, tmp_path / name)
            assert (tmp_path / name).read_bytes() == b"before"
        with largest_file(50_000), pytest.raises(OSError, match="too large"):
            save_weights(network, tmp_path / "b.weights.h5")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a.keras", "a.weights.h5", "b.weights.h5"]

        save_weights(network, tmp_path / "b.weights.h5")
        save_network(network, tmp_path / "a.keras")
        other = keras.models.load_model(tmp_path / "a.keras")
        for same, loaded in ((network, other), (network, keras.models.clone_model(network))):
            if loaded is not other:
                loaded.load_weights(tmp_path / "b.weights.h5")
            for one, two in zip(same.get_weights(), loaded.get_weights(), strict=True):
                np.testing.assert_array_equal(one, two)


def test_a_lock_leaves_no_file_and_ends_with_its_block(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="stop"), locked(tmp_path):
        with pytest.raises(OutputError, match="another process"), locked(tmp_path):
            pass
        raise ValueError("stop")
    with locked(tmp_path):
        assert not list(tmp_path.iterdir())
    with pytest.raises(OutputError, match="gone"), locked(tmp_path / "gone"):
        pass
