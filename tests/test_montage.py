"""Montages: every frame at its time, in its pane, with the right sound, and labelled as synthetic."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from made import ffmpeg, write_sound, write_video
from PIL import ExifTags, Image

from obamanet import montage, provenance
from obamanet.cli.app import obamanet_app
from obamanet.cli.boundary import call
from obamanet.errors import OptionError, VideoError
from obamanet.montage import Clip, Layout, MontageOptions, cut, join, side_by_side
from obamanet.video.reader import Frame, probe_video, read_frames

WIDTH, HEIGHT, STEP = 64, 48, 8


def greys(path: Path, count: int, fps: int = 25, sound: Path | None = None, size: tuple[int, int] = (64, 48)) -> Path:
    """Write ``count`` frames, frame n of grey 8 + 8 n."""
    width, height = size
    frames = [np.full((height, width, 3), 8 + STEP * number, np.uint8) for number in range(count)]
    return write_video(path, frames, sound, Fraction(fps))


def number_of(image: np.ndarray) -> int:
    return round((float(image.mean()) - 8) / STEP)


def picture_of(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def click(path: Path, at: float, seconds: float = 1.0) -> Path:
    samples = np.zeros(round(seconds * 16_000), np.float32)
    samples[round(at * 16_000) : round(at * 16_000) + 32] = 0.8
    return write_sound(path, samples)


def heard_at(path: Path) -> list[float]:
    """Return the times of the clicks in the sound of ``path``."""
    with av.open(str(path)) as container:
        heard = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    loud = np.flatnonzero(np.abs(heard) > 0.2) / 48_000
    return [float(time) for index, time in enumerate(loud) if index == 0 or time - loud[index - 1] > 0.05]


@pytest.fixture(autouse=True)
def own_key(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(provenance.KEY_FOLDER_VARIABLE, str(tmp_path_factory.getbasetemp() / "montage-key"))


class TestSideBySide:
    def test_each_pane_shows_the_frame_of_its_time_and_then_its_last(self, tmp_path: Path) -> None:
        slow, fast = greys(tmp_path / "slow.mp4", 5), greys(tmp_path / "fast.mp4", 16, 50)
        side_by_side([Clip(slow), Clip(fast)], tmp_path / "side.mp4")
        assert probe_video(tmp_path / "side.mp4").fps == 50
        shown = [
            (number_of(frame.image[:, :WIDTH]), number_of(frame.image[:, WIDTH:]))
            for frame in read_frames(tmp_path / "side.mp4")
        ]
        # 0.2 s of the first, 0.32 s of the second.
        assert shown == [(min(number // 2, 4), number) for number in range(16)]

    @pytest.mark.parametrize(
        ("layout", "places"),
        [
            (Layout.ROW, [(0, 0), (0, 64), (0, 128)]),
            (Layout.COLUMN, [(0, 0), (48, 0), (96, 0)]),
            (Layout.GRID, [(0, 0), (0, 64), (48, 0)]),
        ],
    )
    def test_layouts(self, tmp_path: Path, layout: Layout, places: list[tuple[int, int]]) -> None:
        clips = [
            Clip(write_video(tmp_path / f"{grey}.mp4", [np.full((48, 64, 3), grey, np.uint8)]))
            for grey in (60, 120, 180)
        ]
        side_by_side(clips, tmp_path / "all.png", MontageOptions(layout))
        picture = picture_of(tmp_path / "all.png")
        for (top, left), grey in zip(places, (60, 120, 180), strict=True):
            assert picture[top : top + 48, left : left + 64].mean() == pytest.approx(grey, abs=2)

    def test_pictures_get_one_height_and_keep_their_shape(self, tmp_path: Path) -> None:
        clips = [Clip(greys(tmp_path / "a.mp4", 2)), Clip(greys(tmp_path / "b.mp4", 2, size=(64, 96)))]
        for height, size in ((None, (64 + 32, 48)), (96, (128 + 64, 96))):
            side_by_side(clips, tmp_path / "all.png", MontageOptions(height=height))
            assert picture_of(tmp_path / "all.png").shape[1::-1] == size

    def test_titles_stand_above_and_fit(self, tmp_path: Path) -> None:
        black = write_video(tmp_path / "black.mp4", [np.zeros((200, 160, 3), np.uint8)])
        for label in ("ours", "Größe, ¿qué? Ж", "a title that is much too long for a picture of this width"):
            side_by_side([Clip(black, label), Clip(black)], tmp_path / "titled.png")
            picture = picture_of(tmp_path / "titled.png").astype(int)
            bar = picture[: picture.shape[0] - 200, :160]
            assert bar.max() > 200
            edges = np.concatenate([bar[:, :2], bar[:, -2:]], axis=1)
            assert edges.max() < 60, "the title reaches the edge"
        assert picture[:, 160:].max() < 60

    def test_an_edit_sees_every_frame(self, tmp_path: Path) -> None:
        clip = Clip(greys(tmp_path / "a.mp4", 3), edit=lambda image: image[:24] // 2)
        side_by_side([clip], tmp_path / "half.mp4")
        frames = [frame.image for frame in read_frames(tmp_path / "half.mp4")]
        assert frames[0].shape == (24, 64, 3)
        assert [float(frame.mean()) for frame in frames] == pytest.approx([4, 8, 12], abs=1.5)

    def test_the_first_that_has_sound_is_heard_or_the_chosen_one(self, tmp_path: Path) -> None:
        mute = greys(tmp_path / "mute.mp4", 25)
        early = greys(tmp_path / "early.mp4", 25, sound=click(tmp_path / "e.wav", 0.2))
        late = greys(tmp_path / "late.mp4", 25, sound=click(tmp_path / "l.wav", 0.7))
        clips, out = [Clip(mute), Clip(early), Clip(late)], tmp_path / "side.mp4"
        for sound, time in ((None, 0.2), (2, 0.2), (3, 0.7)):
            side_by_side(clips, out, MontageOptions(sound=sound))
            assert heard_at(out) == pytest.approx([time], abs=0.005)
        side_by_side(clips, out, MontageOptions(sound=0))
        assert not probe_video(out).has_sound
        for sound in (1, 4, -1):
            with pytest.raises(OptionError, match="to hear"):
                side_by_side(clips, out, MontageOptions(sound=sound))

    def test_frames_are_read_one_by_one(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        read = 0

        def counted(path: Path, fps: Fraction) -> Iterator[Frame]:
            nonlocal read
            for frame in read_frames(path, fps):
                read += 1
                yield frame

        monkeypatch.setattr(montage, "read_frames", counted)
        clips = [Clip(greys(tmp_path / "a.mp4", 25)), Clip(greys(tmp_path / "b.mp4", 25))]
        fps, parts = montage._parts(clips, tmp_path / "out.mp4", MontageOptions())
        frames = montage._frames(montage._panes(parts, Layout.ROW), fps, 25)
        for number in range(1, 6):
            next(frames)
            assert read == 2 * number


class TestCutAndJoin:
    def test_a_stretch_has_its_frames_and_its_sound(self, tmp_path: Path) -> None:
        source = greys(tmp_path / "a.mp4", 25, sound=click(tmp_path / "a.wav", 0.5))
        cut(source, Fraction("0.4"), Fraction("0.8"), tmp_path / "cut.mp4")
        assert [number_of(frame.image) for frame in read_frames(tmp_path / "cut.mp4")] == list(range(10, 20))
        assert heard_at(tmp_path / "cut.mp4") == pytest.approx([0.1], abs=0.005)

    def test_clips_follow_one_another_each_with_its_sound(self, tmp_path: Path) -> None:
        clips = [
            Clip(greys(tmp_path / "a.mp4", 10, sound=click(tmp_path / "a.wav", 0.1, 0.3))),
            Clip(greys(tmp_path / "b.mp4", 5)),
            Clip(greys(tmp_path / "c.mp4", 25, sound=click(tmp_path / "c.wav", 0.6)), start=Fraction("0.4")),
        ]
        join(clips, tmp_path / "all.mp4")
        frames = [number_of(frame.image) for frame in read_frames(tmp_path / "all.mp4")]
        assert frames == [*range(10), *range(5), *range(10, 25)]
        # The second has none, and the first one's ends before its pictures do.
        assert heard_at(tmp_path / "all.mp4") == pytest.approx([0.1, 0.4 + 0.2 + 0.2], abs=0.005)

    def test_other_rates_and_sizes_are_joined_by_time(self, tmp_path: Path) -> None:
        clips = [Clip(greys(tmp_path / "a.mp4", 5)), Clip(greys(tmp_path / "b.mp4", 20, 50, size=(32, 48)))]
        join(clips, tmp_path / "all.mp4")
        frames = [frame.image for frame in read_frames(tmp_path / "all.mp4")]
        assert probe_video(tmp_path / "all.mp4").fps == 50
        assert [number_of(frame[:, 18:46]) for frame in frames] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, *range(20)]
        assert frames[-1].shape == (48, 64, 3)
        assert frames[-1][:, :14].mean() == pytest.approx(montage.BACKGROUND[0], abs=3)

    @pytest.mark.parametrize(
        ("start", "end", "message"), [(2, None, "start is out"), (-1, None, "start"), (0.5, 0.2, "end must")]
    )
    def test_stretches_outside_of_the_video(
        self, tmp_path: Path, start: float, end: float | None, message: str
    ) -> None:
        source = greys(tmp_path / "a.mp4", 25)
        with pytest.raises(OptionError, match=message):
            cut(source, Fraction(start), None if end is None else Fraction(end), tmp_path / "cut.mp4")


class TestLabels:
    def test_an_mp4_is_signed_and_names_persons_and_parts(self, tmp_path: Path) -> None:
        import c2pa

        signed, plain, other = (greys(tmp_path / name, 2) for name in ("signed.mp4", "plain.mp4", "x.mp4"))
        kind = provenance.Synthetic.WHOLE_FACE
        provenance.sign_video(signed, kind=kind, software="obamanet/0", persons=["Anna B."])
        ffmpeg("-i", other, "-c", "copy", tmp_path / "other.mkv")
        out = tmp_path / "side.mp4"
        side_by_side([Clip(signed), Clip(plain), Clip(tmp_path / "other.mkv")], out)
        report = provenance.verify_video(out)
        assert report.intact
        assert report.kind is provenance.Synthetic.INPAINTED
        assert "ynthetic" in (report.comment or "")
        assert provenance.persons_named(report) == ("Anna B.",)
        with out.open("rb") as stream, c2pa.Reader("video/mp4", stream) as reader:
            store = json.loads(reader.json())
        manifest = store["manifests"][store["active_manifest"]]
        [actions] = [
            one["data"]["actions"] for one in manifest["assertions"] if one["label"].startswith("c2pa.actions")
        ]
        assert [action["action"] for action in actions] == ["c2pa.created", "c2pa.edited", "c2pa.placed", "c2pa.placed"]
        assert actions[1]["description"] == "Put together from: signed.mp4, plain.mp4, other.mkv."
        assert [part["title"] for part in manifest["ingredients"]] == ["signed.mp4", "plain.mp4"]
        # The manifest of the part is kept inside.
        assert len(store["manifests"]) == 2

    def test_a_part_that_was_changed_since_it_was_signed_is_named_only(self, tmp_path: Path) -> None:
        source = greys(tmp_path / "a.mp4", 5)
        provenance.sign_video(source, kind=provenance.Synthetic.WHOLE_FACE, software="obamanet/0")
        content = bytearray(source.read_bytes())
        content[-20] ^= 1
        source.write_bytes(content)
        assert not provenance.verify_video(source).intact
        side_by_side([Clip(source)], tmp_path / "out.mp4")
        assert provenance.verify_video(tmp_path / "out.mp4").intact

    @pytest.mark.parametrize("suffix", [".gif", ".webp"])
    def test_animations_say_so_and_do_not_drift(self, tmp_path: Path, suffix: str) -> None:
        source, out = greys(tmp_path / "a.mp4", 25, 24), tmp_path / f"a{suffix}"
        side_by_side([Clip(source)], out)
        with Image.open(out) as image:
            comment = image.info.get("comment") or image.getexif()[ExifTags.Base.ImageDescription].encode()
            assert b"Synthetic" in comment
            assert image.n_frames == 25
            total = 0
            for number in range(25):
                image.seek(number)
                image.load()
                assert number_of(np.asarray(image.convert("RGB"))) == number
                total += image.info["duration"]
        assert total == pytest.approx(25 / 24 * 1000, abs=10)

    def test_a_long_animation_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(montage, "MAX_ANIMATION_FRAMES", 10)
        with pytest.raises(OptionError, match=r"too long for \.gif: 1\.0 s, allowed is 0.4 s"):
            side_by_side([Clip(greys(tmp_path / "a.mp4", 25))], tmp_path / "a.gif")


class TestCommand:
    def run(self, capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
        """Return the exit code and the one line on standard error."""
        code = call(obamanet_app(), ["montage", *map(str, arguments), "--quiet"], "obamanet")
        told = capsys.readouterr()
        assert told.err.count("\n") <= 1
        return code, told.err or told.out

    def test_its_own_output_may_be_replaced(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        a, b = greys(tmp_path / "a.mp4", 3), greys(tmp_path / "b.mp4", 3)
        for name in ("side.mp4", "side.gif", "side.webp", "side.png"):
            for _ in range(2):
                code, said = self.run(capsys, a, b, "--labels", "one, two", "--out", tmp_path / name)
                assert (code, said.strip()) == (0, str(tmp_path / name))

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["a.mp4", "none.mp4", "--out", "o.mp4"], "no such video file: "),
            (["a.mp4", "text.mp4", "--out", "o.mp4"], "not a readable video"),
            (["a.mp4", "a.mp4", "--labels", "one", "--out", "o.mp4"], "got 1 labels for 2 videos"),
            (["a.mp4", "--out", "o.avi"], "unknown kind of output"),
            (["a.mp4", "--out", "a.mp4"], "output would replace what it is made from"),
            (["a.mp4", "--join", "--sound", "1", "--out", "o.mp4"], "--sound chooses"),
            (["a.mp4", "--end", "nan", "--out", "o.mp4"], "--end must be a number"),
            (["a.mp4", "--start", "9", "--out", "o.mp4"], "start is out of range"),
            (["a.mp4", "--height", "5", "--out", "o.mp4"], "--height"),
        ],
    )
    def test_what_is_wrong_is_one_line(
        self,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
        arguments: list[str],
        message: str,
    ) -> None:
        monkeypatch.chdir(tmp_path)
        greys(tmp_path / "a.mp4", 3)
        (tmp_path / "text.mp4").write_text("no video")
        code, said = self.run(capsys, *arguments)
        assert code in (1, 2)
        assert message in said
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "text.mp4"]

    def test_without_videos(self, tmp_path: Path) -> None:
        with pytest.raises(OptionError, match="at least one"):
            side_by_side([], tmp_path / "a.mp4")
        with pytest.raises(VideoError, match="no such video"):
            join([Clip(tmp_path / "a.mp4")], tmp_path / "b.mp4")
