"""The whole evaluation: pairs in, measured by several processes, summary and report out."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from obamanet.about import VERSION
from obamanet.errors import ObamanetError
from obamanet.evaluation.judges import lse
from obamanet.evaluation.judges.judge_folders import judge_folder, read_judge
from obamanet.evaluation.judges.lpips import Supplied
from obamanet.evaluation.measure import ClipScores, Measurer
from obamanet.evaluation.pairing import Pair
from obamanet.evaluation.protocol import Protocol, find_recordings
from obamanet.evaluation.report import write_report
from obamanet.evaluation.results import Evaluation, Failure, Setting, summarise, write_results
from obamanet.evaluation.tracks import TRACKER
from obamanet.files import sha256_of
from obamanet.processes import map_in_processes
from obamanet.progress import Progress
from obamanet.training.judges.judge_card import KINDS

if TYPE_CHECKING:
    from obamanet.inference.speaker import Speaker

MEASURED_WITH: Final = (
    *("numpy", "opencv-python-headless", "dlib-bin", "scipy", "scikit-image", "jiwer", "python_speech_features", "av"),
    *("onnxruntime", "torch", "lpips", "pytorch-fid"),
)
"""Packages whose versions can change a number."""

CROP = "face: 1.1 of the 68 points' extent; mouth: 1.4 of the 20 points' extent; squares about the recording's points"

MAX_WORKERS: Final = 2
"""Processes. Each holds landmark, identity and judge models, about 400 MB."""


@dataclass(frozen=True)
class Subject:
    """What is evaluated, in words for the report."""

    what: str
    protocol: str = "none"
    split: str = "none"
    person: str = "not known"


def evaluate(
    pairs: Sequence[Pair],
    out: Path,
    subject: Subject,
    failures: Sequence[Failure] = (),
    workers: int | None = None,
    progress: Progress | None = None,
    supplied: Supplied | None = None,
) -> Evaluation:
    """Measures pairs and writes results.json, results.csv, report.html and side-by-side videos.

    Args:
        pairs: what is measured; a pair that fails becomes a row with its reason.
        out: folder of the results.
        subject: what is evaluated, in words.
        failures: clips that failed before they could be measured.
        workers: processes; None for two where there are two cores.
        progress: shows how far it is.
        supplied: weights and judges of the user's own.

    Raises:
        OutputError: ``out`` cannot be written.
        EvaluationError: ``supplied`` names files that cannot be used.
    """
    progress, supplied = progress or Progress(), supplied or Supplied()
    if supplied.syncnet:
        lse.checked_weights(supplied.syncnet)
    count = min(workers or min(MAX_WORKERS, os.cpu_count() or 1), max(1, len(pairs)))
    clips, failed = [], list(failures)
    for found in progress.track(_measured(pairs, count, supplied), "measuring", len(pairs)):
        if isinstance(found, Failure):
            failed.append(found)
            progress.note(f"{found.pair.name}: {found.reason}")
        else:
            clips.append(found)
    evaluation = Evaluation(_setting(subject, supplied), tuple(clips), tuple(failed), summarise(clips))
    write_results(evaluation, out)
    write_report(evaluation, out)
    return evaluation


def render_split(
    protocol: Protocol, split: str, data: Path, person_folder: Path, out: Path, progress: Progress | None = None
) -> tuple[list[Pair], list[Failure]]:
    """Renders every recording of a split by a person.

    Args:
        protocol: the recordings.
        split: one of the protocol's splits.
        data: folder in which the recordings are.
        person_folder: the person.
        out: folder of the results: videos go into ``generated``, an in-painting renderer's output before compositing
            into ``squares``.
        progress: shows how far it is.

    Returns:
        The pairs, and the recordings that failed.

    Raises:
        ObamanetError: the person or all recordings are missing.
    """
    from obamanet.person import load_person

    progress = progress or Progress()
    recordings = find_recordings(protocol, split, data)
    wanted = [Pair(n, out / "generated" / f"{n}.mp4", r, protocol.words(n)) for n, r in recordings.items()]
    pairs: list[Pair] = []
    failures: list[Failure] = []
    # Refuses a person that cannot be used before a process is started for it.
    load_person(person_folder)
    render = partial(_rendered, person_folder=person_folder, squares=out / "squares")
    # A process of its own, which takes the networks' memory with it when it ends: measuring needs it.
    rendered = map_in_processes(render, wanted, 1, partial(_died, doing="rendered"))
    for found in progress.track(rendered, "rendering", len(wanted)):
        if isinstance(found, Failure):
            failures.append(found)
            progress.note(f"{found.pair.name}: {found.reason}")
        else:
            pairs.append(found)
    return pairs, failures


def _died(pair: Pair, doing: str) -> Failure:
    """Returns the failure of ``pair`` when the process that measured or rendered it was killed."""
    return Failure(pair, f"the process that {doing} it was killed, perhaps of too little memory")


def _rendered(pair: Pair, person_folder: Path, squares: Path) -> Pair | Failure:
    """Renders the pair's recording by the person, in this process."""
    from obamanet.pipelines.speak import speak

    speaker = _speaker(person_folder)
    try:
        speak(pair.reference, pair.generated, speaker)
        return replace(pair, square=_square(pair, speaker, squares))
    except ObamanetError as error:
        return Failure(pair, str(error))


