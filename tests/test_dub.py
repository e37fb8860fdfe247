"""Dubbing: another sound in the mouth of a video, and nothing else of it changed."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from conftest import made_landmarks
from made import Notes, babble, ffmpeg, one_colour, recorded_frames, write_sound, write_video

from obamanet.audio.load import load_sound, open_sound
from obamanet.constants import MOUTH
from obamanet.errors import FaceError, OptionError, OutputError, VideoError
from obamanet.face.mesh_landmarker import MeshLandmarker
from obamanet.face.track import track_face
from obamanet.inference.frame_renderer import Renderer
from obamanet.keypoints.opening import mouth_opening
from obamanet.person import Person, load_person
from obamanet.pipelines import dub as pipeline
from obamanet.pipelines.dub import Target, dub, find_faces, rest_after, steady_squares, warn_about_identity
from obamanet.pipelines.into_frames import paint_frames
from obamanet.pipelines.speak import SpeakOptions, predict_sound
from obamanet.progress import Progress
from obamanet.provenance import Synthetic, verify_video
from obamanet.timing import frame_times
from obamanet.types import CanonicalKeypoints
from obamanet.video.reader import probe_video, read_frames

ROOT = Path(__file__).resolve().parent.parent
NTSC = Fraction(30000, 1001)
FACELESS = slice(20, 26)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Return a video of 40 frames at 29.97 fps, 160 x 120 pixels, each of its own grey."""
    ramp = np.indices((120, 160)).sum(axis=0)
    frames = (np.repeat((ramp // 4 + 4 * i)[..., None], 3, axis=2).astype(np.uint8) for i in range(40))
    return write_video(tmp_path / "video.mp4", frames, fps=NTSC)


def found_in(path: Path, person: Person) -> Target:
    """Return ``path`` as a video that shows the drawn face, with no face in FACELESS and a cut there."""
    landmarks = 1.3 * made_landmarks(40) + np.float32((30, 10))
    landmarks[FACELESS] = np.nan
    segment = np.repeat(np.array([0, -1, 1], np.int32), [20, 6, 14])
    squares = np.zeros((40, 3))
    for number in (0, 1):
        squares[segment == number] = steady_squares(landmarks[segment == number], person.mouth.head, NTSC)
    return Target(path, NTSC, landmarks, segment, squares, ())


@pytest.fixture(params=["tiny_person", "tiny_inpaint_person"])
def person(request: pytest.FixtureRequest) -> Person:
    """Return the tiny person of either way of rendering."""
    tiny: Person = request.getfixturevalue(request.param)
    return tiny


@pytest.fixture
def found(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the made video show a drawn face, which no detector finds."""
    monkeypatch.setattr(pipeline, "find_faces", lambda path, head, progress, landmarks: found_in(path, person))


@pytest.mark.usefixtures("found")
class TestDubbedVideo:
    def test_a_shorter_sound_keeps_the_video_and_the_mouth_rests(
        self, person: Person, video: Path, tmp_path: Path
    ) -> None:
        sound, notes = write_sound(tmp_path / "short.wav", babble(0.6)), Notes()
        options = SpeakOptions(keypoints_out=tmp_path / "mouth.npz")
        made = dub(video, sound, tmp_path / "out.mp4", person, options, notes)
        assert (made.frames, made.fps, made.size, made.untouched) == (40, NTSC, (160, 120), 6)
        info = probe_video(made.path)
        assert (info.frame_count, info.fps, info.width, info.height) == (40, NTSC, 160, 120)
        assert notes.told == ["6 of 40 frames show no face and stay as they were"]
        with np.load(tmp_path / "mouth.npz") as saved:
            mouths = saved["keypoints"]
        assert len(mouths) == 40
        rest = np.broadcast_to(person.mouth.rest, mouths.shape)
        assert np.abs(mouths - rest)[:18].max() > 1e-3
        np.testing.assert_allclose(mouths[25:], rest[25:], atol=1e-6)
        # The sound goes on to the video's end, in silence.
        assert float(open_sound(made.path).duration) == pytest.approx(40 / float(NTSC), abs=0.03)
        samples = load_sound(made.path).samples
        assert np.abs(samples[: 16000 // 2]).max() > 0.05
        assert np.abs(samples[round(0.7 * 16000) :]).max() < 1e-3

    def test_a_longer_sound_plays_the_video_forward_and_backward(
        self, person: Person, video: Path, tmp_path: Path
    ) -> None:
        made = dub(video, write_sound(tmp_path / "long.wav", babble(3.2)), tmp_path / "out.mp4", person)
        assert made.frames == 96  # 3.2 s at 29.97 fps, rounded up
        # Each frame's grey tells its number, far from the face.
        shown = [frame.image[:6, :6].mean() for frame in read_frames(made.path)]
        grey = [frame.image[:6, :6].mean() for frame in read_frames(video)]
        played = [*range(40), *range(38, -1, -1), *range(1, 18)]
        assert np.abs(np.array(shown) - np.array(grey)[played]).max() < 3
        assert max(abs(after - before) for before, after in pairwise(shown)) < 9
        assert sorted(path.name for path in tmp_path.iterdir()) == ["long.wav", "out.mp4", "video.mp4"]

    def test_it_says_that_it_is_synthetic(self, person: Person, video: Path, tmp_path: Path) -> None:
        report = verify_video(
            dub(video, write_sound(tmp_path / "a.wav", babble(0.6)), tmp_path / "out.mp4", person).path
        )
        assert report.intact
        # Recorded pictures of which a part is painted, whichever way the person is rendered.
        assert report.kind is Synthetic.INPAINTED
        assert report.title == "out.mp4"
        assert report.comment is not None
        assert "Synthetic" in report.comment
        assert "tiny" in report.comment

    @pytest.mark.parametrize("seconds", [0.6, 3.2])
    def test_an_interrupted_run_leaves_nothing(
        self, person: Person, video: Path, tmp_path: Path, seconds: float
    ) -> None:
        class Interrupting(Progress):
            def track(self, items, description, total=None):  # type: ignore[no-untyped-def]
                for number, item in enumerate(items):
                    if description == "dubbing" and number == 5:
                        raise KeyboardInterrupt
                    yield item

        sound = write_sound(tmp_path / "a.wav", babble(seconds))
        with pytest.raises(KeyboardInterrupt):
            dub(video, sound, tmp_path / "out.mp4", person, progress=Interrupting())
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a.wav", "video.mp4"]

    def test_a_rate_of_its_own_is_refused(self, person: Person, video: Path, tmp_path: Path) -> None:
        sound = write_sound(tmp_path / "a.wav", babble(0.6))
        with pytest.raises(OptionError, match="keeps its own frame rate"):
            dub(video, sound, tmp_path / "out.mp4", person, SpeakOptions(fps=Fraction(25)))

    def test_no_source_is_replaced(self, person: Person, video: Path, tmp_path: Path) -> None:
        sound, before = write_sound(tmp_path / "a.wav", babble(0.6)), video.read_bytes()
        for out in (video, sound):
            with pytest.raises(OutputError, match="would replace"):
                dub(video, sound, out, person)
        assert video.read_bytes() == before


class TestPainting:
    def test_nothing_but_the_mouth_is_touched_and_no_frame_without_a_face(self, person: Person, video: Path) -> None:
        target, images = found_in(video, person), [frame.image for frame in read_frames(video)]
        mouths = CanonicalKeypoints(np.repeat(person.mouth.rest[None], 40, axis=0), NTSC)
        sketches = pipeline._sketches(images, np.arange(40), target, mouths, person)
        painted = list(paint_frames(sketches, person, Renderer(person)))
        assert len(painted) == 40
        for number, (frame, image) in enumerate(zip(painted, images, strict=True)):
            changed = (frame != image).any(axis=-1)
            if target.segment[number] < 0:
                assert not changed.any()
                continue
            row, column = np.nonzero(changed)
            face = target.landmarks[number]
            assert len(row) > 100
            assert row.min() > face[30, 1] - 2  # the nose's tip
            assert row.max() < face[8, 1] + 0.3 * (face[8, 1] - face[30, 1])
            assert column.min() > face[2, 0] - 2
            assert column.max() < face[14, 0] + 2


class TestSquares:
    def test_it_goes_with_the_head_and_not_with_the_mouth(self, tiny_person: Person) -> None:
        landmarks = np.repeat(made_landmarks(1) * 2, 60, axis=0)
        open_mouth = landmarks.copy()
        open_mouth[30:, 48:, 1] += 10
        open_mouth[30:, 3:14, 1] += 10
        still, other, moved = (
            steady_squares(each, tiny_person.mouth.head, NTSC) for each in (landmarks, open_mouth, landmarks + 7)
        )
        np.testing.assert_allclose(other, still, atol=1e-6)
        np.testing.assert_allclose(moved, still + np.array([7, 7, 0]), atol=1e-4)
        assert np.ptp(still, axis=0).max() < 1e-6
        # The face lies in it as in the squares that the renderer learned from.
        inside = (landmarks[0] - still[0, :2]) / still[0, 2]
        assert inside.min() > 0.05
        assert inside.max() < 0.95

    def test_it_does_not_tremble(self, tiny_person: Person) -> None:
        trembling = np.repeat(made_landmarks(1) * 2, 100, axis=0)
        trembling += np.random.default_rng(0).normal(0, 0.5, trembling.shape).astype(np.float32)
        squares = steady_squares(trembling, tiny_person.mouth.head, NTSC)
        assert np.abs(np.diff(squares, axis=0)).max() < 0.1


def test_the_mouth_comes_to_rest_after_the_speech(tiny_person: Person) -> None:
    rest = tiny_person.mouth.rest
    spoken = CanonicalKeypoints((np.repeat(rest[None], 25, axis=0) + 0.1).astype(np.float32), Fraction(25))
    whole = rest_after(spoken, Fraction(1), 50, rest)
    away = np.abs(whole.points - rest).max(axis=(1, 2))
    np.testing.assert_allclose(away[:25], 0.1, atol=1e-6)
    assert (np.diff(away[24:]) <= 1e-7).all()
    np.testing.assert_allclose(away[frame_times(50, Fraction(25)) > 1.2], 0, atol=1e-6)
    assert rest_after(spoken, Fraction(1), 20, rest) is spoken


def test_the_frames_that_are_compared_are_spread_and_few() -> None:
    kept = pipeline._SpreadFrames(6)
    for number in range(1000):
        kept.add(np.full(1, number))
    numbers = sorted(kept.frames)
    assert 6 <= len(numbers) <= 12
    assert len(set(np.diff(numbers))) == 1
    assert numbers[-1] > 700
    assert all(int(kept.frames[number][0]) == number for number in numbers)


def test_a_video_without_a_face_or_that_is_none_is_named(tiny_person: Person, tmp_path: Path) -> None:
    sound = write_sound(tmp_path / "a.wav", babble(0.6))
    with pytest.raises(FaceError, match=r"no face in any of 5 frames.*grey\.mp4"):
        dub(one_colour(tmp_path / "grey.mp4"), sound, tmp_path / "out.mp4", tiny_person)
    with pytest.raises(VideoError, match=r"a\.wav"):
        dub(sound, sound, tmp_path / "out.mp4", tiny_person)
    assert not (tmp_path / "out.mp4").exists()


@pytest.fixture(scope="module")
def default_person() -> Person:
    return load_person(ROOT / "checkpoints" / "grid_s1")


class TestRecorded:
    def test_a_cut_is_never_smoothed_over(self, grid_s1: Path, default_person: Person, tmp_path: Path) -> None:
        """Two sentences one after the other, the second one moved by less than a face, as a jump cut does."""
        one, other = (recorded_frames(grid_s1 / "video" / name, 12, 20) for name in ("bbaf2n.mpg", "bbaf3s.mpg"))
        moved = [np.roll(image, (6, -30), axis=(0, 1)) for image in other]
        cut = write_video(tmp_path / "cut.mp4", [*one, *moved])
        target = find_faces(cut, default_person.mouth.head, Progress())
        assert target.segment.tolist() == [0] * 12 + [1] * 12
        alone = find_faces(write_video(tmp_path / "one.mp4", one), default_person.mouth.head, Progress())
        assert np.abs(target.landmarks[:12] - alone.landmarks).max() < 1.5
        assert np.abs(target.squares[:12] - alone.squares).max() < 1.5
        assert np.abs(np.diff(target.squares, axis=0)).max(axis=1).argmax() == 11

    def test_whose_face_it_is(self, grid_s1: Path, shared_data: Path, default_person: Person, tmp_path: Path) -> None:
        renderer = Renderer(default_person)
        for video, told in ((grid_s1 / "video" / "bbaf2n.mpg", 0), (shared_data / "grid_other" / "brbk7n.mpg", 1)):
            notes = Notes()
            short = write_video(tmp_path / f"{video.stem}.mp4", recorded_frames(video, 6, 20))
            warn_about_identity(find_faces(short, default_person.mouth.head, notes), default_person, renderer, notes)
            assert len(notes.told) == told
            assert all("does not seem to be that of 'GRID talker s1'" in note for note in notes.told)

    def test_the_mouth_says_the_sound_and_the_rest_stays(
        self, grid_s1: Path, default_person: Person, tmp_path: Path
    ) -> None:
        video, sound = tmp_path / "video.mp4", tmp_path / "sound.wav"
        ffmpeg("-ss", "0.6", "-t", "1.6", "-i", grid_s1 / "video" / "bbaf2n.mpg", "-crf", "10", video)
        ffmpeg("-ss", "0.6", "-t", "1.6", "-i", grid_s1 / "video" / "pwwy3s.mpg", "-vn", sound)
        made = dub(video, sound, tmp_path / "out.mp4", default_person)
        before, after = ([frame.image for frame in read_frames(path)] for path in (video, made.path))
        assert len(before) == len(after) == made.frames
        track = track_face(iter(after), MeshLandmarker())
        recorded = track_face(iter(before), MeshLandmarker())
        asked, _ = predict_sound(sound, default_person)
        wanted, shown, was = (
            mouth_opening(points) for points in (asked.points, track.landmarks[:, MOUTH], recorded.landmarks[:, MOUTH])
        )
        count = min(map(len, (wanted, shown)))
        told, old = (np.corrcoef(mouth[:count], shown[:count])[0, 1] for mouth in (wanted, was))
        assert told > 0.7
        assert told > old + 0.2
        # But for the mouth and what the codec changes all over, it is the recorded picture.
        for frame, image, face in zip(after, before, recorded.landmarks, strict=True):
            difference = np.abs(frame.astype(int) - image).max(axis=-1)
            above = slice(0, int(face[30, 1]) - 4)
            assert difference[above].mean() < 3
            assert np.quantile(difference[above], 0.999) < 30
