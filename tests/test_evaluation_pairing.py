"""Which videos belong together, and what protocols name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from obamanet.errors import EvaluationError, OptionError
from obamanet.evaluation.pairing import find_pairs
from obamanet.evaluation.protocol import find_recordings, load_protocol, protocol_names


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_two_files_are_one_pair(tmp_path: Path) -> None:
    ours, real = touch(tmp_path / "talk.mp4"), touch(tmp_path / "other.mpg")
    (pair,) = find_pairs(ours, real)
    assert (pair.name, pair.generated, pair.reference) == ("talk", ours, real)


def test_folders_are_paired_by_name(tmp_path: Path) -> None:
    for name in (
        "ours/b.mp4",
        "ours/a.mp4",
        "ours/alone.mp4",
        "ours/notes.txt",
        "real/a.mpg",
        "real/b.mov",
        "real/c.mp4",
    ):
        touch(tmp_path / name)
    pairs = find_pairs(tmp_path / "ours", tmp_path / "real")
    assert [pair.name for pair in pairs] == ["a", "alone", "b"]
    assert pairs[0].reference == tmp_path / "real" / "a.mpg"
    assert not pairs[1].reference.exists()


def test_a_csv_names_its_pairs(tmp_path: Path) -> None:
    listed = tmp_path / "pairs.csv"
    listed.write_text("generated,reference,name\nx/1.mp4,y/2.mp4,first\nx/3.mp4,y/4.mp4,\n")
    first, second = find_pairs(listed, None)
    assert (first.name, first.generated) == ("first", tmp_path / "x" / "1.mp4")
    assert second.name == "3"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("generated,reference\n", "empty"),
        ("ours,theirs\na,b\n", "line 2: columns generated and reference are needed"),
        ("generated,reference\na/x.mp4,b\nc/x.mp4,d\n", "two pairs are named 'x'"),
    ],
)
def test_a_wrong_csv_says_so(tmp_path: Path, content: str, message: str) -> None:
    listed = tmp_path / "pairs.csv"
    listed.write_text(content)
    with pytest.raises(EvaluationError, match=message):
        find_pairs(listed, None)


def test_what_cannot_be_paired_is_refused(tmp_path: Path) -> None:
    video, folder = touch(tmp_path / "a.mp4"), tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(OptionError, match="reference is missing"):
        find_pairs(video, None)
    with pytest.raises(OptionError, match="both must be files or both folders"):
        find_pairs(video, folder)
    with pytest.raises(EvaluationError, match="no such file"):
        find_pairs(video, tmp_path / "none.mp4")
    with pytest.raises(EvaluationError, match="no video in the folder"):
        find_pairs(folder, tmp_path)
    touch(folder / "b.mp4")
    with pytest.raises(EvaluationError, match="no name is in both"):
        find_pairs(folder, tmp_path)
    touch(tmp_path / "a.mkv")
    with pytest.raises(OptionError, match="two videos of one name"):
        find_pairs(folder, tmp_path)


def test_the_protocol_that_comes_with_the_program() -> None:
    assert "grid_s1" in protocol_names()
    protocol = load_protocol("grid_s1")
    counts = {name: len(clips) for name, clips in protocol.splits}
    assert counts == {"train": 410, "val": 40, "test": 40, "hard": 4}
    names = [name for _, clips in protocol.splits for name in clips]
    assert len(set(names)) == len(names)
    with pytest.raises(OptionError, match="no split 'dev'; allowed are train, val, test, hard"):
        protocol.clips("dev")


def test_the_protocol_is_the_split_of_the_recordings(grid_s1: Path) -> None:
    split = json.loads((grid_s1 / "split.json").read_text())
    for name, clips in load_protocol("grid_s1").splits:
        assert sorted(split[name]) == sorted(clips)
    found = find_recordings(load_protocol("grid_s1"), "test", grid_s1)
    assert len(found) == 40 and all(path.is_file() for path in found.values())


def test_a_missing_recording_fails_alone(tmp_path: Path) -> None:
    protocol = load_protocol("grid_s1")
    present = protocol.clips("hard")[0]
    touch(tmp_path / "deep" / f"{present}.mpg")
    found = find_recordings(protocol, "hard", tmp_path)
    assert [path.exists() for path in found.values()] == [True, False, False, False]
    with pytest.raises(EvaluationError, match="none of the 40 recordings"):
        find_recordings(protocol, "test", tmp_path)


def test_a_wrong_protocol_says_so(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="no such protocol: 'lrs2'"):
        load_protocol("lrs2")
    newer = tmp_path / "p.json"
    newer.write_text('{"schema": 2}')
    with pytest.raises(EvaluationError, match="schema is 2"):
        load_protocol(str(newer))
    newer.write_text("[]")
    with pytest.raises(EvaluationError, match="not a protocol file"):
        load_protocol(str(newer))
