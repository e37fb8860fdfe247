"""Text to mouth without a sound: what the network reads, where lips meet, training, and the finished video."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, made_landmarks, run_eagerly
from made import MadeClip, babble, foreign_files, write_dataset

from obamanet.cli.app import obamanet_app, run_app
from obamanet.cli.boundary import call
from obamanet.constants import MOUTH
from obamanet.errors import OptionError, PersonError
from obamanet.keypoints.head import place_head
from obamanet.keypoints.lips import hold_still, round_lips
from obamanet.keypoints.mouth_poses import fit_poses
from obamanet.keypoints.opening import mouth_opening, mouth_width
from obamanet.keypoints.pca import MouthPca
from obamanet.keypoints.placement import to_canonical
from obamanet.networks.config import PoserConfig
from obamanet.networks.pose_lstm import build_poser
from obamanet.person import POSES_FILE, Person, TextPart, load_person, poser_of, poses_of, save_card, save_poses
from obamanet.pipelines.speak import SpeakOptions
from obamanet.timing import frame_times
from obamanet.training.data.dataset import load_dataset, split_dataset
from obamanet.training.loop.runner import Limits, TrainReport
from obamanet.types import AudioClip, CanonicalKeypoints, Span
from obamanet.video.reader import read_frames
from text2face.mouth.articulation import SIZE, articulation, letters
from text2face.mouth.lip_times import MIN_CLOSURE, joined, lip_closures, lip_roundings, sounding
from text2face.mouth.mouth_track import MouthTrack
from text2face.mouth.pose_examples import prose
from text2face.mouth.pose_features import BOUNDARY, INPUTS, PADDING, SILENCE, Word, describe, padding
from text2face.mouth.pose_predictor import Poser
from text2face.mouth.pose_training import PoserOptions, train_poser
from text2face.mouth.save_poser import save_poser
from text2face.say import MouthSource, SayOptions, say
from text2face.syllables.timed import syllables_of
from text2face.timed_speech import Phoneme, Syllable
from text2face.visemes import SHAPES
from text2face.voice.align import align_speech
from text2face.voice.espeak import speak_timed

FPS = Fraction(25)
SMALL = PoserOptions(steps=6, epoch_steps=3, batch_size=2, units=8, layers=1, sequence=1.0, prose_share=0.0)


def spoken(text: str, language: str = "en-gb") -> tuple[Word, ...]:
    return tuple(syllables_of(word, language) for word in speak_timed(text, language).words)


def syllable(*sounds: tuple[str, float, float]) -> Word:
    """Return a word of one stressed syllable."""
    phonemes = tuple(Phoneme(symbol, start, end) for symbol, start, end in sounds)
    return (Syllable("x", phonemes, 1, phonemes[0].start, phonemes[-1].end),)


def sounds_of(words: tuple[Word, ...]) -> list[Phoneme]:
    return [sound for word in words for part in word for sound in part.phonemes]


@pytest.fixture(scope="module")
def posed(tiny_person: Person, tmp_path_factory: pytest.TempPathFactory) -> Person:
    """Return the tiny person with mouth poses, in a folder that tests may copy."""
    folder = tmp_path_factory.mktemp("posed") / "person"
    shutil.copytree(tiny_person.folder, folder)
    person = load_person(folder)
    landmarks = made_landmarks(200)
    canonical = to_canonical(landmarks, place_head(landmarks, person.mouth.head))[:, MOUTH].astype(np.float32)
    poses = fit_poses(canonical, person.mouth.pca, person.mouth.rest)
    save_poses(poses, folder / POSES_FILE)
    save_card(replace(person, text=TextPart(poses)))
    return load_person(folder)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a dataset of three short clips with word times under align/ and a split in split.json."""
    folder = tmp_path_factory.mktemp("recorded")
    clips = [MadeClip(name, made_landmarks(50), babble(2.0, seed)) for seed, name in enumerate(("one", "two", "three"))]
    write_dataset(folder, clips)
    (folder / "align").mkdir()
    for clip in clips:
        rows = "0 10000 sil\r\n10000 20000 bin\r\n20000 34000 blue\r\n34000 50000 sil\r\n"
        (folder / "align" / f"{clip.name}.align").write_text(rows)
    (folder / "split.json").write_text('{"train": ["one", "two"], "val": ["three"]}')
    return folder


