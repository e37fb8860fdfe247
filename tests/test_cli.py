"""The command line: one result on standard output, one line for whatever is wrong, nothing half-written."""

from __future__ import annotations

import dataclasses
import errno
import inspect
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import wave
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

import av
import cv2
import numpy as np
import pytest
import soundfile
import typer
from conftest import made_landmarks
from made import foreign_files, one_colour, self_signed

from obamanet.cli import boundary, train_renderer
from obamanet.cli.app import OBAMANET, obamanet_app, run_app
from obamanet.cli.boundary import BUG, INTERRUPTED, call
from obamanet.cli.declare import Fields, command, examples_of
from obamanet.cli.prepare import prepared
from obamanet.cli.train_keypoints import keypoints_verb
from obamanet.cli.train_renderer import renderer_verb
from obamanet.cli.verbs import Group
from obamanet.errors import OptionError, SoundError
from obamanet.files import sha256_of
from obamanet.person import POSES_FILE, Origin, Person, PoserCard, TextPart, load_person, poser_of, save_card
from obamanet.sources import read_sources
from obamanet.training.data.prepare import PrepareReport, Reject
from obamanet.training.renderer import renderer_training
from obamanet.training.speech.keypoint_training import KeypointOptions

ROOT = Path(__file__).resolve().parent.parent


@dataclasses.dataclass(frozen=True)
class Said:
    """What a command left: exit code, standard output, and the lines of standard error."""

    code: int
    out: str
    lines: list[str]


