"""Mouth poses: planted ones are found again, they stay with the person, and are shown and told as what they are."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import ROOT, made_landmarks
from made import MadeClip, babble, prepare_recorded, write_dataset

from obamanet.cli.app import obamanet_app
from obamanet.cli.boundary import call
from obamanet.constants import INNER_BOTTOM, INNER_TOP, MOUTH
from obamanet.errors import DatasetError, PersonError
from obamanet.files import sha256_of
from obamanet.keypoints.mouth_poses import REST, MouthPoses, PoseCurve, choose_size, fit_poses, pose_names
from obamanet.keypoints.opening import mouth_opening
from obamanet.keypoints.pca import MouthPca, fit_pca
from obamanet.person import Person, load_person, poses_of, save_card
from obamanet.progress import Progress
from obamanet.training.data.dataset import load_dataset, split_dataset
from obamanet.training.speech.canonical_pieces import canonical_mouth
from obamanet.training.speech.mouth_pose_fit import add_poses, fit_poses_of
from obamanet.types import CanonicalKeypoints
from text2face.pose_sheet import FOOT, GAP, HEAD, LIPS_WIDTH, SILENCE, TILE, TITLE, PoseUse, draw_pose_sheet, pose_use
from text2face.timed_speech import Phoneme, Syllable
from text2face.timeline import PoseTrack, TimedSentence, TimedWord, open_timelines, pose_track
from text2face.voice.espeak import speak_timed

PLANTED, EACH = 12, 50
"""Mouths that footage is made of, and frames of each."""


def still_mouth() -> np.ndarray:
    """Return a drawn mouth (20, 2), a canonical one in size."""
    mouth = made_landmarks(1, 1.0)[0, MOUTH].astype(np.float64)
    return 2.2 * (mouth - mouth.mean(axis=0))


def planted_mouths(random: np.random.Generator) -> np.ndarray:
    """Return PLANTED mouths (12, 20, 2) that differ from each other far more than frames of one of them."""
    return still_mouth() + random.normal(0, 0.1, (PLANTED, 20, 2))


@pytest.fixture(scope="module")
def planted() -> tuple[np.ndarray, np.ndarray, MouthPca]:
    """Return planted mouths (12, 20, 2), frames of them (600, 20, 2) in turns, and the frames' PCA."""
    random = np.random.default_rng(4)
    mouths = planted_mouths(random)
    frames = np.tile(mouths, (EACH, 1, 1)) + random.normal(0, 0.004, (EACH * PLANTED, 20, 2))
    return mouths, frames.astype(np.float32), fit_pca(frames)


@pytest.fixture(scope="module")
def found(planted: tuple[np.ndarray, np.ndarray, MouthPca]) -> MouthPoses:
    """Return the poses of the planted frames; the eighth frame is the mouth at rest."""
    _, frames, pca = planted
    return fit_poses(frames, pca, frames[7])


def made_poses(centres: np.ndarray, scale: np.ndarray | None = None) -> MouthPoses:
    """Return poses with ``centres`` (K, P), the first of them at rest."""
    curve = PoseCurve(np.array([len(centres)]), np.array([0.1]), np.array([0.5]))
    scale = np.ones(centres.shape[1], np.float32) if scale is None else scale
    return MouthPoses(centres.astype(np.float32), np.arange(1, len(centres) + 1), scale, curve, 0.97, 1, "made")


