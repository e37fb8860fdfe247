"""Sound to video: right length at every rate, whole or nothing, labelled, and footage untouched but for the mouth."""

from __future__ import annotations

import json
import math
import os
import shutil
import threading
import time
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import keras
import numpy as np
import pytest
from conftest import Recorded
from made import babble, prepare_recorded, write_sound

from obamanet.assemble import assemble_person
from obamanet.audio.load import load_sound, open_sound
from obamanet.constants import INNER_BOTTOM, INNER_TOP, MOUTH, SAMPLE_RATE
from obamanet.errors import DatasetError, ObamanetError, OutputError, SoundError, VideoError
from obamanet.evaluation.tracks import Tracker
from obamanet.face.mesh_landmarker import MeshLandmarker
from obamanet.face.track import track_face
from obamanet.files import locked
from obamanet.inference.keypoint_predictor import Predictor
from obamanet.keypoints.head import place_head
from obamanet.keypoints.opening import mouth_opening
from obamanet.keypoints.placement import to_canonical, to_pixel
from obamanet.keypoints.reference import nearest_frames
from obamanet.keypoints.region import place_region
from obamanet.networks.config import GeneratorConfig
from obamanet.person import Origin, Person, load_person, load_region, save_region
from obamanet.pipelines import speak as pipeline
from obamanet.pipelines.speak import (
    SpeakOptions,
    draw_sketches,
    load_features,
    move_lips,
    place_landmarks,
    predict_raw,
    predict_sound,
    render_frames,
    resample_keypoints,
    save_keypoints,
    speak,
)
from obamanet.progress import Progress
from obamanet.provenance import Synthetic, verify_video
from obamanet.render.compositor import region_mask
from obamanet.render.crop import from_square
from obamanet.timing import frame_times, frames_to_cover, parse_rate
from obamanet.training.data.dataset import load_dataset, split_dataset
from obamanet.training.loop.runner import Limits
from obamanet.training.renderer.pix2pix_training import TrainOptions
from obamanet.training.renderer.renderer_training import train_renderer
from obamanet.training.speech.keypoint_training import KeypointOptions, train_keypoints
from obamanet.types import CanonicalKeypoints, RenderMode
from obamanet.video.footage import FootageReader
from obamanet.video.reader import probe_video, read_frames
from text2face.mouth.lip_times import lip_closures, open_vowels
from text2face.say import SayOptions, say
from text2face.syllables.timed import syllables_of
from text2face.voice.espeak import speak_timed
from text2face.voice_augmentation import at_sample_rate

ROOT = Path(__file__).resolve().parent.parent
RATES = ["23.976", "24", "25", "29.97", "30", "50", "59.94"]


def keypoints_of(count: int, fps: Fraction = Fraction(25), seed: int = 0) -> CanonicalKeypoints:
    """Return a mouth that opens and closes, (count, 20, 2), around the drawn person's."""
    random = np.random.default_rng(seed)
    return CanonicalKeypoints(random.normal(0, 0.1, (count, 20, 2)).astype(np.float32), fps)


class TestTime:
    @pytest.mark.parametrize("rate", RATES)
    @pytest.mark.parametrize("person_rate", ["25", "29.97"])
    def test_an_hour_has_no_drift(self, rate: str, person_rate: str) -> None:
        duration, own, fps = Fraction(3600) + Fraction(123, 1000), parse_rate(person_rate), parse_rate(rate)
        # Each made keypoint tells its own time, so the result must tell the time it is shown at.
        count = frames_to_cover(duration, own)
        clock = CanonicalKeypoints(frame_times(count, own)[:, None, None], own)
        shown = resample_keypoints(clock, duration, fps)
        assert shown.fps == fps
        assert len(shown.points) == math.ceil(duration * fps)
        times = np.array([float(n / fps) for n in (0, 1, 1000, len(shown.points) - 1)])
        told = shown.points[[0, 1, 1000, -1], 0, 0]
        assert np.abs(told - times).max() <= float(1 / min(own, fps))
        # Up to the last known keypoint the clock is exact; beyond it the last mouth is held.
        inner = times <= float((count - 1) / own)
        np.testing.assert_allclose(told[inner], times[inner], atol=1e-6)
        assert 0 <= float(duration) - times[-1] <= float(1 / fps)

    def test_the_person_s_own_rate_changes_nothing(self) -> None:
        keypoints = keypoints_of(40)
        assert resample_keypoints(keypoints, Fraction(8, 5), Fraction(25)) is keypoints