@pytest.fixture
def obamanet(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Return what runs ``obamanet`` in this process."""

    def run(*arguments: object) -> Said:
        code = call(obamanet_app(), [str(argument) for argument in arguments], "obamanet")
        out, err = capsys.readouterr()
        return Said(code, out, err.splitlines())

    return run


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    """Return a second of something like speech: a buzz whose loudness comes and goes."""
    path = tmp_path / "speech.wav"
    time = np.arange(16_000) / 16_000
    soundfile.write(path, 0.3 * np.sign(np.sin(800 * time)) * np.sin(10 * time) ** 2, 16_000)
    return path


def no_file(path: Path) -> None:
    pass


def directory(path: Path) -> None:
    path.mkdir()


def jpeg(path: Path) -> None:
    path.write_bytes(cv2.imencode(".jpg", np.full((64, 64, 3), 90, np.uint8))[1].tobytes())


def empty_file(path: Path) -> None:
    path.touch()


def text(path: Path) -> None:
    path.write_text("Ladies and gentlemen " * 200)


def cut(path: Path) -> None:
    soundfile.write(path, np.random.default_rng(1).uniform(-0.5, 0.5, 32_000), 16_000)
    path.write_bytes(path.read_bytes()[:30_000])


def no_samples(path: Path) -> None:
    soundfile.write(path, np.zeros(0), 16_000)


def nan(path: Path) -> None:
    samples = np.zeros(16_000, np.float32)
    samples[8_000] = np.nan
    soundfile.write(path, samples, 16_000, subtype="FLOAT")


def fifty_milliseconds(path: Path) -> None:
    soundfile.write(path, np.zeros(800), 16_000)


def announces_thirty_hours(path: Path) -> None:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(32_000))
    content = bytearray(path.read_bytes())
    size = 30 * 3600 * 32_000
    content[4:8], content[40:44] = struct.pack("<I", size + 36), struct.pack("<I", size)
    path.write_bytes(content)


BAD_SOUNDS: dict[Callable[[Path], None], str] = {
    no_file: "no such sound file",
    directory: "got a directory",
    jpeg: "not a sound file",
    empty_file: "empty",
    text: "not a sound file",
    cut: "cut",
    no_samples: "no samples|too short",
    nan: "NaN",
    fifty_milliseconds: "too short: got 0.050 s",
    announces_thirty_hours: "too long: the file announces 30.00 h",
}


@pytest.mark.parametrize("make", BAD_SOUNDS, ids=lambda make: make.__name__)
def test_a_bad_sound_is_one_line_and_no_file(
    make: Callable[[Path], None], obamanet: Callable[..., Said], tiny_person: Person, tmp_path: Path
) -> None:
    sound, out = tmp_path / "sound.wav", tmp_path / "out" / "talk.mp4"
    make(sound)
    keypoints = tmp_path / "out" / "mouth.npz"
    said = obamanet("speak", sound, "--person", tiny_person.folder, "-o", out, "--keypoints-out", keypoints, "-q")
    assert said.code == 1
    assert said.out == ""
    assert len(said.lines) == 1
    assert said.lines[0].startswith("obamanet: ")
    assert re.search(BAD_SOUNDS[make], said.lines[0])
    assert str(sound) in said.lines[0]
    assert not list((tmp_path / "out").glob("*"))
    assert not list((tmp_path / "out").glob(".*"))


def drop_weights(folder: Path) -> None:
    (folder / "renderer.onnx").unlink()


def change_weights(folder: Path) -> None:
    path = folder / "predictor.weights.h5"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def newer_schema(folder: Path) -> None:
    card = json.loads((folder / "person.json").read_text("utf-8"))
    (folder / "person.json").write_text(json.dumps({**card, "schema": 99}), "utf-8")


def broken_card(folder: Path) -> None:
    (folder / "person.json").write_text("{", "utf-8")


def drop_card(folder: Path) -> None:
    (folder / "person.json").unlink()


def dataset_only(folder: Path) -> None:
    drop_card(folder)
    (folder / "dataset.json").write_text("{}", "utf-8")


BAD_PERSONS: dict[Callable[[Path], None], str] = {
    drop_weights: "renderer.onnx is missing",
    change_weights: "predictor.weights.h5 has sha256",
    newer_schema: "schema 99 is newer",
    broken_card: "damaged",
    drop_card: "not a person",
    dataset_only: "train its keypoints and its renderer first",
    shutil.rmtree: "no such person",
}


@pytest.mark.parametrize("spoil", BAD_PERSONS, ids=lambda spoil: spoil.__name__)
def test_a_bad_person_is_one_line_and_no_file(
    spoil: Callable[[Path], None], obamanet: Callable[..., Said], tiny_person: Person, speech: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "person"
    shutil.copytree(tiny_person.folder, folder)
    spoil(folder)
    said = obamanet("speak", speech, "--person", folder, "-o", tmp_path / "talk.mp4")
    assert (said.code, said.out, len(said.lines)) == (1, "", 1)
    assert BAD_PERSONS[spoil] in said.lines[0]
    assert str(folder) in said.lines[0]
    assert not (tmp_path / "talk.mp4").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--fps", "fast"], 2, "frame rate is not a number: got 'fast', allowed is"),
        (["--fps", "0"], 2, "out of range"),
        (["--fps", "1000"], 2, "allowed is 1 to 240"),
        (["--out", "talk.avi"], 2, "got talk.avi, allowed is a name that ends in .mp4"),
        (["--keypoints-out", "mouth.csv"], 2, "got mouth.csv, allowed is a name that ends in .npz"),
        (["--key", "key.pem"], 2, "--key-cert and --key belong together"),
        (["--fsp", "25"], 2, "No such option"),
        (["--out"], 2, "requires an argument"),
        (["--person", "/nobody"], 1, "no such person folder: /nobody"),
    ],
)
def test_a_bad_option_is_one_line(
    arguments: list[str], code: int, told: str, obamanet: Callable[..., Said], speech: Path, tiny_person: Person
) -> None:
    said = obamanet("speak", speech, "--person", tiny_person.folder, *arguments)
    assert (said.code, said.out, len(said.lines)) == (code, "", 1)
    assert told in said.lines[0]


@pytest.mark.parametrize("arguments", [[], ["train"], ["dance"], ["speak"], ["train", "mouth"], ["assemble", "me"]])
def test_a_wrong_command_says_where_help_is(arguments: list[str], obamanet: Callable[..., Said]) -> None:
    said = obamanet(*arguments)
    assert (said.code, said.out, len(said.lines)) == (2, "", 1)
    assert "--help)" in said.lines[0]


def test_an_output_below_a_file_is_refused(obamanet: Callable[..., Said], speech: Path, tiny_person: Person) -> None:
    before = speech.read_bytes()
    said = obamanet("speak", speech, "--person", tiny_person.folder, "-o", speech / "talk.mp4")
    assert (said.code, said.out, len(said.lines)) == (1, "", 1)
    assert "cannot be written" in said.lines[0]
    assert speech.read_bytes() == before


def test_a_directory_as_output_is_refused(
    obamanet: Callable[..., Said], speech: Path, tiny_person: Person, tmp_path: Path
) -> None:
    (tmp_path / "talk.mp4").mkdir()
    said = obamanet("speak", speech, "--person", tiny_person.folder, "-o", tmp_path / "talk.mp4")
    assert (said.code, said.out, len(said.lines)) == (1, "", 1)
    assert "got a directory" in said.lines[0]


@pytest.mark.skipif(os.geteuid() == 0, reason="to the superuser every folder is writable")
def test_a_folder_without_permission_is_refused(
    obamanet: Callable[..., Said], speech: Path, tiny_person: Person, tmp_path: Path
) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    said = obamanet("speak", speech, "--person", tiny_person.folder, "-o", folder / "talk.mp4")
    assert (said.code, said.out, len(said.lines)) == (1, "", 1)
    assert "not writable" in said.lines[0]


def test_the_sound_is_never_replaced(
    obamanet: Callable[..., Said], speech: Path, tiny_person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    spoken = tmp_path / "out" / "talk.mp4"
    spoken.parent.mkdir()
    shutil.copy(speech, spoken)  # What is inside decides, not the name.
    said = obamanet("speak", spoken, "--person", tiny_person.folder)
    assert (said.code, said.out, len(said.lines)) == (2, "", 1)
    assert "output would replace what it is made from" in said.lines[0]
    assert spoken.read_bytes() == speech.read_bytes()


def test_speak_prints_the_path_alone(
    obamanet: Callable[..., Said], speech: Path, tiny_person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = obamanet("speak", speech.name, "--person", tiny_person.folder)
    assert (said.code, said.out) == (0, "out/speech.mp4\n")
    assert [line.split(":")[0] for line in said.lines] == ["speaking"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["speech.mp4"]


def test_rate_keypoints_and_quiet(
    obamanet: Callable[..., Said], speech: Path, tiny_person: Person, tmp_path: Path
) -> None:
    out, keypoints = tmp_path / "new" / "folders" / "talk.mp4", tmp_path / "kept" / "mouth.npz"
    options = ["--fps", "29.97", "--keypoints-out", keypoints, "--quiet"]
    said = obamanet("speak", speech, "--person", tiny_person.folder, "--out", out, *options)
    assert said == Said(0, f"{out}\n", [])
    with av.open(str(out)) as video:
        assert video.streams.video[0].average_rate == Fraction(30000, 1001)
        frames = sum(1 for _ in video.decode(video=0))
    with np.load(keypoints, allow_pickle=False) as arrays:
        assert sorted(arrays.files) == ["fps", "keypoints"]
        assert str(arrays["fps"]) == "30000/1001"
        points = arrays["keypoints"]
    assert points.dtype == np.float32
    # A second at 29.97 fps: 30 frames, the last of which the sound only just reaches.
    assert points.shape == (30, 20, 2)
    assert frames == 30
    # Canonical: the mouth lies around the origin, and the eyes' corners are 1 apart.
    assert np.abs(points).max() < 1


def test_the_same_command_gives_the_same_mouth(
    obamanet: Callable[..., Said], speech: Path, tiny_person: Person, tmp_path: Path
) -> None:
    made = []
    for name in ("a", "b"):
        keypoints = tmp_path / f"{name}.npz"
        out = tmp_path / f"{name}.mp4"
        assert (
            obamanet("speak", speech, "--person", tiny_person.folder, "-o", out, "--keypoints-out", keypoints).code == 0
        )
        with np.load(keypoints) as arrays:
            made.append(arrays["keypoints"])
    np.testing.assert_array_equal(*made)


def test_silence_is_no_error(obamanet: Callable[..., Said], tiny_person: Person, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silence.wav", np.zeros(16_000), 16_000)
    said = obamanet(
        "speak", tmp_path / "silence.wav", "--person", tiny_person.folder, "-o", tmp_path / "talk.mp4", "-q"
    )
    assert said == Said(0, f"{tmp_path / 'talk.mp4'}\n", [])


def test_a_dataset_folder_stands_for_its_person(
    obamanet: Callable[..., Said], speech: Path, tiny_person: Person, tmp_path: Path
) -> None:
    shutil.copytree(tiny_person.folder, tmp_path / "me" / "person")
    said = obamanet("speak", speech, "--person", tmp_path / "me", "-o", tmp_path / "talk.mp4", "-q")
    assert said.code == 0


def test_run_py_is_the_same_job(
    capsys: pytest.CaptureFixture[str], speech: Path, tiny_person: Person, tmp_path: Path
) -> None:
    out = tmp_path / "talk.mp4"
    arguments = ["--sf", str(speech), "--person", str(tiny_person.folder), "--out", str(out), "--quiet"]
    assert call(run_app(), arguments, "run.py") == 0
    assert capsys.readouterr() == (f"{out}\n", "")
    assert call(run_app(), ["--sf", "nowhere.wav"], "run.py") == 1
    assert capsys.readouterr() == ("", "run.py: no such sound file: nowhere.wav\n")


class TestVerify:
    @pytest.fixture
    def video(self, obamanet: Callable[..., Said], speech: Path, tiny_person: Person, tmp_path: Path) -> Path:
        out = tmp_path / "talk.mp4"
        assert obamanet("speak", speech, "--person", tiny_person.folder, "-o", out, "-q").code == 0
        return out

    def test_a_fresh_video_is_intact(self, obamanet: Callable[..., Said], video: Path) -> None:
        said = obamanet("verify", video)
        assert (said.code, said.lines) == (0, [])
        assert said.out.startswith(f"{video}: unchanged since signing")
        assert "trained person tiny" in said.out

    def test_a_changed_byte_is_found(self, obamanet: Callable[..., Said], video: Path) -> None:
        content = bytearray(video.read_bytes())
        content[-500] ^= 1
        video.write_bytes(content)
        said = obamanet("verify", video)
        assert (said.code, said.lines) == (1, [])
        assert "changed after signing" in said.out

    def test_no_manifest_is_no_success(self, obamanet: Callable[..., Said], tmp_path: Path) -> None:
        path = tmp_path / "bare.mp4"
        with av.open(str(path), "w") as file:
            stream = file.add_stream("libx264", rate=25)
            stream.width = stream.height = 64
            stream.pix_fmt = "yuv420p"
            frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))
            file.mux(stream.encode(frame))
            file.mux(stream.encode(None))
        said = obamanet("verify", path)
        assert (said.code, said.out) == (1, f"{path}: no C2PA manifest found\n")

    def test_no_video_is_one_line(self, obamanet: Callable[..., Said], speech: Path) -> None:
        said = obamanet("verify", speech)
        assert (said.code, said.out, len(said.lines)) == (1, "", 1)
        assert "not an mp4 video" in said.lines[0]


def test_a_key_of_ones_own_signs(
    obamanet: Callable[..., Said], speech: Path, tiny_person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from obamanet.provenance import local_key

    monkeypatch.setenv("OBAMANET_KEY_DIR", str(tmp_path / "own"))
    key = local_key().private_key
    monkeypatch.setenv("OBAMANET_KEY_DIR", "/proc/nowhere")  # A local key cannot be made now.
    out = tmp_path / "talk.mp4"
    arguments = ["speak", speech, "--person", tiny_person.folder, "-o", out, "--quiet"]
    assert obamanet(*arguments).code == 1
    assert not out.exists()
    assert obamanet(*arguments, "--key-cert", key, "--key", key).code == 0
    assert obamanet("verify", out).code == 0


@pytest.mark.parametrize("verb", ["speak", "dub"])
def test_what_cannot_be_written_or_signed_is_told_before_anything_is_rendered(
    verb: str,
    obamanet: Callable[..., Said],
    speech: Path,
    tiny_person: Person,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from obamanet.pipelines import dub, speak

    for module in (speak, dub):
        monkeypatch.setattr(module, "predict_sound", lambda *_: pytest.fail("work was begun"))
    key = self_signed(tmp_path)
    sources = [speech] if verb == "speak" else [one_colour(tmp_path / "video.mp4"), "--sf", speech]
    begin = [verb, *sources, "--person", tiny_person.folder, "--out"]
    refused = {
        "key cannot sign videos": [tmp_path / "a.mp4", "--key-cert", key.certificate_chain, "--key", key.private_key],
        "File name too long": [tmp_path / ("x" * 252 + ".mp4")],
    }
    if Path("/proc/self").exists():
        refused["output"] = ["/proc/o.mp4"]
    for told, rest in refused.items():
        said = obamanet(*begin, *rest)
        assert (said.code, said.out, len(said.lines)) == (1, "", 1)
        assert told in said.lines[0]
    assert not list(tmp_path.glob("*/*.mp4"))


def test_a_persons_card_is_shown(obamanet: Callable[..., Said], tiny_person: Person) -> None:
    said = obamanet("person", tiny_person.folder)
    assert (said.code, said.lines) == (0, [])
    told = dict(line.split(": ", 1) for line in said.out.splitlines())
    assert told["name"] == "tiny"
    assert told["rendering"] == "whole-face, 64x64 pixels, generator width 4, fold 1"
    assert told["frame rate"] == "25 fps"
    assert told["speech"] == "2 LSTM layers of 8, 0.2 s look-ahead, logfbank"
    assert told["licence"] == "CC0-1.0"
    assert told["consent"] == "nobody is shown"
    assert told["measured made"] == "1"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small prepared dataset: three clips of 2 s of a drawn face, 64 x 64 pixels."""
    folder = tmp_path_factory.mktemp("dataset") / "me"
    landmarks = made_landmarks(150)
    names = [f"clip{number}-0000000{number}" for number in range(3)]
    for number, name in enumerate(names):
        clip = folder / "clips" / name
        (clip / "frames").mkdir(parents=True)
        points = landmarks[50 * number : 50 * number + 50]
        for index in range(50):
            cv2.imwrite(str(clip / "frames" / f"{index:05d}.jpg"), np.full((64, 64, 3), 3 * index, np.uint8))
        segment, box = np.zeros(50, np.int32), np.array([0.0, 0.0, 64.0])
        np.savez(
            clip / "track.npz", landmarks=points, raw=points, segment=segment, box=box, frame_size=np.array([64, 64])
        )
        soundfile.write(clip / "sound.wav", np.random.default_rng(number).normal(0, 0.1, 32_000), 16_000)
        key = {"sha256": name[-1] * 64}
        about = {"name": name[:5], "source": f"/footage/{name[:5]}.mp4", "key": key}
        (clip / "clip.json").write_text(json.dumps(about))
    (folder / "dataset.json").write_text(json.dumps({"schema": 1, "fps": "25", "image_size": 64, "clips": names}))
    return folder


@pytest.mark.usefixtures("few_noises", "eager")
def test_from_dataset_to_person(obamanet: Callable[..., Said], dataset: Path, speech: Path, tmp_path: Path) -> None:
    keypoints = ["train", "keypoints", dataset, "--steps", 2, "--batch-size", 2, "--units", 8, "--val-share", 0.3]
    renderer = ["train", "renderer", dataset, "--steps", 2, "--batch-size", 1, "--width", 4, "--val-share", 0.3]
    renderer += ["--gan-start", 1]  # without the adversary, whose step takes twice as long

    said = obamanet("assemble", dataset, "-o", tmp_path / "p", *origin("early"))
    assert (said.code, said.out, len(said.lines)) == (1, "", 1), "nothing is trained yet"
    assert not (tmp_path / "p").exists()

    said = obamanet(*keypoints)
    assert (said.code, said.out) == (0, f"{dataset}/keypoints\n")
    assert said.lines[0].startswith("2 steps of 2 examples, after listening to the sounds. ")
    assert "two hours on two CPU cores" in said.lines[0]
    assert said.lines[-1] == f"no person yet; next: obamanet train renderer {dataset}"

    said = obamanet(*renderer, "--max-steps", 1)
    assert (said.code, said.out) == (0, f"{dataset}/person\n")
    assert "not finished yet; the same command goes on" in said.lines
    person = load_person(dataset / "person")
    assert (person.name, person.origin.licence) == ("me", "not stated")
    assert (person.predictor.units, person.generator.width, person.image_size) == (8, 4, 64)
    assert person.metrics["renderer_step"] == 1

    said = obamanet("assemble", dataset, "-o", dataset / "person", *origin("Ada"), "--weights", "last")
    assert (said.code, said.out, said.lines) == (0, f"{dataset}/person\n", [])
    assert load_person(dataset / "person").name == "Ada"

    add_poser(load_person(dataset / "person"))
    said = obamanet(*renderer, "--quiet")
    assert (said.code, said.out, said.lines) == (0, f"{dataset}/person\n", [])
    person = load_person(dataset / "person")
    assert poser_of(person).recorded == "nothing", "a trained poser stays"
    assert (person.name, person.origin) == ("Ada", Origin("drawings", "CC0-1.0", "nobody", "nobody is shown"))
    assert person.metrics["renderer_step"] == 2
    assert {path.suffix for path in (dataset / "renderer").glob("curves*")} == {".png"}

    said = obamanet("speak", speech, "--person", dataset, "-o", tmp_path / "talk.mp4", "-q")
    assert said == Said(0, f"{tmp_path / 'talk.mp4'}\n", [])

    # What is withdrawn goes whole: all that these commands wrote is known to the one that forgets.
    assert foreign_files(dataset) == []
    for place in ("keypoints", "renderer", "person"):
        assert read_sources(dataset / place).videos == {digit * 64 for digit in "012"}
    assert "sources.json" in json.loads((dataset / "person" / "person.json").read_text())["files"]
    copy, talk = tmp_path / "copy", tmp_path / "out" / "talk.mp4"
    shutil.copytree(dataset, copy)
    talk.parent.mkdir()
    (tmp_path / "talk.mp4").rename(talk)
    said = obamanet("forget", copy, talk.parent, "--yes", "-q")
    assert (said.code, said.lines) == (0, [])
    assert not copy.exists() and not talk.exists()

    said = obamanet(*renderer, "--width", 8, "-q")
    assert (said.code, said.out, len(said.lines)) == (2, "", 1)
    assert "width 4 -> 8" in said.lines[0]

    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "mother.jpg").touch()
    said = obamanet("assemble", dataset, "-o", photos, *origin("Eve"))
    assert (said.code, said.out, len(said.lines)) == (1, "", 1)
    assert (photos / "mother.jpg").is_file(), "a folder that is no person must stay"

    said = obamanet("assemble", dataset, "-o", tmp_path / "p", *origin("Eve"), "--seed", 4)
    assert (said.code, said.out, len(said.lines)) == (1, "", 1)
    assert f"run was trained on another split of the footage: {dataset}/keypoints" in said.lines[0]
    for number in (1, 3, 5, 7, 9):
        blank = origin("Eve")
        blank[number] = " "
        said = obamanet("assemble", dataset, "-o", tmp_path / "p", *blank)
        assert (said.code, said.out, said.lines) == (
            2,
            "",
            [f"obamanet: {blank[number - 1][2:]} is blank: say it in words"],
        )
    assert not (tmp_path / "p").exists()

    # Another mouth: the poser stays, and what has to be redone is said.
    keypoints += ["--seed", 4, "--start", dataset, "--out", dataset / "k2"]
    said = obamanet(*keypoints, "--units", 16)
    assert (said.code, said.out, len(said.lines)) == (2, "", 1)
    assert "units 8 there, 16 here" in said.lines[0]
    assert not (dataset / "k2").exists()
    del keypoints[keypoints.index("--units") :][:2]
    assert obamanet(*keypoints).code == 0
    assert obamanet(*renderer, "--seed", 4, "--start", dataset / "renderer", "--out", dataset / "r2").code == 0
    runs = ["--keypoints", dataset / "k2", "--renderer", dataset / "r2", "--seed", 4, "--val-share", 0.3]
    said = obamanet("assemble", dataset, "-o", dataset / "person", *origin("Eve"), *runs)
    assert (said.code, said.out, len(said.lines)) == (0, f"{dataset}/person\n", 1)
    assert "poser was trained for other mouth poses" in said.lines[0]