class TestFit:
    def test_planted_mouths_are_found(
        self, planted: tuple[np.ndarray, np.ndarray, MouthPca], found: MouthPoses
    ) -> None:
        mouths, frames, pca = planted
        assert found.count == PLANTED
        assert found.counts.tolist() == [EACH] * PLANTED
        distance = np.linalg.norm(pca.decode(found.centres)[:, None] - mouths, axis=-1).mean(axis=-1)
        match = distance.argmin(axis=1)
        assert sorted(match) == list(range(PLANTED))
        assert distance.min(axis=1).max() < 0.02
        assert match[REST] == 7
        # All frames of one mouth belong to one pose.
        assert found.nearest(pca.encode(frames)).reshape(EACH, PLANTED).std(axis=0).max() == 0

    def test_the_same_footage_gives_the_same_poses(
        self, planted: tuple[np.ndarray, np.ndarray, MouthPca], found: MouthPoses
    ) -> None:
        _, frames, pca = planted
        again = fit_poses(frames, pca, frames[7])
        for name in ("centres", "counts", "scale"):
            np.testing.assert_array_equal(getattr(again, name), getattr(found, name))
        np.testing.assert_array_equal(again.curve.inertia, found.curve.inertia)
        np.testing.assert_array_equal(again.curve.silhouette, found.curve.silhouette)
        assert again.rule == found.rule

    def test_rest_is_number_0_and_exact_and_the_others_open_in_order(
        self, planted: tuple[np.ndarray, np.ndarray, MouthPca], found: MouthPoses
    ) -> None:
        _, frames, pca = planted
        np.testing.assert_array_equal(found.centres[REST], pca.encode(frames[7:8])[0])
        opening = mouth_opening(pca.decode(found.centres))
        assert (np.diff(opening[1:]) >= 0).all()

    def test_only_what_holds_97_percent_counts(self) -> None:
        random = np.random.default_rng(0)
        directions = np.linalg.qr(random.normal(size=(40, 3)))[0].T
        spread = np.array([1.0, 0.5, 0.1])
        values = random.normal(size=(600, 3)) * spread
        frames = (still_mouth().ravel() + values @ directions).reshape(-1, 20, 2).astype(np.float32)
        # 80 % and 20 % of the movement, and less than 1 % that does not count.
        poses = fit_poses(frames, fit_pca(frames, 0.9999), frames[0])
        assert (poses.scale > 0).tolist() == [True, True, False]
        assert 0.98 < poses.variance < 1
        np.testing.assert_allclose(poses.scale[:2], spread[:2], rtol=0.1)

    def test_a_rare_grimace_gets_no_pose(self, planted: tuple[np.ndarray, np.ndarray, MouthPca]) -> None:
        mouths, frames, _ = planted
        grimace = (mouths[0] + [0.4, 0.0]).astype(np.float32)
        with_it = np.concatenate([frames, np.repeat(grimace[None], 3, axis=0)])
        pca = fit_pca(with_it)
        poses = fit_poses(with_it, pca, frames[0])
        away = np.linalg.norm(pca.decode(poses.centres) - grimace, axis=-1).mean(axis=-1)
        assert away.min() > 0.1
        assert poses.counts.sum() == len(with_it)

    def test_too_little_footage(self, planted: tuple[np.ndarray, np.ndarray, MouthPca]) -> None:
        _, frames, pca = planted
        with pytest.raises(DatasetError, match=r"too little footage for mouth poses: got \d+ different mouths, needed"):
            fit_poses(frames[:24], fit_pca(frames[:24]), frames[0])
        with pytest.raises(DatasetError, match="got 1 different mouths, needed are 25"):
            fit_poses(np.repeat(frames[:1], 90, axis=0), pca, frames[0])

    def test_footage_of_another_person(self, planted: tuple[np.ndarray, np.ndarray, MouthPca]) -> None:
        _, frames, pca = planted
        other = still_mouth() + np.random.default_rng(1).normal(0, 0.05, (200, 20, 2))
        with pytest.raises(DatasetError, match=r"its PCA holds \d+\.\d% of the mouth's movement there, needed are 97%"):
            fit_poses(other.astype(np.float32), pca, frames[0])