def test_a_sound_moves_the_mouth_as_learned(tiny_person: Person, speech: Path) -> None:
    features = load_features(speech, tiny_person)
    said = move_lips(*predict_sound(speech, tiny_person), tiny_person, SpeakOptions())
    np.testing.assert_array_equal(said.points, Predictor(tiny_person).predict(features).points)


def test_a_sound_in_pieces_moves_the_mouth_as_the_whole(default_person: Person, tmp_path: Path) -> None:
    # Longer than a block, of no whole number of frames, with a rest in it.
    samples = np.concatenate([babble(9.13), np.zeros(SAMPLE_RATE, np.float32), babble(3.4, seed=1)])
    sound = write_sound(tmp_path / "long.wav", samples)
    said, duration = predict_sound(sound, default_person)
    features = load_features(sound, default_person)
    assert duration == features.duration == Fraction(len(samples), SAMPLE_RATE)
    whole = predict_raw(features, default_person).points
    assert said.points.shape == whole.shape
    np.testing.assert_allclose(said.points, whole, atol=1e-4)


def gaps(keypoints: CanonicalKeypoints) -> np.ndarray:
    """Return how far the lower inner lip lies below the upper one at each of three places: (T, 3), canonical units."""
    return keypoints.points[:, list(INNER_BOTTOM), 1] - keypoints.points[:, list(INNER_TOP), 1]


@pytest.mark.parametrize("articulation", [0.2, 2.0])
class TestArticulation:
    """Lips that a text shuts meet however far the mouth moves, and inner lips never cross."""

    def test_with_a_sound(self, default_person: Person, articulation: float) -> None:
        options = SpeakOptions(articulation=articulation)
        said = move_lips(
            *predict_sound(ROOT / "data" / "audio" / "hello_en.wav", default_person), default_person, options
        )
        assert gaps(said).min() >= 0

    def test_with_a_text(self, default_person: Person, articulation: float, tmp_path: Path) -> None:
        options = SayOptions(
            speak=SpeakOptions(articulation=articulation, keypoints_out=tmp_path / "mouth.npz"),
            timelines=(tmp_path / "said.json",),
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pipeline, "write_video", lambda *_: None)  # what is painted does not matter here
            say("My puppy may bump a big map.", tmp_path / "a.mp4", default_person, options)
        with np.load(tmp_path / "mouth.npz") as saved:
            said = CanonicalKeypoints(saved["keypoints"], Fraction(str(saved["fps"])))
        times = frame_times(len(said.points), said.fps)
        assert gaps(said).min() >= 0
        sounds = [
            sound
            for sentence in json.loads((tmp_path / "said.json").read_text("utf-8"))["sentences"]
            for word in sentence["words"]
            for syllable in word["syllables"]
            for sound in syllable["phonemes"]
            if sound["phoneme"][0] in "pbm"
        ]
        assert len(sounds) >= 8
        for sound in sounds:
            near = (times > sound["start"] - 0.08) & (times < sound["end"] + 0.02)
            assert gaps(said)[near].max(axis=1).min() < 1e-6

    def test_elsewhere_the_mouth_moves_as_far_as_was_asked(self, tiny_person: Person, articulation: float) -> None:
        rest, learned = tiny_person.mouth.rest, keypoints_of(50)
        learned.points[:, list(INNER_BOTTOM), 1] += 1.0
        options = SpeakOptions(articulation=articulation)
        said = move_lips(learned, Fraction(2), tiny_person, options)
        np.testing.assert_allclose(said.points - rest, articulation * (learned.points - rest), atol=1e-5)