@pytest.fixture(scope="module")
def trained(posed: Person, recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Person, TrainReport]:
    """Return the person with a poser, and the run it came from."""
    folder = tmp_path_factory.mktemp("trained")
    with run_eagerly():
        report = train(posed, recorded, folder / "run", SMALL)
    shutil.copytree(posed.folder, folder / "person")
    return save_poser(load_person(folder / "person"), report, 2), report


def train(
    person: Person, recorded: Path, run: Path, options: PoserOptions, limits: Limits | None = None
) -> TrainReport:
    dataset = load_dataset(recorded)
    split = split_dataset(dataset, split_file=recorded / "split.json")
    return train_poser(dataset, split, recorded / "align", "en-gb", person, run, options, limits=limits)


class TestArticulation:
    def test_sounds_that_are_made_alike_are_near_each_other(self) -> None:
        def apart(one: str, other: str) -> float:
            return float(np.linalg.norm(articulation(one)[0] - articulation(other)[0]))

        assert apart("p", "b") < apart("p", "t") < apart("p", "a")
        assert apart("ɲ", "n") < apart("ɲ", "o")
        assert apart("u", "o") < apart("u", "i")
        assert apart("β", "b") < apart("β", "x")

    def test_every_sound_that_is_drawn_is_known(self) -> None:
        for symbol in " ".join(SHAPES.values()).split():
            assert letters(symbol), symbol
            for numbers in articulation(symbol):
                assert numbers.shape == (SIZE,)
                assert numbers.min() >= 0
                assert numbers.max() <= 1

    def test_a_diphthong_goes_from_one_vowel_to_another(self) -> None:
        begin, end = articulation("aɪ")
        np.testing.assert_array_equal(begin, articulation("a")[0])
        np.testing.assert_array_equal(end, articulation("ɪ")[1])

    def test_what_is_no_known_sound_is_a_middle_vowel(self) -> None:
        np.testing.assert_array_equal(articulation("ʘ")[0], articulation("ə")[0])


class TestFrames:
    def test_padding_silence_and_word_boundary_are_symbols_of_their_own(self) -> None:
        words = (syllable(("m", 0.1, 0.2), ("a", 0.2, 0.4)), syllable(("n", 0.4, 0.5)))
        rows = describe(words, np.array([0.0, 0.13, 0.3, 0.43, 0.6]))
        assert rows[:, PADDING].tolist() == [0] * 5
        assert rows[:, SILENCE].tolist() == [1, 0, 0, 0, 1]
        assert rows[:, BOUNDARY].tolist() == [0, 1, 0, 1, 0]
        assert padding()[PADDING] == 1
        assert np.count_nonzero(padding()) == 1
        assert not describe((), np.zeros(2))[:, :SILENCE].any()

    def test_a_frame_holds_the_sound_said_then_and_both_neighbours(self) -> None:
        words = (syllable(("m", 0.1, 0.2), ("a", 0.2, 0.4), ("n", 0.4, 0.5)),)
        row = describe(words, np.array([0.3]))[0]
        for place, symbol in enumerate(("a", "m", "n")):
            np.testing.assert_allclose(row[place * SIZE : (place + 1) * SIZE], articulation(symbol)[0], atol=1e-6)

    def test_no_sound_is_too_short_to_be_seen(self) -> None:
        without = (syllable(("a", 0.0, 0.3)), syllable(("e", 0.3, 0.6)))
        with_tap = (syllable(("a", 0.0, 0.3)), syllable(("b", 0.3, 0.31)), syllable(("e", 0.31, 0.6)))
        for phase in (0.0, 0.01, 0.02, 0.03):
            times = np.arange(12) / 25 + phase
            assert np.abs(describe(with_tap, times) - describe(without, times))[:, :SIZE].max() > 0.1

    def test_where_time_is_counted_from_does_not_matter(self) -> None:
        words = spoken("A big apple, please.")
        later = tuple(tuple(part.shifted(7.3) for part in word) for word in words)
        times = np.arange(50) / 25
        np.testing.assert_allclose(describe(later, times + 7.3), describe(words, times), atol=1e-5)


