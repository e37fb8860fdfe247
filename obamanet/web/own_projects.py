"""Persons in the making: footage to a person, by the command line in the background.

FOLDER/ID/making.json     name, licence, consent; steps that are done, and how the last one ended
FOLDER/ID/footage/        what was uploaded
FOLDER/ID/dataset/        of obamanet prepare, with the training runs in it
FOLDER/ID/person/         what comes of it
FOLDER/ID/said.txt        what the commands said
FOLDER/ID/running         locked, and holding the process, while a command is at work

Nothing is kept in memory alone, so that a server that is started again knows them all, and also those commands that
have gone on without it.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from operator import itemgetter
from pathlib import Path
from secrets import token_hex
from typing import Final

from obamanet.card import CardError, read_card
from obamanet.errors import DatasetError, ObamanetError, OptionError, OutputError
from obamanet.files import atomic_write_json
from obamanet.training.data.dataset import KEYPOINTS, RENDERER
from obamanet.training.loop.runner import check_not_blank

PROJECT_FILE, SAID_FILE, RUNNING_FILE = "making.json", "said.txt", "running"
FOOTAGE, DATASET, PERSON = "footage", "dataset", "person"

MAX_NAME: Final = 80
"""Characters of a name; other texts may have :data:`MAX_TEXT`."""

MAX_TEXT: Final = 500

SAID_LINES: Final = 12
"""Last lines of what the commands said that are shown."""

SAID_BYTES: Final = 8192
"""Bytes at the end of the file in which they are looked for."""

INTERRUPTED: Final = (130, -signal.SIGINT, 128 + signal.SIGTERM, -signal.SIGTERM)
"""Exit codes of a command that was stopped."""

REMAINING: Final = re.compile(r"(?:(\d+) s left|left take about (.+) on this machine)")
"""What commands say of the remaining time (obamanet/progress.py, obamanet/training/loop/runner.py)."""


WAITS: Final = (0.02, 0.05, 0.1, 0.0)
"""Seconds after each try to lock a project that another server may only be looking at."""

PAUSE_SECONDS: Final = 5.0
"""Longest wait for a command that was told to stop; a training first writes how far it is."""

PAUSE_LOOK_SECONDS: Final = 0.05
"""Between two looks whether it has."""


class Stage(StrEnum):
    """The steps to a person, in order."""

    PREPARE = "prepare"
    KEYPOINTS = "keypoints"
    RENDERER = "renderer"
    ASSEMBLE = "assemble"


class ProjectState(StrEnum):
    """How a person in the making is."""

    RUNNING = "running"
    READY = "ready"
    PAUSED = "paused"
    FAILED = "failed"
    DONE = "done"


@dataclass(frozen=True)
class Project:
    """A person in the making.

    Attributes:
        id: name of its folder; cannot be guessed.
        name: of the person.
        licence: of the footage.
        consent: on what ground the face may be used.
        done: the steps that are done.
        code: exit code of the last command; None before the first one, and while one is at work.
    """

    id: str
    name: str
    licence: str
    consent: str
    done: tuple[Stage, ...] = ()
    code: int | None = None

    @property
    def next(self) -> Stage | None:
        """The first step that is not done; None when all are."""
        return next((stage for stage in Stage if stage not in self.done), None)


class Projects:
    """All persons in the making of a server; safe for several threads.

    Args:
        folder: where they are.
        program: the command line's program, such as ``python -m obamanet``.
        register: is told the name and the folder of each person that is made, now and later.
    """

    def __init__(self, folder: Path, program: Sequence[str], register: Callable[[str, Path], None]) -> None:
        self.folder = folder.absolute()
        self._program = tuple(program)
        self._register = register
        self._writing = threading.Lock()
        self._looking = threading.Lock()
        """Held while a project's lock is looked at or taken: who starts a step must not meet one who only looks."""
        for project in self.all():
            self._tell(project)

    def all(self) -> tuple[Project, ...]:
        """Returns all projects, the newest first; one that is damaged, or removed at this moment, is left out."""
        found: list[tuple[int, Project]] = []
        for path in self.folder.glob(f"*/{PROJECT_FILE}"):
            with suppress(DatasetError, OSError):
                found.append((path.parent.stat().st_ctime_ns, self.get(path.parent.name)))
        return tuple(project for _, project in sorted(found, key=itemgetter(0), reverse=True))

    def get(self, id: str) -> Project:
        """Returns the project ``id``; raises DatasetError where there is none, or its file is damaged."""
        if not re.fullmatch(r"[0-9a-f]{16}", id):
            raise DatasetError("no such person in the making")
        try:
            card = read_card(self.folder / id / PROJECT_FILE)
            done = tuple(Stage(stage) for stage in card.texts("done"))
            code = card.whole("code") if card.content.get("code") is not None else None
            return Project(id, card.text("name"), card.text("licence"), card.text("consent"), done, code)
        except (CardError, ValueError) as error:
            raise DatasetError(f"person in the making is damaged: {error}") from None

    def create(self, name: str, licence: str, consent: str) -> tuple[Project, Path]:
        """Makes a project.

        Args:
            name: of the person.
            licence: of the footage.
            consent: on what ground the face may be used.

        Returns:
            The project, and the empty folder that its footage is put into.

        Raises:
            OptionError: a text is blank or too long.
            OutputError: its folder cannot be made.
        """
        check_not_blank(name=name, licence=licence, consent=consent)
        for text, longest in ((name, MAX_NAME), (licence, MAX_TEXT), (consent, MAX_TEXT)):
            if len(text) > longest or not text.isprintable():
                raise OptionError(f"text is too long or has more than one line: got {len(text)}, allowed are {longest}")
        project = Project(token_hex(8), name.strip(), licence.strip(), consent.strip())
        footage = self.folder / project.id / FOOTAGE
        try:
            footage.mkdir(parents=True)
        except OSError as error:
            raise OutputError(f"no folder for a person can be made ({error.strerror})") from error
        self._save(project)
        return project, footage

    def remove(self, project: Project) -> None:
        """Removes a project with all that is in it."""
        shutil.rmtree(self.folder / project.id, ignore_errors=True)

    def state(self, project: Project) -> ProjectState:
        """Returns how the project is."""
        if self._is_running(project):
            return ProjectState.RUNNING
        if project.next is None:
            return ProjectState.DONE
        if project.code in INTERRUPTED:
            return ProjectState.PAUSED
        if project.code:
            return ProjectState.FAILED
        return ProjectState.READY if project.next is Stage.KEYPOINTS else ProjectState.PAUSED

    def start(self, project: Project, *, last: Stage = Stage.ASSEMBLE) -> None:
        """Does the steps up to ``last`` that are not done, in the background; without effect while one is at work."""
        began = threading.Event()
        threading.Thread(target=self._work, args=(project.id, last, began), daemon=True).start()
        began.wait()

    def pause(self, project: Project) -> None:
        """Stops the command that is at work, and waits up to :data:`PAUSE_SECONDS` for its end.

        Without effect where there is none. Not by SIGINT, which what is started in the background may ignore.
        """
        told: set[int] = set()
        end = time.monotonic() + PAUSE_SECONDS
        while self._is_running(project) and time.monotonic() < end:
            # Between two steps no process is named; a second signal would break off what the first one asked for.
            with suppress(OSError, ValueError):
                process = int((self.folder / project.id / RUNNING_FILE).read_text())
                if process not in told:
                    os.kill(process, signal.SIGTERM)
                    told.add(process)
            time.sleep(PAUSE_LOOK_SECONDS)

    def _tell(self, project: Project) -> None:
        """Registers the person if it is made; one that was damaged since is left out."""
        if project.next is None:
            with suppress(ObamanetError):
                self._register(project.name, self.folder / project.id / PERSON)

    def said(self, project: Project) -> list[str]:
        """Returns the last lines that the commands said, without the folders of this machine."""
        try:
            with (self.folder / project.id / SAID_FILE).open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - SAID_BYTES))
                text = file.read().decode("utf-8", "replace")
        except OSError:
            return []
        return text.replace(f"{self.folder / project.id}/", "").splitlines()[-SAID_LINES:]

    def remaining(self, project: Project) -> str:
        """Returns the remaining time of the step at work, as it was last said; "" while it is not known."""
        for line in reversed(self.said(project)):
            if found := REMAINING.search(line):
                return found[2] or in_minutes(int(found[1]))
        return ""

    def curves(self, project: Project) -> dict[Stage, Path]:
        """Returns the pictures of the trainings' curves that are there."""
        dataset = self.folder / project.id / DATASET
        found = {Stage.KEYPOINTS: dataset / KEYPOINTS, Stage.RENDERER: dataset / RENDERER}
        return {stage: run / "curves.png" for stage, run in found.items() if (run / "curves.png").is_file()}

    def dataset(self, project: Project) -> Path:
        """Returns the folder of the project's dataset, which may not be there yet."""
        return self.folder / project.id / DATASET

    def _command(self, project: Project, stage: Stage) -> list[str]:
        folder = self.folder / project.id
        dataset = str(folder / DATASET)
        match stage:
            case Stage.PREPARE:
                arguments = ["prepare", str(folder / FOOTAGE), "--out", dataset]
            case Stage.KEYPOINTS | Stage.RENDERER:
                arguments = ["train", stage.value, dataset]
            case Stage.ASSEMBLE:
                # An option and its value are one word, so that a name cannot be taken for an option.
                said = {"name": project.name, "licence": project.licence, "attribution": project.name}
                said |= {"consent": project.consent, "footage": f"footage of {project.name}"}
                options = [f"--{option}={value}" for option, value in said.items()]
                arguments = ["assemble", dataset, "--out", str(folder / PERSON), *options]
        return [*self._program, *arguments]

    def _work(self, id: str, last: Stage, began: threading.Event) -> None:
        try:
            with ExitStack() as stack:
                with self._looking:
                    lock = stack.enter_context(_running(self.folder / id / RUNNING_FILE))
                began.set()
                if lock is not None:
                    self._do_steps(id, last, lock)
        finally:
            began.set()

    def _do_steps(self, id: str, last: Stage, lock: int) -> None:
        steps = list(Stage)
        while (stage := self.get(id).next) is not None:
            if steps.index(stage) > steps.index(last):
                return
            self._save(replace(self.get(id), code=None))
            code = self._run(self.get(id), stage, lock)
            project = self.get(id)
            self._save(replace(project, code=code, done=(*project.done, stage) if code == 0 else project.done))
            if code:
                return
        self._tell(self.get(id))

    def _run(self, project: Project, stage: Stage, lock: int) -> int:
        """Runs the command of a step to its end and returns its exit code."""
        folder = self.folder / project.id
        with (folder / SAID_FILE).open("ab") as said:
            try:
                # The command keeps the lock when this process ends without it.
                process = subprocess.Popen(
                    self._command(project, stage),
                    stdin=subprocess.DEVNULL,
                    stdout=said,
                    stderr=subprocess.STDOUT,
                    pass_fds=(lock,),
                    cwd=folder,
                )
            except OSError as error:
                said.write(f"{error}\n".encode())
                return 1
            os.pwrite(lock, f"{process.pid:<12}".encode(), 0)
            code = process.wait()
            # A number may soon be another process's.
            os.pwrite(lock, b" " * 12, 0)
            return code

    def _is_running(self, project: Project) -> bool:
        with self._looking, _running(self.folder / project.id / RUNNING_FILE, fcntl.LOCK_SH) as lock:
            return lock is None

    def _save(self, project: Project) -> None:
        about = asdict(project) | {"schema": 1}
        with self._writing:
            atomic_write_json(self.folder / project.id / PROJECT_FILE, about)


def in_minutes(seconds: int) -> str:
    """Returns a time such as ``40 s``, ``8 min`` or ``2 h 5 min``."""
    if seconds < 120:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


@contextmanager
def _running(path: Path, how: int = fcntl.LOCK_EX) -> Iterator[int | None]:
    """Yields the open file ``path``, locked while the block runs; None where another process or thread is at work."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        for wait in WAITS:
            try:
                fcntl.flock(handle, how | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                # Who only looks has it for a moment.
                time.sleep(wait if how == fcntl.LOCK_EX else 0)
        else:
            yield None
            return
        yield handle
    finally:
        os.close(handle)
