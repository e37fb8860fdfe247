"""A captioned video is cut into clips of what is said in it: the right frames, sounds and mouths, again and again."""

from __future__ import annotations

import csv
import json
import shutil
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from made import foreign_files

from obamanet.audio.load import load_sound
from obamanet.cli.app import text2face_app
from obamanet.cli.boundary import call
from obamanet.constants import MOUTH
from obamanet.errors import DatasetError, OutputError, VideoError
from obamanet.keypoints.placement import fit_placement, to_pixel
from obamanet.types import AudioClip
from obamanet.video.reader import read_frames
from obamanet.video.writer import VideoWriter
from text2face.corpus import cutter
from text2face.corpus.build import CorpusOptions, build_corpus
from text2face.corpus.clips import Unit, frames_of
from text2face.corpus.cue_times import HowTimed, TimedCue, Untimed, time_cue
from text2face.corpus.span_reader import FrameReader, SoundReader
from text2face.corpus.windows import Window, plan_windows
from text2face.subtitles import Cue, Mark
from text2face.voice.aligners import Aligner

FPS = Fraction(25)


@dataclass(frozen=True)
class CaptionedVideo:
    """A recorded sentence in two cues: the video, its subtitles, and each word's true start and end in seconds."""

    video: Path
    subtitles: Path
    words: list[tuple[float, float, str]]


@dataclass(frozen=True)
class Ran:
    """What a command left: exit code, standard output, and the lines of standard error."""

    code: int
    out: str
    lines: list[str]


@pytest.fixture(scope="module")
def captioned(grid_s1: Path, tmp_path_factory: pytest.TempPathFactory) -> CaptionedVideo:
    """Return "bin blue at" and "l six now" as two cues, the second of them shown early."""
    rows = [line.split() for line in (grid_s1 / "align" / "bbal6n.align").read_text().splitlines()]
    # The corpus counts 25000 to the second.
    words = [(int(a) / 25_000, int(b) / 25_000, word) for a, b, word in rows if word not in ("sil", "sp")]
    path = tmp_path_factory.mktemp("captioned") / "captioned.srt"
    cues = [(words[0][0], words[2][1], words[:3]), (words[3][0], words[5][1], words[3:])]
    path.write_text(
        "".join(
            f"{number}\n{clock(start)} --> {clock(end)}\n<i>{' '.join(one[2] for one in said)}</i>\n\n"
            for number, (start, end, said) in enumerate(cues, start=1)
        )
    )
    return CaptionedVideo(grid_s1 / "video" / "bbal6n.mpg", path, words)