class TestLips:
    def test_lips_meet_at_p_b_m_of_both_languages(self) -> None:
        for text, language in (("My puppy may bump a cab.", "en-gb"), ("El bebé bebe vino y compra pan.", "es")):
            words = spoken(text, language)
            labials = [s for s in sounds_of(words) if s.symbol[0] in "pbmβ"]
            closures = lip_closures(words)
            assert len(labials) == len(closures) >= 6
            for sound, closure in zip(labials, closures, strict=True):
                assert closure.start <= sound.start < closure.end <= sound.end
                assert closure.end - closure.start >= MIN_CLOSURE - 1e-9
        assert lip_closures(spoken("See her tea, deal a card.")) == ()

    def test_vino_has_a_labial_though_it_is_spelled_with_v(self) -> None:
        assert len(lip_closures(spoken("vino", "es"))) == 1

    def test_a_p_opens_at_its_burst_and_an_m_when_it_ends(self) -> None:
        plosive, nasal = lip_closures((syllable(("p", 1.0, 1.1), ("m", 1.1, 1.2)),))
        assert plosive.end < 1.03
        assert nasal == Span(1.1, 1.2)

    def test_round_sounds_are_narrow_and_others_are_left(self, four_ways: MouthPca) -> None:
        mouths = four_ways.decode(np.random.default_rng(2).normal(size=(50, 4)).astype(np.float32))
        rest = four_ways.mean.reshape(20, 2)
        words = (syllable(("u", 0.0, 0.6)), syllable(("a", 0.8, 2.0)))
        assert lip_roundings(words) == (Span(0.0, 0.6),)
        rounded = round_lips(mouths, np.arange(50) / 25, lip_roundings(words), four_ways, rest)
        across = rounded[:16, 6, 0] - rounded[:16, 0, 0]
        assert across.max() <= 0.96 * (rest[6, 0] - rest[0, 0]) + 1e-5
        np.testing.assert_array_equal(rounded[20:], mouths[20:])

    def test_of_go_the_end_is_round_and_of_now_nothing(self) -> None:
        assert lip_roundings((syllable(("əʊ", 0.0, 0.2)),)) == (Span(0.1, 0.2),)
        assert lip_roundings((syllable(("aʊ", 0.0, 0.2)),)) == ()

    def test_the_mouth_rests_before_after_and_in_long_pauses(self) -> None:
        words = (syllable(("a", 1.0, 1.4)), syllable(("a", 1.6, 2.0)), syllable(("a", 3.0, 3.5)))
        assert sounding(words) == (Span(1.0, 2.0), Span(3.0, 3.5))
        assert sounding((syllable(("p", 1.0, 1.1), ("a", 1.1, 1.3)),))[0].start == pytest.approx(0.952)
        assert joined([Span(0, 1), Span(1.2, 2), Span(2.4, 3)]) == (Span(0, 2), Span(2.4, 3))
        rest = np.zeros((20, 2), np.float32)
        times = np.arange(120) / 25
        held = hold_still(np.ones((120, 20, 2), np.float32), times, sounding(words), rest)[:, 0, 0]
        speaking = ((times >= 1) & (times <= 2)) | ((times >= 3) & (times <= 3.5))
        assert (held[speaking] == 1).all()
        for quiet in (times < 0.88, (times > 2.18) & (times < 2.88), times > 3.68):
            assert (held[quiet] == 0).all()


