"""A live session: a face moved by pictures or sound, whatever ends it, and nothing of the driver's pictures in it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from types import ModuleType, SimpleNamespace

import cv2
import numpy as np
import pytest
from conftest import ROOT
from made import Notes, babble, write_sound, write_video
from test_streaming import made_speech

from obamanet import default_person_folder, load_person
from obamanet.audio.load import load_sound
from obamanet.audio.microphone import Microphone
from obamanet.cli import boundary
from obamanet.cli.app import obamanet_app
from obamanet.constants import SAMPLE_RATE
from obamanet.errors import FaceError, OptionError, PersonError, ProvenanceError, SoundError, VideoError
from obamanet.face.landmarker import FrameFace
from obamanet.inference.speaker import Speaker
from obamanet.person import Person
from obamanet.pipelines import live_sinks
from obamanet.pipelines.labelled import Label
from obamanet.pipelines.live import live
from obamanet.pipelines.live_drivers import LandmarkSmoother, VideoDriver, video_driver
from obamanet.pipelines.live_report import LiveMeter
from obamanet.pipelines.live_sinks import LiveOptions
from obamanet.pipelines.live_sound import SoundDriver, SpokenFile, SpokenLive
from obamanet.pipelines.speak import SpeakOptions, move_lips, place_landmarks, predict_sound
from obamanet.provenance import Synthetic, verify_video
from obamanet.render.caption import label_synthetic
from obamanet.render.sketch import draw_face
from obamanet.types import RenderMode
from obamanet.video.live_source import LiveFrame, PlayedFile
from obamanet.video.reader import probe_video, read_frames

FPS = Fraction(25)

GREEN = np.zeros((48, 64, 3), np.uint8) + np.array([0, 255, 0], np.uint8)
"""A picture of the driver's, as no picture of the person is."""


@pytest.fixture(scope="module")
def speaker() -> Speaker:
    return Speaker(load_person(default_person_folder()))


@dataclass
class Pictures:
    """A source of ``images`` at 25 a second, which then ends, or raises ``error``."""

    images: list[np.ndarray]
    error: Exception | None = None
    fps: Fraction = FPS
    recorded: None = None

    def frames(self) -> Iterator[LiveFrame]:
        start = time.monotonic()
        for number, image in enumerate(self.images):
            time.sleep(max(0.0, start + number / 25 - time.monotonic()))
            yield LiveFrame(number / 25, start + number / 25, image)
        # The last one is taken before the end is told.
        time.sleep(0.2)
        if self.error:
            raise self.error


@dataclass
class Track:
    """A driver: the person's reference track, whatever it sees; from frame ``broken`` on it fails."""

    person: Person
    broken: float = float("inf")

    def next(self, image: np.ndarray | None, time: float) -> np.ndarray:
        number = round(25 * time)
        if number >= self.broken:
            raise FaceError("driver is broken")
        return self.person.reference.points[number]