class TestChoice:
    def test_the_elbow_and_the_best_silhouette_near_it(self) -> None:
        sizes = np.arange(5, 61)
        # Falls by 4 % a pose up to 20 poses, from then on by 0.5 %.
        inertia = np.cumprod(np.where(sizes <= 20, 0.96, 0.995))
        silhouette = np.full(len(sizes), 0.1)
        silhouette[0] = 0.9
        silhouette[sizes == 22] = 0.2
        # From 18 on ten poses lower it by 0.96**2 * 0.995**8 = 11 %, from 19 on by 0.96 * 0.995**9 = 8 %.
        assert choose_size(PoseCurve(sizes, inertia, silhouette)) == 22
        silhouette[sizes == 22] = 0.1
        assert choose_size(PoseCurve(sizes, inertia, silhouette)) == 14, "the smallest of equal ones"

    def test_without_an_elbow_the_largest(self) -> None:
        sizes = np.arange(5, 31)
        curve = PoseCurve(sizes, 0.9 ** sizes.astype(float), sizes / 100)
        assert choose_size(curve) == 30


class TestUse:
    def test_a_pose_is_nearest_to_itself(self, found: MouthPoses) -> None:
        np.testing.assert_array_equal(found.nearest(found.centres), np.arange(found.count))

    def test_nearest_counts_by_scale(self) -> None:
        poses = made_poses(np.array([[0.0, 0.0], [1.0, 1.0], [3.0, 0.0]]), np.array([1.0, 0.0], np.float32))
        values = np.array([[0.4, 1.0], [0.6, -9.0], [2.1, 1.0]], np.float32)
        assert poses.nearest(values).tolist() == [0, 1, 2]
        np.testing.assert_allclose(poses.distances(values)[0], [0.4, 0.6, 2.6], rtol=1e-6)

    def test_a_mixture_lies_between(self) -> None:
        poses = made_poses(np.array([[0.0, 4.0], [2.0, 0.0]]))
        mixed = poses.mixture(np.array([[1.0, 0.0], [0.5, 0.5], [0.25, 0.75]]))
        np.testing.assert_allclose(mixed, [[0, 4], [1, 2], [1.5, 1]])
        assert mixed.dtype == np.float32

    def test_names_say_what_is_seen(self) -> None:
        def mouth(gap: float, width: float) -> np.ndarray:
            points = still_mouth()
            points[:, 0] *= width
            for top, bottom in zip(INNER_TOP, INNER_BOTTOM, strict=True):
                points[top, 1], points[bottom, 1] = -gap / 2, gap / 2
            return points

        wanted = [
            ("rest-00", mouth(0.02, 1.0)),
            ("closed-01", mouth(0.02, 1.0)),
            ("closed-spread-02", mouth(0.025, 1.1)),
            ("half-open-round-03", mouth(0.08, 0.8)),
            ("open-04", mouth(0.13, 0.98)),
            ("wide-open-spread-05", mouth(0.22, 1.05)),
        ]
        mouths = np.stack([mouth for _, mouth in wanted])
        pca = fit_pca(mouths, 0.99999)
        assert pose_names(made_poses(pca.encode(mouths)), pca) == tuple(name for name, _ in wanted)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a dataset of the tiny person: two clips of 6 s, one of them says "bin blue"."""
    landmarks = made_landmarks(300)
    speech = speak_timed("bin blue", "en-gb")
    said = np.zeros(6 * 16_000, np.float32)
    samples = np.interp(np.arange(0, len(speech.clip.samples), speech.clip.rate / 16_000),
                        np.arange(len(speech.clip.samples)), speech.clip.samples)  # fmt: skip
    said[16_000 : 16_000 + len(samples)] = samples
    clips = [MadeClip("said", landmarks[:150], said), MadeClip("babble", landmarks[150:], babble(6.0))]
    folder = write_dataset(tmp_path_factory.mktemp("poses") / "me", clips)
    (folder / "split.json").write_text('{"train": ["said"], "val": ["babble"]}')
    rows = [f"{round((word.phonemes[0].start + 1.04) * 25_000)} {round((word.phonemes[-1].end + 1.04) * 25_000)} "
            f"{word.text}" for word in speech.words]  # fmt: skip
    (folder / "align").mkdir()
    (folder / "align" / "said.align").write_text("\r\n".join(["0 25000 sil", *rows]))
    return folder


@pytest.fixture(scope="module")
def posed(tiny_person: Person, dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Person:
    """Return the tiny person with mouth poses; do not change its folder."""
    folder = shutil.copytree(tiny_person.folder, tmp_path_factory.mktemp("posed") / "person")
    return add_poses(load_person(folder), split_dataset(load_dataset(dataset)).train)


class TestPerson:
    def test_poses_come_back_as_they_were_made(self, tiny_person: Person, posed: Person, dataset: Path) -> None:
        made = fit_poses_of(split_dataset(load_dataset(dataset)).train, tiny_person.mouth)
        kept = poses_of(load_person(posed.folder))
        for name in ("centres", "counts", "scale"):
            np.testing.assert_array_equal(getattr(kept, name), getattr(made, name))
        for name in ("sizes", "inertia", "silhouette"):
            np.testing.assert_array_equal(getattr(kept.curve, name), getattr(made.curve, name))
        assert (kept.variance, kept.seed, kept.rule) == (made.variance, made.seed, made.rule)
        card = json.loads((posed.folder / "person.json").read_text())
        assert card["files"]["poses.npz"] == sha256_of(posed.folder / "poses.npz")

    def test_an_older_person_loads_and_says_what_it_lacks(self, tiny_person: Person) -> None:
        older = load_person(tiny_person.folder)
        assert older.poses is None
        with pytest.raises(PersonError, match=r"has no mouth poses: .* make them with: obamanet poses DATASET") as said:
            poses_of(older)
        assert "\n" not in str(said.value)

    def test_altered_poses_are_refused(self, posed: Person, tmp_path: Path) -> None:
        folder = Path(shutil.copytree(posed.folder, tmp_path / "person"))
        (folder / "poses.npz").write_bytes(b"PK junk")
        with pytest.raises(PersonError, match=r"altered: .*poses\.npz"):
            load_person(folder)
        save_card(replace(posed, folder=folder))
        with pytest.raises(PersonError, match="damaged"):
            load_person(folder)
        (folder / "poses.npz").unlink()
        with pytest.raises(PersonError, match=r"incomplete: .*poses\.npz is missing"):
            load_person(folder)

    @pytest.mark.parametrize("name", ["centres", "counts", "scale"])
    def test_poses_of_wrong_shape_are_refused(self, posed: Person, tmp_path: Path, name: str) -> None:
        folder = Path(shutil.copytree(posed.folder, tmp_path / "person"))
        with np.load(folder / "poses.npz") as arrays:
            changed = dict(arrays)
        np.savez(folder / "poses.npz", **{**changed, name: changed[name][..., None]})
        save_card(replace(posed, folder=folder))
        with pytest.raises(PersonError, match=rf"does not fit together: .*poses\.npz: {name} has shape"):
            load_person(folder)

    def test_new_poses_replace_older_ones(self, posed: Person, dataset: Path, tmp_path: Path) -> None:
        folder = Path(shutil.copytree(posed.folder, tmp_path / "person"))
        with_other_seed = add_poses(load_person(folder), split_dataset(load_dataset(dataset)).train, seed=9)
        assert poses_of(with_other_seed).seed == 9
        assert poses_of(load_person(folder)).seed == 9

    def test_a_crash_leaves_the_older_poses(
        self, posed: Person, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = Path(shutil.copytree(posed.folder, tmp_path / "person"))
        person, split = load_person(folder), split_dataset(load_dataset(dataset))

        def killed(person: Person) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr("obamanet.training.speech.mouth_pose_fit.save_card", killed)
            add_poses(person, split.train, seed=9)
        np.testing.assert_array_equal(poses_of(load_person(folder)).centres, poses_of(posed).centres)
        assert sorted(path.name for path in folder.iterdir()) == sorted(path.name for path in posed.folder.iterdir())


@pytest.fixture
def obamanet(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, list[str]]]:
    """Return what runs ``obamanet`` in this process: exit code, standard output, lines of standard error."""

    def run(*arguments: object) -> tuple[int, str, list[str]]:
        code = call(obamanet_app(), [str(argument) for argument in arguments], "obamanet")
        out, err = capsys.readouterr()
        return code, out, err.splitlines()

    return run


class TestCommands:
    def test_poses_are_made_shown_and_drawn(
        self, obamanet: Callable[..., tuple[int, str, list[str]]], tiny_person: Person, dataset: Path, tmp_path: Path
    ) -> None:
        folder = Path(shutil.copytree(tiny_person.folder, tmp_path / "person"))
        code, out, _ = obamanet("person", folder)
        assert code == 0
        assert "mouth poses: none; obamanet poses finds them in the footage" in out.splitlines()
        split = ("--split", dataset / "split.json")
        code, out, lines = obamanet("poses", dataset, folder, *split)
        assert (code, out) == (0, f"{folder}\n"), lines
        poses = poses_of(load_person(folder))
        assert lines[-1].startswith(f"{poses.count}, of 150 frames")
        assert f"mouth poses: {lines[-1]}" in obamanet("person", folder)[1].splitlines()
        sheet = tmp_path / "sheet.png"
        arguments = ("pose-sheet", sheet, "--person", folder, "--dataset", dataset, *split, "--quiet")
        code, out, lines = obamanet(*arguments, "--align", dataset / "align")
        assert (code, out, lines) == (0, f"{sheet}\n", [])
        assert sheet.stat().st_size > 5000

    def test_bad_requests_are_one_line(
        self,
        obamanet: Callable[..., tuple[int, str, list[str]]],
        tiny_person: Person,
        posed: Person,
        dataset: Path,
        tmp_path: Path,
    ) -> None:
        old, new, sheet = tiny_person.folder, posed.folder, tmp_path / "a.png"
        known = ("--dataset", dataset, "--split", dataset / "split.json")
        for arguments, message in [
            (("pose-sheet", sheet, "--person", old), "person has no mouth poses"),
            (("pose-sheet", tmp_path / "a.jpg", "--person", new), "the contact sheet is a PNG"),
            (("pose-sheet", sheet, "--person", new, *known), "--dataset and --align belong together"),
            (("pose-sheet", sheet, "--person", new, *known, "--align", tmp_path), "said.align is missing"),
            (("pose-sheet", sheet, "--person", new, "--lang", "xx"), "no such language"),
            (("poses", dataset), "not a person"),
            (("poses", tmp_path, new), "not a prepared dataset"),
        ]:
            code, out, lines = obamanet(*arguments, "--quiet")
            assert code in (1, 2)
            assert (out, len(lines)) == ("", 1), lines
            assert message in lines[0]
        assert not list(tmp_path.iterdir())


class TestSheet:
    def test_every_pose_has_its_lips_and_its_face(self, posed: Person, tmp_path: Path) -> None:
        draw_pose_sheet(posed, tmp_path / "sheet.png")
        sheet = cv2.imread(str(tmp_path / "sheet.png"))
        poses = poses_of(posed)
        columns = (sheet.shape[1] - GAP) // (LIPS_WIDTH + TILE + GAP)
        rows = -(-poses.count // columns)
        height = TITLE + rows * (HEAD + TILE + FOOT + GAP)
        assert sheet.shape == (height, columns * (LIPS_WIDTH + TILE + GAP) + GAP, 3)
        assert columns in (4, 5, 6)
        lips = []
        for number in range(poses.count):
            row, column = divmod(number, columns)
            top = TITLE + HEAD + row * (HEAD + TILE + FOOT + GAP)
            left = GAP + column * (LIPS_WIDTH + TILE + GAP)
            panel = sheet[top : top + TILE, left : left + LIPS_WIDTH].astype(int)
            lips.append(int(((panel[..., 2] > 200) & (panel[..., 1] < 80)).sum()))
            face = sheet[top : top + TILE, left + LIPS_WIDTH : left + LIPS_WIDTH + TILE]
            assert (face < 250).any(axis=-1).mean() > 0.9, "a face fills its place"
            name = sheet[top - HEAD : top, left : left + LIPS_WIDTH]
            assert (name < 100).any(), "its name is above"
        # Lips and mouth of a wide open pose cover more than those of the resting one.
        assert lips[-1] > 1.1 * lips[REST] > 500
        assert b"SYNTHETIC" in (tmp_path / "sheet.png").read_bytes()

    def test_syllables_are_ranked_by_their_own_time(self) -> None:
        use = PoseUse(
            ("ba", "in", "rare", "see"), np.array([50, 6, 2, 9]), np.array([[90, 10], [10, 10], [0, 4], [5, 15]])
        )
        assert use.top_syllables(1) == [("see", 0.75), ("in", 0.5), ("ba", 0.1)]
        assert use.top_syllables(0)[0] == ("ba", 0.9)

    def test_syllables_meet_the_frames_they_are_said_in(self, posed: Person, dataset: Path) -> None:
        split = split_dataset(load_dataset(dataset), split_file=dataset / "split.json")
        use = pose_use(split.train, dataset / "align", "en-gb", posed, Progress())
        assert (use.texts, use.spoken.tolist()) == ((SILENCE, "bin", "blue"), [1, 1, 1])
        assert use.frames.sum() == 150
        shown = poses_of(posed).nearest(posed.mouth.pca.encode(canonical_mouth(split.train[0], posed.mouth.head)))
        np.testing.assert_array_equal(use.frames.sum(axis=0), np.bincount(shown, minlength=poses_of(posed).count))
        # Said from second 1 on; the voice takes about 0.3 s for each.
        first = np.bincount(shown[27:30], minlength=poses_of(posed).count)
        assert (use.frames[1][first > 0] > 0).all()
        assert 4 <= use.frames[1].sum() <= 15


class TestTimeline:
    NAMES = ("rest-00", "closed-01", "open-02")

    def write(self, folder: Path, names: tuple[str, ...]) -> tuple[list[dict[str, str]], dict[str, object]]:
        """Write "ba" at 0.1 to 0.3 s of the second sentence, whose frames come every 0.04 s, and read it again."""
        syllable = Syllable("ba", (Phoneme("b", 0.1, 0.16), Phoneme("a", 0.16, 0.3, 1)), 1, 0.1, 0.3)
        track = PoseTrack(np.array([0, 0, 0, 1, 1, 2, 2, 2, 0, 0]), 1 + 0.04 * np.arange(10), 0.04)
        silent = TimedSentence("?", 0.0, 1.0, ())
        said = TimedSentence("Ba.", 1.0, 1.4, (TimedWord("Ba", (syllable,)),), track)
        files = (folder / "a.tsv", folder / "a.json", folder / "a.vtt")
        with open_timelines(files, "es", names) as timeline:
            timeline.begin()
            timeline.add(silent)
            timeline.add(said)
            timeline.finish(1.4)
        with files[0].open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        return rows, json.loads(files[1].read_text("utf-8"))

    def test_each_sound_and_syllable_has_its_pose(self, tmp_path: Path) -> None:
        rows, told = self.write(tmp_path, self.NAMES)
        assert [(row["phoneme"], row["mouth_pose"]) for row in rows] == [
            ("", "rest-00"),
            ("b", "closed-01"),
            ("a", "open-02"),
            ("", "rest-00"),
        ]
        assert list(rows[0])[3:6] == ["viseme", "mouth_pose", "stress"]
        assert told["mouth_poses"] == list(self.NAMES)
        sentence = told["sentences"][1]  # type: ignore[index]
        syllable = sentence["words"][0]["syllables"][0]
        assert syllable["mouth_pose"] == "open-02"
        assert [sound["mouth_pose"] for sound in syllable["phonemes"]] == ["closed-01", "open-02"]
        assert sentence["mouth_poses"] == [
            {"mouth_pose": "rest-00", "start": 1.0, "end": 1.12},
            {"mouth_pose": "closed-01", "start": 1.12, "end": 1.2},
            {"mouth_pose": "open-02", "start": 1.2, "end": 1.32},
            {"mouth_pose": "rest-00", "start": 1.32, "end": 1.4},
        ]
        assert "mouth_poses" not in told["sentences"][0]  # type: ignore[index]

    def test_without_names_nothing_is_said_of_poses(self, tmp_path: Path) -> None:
        rows, told = self.write(tmp_path, ())
        assert "mouth_pose" not in rows[0]
        assert "mouth_pose" not in json.dumps(told)

    def test_the_pose_seen_longest_counts(self) -> None:
        track = PoseTrack(np.array([4, 2, 2, 4]), np.array([0.0, 0.1, 0.2, 0.3]), 0.1)
        assert track.dominant(0.05, 0.2) == 2
        assert track.dominant(0.0, 0.2) == 4, "the earlier of two"
        assert track.dominant(0.02, 0.09) == 4, "shorter than a frame"
        assert track.dominant(0.4, 0.5) is None
        assert list(track.runs()) == [(4, 0.0, 0.1), (2, 0.1, pytest.approx(0.3)), (4, 0.3, 0.4)]

    def test_keypoints_become_a_track(self, posed: Person) -> None:
        poses = poses_of(posed)
        order = np.array([0, 2, 2, 1])
        keypoints = CanonicalKeypoints(posed.mouth.pca.decode(poses.centres[order]), Fraction(50))
        track = pose_track(keypoints, poses, posed.mouth.pca, 2.0)
        np.testing.assert_array_equal(track.numbers, order)
        np.testing.assert_allclose(track.times, [2.0, 2.02, 2.04, 2.06])
        assert track.step == 0.02


@pytest.fixture(scope="module")
def default_person() -> Person:
    """Return the person that comes with the program, or skip the test where it is not there."""
    folder = ROOT / "checkpoints" / "grid_s1"
    if not folder.is_dir():
        pytest.skip(f"the default person is not there: {folder}")
    return load_person(folder)


class TestDefaultPerson:
    def test_its_poses_are_many_different_mouths(self, default_person: Person) -> None:
        poses = poses_of(default_person)
        assert 20 <= poses.count <= 50
        assert poses.variance >= 0.97
        assert poses.count == choose_size(poses.curve)
        assert poses.shares.min() > 0.003, "no pose is an accident"
        np.testing.assert_array_equal(poses.nearest(poses.centres), np.arange(poses.count))
        names = pose_names(poses, default_person.mouth.pca)
        assert len(set(names)) == poses.count
        assert names[REST] == "rest-00"
        for word in ("closed", "round", "open", "spread"):
            assert any(word in name for name in names)

    def test_they_stand_for_recorded_mouths(self, default_person: Person, grid_s1: Path, common_folder: Path) -> None:
        dataset = load_dataset(prepare_recorded(grid_s1, common_folder))
        pieces = split_dataset(dataset, val_share=0.5)
        poses, pca = poses_of(default_person), default_person.mouth.pca
        for piece in (*pieces.train, *pieces.val):
            mouths = canonical_mouth(piece, default_person.mouth.head)
            seen = pca.decode(poses.centres[poses.nearest(pca.encode(mouths))])
            still = np.linalg.norm(mouths - pca.mean.reshape(20, 2), axis=-1).mean()
            assert np.linalg.norm(mouths - seen, axis=-1).mean() < 0.75 * still
            assert np.corrcoef(mouth_opening(seen), mouth_opening(mouths))[0, 1] > 0.8