class TestTrack:
    @pytest.mark.parametrize("fps", [Fraction(25), Fraction(30000, 1001), Fraction(24), Fraction(50)])
    def test_lips_are_shut_in_a_frame_of_every_labial_at_any_rate(self, tiny_person: Person, fps: Fraction) -> None:
        track, labials, start = MouthTrack(tiny_person), [], 0.0
        for text in ("Pam may buy a big bamboo pipe.", "Bob hums happy poems."):
            words = spoken(text)
            track.add(words, start, start + 3.0)
            labials += [sound.shifted(start) for sound in sounds_of(words) if sound.symbol[0] in "pbm"]
            start += 3.0
        open_mouth = tiny_person.mouth.pca.mean.reshape(20, 2) + np.zeros((20, 2))
        open_mouth[16:, 1] += 0.3
        count = int(6 * fps)
        mouth = np.repeat(open_mouth[None], count, axis=0).astype(np.float32)
        said = track.articulate(CanonicalKeypoints(mouth, fps))
        times, gap = frame_times(count, fps), said.points[:, [19, 18, 17], 1] - said.points[:, [13, 14, 15], 1]
        for sound in labials:
            near = (times > sound.start - 0.08) & (times < sound.end + 0.02)
            assert gap[near].mean(axis=1).min() < 1e-6

    def test_silence_before_and_after_is_the_resting_mouth(self, trained: tuple[Person, TrainReport]) -> None:
        person, _ = trained
        track = MouthTrack(person, Poser(person))
        words = tuple(tuple(part.shifted(1.0) for part in word) for word in spoken("Hello there."))
        track.add(words, 0.0, 3.0)
        said = track.articulate(track.keypoints(Fraction(3))).points
        for quiet in (said[:20], said[-10:]):
            np.testing.assert_allclose(quiet, np.repeat(person.mouth.rest[None], len(quiet), axis=0), atol=1e-6)
        assert np.abs(said[30:40] - person.mouth.rest).max() > 1e-4

    def test_sentences_may_begin_between_two_frames(self, trained: tuple[Person, TrainReport]) -> None:
        person, _ = trained
        poser, words = Poser(person), spoken("A good morning to all of you.")
        whole, parted = MouthTrack(person, poser), MouthTrack(person, poser)
        whole.add(words, 0.4, 3.0)
        parted.add(tuple(tuple(part.shifted(-0.013) for part in word) for word in words), 0.413, 3.0)
        duration = Fraction(3)
        np.testing.assert_allclose(parted.keypoints(duration).points, whole.keypoints(duration).points, atol=2e-4)