def add_poser(person: Person) -> None:
    """Put a poser with random weights into ``person``."""
    from obamanet.networks.config import PoserConfig
    from obamanet.networks.pose_lstm import build_poser
    from obamanet.networks.weights import save_half

    assert person.poses is not None
    config = PoserConfig(inputs=5, poses=person.poses.count, units=8, layers=1)
    save_half(build_poser(config), person.poser_weights)
    card = PoserCard(config, sha256_of(person.folder / POSES_FILE), "nothing", "nothing")
    save_card(dataclasses.replace(person, text=TextPart(person.poses, card)))


def origin(name: str) -> list[str]:
    """Return the options that name a person and its rights."""
    rights = ["--footage", "drawings", "--licence", "CC0-1.0", "--attribution", "nobody"]
    return ["--name", name, *rights, "--consent", "nobody is shown"]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["keypoints", "nowhere"], 1, "not a prepared dataset: nowhere/dataset.json"),
        (["renderer", "nowhere"], 1, "not a prepared dataset: nowhere/dataset.json"),
        (["keypoints", "nowhere", "--steps", "0"], 2, "steps must be at least 1: got 0"),
        (["keypoints", "nowhere", "--steps", "many"], 2, "--steps"),
        (["keypoints", "nowhere", "--features", "spectrogram"], 2, "'spectrogram'"),
        (["keypoints", "nowhere", "--lookahead", "9"], 2, "got 9.0 s, allowed is 0 to 2"),
        (["renderer", "nowhere", "--mode", "painting"], 2, "'painting'"),
        (["renderer", "nowhere", "--gan-start", "2"], 2, "got 2.0"),
        (["renderer", "nowhere", "--max-minutes", "-1"], 2, "max minutes must be above 0: got -1.0"),
        (["renderer", "nowhere", "--max-steps", "0"], 2, "max steps must be above 0: got 0"),
        (["renderer", "nowhere", "--max-minutes", "nan"], 2, "max minutes must be above 0: got nan"),
        (["renderer", "nowhere", "--seed", "-1"], 2, "seed is out of range: got -1, allowed is 0 to 4294967295"),
        (["keypoints", "nowhere", "--seed", "-1"], 2, "seed is out of range: got -1, allowed is 0 to 4294967295"),
        (["renderer", "nowhere", "--gan-weight", "nan"], 2, "gan weight must be a number of at least 0: got nan"),
        (["keypoints", "nowhere", "--start", "nobody"], 1, "no such person folder: nobody"),
        (["renderer", "nowhere", "--start", "nobody"], 1, "no such person folder: nobody"),
    ],
)
def test_a_bad_training_is_one_line(
    arguments: list[str],
    code: int,
    told: str,
    obamanet: Callable[..., Said],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    said = obamanet("train", *arguments)
    assert (said.code, said.out, len(said.lines)) == (code, "", 1)
    assert told in said.lines[0]
    assert not list(tmp_path.iterdir())


def test_keypoint_defaults_are_the_librarys_own() -> None:
    parameters = inspect.signature(keypoints_verb).parameters
    own = {field.name: field.default for field in dataclasses.fields(KeypointOptions)}
    # These are the library's own too, or those of the person to begin with.
    of_start = {"units", "layers", "lookahead"}
    assert {parameters[name].default for name in of_start} == {None}
    shared = (own.keys() & parameters.keys()) - of_start
    assert {"steps", "batch_size", "learning_rate", "features", "seed"} <= shared
    assert {name: parameters[name].default for name in shared} == {name: own[name] for name in shared}


def test_a_renderers_run_is_given_every_option(
    obamanet: Callable[..., Said], dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from obamanet.training.loop.runner import Limits, TrainReport

    seen: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def train(*arguments: Any, **named: Any) -> TrainReport:
        seen.append((arguments, named))
        return TrainReport(arguments[2], 1, 2, 0.5, 1, 0.0)

    monkeypatch.setattr(train_renderer, "train_renderer", train)
    options = {
        "steps": 7,
        "batch-size": 3,
        "learning-rate": 0.01,
        "gan-start": 0.25,
        "discriminator-width": 9,
        "seed": 5,
    }
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    said = obamanet(
        *("train", "renderer", dataset, "--mode", "inpaint", "--width", 12, "--out", dataset / "run", *arguments),
        *("--max-steps", 4, "--max-minutes", 1.5, "--val-share", 0.3),
    )
    assert (said.code, said.out) == (0, f"{dataset / 'run'}\n")
    (_, split, run, mode, config, chosen), named = seen[0]
    assert (len(split.train), len(split.val), run, mode.value) == (2, 1, dataset / "run", "inpaint")
    assert (config.width, config.image_size) == (12, 64)
    assert {name: getattr(chosen, name.replace("-", "_")) for name in options} == options
    assert named["limits"] == Limits(steps=4, minutes=1.5)


def test_renderer_defaults_are_quick_on_a_cpu() -> None:
    defaults = {name: value.default for name, value in inspect.signature(renderer_verb).parameters.items()}
    chosen = {"width": None, "discriminator_width": 32, "batch_size": 4, "learning_rate": 5e-4}
    # With these the default person was trained; see checkpoints/README.md.
    chosen |= {"gan_start": 0.8, "gan_weight": 0.5, "matching_weight": 10.0, "crop": 0.375}
    assert chosen.items() <= defaults.items()
    assert (renderer_training.RENDERER_WIDTH, renderer_training.RENDERER_FOLD) == (24, 2)
    assert renderer_training.RENDERER_OPTIONS.epoch_steps == 500


class TestPrepare:
    def test_what_was_not_used_is_a_table(self) -> None:
        rejects = (
            Reject("/videos/cat.mp4", "a face in only 0 of 75 frames"),
            Reject("/videos/me.mp4", "no face found", 3, 17),
            Reject("/videos/me.mp4", "no face found", 40, 40),
        )
        report = PrepareReport(Path("me"), 12, 4, 900, rejects, ("me.mp4: no sound",))
        assert prepared(report) == [
            "12 clips (4 prepared before), 900 frames with a face",
            "note: me.mp4: no sound",
            "not used  frames  reason",
            "cat.mp4   all     a face in only 0 of 75 frames",
            "me.mp4    3-17    no face found",
            "me.mp4    40      no face found",
        ]

    def test_a_long_table_is_cut(self) -> None:
        rejects = tuple(Reject(f"{number}.mp4", "no face found") for number in range(50))
        lines = prepared(PrepareReport(Path("me"), 1, 0, 75, rejects, ()))
        assert len(lines) == 23
        assert lines[-1] == "and 30 more: see me/dataset.json"

    def test_arguments_arrive(
        self, obamanet: Callable[..., Said], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from obamanet.training.data import prepare as prepare_module

        seen: list[Any] = []

        def prepare(videos: Any, out: Path, **named: Any) -> PrepareReport:
            seen.append((videos, out, {name: value for name, value in named.items() if name != "progress"}))
            return PrepareReport(out, 2, 1, 150, (Reject("x.mp4", "broken"),), ())

        monkeypatch.setattr(prepare_module, "prepare", prepare)
        said = obamanet(
            *("prepare", "a.mp4", "b.mp4", "--out", "me"),
            *("--fps", "29.97", "--workers", 3, "--image-size", 128, "--landmarks", "mesh"),
        )
        assert (said.code, said.out) == (0, "me\n")
        assert said.lines[0] == "2 clips (1 prepared before), 150 frames with a face"
        options = {"fps": Fraction(30000, 1001), "image_size": 128, "landmarks": "mesh", "workers": 3}
        assert seen == [([Path("a.mp4"), Path("b.mp4")], Path("me"), options)]

    @pytest.mark.parametrize(
        ("arguments", "code", "told"),
        [
            (["nowhere.mp4", "--out", "me"], 1, "no such video file: nowhere.mp4"),
            (["nowhere.mp4", "--out", "me", "--image-size", "100"], 2, "power of two from 64 to 1024: got 100"),
            (["nowhere.mp4", "--out", "me", "--fps", "x"], 2, "frame rate is not a number"),
            (["nowhere.mp4", "--out", "me", "--workers", "0"], 2, "workers must be at least 1: got 0"),
            (["nowhere.mp4"], 2, "--out"),
        ],
    )
    def test_a_bad_preparation_is_one_line(
        self,
        arguments: list[str],
        code: int,
        told: str,
        obamanet: Callable[..., Said],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.chdir(tmp_path)
        said = obamanet("prepare", *arguments)
        assert (said.code, said.out, len(said.lines)) == (code, "", 1)
        assert told in said.lines[0]
        assert not list(tmp_path.iterdir())


class TestPix2pix:
    @pytest.fixture
    def pictures(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """Return folders a and b of ten small pictures each, and one picture that only a has."""
        folder = tmp_path_factory.mktemp("pictures")
        random = np.random.default_rng(1)
        for side in ("a", "b"):
            (folder / side).mkdir()
            for number in range(10):
                cv2.imwrite(str(folder / side / f"{number}.png"), random.integers(0, 255, (40, 60, 3), np.uint8))
        cv2.imwrite(str(folder / "a" / "lonely.png"), np.zeros((40, 60, 3), np.uint8))
        return folder

    @pytest.mark.usefixtures("eager")
    def test_from_two_folders_to_an_exported_generator(
        self, obamanet: Callable[..., Said], pictures: Path, tmp_path: Path
    ) -> None:
        squares, pairs, data, run, shown = (tmp_path / name for name in ("squares", "pairs", "data", "run", "shown"))

        said = obamanet("pix2pix", "resize", pictures / "a", "--out", squares, "--size", 64)
        assert (said.code, said.out, said.lines[-1]) == (0, f"{squares}\n", "11 pictures of 64x64 pixels")
        assert cv2.imread(str(squares / "3.png")).shape == (64, 64, 3)

        said = obamanet("pix2pix", "combine", squares, pictures / "b", "--out", pairs)
        assert (said.code, said.out) == (0, f"{pairs}\n")
        assert said.lines[-2:] == ["10 pairs", f"only in {squares}, left out: 1 (lonely)"]

        said = obamanet("pix2pix", "split", pairs, "--out", data, "--train", 0.6, "--val", 0.2, "--test", 0.2)
        assert (said.code, said.out, said.lines[-1]) == (0, f"{data}\n", "train 6, val 2, test 2")

        sizes = ["--image-size", 64, "--width", 4, "--discriminator-width", 4, "--batch-size", 3]
        schedule = ["--epochs", 2, "--keep-epoch", 1, "--keep-epoch", 2, "--gan-start", 1, "--direction", "BtoA"]
        said = obamanet("pix2pix", "train", data / "train", "--val", data / "val", "--out", run, *sizes, *schedule)
        assert (said.code, said.out) == (0, f"{run}\n"), said.lines
        assert said.lines[-1].startswith("step 4 of 4; best score")

        said = obamanet("pix2pix", "test", run, data / "test", "--out", shown, "--weights", "last")
        assert (said.code, said.out) == (0, f"{shown / 'index.html'}\n")
        assert re.fullmatch(r"2 pictures: L1 \d+\.\d\d of 255, PSNR \d+\.\d\d dB, SSIM -?\d\.\d{3}", said.lines[-1])
        assert len(list((shown / "images").iterdir())) == 6

        said = obamanet("pix2pix", "compare", run, data / "test", "--out", tmp_path / "compared")
        assert (said.code, said.out) == (0, f"{tmp_path / 'compared' / 'index.html'}\n")
        assert [line.split(":")[0] for line in said.lines[-2:]] == ["epoch 1", "epoch 2"]

        said = obamanet("pix2pix", "export", run, "--out", tmp_path / "generator.keras")
        assert said == Said(0, f"{tmp_path / 'generator.keras'}\n", [])

    def test_every_option_arrives(
        self, obamanet: Callable[..., Said], pictures: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from obamanet.cli import pix2pix
        from obamanet.training.loop.runner import Limits, TrainReport

        seen: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

        def train_folder(*arguments: Any, **named: Any) -> TrainReport:
            seen.append((arguments, named))
            return TrainReport(arguments[1], 1, 2, 0.5, 1, 0.0)

        monkeypatch.setattr(pix2pix, "train_folder", train_folder)
        options = {"batch-size": 3, "learning-rate": 0.01, "l1-weight": 7.0, "gan-weight": 2.0, "gan-start": 0.25}
        options |= {"discriminator-width": 9, "seed": 5}
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        said = obamanet(
            *("pix2pix", "train", pictures / "a", "--out", "run", "--no-flip", "--load-size", 70, "--width", 12),
            *("--image-size", 64, "--val-share", 0.3, "--max-steps", 4, "--max-minutes", 1.5, *arguments),
        )
        assert (said.code, said.out) == (0, "run\n")
        (source, run, config, chosen), named = seen[0]
        assert (source, run, config.width, config.image_size) == (pictures / "a", Path("run"), 12, 64)
        assert {name: getattr(chosen, name.replace("-", "_")) for name in options} == options
        assert named["limits"] == Limits(steps=4, minutes=1.5)
        assert (named["flip"], named["load_size"], named["epochs"], named["val_share"]) == (False, 70, 200, 0.3)
        assert (str(named["direction"]), named["keep_epochs"], named["val"]) == ("AtoB", (), None)

    def test_defaults_are_the_papers(self) -> None:
        from obamanet.cli.pix2pix import train_verb
        from obamanet.networks.config import GeneratorConfig
        from obamanet.training.renderer.pix2pix_training import TrainOptions

        defaults = {name: value.default for name, value in inspect.signature(train_verb).parameters.items()}
        for own in (TrainOptions, GeneratorConfig):
            shared = {field.name: field.default for field in dataclasses.fields(own) if field.name in defaults}
            assert len(shared) >= 2
            assert shared.items() <= defaults.items()

    @pytest.mark.parametrize(
        ("arguments", "code", "told"),
        [
            (["train", "nowhere", "--out", "run"], 1, "nowhere"),
            (["train", "nowhere", "--out", "run", "--image-size", "100"], 2, "got 100"),
            (["train", "nowhere", "--out", "run", "--direction", "CtoD"], 2, "'CtoD'"),
            (["test", "nowhere", "pictures", "--out", "shown"], 1, "no training run in nowhere"),
            (["compare", "nowhere", "pictures", "--out", "shown"], 1, "no training run in nowhere"),
            (["export", "nowhere", "--out", "generator.keras"], 1, "no training run in nowhere"),
            (["export", "nowhere", "--out", "generator.onnx"], 2, "must end in .keras: got generator.onnx"),
            (["resize", "nowhere", "--out", "squares"], 1, "nowhere"),
            (["combine", "nowhere", "here", "--out", "pairs"], 1, "nowhere"),
            (["split", "nowhere", "--out", "data"], 1, "nowhere"),
            (["split", "nowhere", "--out", "data", "--train", "0.9"], 2, "got 0.9, 0.1, 0.1"),
            (["split", "nowhere", "--out", "data", "--train", "nan"], 2, "got nan, 0.1, 0.1"),
            (["split", "nowhere", "--out", "data", "--test", "nan"], 2, "got 0.8, 0.1, nan"),
            (["split", "nowhere", "--out", "data", "--seed", "-1"], 2, "seed is out of range: got -1"),
            (
                ["resize", "nowhere", "--out", "squares", "--size", "200000"],
                2,
                "got 200000 pixels, allowed is 1 to 16384",
            ),
            (["train", "nowhere", "--out", "run", "--image-size", "1048576"], 2, "got 1048576"),
            (["train", "nowhere", "--out", "run", "--l1-weight", "nan"], 2, "l1 weight must be a number of at least 0"),
            (["train", "nowhere", "--out", "run", "--seed", "-1"], 2, "seed is out of range: got -1"),
            (["train", "nowhere", "--out", "run", "--max-minutes", "nan"], 2, "max minutes must be above 0: got nan"),
        ],
    )
    def test_bad_input_is_one_line(
        self,
        arguments: list[str],
        code: int,
        told: str,
        obamanet: Callable[..., Said],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.chdir(tmp_path)
        said = obamanet("pix2pix", *arguments)
        assert (said.code, said.out, len(said.lines)) == (code, "", 1)
        assert told in said.lines[0]
        assert not list(tmp_path.iterdir())


class TestBoundary:
    @pytest.fixture
    def failing(self) -> Callable[[BaseException], typer.Typer]:
        def make(error: BaseException) -> typer.Typer:
            app = typer.Typer()

            @app.command()
            def fail() -> None:
                raise error

            return app

        return make

    @pytest.mark.parametrize(
        ("error", "code", "line"),
        [
            (SoundError("no such sound file: x.wav"), 1, "program: no such sound file: x.wav"),
            (OptionError("first\nsecond"), 2, "program: first second"),
            (KeyboardInterrupt(), INTERRUPTED, "program: interrupted"),
            (typer.Abort(), INTERRUPTED, "program: interrupted"),
            (OSError(errno.ENOSPC, "No space", "a.mp4"), 1, "program: no space left on the disk: a.mp4"),
            (PermissionError(errno.EACCES, "Permission denied", "a"), 1, "program: Permission denied: a"),
            (MemoryError(), 1, "program: not enough memory"),
            (ImportError("libtensorflow_cc.so.2: failed to map segment from"), 1, "program: not enough memory"),
            (RuntimeError("OOM when allocating tensor with shape[8,9]"), 1, "program: not enough memory"),
            (ModuleNotFoundError("No module named 'cv2'"), 1, "program: No module named 'cv2': the installation .*"),
            (ValueError("shapes"), BUG, "program: this is a bug in obamanet: ValueError: shapes; .*OBAMANET_DEBUG=1.*"),
            (OSError("odd"), BUG, "program: this is a bug in obamanet: OSError: odd; .*"),
        ],
    )
    def test_every_error_is_one_line(
        self,
        error: BaseException,
        code: int,
        line: str,
        failing: Callable[[BaseException], typer.Typer],
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        assert call(failing(error), [], "program") == code
        out, err = capsys.readouterr()
        assert out == ""
        assert err.endswith("\n")
        assert re.fullmatch(line, err[:-1])

    def test_a_traceback_on_request(
        self, failing: Callable[[BaseException], typer.Typer], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert call(failing(ValueError("shapes")), [], "program", debug=True) == BUG
        err = capsys.readouterr().err
        assert "Traceback" in err
        assert "in fail" in err

    def test_an_exit_code_is_passed_on(self, failing: Callable[[BaseException], typer.Typer]) -> None:
        assert call(failing(typer.Exit(3)), [], "program") == 3

    def test_debug_stays_off_by_default(self, monkeypatch: pytest.MonkeyPatch) -> None:
        seen: list[bool] = []
        monkeypatch.setattr(boundary, "_quiet", lambda: seen.append(True))
        monkeypatch.setattr(boundary.signal, "signal", lambda *_: None)
        monkeypatch.setattr(sys, "argv", ["program"])
        app = obamanet_app()
        for value, quiet in (("", 1), ("1", 1), ("0", 2)):
            monkeypatch.setenv(boundary.DEBUG_VARIABLE, value)
            with pytest.raises(SystemExit) as ended:
                boundary.run(app, "program")
            assert ended.value.code == 0
            assert len(seen) == quiet


@dataclasses.dataclass(frozen=True)
class Size:
    """Stands for options of the library."""

    width: int = 4
    depth: int = 2
    seed: int = 1

    def __post_init__(self) -> None:
        if self.width < 1:
            raise OptionError(f"width is out of range: got {self.width}, allowed is 1 or more")


@dataclasses.dataclass(frozen=True)
class Draw:
    """Stands for options of the command line."""

    seed: Annotated[int, typer.Option("--seed", help="Of all that is random.")] = 1
    name: Annotated[str, typer.Option("--name", help="What it is called.")] = "none"


class TestDeclare:
    @pytest.fixture
    def app(self) -> tuple[typer.Typer, list[Any]]:
        seen: list[Any] = []

        @command("3 --breadth 5")
        def verb(
            *,
            count: Annotated[int, typer.Argument()],
            size: Annotated[
                Size, Fields(width=typer.Option("--breadth", help="Of it."), seed="Of all that is random.")
            ] = Size(width=8, depth=3),
            draw: Draw,
        ) -> None:
            """Draw."""
            seen.append((count, size, draw))

        app = typer.Typer()
        app.command(epilog=examples_of(verb, "draw"))(verb)
        return app, seen

    def test_a_field_is_an_option_and_the_dataclass_arrives(self, app: tuple[typer.Typer, list[Any]]) -> None:
        program, seen = app
        assert call(program, ["7"], "draw") == 0
        assert call(program, ["7", "--breadth", "5", "--name", "x"], "draw") == 0
        # A field that is no option keeps the value of the parameter's default.
        assert seen == [(7, Size(8, 3), Draw()), (7, Size(5, 3), Draw(name="x"))]

    def test_an_option_of_two_dataclasses_is_given_once(self, app: tuple[typer.Typer, list[Any]]) -> None:
        program, seen = app
        assert call(program, ["7", "--seed", "9"], "draw") == 0
        assert [(size.seed, draw.seed) for _, size, draw in seen] == [(9, 9)]

    def test_the_dataclass_refuses(
        self, app: tuple[typer.Typer, list[Any]], capsys: pytest.CaptureFixture[str]
    ) -> None:
        program, seen = app
        assert call(program, ["7", "--breadth", "0"], "draw") == 2
        assert capsys.readouterr().err == "draw: width is out of range: got 0, allowed is 1 or more\n"
        assert call(program, ["7", "--depth", "1"], "draw") == 2, "a field that is not named is no option"
        assert not seen

    def test_two_defaults_of_one_option_are_noticed(self) -> None:
        def verb(*, size: Annotated[Size, Fields(seed="Of it.")] = Size(seed=2), draw: Draw) -> None: ...

        with pytest.raises(TypeError, match="two defaults for one option: verb, seed"):
            command()(verb)

    def test_help_ends_with_the_examples(
        self, app: tuple[typer.Typer, list[Any]], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert call(app[0], ["--help"], "draw") == 0
        told = capsys.readouterr().out
        assert "--breadth" in told and "default: 8" in told
        assert told.split()[-4:] == ["draw", "3", "--breadth", "5"]


def test_defaults_that_are_repeated_are_the_librarys_own() -> None:
    """The help of speaking loads no library, so these few are written twice."""
    from obamanet.cli.options import DEFAULT_LANGUAGE, VideoOptions
    from obamanet.cli.training import SplitOptions
    from obamanet.pipelines.speak import SpeakOptions
    from obamanet.training.data.dataset import split_dataset
    from text2face.say import SayOptions

    assert VideoOptions.articulation == SpeakOptions.articulation
    split = inspect.signature(split_dataset).parameters
    assert (SplitOptions.val_share, SplitOptions.seed) == (split["val_share"].default, split["seed"].default)
    assert SayOptions.language == DEFAULT_LANGUAGE


def commands(group: Group, path: tuple[str, ...] = ()) -> Iterator[list[str]]:
    """Yield the words of every command of ``group`` and the groups in it."""
    yield list(path)
    for name, verb in group.verbs.items():
        if isinstance(verb, Group):
            yield from commands(verb, (*path, name))
        else:
            yield [*path, name]


COMMANDS = list(commands(OBAMANET))

SLOW = {"tensorflow", "keras", "librosa", "dlib", "sklearn", "matplotlib", "c2pa", "scipy"}
"""Libraries that take from a tenth of a second to many; no help loads them."""

LIBRARIES = SLOW | {
    *("numpy", "cryptography", "cv2", "av", "onnxruntime", "soundfile", "soxr", "imageio_ffmpeg", "num2words", "PIL"),
    *("espeakng_loader", "python_speech_features"),
}
"""What the program needs beside typer and rich; the help of the whole and of the main jobs loads none of it."""

ALLOWED = re.compile(
    r"obamanet(\.(about|constants|errors|types|cli(\..*)?|engine|engine\.formats|face|face\.landmark_models|"
    r"networks|networks\.config|training(\.(loop|loop\.training_options|renderer|renderer\.reduce_options))?))?"
)
"""The project's own modules that such a help may load."""


def helped(words: list[list[str]]) -> tuple[str, set[str]]:
    """Return what ``obamanet ... --help`` prints in a fresh process, for all commands, and the modules it loaded."""
    code = f"""
import json, sys
from obamanet.cli.app import obamanet_app
from obamanet.cli.boundary import call
codes = [call(obamanet_app(), [*command, "--help"], "obamanet") for command in {words!r}]
print(json.dumps([codes, sorted(sys.modules)]))
"""
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "120", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    shown, _, last = result.stdout.rstrip().rpartition("\n")
    codes, modules = json.loads(last)
    assert (codes, result.stderr) == ([0] * len(words), "")
    return shown, set(modules)


def test_help_is_complete_and_loads_nothing_slow() -> None:
    assert len(COMMANDS) >= 33
    told, modules = helped(COMMANDS)
    assert not SLOW & modules
    for option in (
        "--fps",
        "--key-cert",
        "--max-minutes",
        "--gan-start",
        "--bidirectional",
        "--consent",
        "--workers",
        "--i-have-consent",
    ):
        assert option in told
    for default in ("25, 29.97 or 30000/1001", "the default person", "DIR/keypoints", "0.0005", "whole-face"):
        assert default in told
    assert "obamanet train keypoints me --max-minutes 30" in told, "examples begin with the whole command"


@pytest.mark.parametrize(
    "words",
    [
        [[]],
        [["train"], ["pix2pix"], ["swap"], ["voices"]],
        [["speak"], ["dub"], ["prepare"], ["verify"], ["person"], ["export"], ["forget"]],
    ],
    ids=["all verbs", "groups", "verbs"],
)
def test_these_helps_load_the_command_line_alone(words: list[list[str]]) -> None:
    _, modules = helped(words)
    assert not LIBRARIES & modules
    own = {name for name in modules if name.startswith(("obamanet", "text2face"))}
    assert not {name for name in own if not ALLOWED.fullmatch(name)}


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_verb_is_what_its_line_in_the_list_says(words: list[str]) -> None:
    """Each line of the table leads to a function with a help text of its own, of whole sentences."""
    entry: Any = OBAMANET
    for word in words:
        entry = entry.verbs[word]
    assert entry.summary.endswith(".")
    app = entry.app(" ".join(["obamanet", *words]))
    told = typer.main.get_command(app).help
    assert told
    assert all(part.endswith(".") and "\n" not in part for part in told.split("\n\n"))


def made_dataset(folder: Path) -> Path:
    """Write a prepared dataset of one silent clip of three seconds, without its frames."""
    clip = folder / "clips" / "c-00000001"
    clip.mkdir(parents=True)
    (clip / "clip.json").write_text('{"name": "c", "source": "c.mpg"}')
    face = made_landmarks(75)
    arrays = {"landmarks": face, "raw": face, "segment": np.zeros(75, np.int32)}
    np.savez(clip / "track.npz", **arrays, box=np.array([0.0, 0.0, 64.0]), frame_size=np.array([64, 64]))
    index = {"schema": 1, "fps": "25", "image_size": 64, "clips": [clip.name], "rejects": [], "notes": []}
    (folder / "dataset.json").write_text(json.dumps(index))
    return folder


def test_refusals_are_quick(speech: Path, tmp_path: Path) -> None:
    """All in one process: what needs no network to be refused loads neither TensorFlow nor Keras."""
    empty, damaged, dataset = tmp_path / "empty", tmp_path / "damaged", made_dataset(tmp_path / "data")
    for folder in (empty, damaged):
        folder.mkdir()
    (damaged / "person.json").write_text('{"schema": 1, "mode": "whole-face", "files": {}}')
    (tmp_path / "split.json").write_text('{"train": ["x"], "val": ["y"]}')
    (tmp_path / "no.pem").write_text("no key")
    out = ("--out", tmp_path / "out" / "a.mp4")
    pem = ("--key-cert", tmp_path / "no.pem", "--key", tmp_path / "no.pem")
    split = ("--split", tmp_path / "split.json")
    trainings = [
        ["keypoints"],
        ["renderer"],
        ["syncnet"],
        *([one, "--align", empty] for one in ("lipreader", "syllables")),
    ]
    commands = [
        ["speak", speech, *out, "--articulation", 9],
        ["speak", speech, *out, *pem],
        ["speak", speech, *out, "--person", damaged],
        ["say", "Hello", *out, "--person", damaged],
        ["say", "Hello", *out, "--lang", "xx"],
        ["say", "Hello", *out, *pem],
        ["say", "Hello", *out, "--rate", "fast"],
        ["evaluate", "--compare", empty, empty],
        ["synthetic-voices", dataset, "--align", empty, "--out", tmp_path / "out" / "voices", "--seed", -1],
        ["say", "Hello", *out, "--articulation", "nan"],
        ["timeline", "Hello", "--out", tmp_path / "out" / "a.json", "--person", damaged],
        ["pose-sheet", tmp_path / "out" / "a.png", "--person", damaged],
        ["person", damaged],
        *(["train", *training, empty] for training in trainings),
        *(["train", *training, dataset] for training in trainings),
        *(["train", *training, dataset, *split] for training in trainings),
        ["train", "keypoints", dataset, "--start", damaged],
        ["synthetic-voices", empty, "--align", empty, "--out", tmp_path / "out" / "voices"],
        ["poses", empty],
        ["assemble", empty, *(f"--{name}=x" for name in ("name", "licence", "attribution", "consent"))],
        ["evaluate", tmp_path / "none.mp4", tmp_path / "none.mp4", "--out", tmp_path / "out"],
        ["verify", speech],
        ["pix2pix", "train", empty, "--out", tmp_path / "out"],
        ["pix2pix", "test", empty, empty, "--out", tmp_path / "out"],
        ["pix2pix", "export", empty, "--out", tmp_path / "out" / "g.keras"],
        ["swap", "extract", empty, "--out", tmp_path / "out"],
        ["swap", "train", "-A", empty, "-B", empty, "-m", tmp_path / "out"],
        ["swap", "train", "-A", empty, "-B", empty, "-m", tmp_path / "out", "--i-have-consent"],
        ["swap", "convert", "-i", speech, "-m", empty, "-o", tmp_path / "out" / "a.mp4"],
        ["swap", "convert", "-i", speech, "-m", empty, "-o", tmp_path / "out" / "a.avi"],
        ["swap", "pairs", "-A", empty, "-B", empty, "--out", tmp_path / "out"],
    ]
    code = f"""
import json, sys
from obamanet.cli.boundary import call
from obamanet.cli.app import obamanet_app
for command in json.loads({json.dumps(json.dumps([[str(part) for part in command] for command in commands]))}):
    code = call(obamanet_app(), command, "obamanet")
    heavy = sorted({{"tensorflow", "keras"}} & set(sys.modules))
    if code not in (1, 2) or heavy:
        sys.exit(f"{{command}}: exit code {{code}}, {{heavy}}")
"""
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert result.returncode == 0, result.stderr
    assert len(result.stderr.splitlines()) == len(commands), result.stderr
    assert not [
        line
        for line in result.stderr.splitlines()
        if re.search(r"Error\b|Errno|bug|NoneType|Value error|Input should", line)
    ]
    assert not (tmp_path / "out").exists()


def test_the_version_is_printed(obamanet: Callable[..., Said]) -> None:
    from obamanet.about import VERSION as version

    assert obamanet("--version") == Said(0, f"{version}\n", [])
