"""One pair of videos measured: known answers on a real sentence, and everything that can be wrong with a pair."""

from __future__ import annotations

import math
import tracemalloc
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from made import recorded_frames, write_video

from obamanet.constants import MIRRORED, MOUTH
from obamanet.errors import EvaluationError, FaceError, VideoError
from obamanet.evaluation import tracks
from obamanet.evaluation.alignment import align, covered
from obamanet.evaluation.catalogue import METRICS
from obamanet.evaluation.judges.judge_folders import find_judges
from obamanet.evaluation.judges.lip_reading import NO_TRANSCRIPT
from obamanet.evaluation.judges.lpips import Supplied
from obamanet.evaluation.measure import ClipScores, Measurer, Score, _mouth, _unpasted
from obamanet.evaluation.pairing import Pair
from obamanet.evaluation.tracks import CACHE_VARIABLE, ClipTrack, Tracker, cache_folder
from obamanet.render.crop import cut_square
from obamanet.training.judges.grid_grammar import words_of_name

FRAMES = 45
"""Of a sentence of 75; from the 10th on the mouth moves."""


class Bench:
    """A real stretch of a sentence, what is made of it, and the measurer with its cache."""

    def __init__(self, video: Path, folder: Path) -> None:
        self.folder = folder
        self.measurer = Measurer(folder / "cache")
        # Around the face, with some background beside it: what lies farther off takes time and tells nothing.
        self.frames = [frame[20:268, 75:285] for frame in recorded_frames(video, FRAMES, first=8)]
        self.sound = video
        self.real = write_video(folder / "real.mp4", self.frames, video)

    def write(self, name: str, frames: list[np.ndarray], fps: int = 25) -> Path:
        return write_video(self.folder / name, frames, self.sound, Fraction(fps))

    def measure(self, generated: Path) -> ClipScores:
        return self.measurer.measure(Pair(generated.stem, generated, self.real))


