"""What several tests share: where the real recordings lie, and small made sounds and pictures."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from obamanet.keypoints.pca import MouthPca
    from obamanet.person import Person
    from obamanet.types import RenderMode

# TensorFlow's start-up notices would bury a failing test's message.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

ROOT = Path(__file__).resolve().parent.parent


# A shell that starts the tests in the background has them ignore Ctrl-C, and every process they start inherits that.
signal.signal(signal.SIGINT, signal.default_int_handler)


NO_RECORDINGS = "real recordings are not there"
"""Begins the reason of each test that is left out without them."""

LEFT_OUT = "left out for lack of recordings"
"""What the last line of a run calls these tests."""

MAX_WORKERS = 4
"""Test processes that ``-n auto`` starts at most; each grows to 1.5 GB with TensorFlow in it."""

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
"""Environment variables that tell libraries how many threads to use."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return the number of test processes: the cores this run may use, within reason."""
    return min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, MAX_WORKERS)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(specs: Sequence[object]) -> None:
    """Share the cores among the test processes, which would each start as many threads as there are cores."""
    for name in THREADS:
        os.environ.setdefault(name, str(max(1, (os.cpu_count() or 1) // len(specs))))


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """Count the tests that need recordings apart from the other skipped ones, so that the last line tells them."""
    reason = report.longrepr[2] if report.skipped and isinstance(report.longrepr, tuple) else ""
    return (LEFT_OUT, "s", "SKIPPED") if NO_RECORDINGS in reason else None


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real recordings beside the project.

    Skip the test when it is not there; in CI fail where there is a ``shared`` folder that should hold it.
    """
    shared = ROOT.parent / "shared"
    if not (shared / "data" / "grid_s1" / "split.json").is_file():
        message = f"{NO_RECORDINGS}: {shared / 'data'}"
        if os.environ.get("CI") == "true" and shared.is_dir():
            pytest.fail(message, pytrace=False)
        pytest.skip(message)
    return shared / "data"


@pytest.fixture(scope="session")
def common_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that all test processes of this run have in common."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "common"
    folder.mkdir(exist_ok=True)
    return folder


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other test processes out of the block until it ends; ``path`` is made for this and stays."""
    import fcntl  # Windows has none; tests that need no common folder run there.

    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def made_once(folder: Path, make: Callable[[Path], object]) -> Path:
    """Return ``folder``, which the first test process that needs it lets ``make`` write; do not change it."""
    with locked(folder.with_suffix(".lock")):
        if not folder.exists():
            made = folder.with_suffix(".part")
            make(made)
            made.rename(folder)
    return folder


@pytest.fixture(scope="session")
def grid_s1(shared_data: Path) -> Path:
    """Return the folder of the GRID talker s1 recordings."""
    return shared_data / "grid_s1"


@dataclass(frozen=True)
class Recorded:
    """A recorded sentence: its video, the canonical ``mouth`` (T, 20, 2) at 25 fps and the ``sound`` (N,) at 16 kHz."""

    video: Path
    mouth: np.ndarray
    sound: np.ndarray


@pytest.fixture(scope="session")
def track_cache(common_folder: Path) -> Path:
    """Return the folder in which the tests keep the faces they have tracked."""
    folder = common_folder / "tracks"
    folder.mkdir(exist_ok=True)
    return folder


def recorded(video: Path, cache: Path) -> Recorded:
    """Return the mouth and the sound of ``video``."""
    from obamanet.audio.load import load_sound
    from obamanet.constants import MOUTH
    from obamanet.evaluation.tracks import Tracker
    from obamanet.keypoints.placement import fit_placement, fit_template, to_canonical

    landmarks = Tracker(cache).track(video).landmarks
    canonical = to_canonical(landmarks, fit_placement(landmarks, fit_template(landmarks)))
    return Recorded(video, canonical[:, MOUTH], load_sound(video).samples)


def track(video: Path, cache: Path) -> None:
    """Track the face in ``video`` and keep it in ``cache``."""
    from obamanet.evaluation.tracks import Tracker

    Tracker(cache).track(video)


@pytest.fixture(scope="session")
def recorded_test_split(grid_s1: Path, track_cache: Path) -> list[Recorded]:
    """Return every fourth of the 40 sentences that targets are measured on, tracked once in a run by two processes."""
    names = json.loads((grid_s1 / "split.json").read_text("utf-8"))["test"]
    videos = [grid_s1 / "video" / f"{name}.mpg" for name in sorted(names)[::4]]
    tracked = track_cache / "test_split_is_tracked"
    with locked(track_cache / "test_split.lock"):
        if not tracked.exists():
            with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
                list(pool.map(partial(track, cache=track_cache), videos))
            tracked.touch()
    return [recorded(video, track_cache) for video in videos]


@pytest.fixture(scope="session", autouse=True)
def _key_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the signing key that tests make out of the user's own folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OBAMANET_KEY_DIR", str(tmp_path_factory.mktemp("key")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _quick_curves() -> Iterator[None]:
    """Have training runs write a few bytes for their curves, whose drawing takes longer than a tiny training."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("obamanet.training.loop.log.draw_curves", lambda records, path: path.write_bytes(b"curves"))
        yield


@pytest.fixture(scope="session")
def tiny_person(common_folder: Path) -> Person:
    """Return a whole-face person of 64 x 64 pixels at 25 fps with random weights; do not change its folder."""
    from obamanet.person import load_person
    from obamanet.types import RenderMode

    return load_person(made_once(common_folder / "tiny", partial(make_person, mode=RenderMode.WHOLE_FACE)))


@pytest.fixture(scope="session")
def tiny_inpaint_person(common_folder: Path) -> Person:
    """Return the same person to be in-painted into 2 s of made footage, 120 x 96 pixels; do not change its folder."""
    from obamanet.person import load_person
    from obamanet.types import RenderMode

    return load_person(made_once(common_folder / "tiny_inpaint", partial(make_person, mode=RenderMode.INPAINT)))


@pytest.fixture(scope="session")
def tiny_judges(common_folder: Path) -> Path:
    """Return a folder with the runs of a tiny SyncNet and a tiny lip reader of random weights; do not change it."""
    from made import write_judges

    return made_once(common_folder / "judges", write_judges)


@pytest.fixture
def few_noises(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make 3 examples of noise and music for a predictor's training, not 96: each takes a tenth of a second."""
    monkeypatch.setattr("obamanet.training.speech.training_examples.NOISE_EXAMPLES", 3)


@contextmanager
def run_eagerly() -> Iterator[None]:
    """Run networks line by line, not as compiled graphs: compiling one takes longer than the few steps of a test.

    Only where another test shows the compiled training of the same learner.
    """
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)


@pytest.fixture
def eager() -> Iterator[None]:
    """Run the networks of a test line by line: :func:`run_eagerly`."""
    with run_eagerly():
        yield


@pytest.fixture
def four_ways() -> MouthPca:
    """Return a mouth that moves in four ways, each of them all over it."""
    from obamanet.constants import MOUTH
    from obamanet.keypoints.pca import MouthPca

    components = np.linalg.qr(np.random.default_rng(3).normal(size=(40, 4)))[0].T
    mean = made_landmarks(1)[0, MOUTH].reshape(-1) / 64
    return MouthPca(mean.astype(np.float32), components.astype(np.float32), np.array([0.1, 0.08, 0.04, 0.02]))


def made_landmarks(count: int, size: float = 64.0) -> np.ndarray:
    """Return ``count`` frames of a drawn face that nods and talks, in a square of ``size`` pixels: (count, 68, 2)."""
    jaw = np.linspace(np.pi, 0, 17)
    lips, inside = np.linspace(-np.pi, np.pi, 12, endpoint=False), np.linspace(-np.pi, np.pi, 8, endpoint=False)
    eye = np.linspace(-np.pi, np.pi, 6, endpoint=False)
    still = np.concatenate(
        [
            np.stack([0.36 * np.cos(jaw), 0.42 * np.sin(jaw)], axis=1),
            np.stack([np.linspace(-0.25, -0.08, 5), np.full(5, -0.2)], axis=1),
            np.stack([np.linspace(0.08, 0.25, 5), np.full(5, -0.2)], axis=1),
            np.stack([np.zeros(4), np.linspace(-0.1, 0.06, 4)], axis=1),
            np.stack([np.linspace(-0.07, 0.07, 5), np.array([0.09, 0.1, 0.11, 0.1, 0.09])], axis=1),
            np.stack([-0.16 + 0.06 * np.cos(eye), -0.1 + 0.03 * np.sin(eye)], axis=1),
            np.stack([0.16 + 0.06 * np.cos(eye), -0.1 + 0.03 * np.sin(eye)], axis=1),
            np.stack([0.13 * np.cos(lips), 0.24 + 0.05 * np.sin(lips)], axis=1),
            np.stack([0.1 * np.cos(inside), 0.24 + 0.02 * np.sin(inside)], axis=1),
        ]
    )
    time = np.arange(count) / 25
    face = np.repeat(still[None], count, axis=0)
    opening = 0.03 * (1 + np.sin(9 * time)) / 2
    below = still[:, 1] > 0.245
    mouth = np.arange(68) >= 48
    face[:, below & mouth, 1] += opening[:, None]
    face[:, 5:12, 1] += 0.6 * opening[:, None]
    face[:, 48:68, 0] *= (1 + 0.05 * np.cos(5 * time))[:, None]
    face += 0.01 * np.stack([np.sin(2 * time), np.cos(3 * time)], axis=1)[:, None]
    return ((0.5 + face) * size).astype(np.float32)


def make_person(folder: Path, mode: RenderMode) -> None:
    """Write a small person with random weights into ``folder``."""
    import keras

    from obamanet.audio.features import FeatureOptions
    from obamanet.audio.stack import stacked_size
    from obamanet.constants import MOUTH
    from obamanet.export import export_networks
    from obamanet.keypoints.head import fit_head
    from obamanet.keypoints.jaw import fit_jaw
    from obamanet.keypoints.pca import fit_pca
    from obamanet.keypoints.placement import fit_placement, fit_template, to_canonical
    from obamanet.keypoints.region import fit_region
    from obamanet.networks.config import GeneratorConfig, PredictorConfig
    from obamanet.networks.keypoint_lstm import build_predictor
    from obamanet.networks.unet import build_generator
    from obamanet.networks.weights import save_half
    from obamanet.person import (
        REGION_FILE,
        MouthModel,
        Origin,
        Person,
        SpeechPart,
        save_card,
        save_mouth,
        save_reference,
        save_region,
    )
    from obamanet.types import CropBox, LandmarkTrack, RenderMode
    from obamanet.video.footage import write_footage

    folder.mkdir(parents=True)
    fps = Fraction(25)
    landmarks = made_landmarks(50)
    template = fit_template(landmarks)
    canonical = to_canonical(landmarks, fit_placement(landmarks, template))
    head = fit_head([landmarks], template)
    mouth = MouthModel(
        head,
        fit_pca(canonical[:, MOUTH]),
        fit_jaw(canonical),
        canonical[:, MOUTH].mean(axis=0),
    )
    person = Person(
        folder=folder,
        name="tiny",
        fps=fps,
        mode=mode,
        generator=GeneratorConfig(image_size=64, width=4),
        reference=LandmarkTrack(landmarks, fps),
        boxes=(),
        origin=Origin("drawn by a test", "CC0-1.0", "nobody", "nobody is shown"),
        metrics={"made": 1.0},
        speech=SpeechPart(
            FeatureOptions(),
            PredictorConfig(inputs=stacked_size(FeatureOptions().count), outputs=mouth.pca.count, units=8),
            mouth,
        ),
    )
    keras.utils.set_random_seed(1)
    save_mouth(mouth, person.folder / "mouth.npz")
    save_half(build_predictor(person.predictor), person.predictor_weights)
    save_half(build_generator(person.generator), person.renderer_weights)
    if mode is RenderMode.INPAINT:
        person = replace(person, boxes=(CropBox(20.0, 10.0, 80.0),) * len(landmarks))
        ramp = np.indices((96, 120)).sum(axis=0)
        frames = (np.stack([ramp, ramp // 2, (3 * ramp + 4 * i) % 256], axis=-1).astype(np.uint8) for i in range(50))
        write_footage(person.footage, frames, fps)
        save_region(fit_region([landmarks], head), folder / REGION_FILE)
    save_reference(person.folder / "reference.npz", person.reference, person.boxes)
    export_networks(person)
    save_card(person)