class TestPlace:
    def test_chunks_have_no_seams(self, tiny_person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
        keypoints = keypoints_of(137)
        whole = np.stack(list(place_landmarks(keypoints, tiny_person)))
        monkeypatch.setattr(pipeline, "CHUNK_FRAMES", 10)
        # Pixels; a matrix product's last bits depend on how many rows it has.
        np.testing.assert_allclose(np.stack(list(place_landmarks(keypoints, tiny_person))), whole, atol=1e-4)

    def test_a_minute_on_two_seconds_of_reference(self, tiny_person: Person) -> None:
        # The reference is 50 frames; a still mouth for a minute leaves only the head's own movement.
        still = CanonicalKeypoints(np.repeat(tiny_person.mouth.rest[None], 1500, axis=0), Fraction(25))
        faces = np.stack(list(place_landmarks(still, tiny_person)))
        assert faces.shape == (1500, 68, 2)
        nose = tiny_person.reference.points[:, 27:36]
        own = np.linalg.norm(np.diff(nose, axis=0), axis=-1).max()
        assert np.linalg.norm(np.diff(faces[:, 27:36], axis=0), axis=-1).max() <= own * 1.001


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return 1.23 s of made speech at 16 kHz."""
    return write_sound(tmp_path_factory.mktemp("speech") / "speech.wav", babble(1.23))


class TestWholeFace:
    @pytest.mark.parametrize("rate", [None, "59.94"])
    def test_the_video_is_what_was_asked_for(
        self, tiny_person: Person, speech: Path, tmp_path: Path, rate: str | None
    ) -> None:
        fps = parse_rate(rate) if rate else None
        made = speak(speech, tmp_path / "new" / "talk.mp4", tiny_person, SpeakOptions(fps=fps))
        assert (made.fps, made.size) == (fps or 25, (64, 64))
        assert made.frames == math.ceil(Fraction(123, 100) * (fps or 25))
        info = probe_video(made.path)
        assert (info.fps, info.frame_count, info.width, info.height) == (made.fps, made.frames, 64, 64)
        assert info.has_sound
        assert float(open_sound(made.path).duration) == pytest.approx(1.23, abs=0.03)
        with av.open(str(made.path)) as container:
            assert "Synthetic" in container.metadata["comment"]

    def test_it_says_that_it_is_synthetic(self, tiny_person: Person, speech: Path, tmp_path: Path) -> None:
        report = verify_video(speak(speech, tmp_path / "talk.mp4", tiny_person).path)
        assert report.intact
        assert report.kind is Synthetic.WHOLE_FACE
        assert report.title == "talk.mp4"

    @pytest.mark.skipif(os.name != "posix", reason="names are bytes on POSIX")
    @pytest.mark.parametrize("stem", [b"x" * 251, b"caf\xe9"], ids=["255 bytes", "latin-1"])
    def test_any_name_that_the_file_system_takes(
        self, tiny_person: Person, speech: Path, tmp_path: Path, stem: bytes
    ) -> None:
        out = tmp_path / os.fsdecode(stem + b".mp4")
        speak(speech, out, tiny_person)
        assert verify_video(out).intact
        assert list(tmp_path.iterdir()) == [out]

    def test_the_same_again_gives_the_same_pictures(self, tiny_person: Person) -> None:
        one, other = (list(render_frames(draw_sketches(keypoints_of(11), tiny_person), tiny_person)) for _ in range(2))
        assert len(one) == 11
        np.testing.assert_array_equal(one, other)

    def test_a_picture_does_not_depend_on_its_batch(self, tiny_person: Person) -> None:
        keypoints = keypoints_of(11)
        alone = CanonicalKeypoints(keypoints.points[:1], keypoints.fps)
        [first] = render_frames(draw_sketches(alone, tiny_person), tiny_person)
        together = next(iter(render_frames(draw_sketches(keypoints, tiny_person), tiny_person)))
        # Grey levels; the last bits of a convolution may decide which way one is rounded.
        np.testing.assert_allclose(first.astype(int), together, atol=1)

    def test_keypoints_on_their_own(self, tiny_person: Person, speech: Path, tmp_path: Path) -> None:
        keypoints = predict_raw(load_features(speech, tiny_person), tiny_person)
        save_keypoints(replace(keypoints, fps=Fraction(30000, 1001)), tmp_path / "keypoints.npz")
        with np.load(tmp_path / "keypoints.npz", allow_pickle=False) as saved:
            np.testing.assert_array_equal(saved["keypoints"], keypoints.points)
            assert saved["keypoints"].shape == (31, 20, 2)
            assert Fraction(str(saved["fps"])) == Fraction(30000, 1001)


class Interrupting(Progress):
    """A user who presses Ctrl-C, or a disk that is full, after five frames."""

    def __init__(self, error: type[BaseException]) -> None:
        self._error = error

    def track(self, items, description, total=None):  # type: ignore[no-untyped-def]
        for number, item in enumerate(items):
            if number == 5:
                raise self._error("enough")
            yield item


class TestWholeOrNothing:
    @pytest.mark.parametrize("error", [KeyboardInterrupt, OutputError])
    def test_an_older_video_stays(
        self, tiny_person: Person, speech: Path, tmp_path: Path, error: type[BaseException]
    ) -> None:
        (tmp_path / "talk.mp4").write_bytes(b"older")
        before = threading.active_count()
        with pytest.raises(error):
            speak(speech, tmp_path / "talk.mp4", tiny_person, progress=Interrupting(error))
        assert (tmp_path / "talk.mp4").read_bytes() == b"older"
        assert [path.name for path in tmp_path.iterdir()] == ["talk.mp4"]
        assert threading.active_count() <= before + 1

    def test_missing_frames_are_no_video(
        self, tiny_person: Person, speech: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        whole = pipeline.render_frames

        def one_too_many(sketches, speaker):  # type: ignore[no-untyped-def]
            frames = list(whole(sketches, speaker))
            return iter([*frames, frames[-1]])

        monkeypatch.setattr(pipeline, "render_frames", one_too_many)
        with pytest.raises(ObamanetError, match="32 of 31 frames"):
            speak(speech, tmp_path / "talk.mp4", tiny_person)
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("samples", [0, 800])
    def test_too_little_sound(self, tiny_person: Person, tmp_path: Path, samples: int) -> None:
        sound = write_sound(tmp_path / "short.wav", np.zeros(samples, np.float32))
        with pytest.raises(SoundError, match=r"short\.wav"):
            speak(sound, tmp_path / "out" / "talk.mp4", tiny_person)
        assert not (tmp_path / "out" / "talk.mp4").exists()

    def test_a_folder_in_the_way(self, tiny_person: Person, speech: Path, tmp_path: Path) -> None:
        with pytest.raises(OutputError, match="directory"):
            speak(speech, tmp_path, tiny_person)


def outside_mouth(person: Person, index: int, size: tuple[int, int]) -> np.ndarray:
    """Return where in a frame of ``size`` (height, width) no mouth is painted: (H, W) bool, with a pixel's slack."""
    import cv2

    box, square = person.boxes[index], person.image_size
    assert person.region is not None
    [outline] = place_region(person.region, person.reference.points[index][None])
    row, column = np.nonzero(region_mask(outline, square))
    corners = from_square(np.stack([column, row], axis=1), box, square)
    region = np.zeros(size, np.uint8)
    cv2.fillConvexPoly(region, cv2.convexHull(np.round(corners).astype(np.int32)), 255)
    reach = 2 * math.ceil(box.side / square + 1) + 1
    return np.asarray(cv2.dilate(region, np.ones((reach, reach), np.uint8)) == 0)


class TestInpainting:
    def check(self, person: Person, count: int, fps: Fraction) -> None:
        keypoints = keypoints_of(count, fps)
        frames = list(render_frames(draw_sketches(keypoints, person), person))
        assert len(frames) == count
        order = nearest_frames(person.reference, frame_times(count, fps))
        assert len(set(order.tolist())) < count, "the sound must be longer than the footage"
        assert np.abs(np.diff(order)).max() == 1
        painted = 0
        with FootageReader(person.footage) as footage:
            for frame, index in zip(frames, order, strict=True):
                recorded = footage.frame(int(index))
                assert frame.shape == recorded.shape
                outside = outside_mouth(person, int(index), frame.shape[:2])
                np.testing.assert_array_equal(frame[outside], recorded[outside])
                painted += int((frame[~outside] != recorded[~outside]).any(axis=-1).sum())
        assert painted > 20 * count

    @pytest.mark.parametrize("rate", ["25", "30"])
    def test_footage_is_untouched_but_for_the_mouth(self, tiny_inpaint_person: Person, rate: str) -> None:
        self.check(tiny_inpaint_person, round(2.6 * int(rate)), Fraction(rate))

    def test_the_video(self, tiny_inpaint_person: Person, tmp_path: Path) -> None:
        sound = write_sound(tmp_path / "long.wav", babble(4.5))
        made = speak(sound, tmp_path / "talk.mp4", tiny_inpaint_person)
        assert made.size == (120, 96)
        assert made.frames == 113
        info = probe_video(made.path)
        assert (info.width, info.height, info.frame_count) == (120, 96, 113)
        assert verify_video(made.path).kind is Synthetic.INPAINTED
        # Two seconds of footage under 4.5 s: the picture never jumps at a turn.
        frames = [frame.image.astype(int) for frame in read_frames(made.path)]
        steps = np.array([np.abs(after[:20] - before[:20]).mean() for before, after in pairwise(frames)])
        assert steps.max() <= 3 * np.median(steps) + 1

    @pytest.mark.usefixtures("few_noises", "eager")
    def test_from_recorded_sentences(self, grid_s1: Path, tmp_path: Path, common_folder: Path) -> None:
        """Prepared, trained for a moment, put together, and spoken: the whole way of one's own footage."""
        dataset = load_dataset(prepare_recorded(grid_s1, common_folder))
        split = split_dataset(dataset, val_share=0.5)
        keypoints = KeypointOptions(steps=1, batch_size=2, units=8, layers=1, sequence=1.0)
        train_keypoints(dataset, split, tmp_path / "k", keypoints)
        keras.utils.set_random_seed(1)
        options = TrainOptions(steps=30, gan_weight=0.0, discriminator_width=4, learning_rate=2e-3)
        config = GeneratorConfig(image_size=64, width=8)
        train_renderer(dataset, split, tmp_path / "r", RenderMode.INPAINT, config, options, limits=Limits(steps=3))
        origin = Origin("GRID s1", "CC BY 4.0", "Cooke et al. 2006", "a published corpus")
        runs = (tmp_path / "k", tmp_path / "r")
        person = assemble_person(dataset, split, *runs, tmp_path / "p", name="s1", origin=origin)
        # What is blanked when speaking is what was blanked in training, in a later session of the run too.
        trained = load_region(tmp_path / "r" / "region.npz")
        assert person.region is not None
        np.testing.assert_array_equal(person.region.outline, trained.outline)
        save_region(replace(trained, outline=trained.outline * 1.1), tmp_path / "r" / "region.npz")
        train_renderer(dataset, split, tmp_path / "r", RenderMode.INPAINT, config, options, limits=Limits(steps=4))
        np.testing.assert_array_equal(load_region(tmp_path / "r" / "region.npz").outline, trained.outline * 1.1)
        assert person.mode is RenderMode.INPAINT
        assert len(person.boxes) == len(person.reference.points)
        sizes = {frame.image.shape for frame in read_frames(person.footage)}
        assert sizes == {(288, 360, 3)}
        spoken = predict_raw(load_features(write_sound(tmp_path / "a.wav", babble(2.2)), person), person)
        assert np.isfinite(spoken.points).all()
        self.check(person, 55, Fraction(25))
        # A person of that name is replaced whole; anything else in the place is left alone.
        again = assemble_person(dataset, split, *runs, tmp_path / "p", name="new", origin=origin)
        assert load_person(tmp_path / "p").name == again.name == "new"
        assert not list(tmp_path.glob(".p*"))
        with locked(tmp_path / "p"), pytest.raises(OutputError, match="another process is at work"):
            assemble_person(dataset, split, *runs, tmp_path / "p", name="third", origin=origin)
        splits = (split_dataset(dataset, val_share=0.5, seed=seed) for seed in range(2, 20))
        other = next(one for one in splits if one.digest != split.digest)
        with pytest.raises(DatasetError, match=f"trained on another split of the footage: {runs[0]}"):
            assemble_person(dataset, other, *runs, tmp_path / "q", name="s1", origin=origin)
        assert not list(tmp_path.glob("*q*"))
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "letter.txt").write_text("dear")
        with pytest.raises(OutputError, match="something else than a person"):
            assemble_person(dataset, split, *runs, tmp_path / "mine", name="s1", origin=origin)
        assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"

    @pytest.mark.parametrize("leave", ["close", "interrupt"])
    def test_who_stops_early_closes_no_footage_that_is_being_read(
        self, tiny_inpaint_person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leave: str
    ) -> None:
        """A decoder that is closed while another thread is in it takes the process down."""
        readers = []

        class SlowReader(FootageReader):
            def __init__(self, path: Path) -> None:
                super().__init__(path)
                self.closed = self.closed_under_reader = False
                self.reading = threading.Event()
                readers.append(self)

            def frame(self, index: int) -> np.ndarray:
                if self.closed:
                    self.closed_under_reader = True
                    return np.zeros((96, 120, 3), np.uint8)
                image = super().frame(index)
                self.reading.set()
                time.sleep(0.05)
                self.closed_under_reader |= self.closed
                return image

            def __exit__(self, *error: object) -> None:
                self.closed = True
                super().__exit__(None, None, None)

        monkeypatch.setattr(pipeline, "FootageReader", SlowReader)
        if leave == "close":
            frames = render_frames(draw_sketches(keypoints_of(200), tiny_inpaint_person), tiny_inpaint_person)
            next(frames)
            frames.close()  # type: ignore[attr-defined]
        else:
            sound = write_sound(tmp_path / "long.wav", babble(8.0))
            with pytest.raises(KeyboardInterrupt):
                speak(sound, tmp_path / "a.mp4", tiny_inpaint_person, progress=Interrupting(KeyboardInterrupt))
            assert [path.name for path in tmp_path.iterdir()] == ["long.wav"]
        [reader] = readers
        assert reader.closed
        assert not reader.closed_under_reader

    def test_footage_that_is_not_there(self, tiny_inpaint_person: Person, tmp_path: Path) -> None:
        shutil.copy(tiny_inpaint_person.renderer_network.onnx, tmp_path)
        nowhere = replace(tiny_inpaint_person, folder=tmp_path)
        with pytest.raises(VideoError, match="footage cannot be read"):
            list(render_frames(draw_sketches(keypoints_of(3), nowhere), nowhere))