@pytest.fixture(scope="module")
def bench(grid_s1: Path, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(grid_s1 / "video" / "bwig3a.mpg", tmp_path_factory.mktemp("bench"))


@pytest.fixture(scope="module")
def itself(bench: Bench) -> ClipScores:
    """Return what the recording is measured at against itself, its words known."""
    return bench.measurer.measure(Pair("bwig3a", bench.real, bench.real, words_of_name("bwig3a")))


def scores_of(clip: ClipScores) -> dict[str, Score]:
    return {score.key: score for score in clip.scores}


def test_identical_clips_are_perfect(itself: ClipScores) -> None:
    scores = scores_of(itself)
    measured = {metric.key for metric in METRICS if not metric.pooled}
    assert scores.keys() == measured
    for key in ("lmd_px", "lmd_eyes", "lmd_placed_px", "lmd_placed_eyes", "velocity_error", "identity"):
        assert scores[key].generated == pytest.approx(0.0, abs=1e-9), key
    for key in ("opening_correlation", "opening_amplitude", "width_correlation"):
        assert scores[key].generated == pytest.approx(1.0, abs=1e-9), key
    for crop in ("full", "face", "mouth", "placed"):
        assert scores[f"psnr_{crop}"].generated == math.inf, crop
        assert scores[f"ssim_{crop}"].generated == pytest.approx(1.0, abs=1e-12), crop
    assert scores["flicker"].real is not None and scores["word_error"].real is not None
    for key in ("word_error", "tremble", "sharp_face", "sharp_mouth", "cpbd", "flicker", "av_offset", "silence_motion"):
        assert scores[key].generated == scores[key].real, key
    assert itself.notes == ()


def test_judges_of_ones_own_take_the_place_of_those_of_the_program(
    bench: Bench, itself: ClipScores, tiny_judges: Path
) -> None:
    supplied = Supplied(judges=find_judges(tiny_judges))
    ours, theirs = map(scores_of, (itself, Measurer(bench.folder / "cache", supplied).measure(itself.pair)))
    for key in ("own_confidence", "word_error"):
        assert theirs[key].real == theirs[key].generated is not None
    assert abs(theirs["own_confidence"].real - ours["own_confidence"].real) > 0.01
    # Random weights read nothing from lips; ours reads some of this half-sentence.
    assert theirs["word_error"].real > ours["word_error"].real


def test_a_frozen_mouth_is_named_and_has_no_correlation(bench: Bench) -> None:
    clip = bench.measure(bench.write("frozen.mp4", [bench.frames[0]] * 33))
    scores = scores_of(clip)
    assert scores["opening_correlation"].generated == 0.0
    assert scores["width_correlation"].generated == 0.0
    assert scores["av_confidence"].generated == 0.0
    assert (scores["av_offset"].generated, scores["av_offset"].reason) == (None, "the generated mouth is frozen")
    assert (scores["word_error"].real, scores["word_error"].reason) == (None, NO_TRANSCRIPT)
    assert "frozen: the generated mouth does not move" in clip.notes
    values = [value for score in clip.scores for value in (score.generated, score.real) if value is not None]
    assert not any(math.isnan(value) for value in values)


def test_a_mirrored_clip_is_an_error_of_pairing(bench: Bench) -> None:
    mirrored = bench.write("mirrored.mp4", [np.ascontiguousarray(frame[:, ::-1]) for frame in bench.frames])
    with pytest.raises(EvaluationError, match=r"mirror image.*mirrored\.mp4"):
        bench.measure(mirrored)


def test_rate_length_and_size_are_aligned_and_said(bench: Bench) -> None:
    # The square that a whole-face person is: cut, enlarged, at 50 fps, and a quarter shorter.
    portrait = [cv2.resize(frame[30:240], (252, 252)) for frame in bench.frames[: FRAMES * 3 // 4]]
    clip = bench.measure(bench.write("portrait.mp4", [frame for frame in portrait for _ in range(2)], fps=50))
    scores = scores_of(clip)
    rates, lengths, sizes = clip.notes
    assert rates == "rates 50.000 and 25.000 fps: frames paired by time"
    assert lengths == "lengths 1.32 and 1.80 s: the common 1.32 s compared"
    assert sizes.startswith("frames 252x252 and 210x248: pictures and landmarks scaled by 0.83")
    lmd, correlation, ssim = (scores[key].generated for key in ("lmd_px", "opening_correlation", "ssim_face"))
    assert lmd is not None and lmd < 0.7
    assert correlation is not None and correlation > 0.95
    assert ssim is not None and ssim > 0.9
    assert len(clip.series.times) == 33


def test_blur_shows_in_every_picture_metric(bench: Bench) -> None:
    soft = [cv2.GaussianBlur(frame, (0, 0), 2) for frame in bench.frames[:15]]
    scores = scores_of(bench.measure(bench.write("soft.mp4", soft)))
    for key in ("sharp_face", "sharp_mouth", "cpbd"):
        generated, real = scores[key].generated, scores[key].real
        assert generated is not None and real is not None and generated < 0.6 * real, key
    full, face = scores["ssim_full"].generated, scores["ssim_face"].generated
    assert full is not None and face is not None and full < 0.97 and face < 0.95


def test_the_renderers_square_is_held_against_the_same_cut(bench: Bench, itself: ClipScores) -> None:
    real = itself.portraits[1]
    squares = [cut_square(frame, real, 128) for frame in bench.frames]
    exact = bench.write("square.mp4", squares)
    dark = bench.write("dark.mp4", [np.maximum(square, 16) - np.uint8(16) for square in squares])
    track = Tracker(bench.folder / "cache").track(bench.real)
    found = [
        {score.key: score for score in _unpasted(Pair("x", bench.real, bench.real, square=path), align(track, track))}
        for path in (exact, dark, None)
    ]
    values = [(scores["psnr_square"].generated, scores["ssim_square"].generated) for scores in found]
    assert values[0][0] is not None and values[0][0] > 35 and values[0][1] is not None and values[0][1] > 0.95
    assert values[1][0] == pytest.approx(20 * np.log10(255 / 16), abs=0.6)
    assert values[2] == (None, None) and "--person" in found[2]["psnr_square"].reason


def test_what_is_no_pair_says_why(bench: Bench) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (12, 144, 180, 3), dtype=np.uint8)
    with pytest.raises(FaceError, match=r"no face in any of 12 frames.*noise.mp4"):
        bench.measure(write_video(bench.folder / "noise.mp4", noise))
    with pytest.raises(VideoError, match="no such video file"):
        bench.measure(bench.folder / "none.mp4")
    text = bench.folder / "text.mp4"
    text.write_text("not a video")
    with pytest.raises(VideoError, match="not a readable video"):
        bench.measure(text)


def test_a_face_is_tracked_once_per_content(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Tracker(bench.folder / "cache").track(bench.real)
    copy = bench.folder / "copy.mp4"
    copy.write_bytes(bench.real.read_bytes())

    def refuse(*_: object) -> None:
        raise RuntimeError("tracked again")

    monkeypatch.setattr(tracks, "track_face", refuse)
    again = Tracker(bench.folder / "cache").track(copy)
    np.testing.assert_array_equal(again.landmarks, first.landmarks)
    damaged = bench.folder / "damaged"
    (damaged / "tracks").mkdir(parents=True)
    for kept in (bench.folder / "cache" / "tracks").iterdir():
        (damaged / "tracks" / kept.name).write_bytes(b"not numpy")
    with pytest.raises(RuntimeError, match="tracked again"):
        Tracker(damaged).track(copy)


def test_the_cache_is_where_the_user_wants_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "mine"))
    assert cache_folder() == tmp_path / "mine"
    monkeypatch.delenv(CACHE_VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    assert cache_folder() == tmp_path / "obamanet"


def test_the_mirror_swaps_left_and_right() -> None:
    assert sorted(MIRRORED) == list(range(68))
    np.testing.assert_array_equal(np.array(MIRRORED)[list(MIRRORED)], np.arange(68))
    left_corner, right_corner = MOUTH.start, MOUTH.start + 6
    assert MIRRORED[left_corner] == right_corner


def track_of(landmarks: np.ndarray, size: tuple[int, int], fps: int = 25) -> ClipTrack:
    count = len(landmarks)
    seen = np.ones(count, dtype=bool)
    return ClipTrack(np.arange(count) / fps, landmarks, seen, size, Fraction(fps), count / fps, False, True)


def test_a_known_similarity_is_undone() -> None:
    from conftest import made_landmarks

    real = made_landmarks(30, 200.0) + 40
    ours = (real - (40, 20)) * 1.5
    aligned = align(track_of(ours, (300, 300)), track_of(real, (320, 280)))
    np.testing.assert_allclose(aligned.ours, real, atol=1e-3)
    assert covered((300, 300), aligned) == (slice(20, 220), slice(40, 240))


def test_a_head_that_moves_elsewhere_is_taken_off() -> None:
    from conftest import made_landmarks

    real = made_landmarks(30, 200.0)
    turn = np.array([[np.cos(0.2), -np.sin(0.2)], [np.sin(0.2), np.cos(0.2)]])
    aligned = align(track_of(real @ turn.T + 15, (320, 280)), track_of(real, (320, 280)))
    assert np.abs(aligned.ours - aligned.real).max() > 10
    np.testing.assert_allclose(aligned.our_mouth, aligned.real_mouth, atol=1e-5)


def test_two_videos_without_common_faces_are_refused() -> None:
    from conftest import made_landmarks

    track = track_of(made_landmarks(30), (64, 64))
    blind = ClipTrack(
        track.times, track.landmarks, np.arange(30) < 1, track.size, track.fps, track.end, False, has_sound=False
    )
    with pytest.raises(EvaluationError, match="a face in only 1 of 30 common frames"):
        align(blind, track)


@pytest.mark.parametrize("rates", [(25, 25), (50, 25), (24, 25), (30, 50)])
def test_frames_are_paired_as_by_a_table_of_all_distances(rates: tuple[int, int]) -> None:
    from conftest import made_landmarks

    ours, real = (track_of(made_landmarks(2 * fps), (64, 64), fps) for fps in rates)
    random = np.random.default_rng(rates[0])
    ours, real = (replace(track, seen=random.random(len(track.seen)) < 0.7) for track in (ours, real))
    aligned = align(ours, real)
    times = np.arange(aligned.count) / rates[1]
    ours_seen, real_seen = (
        track.seen[np.abs(track.times[None, :] - times[:, None]).argmin(axis=1)] for track in (ours, real)
    )
    np.testing.assert_array_equal(aligned.faces, np.flatnonzero(ours_seen & real_seen))


def test_an_hour_is_measured_in_less_than_a_gigabyte() -> None:
    """Six minutes are, in a tenth of that; twice the length takes twice the memory."""
    from conftest import made_landmarks

    peaks = []
    for minutes in (3, 6):
        track = track_of(made_landmarks(minutes * 60 * 25, 200.0), (200, 200))
        tracemalloc.start()
        try:
            _mouth(align(track, track))
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert peaks[1] < 1e9 / 10
    assert peaks[1] < 2.2 * peaks[0]
