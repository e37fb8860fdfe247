"""Evaluating needs what the extra "evaluate" lists, and no training library."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from conftest import ROOT
from made import write_sound

from obamanet.audio.load import load_sound
from obamanet.constants import SAMPLE_RATE

TRAINING = ("tensorflow", "keras", "h5py", "librosa", "numba", "sklearn", "tf2onnx", "torch")
"""What the extra "evaluate" leaves out."""

CODE = f"""
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {TRAINING!r}:
            raise ModuleNotFoundError("No module named " + repr(name), name=name)
sys.meta_path.insert(0, Blocked())
from pathlib import Path
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name in {TRAINING!r} else found(name)
from obamanet.evaluation.evaluate import Subject, evaluate
from obamanet.evaluation.pairing import Pair
from obamanet.person import load_person
from obamanet.pipelines.speak import speak
video = Path("talk.mp4")
speak(Path("hello.wav"), video, load_person(Path({str(ROOT / "checkpoints" / "grid_s1")!r})))
evaluate([Pair("talk", video, video, ("bin", "blue", "at", "f", "two", "now"))], Path("out"), Subject("x"), workers=1)
"""
"""Lets the default person speak and measures the video against itself."""


def test_a_video_is_measured_by_all_judges(tmp_path: Path) -> None:
    # SyncNet needs 1.72 s.
    write_sound(tmp_path / "hello.wav", load_sound(ROOT / "data" / "audio" / "hello_en.wav").samples[: 2 * SAMPLE_RATE])
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        cwd=tmp_path,
        env={
            "PYTHONPATH": str(ROOT),
            "PATH": "/usr/bin:/bin",
            "HOME": str(tmp_path),
            "OBAMANET_KEY_DIR": str(tmp_path),
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (clip,) = json.loads((tmp_path / "out" / "results.json").read_text())["clips"]
    scores = {score["key"]: score["generated"] for score in clip["scores"]}
    assert None not in {scores[key] for key in ("own_offset", "word_error", "ssim_mouth", "identity", "av_offset")}
    assert (tmp_path / "out" / "report.html").stat().st_size > 100_000