@pytest.fixture(scope="module")
def default_person() -> Person:
    """Return the person that comes with the program, or skip the test where it is not there."""
    folder = ROOT / "checkpoints" / "grid_s1"
    if not folder.is_dir():
        pytest.skip(f"the default person is not there: {folder}")
    return load_person(folder)


class TestDefaultPerson:
    def mouth(self, person: Person, sound: Path) -> np.ndarray:
        return predict_raw(load_features(sound, person), person).points

    @pytest.mark.parametrize("noise", [0.0, 1e-4])
    def test_silence_is_a_closed_still_mouth(self, default_person: Person, tmp_path: Path, noise: float) -> None:
        samples = np.random.default_rng(0).normal(0, 1, 4 * SAMPLE_RATE) * noise
        points = self.mouth(default_person, write_sound(tmp_path / "silence.wav", samples.astype(np.float32)))
        assert len(points) == 100
        opening, rest = mouth_opening(points), float(mouth_opening(default_person.mouth.rest))
        # In eye distances, of which a wide-open mouth is about a tenth or more.
        assert np.abs(opening - rest).max() < 0.02
        assert np.linalg.norm(np.diff(points[25:], axis=0), axis=-1).max() < 1e-3

    def test_speech_opens_and_closes_it(self, default_person: Person) -> None:
        opening = mouth_opening(self.mouth(default_person, ROOT / "data" / "audio" / "hello_en.wav"))
        rest = float(mouth_opening(default_person.mouth.rest))
        assert np.quantile(opening, 0.95) > rest + 0.03
        assert np.quantile(opening, 0.05) < rest + 0.03
        assert opening.std() > 0.01

    def test_its_lips_are_those_recorded(
        self, default_person: Person, recorded_test_split: list[Recorded], track_cache: Path
    ) -> None:
        """Ten sentences that it was not trained on; what all 40 give is in benchmarks/RESULTS.md."""
        predictor, tracker, mouth = Predictor(default_person), Tracker(track_cache), default_person.mouth
        said, true, pixels, mean_pixels, true_pixels = [], [], [], [], []
        for video in (one.video for one in recorded_test_split):
            track = tracker.track(video)
            points = predictor.predict(load_features(video, default_person)).points
            seen = np.flatnonzero(track.seen[: len(points)])
            placement = place_head(track.landmarks[seen], mouth.head)
            true.append(mouth_opening(to_canonical(track.landmarks[seen], placement)[:, MOUTH]))
            said.append(mouth_opening(points[seen]))
            pixels.append(to_pixel(points[seen], placement))
            mean_pixels.append(to_pixel(np.broadcast_to(mouth.pca.mean.reshape(1, 20, 2), pixels[-1].shape), placement))
            true_pixels.append(track.landmarks[seen, MOUTH])
        opening, true_opening = np.concatenate(said), np.concatenate(true)
        distance, mean_distance = (
            np.linalg.norm(np.concatenate(one) - np.concatenate(true_pixels), axis=-1).mean()
            for one in (pixels, mean_pixels)
        )
        # Measured: 0.955, 0.99, 0.58 px and 0.41.
        assert np.corrcoef(opening, true_opening)[0, 1] > 0.93
        assert 0.93 < opening.std() / true_opening.std() < 1.07
        assert distance < 0.63
        assert distance < 0.46 * mean_distance

    @pytest.mark.parametrize(
        ("voice", "text"),
        [
            ("en-gb+f3", "My puppy may bump a big map before supper."),
            ("es+klatt3", "Mi mamá compra un mapa bonito para Pepe."),
        ],
        ids=["English", "Spanish"],
    )
    def test_its_lips_meet_in_sentences_that_it_never_heard(
        self, default_person: Person, tmp_path: Path, voice: str, text: str
    ) -> None:
        """By sound alone, in voices that were held back; benchmarks/RESULTS.md, "Lips that shut"."""
        speech = speak_timed(text, voice)
        write_sound(tmp_path / "said.wav", at_sample_rate(speech))
        said = predict_raw(load_features(tmp_path / "said.wav", default_person), default_person)
        gap, times = mouth_opening(said.points), frame_times(len(said.points), said.fps)
        words = tuple(syllables_of(word, voice.partition("+")[0]) for word in speech.words)
        closures, vowels = lip_closures(words), open_vowels(words)
        least = [gap[(times > span.start - 0.08) & (times < span.end + 0.08)].min() for span in closures]
        most = [gap[(times > span.start - 0.04) & (times < span.end + 0.04)].max() for span in vowels]
        assert len(closures) >= 8
        assert np.mean(np.array(least) < 0.25 * np.median(most)) >= 0.8
        assert np.median(most) > 0.03

    def test_the_finished_video_shows_that_mouth(self, default_person: Person, tmp_path: Path) -> None:
        samples = load_sound(ROOT / "data" / "audio" / "hello_en.wav").samples[: 3 * SAMPLE_RATE]
        sound = write_sound(tmp_path / "hello.wav", samples)
        made = speak(sound, tmp_path / "hello.mp4", default_person)
        duration = open_sound(sound).duration
        info = probe_video(made.path)
        assert info.frame_count == made.frames == frames_to_cover(duration, default_person.fps)
        assert (info.width, info.height) == (default_person.image_size,) * 2
        assert abs(float(open_sound(made.path).duration - duration)) < float(1 / default_person.fps)
        frames = (frame.image for frame in read_frames(made.path))
        track = track_face(frames, MeshLandmarker())
        assert (track.segment == 0).mean() > 0.95
        seen = track.segment == 0
        asked = np.stack(
            list(place_landmarks(predict_raw(load_features(sound, default_person), default_person), default_person))
        )
        shown = track.landmarks[seen]
        assert np.linalg.norm(shown[:, 48:68] - asked[seen, 48:68], axis=-1).mean() < 6
        told = np.corrcoef(mouth_opening(shown[:, 48:68]), mouth_opening(asked[seen, 48:68]))[0, 1]
        assert told > 0.7
