"""What holds or was learned from a face is found by its sources, and only what the program wrote is removed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made import write_video

from obamanet import provenance
from obamanet.about import SOFTWARE
from obamanet.cli.app import obamanet_app
from obamanet.cli.boundary import call
from obamanet.cli.forget import described
from obamanet.erasure import find
from obamanet.erasure.erase import erase
from obamanet.erasure.find import Traces, find_traces
from obamanet.errors import OptionError, OutputError, PersonError
from obamanet.files import sha256_of
from obamanet.sources import SOURCES_FILE, Sources, add_sources, read_sources


def write(path: Path, content: str | dict[str, Any] = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def make_footage(folder: Path, name: str, count: int) -> list[Path]:
    return [write(folder / f"{name}{number}.mpg", f"recording {number} of {name}") for number in range(count)]


def make_dataset(folder: Path, footage: list[Path]) -> Path:
    for video in footage:
        clip = folder / "clips" / f"{video.stem}-{sha256_of(video)[:8]}"
        write(clip / "clip.json", {"name": video.stem, "source": str(video), "key": {"sha256": sha256_of(video)}})
        for name in ("track.npz", "sound.wav", "frames/00000.jpg", "frames/00001.jpg"):
            write(clip / name)
    write(folder / "dataset.json", {"schema": 1})
    return folder


def sources_of(footage: list[Path], split: str) -> Sources:
    return Sources(frozenset(map(sha256_of, footage)), frozenset([split]))


def make_run(folder: Path, sources: Sources, **data: str) -> Path:
    write(folder / "options.json", {"training": {}, "data": data})
    for name in ("best.weights.h5", "last.weights.h5", "state.npz", "log.jsonl", "curves.png"):
        write(folder / name)
    write(folder / "samples" / "step_0000100.png")
    if sources != Sources():
        add_sources(folder, sources)
    return folder


def make_person(folder: Path, name: str, sources: Sources) -> Path:
    files = ("mouth.npz", "predictor.weights.h5", "renderer.weights.h5", "reference.npz", "footage.mp4", "poses.npz")
    for file in files:
        write(folder / file, f"{file} of {name} in {folder}")
    add_sources(folder, sources)
    digests = {file: sha256_of(folder / file) for file in (*files, SOURCES_FILE)}
    write(folder / "person.json", {"schema": 1, "name": name, "files": digests})
    return folder


def make_video(path: Path, person: str | None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_video(path, [np.full((32, 32, 3), value, np.uint8) for value in (40, 80)])
    if person:
        provenance.sign_video(path, kind=provenance.Synthetic.WHOLE_FACE, software=SOFTWARE, persons=[person])
    return path


def all_files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()}


def removed(traces: Traces) -> set[Path]:
    return {path for trace in traces.removable for path in trace.files}


@dataclass(frozen=True)
class World:
    """Ada's and Bert's footage, datasets, persons, runs, videos, evaluations and cached tracks below ``folder``."""

    folder: Path
    ada: Path
    bert: Path

    def find(self) -> Traces:
        return find_traces(self.ada / "person", [self.folder])

    def of_ada(self) -> set[Path]:
        """Return all that the program wrote of Ada but cached tracks: a sha256 in their names may well hold "ada"."""
        written = all_files(self.folder) - all_files(self.folder / "cache")
        mine = {path for path in written if "ada" in path.relative_to(self.folder).as_posix()}
        return {path for path in mine if path.suffix not in (".mpg", ".txt")}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    folder = (tmp_path / "world").resolve()
    monkeypatch.setenv("OBAMANET_CACHE_DIR", str(folder / "cache"))
    monkeypatch.setattr(find, "making_folder", lambda: folder / "making")
    people: dict[str, Path] = {}
    for name in ("ada", "bert"):
        footage = make_footage(folder / "footage", name, 3)
        people[name] = make_dataset(folder / f"data_{name}", footage)
        sources = sources_of(footage[:2], f"split of {name}")
        make_run(people[name] / "keypoints", sources, split=f"split of {name}")
        make_person(people[name] / "person", name.title(), sources)
        write(people[name] / "notes.txt", "the user's own")
        make_run(
            folder / "elsewhere" / f"{name}_lipreader", sources_of(footage, "another split"), split="another split"
        )
        teacher = sha256_of(people[name] / "person" / "predictor.weights.h5")
        make_run(folder / "elsewhere" / f"{name}_syllables", Sources(), teacher=teacher)
        write(folder / "judges" / name / "syncnet.json", {"data": {"split": f"split of {name}"}})
        write(folder / "judges" / name / "syncnet.weights.h5")
        corpus = folder / f"corpus_{name}"
        write(corpus / "corpus.json", {"schema": 1, "corpus": {"video_sha256": sha256_of(footage[1])}})
        write(corpus / "clips" / "00001" / "001.npz")
        write(corpus / "clips" / "00001" / "cue.json")
        report = folder / f"evaluation_{name}"
        video = make_video(report / "generated" / f"{name}.mp4", name.title())
        pair = {"name": name, "generated": str(video), "reference": str(footage[2])}
        write(report / "results.json", {"setting": {"person": str(people[name] / "person")}, "clips": [pair]})
        for file in ("results.csv", "report.html", "worst.mp4"):
            write(report / file)
        for path in (footage[2], video):
            write(folder / "cache" / "tracks" / f"{sha256_of(path)}-1.npz", name)
    return World(folder, people["ada"], people["bert"])


def cached(world: World, name: str) -> set[Path]:
    return {path for path in (world.folder / "cache" / "tracks").iterdir() if path.read_text() == name}


class TestFind:
    def test_everything_of_one_person_and_nothing_of_another(self, world: World) -> None:
        before = all_files(world.folder)
        traces = world.find()
        assert removed(traces) == world.of_ada() | cached(world, "ada")
        assert traces.names == ("Ada",)
        assert {trace.path for trace in traces.kept} == set((world.folder / "footage").glob("ada*"))
        assert [path for trace in traces.removable for path in trace.others] == [world.ada / "notes.txt"]
        assert traces.removable[-1].path == world.ada / "person", "the person tells all others: it goes last"
        assert all(trace.size == sum(path.stat().st_size for path in trace.files) for trace in traces.removable)
        assert all_files(world.folder) == before

    def test_without_places_the_person_its_dataset_and_the_cache(self, world: World) -> None:
        traces = find_traces(world.ada / "person")
        assert {trace.path for trace in traces.removable if trace.path.is_dir()} == {
            world.ada,
            world.ada / "keypoints",
            world.ada / "person",
        }
        assert {trace.path for trace in traces.kept} == set((world.folder / "footage").glob("ada*"))

    def test_persons_in_the_making_of_the_page(self, world: World) -> None:
        projects = {}
        for name in ("ada", "bert"):
            projects[name] = world.folder / "making" / (name.encode().hex() + "0" * 8)
            uploaded = projects[name] / "footage" / "video_1.mpg"
            uploaded.parent.mkdir(parents=True)
            shutil.copy(world.folder / "footage" / f"{name}1.mpg", uploaded)
            make_dataset(projects[name] / "dataset", [uploaded])
            write(projects[name] / "making.json", {"schema": 1, "name": name})
            write(projects[name] / "said.txt")
            write(projects[name] / "running", "")
        traces = find_traces(world.ada / "person")
        assert all_files(projects["ada"]) <= removed(traces)
        assert not removed(traces) & all_files(projects["bert"])
        # One that was never prepared is named itself.
        shutil.rmtree(projects["ada"] / "dataset")
        erase(find_traces(projects["ada"]))
        assert not projects["ada"].exists() and projects["bert"].exists()

    def test_a_dataset_that_has_no_person_yet(self, world: World) -> None:
        shutil.rmtree(world.ada / "person")
        traces = find_traces(world.ada, [world.folder])
        paths = {trace.path for trace in traces.removable}
        assert {world.ada, world.ada / "keypoints", world.folder / "elsewhere" / "ada_lipreader"} <= paths
        assert not [path for path in removed(traces) if "bert" in path.name]
        assert "no readable person.json" in " ".join(traces.notes)

    def test_a_person_of_before_sources_were_noted(self, world: World) -> None:
        for path in world.folder.rglob(f"*/{SOURCES_FILE}"):
            path.unlink()
        paths = {trace.path for trace in world.find().removable}
        assert {world.ada, world.ada / "keypoints", world.ada / "person"} <= paths
        assert not [path for path in paths if "bert" in path.name]

    def test_a_damaged_person_is_found_too(self, world: World) -> None:
        write(world.ada / "person" / "person.json", "{")
        traces = world.find()
        assert {path for path in world.of_ada() if path.suffix != ".mp4"} <= removed(traces)
        assert world.folder / "evaluation_ada" / "generated" / "ada.mp4" not in removed(traces)

    def test_an_interrupted_preparation_is_found(self, world: World) -> None:
        (world.ada / "dataset.json").unlink()
        part = write(world.ada / "clips" / ".late-00000000.part" / "frames" / "00000.jpg")
        assert part in removed(world.find())

    def test_footage_that_was_moved_is_found_by_its_bytes(self, world: World) -> None:
        moved = (world.folder / "footage" / "ada0.mpg").rename(world.folder / "moved.mpg")
        assert moved in {trace.path for trace in world.find().kept}

    def test_a_run_that_began_with_the_persons_weights_stays(self, world: World) -> None:
        start = sha256_of(world.ada / "person" / "predictor.weights.h5")
        run = make_run(world.bert / "begun", sources_of([world.folder / "footage" / "bert0.mpg"], "b"), start=start)
        traces = world.find()
        assert run in {trace.path for trace in traces.kept}
        assert not removed(traces) & all_files(run)

    def test_a_video_that_was_changed_stays(self, world: World) -> None:
        video = make_video(world.folder / "out" / "talk.mp4", "Ada")
        assert video in removed(world.find())
        content = bytearray(video.read_bytes())
        content[-5] ^= 1
        video.write_bytes(content)
        traces = world.find()
        assert video not in removed(traces)
        assert "changed" in next(trace.reason for trace in traces.kept if trace.path == video)

    def test_another_person_of_that_name_keeps_the_videos(self, world: World) -> None:
        make_person(world.folder / "other", "Ada", sources_of(make_footage(world.folder / "footage", "eve", 1), "e"))
        traces = world.find()
        video = world.folder / "evaluation_ada" / "generated" / "ada.mp4"
        assert video not in removed(traces)
        assert "another person" in next(trace.reason for trace in traces.kept if trace.path == video)
        assert not removed(traces) & all_files(world.folder / "other")

    def test_what_comes_with_the_program_stays_unless_it_is_named(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shipped = Path(shutil.copytree(world.ada / "person", world.folder / "program" / "ada"))
        monkeypatch.setattr(find, "SHIPPED", (world.folder / "program",))
        traces = world.find()
        assert not removed(traces) & all_files(shipped)
        assert "comes with the program" in next(trace.reason for trace in traces.kept if trace.path == shipped)
        assert all_files(shipped) <= removed(find_traces(shipped))

    def test_the_default_persons_judges_come_with_the_program(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OBAMANET_CACHE_DIR", str(tmp_path))
        root = find.PROGRAM.parent
        traces = find_traces(root / "checkpoints" / "grid_s1")
        assert root / "obamanet" / "evaluation" / "judges" / "weights" in {trace.path for trace in traces.kept}
        assert {path.parent for path in removed(traces)} == {root / "checkpoints" / "grid_s1"}

    @pytest.mark.parametrize(
        "content",
        [
            "",
            "[]",
            "[" * 100_000,
            '{"clips": 3}',
            '{"setting": {"person": "a\\u0000"}}',
            '{"clips": [{"generated": 3}]}',
        ],
    )
    def test_damaged_papers_hide_nothing_else(self, world: World, content: str) -> None:
        found = removed(world.find())
        for paper in ("evaluation_bert/results.json", "corpus_bert/corpus.json", "judges/bert/syncnet.json"):
            write(world.folder / paper, content)
        write(world.bert / "person" / "person.json", content)
        write(world.bert / "keypoints" / "options.json", content)
        assert removed(world.find()) == found

    @pytest.mark.parametrize("place", ["footage", "nobody"])
    def test_neither_person_nor_dataset(self, world: World, place: str) -> None:
        with pytest.raises(PersonError, match="neither a person nor a dataset"):
            find_traces(world.folder / place)

    def test_a_place_that_is_none(self, world: World) -> None:
        with pytest.raises(OptionError, match="must be a folder"):
            find_traces(world.ada / "person", [world.folder / "nowhere"])


class TestErase:
    def test_exactly_what_was_listed_goes(self, world: World) -> None:
        traces = world.find()
        before = all_files(world.folder)
        erase(traces)
        assert before - all_files(world.folder) == removed(traces)
        assert world.of_ada() == set()
        assert all_files(world.ada) == {world.ada / "notes.txt"}
        assert not (world.folder / "corpus_ada").exists()
        assert (world.folder / "cache" / "tracks").is_dir()

    @pytest.mark.parametrize("share", [0.1, 0.5, 0.8, 0.99])
    def test_an_interrupted_removal_can_be_repeated(self, world: World, share: float) -> None:
        order = [path for trace in world.find().removable for path in trace.files]
        for path in order[: round(share * len(order))]:
            path.unlink()
        erase(world.find())
        assert world.of_ada() == set()

    def test_links_are_not_followed(self, world: World) -> None:
        outside = write(world.folder.parent / "outside" / "step_0000100.png")
        shutil.rmtree(world.ada / "keypoints" / "samples")
        (world.ada / "keypoints" / "samples").symlink_to(outside.parent)
        photo = write(world.folder.parent / "photo.png")
        (world.ada / "keypoints" / "curves.png").unlink()
        (world.ada / "keypoints" / "curves.png").symlink_to(photo)
        traces = world.find()
        erase(traces)
        assert outside.exists() and photo.exists()
        assert (world.ada / "keypoints" / "curves.png").is_symlink()
        assert f"a link, not followed: {world.ada / 'keypoints' / 'samples'}" in traces.notes

    def test_a_link_that_came_after_the_list_is_not_followed(self, world: World) -> None:
        traces = world.find()
        frames = next((world.ada / "clips").iterdir()) / "frames"
        outside = write(world.folder.parent / "outside" / "00000.jpg")
        shutil.rmtree(frames)
        frames.symlink_to(outside.parent)
        with pytest.raises(OutputError, match=r"2 of \d+ files could not be removed; the first: a link is in the way"):
            erase(traces)
        assert outside.exists()
        assert world.of_ada() <= {outside}


class TestSources:
    def test_what_was_noted_before_stays(self, tmp_path: Path) -> None:
        first, second = Sources(frozenset("a"), frozenset("s")), Sources(frozenset("b"))
        add_sources(tmp_path, first)
        add_sources(tmp_path, second)
        assert read_sources(tmp_path) == Sources(frozenset("ab"), frozenset("s"))

    @pytest.mark.parametrize("content", ["", "[]", "{}", '{"videos": 3}'])
    def test_a_damaged_note_says_nothing(self, tmp_path: Path, content: str) -> None:
        write(tmp_path / SOURCES_FILE, content)
        assert read_sources(tmp_path) == Sources()


@pytest.fixture
def forget(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def run(*arguments: object) -> tuple[int, str, str]:
        code = call(obamanet_app(), ["forget", *map(str, arguments), "--quiet"], "obamanet")
        return code, *capsys.readouterr()

    return run


class TestCommand:
    def test_the_list_removes_nothing(self, world: World, forget: Callable[..., tuple[int, str, str]]) -> None:
        before = all_files(world.folder)
        # The dataset stands for its person, as in the other commands.
        code, out, err = forget(world.ada, world.folder)
        assert (code, err) == (0, "")
        assert all_files(world.folder) == before
        assert out.splitlines() == described(world.find(), removed=False)
        assert f"prepared footage: {world.ada} (" in out
        assert f"recorded footage: 3 in {world.folder / 'footage'}" in out
        assert "stays: 1 of the files in there, not written by this program" in out

    def test_yes_removes(self, world: World, forget: Callable[..., tuple[int, str, str]]) -> None:
        code, out, _ = forget(world.ada / "person", world.folder, "--yes")
        assert code == 0
        assert "is removed (" in out
        assert world.of_ada() == set()
        assert all_files(world.bert)

    def test_what_is_wrong_is_one_line(self, world: World, forget: Callable[..., tuple[int, str, str]]) -> None:
        code, out, err = forget(world.folder / "footage", "--yes")
        assert (code, out, len(err.splitlines())) == (1, "", 1)
