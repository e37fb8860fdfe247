"""The lip reader: GRID's grammar, the mouth windows, training, and what the judge that comes with the program reads."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import ROOT, Recorded, made_landmarks
from made import foreign_files, prepare_recorded, recorded_frames, write_video

from obamanet.errors import DatasetError, EngineError, EvaluationError, OptionError
from obamanet.evaluation.judges.lip_reading import LipReader, MouthPair, word_error
from obamanet.evaluation.measure import Measurer
from obamanet.evaluation.pairing import Pair
from obamanet.evaluation.protocol import load_protocol
from obamanet.evaluation.tracks import ClipTrack, Tracker
from obamanet.networks.config import LipReaderConfig
from obamanet.training.data.dataset import Dataset, load_dataset, split_dataset
from obamanet.training.data.word_times import TimedWord
from obamanet.training.judges.grid_grammar import (
    CLASSES,
    PAUSE,
    SLOTS,
    VOCABULARY,
    decode,
    frame_classes,
    sentence_times,
    words_of_name,
)
from obamanet.training.judges.lip_reader_training import (
    WINDOW,
    LipReaderLearner,
    LipReaderOptions,
    Sentence,
    SentenceSource,
    train_lip_reader,
)
from obamanet.training.judges.mouth_crops import HEIGHT, MARGIN, WIDTH, network_windows, place_mouths
from obamanet.training.loop.runner import Limits

TINY = LipReaderOptions(steps=2, batch_size=2, filters=(4, 4, 4), units=8, epoch_steps=2)


class TestGrammar:
    def test_a_name_spells_its_sentence(self) -> None:
        assert words_of_name("bbaf2n") == ("bin", "blue", "at", "f", "two", "now")
        assert words_of_name("swizzs") == ("set", "white", "in", "z", "zero", "soon")

    @pytest.mark.parametrize("name", ["", "bbaf2", "bbaf2nn", "xbaf2n", "bbaw2n", "bbaf0n", "talk_1"])
    def test_other_names_spell_nothing(self, name: str) -> None:
        with pytest.raises(ValueError, match="no sentence of GRID"):
            words_of_name(name)

    def test_there_are_51_words(self) -> None:
        assert len(set(VOCABULARY)) == len(VOCABULARY) == CLASSES - 1 == 51

    def test_names_say_what_the_word_times_say(self, grid_s1: Path) -> None:
        files = sorted((grid_s1 / "align").glob("*.align"))
        assert len(files) == 494
        for file in files:
            times = sentence_times(file.parent, file.stem)
            assert tuple(said.word for said in times) == words_of_name(file.stem)
            assert all(one.end <= other.start for one, other in pairwise(times))

    def test_word_times_are_read_and_moved(self, tmp_path: Path) -> None:
        path = tmp_path / "x.align"
        lines = ["0 25000 sil", *(f"{25000 * n} {25000 * n + 12500} {s[0]}" for n, s in enumerate(SLOTS, 1)), "0 1 sp"]
        path.write_bytes("\r\n".join(lines).encode() + b"\r\n")
        words = sentence_times(tmp_path, "x")
        assert [said.word for said in words] == ["bin", "blue", "at", "a", "zero", "again"]
        assert words[2].start == pytest.approx(2.96)
        assert words[2].end == pytest.approx(3.46)

    @pytest.mark.parametrize("text", ["", "0 1 sil\n", "0 x bin\n", "0 1\n", "0 1 bin\n1 2 blue\n"])
    def test_other_files_are_refused(self, tmp_path: Path, text: str) -> None:
        path = tmp_path / "x.align"
        path.write_text(text)
        with pytest.raises(DatasetError, match=r"x\.align|the clip x"):
            sentence_times(tmp_path, "x")

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(DatasetError, match=r"gone\.align"):
            sentence_times(tmp_path, "gone")

    def test_frames_get_the_word_said_at_their_time(self) -> None:
        words = (TimedWord("bin", 0.08, 0.16), TimedWord("blue", 0.16, 0.2))
        bin_class, blue_class = 1 + VOCABULARY.index("bin"), 1 + VOCABULARY.index("blue")
        classes = frame_classes(words, np.arange(7) / 25)
        assert classes.tolist() == [PAUSE, PAUSE, bin_class, bin_class, blue_class, PAUSE, PAUSE]


def paths(length: int) -> Iterator[list[int]]:
    """Yield every way through pause, word, pause, word ... in ``length`` frames, pauses being optional."""

    def onward(path: list[int]) -> Iterator[list[int]]:
        if len(path) == length:
            if path[-1] >= 11:
                yield path
            return
        last = path[-1]
        steps = [last, last + 1] if last % 2 == 0 else [last, last + 1, last + 2]
        for step in steps:
            if step <= 12:
                yield from onward([*path, step])

    yield from onward([0])
    yield from onward([1])


class TestDecoding:
    @pytest.mark.parametrize("seed", range(5))
    def test_the_best_path_is_that_of_trying_all(self, seed: int) -> None:
        scores = np.random.default_rng(seed).normal(0, 3, (9, CLASSES))
        best, sentence = -np.inf, None
        for path in paths(len(scores)):
            total, words = sum(scores[frame, PAUSE] for frame, layer in enumerate(path) if layer % 2 == 0), []
            for number, slot in enumerate(SLOTS):
                frames = [frame for frame, layer in enumerate(path) if layer == 2 * number + 1]
                sums = {word: scores[frames, 1 + VOCABULARY.index(word)].sum() for word in slot}
                words.append(max(sums, key=lambda word: sums[word]))
                total += max(sums.values())
            if total > best:
                best, sentence = total, tuple(words)
        assert decode(scores) == sentence

    def test_planted_words_are_read(self) -> None:
        said = words_of_name("pgwq8s")
        classes = frame_classes(
            [TimedWord(w, 1 + 0.2 * n, 1.2 + 0.2 * n) for n, w in enumerate(said)], np.arange(75) / 25
        )
        scores = np.random.default_rng(1).normal(0, 1, (75, CLASSES))
        scores[np.arange(75), classes] += 4
        assert decode(scores) == said

    def test_too_few_frames(self) -> None:
        assert len(decode(np.zeros((6, CLASSES)))) == 6
        with pytest.raises(ValueError, match="5 frames are too few"):
            decode(np.zeros((5, CLASSES)))


class TestWordError:
    @pytest.mark.parametrize(
        ("said", "read", "error"),
        [
            ("bin blue at", "bin blue at", 0.0),
            ("bin blue at f", "bin red at f", 0.25),
            ("bin blue at f", "bin at f", 0.25),
            ("bin blue", "bin so blue", 0.5),
            ("bin blue", "", 1.0),
            ("bin", "so blue now", 3.0),
            ("a b c d", "b c d a", 0.5),
        ],
    )
    def test_known_answers(self, said: str, read: str, error: float) -> None:
        assert word_error(said.split(), read.split()) == error

    def test_against_plain_recursion(self) -> None:
        def distance(a: tuple[int, ...], b: tuple[int, ...]) -> int:
            if not a or not b:
                return len(a) + len(b)
            return min(distance(a[1:], b) + 1, distance(a, b[1:]) + 1, distance(a[1:], b[1:]) + (a[0] != b[0]))

        random = np.random.default_rng(3)
        for _ in range(30):
            a, b = (tuple(random.integers(0, 3, random.integers(1, 6)).tolist()) for _ in range(2))
            said, read = [str(sign) for sign in a], [str(sign) for sign in b]
            assert word_error(said, read) == distance(a, b) / len(a)

    def test_nothing_said(self) -> None:
        with pytest.raises(ValueError, match="no word was said"):
            word_error((), ("bin",))


@pytest.fixture(scope="module")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Tracker:
    return Tracker(tmp_path_factory.mktemp("cache"))


class RecordedMouth:
    """The frames and landmarks of a stretch of a real sentence."""

    def __init__(self, video: Path, tracker: Tracker) -> None:
        self.frames = recorded_frames(video, 30, first=20)
        self.landmarks = tracker.track(video).landmarks[20:50].astype(np.float64)

    def windows(self) -> np.ndarray:
        places = place_mouths(self.landmarks)
        return np.stack([places.cut(frame, row) for row, frame in enumerate(self.frames)])


@pytest.fixture(scope="module")
def recorded(grid_s1: Path, tracker: Tracker) -> RecordedMouth:
    return RecordedMouth(grid_s1 / "video" / "bwig3a.mpg", tracker)


class TestMouths:
    def test_windows_have_one_size_and_type(self, recorded: RecordedMouth) -> None:
        windows = recorded.windows()
        assert windows.shape == (30, HEIGHT + 2 * MARGIN, WIDTH + 2 * MARGIN)
        assert windows.dtype == np.uint8

    @pytest.mark.parametrize(("scale", "tilt"), [(1.8, 0.0), (0.8, 0.15), (1.3, -0.3)])
    def test_size_place_and_tilt_of_the_head_make_no_difference(
        self, recorded: RecordedMouth, scale: float, tilt: float
    ) -> None:
        turn = scale * np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]])
        middle = recorded.landmarks.mean(axis=(0, 1))
        matrix = np.concatenate([turn, (np.array([250, 240]) - turn @ middle)[:, None]], axis=1)
        moved = place_mouths(recorded.landmarks @ turn.T + matrix[:, 2])
        frames = [cv2.warpAffine(frame, matrix, (500, 480), flags=cv2.INTER_AREA) for frame in recorded.frames]
        again = network_windows(np.stack([moved.cut(frame, row) for row, frame in enumerate(frames)]))
        still = network_windows(recorded.windows())
        assert np.corrcoef(again.ravel(), still.ravel())[0, 1] > 0.98
        # The movement itself agrees too, not only the face.
        assert np.corrcoef(np.diff(again, axis=0).ravel(), np.diff(still, axis=0).ravel())[0, 1] > 0.9

    def test_light_and_contrast_make_no_difference(self, recorded: RecordedMouth) -> None:
        places = place_mouths(recorded.landmarks)
        dark = [(40 + 0.6 * frame).astype(np.uint8) for frame in recorded.frames]
        again = network_windows(np.stack([places.cut(frame, row) for row, frame in enumerate(dark)]))
        # Two grey levels of the darker picture.
        np.testing.assert_allclose(again, network_windows(recorded.windows()), atol=0.16)

    def test_the_mouth_is_in_the_window(self, recorded: RecordedMouth) -> None:
        places = place_mouths(recorded.landmarks)
        marked = np.zeros((288, 360, 3), np.uint8)
        for x, y in np.rint(recorded.landmarks[10, 48:60]).astype(int).tolist():
            cv2.circle(marked, (x, y), 1, (255, 255, 255), -1)
        window = places.cut(marked, 10)
        assert window[MARGIN:-MARGIN, MARGIN:-MARGIN].sum() > 0.99 * window.sum() > 0
        rows, columns = np.nonzero(window > 60)
        assert abs(columns.mean() - (WIDTH + 2 * MARGIN - 1) / 2) < 3
        assert abs(rows.mean() - (HEIGHT + 2 * MARGIN - 1) / 2) < 4
        assert np.ptp(columns) > 0.6 * WIDTH

    def test_a_mouth_beyond_the_frame(self, recorded: RecordedMouth) -> None:
        places = place_mouths(recorded.landmarks - (170, 0))
        assert places.cut(recorded.frames[0], 0).shape == (HEIGHT + 2 * MARGIN, WIDTH + 2 * MARGIN)
        assert not place_mouths(recorded.landmarks - (900, 0)).cut(recorded.frames[0], 0).any()


def made_sentence(seed: int = 0) -> Sentence:
    """Return a sentence whose windows are as bright as the class of the frame."""
    said = words_of_name("pgwq8s")
    words = [TimedWord(word, 1 + 0.2 * n, 1.2 + 0.2 * n) for n, word in enumerate(said)]
    classes = frame_classes(words, np.arange(75) / 25)
    shape = (75, HEIGHT + 2 * MARGIN, WIDTH + 2 * MARGIN)
    noise = np.random.default_rng(seed).integers(0, 20, shape)
    return Sentence((4 * classes[:, None, None] + noise).astype(np.uint8), classes, said)


class TestExamples:
    def test_a_step_draws_always_the_same(self) -> None:
        source = SentenceSource([made_sentence(n) for n in range(4)], LipReaderOptions(batch_size=3))
        windows, classes = source.batch(5)
        assert windows.shape == (3, WINDOW, HEIGHT, WIDTH)
        assert windows.dtype == np.float32
        assert classes.shape == (3, WINDOW)
        np.testing.assert_array_equal(windows, source.batch(5)[0])
        assert (windows != source.batch(6)[0]).any()

    def test_the_whole_sentence_is_shown_in_order(self) -> None:
        source = SentenceSource([made_sentence()], LipReaderOptions(batch_size=8))
        for classes in source.batch(1)[1]:
            shown = classes[classes != PAUSE]
            order = shown[np.concatenate([[True], shown[1:] != shown[:-1]])]
            assert [VOCABULARY[number - 1] for number in order] == list(words_of_name("pgwq8s"))

    def test_windows_and_classes_stay_together(self) -> None:
        options = LipReaderOptions(batch_size=8, shift=0, turn=0, zoom=0, noise=0)
        windows, classes = SentenceSource([made_sentence()], options).batch(2)
        for shown, said in zip(windows.mean(axis=(2, 3)), classes, strict=True):
            # Not 1: between two words both shine through, and a frame or three may be lost.
            assert np.corrcoef(shown, said)[0, 1] > 0.85


@pytest.fixture(scope="module")
def dataset(grid_s1: Path, common_folder: Path) -> Dataset:
    return load_dataset(prepare_recorded(grid_s1, common_folder))


class TestTraining:
    def test_a_stopped_run_ends_like_one_that_was_not(
        self, dataset: Dataset, grid_s1: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        split = split_dataset(dataset, val_share=0.5)
        for name, limits in (("whole", Limits()), ("parts", Limits(steps=1)), ("parts", Limits())):
            folder = tmp_path / name
            train_lip_reader(dataset, split, grid_s1 / "align", folder, TINY, attribution="GRID", limits=limits)
            # Only the first judge, and what was drawn of it, is looked at below.
            monkeypatch.setattr("obamanet.training.judges.train_judge.write_network", lambda *_: None)
            monkeypatch.setattr(LipReaderLearner, "sample", lambda *_: None)
        with np.load(tmp_path / "whole" / "state.npz") as whole, np.load(tmp_path / "parts" / "state.npz") as parts:
            assert int(whole["step"]) == 2
            for name in whole:
                np.testing.assert_array_equal(whole[name], parts[name], err_msg=name)
        card = json.loads((tmp_path / "whole" / "lipreader.json").read_text())
        assert foreign_files(tmp_path / "whole") == []
        assert (card["attribution"], card["data"]["split"], card["training"]["steps"]) == ("GRID", split.digest, 2)
        assert card["vocabulary"] == list(VOCABULARY)
        assert len(LipReader(tmp_path / "whole").read(np.zeros((30, 40, 56), np.uint8), np.arange(30) / 25)) == 6

    def test_a_clip_without_word_times(self, dataset: Dataset, tmp_path: Path) -> None:
        split = split_dataset(dataset, val_share=0.5)
        with pytest.raises(DatasetError, match=r"bbaf..\.align"):
            train_lip_reader(dataset, split, tmp_path, tmp_path / "run", TINY)

    def test_another_frame_rate(self, dataset: Dataset, grid_s1: Path, tmp_path: Path) -> None:
        other = replace(dataset, fps=dataset.fps * 2)
        with pytest.raises(DatasetError, match="50 frames per second"):
            train_lip_reader(other, split_dataset(dataset, val_share=0.5), grid_s1, tmp_path, TINY)

    @pytest.mark.parametrize("wrong", [{"steps": 0}, {"batch_size": 0}, {"epoch_steps": 0}, {"learning_rate": 1.0}])
    def test_options_out_of_range(self, wrong: dict[str, float]) -> None:
        with pytest.raises(OptionError, match="got"):
            LipReaderOptions(**wrong)  # type: ignore[arg-type]

    def test_sizes_out_of_range(self) -> None:
        with pytest.raises(OptionError, match="lip reader size"):
            LipReaderConfig(HEIGHT, WIDTH, CLASSES, units=4)


class TestDamage:
    @pytest.mark.parametrize("text", [None, "{", "[]", '{"schema": 99}', '{"schema": 2}'])
    def test_a_reader_that_is_none(self, tmp_path: Path, text: str | None) -> None:
        if text is not None:
            (tmp_path / "lipreader.json").write_text(text)
        with pytest.raises(EvaluationError, match=r"lipreader\.json"):
            LipReader(tmp_path)

    def test_a_network_of_another_size(self, tiny_judges: Path, tmp_path: Path) -> None:
        folder = Path(shutil.copytree(tiny_judges / "lipreader", tmp_path / "lipreader"))
        card = json.loads((folder / "lipreader.json").read_text())
        card["network"]["units"] = 16
        (folder / "lipreader.json").write_text(json.dumps(card))
        with pytest.raises(EngineError, match=r"network does not fit its card: .*lipreader\.onnx"):
            LipReader(folder)


JUDGES = ROOT / "obamanet" / "evaluation" / "judges" / "weights"


def shipped_card() -> dict[str, Any]:
    card: dict[str, Any] = json.loads((JUDGES / "lipreader.json").read_text())
    return card


@pytest.fixture(scope="module")
def reader() -> LipReader:
    return LipReader()


class Read:
    """A real test sentence: its track and its mouths."""

    def __init__(self, video: Path, tracker: Tracker) -> None:
        track: ClipTrack = tracker.track(video)
        rows = np.flatnonzero(track.seen)
        places = place_mouths(track.landmarks[rows])
        frames = recorded_frames(video, len(track.seen))
        self.words = words_of_name(video.stem)
        self.mouths = np.stack([places.cut(frames[frame], row) for row, frame in enumerate(rows)])
        self.times = track.times[rows]


@pytest.fixture(scope="module")
def sentences(recorded_test_split: list[Recorded], track_cache: Path) -> list[Read]:
    tracker = Tracker(track_cache)
    return [Read(one.video, tracker) for one in recorded_test_split]


class TestJudge:
    def test_it_reads_real_test_sentences(self, reader: LipReader, sentences: list[Read]) -> None:
        assert len(sentences) == 10
        errors = [word_error(sentence.words, reader.read(sentence.mouths, sentence.times)) for sentence in sentences]
        assert np.mean(errors) <= 0.15
        # The card tells of all 40 sentences; a word of these is 1.7 %.
        assert shipped_card()["test"]["word_error"] == pytest.approx(100 * np.mean(errors), abs=4.0)

    def test_the_mirror_image_reads_the_same(self, reader: LipReader, sentences: list[Read]) -> None:
        sentence = sentences[0]
        mirrored = sentence.mouths[..., ::-1]
        assert reader.read(mirrored, sentence.times) == reader.read(sentence.mouths, sentence.times)

    def test_a_mouth_that_stands_still_says_nothing(self, reader: LipReader, sentences: list[Read]) -> None:
        errors = [
            word_error(sentence.words, reader.read(np.repeat(sentence.mouths[:1], 75, axis=0), np.arange(75) / 25))
            for sentence in sentences
        ]
        assert np.mean(errors) > 0.6

    def test_another_sentence_is_not_read_into_it(self, reader: LipReader, sentences: list[Read]) -> None:
        read = [reader.read(sentence.mouths, sentence.times) for sentence in sentences]
        errors = [word_error(a.words, b) for a, b in zip(sentences, [*read[4:], *read[:4]], strict=True)]
        assert np.mean(errors) > 0.6

    def test_another_frame_rate_reads_alike(self, reader: LipReader, sentences: list[Read]) -> None:
        """Twice the frames, each shown twice, and one frame in ten lost."""
        sentence = sentences[0]
        times = np.arange(2 * len(sentence.mouths)) / 50
        double = reader.read(np.repeat(sentence.mouths, 2, axis=0), times)
        assert double == reader.read(sentence.mouths, sentence.times)
        kept = np.arange(len(sentence.mouths)) % 10 != 5
        error = word_error(sentence.words, reader.read(sentence.mouths[kept], sentence.times[kept]))
        assert error <= 0.5

    def test_too_short_a_video(self, reader: LipReader) -> None:
        with pytest.raises(ValueError, match="too few"):
            reader.read(np.zeros((4, 40, 56), np.uint8), np.arange(4) / 25)

    def test_it_is_small_and_says_what_it_is(self) -> None:
        assert (JUDGES / "lipreader.weights.h5").stat().st_size < 2_000_000
        card = shipped_card()
        assert card["vocabulary"] == list(VOCABULARY)
        assert "10.5281/zenodo.3625687" in card["attribution"]
        assert card["test"]["word_error"] <= 35


class TestRow:
    def test_words_are_known_of_the_protocols_own_clips(self) -> None:
        protocol = load_protocol("grid_s1")
        assert protocol.words("bbaf2n") == ("bin", "blue", "at", "f", "two", "now")
        # A sentence of GRID's, but no recording of this protocol.
        assert protocol.words("bbaf9n") == ()
        assert protocol.words("talk") == ()

    def test_a_protocol_that_promises_sentences_must_name_them(self, tmp_path: Path) -> None:
        content = {"schema": 1, "name": "x", "title": "x", "source": "x", "licence": "x", "splits": {"test": ["talk"]}}
        path = tmp_path / "x.json"
        path.write_text(json.dumps(content))
        assert load_protocol(str(path)).words("talk") == ()
        path.write_text(json.dumps({**content, "transcripts": "grid names"}))
        with pytest.raises(EvaluationError, match="no sentence of GRID is named 'talk'"):
            load_protocol(str(path))

    def test_the_real_clip_beside_one_that_stands_still(self, grid_s1: Path, tmp_path: Path) -> None:
        video = grid_s1 / "video" / "bbal7s.mpg"
        # Around the face alone: the pictures are measured too.
        frames = [frame[20:268, 75:285] for frame in recorded_frames(video, 75)]
        real = write_video(tmp_path / "real.mp4", frames, video)
        still = write_video(tmp_path / "still.mp4", frames[:1] * 75, video)
        found = Measurer(tmp_path / "cache").measure(Pair("still", still, real, words_of_name("bbal7s")))
        score = next(score for score in found.scores if score.key == "word_error")
        assert score.generated is not None and score.real is not None
        assert score.real <= 50 <= score.generated

    def test_both_mouths_are_cut_as_the_frames_pass(self) -> None:
        landmarks = made_landmarks(3, 200).astype(np.float64)
        mouths = MouthPair(landmarks, landmarks, np.arange(3) / 25)
        for _ in range(3):
            mouths.add_frame(np.zeros((200, 200, 3), np.uint8), np.zeros((200, 200, 3), np.uint8))

        class Silent(LipReader):
            def __init__(self) -> None:
                self.seen: list[int] = []

            def read(self, mouths: object, times: np.ndarray) -> tuple[str, ...]:
                self.seen.append(len(times))
                return ("bin",) if len(self.seen) == 1 else ("bin", "blue")

        silent = Silent()
        assert mouths.word_errors(silent, ("bin", "blue")) == (50.0, 0.0)
        assert silent.seen == [3, 3]
