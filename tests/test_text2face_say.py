"""Text to video on the command line: voice and mouth agree, timelines are whole, bad text is one clear line."""

from __future__ import annotations

import csv
import json
import re
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from obamanet.cli.app import obamanet_app, run_app
from obamanet.cli.boundary import call
from obamanet.errors import OptionError, SoundError
from obamanet.person import Person, load_person
from obamanet.progress import Progress
from text2face.say import PoseAnnotator, SayOptions, pose_annotator, say, write_voice


@dataclass(frozen=True)
class Said:
    """What a command left: exit code, standard output, and the lines of standard error."""

    code: int
    out: str
    lines: list[str]


@pytest.fixture
def obamanet(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Said]:
    """Return what runs ``obamanet`` in this process and in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Said:
        code = call(obamanet_app(), [str(argument) for argument in arguments], "obamanet")
        out, err = capsys.readouterr()
        return Said(code, out, err.splitlines())

    return run


class Heard(Progress):
    """Progress that keeps its notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def test_say_makes_a_video_of_the_length_of_its_voice(
    obamanet: Callable[..., Said], tiny_person: Person, tmp_path: Path
) -> None:
    from obamanet.video.reader import probe_video

    said = obamanet("say", "Hola, ¿qué tal? 😀", "--lang", "es", "--person", tiny_person.folder, "--timeline", "t.json")
    assert (said.code, said.out) == (0, "out/hola-qué-tal.mp4\n"), said.lines
    assert said.lines[-2:-1] == ["left out, since the voice cannot say them: 1 emoji or symbols"]
    video = probe_video(tmp_path / "out" / "hola-qué-tal.mp4")
    timeline = json.loads((tmp_path / "t.json").read_text("utf-8"))
    assert video.has_sound
    assert video.duration == pytest.approx(timeline["duration"], abs=0.045)
    # The voice's own file is gone.
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "t.json"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["hola-qué-tal.mp4"]


def test_run_py_takes_a_text_file(capsys: pytest.CaptureFixture[str], tiny_person: Person, tmp_path: Path) -> None:
    (tmp_path / "story.txt").write_text("\ufeffOne two.\r\nThree.", "utf-8")
    arguments = ["--text-file", str(tmp_path / "story.txt"), "--person", str(tiny_person.folder), "--quiet"]
    out = tmp_path / "a.mp4"
    assert call(run_app(), [*arguments, "--out", str(out), "--rate", "2"], "run.py") == 0
    assert capsys.readouterr() == (f"{out}\n", "")
    assert out.stat().st_size > 1000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing to say: give a sound with --sf, a text with --text, or a file with --text-file"),
        (["--sf", "a.wav", "--text", "b"], "--sf and a text exclude each other"),
        (["--sf", "a.wav", "--timeline", "b.tsv"], "--timeline needs --text"),
        (["--text", "a", "--text-file", "b"], "give a text or --text-file, one of them"),
    ],
)
def test_run_py_refuses_what_does_not_go_together(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    # Without any argument run.py shows its help; a lone --quiet gets as far as the command.
    assert call(run_app(), [*arguments, "--quiet"], "run.py") == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert message in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([""], "text to say is empty"),
        ([" \n\t"], "text to say is empty"),
        (["😀 ..."], "nothing that can be said: got 1 emoji or symbols"),
        (["مرحبا"], "nothing that can be said: got 5 letters of the Arabic script"),
        (["?!"], "nothing that can be said: got no letter"),
        (["hi", "--lang", "xx"], "no such language: got 'xx'"),
        (["hi", "--voice", "bob"], "no such voice: got 'bob'"),
        (["hi", "--rate", "9"], "rate of speech is out of range"),
        (["hi", "--timeline", "a.txt"], "unknown kind of timeline: got a.txt"),
        (["hi", "--out", "a.avi"], "the video is an mp4 file"),
        (["hi", "--key", "a.pem"], "--key-cert and --key belong together"),
        (["hi", "--fps", "fast"], "frame rate is not a number"),
        (["hi", "--person", "nobody"], "no such person folder"),
        (["hi", "--recording", "none.wav"], "no such sound file"),
        (["hi", "--recording", "none.wav", "--rate", "2"], "--recording is the voice itself"),
        (["--text-file", "none.txt"], "no such text file"),
        (["--text-file", "."], "got a directory"),
        ([], "give a text or --text-file"),
    ],
)
def test_bad_requests_are_one_line(
    obamanet: Callable[..., Said], tiny_person: Person, tmp_path: Path, arguments: list[str], message: str
) -> None:
    person = [] if "--person" in arguments else ["--person", tiny_person.folder]
    said = obamanet("say", *arguments, *person, "--quiet")
    assert said.code in (1, 2)
    assert (said.out, len(said.lines)) == ("", 1), said.lines
    assert message in said.lines[0]
    assert not list(tmp_path.rglob("*.mp4"))
    assert not list(tmp_path.rglob(".*"))