class TestTraining:
    @pytest.mark.usefixtures("eager")
    def test_a_stopped_run_ends_as_one_that_was_not(
        self, trained: tuple[Person, TrainReport], posed: Person, recorded: Path, tmp_path: Path
    ) -> None:
        _, whole = trained
        for name in ("train.npz", "val.npz"):  # the voice says a text a second time a little differently
            shutil.copy(whole.folder / name, tmp_path / name)
        for limits in (Limits(steps=3), None):
            train(posed, recorded, tmp_path, SMALL, limits)
        ends = []
        for folder in (tmp_path, whole.folder):
            network = build_poser(PoserConfig(INPUTS, poses_of(posed).count, units=8, layers=1))
            network.load_weights(folder / "last.weights.h5")
            ends.append(network.get_weights())
        for one, other in zip(*ends, strict=True):
            np.testing.assert_array_equal(one, other)

    def test_the_network_mixes_poses_and_learns_which(self, posed: Person, recorded: Path, tmp_path: Path) -> None:
        options = replace(SMALL, steps=60, epoch_steps=30, learning_rate=0.02, choice_weight=0.1)
        report = train(posed, recorded, tmp_path / "run", options)
        with run_eagerly():
            first = train(posed, recorded, tmp_path / "first", replace(options, steps=1, epoch_steps=1))
        assert report.best_score < 0.8 * first.best_score

    def test_weights_are_shares_of_poses(self, trained: tuple[Person, TrainReport]) -> None:
        person, _ = trained
        poser = Poser(person)
        weights = poser.weights(spoken("Good evening."), 0, 40)
        assert weights.shape == (40, poses_of(person).count)
        np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-5)
        expected = person.mouth.pca.decode(weights @ poses_of(person).centres)
        np.testing.assert_allclose(poser.predict(spoken("Good evening."), 0, 40), expected, atol=1e-5)

    def test_what_comes_after_a_sound_changes_its_mouth(self, trained: tuple[Person, TrainReport]) -> None:
        person, _ = trained
        poser = Poser(person)
        both = [poser.weights((syllable(("t", 0.2, 0.4), (vowel, 0.4, 0.6)),), 0, 20) for vowel in "ua"]
        assert np.abs(both[0][7] - both[1][7]).max() > 1e-4

    def test_the_card_says_what_was_learned_from_what(self, trained: tuple[Person, TrainReport]) -> None:
        person, report = trained
        card = poser_of(person)
        assert card.config.poses == poses_of(person).count
        assert card.recorded.startswith("2 recorded sentences (drawn by a test)")
        assert card.spoken == "nothing"
        assert card.metrics["step"] == report.best_step
        assert [foreign_files(folder) for folder in (person.folder, report.folder)] == [[], []]

    def test_a_poser_is_refused_for_other_poses(self, trained: tuple[Person, TrainReport], tmp_path: Path) -> None:
        person, _ = trained
        shutil.copytree(person.folder, tmp_path / "person")
        other = load_person(tmp_path / "person")
        poses = replace(poses_of(other), centres=poses_of(other).centres[::-1].copy())
        save_poses(poses, other.folder / POSES_FILE)
        save_card(replace(other, text=TextPart(poses, other.poser)))
        with pytest.raises(PersonError, match="trained for other mouth poses"):
            Poser(load_person(other.folder))

    def test_a_person_without_a_poser_is_told_how_to_get_one(self, tiny_person: Person) -> None:
        with pytest.raises(PersonError, match="train one with: obamanet train syllables"):
            Poser(tiny_person)

    def test_prose_is_ordinary_and_has_the_sounds_that_matter(self) -> None:
        texts = {language: list(prose(language)) for language in ("en", "es")}
        for language, said in texts.items():
            assert len(said) == len(set(said)) >= 150
            held_out = (ROOT / "benchmarks" / f"sentences_{language}.txt").read_text("utf-8").splitlines()
            assert len(held_out) == 50
            assert not set(said) & set(held_out)
            for letter in "pbm":
                assert sum(letter in text.lower() for text in said) > 30


class TestAnchors:
    def test_words_stay_near_where_they_are_known_to_be(self) -> None:
        synthetic = speak_timed("bin blue at two now", "en-gb")
        slow = speak_timed("bin blue at two now", "en-gb", 0.7)
        anchors = [(word.phonemes[0].start, word.phonemes[-1].end) for word in slow.words]
        found = align_speech(slow.clip, synthetic, anchors).words
        for word, (start, end) in zip(found, anchors, strict=True):
            assert abs(word.phonemes[0].start - start) < 0.09
            assert abs(word.phonemes[-1].end - end) < 0.09

    def test_every_word_needs_an_anchor(self) -> None:
        synthetic = speak_timed("one two", "en-gb")
        with pytest.raises(OptionError, match="every word needs its times: got 1 for 2 words"):
            align_speech(synthetic.clip, synthetic, [(0.0, 0.4)])

    def test_noise_is_laid_where_the_anchors_say(self) -> None:
        synthetic = speak_timed("one two three", "en-gb")
        noise = AudioClip(np.random.default_rng(0).normal(0, 0.1, 3 * 22_050).astype(np.float32), 22_050)
        anchors = [(0.2, 0.9), (0.9, 1.7), (1.7, 2.8)]
        for word, (start, end) in zip(align_speech(noise, synthetic, anchors).words, anchors, strict=True):
            assert abs(word.phonemes[0].start - start) < 0.1
            assert abs(word.phonemes[-1].end - end) < 0.1


