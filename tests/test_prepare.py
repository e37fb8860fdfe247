"""Preparing footage: what is learned from, what is left out and why, and nothing half-written however it ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from multiprocessing import active_children
from pathlib import Path
from threading import Event, Thread

import cv2
import numpy as np
import pytest
from made import babble, ffmpeg, foreign_files, prepare_recorded, recorded_frames, write_sound, write_video

from obamanet.audio.load import load_sound
from obamanet.errors import DatasetError, OptionError, OutputError
from obamanet.face.mesh_landmarker import MeshLandmarker
from obamanet.face.track import track_face
from obamanet.progress import Progress
from obamanet.render.crop import cut_square, to_square
from obamanet.training.data import prepare as prepare_module
from obamanet.training.data.dataset import Clip, Dataset, load_dataset
from obamanet.training.data.prepare import PrepareReport, prepare

ROOT = Path(__file__).resolve().parent.parent


LENGTH = 26
"""Frames of a made video: a little more than the second that is needed."""


def make_videos(folder: Path, source: Path) -> None:
    """Make videos with every fault a user's footage can have from recorded frames around the face, 210 x 248 pixels."""
    folder.mkdir()
    frames = [frame[20:268, 75:285] for frame in recorded_frames(source, 2 * LENGTH)]
    first, second = frames[:LENGTH], frames[LENGTH:]
    sound = write_sound(folder / "sound.wav", babble(LENGTH / 25))
    grey = np.full_like(first[0], 128)
    ones = write_video(folder / "plain.mp4", first, sound)
    small = [cv2.copyMakeBorder(cv2.resize(f, (168, 198)), 50, 0, 0, 0, cv2.BORDER_REPLICATE) for f in first]
    write_video(folder / "two.mp4", [np.hstack([left, right]) for left, right in zip(small, first, strict=True)])
    here = [cv2.copyMakeBorder(frame, 0, 0, 0, 80, cv2.BORDER_REPLICATE) for frame in first]
    away = [cv2.copyMakeBorder(frame, 0, 0, 80, 0, cv2.BORDER_REPLICATE) for frame in second]
    write_video(folder / "cut.mp4", [*here, *away])
    write_video(folder / "late.mp4", [*[grey] * 5, *second])
    write_video(folder / "none.mp4", [grey[:96, :128]] * LENGTH)
    write_video(folder / "short.mp4", [*first[:10], *[grey] * 5])
    timing = "setpts=(N*0.04+gt(N\\,12)*(N-12)*0.03)/TB"
    rest = ("-fps_mode", "vfr", "-enc_time_base", "1/1000", "-bf", "0", "-an")
    ffmpeg("-i", ones, "-vf", timing, *rest, folder / "variable.mp4")
    write_video(folder / "flat.mp4", [np.rot90(frame) for frame in second])
    ffmpeg("-display_rotation", "270", "-i", folder / "flat.mp4", "-c", "copy", folder / "turned.mp4")
    (folder / "flat.mp4").unlink()
    crop = "format=bgr0,crop=199:237:7:9:exact=1"
    ffmpeg("-i", ones, "-vf", crop, "-c:v", "ffv1", "-pix_fmt", "bgr0", "-an", folder / "odd.mkv")
    (folder / "torn.mp4").write_bytes(ones.read_bytes()[: ones.stat().st_size // 2])
    (folder / "notes.txt").write_text("not a video")
    (folder / "empty.mp4").touch()
    (folder / "again.mp4").write_bytes(ones.read_bytes())
    (folder / "more").mkdir()
    write_video(folder / "more" / "plain.mp4", second, sound)


@pytest.fixture(scope="module")
def videos(grid_s1: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepare") / "videos"
    make_videos(folder, grid_s1 / "video" / "bbaf2n.mpg")
    return folder


@pytest.fixture(scope="module")
def report(videos: Path) -> PrepareReport:
    """Return what preparing all of them said."""
    return prepare([videos, videos / "more"], videos.parent / "dataset", image_size=64, workers=2)


@pytest.fixture(scope="module")
def dataset(report: PrepareReport) -> Dataset:
    return load_dataset(report.folder)


def clip(dataset: Dataset, name: str, source: str = "") -> Clip:
    [found] = [clip for clip in dataset.clips if clip.name == name and source in clip.source]
    return found


def rejected(report: PrepareReport, name: str) -> list[tuple[str, int | None, int | None]]:
    return [(r.reason, r.first, r.last) for r in report.rejects if Path(r.source).name == name]


def noted(report: PrepareReport, name: str) -> list[str]:
    return [note for note in report.notes if name in note.split(":")[0]]


class TestFootage:
    def test_what_is_usable_is_used(self, report: PrepareReport, dataset: Dataset) -> None:
        # Of two files with the same bytes the first in order is taken.
        names = ["again", "cut", "late", "odd", "plain", "turned", "two", "variable"]
        assert sorted(clip.name for clip in dataset.clips) == names
        assert (report.clips, report.cached) == (8, 0)
        assert dataset.fps == 25
        for one in dataset.clips:
            frames = sorted(path.name for path in (one.folder / "frames").iterdir())
            assert frames == [f"{n:05d}.jpg" for n in range(len(one.segment))]
            assert cv2.imread(str(one.frame_path(0))).shape == (64, 64, 3)
        assert foreign_files(report.folder) == []

    def test_every_reject_has_its_reason(self, report: PrepareReport) -> None:
        wholly = {Path(r.source).name: r.reason for r in report.rejects if r.first is None}
        assert set(wholly) == {"none.mp4", "short.mp4", "torn.mp4", "notes.txt", "empty.mp4", "sound.wav"}
        assert f"no face in any of {LENGTH} frames" in wholly["none.mp4"]
        assert "a face in only 10 of 15 frames; at least 1 s" in wholly["short.mp4"]
        assert "video is cut off" in wholly["torn.mp4"]
        assert "not a readable video" in wholly["notes.txt"]
        assert "0 bytes" in wholly["empty.mp4"]
        assert "no video stream" in wholly["sound.wav"]
        assert not any("\n" in reason for reason in wholly.values())

    def test_frames_without_a_face_are_listed(self, report: PrepareReport, dataset: Dataset) -> None:
        assert rejected(report, "late.mp4") == [("no face found, or not wholly in the picture", 0, 4)]
        assert clip(dataset, "late").segment.tolist() == [-1] * 5 + [0] * LENGTH
        index = json.loads((report.folder / "dataset.json").read_text())
        assert {"source", "reason", "first", "last"} == set(index["rejects"][0])
        assert len(index["rejects"]) == len(report.rejects)

    def test_two_faces_the_larger_said_once(self, report: PrepareReport, dataset: Dataset) -> None:
        [note] = [note for note in noted(report, "two.mp4") if "faces" in note]
        assert "the larger one is followed" in note
        assert (clip(dataset, "two").landmarks[:, 30, 0] > 200).all()

    def test_a_cut(self, report: PrepareReport, dataset: Dataset) -> None:
        assert any("1 cut(s)" in note for note in noted(report, "cut.mp4"))
        assert clip(dataset, "cut").segment.tolist() == [0] * LENGTH + [1] * LENGTH

    def test_a_variable_rate_is_brought_to_the_dataset_s_by_time(self, report: PrepareReport, dataset: Dataset) -> None:
        assert any("variable frame rate, brought to 25 fps" in note for note in noted(report, "variable.mp4"))
        # 13 frames at 40 ms and 13 at 70 ms are 1.43 s.
        assert len(clip(dataset, "variable").segment) == pytest.approx(1.43 * 25, abs=1)

    def test_footage_lying_on_its_side(self, dataset: Dataset) -> None:
        turned = clip(dataset, "turned")
        assert turned.frame_size == (210, 248)
        eyes, chin = turned.landmarks[:, 36:48].mean(axis=(0, 1)), turned.landmarks[:, 8].mean(axis=0)
        assert chin[1] - eyes[1] > 60
        # The same sentence, upright, has its face in the same place.
        upright = clip(dataset, "plain", "more/plain")
        np.testing.assert_allclose(turned.landmarks, upright.landmarks, atol=4)

    def test_odd_sizes(self, dataset: Dataset) -> None:
        odd, plain = clip(dataset, "odd"), clip(dataset, "again")
        assert odd.frame_size == (199, 237)
        assert np.abs(odd.landmarks + np.array([7, 9]) - plain.landmarks).mean() < 1

    def test_sound_and_silence(self, report: PrepareReport, dataset: Dataset) -> None:
        assert any("no sound; it trains the renderer only" in note for note in noted(report, "cut.mp4"))
        assert clip(dataset, "cut").sound is None
        sound = clip(dataset, "again").sound
        assert sound is not None
        said, original = load_sound(sound).samples, babble(LENGTH / 25)
        # Through AAC: the same words at the same time.
        length = min(len(said), len(original))
        lags = np.correlate(said[:length], original[400 : length - 400], "valid")
        assert abs(int(lags.argmax()) - 400) <= 16

    def test_the_same_bytes_twice_are_used_once(self, report: PrepareReport) -> None:
        [note] = [note for note in report.notes if "the same bytes" in note]
        assert note.startswith(str(report.folder.parent / "videos" / "plain.mp4"))
        assert "again.mp4" in note

    def test_the_same_name_twice_makes_two_clips(self, videos: Path, tmp_path: Path) -> None:
        (tmp_path / "a").mkdir()
        shutil.copy(videos / "plain.mp4", tmp_path / "a" / "x.mp4")
        (tmp_path / "b").mkdir()
        shutil.copy(videos / "late.mp4", tmp_path / "b" / "x.mp4")
        report = prepare([tmp_path / "a", tmp_path / "b"], tmp_path / "d", image_size=64, workers=1)
        one, other = sorted(load_dataset(report.folder).clips, key=lambda clip: clip.source)
        assert one.name == other.name == "x"
        assert one.folder != other.folder
        assert (len(one.segment), len(other.segment)) == (LENGTH, LENGTH + 5)


@pytest.fixture
def stranger(shared_data: Path) -> Path:
    return shared_data / "grid_other" / "sbwe5n.mpg"


class TestStrangers:
    def test_a_face_that_another_takes_the_place_of(self, grid_s1: Path, stranger: Path, tmp_path: Path) -> None:
        own = recorded_frames(grid_s1 / "video" / "bbaf2n.mpg", 40)
        write_video(tmp_path / "mixed.mp4", [*own[:20], *recorded_frames(stranger, 20), *own[20:]])
        report = prepare([tmp_path / "mixed.mp4"], tmp_path / "d", image_size=64, workers=1)
        assert rejected(report, "mixed.mp4") == [("another face than in most of the video", 20, 39)]
        [one] = load_dataset(report.folder).clips
        assert one.segment.tolist() == [0] * 20 + [-1] * 20 + [1] * 20

    def test_a_video_of_somebody_else(self, grid_s1: Path, stranger: Path, tmp_path: Path) -> None:
        for name, source, count in (("a", grid_s1 / "video" / "bbaf2n.mpg", 30), ("b", stranger, 26)):
            write_video(tmp_path / f"{name}.mp4", recorded_frames(source, count))
        report = prepare([tmp_path / "b.mp4", tmp_path / "a.mp4"], tmp_path / "d", image_size=64, workers=1)
        assert (report.clips, report.frames) == (1, 30)
        [(reason, first, last)] = rejected(report, "b.mp4")
        assert reason.startswith("another face than in most videos (distance 0.7")
        assert (first, last) == (None, None)
        dataset = load_dataset(report.folder)
        assert ([clip.name for clip in dataset.clips], dataset.left_out) == (["a"], {"b"})
        # It stays told when the others are prepared again.
        prepare([tmp_path / "a.mp4"], tmp_path / "d", image_size=64, workers=1)
        assert load_dataset(report.folder).left_out == {"b"}


class TestCoveredMouth:
    def test_frames_in_which_something_is_before_the_mouth_are_left_out_and_told(
        self, grid_s1: Path, tmp_path: Path
    ) -> None:
        frames = recorded_frames(grid_s1 / "video" / "bbaf2n.mpg", 50)
        mouth = track_face(frames[:1], MeshLandmarker()).landmarks[0, 48:60]
        middle, width = mouth.mean(axis=0).astype(int).tolist(), int(np.ptp(mouth[:, 0]))
        for number in range(25, 40):
            frames[number] = cv2.ellipse(frames[number].copy(), middle, (width, width), 0, 0, 360, (40, 40, 40), -1)
        write_video(tmp_path / "microphone.mp4", frames)
        report = prepare([tmp_path / "microphone.mp4"], tmp_path / "d", image_size=64, workers=1)
        [(reason, first, last)] = rejected(report, "microphone.mp4")
        assert (reason, first, last) == ("the mouth is covered", 23, 41)
        assert any("the mouth is covered in 19 frames, which are left out" in note for note in report.notes)
        [one] = load_dataset(report.folder).clips
        assert (np.flatnonzero(one.segment < 0) == np.arange(23, 42)).all()


class TestSpans:
    def test_spans_of_a_video_give_what_the_whole_gives(
        self, grid_s1: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        video = grid_s1 / "video" / "bbaf3s.mpg"
        prepare([video], tmp_path / "whole", image_size=64, workers=1)
        monkeypatch.setattr(prepare_module, "MIN_SPAN", 1.0)
        steps = Counting()
        prepare([video], tmp_path / "spans", image_size=64, workers=2, progress=steps)
        assert steps.total == 4, "two spans, each looked at and written"
        assert steps.count == 4
        [whole], [spans] = (load_dataset(tmp_path / name).clips for name in ("whole", "spans"))
        assert len(whole.segment) == 75
        np.testing.assert_array_equal(spans.segment, whole.segment)
        # The follower has 24 frames to find the face as exactly as the one that has followed it all the time.
        width = np.linalg.norm(whole.landmarks[:, 16] - whole.landmarks[:, 0], axis=1).mean()
        np.testing.assert_allclose(spans.landmarks, whole.landmarks, atol=0.005 * width)
        for index in (0, 36, 37, 38, 74):
            one, other = (cv2.imread(str(clip.frame_path(index))).astype(int) for clip in (whole, spans))
            assert np.abs(one - other).mean() < 1
        assert sorted(path.name for path in (spans.folder / "frames").iterdir()) == [f"{n:05d}.jpg" for n in range(75)]

    def test_a_span_that_breaks_off_leaves_the_video_out(
        self, videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(prepare_module, "MIN_SPAN", 0.4)
        with pytest.raises(DatasetError, match=r"none of 1 videos can be read|no usable footage .* video is cut off"):
            prepare([videos / "torn.mp4"], tmp_path / "d", image_size=64, workers=2)
        assert not leftovers(tmp_path)


class TestRotation:
    @pytest.mark.parametrize("turns", [1, 2])
    def test_a_wrong_rotation_is_told(self, grid_s1: Path, tmp_path: Path, turns: int) -> None:
        frames = recorded_frames(grid_s1 / "video" / "bbaf2n.mpg", LENGTH)
        write_video(tmp_path / "turned.mp4", [np.rot90(frame, -turns) for frame in frames])
        with pytest.raises(DatasetError, match=f"the face is turned by {90 * turns} degrees.* names a wrong rotation"):
            prepare([tmp_path / "turned.mp4"], tmp_path / "d", image_size=64, workers=1)


class TestSquares:
    def test_frames_are_the_cut_square(self, dataset: Dataset, videos: Path) -> None:
        late = clip(dataset, "late")
        source = recorded_frames(videos / "late.mp4", LENGTH + 5)
        for index in (5, 20, LENGTH + 4):
            kept = cv2.imread(str(late.frame_path(index))).astype(int)
            assert np.abs(kept - cut_square(source[index], late.box, 64)).mean() < 1.5

    def test_the_face_fills_the_square(self, dataset: Dataset) -> None:
        inside = to_square(clip(dataset, "again").landmarks, clip(dataset, "again").box, 64)
        assert inside.min() > 0
        assert inside.max() < 63
        assert np.ptp(inside[:, :17, 0], axis=1).mean() > 0.45 * 64


class TestCache:
    def test_a_second_run_does_only_what_is_new(self, videos: Path, report: PrepareReport, tmp_path: Path) -> None:
        out = Path(shutil.copytree(report.folder, tmp_path / "dataset"))
        before = {path: path.stat().st_mtime_ns for path in out.rglob("*.jpg")}
        again = prepare([videos, videos / "more"], out, image_size=64, workers=1)
        assert (again.clips, again.cached, again.frames) == (8, 8, report.frames)
        assert set(again.rejects) == set(report.rejects)
        assert set(again.notes) == set(report.notes)
        assert {path: path.stat().st_mtime_ns for path in out.rglob("*.jpg")} == before

    def test_other_options_and_damaged_clips_are_done_anew(self, videos: Path, tmp_path: Path) -> None:
        def run(size: int = 64, fps: Fraction | None = None) -> PrepareReport:
            return prepare([videos / "plain.mp4"], tmp_path / "d", image_size=size, fps=fps, workers=1)

        assert run().cached == 0
        assert run().cached == 1
        assert run(size=128).cached == 0
        assert cv2.imread(str(load_dataset(tmp_path / "d").clips[0].frame_path(0))).shape == (128, 128, 3)
        assert run(size=128, fps=Fraction(30)).cached == 0
        assert len(load_dataset(tmp_path / "d").clips[0].segment) == 32
        [about] = (tmp_path / "d" / "clips").glob("*/clip.json")
        about.write_text("{")
        assert run(size=128, fps=Fraction(30)).cached == 0

    def test_a_new_video_joins_what_is_there(self, videos: Path, tmp_path: Path) -> None:
        prepare([videos / "plain.mp4"], tmp_path / "d", image_size=64, workers=1)
        added = prepare([videos / "late.mp4"], tmp_path / "d", image_size=64, workers=1)
        assert added.cached == 0
        assert [clip.name for clip in load_dataset(tmp_path / "d").clips] == ["late", "plain"]

    def test_two_first_runs_at_once_lose_nothing(
        self, videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        digest = prepare_module.sha256_of

        def other_run_ends_first(path: Path) -> str:
            monkeypatch.setattr(prepare_module, "sha256_of", digest)
            prepare([videos / "late.mp4"], tmp_path / "d", image_size=64, workers=1)
            return digest(path)

        monkeypatch.setattr(prepare_module, "sha256_of", other_run_ends_first)
        prepare([videos / "odd.mkv"], tmp_path / "d", image_size=64, workers=1)
        assert {clip.name for clip in load_dataset(tmp_path / "d").clips} == {"late", "odd"}

    def test_recorded_sentences(self, grid_s1: Path, common_folder: Path) -> None:
        dataset = load_dataset(prepare_recorded(grid_s1, common_folder))
        assert [clip.name for clip in dataset.clips] == ["bbaf2n", "bbaf3s"]
        for one in dataset.clips:
            assert 30 <= len(one.segment) <= 40
            assert not one.segment.any()
            assert one.sound is not None
            assert float(load_sound(one.sound).duration) == pytest.approx(len(one.segment) / 25, abs=0.1)


class TestRefusals:
    def test_a_person_is_not_filled_with_footage(self, videos: Path, tmp_path: Path) -> None:
        (tmp_path / "person.json").write_text("{}")
        with pytest.raises(OutputError, match="there is a person in the folder"):
            prepare([videos / "plain.mp4"], tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["person.json"]

    def test_no_videos(self, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        with pytest.raises(DatasetError, match="no videos"):
            prepare([tmp_path / "empty"], tmp_path / "d")

    @pytest.mark.parametrize("size", [0, 32, 100, 255])
    def test_picture_sizes(self, tmp_path: Path, size: int) -> None:
        with pytest.raises(OptionError, match="power of two"):
            prepare([tmp_path], tmp_path / "d", image_size=size)

    def test_nothing_readable(self, tmp_path: Path) -> None:
        (tmp_path / "a.mp4").write_text("no video")
        with pytest.raises(DatasetError, match=r"none of 2 videos can be read; .*a\.mp4"):
            prepare([tmp_path / "a.mp4", tmp_path / "absent.mp4"], tmp_path / "d")
        assert not (tmp_path / "d").exists()

    def test_nothing_usable(self, tmp_path: Path) -> None:
        write_video(tmp_path / "a.mp4", [np.full((96, 128, 3), 128, np.uint8)] * 5)
        with pytest.raises(DatasetError, match="no usable footage in 1 videos; the first: no face"):
            prepare([tmp_path / "a.mp4"], tmp_path / "d")
        assert not (tmp_path / "d" / "dataset.json").exists()

    def test_a_file_where_the_folder_should_be(self, tmp_path: Path) -> None:
        write_video(tmp_path / "a.mp4", [np.full((96, 128, 3), 128, np.uint8)] * 5)
        with pytest.raises(OutputError, match="cannot be written"):
            prepare([tmp_path / "a.mp4"], tmp_path / "a.mp4")

    def test_a_full_disk_is_no_fault_of_the_video(
        self, videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(cv2, "imwrite", lambda *_: False)
        with pytest.raises(OutputError, match="no space left"):
            prepare([videos / "plain.mp4"], tmp_path / "d", image_size=64, workers=1)
        assert not (tmp_path / "d").exists()


class Interrupting(Progress):
    """A user who presses Ctrl-C at the first sign of progress."""

    def track(self, items, description, total=None):  # type: ignore[no-untyped-def]
        yield next(iter(items))
        raise KeyboardInterrupt


class Counting(Progress):
    """Counts what is reported."""

    count, total = 0, None

    def track(self, items, description, total=None):  # type: ignore[no-untyped-def]
        self.total = total
        for item in items:
            yield item
            self.count += 1


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*.part*")]


def wait_for(condition: Callable[[], object], seconds: float = 60.0) -> bool:
    """Return whether ``condition()`` comes true within ``seconds``."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


class TestInterruption:
    def test_an_interruption_leaves_nothing_half_written(self, videos: Path, tmp_path: Path) -> None:
        with pytest.raises(KeyboardInterrupt):
            prepare([videos], tmp_path / "d", image_size=64, workers=2, progress=Interrupting())
        assert not leftovers(tmp_path / "d")
        assert not (tmp_path / "d" / "dataset.json").exists()
        assert not active_children()

    def test_what_a_killed_run_left_goes_at_the_next(self, videos: Path, tmp_path: Path) -> None:
        stale = tmp_path / "d" / "clips" / ".gone-01234567.part"
        stale.mkdir(parents=True)
        (stale / "00000.jpg").write_bytes(b"half")
        prepare([videos / "plain.mp4"], tmp_path / "d", image_size=64, workers=1)
        assert not leftovers(tmp_path / "d")

    def test_a_worker_that_dies_is_one_clear_line(self, videos: Path, tmp_path: Path) -> None:
        ended = Event()

        def kill_all() -> None:
            while not ended.wait(0.01):
                for child in active_children():
                    child.kill()

        killer = Thread(target=kill_all)
        killer.start()
        try:
            with pytest.raises(DatasetError, match="a worker process died") as caught:
                prepare([videos], tmp_path / "d", image_size=64, workers=2)
        finally:
            ended.set()
            killer.join()
        assert "\n" not in str(caught.value)
        assert not leftovers(tmp_path / "d")
        assert not active_children()


SCRIPT = """
import sys
from pathlib import Path
from obamanet.training.data.prepare import prepare
if __name__ == "__main__":
    try:
        prepare([Path(name) for name in sys.argv[2:]], Path(sys.argv[1]), workers=2)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to see the processes")
class TestSignals:
    def start(self, grid_s1: Path, tmp_path: Path) -> subprocess.Popen[str]:
        """Start preparing in a process group of its own, and wait until its workers have begun to write."""
        script = tmp_path / "script.py"
        script.write_text(SCRIPT)
        names = sorted((grid_s1 / "video").glob("*.mpg"))[:12]
        process = subprocess.Popen(
            [sys.executable, script, tmp_path / "d", *names],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert wait_for(lambda: leftovers(tmp_path / "d")), "nothing was begun"
        return process

    def group(self, process: subprocess.Popen[str]) -> set[int]:
        """Return the processes of the group that still run."""
        running = set()
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                state, _, group = stat.read_text().rpartition(")")[2].split()[:3]
            except OSError:
                continue
            if int(group) == process.pid and state not in "ZX":
                running.add(int(stat.parent.name))
        return running

    def test_workers_do_not_outlive_their_parent(self, grid_s1: Path, tmp_path: Path) -> None:
        process = self.start(grid_s1, tmp_path)
        assert len(self.group(process)) >= 3
        process.kill()  # Which nobody can prepare for; SIGTERM ends it in the same way.
        assert process.wait(timeout=30) == -signal.SIGKILL
        assert wait_for(lambda: not self.group(process), 20), "workers go on without their parent"
        process.stderr.close()  # type: ignore[union-attr]

    def test_ctrl_c_ends_quickly_and_quietly(self, grid_s1: Path, tmp_path: Path) -> None:
        process = self.start(grid_s1, tmp_path)
        os.killpg(process.pid, signal.SIGINT)  # As a terminal does: to the whole group.
        _, said = process.communicate(timeout=30)
        assert process.returncode == 130
        assert said.strip() == "interrupted"
        assert not leftovers(tmp_path / "d")
        assert wait_for(lambda: not self.group(process), 20)