def test_text_files_that_are_not_text_are_refused(obamanet: Callable[..., Said], tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes("Buenos días, mañana.".encode("latin-1"))
    (tmp_path / "empty.txt").touch()
    assert "text file is not UTF-8" in obamanet("timeline", "--text-file", "latin.txt", "--out", "a.tsv", "-q").lines[0]
    assert "text file is empty" in obamanet("timeline", "--text-file", "empty.txt", "--out", "a.tsv", "-q").lines[0]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty.txt", "latin.txt"]


def test_timelines_agree_with_each_other_and_with_the_voice(obamanet: Callable[..., Said], tmp_path: Path) -> None:
    text = "El búho <come> a las 7.\n\nPero mamá no."
    files = [tmp_path / f"a.{kind}" for kind in ("json", "tsv", "vtt")]
    outs = [argument for file in files for argument in ("--out", file)]
    said = obamanet("timeline", text, "--lang", "es", *outs, "--voice-out", tmp_path / "a.wav", "--quiet")
    assert (said.code, said.lines) == (0, [])
    assert said.out.splitlines() == [str(path) for path in [*files, tmp_path / "a.wav"]]

    samples, rate = soundfile.read(tmp_path / "a.wav")
    timeline = json.loads(files[0].read_text("utf-8"))
    assert timeline["duration"] == pytest.approx(len(samples) / rate, abs=1e-3)
    assert [sentence["text"] for sentence in timeline["sentences"]] == ["El búho <come> a las 7.", "Pero mamá no."]
    words = [word for sentence in timeline["sentences"] for word in sentence["words"]]
    spelled = ["-".join(syllable["text"] for syllable in word["syllables"]) for word in words]
    assert spelled[:2] == ["El", "bú-ho"]
    assert spelled[-3:] == ["Pe-ro", "ma-má", "no"]
    assert "sie-te" in spelled
    sounds = [sound for word in words for syllable in word["syllables"] for sound in syllable["phonemes"]]

    rows = rows_of(files[1])
    assert rows[0]["start"] == "0.0000"
    assert all(before["end"] == after["start"] for before, after in pairwise(rows))
    assert float(rows[-1]["end"]) == pytest.approx(timeline["duration"], abs=1e-3)
    heard = [row for row in rows if row["phoneme"]]
    assert [(row["phoneme"], row["viseme"]) for row in heard] == [(one["phoneme"], one["viseme"]) for one in sounds]
    assert [float(row["start"]) for row in heard] == pytest.approx([one["start"] for one in sounds], abs=2e-4)
    assert {row["viseme"] for row in rows if not row["phoneme"]} == {"X"}
    assert {row["sentence"] for row in heard} == {"1", "2"}
    assert len({row["syllable"] for row in heard}) == sum(len(word["syllables"]) for word in words)

    second = timeline["sentences"][1]
    cues = files[2].read_text("utf-8").split("\n\n")
    assert cues[0].startswith("WEBVTT obamanet/")
    assert cues[1].endswith("\nEl búho &lt;come&gt; a las 7.")
    times = re.match(r"00:00:(\d\d\.\d{3}) --> 00:00:(\d\d\.\d{3})\n", cues[2])
    assert times
    assert [float(time) for time in times.groups()] == pytest.approx([second["start"], second["end"]], abs=1.1e-3)

    # Every m of "mamá" is at a place where the voice hums: quieter than its vowels, but no pause.
    first = next(row for row in heard if row["text"] == "ma")
    place = slice(round(float(first["start"]) * rate), round(float(first["end"]) * rate))
    assert 0.005 < np.sqrt(np.square(samples[place]).mean()) < 0.5


def test_ones_own_recording_is_timed_and_spoken(
    obamanet: Callable[..., Said], tiny_person: Person, tmp_path: Path
) -> None:
    write_voice("Hello, my friend.", tmp_path / "voice.wav", SayOptions(), Progress(), PoseAnnotator())
    samples, rate = soundfile.read(tmp_path / "voice.wav")
    soundfile.write(tmp_path / "late.wav", np.concatenate([np.zeros(rate // 2), samples]), rate)
    arguments = ("--recording", "late.wav", "--person", tiny_person.folder, "--timeline", "late.tsv", "--quiet")
    said = obamanet("say", "Hello, my friend.", *arguments, "--out", "late.mp4")
    assert (said.code, said.out, said.lines) == (0, "late.mp4\n", [])
    alone = obamanet("timeline", "Hello, my friend.", "--recording", "late.wav", "--out", "again.tsv", "--quiet")
    assert alone.code == 0
    rows, again = rows_of(tmp_path / "late.tsv"), rows_of(tmp_path / "again.tsv")
    # The voice it is laid beside flutters.
    assert [row["phoneme"] for row in again] == [row["phoneme"] for row in rows]
    assert [float(row["end"]) for row in again] == pytest.approx([float(row["end"]) for row in rows], abs=0.02)
    first = next(row for row in rows if row["phoneme"])
    assert (first["phoneme"], float(first["start"])) == ("h", pytest.approx(0.5, abs=0.06))
    assert float(rows[-1]["end"]) == pytest.approx(0.5 + len(samples) / rate, abs=1e-3)


def test_an_error_on_the_way_leaves_everything_as_it_was(tiny_person: Person, tmp_path: Path) -> None:
    out, timeline = tmp_path / "talk.mp4", tmp_path / "talk.json"
    out.write_bytes(b"older")
    timeline.write_bytes(b"older too")

    def broken() -> object:
        yield "One sentence. Two sentences. "
        raise OptionError("the text broke off")

    with pytest.raises(OptionError, match="broke off"):
        say(broken(), out, tiny_person, SayOptions(timelines=(timeline,)))  # type: ignore[arg-type]
    assert (out.read_bytes(), timeline.read_bytes()) == (b"older", b"older too")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["talk.json", "talk.mp4"]


def test_too_long_for_one_video_is_said(tmp_path: Path) -> None:
    with pytest.raises(SoundError, match=r"more than 0 h to say.*cut it before: 'Three\.'"):
        write_voice(
            "One. Two. Three. Four.", tmp_path / "a.wav", SayOptions(), Progress(), PoseAnnotator(), longest=1.6
        )


def test_a_long_text_needs_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    def peak(sentences: int) -> int:
        tracemalloc.start()
        text = ("This sentence is said, and then forgotten. " for _ in range(sentences))
        options = SayOptions(rate=2.5, timelines=(tmp_path / "a.json", tmp_path / "a.tsv", tmp_path / "a.vtt"))
        write_voice(text, tmp_path / "a.wav", options, Progress(), PoseAnnotator())
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    # Below that many the garbage collector has not run yet.
    few, many = peak(60), peak(180)
    assert many < 1.3 * few


def test_what_was_left_out_is_told_once() -> None:
    progress = Heard()
    write_voice("One \u0007 two 😀. Three 😀😀 привет.", None, SayOptions(), progress, PoseAnnotator())
    assert progress.notes == [
        "left out, since the voice cannot say them: 1 control or unknown characters, 3 emoji or symbols, "
        "6 letters of the Cyrillic script"
    ]


def test_voices_lists_licences(obamanet: Callable[..., Said]) -> None:
    said = obamanet("voices")
    assert (said.code, said.lines) == (0, [])
    assert [line.split(":")[0] for line in said.out.splitlines()] == ["espeak", "flite", "pico", "piper", "your own"]
    assert all("licence: " in line for line in said.out.splitlines())


def test_timelines_tell_mouth_poses_without_a_video(tmp_path: Path) -> None:
    person = load_person(Path(__file__).parent.parent / "checkpoints" / "grid_s1")
    options = SayOptions(language="es", timelines=(tmp_path / "t.json",))
    write_voice("Mamá, hola.", None, options, Progress(), pose_annotator(person))
    told = json.loads((tmp_path / "t.json").read_text("utf-8"))
    sounds = [
        sound
        for sentence in told["sentences"]
        for word in sentence["words"]
        for syllable in word["syllables"]
        for sound in syllable["phonemes"]
    ]
    shown = {sound["phoneme"]: sound["mouth_pose"] for sound in sounds}
    assert shown["m"].startswith(("closed", "rest"))
    assert "open" in shown["a"]


def test_tags_are_left_out_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = call(
        obamanet_app(),
        ["timeline", '<speak>Hello <break time="2s"/>you</speak>', "--out", str(tmp_path / "a.json")],
        "x",
    )
    assert code == 0
    assert "SSML is not obeyed, its tags are left out: 1 break, 1 speak" in capsys.readouterr().err
    words = json.loads((tmp_path / "a.json").read_text())["sentences"][0]["words"]
    assert [word["text"] for word in words] == ["Hello", "you"]
