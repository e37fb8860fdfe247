"""Video in and out: times, turns, rates and damage on reading; format, lengths, colours and failure on writing."""

from __future__ import annotations

import gc
import os
import wave
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from made import ffmpeg

from obamanet.audio.load import load_sound
from obamanet.errors import OutputError, SoundError, VideoError
from obamanet.timing import frames_to_cover, parse_rate
from obamanet.video import Frame, VideoWriter, probe_video, read_frames, reader
from obamanet.video.picture import BgrConverter
from obamanet.video.reader import _resample, _Source, read_span

WIDTH, HEIGHT = 64, 48
STEP = 8  # Grey levels between neighbouring frames: many times what H.264 at this quality loses.


def grey(number: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """Return a picture whose brightness says which frame it is, 0 to 29."""
    return np.full((height, width, 3), 8 + STEP * number, np.uint8)


def number_of(image: np.ndarray) -> int:
    return round((float(image.mean()) - 8) / STEP)


def numbers(frames: Iterator[Frame]) -> list[int]:
    return [number_of(frame.image) for frame in frames]


def write_greys(path: Path, count: int, fps: Fraction = Fraction(25)) -> Path:
    with VideoWriter(path, (WIDTH, HEIGHT), fps, comment="synthetic") as writer:
        for number in range(count):
            writer.write(grey(number))
    return path


def write_tone(path: Path, seconds: float, rate: int = 16_000) -> Path:
    samples = 8000 * np.sin(np.arange(round(seconds * rate)) * 2 * np.pi * 440 / rate)
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(samples.astype("<i2").tobytes())
    return path


def write_odd_sound(folder: Path, name: str) -> Path:
    """Write 2 s of noise into ``name``: with a gap, late, with overlapping time stamps, or joined of two recordings."""
    noise = np.convolve(np.random.default_rng(2).normal(0, 3000, 2 * 48_000), np.ones(12) / 12, "same")
    with wave.open(str(folder / "noise.wav"), "wb") as sound:
        sound.setparams((1, 2, 48_000, 0, "NONE", ""))
        sound.writeframes(noise.astype("<i2").tobytes())
    path, kind = folder / name, name.partition(".")[0]
    coding = {".mkv": "pcm_s16le", ".mp4": "aac", ".mpg": "mp2", ".ts": "aac"}[path.suffix]
    sound_in = ("-i", folder / "noise.wav")
    picture = ("-f", "lavfi", "-i", "testsrc=size=64x64:rate=25:duration=2.5")
    match kind:
        case "gap":
            ffmpeg(*sound_in, "-af", "aselect='not(between(t,0.5,0.9))'", "-c:a", coding, path)
        case "late":
            ffmpeg(*picture, "-itsoffset", "0.4", *sound_in, "-c:a", coding, path)
        case "overlap":
            ffmpeg(*sound_in, "-af", "asetpts='PTS-gte(T,0.8)*0.2/TB'", "-c:a", coding, path)
        case "joined" | "joined-stereo":
            ffmpeg(*sound_in, "-c:a", coding, folder / f"one{path.suffix}")
            channels = 2 if kind == "joined-stereo" else 1
            ffmpeg(
                *sound_in, "-ac", channels, "-c:a", coding, "-output_ts_offset", "3600", folder / f"two{path.suffix}"
            )
            path.write_bytes(b"".join((folder / f"{part}{path.suffix}").read_bytes() for part in ("one", "two")))
    return path


def boxes(path: Path) -> list[str]:
    """Return the names of the top-level boxes (ISO/IEC 14496-12, 4.2)."""
    content, at, found = path.read_bytes(), 0, []
    while at < len(content):
        found.append(content[at + 4 : at + 8].decode("ascii"))
        at += int.from_bytes(content[at : at + 4], "big")
    return found


@pytest.fixture(scope="module")
def greys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return 30 frames at 25 fps, frame n of brightness n."""
    return write_greys(tmp_path_factory.mktemp("greys") / "greys.mp4", 30)


@pytest.fixture(scope="module")
def variable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return 20 frames whose first ten last 40 ms and whose last ten last 120 ms."""
    folder = tmp_path_factory.mktemp("variable")
    path = folder / "variable.mp4"
    source = write_greys(folder / "constant.mp4", 20)
    slower = "setpts=(N*0.04+gt(N\\,9)*(N-9)*0.08)/TB"
    ffmpeg("-i", source, "-vf", slower, "-fps_mode", "vfr", "-enc_time_base", "1/1000", "-bf", "0", path)
    return path


class TestProbe:
    def test_constant_rate(self, greys: Path) -> None:
        info = probe_video(greys)
        assert (info.width, info.height, info.frame_count) == (WIDTH, HEIGHT, 30)
        assert info.fps == 25
        assert (info.variable_rate, info.rotation, info.has_sound) == (False, 0, False)
        assert info.duration == pytest.approx(1.2)

    @pytest.mark.parametrize("rate", ["23.976", "24", "29.97", "50", "59.94"])
    @pytest.mark.parametrize("container", ["mp4", "mkv"])
    def test_rate_is_exact_and_rounded_timestamps_are_constant(self, tmp_path: Path, rate: str, container: str) -> None:
        fps = parse_rate(rate)
        path = write_greys(tmp_path / "a.mp4", 30, fps)
        if container == "mkv":
            ffmpeg("-i", path, "-c", "copy", tmp_path / "a.mkv")
            path = tmp_path / "a.mkv"
        info = probe_video(path)
        assert info.fps == fps
        assert not info.variable_rate
        assert info.duration == pytest.approx(30 / float(fps), abs=0.002)

    def test_variable_rate(self, variable: Path) -> None:
        info = probe_video(variable)
        assert info.variable_rate
        assert info.frame_count == 20

    @pytest.mark.parametrize(
        ("timing", "rate"),
        [
            # Every 16th frame of a 30 fps phone is missing: 5310000/188951 is such an average.
            ("setpts=(N+floor(N/15))/30/TB", "30"),
            ("setpts=(N+floor(N/15))*1001/30000/TB", "30000/1001"),
            # Exposure in the dark takes twice as long.
            ("setpts=(N+gt(N\\,22)*(N-22))/60/TB", "60"),
            # A webcam's clock that is 0.05 % slow, and one of a rate that nothing has.
            ("setpts=N/24.9875/TB", "25"),
            ("setpts=N/27.5/TB", "30000/1001"),
        ],
    )
    def test_no_odd_rate_goes_further(self, greys: Path, tmp_path: Path, timing: str, rate: str) -> None:
        odd = tmp_path / "odd.mp4"
        ffmpeg("-i", greys, "-vf", timing, "-fps_mode", "vfr", "-enc_time_base", "1/90000", "-bf", "0", odd)
        info = probe_video(odd)
        assert info.fps == Fraction(rate)
        # Read at that rate, every frame is still shown at its time.
        times = [frame.time for frame in read_frames(odd)]
        for frame in read_frames(odd, info.fps):
            assert abs(times[number_of(frame.image)] - frame.time) < max(np.diff(times))

    def test_one_frame(self, tmp_path: Path) -> None:
        info = probe_video(write_greys(tmp_path / "one.mp4", 1))
        assert (info.frame_count, info.variable_rate) == (1, False)

    def test_sound_is_seen(self, tmp_path: Path) -> None:
        path = tmp_path / "talk.mp4"
        with VideoWriter(path, (WIDTH, HEIGHT), Fraction(25), write_tone(tmp_path / "a.wav", 0.2)) as writer:
            for number in range(5):
                writer.write(grey(number))
        assert probe_video(path).has_sound


class TestRead:
    def test_every_frame_once_in_order_at_its_time(self, greys: Path) -> None:
        frames = list(read_frames(greys))
        assert [number_of(frame.image) for frame in frames] == list(range(30))
        assert [frame.time for frame in frames] == pytest.approx([n / 25 for n in range(30)])
        assert frames[0].image.shape == (HEIGHT, WIDTH, 3)
        assert frames[0].image.dtype == np.uint8

    def test_a_frame_that_was_read_frees_its_memory_at_once(self, greys: Path) -> None:
        gc.collect()
        gc.disable()
        try:
            for _ in read_frames(greys):
                pass
            # No isinstance: it would look through weak references, to things that are gone.
            left = sum(type(thing) is av.VideoFrame for thing in gc.get_objects())
        finally:
            gc.enable()
        # The first one's side data is read.
        assert left <= 3

    def test_same_rate_changes_nothing(self, greys: Path) -> None:
        assert numbers(read_frames(greys, Fraction(25))) == list(range(30))

    @pytest.mark.parametrize("fps", [Fraction(25, 2), Fraction(50), Fraction(30), Fraction(24000, 1001)])
    def test_other_rate_shows_the_closest_frame(self, greys: Path, fps: Fraction) -> None:
        frames = list(read_frames(greys, fps))
        assert len(frames) == frames_to_cover(Fraction(30, 25), fps)
        # A frame is left for the next one when that is closer, but no earlier than half an output frame before it.
        furthest = max(Fraction(1, 50), Fraction(1, 25) - 1 / (2 * fps))
        for index, frame in enumerate(frames):
            assert frame.time == pytest.approx(float(index / fps))
            assert abs(number_of(frame.image) / 25 - frame.time) <= float(furthest) + 1e-6

    @pytest.mark.parametrize(
        ("name", "coding"),
        [
            ("open.mkv", ("-c:v", "libx264", "-x264-params", "keyint=12:open-gop=1:bframes=3:scenecut=0")),
            ("stream.ts", ("-c:v", "mpeg2video", "-g", "10", "-bf", "2", "-q:v", "3")),
            ("program.mpg", ("-c:v", "mpeg1video", "-g", "10", "-q:v", "3")),
            ("raw.h264", ("-c:v", "libx264", "-g", "10")),
            ("uneven.mp4", ("-c:v", "libx264", "-g", "10", "-fps_mode", "vfr", "-enc_time_base", "1/1000")),
        ],
    )
    def test_a_span_has_the_frames_that_the_whole_has(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, coding: tuple[str, ...]
    ) -> None:
        timing = ("-vf", "setpts=(N*0.04+0.012*sin(N)+gt(N\\,40)*0.7)/TB") if name == "uneven.mp4" else ()
        ffmpeg("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=25:duration=4", *timing, *coding, tmp_path / name)
        sought = []

        def spied(*arguments: Any) -> Any:
            sought.append(frames_from_before(*arguments))
            return sought[-1]

        frames_from_before = reader._frames_from_before
        monkeypatch.setattr(reader, "_frames_from_before", spied)
        for fps in (Fraction(25), Fraction(30000, 1001)):
            whole = list(read_frames(tmp_path / name, fps))
            for first, stop in ((0, 9), (37, 52), (80, None), (len(whole) - 1, None), (len(whole), None)):
                span = list(read_span(tmp_path / name, fps, first, stop))
                wanted = whole[first:stop]
                assert [frame.time for frame in span] == [frame.time for frame in wanted]
                assert all(np.array_equal(one.image, other.image) for one, other in zip(span, wanted, strict=True))
        assert any(found is not None for found in sought) == (name != "raw.h264"), "what has an index is not read anew"

    @pytest.mark.parametrize("rate", ["23.976", "29.97", "59.94"])
    def test_an_hour_does_not_drift(self, rate: str) -> None:
        source = parse_rate(rate)
        count = frames_to_cover(Fraction(3600), source)
        times = np.round(np.arange(count) / float(source), 3)  # As a container with a millisecond clock gives them.
        pictures = [np.full((1, 1, 3), number, np.uint8) for number in range(251)]
        decoded = (_Source(float(time), float(1 / source), pictures[n % 251]) for n, time in enumerate(times))
        seen = np.array([int(frame.image[0, 0, 0]) for frame in _resample(decoded, Fraction(25))])
        assert len(seen) == frames_to_cover(count / source, Fraction(25))
        exact = np.arange(len(seen)) / 25
        due = np.round(exact * float(source)).astype(int)
        shown = due + (seen - due + 125) % 251 - 125  # Pictures are counted modulo 251.
        assert np.abs(shown / float(source) - exact).max() <= max(1 / source, Fraction(1, 50))

    def test_variable_rate_is_resampled_by_time(self, variable: Path) -> None:
        shown = numbers(read_frames(variable, Fraction(25)))
        # Ten frames of 40 ms, then each next one 120 ms after the one before; frame 9 itself is held for 120 ms.
        expected = list(range(9)) + [number for number in range(9, 19) for _ in range(3)]
        assert shown[: len(expected)] == expected
        assert set(shown[len(expected) :]) == {19}

    def test_a_held_picture_is_not_left_early(self, tmp_path: Path) -> None:
        held = tmp_path / "held.mp4"
        source = write_greys(tmp_path / "two.mp4", 2)
        ffmpeg("-i", source, "-vf", "setpts=N*1.0/TB", "-fps_mode", "vfr", "-enc_time_base", "1/1000", held)
        assert numbers(read_frames(held, Fraction(10)))[:11] == [0] * 10 + [1]

    def test_late_picture_fills_from_the_containers_start(self, tmp_path: Path) -> None:
        late = tmp_path / "late.mkv"
        picture = write_greys(tmp_path / "p.mp4", 5)
        sound = write_tone(tmp_path / "s.wav", 1.0)
        ffmpeg("-i", sound, "-itsoffset", "0.4", "-i", picture, "-c:v", "copy", "-c:a", "pcm_s16le", late)
        frames = list(read_frames(late))
        assert frames[0].time == pytest.approx(0.4, abs=0.002)
        assert numbers(read_frames(late, Fraction(25))) == [0] * 10 + [0, 1, 2, 3, 4]

    def test_times_count_from_the_containers_start(self, greys: Path, tmp_path: Path) -> None:
        stream = tmp_path / "broadcast.ts"
        ffmpeg("-i", greys, "-c", "copy", "-muxdelay", "2", stream)
        with av.open(str(stream)) as container:
            assert container.start_time is not None
            assert container.start_time > 1_000_000
        assert probe_video(stream).duration == pytest.approx(1.2)
        assert [frame.time for frame in read_frames(stream)] == pytest.approx([n / 25 for n in range(30)], abs=1e-4)

    @pytest.mark.parametrize(("angle", "turns"), [(90, 1), (180, 2), (270, 3)])
    def test_stored_turn_is_applied(self, tmp_path: Path, angle: int, turns: int) -> None:
        corner = np.full((HEIGHT, WIDTH, 3), 30, np.uint8)
        corner[: HEIGHT // 2, : WIDTH // 2] = 220
        flat, turned = tmp_path / "flat.mp4", tmp_path / "turned.mp4"
        with VideoWriter(flat, (WIDTH, HEIGHT), Fraction(25)) as writer:
            writer.write(corner)
        ffmpeg("-display_rotation", str(angle), "-i", flat, "-c", "copy", turned)
        ffmpeg("-i", turned, "-frames:v", "1", tmp_path / "upright.bmp")  # ffmpeg turns it upright itself.
        [frame] = read_frames(turned)
        info = probe_video(turned)
        assert info.rotation == angle
        assert frame.image.shape[:2] == (info.height, info.width)
        np.testing.assert_allclose(frame.image, np.rot90(corner, turns), atol=12)
        [independent] = read_bmp(tmp_path / "upright.bmp")
        np.testing.assert_allclose(frame.image.astype(int), independent, atol=4)

    @pytest.mark.parametrize(
        "turn", [("-display_hflip",), ("-display_vflip",), ("-display_rotation", "90", "-display_hflip")]
    )
    def test_a_mirrored_picture_is_mirrored_back(self, tmp_path: Path, turn: tuple[str, ...]) -> None:
        corner = np.full((HEIGHT, WIDTH, 3), 30, np.uint8)
        corner[: HEIGHT // 2, : WIDTH // 2] = 220
        flat, turned = tmp_path / "flat.mp4", tmp_path / "turned.mp4"
        with VideoWriter(flat, (WIDTH, HEIGHT), Fraction(25)) as writer:
            writer.write(corner)
        ffmpeg(*turn, "-i", flat, "-c", "copy", turned)
        ffmpeg("-i", turned, "-frames:v", "1", tmp_path / "upright.bmp")  # ffmpeg turns it upright itself.
        [frame] = read_frames(turned)
        [independent] = read_bmp(tmp_path / "upright.bmp")
        np.testing.assert_allclose(frame.image.astype(int), independent, atol=4)

    @pytest.mark.parametrize(("aspect", "size"), [("2/1", (128, 48)), ("1/2", (64, 96)), ("16/15", (68, 48))])
    def test_pixels_are_made_square(self, tmp_path: Path, aspect: str, size: tuple[int, int]) -> None:
        source, wide = write_greys(tmp_path / "a.mp4", 2), tmp_path / "wide.mp4"
        ffmpeg("-i", source, "-vf", f"setsar={aspect}", wide)
        info = probe_video(wide)
        assert (info.width, info.height) == size
        assert next(read_frames(wide)).image.shape == (size[1], size[0], 3)

    def test_odd_sizes_are_read(self, tmp_path: Path) -> None:
        odd = tmp_path / "odd.mkv"
        ffmpeg("-f", "lavfi", "-i", "color=gray:size=63x47:rate=25:duration=0.2", "-c:v", "ffv1", odd)
        assert (probe_video(odd).width, probe_video(odd).height) == (63, 47)
        assert {frame.image.shape for frame in read_frames(odd)} == {(47, 63, 3)}

    def test_frames_before_an_edit_lists_start_are_not_shown(self, greys: Path, tmp_path: Path) -> None:
        trimmed = tmp_path / "trimmed.mp4"
        ffmpeg("-ss", "0.4", "-i", greys, "-c", "copy", trimmed)
        assert numbers(read_frames(trimmed)) == list(range(10, 30))
        assert probe_video(trimmed).frame_count == 20

    def test_untagged_high_pictures_are_bt709_and_low_ones_bt601(self, tmp_path: Path) -> None:
        for height, matrix in ((720, "bt709"), (576, "bt601")):
            path = tmp_path / f"{height}.mkv"
            colour = f"color=0x20C040:size=128x{height}:rate=25:duration=0.04,format=bgr24"
            tags = f"scale=out_color_matrix={matrix}:out_range=tv,format=yuv444p,setparams=colorspace=unknown"
            ffmpeg("-f", "lavfi", "-i", colour, "-vf", tags, "-c:v", "ffv1", path)
            [frame] = read_frames(path)
            np.testing.assert_allclose(frame.image[10, 10].astype(int), (0x40, 0xC0, 0x20), atol=3)

    def test_a_real_recording(self, grid_s1: Path) -> None:
        path = grid_s1 / "video" / "bbaf2n.mpg"
        info = probe_video(path)
        assert (info.width, info.height, info.frame_count) == (360, 288, 75)
        assert info.fps == 25
        assert info.has_sound
        assert not info.variable_rate
        frames = list(read_frames(path))
        assert len(frames) == 75
        # The backdrop of this corpus is blue, which tells BGR from RGB.
        blue, _, red = frames[0].image[:40, :40].reshape(-1, 3).mean(axis=0)
        assert blue > red + 20


def pq_signal(nits: np.ndarray) -> np.ndarray:
    """Return the PQ signal, 0 to 1, of ``nits`` cd/m2 (ITU-R BT.2100-2, table 4)."""
    power = (nits / 10_000) ** (2610 / 16384)
    return ((3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32)


def hlg_signal(nits: np.ndarray) -> np.ndarray:
    """Return the HLG signal of grey that shows ``nits`` cd/m2 on a screen of 1000 (ITU-R BT.2100-2, table 5)."""
    scene = (nits / 1000) ** (1 / 1.2)
    return np.where(
        scene <= 1 / 12, np.sqrt(3 * scene), 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    )


class TestConversion:
    """What reading mends of footage that is not plain: high dynamic range and interlacing."""

    NITS = np.array([5.0, 20.0, 60.0, 120.0])

    def write_hdr(self, path: Path, transfer: str, signal: np.ndarray) -> Path:
        """Write three frames of four grey fields of 16 x 48 pixels with ``signal`` (4,), 0 to 1, in ten bits."""
        luma = np.broadcast_to(np.repeat(np.round(64 + 876 * signal), 16), (HEIGHT, WIDTH))
        planes = np.concatenate([luma.ravel(), np.full(HEIGHT * WIDTH // 2, 512)]).astype("<u2")
        raw = path.with_suffix(".yuv")
        raw.write_bytes(planes.tobytes() * 3)
        layout = ("-f", "rawvideo", "-pix_fmt", "yuv420p10le", "-video_size", f"{WIDTH}x{HEIGHT}", "-framerate", "25")
        tags = f"setparams=color_trc={transfer}:color_primaries=bt2020:colorspace=bt2020nc:range=tv"
        ffmpeg(*layout, "-i", raw, "-vf", tags, "-c:v", "ffv1", path)
        return path

    @pytest.mark.parametrize(
        ("transfer", "signal", "name"), [("smpte2084", pq_signal, "PQ"), ("arib-std-b67", hlg_signal, "HLG")]
    )
    def test_hdr_is_shown_as_a_plain_screen_would(
        self, tmp_path: Path, transfer: str, signal: Callable[[np.ndarray], np.ndarray], name: str
    ) -> None:
        path = self.write_hdr(tmp_path / "hdr.mkv", transfer, signal(self.NITS))
        assert probe_video(path).converted == (f"HDR ({name})",)
        frames = list(read_frames(path))
        assert [frame.time for frame in frames] == pytest.approx([0, 0.04, 0.08])
        shown = frames[0].image.reshape(HEIGHT, 4, 16, 3)[:, :, 4:12].mean(axis=(0, 2))
        # White of 203 cd/m2 (ITU-R BT.2408) on a screen of gamma 2.4 (BT.1886).
        expected = 255 * (self.NITS / 203) ** (1 / 2.4)
        np.testing.assert_allclose(shown, np.repeat(expected[:, None], 3, axis=1), atol=3)

    def test_what_cannot_be_converted_is_refused_with_the_way_out(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = self.write_hdr(tmp_path / "hdr.mkv", "arib-std-b67", hlg_signal(self.NITS))
        monkeypatch.setattr("obamanet.video.reader.TO_PLAIN", "no_such_option=1")
        with pytest.raises(VideoError, match=r"HDR \(HLG\).*ffmpeg -i IN -vf zscale") as caught:
            list(read_frames(path))
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("container", ["mp4", "mpg"])
    def test_interlaced_frames_are_made_whole(self, tmp_path: Path, container: str) -> None:
        source = ("-f", "lavfi", "-i", "testsrc2=size=128x96:rate=50:duration=0.6")
        whole, woven = tmp_path / "whole.mkv", tmp_path / f"woven.{container}"
        ffmpeg(*source, "-vf", "fps=25", "-c:v", "ffv1", whole)
        coding = {"mp4": ("libx264", "-x264-params", "tff=1"), "mpg": ("mpeg2video",)}[container]
        sharp = ("-flags", "+ilme+ildct", "-b:v", "8M")
        ffmpeg(*source, "-vf", "interlace=scan=tff:lowpass=0", "-c:v", *coding, *sharp, woven)
        info = probe_video(woven)
        assert (info.converted, info.fps, info.variable_rate) == (("interlaced",), 25, False)
        frames, expected = list(read_frames(woven)), list(read_frames(whole))
        assert [frame.time for frame in frames] == pytest.approx([n / 25 for n in range(15)], abs=1e-4)
        for frame, known in zip(frames, expected, strict=True):
            assert combing(frame.image) < 1.3 * combing(known.image)

    @pytest.mark.parametrize("first", ["tff", "bff"])
    def test_interlaced_frames_that_are_not_marked_so_are_made_whole(self, tmp_path: Path, first: str) -> None:
        source, whole, woven = (tmp_path / name for name in ("source.mp4", "whole.mkv", "woven.mkv"))
        # Natural pictures are smooth; drawn test patterns look woven as they are.
        texture = cv2.GaussianBlur(np.random.default_rng(1).normal(0, 1, (256, 520)), (0, 0), 3)
        texture = np.clip(128 + 60 * texture / texture.std(), 0, 255).astype(np.uint8)
        with VideoWriter(source, (320, 256), Fraction(50)) as writer:
            for number in range(60):
                writer.write(np.repeat(texture[:, 3 * number : 3 * number + 320, None], 3, axis=2))
        ffmpeg("-i", source, "-vf", "fps=25", "-c:v", "ffv1", whole)
        ffmpeg("-i", source, "-vf", f"interlace=scan={first}:lowpass=0,setfield=prog", "-c:v", "ffv1", woven)
        assert probe_video(woven).converted == ("interlaced without being marked so",)
        assert probe_video(whole).converted == ()
        frames, expected = list(read_frames(woven)), list(read_frames(whole))
        assert [frame.time for frame in frames] == pytest.approx([n / 25 for n in range(30)], abs=1e-3)
        for frame, known in zip(frames, expected, strict=True):
            assert combing(frame.image) < 1.3 * combing(known.image)

    def test_plain_video_is_not_touched(self, greys: Path) -> None:
        assert probe_video(greys).converted == ()

    def test_recordings_are_not_taken_for_interlaced(self, shared_data: Path) -> None:
        videos = [*sorted((shared_data / "grid_s1" / "video").iterdir())[:8], *(shared_data / "grid_other").iterdir()]
        assert {probe_video(path).converted for path in videos if path.suffix == ".mpg"} == {()}


class TestParts:
    """A picture that is looked at in part is converted in part, with the numbers of the whole."""

    @pytest.mark.parametrize(
        ("name", "options"),
        [
            ("plain.mp4", ("-pix_fmt", "yuv420p")),
            ("high.mp4", ("-vf", "scale=960:720", "-pix_fmt", "yuv422p")),
            ("ten.mkv", ("-c:v", "ffv1", "-pix_fmt", "yuv420p10le")),
            ("odd.mkv", ("-vf", "crop=319:239:exact=1,format=yuv420p", "-c:v", "ffv1")),
            ("rgb.mkv", ("-c:v", "ffv1", "-pix_fmt", "bgr0")),
            ("wide.mp4", ("-vf", "setsar=4/3", "-pix_fmt", "yuv420p")),
        ],
    )
    @pytest.mark.parametrize("turn", [0, 90, 180, 270])
    def test_a_part_is_that_of_the_whole(self, tmp_path: Path, name: str, options: tuple[str, ...], turn: int) -> None:
        if turn and not name.endswith("mp4"):
            pytest.skip("only mp4 stores a turn")
        path = tmp_path / name
        ffmpeg("-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25:duration=0.2", *options, path)
        if turn:
            ffmpeg("-display_rotation", str(turn), "-i", path, "-c", "copy", tmp_path / f"turned-{name}")
            path = tmp_path / f"turned-{name}"
        random = np.random.default_rng(turn)
        for frame in read_frames(path):
            height, width = frame.picture.shape[:2]
            corners = [(random.integers(height - 9), random.integers(width - 9)) for _ in range(4)]
            places = [(slice(t, t + height // 3), slice(left, left + width // 3)) for t, left in map(np.array, corners)]
            places += [(slice(0, 40), slice(0, 40)), (slice(height - 5, height + 9), slice(width - 70, width))]
            parts, few = [frame.picture[place] for place in places], frame.picture[::4, ::4]
            for place, part in zip(places, parts, strict=True):
                np.testing.assert_array_equal(part, frame.image[place])
            assert few.shape == frame.image[::4, ::4].shape
            small = frame.image[: height // 4 * 4, : width // 4 * 4].reshape(height // 4, 4, width // 4, 4, 3)
            assert np.corrcoef(few[: height // 4, : width // 4].ravel(), small.mean(axis=(1, 3)).ravel())[0, 1] > 0.8

    def test_only_that_part_is_converted(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        ffmpeg(
            "-f", "lavfi", "-i", "testsrc2=size=640x480:rate=25:duration=0.2", "-pix_fmt", "yuv420p", tmp_path / "a.mp4"
        )
        monkeypatch.setattr(BgrConverter, "whole", lambda *_: pytest.fail("the whole is converted"))
        for frame in read_frames(tmp_path / "a.mp4"):
            assert frame.picture[100:200, 300:400].shape == (100, 100, 3)
            assert frame.picture[::5, ::5].shape == (96, 128, 3)


def combing(image: np.ndarray) -> float:
    """Return how much more each row of ``image`` (H, W, 3) differs from its neighbours than these from each other."""
    rows = image.astype(float)
    beside = np.abs(rows[1:-1] - (rows[:-2] + rows[2:]) / 2).mean()
    return float(beside / (np.abs(rows[2:] - rows[:-2]).mean() + 1))


def read_bmp(path: Path) -> Iterator[np.ndarray]:
    """Yield the picture of a BMP as PyAV reads it, (H, W, 3) BGR."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="bgr24").astype(int)


class TestReadDamage:
    @pytest.fixture
    def bad(self, tmp_path: Path) -> dict[str, Path]:
        (tmp_path / "empty.mp4").write_bytes(b"")
        (tmp_path / "text.mp4").write_text("this is not a video, whatever its name says\n" * 50)
        write_tone(tmp_path / "sound.wav", 0.1)
        ffmpeg("-f", "lavfi", "-i", "color=red:size=32x32", "-frames:v", "1", tmp_path / "photo.jpg")
        ffmpeg("-f", "lavfi", "-i", "color=red:size=32x32", "-frames:v", "1", tmp_path / "photo.bmp")
        (tmp_path / "photo.mp4").write_bytes((tmp_path / "photo.jpg").read_bytes())
        cover = ("-map", "0", "-map", "1", "-c:v", "copy", "-disposition:v", "attached_pic")
        ffmpeg("-i", tmp_path / "sound.wav", "-i", tmp_path / "photo.jpg", *cover, tmp_path / "cover.mp3")
        write_greys(tmp_path / "whole.mp4", 3)
        (tmp_path / "headless.mp4").write_bytes((tmp_path / "whole.mp4").read_bytes()[:400])
        return {path.name: path for path in tmp_path.iterdir()} | {"folder": tmp_path}

    @pytest.mark.parametrize(
        ("name", "says"),
        [
            ("empty.mp4", "empty"),
            ("text.mp4", "not a readable video"),
            ("sound.wav", "no video stream"),
            ("cover.mp3", "no video stream"),
            ("photo.jpg", "single picture"),
            ("photo.bmp", "single picture"),
            ("photo.mp4", "single picture"),
            ("headless.mp4", "not a readable video"),
            ("folder", "directory"),
        ],
    )
    def test_one_line_says_what_and_which_file(self, bad: dict[str, Path], name: str, says: str) -> None:
        for attempt in (lambda: probe_video(bad[name]), lambda: list(read_frames(bad[name]))):
            with pytest.raises(VideoError, match=says) as caught:
                attempt()
            assert "\n" not in str(caught.value)
            assert str(bad[name]) in str(caught.value)

    def test_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(VideoError, match="no such video file"):
            probe_video(tmp_path / "absent.mp4")

    def test_a_file_named_like_a_protocol_is_a_file(self, greys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        named = greys.parent / "concat:a.mp4"
        named.write_bytes(greys.read_bytes())
        monkeypatch.chdir(greys.parent)
        assert probe_video(Path("concat:a.mp4")).frame_count == 30

    def test_no_frames(self, tmp_path: Path) -> None:
        path = tmp_path / "none.avi"
        ffmpeg("-f", "lavfi", "-i", "color=red:size=32x32:rate=25", "-frames:v", "0", path)
        with pytest.raises(VideoError, match=r"no (frames|video stream)|not a readable video"):
            probe_video(path)
        with pytest.raises(VideoError, match=r"no (frames|video stream)|not a readable video"):
            list(read_frames(path))

    def test_cut_in_the_middle_gives_what_is_there_and_then_says_so(self, tmp_path: Path) -> None:
        whole, cut = tmp_path / "whole.mp4", tmp_path / "cut.mp4"
        noise = np.random.default_rng(1)
        with VideoWriter(whole, (WIDTH, HEIGHT), Fraction(25)) as writer:
            for _ in range(30):
                writer.write(noise.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8))
        content = whole.read_bytes()
        cut.write_bytes(content[: len(content) * 6 // 10])
        read = 0
        with pytest.raises(VideoError, match=r"(\d+) frames") as caught:
            for _ in read_frames(cut):
                read += 1
        assert 5 < read < 25
        assert f" {read} frames" in str(caught.value)


class TestWrite:
    @pytest.mark.parametrize("rate", ["23.976", "25", "29.97", "59.94"])
    @pytest.mark.parametrize("sound_rate", [8_000, 44_100])
    def test_what_players_need(self, tmp_path: Path, rate: str, sound_rate: int) -> None:
        fps, path = parse_rate(rate), tmp_path / "new" / "talk.mp4"
        sound = write_tone(tmp_path / "speech.wav", 1.03, sound_rate)
        duration = Fraction(round(1.03 * sound_rate), sound_rate)
        count = frames_to_cover(duration, fps)
        with VideoWriter(path, (WIDTH, HEIGHT), fps, sound, "synthetic", duration) as writer:
            for number in range(count):
                writer.write(grey(number % 30))
        with av.open(str(path)) as container:
            video, audio = container.streams.video[0], container.streams.audio[0]
            assert video.codec.name == "h264"
            assert video.average_rate == fps
            assert audio.codec.name == "aac"
            assert audio.layout.name == "mono"
            assert container.metadata["comment"] == "synthetic"
            assert video.time_base is not None
            assert audio.time_base is not None
            assert video.duration is not None
            assert audio.duration is not None
            picture_end = video.duration * video.time_base
            assert picture_end == count / fps
            sound_end = audio.duration * audio.time_base
            assert abs(picture_end - sound_end) <= 1 / fps
            assert abs(sound_end - duration) < Fraction(1, 1000)
            frames = list(container.decode(video))
            assert {frame.format.name for frame in frames} == {"yuv420p"}
            # BT.709 in all three places and limited range (ITU-T H.273 codes).
            tags = (frames[0].colorspace, frames[0].color_primaries, frames[0].color_trc, frames[0].color_range)
            assert tags == (1, 1, 1, 1)
            container.seek(0)
            decoded = sum(frame.samples for frame in container.decode(audio)) / audio.rate
            assert decoded >= float(duration) - 1e-3
        names = boxes(path)
        assert names.index("moov") < names.index("mdat")
        assert numbers(read_frames(path)) == [number % 30 for number in range(count)]

    def test_sound_and_picture_start_together(self, tmp_path: Path) -> None:
        # A click at 0.5 s must be found at 0.5 s: the encoder's priming samples may not shift it.
        rate, path = 48_000, tmp_path / "click.mp4"
        samples = np.zeros(rate, "<i2")
        samples[rate // 2 : rate // 2 + 48] = 20_000
        with wave.open(str(tmp_path / "click.wav"), "wb") as sound:
            sound.setparams((1, 2, rate, 0, "NONE", ""))
            sound.writeframes(samples.tobytes())
        with VideoWriter(path, (WIDTH, HEIGHT), Fraction(25), tmp_path / "click.wav") as writer:
            for number in range(25):
                writer.write(grey(number))
        with av.open(str(path)) as container:
            pieces = [(frame.time, frame.to_ndarray()[0]) for frame in container.decode(audio=0)]
        heard = np.concatenate([piece for _, piece in pieces])
        assert pieces[0][0] == pytest.approx(0.0, abs=1e-3)
        assert np.abs(heard).argmax() / rate == pytest.approx(0.5, abs=0.002)

    @pytest.mark.parametrize(
        "name",
        ["gap.mkv", "gap.mp4", "late.mkv", "late.mpg", "late.ts", "overlap.mkv", "joined.ts", "joined-stereo.ts"],
    )
    def test_the_sound_has_the_times_that_the_features_have(self, tmp_path: Path, name: str) -> None:
        source, path = write_odd_sound(tmp_path, name), tmp_path / "talk.mp4"
        expected = load_sound(source)
        with VideoWriter(path, (WIDTH, HEIGHT), Fraction(25), source, sound_duration=expected.duration) as writer:
            for number in range(frames_to_cover(expected.duration, Fraction(25))):
                writer.write(grey(number % 30))
        with av.open(str(path)) as container:
            # Samples in a row, as players hear them that follow no time stamps: one sound block of AAC after the other.
            heard = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])[:: 48_000 // 16_000]
        assert len(heard) / 16_000 == pytest.approx(float(expected.duration), abs=0.03)
        for first in (0, len(expected.samples) // 2):
            known, part = expected.samples[first:], heard[first : len(expected.samples)]
            lags = np.correlate(np.pad(part, 800), known[: len(part)], "valid")
            assert abs(int(np.argmax(lags)) - 800) <= 16, f"after {first / 16_000:.2f} s"

    def test_a_longer_sound_is_limited_to_what_was_announced(self, tmp_path: Path) -> None:
        path, sound = tmp_path / "talk.mp4", write_tone(tmp_path / "long.wav", 3.0)
        with VideoWriter(path, (WIDTH, HEIGHT), Fraction(25), sound, sound_duration=Fraction(1)) as writer:
            for number in range(25):
                writer.write(grey(number))
        with av.open(str(path)) as container:
            audio = container.streams.audio[0]
            assert audio.duration is not None
            assert audio.time_base is not None
            assert float(audio.duration * audio.time_base) == pytest.approx(1.0, abs=1e-3)

    def test_a_picture_that_ends_before_its_sound_is_refused(self, tmp_path: Path) -> None:
        sound = write_tone(tmp_path / "speech.wav", 1.0)
        with (
            pytest.raises(VideoError, match="24 of 25 frames"),
            VideoWriter(tmp_path / "a.mp4", (WIDTH, HEIGHT), Fraction(25), sound, sound_duration=Fraction(1)) as writer,
        ):
            for number in range(24):
                writer.write(grey(number))
        assert not (tmp_path / "a.mp4").exists()

    @pytest.mark.parametrize(
        "colour",
        [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (128, 128, 128), (200, 150, 120)],
    )
    def test_colours_do_not_shift(self, tmp_path: Path, colour: tuple[int, int, int]) -> None:
        with VideoWriter(tmp_path / "a.mp4", (WIDTH, HEIGHT), Fraction(25)) as writer:
            for _ in range(3):
                writer.write(np.full((HEIGHT, WIDTH, 3), colour, np.uint8))
        for frame in read_frames(tmp_path / "a.mp4"):
            np.testing.assert_allclose(frame.image.astype(int), np.broadcast_to(colour, frame.image.shape), atol=3)
            assert np.ptp(frame.image.reshape(-1, 3), axis=0).max() == 0, "an even colour was dithered"

    def test_odd_sizes_are_padded_by_the_edge(self, tmp_path: Path) -> None:
        picture = np.full((47, 63, 3), 60, np.uint8)
        picture[:, 32:] = 200
        with VideoWriter(tmp_path / "odd.mp4", (63, 47), Fraction(25)) as writer:
            writer.write(picture)
        [frame] = read_frames(tmp_path / "odd.mp4")
        assert frame.image.shape == (48, 64, 3)
        np.testing.assert_allclose(frame.image[:, -1].astype(int), 200, atol=6)
        np.testing.assert_allclose(frame.image[-1, :28].astype(int), 60, atol=6)

    def test_pictures_that_are_views_are_written_as_seen(self, tmp_path: Path) -> None:
        ramp = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        ramp[:, : WIDTH // 2] = 200
        with VideoWriter(tmp_path / "view.mp4", (WIDTH, HEIGHT), Fraction(25)) as writer:
            writer.write(ramp[:, ::-1])
        [frame] = read_frames(tmp_path / "view.mp4")
        assert frame.image[:, 4].mean() < 20 < 180 < frame.image[:, -4].mean()


class TestWriteFailure:
    def test_an_interruption_leaves_the_old_file_and_nothing_else(self, tmp_path: Path) -> None:
        path = tmp_path / "talk.mp4"
        path.write_bytes(b"old")
        for interruption in (KeyboardInterrupt, ValueError):
            with pytest.raises(interruption), VideoWriter(path, (WIDTH, HEIGHT), Fraction(25)) as writer:
                writer.write(grey(0))
                raise interruption
        assert [entry.name for entry in tmp_path.iterdir()] == ["talk.mp4"]
        assert path.read_bytes() == b"old"

    def test_finish_sees_the_whole_file_before_it_takes_its_name(self, tmp_path: Path) -> None:
        path, seen = tmp_path / "talk.mp4", []

        def finish(part: Path) -> None:
            assert not path.exists()
            assert part.suffix == ".mp4"
            seen.append(numbers(read_frames(part)))
            part.write_bytes(part.read_bytes() + b"\0\0\0\x08free")

        with VideoWriter(path, (WIDTH, HEIGHT), Fraction(25), finish=finish) as writer:
            for number in range(3):
                writer.write(grey(number))
        assert seen == [[0, 1, 2]]
        assert boxes(path)[-1] == "free"

    def test_a_failing_finish_leaves_nothing(self, tmp_path: Path) -> None:
        def finish(part: Path) -> None:
            raise OutputError("cannot sign")

        with (
            pytest.raises(OutputError, match="cannot sign"),
            VideoWriter(tmp_path / "talk.mp4", (WIDTH, HEIGHT), Fraction(25), finish=finish) as writer,
        ):
            writer.write(grey(0))
        assert list(tmp_path.iterdir()) == []

    def test_no_frames(self, tmp_path: Path) -> None:
        with (
            pytest.raises(VideoError, match=r"no frames|could not be encoded"),
            VideoWriter(tmp_path / "a.mp4", (WIDTH, HEIGHT), Fraction(25)),
        ):
            pass
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(
        "image",
        [np.zeros((HEIGHT, WIDTH), np.uint8), np.zeros((WIDTH, HEIGHT, 3), np.uint8), np.zeros((HEIGHT, WIDTH, 3))],
    )
    def test_a_frame_that_does_not_fit(self, tmp_path: Path, image: np.ndarray) -> None:
        with (
            pytest.raises(VideoError, match=r"frame 0 must be uint8 of shape \(48, 64, 3\)"),
            VideoWriter(tmp_path / "a.mp4", (WIDTH, HEIGHT), Fraction(25)) as writer,
        ):
            writer.write(image)

    @pytest.mark.parametrize("name", ["absent.wav", "text.wav"])
    def test_an_unreadable_sound_is_named_in_one_line(self, tmp_path: Path, name: str) -> None:
        (tmp_path / "text.wav").write_text("no sound")
        with (
            pytest.raises(SoundError, match=name) as caught,
            VideoWriter(tmp_path / "a.mp4", (WIDTH, HEIGHT), Fraction(25), tmp_path / name),
        ):
            pytest.fail("the block must not be entered")
        assert "\n" not in str(caught.value)
        assert [entry.name for entry in tmp_path.iterdir()] == ["text.wav"]

    def test_places_that_cannot_be_written(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"")
        for path in (tmp_path, tmp_path / "file" / "talk.mp4"):
            with pytest.raises(OutputError), VideoWriter(path, (WIDTH, HEIGHT), Fraction(25)):
                pytest.fail("the block must not be entered")

    @pytest.mark.skipif(os.name != "posix", reason="needs a limit on the size of files")
    def test_a_full_disk_is_told_while_frames_are_written(self, tmp_path: Path) -> None:
        import resource

        noise, written = np.random.default_rng(3), 0
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
        try:
            with (
                pytest.raises(OutputError, match="no space left") as caught,
                VideoWriter(tmp_path / "a.mp4", (256, 256), Fraction(25)) as writer,
            ):
                for _ in range(200):
                    writer.write(noise.integers(0, 255, (256, 256, 3), dtype=np.uint8))
                    written += 1
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert written < 100
        assert "\n" not in str(caught.value)
        assert list(tmp_path.iterdir()) == []

    def test_an_encoder_that_fails_is_told_in_one_line(self, tmp_path: Path) -> None:
        with (
            pytest.raises(VideoError, match=r"could not be encoded \(.+\): .*a\.mp4") as caught,
            VideoWriter(tmp_path / "a.mp4", (WIDTH, HEIGHT), Fraction(25), preset="hasty"),
        ):
            pytest.fail("the block must not be entered")
        assert "\n" not in str(caught.value)
        assert list(tmp_path.iterdir()) == []