class TestVideo:
    @pytest.mark.parametrize("fps", [None, Fraction(30)])
    def test_both_roads_make_a_video_of_the_same_length(
        self, trained: tuple[Person, TrainReport], tmp_path: Path, fps: Fraction | None
    ) -> None:
        person, _ = trained
        counts = []
        for via in MouthSource:
            options = SayOptions(via=via, speak=SpeakOptions(fps=fps, keypoints_out=tmp_path / f"{via}.npz"))
            video = say("Bob may pay. Mum is happy.", tmp_path / f"{via}.mp4", person, options)
            counts.append(video.frames)
            assert sum(1 for _ in read_frames(video.path)) == video.frames
            with np.load(tmp_path / f"{via}.npz") as arrays:
                assert len(arrays["keypoints"]) == video.frames
        assert counts[0] == counts[1]

    def test_syllables_are_the_way_where_they_were_learned(
        self, trained: tuple[Person, TrainReport], tmp_path: Path
    ) -> None:
        person, _ = trained
        mouths = []
        for via in (None, MouthSource.SYLLABLES, MouthSource.AUDIO):
            options = SayOptions(via=via, speak=SpeakOptions(keypoints_out=tmp_path / "mouth.npz"))
            say("See you there.", tmp_path / "a.mp4", person, options)
            with np.load(tmp_path / "mouth.npz") as arrays:
                mouths.append(arrays["keypoints"])
        np.testing.assert_allclose(mouths[0], mouths[1], atol=1e-3)
        assert np.abs(mouths[1] - mouths[2]).max() > 1e-3

    def test_the_timeline_names_the_poses_that_are_shown(
        self, trained: tuple[Person, TrainReport], tmp_path: Path
    ) -> None:
        person, _ = trained
        say("Good day.", tmp_path / "a.mp4", person, SayOptions(timelines=(tmp_path / "a.tsv",)))
        head, *rows = (tmp_path / "a.tsv").read_text().splitlines()
        column = head.split("\t").index("mouth_pose")
        assert all(row.split("\t")[column] for row in rows)


