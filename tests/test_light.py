"""The light installation: what speaks, says, tells and verifies needs no training library and no network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from made import write_sound, write_video

from obamanet.audio.load import load_sound
from obamanet.cli.boundary import ALSO_IN_EVALUATE, EXTRAS
from obamanet.constants import SAMPLE_RATE

HEAVY = (
    *("tensorflow", "keras", "librosa", "numba", "sklearn", "h5py", "matplotlib", "dlib", "tf2onnx", "onnx", "torch"),
    *("scipy", "python_speech_features", "imageio_ffmpeg", "moviepy", "PIL"),
)
"""What only training, aligning and evaluating may import."""

BLOCKED = f"""
import socket, sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {HEAVY!r}:
            raise ModuleNotFoundError("No module named " + repr(name), name=name)
def refuse(*_, **__):
    raise AssertionError("the network was used")
sys.meta_path.insert(0, Blocked())
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
"""
"""Takes the heavy libraries and the network away."""


def run_light(
    arguments: list[str], folder: Path, then: tuple[str, ...] = ("--version",)
) -> subprocess.CompletedProcess[str]:
    """Run the command ``arguments`` in ``folder`` without the heavy libraries and the network.

    If it succeeds the command ``then`` follows in the same process.
    """
    code = f"""{BLOCKED}
from obamanet.cli.start import obamanet
sys.argv = {["obamanet", *arguments]!r}
try:
    obamanet()
except SystemExit as ended:
    if ended.code:
        raise
from obamanet.cli.app import obamanet_app
from obamanet.cli.boundary import call
sys.exit(call(obamanet_app(), {[*then]!r}, "obamanet"))
"""
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
        | dict.fromkeys(("HOME", "TMPDIR", "OBAMANET_KEY_DIR"), str(folder)),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["speak", "hello.wav", "--out", "talk.mp4", "--quiet"],
        ["say", "Hola, ¿qué tal?", "--lang", "es", "--out", "talk.mp4", "--timeline", "hola.json", "--quiet"],
        ["say", "Good day.", "--via", "audio", "--out", "talk.mp4", "--quiet"],
    ],
    ids=["speak", "say by syllables", "say by sound"],
)
def test_a_video_is_made_and_verified(arguments: list[str], tmp_path: Path) -> None:
    write_sound(tmp_path / "hello.wav", load_sound(ROOT / "data" / "audio" / "hello_en.wav").samples[:SAMPLE_RATE])
    done = run_light(arguments, tmp_path, then=("verify", "talk.mp4"))
    assert (done.returncode, done.stderr) == (0, "")
    made, verified = done.stdout.split("\n", 1)
    assert made == "talk.mp4"
    assert "synthetic" in verified
    # ONNX Runtime would leave notes of the session, to be sent, in the home folder and the temporary one.
    assert not [*tmp_path.glob(".cache/Microsoft"), *tmp_path.glob(".ses")]


def test_a_timeline_is_written(tmp_path: Path) -> None:
    done = run_light(["timeline", "Buenos días.", "--lang", "es", "--out", "dias.json", "--quiet"], tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "dias.json").stat().st_size > 200


BOTH = "pip install 'obamanet[train]' or, to evaluate alone, 'obamanet[evaluate]'"


def test_what_needs_more_says_which_extra(tmp_path: Path) -> None:
    done = run_light(["pose-sheet", "poses.png"], tmp_path)
    assert done.returncode == 1
    assert done.stderr.strip().endswith(f"which the light installation leaves out: {BOTH}")
    write_video(tmp_path / "face.mp4", [np.zeros((96, 96, 3), np.uint8)] * 5)
    done = run_light(["prepare", "face.mp4", "--out", "d", "--workers", "1"], tmp_path)
    assert done.returncode == 1
    [line] = done.stderr.strip().splitlines()
    assert line.endswith(f"which the light installation leaves out: {BOTH}")


def test_other_features_than_the_default_persons_say_which_extra(tmp_path: Path) -> None:
    code = """
import numpy as np
from obamanet.audio.features import FeatureOptions, extract_features
from obamanet.cli.boundary import explain
for kind in ("speech", "mfcc"):
    try:
        print(extract_features([np.zeros(1600)], FeatureOptions(kind)).values.shape)
    except ModuleNotFoundError as error:
        print(explain(error, "obamanet")[0])
"""
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED + code],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    shape, line = done.stdout.splitlines()
    assert shape == "(9, 80)"
    assert line.startswith("this needs python_speech_features")
    assert line.endswith("pip install 'obamanet[train]'")


def test_every_extra_module_belongs_to_an_extra() -> None:
    import configparser

    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", "utf-8")
    extras = setup["options.extras_require"]
    packages = {"sklearn": "scikit-learn", "skimage": "scikit-image", "dlib": "dlib-bin", "PIL": "pillow"}
    packages |= {"prometheus_client": "prometheus-client"}
    for module, extra in EXTRAS.items():
        assert packages.get(module, module) in extras[extra], module
    for module in ALSO_IN_EVALUATE:
        assert packages.get(module, module) in extras["evaluate"], module
