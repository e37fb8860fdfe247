"""Worker processes: what they made comes in order, one that dies is told by its item, and none outlives its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing import active_children
from pathlib import Path
from threading import Thread, Timer, main_thread

import pytest

from obamanet.processes import Tell, WorkerDiedError, WorkerProcess, Workers, map_in_processes

ROOT = Path(__file__).resolve().parent.parent

PARENT = """
import sys
from pathlib import Path
from test_processes import died, write_name_and_wait
from obamanet.processes import map_in_processes
if __name__ == "__main__":
    list(map_in_processes(write_name_and_wait, [Path(name) for name in sys.argv[1:]], 2, died))
"""


def work(number: int) -> str:
    """Return ``number`` as text; 3 ends the process at once, as the system does, 8 does later, and 4 is an error."""
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    if number == 8:
        Timer(0.2, os.kill, (os.getpid(), signal.SIGKILL)).start()
    if number == 4:
        raise LookupError("four")
    time.sleep(0.05 * (number % 2))
    return str(number)


def died(item: object) -> str:
    return f"{item} died"


def write_name_and_wait(path: Path) -> str:
    """Write this process's number to ``path`` and wait, as long work does."""
    part = path.with_suffix(".part")
    part.write_text(str(os.getpid()))
    part.rename(path)
    time.sleep(120)
    path.with_suffix(".woke").touch()
    return "woke"


def wait_for(condition: Callable[[], object], seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return bool(condition())


def is_running(process: int) -> bool:
    try:
        # A process that nobody has asked how it ended still has a number; it does nothing any more.
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_results_come_in_order_and_a_killed_process_is_told_by_its_item() -> None:
    found = list(map_in_processes(work, [1, 2, 3, 5, 6, 7], 2, died))
    assert found == ["1", "2", "3 died", "5", "6", "7"]
    assert not active_children()


def process_of(number: int) -> int:
    if number == 4:
        raise LookupError("four")
    return os.getpid()


def test_workers_stay_from_one_call_to_the_next_and_after_an_error() -> None:
    with Workers(1) as workers:
        [first] = workers.map(process_of, [1], died)
        with pytest.raises(LookupError):
            list(workers.map(process_of, [4], died))
        assert set(workers.map(process_of, [1, 2], died)) == {first}
    assert not active_children()


def test_a_process_that_is_killed_while_it_waits_costs_no_item() -> None:
    found = map_in_processes(work, [8, 2], 1, died)
    assert next(found) == "8"
    assert wait_for(lambda: not active_children())
    assert list(found) == ["2"]


def test_an_error_is_raised_here_and_ends_the_workers() -> None:
    found = map_in_processes(work, [2, 4, 6], 1, died)
    assert next(found) == "2"
    with pytest.raises(LookupError, match="four"):
        next(found)
    assert not active_children()


def test_ctrl_c_waits_for_nobody(tmp_path: Path) -> None:
    places = [tmp_path / "a", tmp_path / "b"]

    def interrupt() -> None:
        if wait_for(lambda: all(place.exists() for place in places)):
            signal.pthread_kill(main_thread().ident or 0, signal.SIGINT)

    Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        list(map_in_processes(write_name_and_wait, places, 2, died))
    assert not active_children()
    assert not list(tmp_path.glob("*.woke"))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to see the processes")
def test_workers_of_a_killed_parent_end(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    places = [tmp_path / "a", tmp_path / "b"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tests")))}
    parent = subprocess.Popen([sys.executable, script, *places], env=environment)
    assert wait_for(lambda: all(place.exists() for place in places)), "no worker began"
    workers = [int(place.read_text()) for place in places]
    assert all(map(is_running, workers))
    parent.kill()
    parent.wait()
    try:
        assert wait_for(lambda: not any(map(is_running, workers)), 30)
    finally:
        for worker in filter(is_running, workers):
            os.kill(worker, signal.SIGKILL)


def told_work(number: int, tell: Tell) -> str:
    """Send a message, and do :func:`work`; 5 waits for long."""
    tell(f"at {number}")
    if number == 5:
        time.sleep(600)
    return work(number)


def test_one_process_does_one_thing_after_the_other_and_tells_of_it() -> None:
    worker, heard = WorkerProcess(), list[str]()
    try:
        assert [worker.do(told_work, number, heard.append) for number in (1, 2)] == ["1", "2"]
        with pytest.raises(LookupError, match="four"):
            worker.do(told_work, 4, heard.append)
        assert worker.is_alive
        assert worker.do(told_work, 6) == "6"
    finally:
        worker.end()
    assert heard == ["at 1", "at 2", "at 4"]
    assert not worker.is_alive


@pytest.mark.parametrize("how", ["killed", "ended", "too long"])
def test_the_end_of_a_process_is_told_at_its_work(how: str) -> None:
    worker = WorkerProcess()
    end = worker.end if how == "ended" else lambda: None
    timeout = 0.2 if how == "too long" else None
    with pytest.raises(TimeoutError if timeout else WorkerDiedError):
        worker.do(told_work, 3 if how == "killed" else 5, lambda told: end(), timeout)
    worker.end()
    assert not worker.is_alive
    assert not active_children()