class TestLoop:
    def test_every_picture_is_painted_labelled_and_signed(self, speaker: Speaker, tmp_path: Path) -> None:
        out, person = tmp_path / "out.mp4", speaker.person
        report = live(Pictures([GREEN] * 12), Track(person), speaker, LiveOptions(out))
        pictures = [frame.image.astype(float) for frame in read_frames(out)]
        assert len(pictures) == 12
        assert report.frames + report.dropped == 12
        assert 0 < report.latency[0] <= report.latency[1] <= report.latency[2] + 0.001
        for number in (0, 11):
            # The first one may have been dropped, and then shows a later one.
            painted = speaker.renderer.paint(draw_face(person.reference.points[number], person.image_size))
            assert np.abs(pictures[number] - label_synthetic(painted)).mean() < 6
        signed = verify_video(out)
        assert signed.intact
        assert signed.kind is Synthetic.WHOLE_FACE
        assert person.name in str(signed.statement)
        assert "Synthetic video" in str(signed.comment)

    @pytest.mark.parametrize("broken", ["source", "driver"])
    def test_what_breaks_leaves_the_recording_whole(self, broken: str, speaker: Speaker, tmp_path: Path) -> None:
        out = tmp_path / "out.mp4"
        source = Pictures([GREEN] * 10, VideoError("camera 0 has vanished") if broken == "source" else None)
        driver = Track(speaker.person, broken=5 if broken == "driver" else float("inf"))
        told = "camera 0 has vanished" if broken == "source" else "driver is broken"
        with pytest.raises((VideoError, FaceError), match=f"{told}; recorded until then: {re.escape(str(out))}"):
            live(source, driver, speaker, LiveOptions(out))
        assert verify_video(out).intact
        pictures = [frame.image for frame in read_frames(out)]
        assert 1 <= len(pictures) <= 10
        for picture in pictures:
            # Of the driver's picture nothing is shown or stored.
            assert not ((picture[..., 1] > 200) & (picture[..., 0] < 60) & (picture[..., 2] < 60)).any()

    def test_a_recording_that_cannot_be_signed_is_not_told_to_be_there(
        self, speaker: Speaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(label: Label, path: Path, title: str) -> None:
            raise ProvenanceError("cannot be signed")

        monkeypatch.setattr(Label, "sign", refuse)
        source = Pictures([GREEN] * 3, VideoError("camera 0 has vanished"))
        with pytest.raises(ProvenanceError, match=r"^cannot be signed$"):
            live(source, Track(speaker.person), speaker, LiveOptions(tmp_path / "out.mp4"))
        assert not list(tmp_path.iterdir())

    def test_a_slow_driver_drops_frames_and_does_not_fall_behind(self, speaker: Speaker, tmp_path: Path) -> None:
        class Slow(Track):
            def next(self, image: np.ndarray | None, time_: float) -> np.ndarray:
                time.sleep(0.15)
                return super().next(image, time_)

        report = live(Pictures([GREEN] * 25), Slow(speaker.person), speaker, LiveOptions(tmp_path / "out.mp4"))
        assert report.dropped >= 12
        assert report.frames + report.dropped == 25
        # One in work, one that waited: not as many as there were.
        assert report.latency[2] < 0.6
        assert probe_video(tmp_path / "out.mp4").frame_count in (24, 25)

    def test_stop_ends_it(self, speaker: Speaker, tmp_path: Path) -> None:
        stop, out = threading.Event(), tmp_path / "out.mp4"

        class Stopping(LiveMeter):
            def add(self, arrived: float) -> None:
                super().add(arrived)
                stop.set()

        report = live(Pictures([GREEN] * 100), Track(speaker.person), speaker, LiveOptions(out), stop, meter=Stopping())
        assert report.frames == 1
        assert verify_video(out).intact

    def test_being_ended_by_the_system_leaves_the_recording_whole(self, speaker: Speaker, tmp_path: Path) -> None:
        class Ending(LiveMeter):
            def add(self, arrived: float) -> None:
                # As the command line has it for SIGTERM.
                raise SystemExit(143)

        out = tmp_path / "out.mp4"
        with pytest.raises(SystemExit):
            live(Pictures([GREEN] * 100), Track(speaker.person), speaker, LiveOptions(out), meter=Ending())
        assert verify_video(out).intact

    def test_figures_stand_in_the_window_and_not_on_the_recording(
        self, speaker: Speaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shown: list[np.ndarray] = []

        class FakeWindow:
            def __init__(self, title: str, stop: threading.Event) -> None: ...
            def __enter__(self) -> FakeWindow:
                return self

            def __exit__(self, *_: object) -> None: ...
            def write(self, picture: np.ndarray, time: float) -> None:
                shown.append(picture)

        monkeypatch.setattr(live_sinks, "Window", FakeWindow)
        monkeypatch.setattr(live_sinks, "why_no_window", lambda: None)
        options = LiveOptions(tmp_path / "out.mp4", show=True)
        live(Pictures([GREEN] * 4), Track(speaker.person), speaker, options)
        recorded = [frame.image.astype(float) for frame in read_frames(tmp_path / "out.mp4")][-1]
        apart = np.abs(shown[-1] - recorded).mean(axis=-1)
        assert apart[:20, :40].mean() > 20  # the figures' dark box
        assert apart[128:].mean() < 6

    def test_without_a_window_it_says_so_and_goes_on(
        self, speaker: Speaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(live_sinks, "why_no_window", lambda: "there is no display")
        notes, source = Notes(), Pictures([GREEN])
        live(source, Track(speaker.person), speaker, LiveOptions(tmp_path / "out.mp4", show=True), progress=notes)
        assert notes.told == ["no window is shown: there is no display"]
        with pytest.raises(OptionError, match="no window can be shown: there is no display; give --record"):
            live(source, Track(speaker.person), speaker, LiveOptions(show=True))

    def test_a_person_that_is_painted_into_footage(self, speaker: Speaker) -> None:
        other = Speaker(replace(speaker.person, mode=RenderMode.INPAINT))
        with pytest.raises(PersonError, match="live needs a person whose whole face is painted"):
            live(Pictures([GREEN]), Track(speaker.person), other, LiveOptions(streams=("http://localhost:0",)))


class TestOptions:
    def test_somebody_must_see_it(self) -> None:
        with pytest.raises(OptionError, match="nobody would see it: give --show 1, --record MP4 or --stream ADDRESS"):
            LiveOptions()

    @pytest.mark.parametrize("address", ["ftp://x", "localhost:8000", "https://localhost:1", "/dev/sda"])
    def test_addresses_of_no_known_kind(self, address: str) -> None:
        with pytest.raises(OptionError, match=f"not an address to stream to: got {address}"):
            LiveOptions(streams=(address,))

    @pytest.mark.parametrize("address", ["http://localhost", "http://:8000", "http://localhost:99999", "http://a:1/b"])
    def test_addresses_that_cannot_be_served_at(self, address: str) -> None:
        with pytest.raises(OptionError, match=f"not an address to serve at: got {address}"):
            LiveOptions(streams=(address,))


@pytest.fixture(scope="module")
def faces(speaker: Speaker) -> list[np.ndarray]:
    """Return painted pictures of the person in motion, which the landmarker sees as faces."""
    person = speaker.person
    return [speaker.renderer.paint(draw_face(face, person.image_size)) for face in person.reference.points[:6]]


@dataclass
class Follower:
    """A follower that sees ``faces``, one a frame; None for a frame without one."""

    seen: Iterator[np.ndarray | None]
    faces: int = 1

    def next(self, image: np.ndarray) -> FrameFace | None:
        face = next(self.seen)
        return None if face is None else FrameFace(face, face)


def driven(person: Person, seen: list[np.ndarray | None]) -> np.ndarray:
    """Return the person's landmarks for faces that are ``seen`` 25 times a second."""
    driver = VideoDriver(Follower(iter(seen)), person)
    return np.stack([driver.next(GREEN, number / 25) for number in range(len(seen))])


def opening(landmarks: np.ndarray) -> np.ndarray:
    """Return the gap of the lips (T,) in pixels."""
    return np.linalg.norm(landmarks[:, 66] - landmarks[:, 62], axis=1)


def stretched(faces: np.ndarray) -> list[np.ndarray]:
    """Return ``faces`` (T, N, 2) longer than they are: another person's, who does not keep the shape of the day."""
    return list(faces * np.float32((1, 1.3)))


class TestVideoDriver:
    def test_the_person_rests_and_then_moves_as_the_driver_does(self, speaker: Speaker) -> None:
        track = speaker.person.reference.points
        # Another size and place in the picture.
        driver = [1.7 * face + (200, -40) for face in track[:175]]
        ours = driven(speaker.person, driver)
        assert np.ptp(ours[:50], axis=0).max() < 1e-3
        assert np.corrcoef(opening(ours[55:]), opening(track[55:175]))[0, 1] > 0.9
        assert 0.75 < opening(ours[55:]).std() / opening(track[55:175]).std() < 1.25

    def test_without_a_face_it_is_held_and_then_eases_to_rest(self, speaker: Speaker) -> None:
        track = stretched(speaker.person.reference.points[:75])
        ours = driven(speaker.person, [*track, *[None] * 40])
        rest = ours[0]
        assert np.abs(ours[75:80] - ours[74]).max() < 1e-3
        steps = np.abs(np.diff(ours[74:], axis=0)).max(axis=(1, 2))
        assert steps.max() < 0.25 * np.abs(ours[74] - rest).max()
        assert np.abs(ours[-1] - rest).max() < 1e-3
        assert np.abs(ours[74] - rest).max() > 1

    def test_a_face_that_comes_late_is_followed(self, speaker: Speaker) -> None:
        track = stretched(speaker.person.reference.points[:75])
        ours, in_time = driven(speaker.person, [*[None] * 25, *track]), driven(speaker.person, track)
        assert np.ptp(ours[:70], axis=0).max() < 1e-3
        assert np.abs(ours[80:] - in_time[55:]).max() < 1e-3

    @pytest.mark.parametrize("absent", [0, 60])
    def test_another_face_begins_anew(self, absent: int, speaker: Speaker) -> None:
        track = stretched(speaker.person.reference.points)
        other = [2.5 * face + (-300, 150) for face in track[100:200]]
        seen = [*track[:75], *[None] * absent, *other]
        ours = driven(speaker.person, seen)
        begins = 75 + absent
        # Two seconds of rest, but for what it takes to get there.
        assert np.abs(ours[begins + 35 : begins + 50] - ours[0]).max() < 1e-3
        assert np.ptp(ours[begins + 50 :], axis=0).max() > 1

    def test_a_face_is_found_in_pictures_of_any_size(self, speaker: Speaker, faces: list[np.ndarray]) -> None:
        driver = video_driver(speaker.person)
        sizes: list[tuple[int, ...]] = []
        follow = driver._follower.next
        driver._follower.next = lambda image: sizes.append(image.shape) or follow(image)
        for number, image in enumerate(faces):
            driver.next(cv2.resize(image, (1920, 1920)), number / 25)
        assert sizes == [(640, 640, 3)] * len(faces)
        assert driver._follower.faces == 1


def test_smoothing_begins_anew_after_a_cut() -> None:
    points = np.random.default_rng(1).uniform(0, 100, (78, 2)).astype(np.float32)
    points[0], points[16] = (0, 50), (100, 50)
    smoother = LandmarkSmoother()
    smoother.next(points, 0.0)
    assert smoother.is_new
    smoothed = smoother.next(points + 2, 0.04)
    assert not smoother.is_new
    assert ((smoothed > points) & (smoothed < points + 2)).all()
    assert (smoother.next(points + 200, 0.08) == points + 200).all()
    assert smoother.is_new


class TestSound:
    def test_a_file_moves_the_mouth_as_speaking_does(self, speaker: Speaker, tmp_path: Path) -> None:
        sound, person = write_sound(tmp_path / "speech.wav", made_speech(1.3)), speaker.person
        keypoints = move_lips(*predict_sound(sound, speaker), person, SpeakOptions())
        wanted = np.stack(list(place_landmarks(keypoints, person)))
        spoken = SpokenFile(sound, person)
        driver = SoundDriver(speaker, spoken)
        ours = np.stack([driver.next(None, number / 25) for number in range(len(wanted))])
        assert len(wanted) == 33
        assert np.abs(ours - wanted).max() < 0.05
        assert wanted.std(axis=0).max() > 0.3

    def test_frames_that_were_dropped_are_passed_over(self, speaker: Speaker, tmp_path: Path) -> None:
        sound, person = write_sound(tmp_path / "speech.wav", made_speech(1.3)), speaker.person
        all_, some = (SoundDriver(speaker, SpokenFile(sound, person)) for _ in range(2))
        every = [all_.next(None, number / 25) for number in range(30)]
        for number in (0, 7, 8, 29):
            assert np.abs(some.next(None, number / 25) - every[number]).max() < 1e-3

    def test_it_is_heard_in_the_recording(self, speaker: Speaker, tmp_path: Path) -> None:
        samples = made_speech(1.0, seed=2)
        spoken = SpokenFile(write_sound(tmp_path / "speech.wav", samples), speaker.person)
        out = tmp_path / "out.mp4"
        live(spoken, SoundDriver(speaker, spoken), speaker, LiveOptions(out))
        assert probe_video(out).frame_count == 25
        recorded = load_sound(out).samples[: len(samples)]
        assert np.corrcoef(recorded, samples[: len(recorded)])[0, 1] > 0.9

    def test_a_person_without_speech(self, speaker: Speaker, tmp_path: Path) -> None:
        sound = write_sound(tmp_path / "speech.wav", made_speech(0.3))
        with pytest.raises(PersonError, match="speech"):
            SpokenFile(sound, replace(speaker.person, speech=None))


class FakeStream:
    """What sounddevice gives: it plays ``samples`` at 44.1 kHz in blocks, four times as fast as time goes by."""

    samples = np.zeros(0, np.float32)

    def __init__(self, samplerate: int, blocksize: int, callback: Callable[..., None], **_: object) -> None:
        blocks = np.array_split(self.samples, max(1, len(self.samples) // blocksize))

        def play() -> None:
            for block in blocks:
                time.sleep(len(block) / samplerate / 4)
                callback(block[:, None], len(block), None, None)

        self._thread = threading.Thread(target=play, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._thread.join()


@pytest.fixture
def sounddevice(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Put a made sound library in the place of the real one."""
    module = ModuleType("sounddevice")
    module.PortAudioError = type("PortAudioError", (Exception,), {})
    module.InputStream = FakeStream
    module.query_devices = lambda kind: {"default_samplerate": 44_100.0}
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    return module


class TestMicrophone:
    def test_what_is_said_moves_the_mouth_and_is_recorded_with_it(
        self, speaker: Speaker, sounddevice: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        samples, out = made_speech(2.0), tmp_path / "out.mp4"
        at = np.arange(2 * 44_100) / 44_100
        monkeypatch.setattr(FakeStream, "samples", np.interp(at, np.arange(32000) / 16000, samples).astype(np.float32))
        monkeypatch.setattr("obamanet.audio.microphone.SILENT_SECONDS", 0.5)
        spoken = SpokenLive(Microphone(), speaker.person)
        with pytest.raises(SoundError, match=r"microphone has vanished.*recorded until then"):
            live(spoken, SoundDriver(speaker, spoken), speaker, LiveOptions(out))
        assert spoken.delay == pytest.approx(0.835)
        recorded = load_sound(out).samples
        late = round(spoken.delay * SAMPLE_RATE)
        assert np.abs(recorded[: late - 500]).max() < 0.01
        length = len(recorded) - late - 2000
        assert length > 12_000
        assert np.corrcoef(recorded[late : late + length], samples[:length])[0, 1] > 0.9

    def test_the_mouth_is_that_of_the_sound_a_delay_ago(
        self, speaker: Speaker, sounddevice: ModuleType, tmp_path: Path
    ) -> None:
        samples, person = made_speech(2.0), speaker.person
        sound = SimpleNamespace(delay=0.835, level=None, ended=False, heard=0)

        def take(time_: float) -> np.ndarray:
            new = samples[sound.heard : round((time_now) * SAMPLE_RATE)]
            sound.heard += len(new)
            return new

        time_now, sound.take = 0.0, take
        driver = SoundDriver(speaker, sound)
        mouths = []
        for number in range(50):
            time_now = number / 25
            driver.next(None, time_now)
            mouths.append(driver._mouth(time_now - sound.delay))
        assert all((mouth == person.mouth.rest).all() for mouth in mouths[:20])
        whole = predict_sound(write_sound(tmp_path / "s.wav", samples), speaker)
        stream = move_lips(*whole, person, SpeakOptions())
        later = np.stack(mouths[21:]).ravel()
        assert np.corrcoef(later, stream.points[: len(mouths) - 21].ravel())[0, 1] > 0.95

    def test_no_microphone(self, sounddevice: ModuleType) -> None:
        def none(kind: str) -> None:
            raise sounddevice.PortAudioError("Error querying device -1")

        sounddevice.query_devices = none
        with pytest.raises(SoundError, match=r"no microphone \(Error querying device -1\)"):
            Microphone()

    def test_no_portaudio(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class NoLibrary:
            def find_spec(self, name: str, *_: object) -> None:
                if name == "sounddevice":
                    raise OSError("PortAudio library not found")

        monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
        monkeypatch.setattr(sys, "meta_path", [NoLibrary(), *sys.meta_path])
        with pytest.raises(SoundError, match=r"needs PortAudio.* \(PortAudio library not found\)"):
            Microphone()


def run(*arguments: str | Path) -> int:
    return boundary.call(obamanet_app(), ["live", *map(str, arguments)], "obamanet")


class TestCommandLine:
    def test_a_file_to_its_end(
        self, speaker: Speaker, faces: list[np.ndarray], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        video, out = write_video(tmp_path / "in.mp4", faces), tmp_path / "out.mp4"
        assert run("--source", video, "--record", out, "--stream", "http://localhost:0") == 0
        captured = capsys.readouterr()
        assert captured.out == f"{out}\n"
        assert re.search(r"streaming to http://127\.0\.0\.1:\d+/\n", captured.err)
        assert re.search(r"live: \d+ frames in .* fps, \d+ dropped; latency \d+ ms", captured.err)
        assert verify_video(out).intact

    def test_a_video_without_a_face(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        video = write_video(tmp_path / "in.mp4", [GREEN] * 3)
        assert run("--source", video, "--record", tmp_path / "out.mp4") == 0
        assert capsys.readouterr().err.endswith("no face was seen in the pictures: the person rested\n")

    @pytest.mark.parametrize(
        ("arguments", "code", "told"),
        [
            ([], 2, "nobody would see it"),
            (["--source", "63", "--record", "o.mp4"], 1, "no camera 63"),
            (["--source", "no.mp4", "--record", "o.mp4"], 1, "no such video file: no.mp4"),
            (["--sf", "no.wav", "--record", "o.mp4"], 1, "no such sound file: no.wav"),
            (["--source", "0", "--mic", "--record", "o.mp4"], 2, "exclude each other"),
            (["--record", "o.avi"], 2, "the recording is an mp4 file"),
            (["--record", "o.mp4", "--engine", "openvino"], 1, "engine is not installed"),
            (["--source", "in.mp4", "--record", "in.mp4"], 2, "output would replace what it is made from"),
            (["--stream", "gopher://x"], 2, "not an address to stream to"),
        ],
    )
    def test_one_line_for_what_cannot_be(
        self,
        arguments: list[str],
        code: int,
        told: str,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.chdir(tmp_path)
        if "openvino" in arguments:
            monkeypatch.setattr("obamanet.engine.network.importlib.util.find_spec", lambda _: None)
        write_video(tmp_path / "in.mp4", [GREEN])
        assert run(*arguments) == code
        captured = capsys.readouterr()
        assert told in captured.err
        assert captured.err.count("\n") == 1
        assert captured.out == ""
        assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]

    @pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
    def test_ctrl_c_ends_it_well(self, tmp_path: Path) -> None:
        sound, out = write_sound(tmp_path / "long.wav", babble(60)), tmp_path / "out.mp4"
        command = [sys.executable, "-m", "obamanet", "live", "--sf", sound, "--record", out]
        process = subprocess.Popen(
            list(map(str, [*command, "--stream", "http://localhost:0"])),
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        assert process.stderr.readline().startswith("streaming to ")
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        written, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        assert written == f"{out}\n"
        assert verify_video(out).intact
        video = probe_video(out)
        assert 1 <= video.frame_count < 300
        assert abs(float(load_sound(out).duration) - video.duration) < 0.15


def test_a_played_file_is_a_source_without_sound(tmp_path: Path) -> None:
    assert PlayedFile(write_video(tmp_path / "in.mp4", [GREEN])).recorded is None
