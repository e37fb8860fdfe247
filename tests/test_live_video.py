"""Pictures in and out of a live session: sources, the recording, streams, the window."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from itertools import count, islice
from pathlib import Path
from types import SimpleNamespace
from urllib.request import urlopen

import cv2
import numpy as np
import pytest
from made import babble, write_sound, write_video

from obamanet.audio.load import load_sound
from obamanet.constants import SAMPLE_RATE
from obamanet.errors import VideoError
from obamanet.render.caption import label_synthetic, show_figures
from obamanet.video import ffmpeg_stream, window
from obamanet.video.ffmpeg_stream import FfmpegStream
from obamanet.video.live_recording import LiveRecording
from obamanet.video.live_source import open_source
from obamanet.video.mjpeg import MAX_CLIENTS, MjpegServer
from obamanet.video.reader import probe_video, read_frames
from obamanet.video.sound_encoder import ArrivingSound, SoundSpan
from obamanet.video.window import Window, why_no_window

SIZE = (64, 48)
FPS = Fraction(25)


def grey(level: int) -> np.ndarray:
    """Return a picture of one grey level."""
    return np.full((SIZE[1], SIZE[0], 3), level, np.uint8)


def levels(path: Path) -> list[int]:
    """Return the number of each frame's grey level, in steps of 20."""
    return [round(float(frame.image.mean()) / 20) for frame in read_frames(path)]


