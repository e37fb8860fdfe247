"""Face to face: another face's video moves the person, and its picture is in nothing that is written."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from conftest import made_landmarks
from made import Notes, ffmpeg, one_colour, recorded_frames, with_irises, write_video

from obamanet.constants import MOUTH
from obamanet.errors import FaceError, OptionError, OutputError, PersonError
from obamanet.keypoints.opening import mouth_opening
from obamanet.person import Person
from obamanet.pipelines import reenact as pipeline
from obamanet.pipelines.reenact import DriverTrack, follow_head, reenact, track_driver
from obamanet.pipelines.speak import SpeakOptions
from obamanet.progress import Progress
from obamanet.provenance import Synthetic, verify_video
from obamanet.render.crop import portrait_box, to_square
from obamanet.types import DrivenPart, Span
from obamanet.video.reader import probe_video, read_frames

NTSC = Fraction(30000, 1001)
FACELESS = slice(20, 26)


@pytest.fixture
def driver(tmp_path: Path) -> Path:
    """Return a video of 40 frames at 29.97 fps, bright green as no painted frame is."""
    frames = [np.full((90, 120, 3), (0, 255, 0), np.uint8)] * 40
    return write_video(tmp_path / "driver.mp4", frames, fps=NTSC)


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> DriverTrack:
    """Have the made video show a drawn face, which no detector finds, but for FACELESS."""
    squares = with_irises(1.3 * made_landmarks(40) + np.float32((30, 10)))
    squares[FACELESS] = np.nan
    track = DriverTrack(squares, NTSC)
    monkeypatch.setattr(pipeline, "track_driver", lambda path, fps, progress: replace(track, fps=fps or NTSC))
    return track


@pytest.mark.usefixtures("found")
class TestReenactedVideo:
    @pytest.mark.parametrize("part", DrivenPart)
    def test_it_has_the_drivers_frames_and_says_that_it_is_synthetic(
        self, driver: Path, tiny_person: Person, tmp_path: Path, part: DrivenPart
    ) -> None:
        made = reenact(driver, tmp_path / "out.mp4", tiny_person, part=part)
        info = probe_video(made.path)
        assert (info.fps, len(list(read_frames(made.path))), made.frames) == (NTSC, 40, 40)
        assert (info.width, info.height) == made.size == (64, 64)
        assert made.without_face == 6
        report = verify_video(made.path)
        assert report.found and report.intact
        assert "tiny" in (report.statement or "")
        assert report.kind is Synthetic.WHOLE_FACE

    def test_the_drivers_picture_is_not_in_it(self, driver: Path, tiny_person: Person, tmp_path: Path) -> None:
        made = reenact(driver, tmp_path / "out.mp4", tiny_person)
        for frame in read_frames(made.path):
            green = frame.image[..., 1].astype(int) - frame.image[..., [0, 2]].max(axis=-1)
            assert green.mean() < 60

    def test_the_mouth_opens_with_the_drivers(
        self, driver: Path, found: DriverTrack, tiny_person: Person, tmp_path: Path
    ) -> None:
        options = SpeakOptions(keypoints_out=tmp_path / "mouth.npz")
        reenact(driver, tmp_path / "out.mp4", tiny_person, options)
        with np.load(tmp_path / "mouth.npz") as arrays:
            opening = mouth_opening(arrays["keypoints"])
        assert len(opening) == 40
        wanted = mouth_opening(found.squares[:, MOUTH])
        assert np.corrcoef(opening[found.seen][:20], wanted[found.seen][:20])[0, 1] > 0.98
        # Without a face the mouth is held as it was.
        np.testing.assert_allclose(opening[FACELESS], opening[19], rtol=1e-5)

    def test_articulation_moves_the_mouth_further(self, driver: Path, tiny_person: Person, tmp_path: Path) -> None:
        spread = []
        for share in (0.5, 1.0):
            options = SpeakOptions(articulation=share, keypoints_out=tmp_path / "mouth.npz")
            reenact(driver, tmp_path / "out.mp4", tiny_person, options)
            with np.load(tmp_path / "mouth.npz") as arrays:
                spread.append(mouth_opening(arrays["keypoints"]).std())
        assert spread[0] == pytest.approx(spread[1] / 2, rel=0.1)

    def test_an_inpainted_person_lends_its_mouth_only(
        self, driver: Path, tiny_inpaint_person: Person, tmp_path: Path
    ) -> None:
        with pytest.raises(OptionError, match="only its mouth"):
            reenact(driver, tmp_path / "out.mp4", tiny_inpaint_person)
        made = reenact(driver, tmp_path / "out.mp4", tiny_inpaint_person, part=DrivenPart.MOUTH)
        assert made.size == (120, 96)
        assert verify_video(made.path).kind is Synthetic.INPAINTED

    def test_a_person_without_a_speech_part_moves_its_head(
        self, driver: Path, tiny_person: Person, tmp_path: Path
    ) -> None:
        mute = replace(tiny_person, speech=None, text=None)
        assert reenact(driver, tmp_path / "out.mp4", mute).frames == 40
        with pytest.raises(PersonError, match="no speech part"):
            reenact(driver, tmp_path / "mouth.mp4", mute, part=DrivenPart.MOUTH)
        assert not (tmp_path / "mouth.mp4").exists()

    @pytest.mark.parametrize(
        ("start", "end"), [(0.5, 0.5), (-1, 1), (float("nan"), 1), (20 / 29.97, 25 / 29.97), (9, 10)]
    )
    def test_a_neutral_stretch_without_a_face(
        self, driver: Path, tiny_person: Person, tmp_path: Path, start: float, end: float
    ) -> None:
        with pytest.raises(OptionError, match="neutral stretch"):
            reenact(driver, tmp_path / "out.mp4", tiny_person, neutral=Span(start, end))

    def test_the_driver_is_not_replaced(self, driver: Path, tiny_person: Person) -> None:
        with pytest.raises(OutputError, match="would replace"):
            reenact(driver, driver, tiny_person)


class TestFollowHead:
    def test_a_short_segment_has_one_square(self) -> None:
        landmarks = made_landmarks(75)
        assert set(follow_head(landmarks, Fraction(25))) == {portrait_box(landmarks)}

    def test_a_head_that_wanders_stays_in_the_middle(self) -> None:
        landmarks = made_landmarks(500) + np.float32((1, 0.5)) * np.arange(500, dtype=np.float32)[:, None, None] / 10
        boxes = follow_head(landmarks, Fraction(25))
        squares = np.stack([to_square(face, box) for face, box in zip(landmarks, boxes, strict=True)])
        middles = squares.mean(axis=1)
        # One square for all of it would let the head go by more than half of its side.
        assert np.ptp(to_square(landmarks, portrait_box(landmarks)).mean(axis=1), axis=0)[0] > 50
        assert np.ptp(middles[50:450], axis=0).max() < 10
        assert np.abs(np.diff(middles, axis=0)).max() < 2


class TestTrackDriver:
    def test_no_face_at_all(self, tmp_path: Path) -> None:
        with pytest.raises(FaceError, match=r"grey\.mp4"):
            track_driver(one_colour(tmp_path / "grey.mp4"), None, Progress())

    def test_a_face_that_comes_late_and_goes_early(self, grid_s1: Path, tmp_path: Path) -> None:
        frames = recorded_frames(grid_s1 / "video" / "bbaf2n.mpg", 30)
        blank = [np.full_like(frames[0], 90)] * 10
        video = write_video(tmp_path / "late.mp4", [*blank, *frames, *blank])
        notes = Notes()
        track = track_driver(video, None, notes)
        assert track.seen[12:38].all()
        assert not track.seen[:9].any() and not track.seen[41:].any()
        assert any("20 of 50 frames show no face" in line for line in notes.told)

    def test_the_square_does_not_depend_on_the_pictures_size(self, grid_s1: Path, tmp_path: Path) -> None:
        source = grid_s1 / "video" / "bbaf2n.mpg"
        large = tmp_path / "large.mp4"
        ffmpeg("-t", "1", "-i", source, "-vf", "scale=1080:864,pad=1500:900:300:20", "-crf", "12", large)
        ffmpeg("-t", "1", "-i", source, "-crf", "12", tmp_path / "plain.mp4")
        found = [track_driver(path, None, Progress()).squares for path in (large, tmp_path / "plain.mp4")]
        count = min(map(len, found))
        assert np.abs(found[0][:count] - found[1][:count]).mean() < 1.5


class TestRecordedDriver:
    def test_sound_and_time_are_the_drivers_at_another_rate(
        self, grid_s1: Path, tiny_person: Person, tmp_path: Path
    ) -> None:
        source = grid_s1 / "video" / "bbaf3s.mpg"
        made = reenact(source, tmp_path / "out.mp4", tiny_person, SpeakOptions(fps=NTSC))
        info = probe_video(made.path)
        assert info.has_sound
        assert made.frames == pytest.approx(float(probe_video(source).duration * NTSC), abs=1)
        assert float(info.duration) == pytest.approx(float(probe_video(source).duration), abs=1.2 / float(NTSC))