@cache
def _speaker(folder: Path) -> Speaker:
    from obamanet.inference.speaker import Speaker
    from obamanet.person import load_person

    return Speaker(load_person(folder))


def measure_one(pair: Pair, supplied: Supplied) -> ClipScores | Failure:
    """Measures ``pair`` in this process; an error of its files becomes a :class:`Failure`."""
    try:
        return _measurer(supplied).measure(pair)
    except ObamanetError as error:
        return Failure(pair, str(error))


@cache
def _measurer(supplied: Supplied) -> Measurer:
    return Measurer(supplied=supplied)


def _square(pair: Pair, speaker: Speaker, folder: Path) -> Path:
    """Returns the video of the renderer's output for ``pair``; for whole faces it is the generated video."""
    from obamanet.pipelines.speak import SpeakOptions, move_lips, predict_sound, render_squares, write_video
    from obamanet.types import RenderMode
    from obamanet.video.sound_encoder import SoundSpan

    person = speaker.person
    if person.mode is RenderMode.WHOLE_FACE:
        return pair.generated
    path = folder / pair.generated.name
    options = SpeakOptions()
    predicted, duration = predict_sound(pair.reference, speaker)
    keypoints = move_lips(predicted, duration, person, options)
    squares, soundtrack = render_squares(keypoints, speaker), SoundSpan(pair.reference, duration=duration)
    return write_video(squares, keypoints, soundtrack, path, person, options, Progress()).path


def _measured(pairs: Sequence[Pair], workers: int, supplied: Supplied) -> Iterator[ClipScores | Failure]:
    """Yields the pairs' results in their order."""
    measure = partial(measure_one, supplied=supplied)
    if workers == 1:
        yield from map(measure, pairs)
        return
    yield from map_in_processes(measure, pairs, workers, partial(_died, doing="measured"), _use_one_thread)


def _use_one_thread() -> None:
    """Keeps OpenCV to one thread: the processes share the cores already."""
    import cv2

    cv2.setNumThreads(1)


def _setting(subject: Subject, supplied: Supplied) -> Setting:
    found = [(name, _version(name)) for name in MEASURED_WITH]
    if supplied.syncnet:
        found.append((supplied.syncnet.name, f"sha256 {sha256_of(supplied.syncnet)}"))
    for kind, own in zip(KINDS, (supplied.judges.syncnet, supplied.judges.lipreader), strict=True):
        found.append((kind.name, f"sha256 {read_judge(kind, own).sha256}, {judge_folder(own)}"))
    versions = (("obamanet", VERSION), ("python", platform.python_version()), *found)
    return Setting(
        what=subject.what,
        protocol=subject.protocol,
        split=subject.split,
        person=subject.person,
        crop=f"{CROP}; {lse.CROP}" if supplied.syncnet else CROP,
        detector=TRACKER,
        versions=versions,
        commit=_commit(),
        device=f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}, networks on the CPU",
        made=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _commit() -> str:
    """Returns the commit of the checkout that runs, or that there is none."""
    folder = Path(__file__).resolve().parents[2]
    try:
        asked = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return "not known"
    known = (folder / ".git").exists() and asked.returncode == 0
    return asked.stdout.strip() if known else "not a git checkout"