class TestCommands:
    def test_a_road_that_is_not_there_is_told_in_one_line(
        self, tiny_person: Person, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        out = tmp_path / "a.mp4"
        code = call(
            run_app(),
            ["--text", "Hi.", "--via", "syllables", "--person", str(tiny_person.folder), "--out", str(out)],
            "run.py",
        )
        said = capsys.readouterr()
        assert code != 0
        assert said.err.count("\n") == 1
        assert "train one with: obamanet train syllables" in said.err
        assert not out.exists()

    def test_training_puts_the_poser_into_the_person(
        self,
        posed: Person,
        recorded: Path,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        shutil.copytree(posed.folder, tmp_path / "person")
        monkeypatch.setattr(
            "text2face.mouth.pose_examples.prose", lambda language: itertools.islice(prose(language), 2)
        )
        folders = {"--align": recorded / "align", "--split": recorded / "split.json", "--out": tmp_path / "run"}
        options = [str(part) for pair in folders.items() for part in pair]
        arguments = [
            "train",
            "syllables",
            str(recorded),
            "--person",
            str(tmp_path / "person"),
            "--steps",
            "2",
            *options,
        ]
        code = call(obamanet_app(), arguments, "obamanet")
        assert (code, capsys.readouterr().out) == (0, f"{tmp_path / 'person'}\n")
        card = poser_of(load_person(tmp_path / "person"))
        assert "prose (en, es) said by eSpeak NG" in card.spoken


class TestDefaultPerson:
    @pytest.fixture
    def said(self) -> Callable[[str, str], tuple[tuple[Word, ...], np.ndarray, np.ndarray]]:
        """Return what says a text with the default person's poser: words, frame times, keypoints as shown."""
        person = load_person(ROOT / "checkpoints" / "grid_s1")
        poser = Poser(person)

        def run(text: str, language: str) -> tuple[tuple[Word, ...], np.ndarray, np.ndarray]:
            words = spoken(text, language)
            track = MouthTrack(person, poser)
            duration = Fraction(round(100 * sounds_of(words)[-1].end) + 40, 100)
            track.add(words, 0.0, float(duration))
            mouth = track.articulate(track.keypoints(duration))
            return words, frame_times(len(mouth.points), mouth.fps), mouth.points

        return run

    TEXTS = (
        ("My mother put a big purple map above the bed.", "en-gb"),
        ("Two men who knew you soon moved the blue moon.", "en-us"),
        ("La bomba de mi mamá compra pan blanco y bebe vino.", "es"),
        ("Todo el mundo busca un burro rojo.", "es-419"),
    )

    @pytest.mark.parametrize(("text", "language"), TEXTS)
    def test_a_viewer_sees_the_sounds(
        self,
        said: Callable[[str, str], tuple[tuple[Word, ...], np.ndarray, np.ndarray]],
        text: str,
        language: str,
    ) -> None:
        """Judged by the symbols of the sounds alone, not by the functions that shut and round the lips."""
        words, times, mouth = said(text, language)
        gap, width = mouth_opening(mouth), mouth_width(mouth)
        sounds = sounds_of(words)
        # A p sounds when the lips part, and is shut before.
        during = [(times >= sound.start - (0.06 if sound.symbol[0] in "pb" else 0)) & (times < sound.end)
                  for sound in sounds]  # fmt: skip
        vowel = np.median([gap[seen].max() for sound, seen in zip(sounds, during, strict=True)
                           if articulation(sound.symbol)[0][0] and seen.any()])  # fmt: skip
        assert vowel > 1.8 * gap[-1]
        labial = [sound.symbol[0] in "pbmβ" for sound in sounds]
        shut = [gap[seen].min() / vowel for one, seen in zip(labial, during, strict=True) if one]
        # Recorded lips meet at w and oo, and nearly at f and n: only a plain vowel has to open them.
        apart = [
            gap[seen].max() / vowel
            for sound, seen in zip(sounds, during, strict=True)
            if sound.symbol[0] in "eɛæaɑʌ" and seen.any()
        ]
        # Measured: at most 0.02 of a vowel's gap, and 0.92 to 2 in the middle.
        assert len(shut) >= 4 and max(shut) < 0.2
        assert np.median(apart) > 0.75
        rounded, spread = (
            [np.median(width[seen]) / width[-1] for sound, seen in zip(sounds, during, strict=True)
             if sound.symbol[0] in vowels and seen.any()]
            for vowels in ("uʊoɔ", "iɪeɛa")
        )  # fmt: skip
        # Measured: 0.96 in all of them, and 0.96 to 1.01, 0.99 in the middle.
        assert max(rounded) < 0.97 < 0.975 < np.median(spread)

    @pytest.mark.parametrize(("text", "language"), (("Pam, Bob and Mum.", "en-gb"), ("Papá, mamá y Pepe.", "es")))
    def test_between_two_labials_the_vowel_opens(
        self,
        said: Callable[[str, str], tuple[tuple[Word, ...], np.ndarray, np.ndarray]],
        text: str,
        language: str,
    ) -> None:
        words, times, mouth = said(text, language)
        gap = mouth_opening(mouth)
        rest = gap[-1]
        stressed = [s for s in sounds_of(words) if s.stress == 1]
        for sound in stressed:
            assert gap[(times >= sound.start) & (times < sound.end + 0.02)].max() > 1.3 * rest