class TestRecording:
    def test_each_frame_shows_the_last_picture_nearest_to_its_time(self, tmp_path: Path) -> None:
        out = tmp_path / "out.mp4"
        with LiveRecording(out, SIZE, FPS) as recording:
            # Seconds; frames lie 40 ms apart.
            for level, moment in enumerate([0.05, 0.07, 0.11, 0.23, 0.236, 0.28]):
                recording.write(grey(20 * level), moment)
        assert levels(out) == [0, 0, 1, 2, 2, 2, 4, 5]
        assert not probe_video(out).variable_rate

    def test_an_error_leaves_it_whole(self, tmp_path: Path) -> None:
        out = tmp_path / "out.mp4"
        finished: list[Path] = []
        with pytest.raises(KeyError), LiveRecording(out, SIZE, FPS, finish=finished.append) as recording:
            for number in range(5):
                recording.write(grey(20 * number), number / 25)
            raise KeyError
        assert levels(out) == [0, 1, 2, 3, 4]
        assert len(finished) == 1

    def test_without_a_picture_there_is_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(KeyError), LiveRecording(tmp_path / "out.mp4", SIZE, FPS):
            raise KeyError
        with pytest.raises(VideoError, match="no frames"), LiveRecording(tmp_path / "out.mp4", SIZE, FPS):
            pass
        assert not list(tmp_path.iterdir())

    def test_the_sound_of_a_file_ends_with_the_pictures(self, tmp_path: Path) -> None:
        sound, out = write_sound(tmp_path / "sound.wav", babble(2.0)), tmp_path / "out.mp4"
        with LiveRecording(out, SIZE, FPS, SoundSpan(sound)) as recording:
            for number in range(20):
                recording.write(grey(0), number / 25)
        assert 0.8 <= load_sound(out).duration < 0.95
        recorded, given = load_sound(out).samples[:12000], babble(2.0)[:12000]
        assert np.corrcoef(recorded, given)[0, 1] > 0.9

    def test_arriving_sound_lies_where_it_came(self, tmp_path: Path) -> None:
        out, rate = tmp_path / "out.mp4", 44_100
        sound = ArrivingSound(rate, Fraction(1, 2))
        given = np.interp(np.arange(2 * rate) / rate, np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE, babble(2.0))
        with LiveRecording(out, SIZE, FPS, sound) as recording:
            for number in range(50):
                sound.put(given[number * rate // 25 : (number + 1) * rate // 25].astype(np.float32))
                recording.write(grey(0), number / 25)
        recorded = load_sound(out).samples
        assert 2.0 <= len(recorded) / SAMPLE_RATE < 2.15
        assert np.abs(recorded[:7500]).max() < 0.01
        assert np.corrcoef(recorded[8000:24000], babble(2.0)[:16000])[0, 1] > 0.9


class TestSources:
    def test_a_file_is_played_at_its_own_pace(self, tmp_path: Path) -> None:
        video = write_video(tmp_path / "in.mp4", [grey(20 * n) for n in range(6)], fps=Fraction(20))
        source, began = open_source(str(video)), time.monotonic()
        assert source.fps == 20
        frames = list(source.frames())
        assert [frame.time for frame in frames] == pytest.approx([n / 20 for n in range(6)])
        assert time.monotonic() - began >= 0.25
        assert frames[-1].arrived <= time.monotonic()
        assert np.diff([frame.arrived for frame in frames]).min() > 0.04

    @pytest.mark.parametrize("name", ["no_such.mp4", "notes.txt"])
    def test_no_such_file(self, name: str, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("nothing")
        with pytest.raises(VideoError, match=name):
            open_source(str(tmp_path / name))

    def test_no_camera(self) -> None:
        with pytest.raises(VideoError, match="no camera 63: none is connected"):
            open_source("63")

    def test_a_camera_that_vanishes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        pictures, released = iter([(True, grey(1)), (True, grey(2)), (False, None)]), []
        capture = SimpleNamespace(
            isOpened=lambda: True,
            set=lambda *_: True,
            get=lambda _: 29.97,
            read=lambda: next(pictures),
            release=lambda: released.append(True),
        )
        monkeypatch.setattr(cv2, "VideoCapture", lambda name: capture if name == 0 else None)
        camera = open_source("0")
        assert camera.fps == Fraction(30000, 1001)
        frames = camera.frames()
        assert [next(frames).image[0, 0, 0], next(frames).image[0, 0, 0]] == [1, 2]
        with pytest.raises(VideoError, match="camera 0 has vanished"):
            next(frames)
        assert released

    def test_nothing_answers(self) -> None:
        with pytest.raises(VideoError, match=r"no stream \(.*\): http://127.0.0.1:9/x"):
            open_source("http://127.0.0.1:9/x")

    def test_a_url_reads_no_file_of_this_machine(self, tmp_path: Path) -> None:
        video = write_video(tmp_path / "in.mp4", [grey(0)])
        with pytest.raises(VideoError, match="no stream"):
            open_source(f"file://{video}")


def shown(server: MjpegServer, pictures: Iterator[np.ndarray], stop: threading.Event) -> threading.Thread:
    """Start a thread that shows ``pictures`` 50 times a second until ``stop`` is set, or they are over."""

    def show() -> None:
        for picture in pictures:
            server.write(picture, 0.0)
            if stop.wait(0.02):
                return

    thread = threading.Thread(target=show)
    thread.start()
    return thread


class TestMjpeg:
    def test_another_program_reads_it_until_it_vanishes(self) -> None:
        stop = threading.Event()
        with MjpegServer("localhost", 0) as server:
            thread = shown(server, (grey(60 + 20 * (n % 3)) for n in count()), stop)
            try:
                source = open_source(server.address)
                frames = source.frames()
                seen = [next(frames) for _ in range(5)]
            finally:
                stop.set()
                thread.join()
        assert all(frame.image.shape == (48, 64, 3) for frame in seen)
        assert {round(float(frame.image.mean()) / 20) for frame in seen} <= {3, 4, 5}
        with pytest.raises(VideoError, match="stream has vanished"):
            for _ in islice(frames, 1000):
                pass

    def test_a_client_that_takes_nothing_keeps_nobody_up(self) -> None:
        noise = np.random.default_rng(1).integers(0, 255, (512, 512, 3)).astype(np.uint8)
        stop = threading.Event()
        with MjpegServer("localhost", 0) as server, socket.socket() as slow:
            # Else the system would take much for it.
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.connect(("127.0.0.1", int(server.address.rpartition(":")[2].strip("/"))))
            slow.sendall(b"GET / HTTP/1.0\r\n\r\n")
            thread = shown(server, iter([noise] * 300), stop)
            try:
                with urlopen(server.address, timeout=10) as answer:
                    read = sum(len(answer.read(100_000)) for _ in range(40))
            finally:
                stop.set()
                thread.join()
            waiting = [client for client in server._clients if client.dropped]
        assert read == 4_000_000
        assert waiting  # the slow one has one picture, and what came since is dropped

    def test_so_many_clients_and_no_more(self) -> None:
        with MjpegServer("localhost", 0) as server:
            clients = [server.join() for _ in range(MAX_CLIENTS)]
            assert all(clients)
            assert server.join() is None
            server.leave(clients[0])
            assert server.join() is not None

    def test_a_port_in_use(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            with pytest.raises(VideoError, match=f"port {port} of localhost is in use"), MjpegServer("localhost", port):
                pass

    def test_an_address_that_is_not_ours(self) -> None:
        with (
            pytest.raises(VideoError, match=r"cannot serve at http://192\.0\.2\.1:8000"),
            MjpegServer("192.0.2.1", 8000),
        ):
            pass


def free_udp_port() -> int:
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def with_ffmpeg(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have an ffmpeg, be it that of the tests."""
    import imageio_ffmpeg

    monkeypatch.setattr(ffmpeg_stream, "which", lambda name: imageio_ffmpeg.get_ffmpeg_exe())


@pytest.mark.usefixtures("with_ffmpeg")
class TestFfmpeg:
    def test_what_is_sent_over_udp_arrives(self) -> None:
        address = f"udp://127.0.0.1:{free_udp_port()}"
        stop = threading.Event()
        with FfmpegStream(address, SIZE, FPS) as stream:
            thread = shown(stream, (grey(120) for _ in count()), stop)
            try:
                frames = open_source(address).frames()
                seen = next(frames)
                frames.close()
            finally:
                stop.set()
                thread.join()
        assert seen.image.shape == (48, 64, 3)
        assert abs(float(seen.image.mean()) - 120) < 4
        assert stream._process.returncode == 0

    def test_one_that_breaks_off_is_told_with_what_ffmpeg_says(self) -> None:
        def until_it_ends(stream: FfmpegStream) -> None:
            for _ in range(500):
                stream.write(grey(0), 0.0)
                time.sleep(0.02)

        address = "rtsp://127.0.0.1:9/live"
        with (
            pytest.raises(VideoError, match=f"stream has ended .*refused.*: {address}"),
            FfmpegStream(address, SIZE, FPS) as stream,
        ):
            until_it_ends(stream)

    def test_no_virtual_camera(self) -> None:
        with pytest.raises(VideoError, match="no virtual camera /dev/video63: load it with modprobe v4l2loopback"):
            FfmpegStream("/dev/video63", SIZE, FPS)


def test_without_ffmpeg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(VideoError, match="needs ffmpeg, which is not installed"):
        FfmpegStream("udp://127.0.0.1:9", SIZE, FPS)


class TestWindow:
    def test_why_there_is_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cv2, "getBuildInformation", lambda: "  GUI:                NONE\n")
        assert "opencv-python-headless" in str(why_no_window())
        monkeypatch.setattr(cv2, "getBuildInformation", lambda: "  GUI:                QT5\n")
        monkeypatch.setattr(window.sys, "platform", "linux")
        for name in ("DISPLAY", "WAYLAND_DISPLAY"):
            monkeypatch.delenv(name, raising=False)
        assert why_no_window() == "there is no display"
        monkeypatch.setenv("DISPLAY", ":0")
        assert why_no_window() is None

    @pytest.mark.parametrize(("key", "visible", "ends"), [(-1, 1.0, False), (ord("q"), 1.0, True), (-1, 0.0, True)])
    def test_q_and_closing_end(self, key: int, visible: float, ends: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        pictures: list[np.ndarray] = []
        monkeypatch.setattr(cv2, "namedWindow", lambda *_: None)
        monkeypatch.setattr(cv2, "destroyAllWindows", lambda: None)
        monkeypatch.setattr(cv2, "imshow", lambda title, picture: pictures.append(picture))
        monkeypatch.setattr(cv2, "waitKey", lambda _: key)
        monkeypatch.setattr(cv2, "getWindowProperty", lambda *_: visible)
        stop = threading.Event()
        with Window("live", stop) as shown_in:
            shown_in.write(grey(7), 0.0)
        assert stop.is_set() == ends
        assert (pictures[0] == 7).all()


class TestCaptions:
    @pytest.mark.parametrize("side", [64, 256, 1024])
    @pytest.mark.parametrize("level", [0, 255])
    def test_the_label_can_be_read_on_any_picture(self, side: int, level: int) -> None:
        plain = np.full((side, side, 3), level, np.uint8)
        labelled = label_synthetic(plain)
        assert (plain == level).all()
        changed = np.argwhere((labelled != plain).any(axis=-1))
        (top, left), (bottom, right) = changed.min(axis=0), changed.max(axis=0)
        box = labelled[top : bottom + 1, left : right + 1].mean(axis=-1)
        assert right - left > 0.25 * side
        assert top > 0.75 * side
        assert 0.05 < (box > 160).mean() < 0.6
        assert (box < 90).mean() > 0.05

    def test_figures_stand_elsewhere(self) -> None:
        plain = np.full((256, 256, 3), 128, np.uint8)
        changed = np.argwhere((show_figures(plain, 29.6, 0.0414) != plain).any(axis=-1))
        assert changed[:, 0].max() < 64