@pytest.fixture(scope="module")
def corpus(captioned: CaptionedVideo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the captioned's syllables, with pictures; copy it before changing anything."""
    folder = tmp_path_factory.mktemp("made") / "corpus"
    build_corpus(captioned.video, captioned.subtitles, folder, CorpusOptions(pictures=True))
    return folder


@pytest.fixture
def text2face(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Ran]:
    """Return what runs ``text2face`` in this process and in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Ran:
        code = call(text2face_app(), [str(argument) for argument in arguments], "text2face")
        out, err = capsys.readouterr()
        return Ran(code, out, err.splitlines())

    return run


def clock(seconds: float) -> str:
    thousandths = round(1000 * seconds)
    return f"{thousandths // 3_600_000:02d}:{thousandths // 60_000 % 60:02d}:{thousandths / 1000 % 60:06.3f}"


def clips_of(folder: Path) -> list[dict[str, Any]]:
    clips: list[dict[str, Any]] = json.loads((folder / "manifest.json").read_text("utf-8"))["clips"]
    return clips


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_syllable_is_a_clip_with_its_text_and_times(captioned: CaptionedVideo, corpus: Path) -> None:
    clips = clips_of(corpus)
    assert [clip["syllable"] for clip in clips] == ["bin", "blue", "at", "l", "six", "now"]
    assert [clip["cue"] for clip in clips] == [1, 1, 1, 2, 2, 2]
    assert {clip["text"] for clip in clips} == {"bin blue at", "l six now"}
    assert clips[1]["phonemes"] == "b l uː"
    assert [clip["line"] for clip in clips] == [2, 2, 2, 6, 6, 6]
    assert {clip["timed"] for clip in clips} <= {"pocketsphinx", "warping"}
    errors = [[clip["start"] - a, clip["end"] - b] for clip, (a, b, _) in zip(clips, captioned.words, strict=True)]
    # The corpus's own times scatter by 0.04 s.
    assert np.median(np.abs(errors)) < 0.06
    assert np.abs(errors).max() < 0.2
    for clip in clips:
        assert clip["first_frame"] / 25 <= clip["start"] < (clip["first_frame"] + 1) / 25
        assert clip["last_frame"] / 25 < clip["end"] <= (clip["last_frame"] + 1) / 25 + 1e-9


def test_both_manifests_say_the_same(captioned: CaptionedVideo, corpus: Path) -> None:
    with (corpus / "manifest.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    manifest = json.loads((corpus / "manifest.json").read_text("utf-8"))
    for row in rows:
        assert (row.pop("video"), row.pop("subtitles")) == (str(captioned.video.resolve()), str(captioned.subtitles))
        assert row.pop("video_sha256") == manifest["video_sha256"]
    assert rows == [{name: str(value) for name, value in clip.items()} for clip in manifest["clips"]]
    assert (manifest["fps"], manifest["language"], manifest["unit"], manifest["rejects"]) == (
        "25",
        "en-gb",
        "syllable",
        [],
    )


def test_keypoints_and_pictures_are_those_of_the_frames(captioned: CaptionedVideo, corpus: Path, grid_s1: Path) -> None:
    from obamanet.face.mesh_landmarker import MeshLandmarker

    with np.load(corpus / "template.npz") as arrays:
        template = arrays["template"]
    frames = [frame.image for frame in read_frames(captioned.video)]
    landmarker = MeshLandmarker()
    import cv2

    for clip in clips_of(corpus)[::3]:
        numbers = np.arange(clip["first_frame"], clip["last_frame"] + 1)
        with np.load(corpus / clip["keypoints"]) as arrays:
            pixel, canonical = arrays["pixel"], arrays["canonical"]
            assert np.array_equal(arrays["frames"], numbers)
            assert arrays["times"] == pytest.approx(numbers / 25)
        assert pixel.shape == canonical.shape == (len(numbers), 20, 2)
        middle = len(numbers) // 2
        image = frames[numbers[middle]]
        face = landmarker.follow().next(image)
        assert face is not None
        landmarks = face.raw
        # The tracker steadies what a single look sees; a neighbouring frame lies further off.
        assert np.abs(pixel[middle] - landmarks[MOUTH]).mean() < 1.5
        placed = to_pixel(canonical[middle : middle + 1], fit_placement(landmarks[None], template))
        assert np.abs(placed - pixel[middle]).mean() < 1.0
        picture = cv2.imread(str(corpus / clip["pictures"] / f"{numbers[middle]:06d}.jpg"))
        assert picture is not None
        differences = [np.abs(picture.astype(int) - frame).mean() for frame in frames]
        assert int(np.argmin(differences)) == numbers[middle]


def test_pictures_are_in_numeric_order_and_only_those_of_clips(corpus: Path) -> None:
    for number in (1, 2):
        names = sorted(path.name for path in (corpus / "clips" / f"{number:05d}" / "frames").iterdir())
        assert names == sorted(names, key=lambda name: int(name.split(".")[0]))
        shown = {
            f"{frame:06d}.jpg"
            for clip in clips_of(corpus)
            if clip["cue"] == number
            for frame in range(clip["first_frame"], clip["last_frame"] + 1)
        }
        assert set(names) == shown


def test_a_clips_sound_is_that_of_its_frames(captioned: CaptionedVideo, corpus: Path) -> None:
    whole = load_sound(captioned.video)
    for clip in clips_of(corpus):
        samples, rate = soundfile.read(corpus / clip["sound"])
        first, last = (round(frame / 25 * rate) for frame in (clip["first_frame"], clip["last_frame"] + 1))
        assert (rate, len(samples)) == (16_000, last - first)
        assert np.abs(samples - whole.samples[first:last]).max() < 1e-4


def test_a_second_run_does_nothing_again(
    captioned: CaptionedVideo, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files_of(corpus)
    monkeypatch.setattr("text2face.corpus.build.Cutter", None)
    report = build_corpus(captioned.video, captioned.subtitles, corpus, CorpusOptions(pictures=True))
    assert (report.cues, report.cached, report.clips) == (2, 2, 6)
    assert files_of(corpus) == before
    assert foreign_files(corpus) == []


def test_an_interrupted_run_goes_on_and_ends_as_an_uninterrupted_one(
    captioned: CaptionedVideo, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "again"
    options = CorpusOptions(pictures=True)
    cut = cutter.Cutter.cut

    def broken(self: cutter.Cutter, window: Window, place: Path, name: str) -> object:
        if window.number == 2:
            (place / "half.npz").touch()
            raise VideoError("video breaks off after 40 frames")
        return cut(self, window, place, name)

    with monkeypatch.context() as patch:
        patch.setattr(cutter.Cutter, "cut", broken)
        with pytest.raises(VideoError, match="breaks off"):
            build_corpus(captioned.video, captioned.subtitles, folder, options)
    assert [clip["cue"] for clip in clips_of(folder)] == [1, 1, 1]
    assert [path.name for path in (folder / "clips").iterdir()] == ["00001"]
    report = build_corpus(captioned.video, captioned.subtitles, folder, options)
    assert (report.cues, report.cached) == (2, 1)
    assert files_of(folder) == files_of(corpus)


def test_only_a_cue_that_changed_is_cut_again(captioned: CaptionedVideo, corpus: Path, tmp_path: Path) -> None:
    folder, subtitles = tmp_path / "corpus", tmp_path / "captioned.srt"
    shutil.copytree(corpus, folder)
    subtitles.write_text(captioned.subtitles.read_text().replace("l six now", "l six know"))
    options = CorpusOptions(pictures=True)
    report = build_corpus(captioned.video, subtitles, folder, options)
    assert (report.cues, report.cached) == (2, 1)
    assert [clip["syllable"] for clip in clips_of(folder)][-1] == "know"
    subtitles.write_text(captioned.subtitles.read_text().split("\n\n")[0] + "\n")
    assert build_corpus(captioned.video, subtitles, folder, options).clips == 3
    assert [path.name for path in (folder / "clips").iterdir()] == ["00001"]


def test_words_for_lip_reading(captioned: CaptionedVideo, tmp_path: Path) -> None:
    subtitles = tmp_path / "captioned.vtt"
    start, end = captioned.words[3][0], captioned.words[5][1]
    subtitles.write_text(f"WEBVTT\n\n{clock(start)} --> {clock(end)}\nL, seven\n")
    build_corpus(captioned.video, subtitles, tmp_path / "words", CorpusOptions("en-us", Unit.WORD))
    clips = clips_of(tmp_path / "words")
    assert [(clip["word"], clip["syllable"]) for clip in clips] == [("L", "L"), ("seven", "se-ven")]
    assert [(clip["start"], clip["end"]) for clip in clips] == [
        (clip["word_start"], clip["word_end"]) for clip in clips
    ]
    assert {clip["pictures"] for clip in clips} == {""}


def test_subtitles_that_go_on_beyond_the_video(
    captioned: CaptionedVideo, text2face: Callable[..., Ran], tmp_path: Path
) -> None:
    late = "3\n01:00:00,000 --> 01:00:01,000\nmuch later\n\n4\n01:00:02,000 --> 01:00:03,000\neven later\n"
    (tmp_path / "long.srt").write_text(captioned.subtitles.read_text() + late)
    ran = text2face("corpus", captioned.video, "long.srt", "--out", "clips", "--unit", "word")
    assert (ran.code, ran.out) == (1, "clips\n")
    assert "ends at 3.0 s: 2 cues left out, the first on line 10 at 3600.0 s; all before is in clips" in ran.lines[-1]
    assert len(clips_of(tmp_path / "clips")) == 6


@pytest.mark.parametrize(
    ("content", "arguments", "message"),
    [
        ("", [], "subtitles hold no cue with words"),
        ("1\n00:00:01,000 -> 00:00:02,000\nhello\n", [], "subtitles line 1"),
        ("1\n00:00:01,000 --> 00:00:02,000\nhello\n\n2\n00:00:0x,000 --> 00:00:04,000\nyou\n", [], "subtitles line 6"),
        ("1\n00:00:02,000 --> 00:00:01,000\nhello\n", [], "line 2: cue ends before it begins"),
        ("1\n01:00:00,000 --> 01:00:01,000\nhello\n", [], "no cue is inside the video"),
        ("1\n00:00:01,000 --> 00:00:02,000\n♪ ... ♪\n", [], "subtitles hold no cue with words"),
        ("1\n00:00:01,000 --> 00:00:02,000\n?!\n", [], "no clip can be cut from 1 cues; 1 times: nothing that can"),
        ("1\n00:00:01,000 --> 00:00:02,000\nПривет\n", [], "nothing that can be said"),
        ("1\n00:00:01,000 --> 00:00:01,010\n" + 9 * "quickly " + "\n", [], "too little time for its text"),
        ("1\n00:00:01,000 --> 00:00:02,000\nhello\n", ["--lang", "xx"], "no such language: got 'xx'"),
        ("1\n00:00:01,000 --> 00:00:02,000\nhello\n", ["--unit", "letter"], "--unit"),
        (
            "1\n00:00:01,000 --> 00:00:02,000\nhello\n",
            ["--out", "captioned.srt"],
            "output must be a folder, got a file",
        ),
    ],
)
def test_bad_requests_are_one_line(
    captioned: CaptionedVideo,
    text2face: Callable[..., Ran],
    tmp_path: Path,
    content: str,
    arguments: list[str],
    message: str,
) -> None:
    (tmp_path / "captioned.srt").write_text(content, "utf-8")
    ran = text2face("corpus", captioned.video, "captioned.srt", "--out", "clips", *arguments, "--quiet")
    assert ran.code in (1, 2)
    assert (ran.out, len(ran.lines)) == ("", 1), ran.lines
    assert message in ran.lines[0]
    assert not list(tmp_path.rglob("manifest.*"))
    assert not list(tmp_path.rglob(".*"))


def test_files_that_are_not_there_or_not_what_they_should_be(
    captioned: CaptionedVideo, text2face: Callable[..., Ran], tmp_path: Path
) -> None:
    for video, subtitles, message in [
        (tmp_path / "none.mp4", captioned.subtitles, "no such video file"),
        (captioned.subtitles, captioned.subtitles, "file has no video stream"),
        (captioned.video, tmp_path / "none.srt", "no such subtitle file"),
        (captioned.video, tmp_path, "got a directory"),
        (captioned.video, captioned.video, "not a subtitle file, it holds binary data"),
    ]:
        ran = text2face("corpus", video, subtitles, "--out", "clips", "--quiet")
        assert (ran.code, ran.out, len(ran.lines)) == (1, "", 1), ran.lines
        assert message in ran.lines[0]
    assert not (tmp_path / "clips").exists()


def test_a_folder_of_another_corpus_is_left_alone(captioned: CaptionedVideo, corpus: Path, grid_s1: Path) -> None:
    before = files_of(corpus)
    other = grid_s1 / "video" / "bgah1s.mpg"
    with pytest.raises(DatasetError, match="holds a corpus of another video"):
        build_corpus(other, captioned.subtitles, corpus)
    with pytest.raises(DatasetError, match="of another language: en-gb, got es"):
        build_corpus(captioned.video, captioned.subtitles, corpus, CorpusOptions("es"))
    with pytest.raises(DatasetError, match="of another unit: syllable, got word"):
        build_corpus(captioned.video, captioned.subtitles, corpus, CorpusOptions(unit=Unit.WORD))
    assert files_of(corpus) == before


def test_a_video_without_a_face_and_without_sound(tmp_path: Path) -> None:
    video, subtitles = tmp_path / "grey.mp4", tmp_path / "grey.srt"
    with VideoWriter(video, (160, 120), FPS) as writer:
        for shade in range(50):
            writer.write(np.full((120, 160, 3), shade, np.uint8))
    subtitles.write_text("1\n00:00:00,000 --> 00:00:01,000\nhello there\n")
    with pytest.raises(DatasetError, match=r"no clip can be cut from 1 cues; 1 times: no face: .*grey\.mp4"):
        build_corpus(video, subtitles, tmp_path / "clips")
    assert not (tmp_path / "clips" / "manifest.json").exists()


def test_a_full_disk_is_told(captioned: CaptionedVideo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("text2face.corpus.cutter._write_keypoints", full)
    with pytest.raises(OutputError, match="no space left on the disk"):
        build_corpus(captioned.video, captioned.subtitles, tmp_path / "clips")
    assert list((tmp_path / "clips" / "clips").iterdir()) == []


def test_frames_are_rounded_outwards() -> None:
    assert frames_of(0.52, 0.85, FPS) == (13, 21)
    assert frames_of(0.4, 0.8, FPS) == (10, 19)
    assert frames_of(0.401, 0.801, FPS) == (10, 20)
    assert frames_of(0.41, 0.41, FPS) == (10, 10)
    assert frames_of(3723.5, 3724.25, Fraction(30_000, 1001)) == (111_593, 111_615)


def windows_of(cues: list[Cue], duration: float = 100.0) -> list[tuple[str, float, float]]:
    return [(one.cue.text, round(one.start, 3), round(one.end, 3)) for one in plan_windows(cues, duration).windows]


def test_cues_that_overlap_do_not_share_sound() -> None:
    # The first is still shown when the second begins, as captions that roll up do.
    assert windows_of([Cue(1, 4, "one two", 1), Cue(2, 5, "three", 2)]) == [
        ("one two", 0.75, 2.0),
        ("three", 2.0, 5.25),
    ]
    # Nobody can say the first so quickly: two speakers.
    assert windows_of([Cue(1, 4, "one two", 1), Cue(1.1, 5, "three", 2)]) == [("one two three", 0.75, 5.25)]
    # Neighbours look into half of the pause between them.
    assert windows_of([Cue(1, 2, "one", 1), Cue(2.2, 3, "two", 2)]) == [("one", 0.75, 2.1), ("two", 2.1, 3.25)]
    assert windows_of([Cue(0, 1, "one", 1), Cue(9, 12, "two", 2)], 10.0) == [("one", 0.0, 1.25), ("two", 8.75, 10.0)]
    assert windows_of([Cue(0, 900, "one", 1)], 1000.0) == [("one", 0.0, 100.0)]
    plan = plan_windows([Cue(1, 2, "one", 1), Cue(10, 12, "two", 5)], 10.0)
    assert [cue.line for cue in plan.beyond] == [5]


def test_karaoke_times_of_joined_and_cut_cues_are_kept() -> None:
    first = Cue(1, 4, "one two", 1, (Mark(1, 0), Mark(3, 4)))
    second = Cue(2, 5, "three", 2, (Mark(2.5, 0),))
    cut, _ = plan_windows([first, second], 100.0).windows
    assert cut.cue.marks == (Mark(1, 0),)
    (joined,) = plan_windows([replace(first, marks=(Mark(1, 0),)), replace(second, start=1.1)], 100.0).windows
    assert joined.cue.marks == (Mark(1, 0), Mark(2.5, 8))


def spans(timed: TimedCue | Untimed) -> list[tuple[float, float]]:
    assert isinstance(timed, TimedCue)
    return [(word.phonemes[0].start, word.phonemes[-1].end) for word in timed.words]


def test_karaoke_tags_give_the_words_times() -> None:
    text = "Hola, amigo mío 25"
    marks = (Mark(10.0, 0), Mark(11.0, 6), Mark(11.4, 12), Mark(12.0, 16))
    timed = time_cue(Window(1, Cue(10, 13, text, 1, marks), 9.75, 13.25), None, "es", Aligner.AUTO)
    found = spans(timed)
    assert isinstance(timed, TimedCue)
    assert timed.how is HowTimed.KARAOKE
    assert [word.text for word in timed.words][:3] == ["Hola", "amigo", "mío"]
    assert [start for start, _ in found[:3]] == pytest.approx([10.0, 11.0, 11.4])
    assert found[3][0] == pytest.approx(12.0)
    # A word ends when the next one begins, or sooner: nobody takes a second for "Hola".
    assert all(end <= following + 1e-6 for (_, end), (following, _) in pairwise(found))
    assert found[0][1] < 10.9
    assert found[-1][1] <= 13.0


def test_a_karaoke_word_does_not_last_through_a_pause() -> None:
    from text2face.voice.espeak import speak_timed

    hello, world = (speak_timed(word, "en-gb").clip for word in ("hello", "world"))
    said = np.concatenate([hello.samples[:8000], np.zeros(8000, np.float32), world.samples[:10_000]])
    sound = AudioClip(said, hello.rate, "a.mp4")
    second = 16_000 / hello.rate
    cue = Cue(50.0, 51.5, "hello world", 1, (Mark(50.0, 0), Mark(50.0 + second, 6)))
    timed = time_cue(Window(1, cue, 50.0, 50.0 + len(said) / hello.rate), sound, "en-gb", Aligner.AUTO)
    first, last = spans(timed)
    assert isinstance(timed, TimedCue)
    assert timed.how is HowTimed.KARAOKE
    assert first == pytest.approx((50.0, 50.0 + 8000 / hello.rate), abs=0.05)
    assert last[0] == pytest.approx(50.0 + second, abs=0.02)


def test_a_mark_at_the_end_says_when_the_last_word_ends() -> None:
    cue = Cue(0, 9, "one two", 1, (Mark(1.0, 4), Mark(1.3, 7)))
    assert spans(time_cue(Window(1, cue, 0, 9), None, "en-gb", Aligner.AUTO))[1] == pytest.approx((1.0, 1.3))


def test_without_sound_the_cue_is_shared_out() -> None:
    window = Window(1, Cue(100.0, 101.0, "One two three four.", 1), 99.75, 101.25)
    timed = time_cue(window, None, "en-gb", Aligner.AUTO)
    found = spans(timed)
    assert isinstance(timed, TimedCue)
    assert timed.how is HowTimed.PROPORTIONAL
    assert (found[0][0], found[-1][1]) == pytest.approx((100.0, 101.0))
    assert all(start < end for start, end in found)


def test_a_silent_stretch_holds_no_words() -> None:
    window = Window(1, Cue(0, 2, "hello", 1), 0, 2)
    silent = AudioClip(np.zeros(32_000, np.float32), 16_000, "a.mp4")
    assert time_cue(window, silent, "en-gb", Aligner.AUTO) == Untimed("sound is silent")


def test_frames_an_hour_on_are_found(tmp_path: Path) -> None:
    path = tmp_path / "long.mp4"
    with VideoWriter(path, (64, 48), Fraction(1), preset="ultrafast") as writer:
        for second in range(3700):
            writer.write(np.full((48, 64, 3), 40 + second % 150, np.uint8))
    reader = FrameReader(path, Fraction(1))
    for first, last in [(10, 12), (12, 12), (3600, 3603), (3603, 3604), (3698, 3702)]:
        shades = [int(frame.mean()) for frame in reader.stretch(first, last)]
        expected = [40 + second % 150 for second in range(first, min(last, 3699) + 1)]
        assert shades == pytest.approx(expected, abs=3)


def test_sound_is_read_in_stretches_and_forgotten(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, 16_000).astype(np.float32)
    path = tmp_path / "long.wav"
    with soundfile.SoundFile(path, "w", 16_000, 1, "PCM_16") as file:
        for second in range(900):
            file.write(noise * (second % 7 + 1) / 8)

    def peak(seconds: int) -> int:
        reader = SoundReader(path)
        tracemalloc.start()
        for start in range(0, seconds, 10):
            samples = reader.stretch(start - 0.3 if start else 0.0, start + 1.0).samples[-16_000:]
            assert np.abs(samples - noise * (start % 7 + 1) / 8).max() < 1e-3
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    assert peak(900) < 1.3 * peak(60)
    beyond = SoundReader(path).stretch(899.5, 901.0).samples
    assert len(beyond) == 24_000
    assert not beyond[8_000:].any()


@pytest.fixture(autouse=True)
def _no_parts_left(tmp_path: Path) -> Iterator[None]:
    yield
    assert not list(tmp_path.rglob("*.part*"))
