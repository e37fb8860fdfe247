"""A loaded person: many calls and threads, each network read once, the same pictures by every engine."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from obamanet.engine.network import Engine, StoredNetwork, check_engine, load_network
from obamanet.errors import EngineError, PersonError
from obamanet.inference.speaker import Speaker, as_speaker
from obamanet.person import Person
from obamanet.pipelines.speak import draw_sketches, predict_raw, render_frames, speak
from obamanet.types import CanonicalKeypoints, FeatureSequence


def sound_features(person: Person, seed: int) -> FeatureSequence:
    from obamanet.audio.features import extract_features
    from obamanet.types import AudioClip

    samples = 0.2 * np.random.default_rng(seed).normal(size=9600).astype(np.float32)
    return extract_features(AudioClip(samples, 16000), person.features)


def frames(speaker: Speaker, seed: int) -> np.ndarray:
    keypoints = predict_raw(sound_features(speaker.person, seed), speaker)
    return np.stack(list(render_frames(draw_sketches(keypoints, speaker.person), speaker)))


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list of the networks that are loaded from here on."""
    loaded: list[str] = []

    def counted(stored: StoredNetwork, *arguments: Any, **named: Any) -> Any:
        loaded.append(stored.onnx.name)
        return load_network(stored, *arguments, **named)

    for module in (
        "inference.frame_renderer",
        "inference.speaker",
        "speech.streaming_lstm",
        "speech.feature_extractor",
    ):
        monkeypatch.setattr(f"obamanet.{module}.load_network", counted)
    return loaded


def test_threads_get_what_single_calls_get(tiny_person: Person) -> None:
    speaker = Speaker(tiny_person)
    single = [frames(Speaker(tiny_person), seed) for seed in range(3)]
    assert not np.array_equal(single[0], single[1])
    with ThreadPoolExecutor(3) as pool:
        for number, made in enumerate(pool.map(lambda seed: frames(speaker, seed), [0, 1, 2] * 3)):
            assert np.array_equal(made, single[number % 3])


def test_threads_load_each_network_once(tiny_person: Person, loads: list[str]) -> None:
    speaker = Speaker(tiny_person)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda seed: frames(speaker, seed), range(4)))
    assert sorted(loads) == ["predictor.onnx", "renderer.onnx"]


def test_the_second_call_loads_nothing(tiny_person: Person, loads: list[str], tmp_path: Path) -> None:
    import soundfile

    sound = tmp_path / "sound.wav"
    soundfile.write(sound, 0.2 * np.sin(np.arange(8000) / 9), 16000)
    speaker = Speaker(tiny_person)
    assert loads == []
    first = speak(sound, tmp_path / "a.mp4", speaker)
    assert sorted(loads) == ["predictor.onnx", "renderer.onnx"]
    second = speak(sound, tmp_path / "b.mp4", speaker)
    assert len(loads) == 2
    assert first.frames == second.frames


def test_the_reference_engine_paints_the_same(tiny_person: Person) -> None:
    keypoints = predict_raw(sound_features(tiny_person, 0), tiny_person)
    some = CanonicalKeypoints(keypoints.points[:6], keypoints.fps)
    ours, reference = (
        np.stack(list(render_frames(draw_sketches(some, tiny_person), Speaker(tiny_person, engine)))).astype(int)
        for engine in (Engine.ONNXRUNTIME, Engine.KERAS)
    )
    assert np.abs(ours - reference).max() <= 4
    assert reference.std() > 1


def test_a_speaker_goes_wherever_a_person_does(tiny_person: Person) -> None:
    speaker = Speaker(tiny_person)
    assert as_speaker(speaker) is speaker
    assert as_speaker(tiny_person).person is tiny_person


def test_engine_fast_says_how_it_is_made(tiny_person: Person) -> None:
    check_engine(Engine.FAST)
    with pytest.raises(PersonError, match=r"has no fast renderer: .*make it with: obamanet export .* --precision int8"):
        Speaker(tiny_person, Engine.FAST)


def test_an_engine_that_is_not_installed(tiny_person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EngineError, match="engine is not installed: openvino"):
        Speaker(tiny_person, Engine.OPENVINO)


@pytest.mark.parametrize(
    ("program", "arguments"),
    [
        ("obamanet", ["speak", "SOUND"]),
        ("obamanet", ["say", "Good day."]),
        ("obamanet", ["say", "Good day.", "--recording", "SOUND"]),
        ("run.py", ["--sf", "SOUND"]),
        ("run.py", ["--text", "Good day."]),
    ],
)
def test_every_verb_that_speaks_takes_an_engine(
    program: str,
    arguments: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    from importlib.util import find_spec

    from conftest import ROOT

    from obamanet.cli.app import obamanet_app as obamanet
    from obamanet.cli.app import run_app
    from obamanet.cli.boundary import call

    monkeypatch.setattr("importlib.util.find_spec", lambda name, *rest: None if name == "openvino" else find_spec(name))
    sound, out = str(ROOT / "data" / "audio" / "hello_en.wav"), str(tmp_path / "talk.mp4")
    arguments = [sound if one == "SOUND" else one for one in arguments]
    app = run_app() if program == "run.py" else obamanet()
    assert call(app, [*arguments, "--engine", "openvino", "--out", out], program) == 1
    [line] = capsys.readouterr().err.strip().splitlines()
    assert "engine is not installed: openvino; pip install 'obamanet[openvino]'" in line
    assert not list(tmp_path.iterdir())
