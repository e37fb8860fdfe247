"""Whole-or-nothing writing: what a reader sees before, during and after, and how each bad place is named."""

from __future__ import annotations

import errno
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from obamanet.errors import OutputError
from obamanet.files import (
    atomic_path,
    atomic_write_bytes,
    atomic_write_json,
    atomic_write_text,
    ensure_output_path,
    locked,
    read_json,
    sha256_of,
)


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_the_name_appears_only_when_the_block_has_ended(tmp_path: Path) -> None:
    target = tmp_path / "talk.mp4"
    with atomic_path(target) as part:
        part.write_bytes(b"new")
        assert not target.exists()
        assert part.parent == tmp_path
        assert part.suffix == ".mp4"
        assert part.name.startswith(".talk.")
    assert names(tmp_path) == ["talk.mp4"]
    assert target.read_bytes() == b"new"


@pytest.mark.skipif(os.name != "posix", reason="an open file cannot be replaced elsewhere")
def test_who_is_reading_the_old_file_reads_it_to_its_end(tmp_path: Path) -> None:
    target = tmp_path / "person.json"
    target.write_bytes(b"old")
    with target.open("rb") as reader:
        atomic_write_bytes(target, b"new")
        assert reader.read() == b"old"
    assert target.read_bytes() == b"new"


@pytest.mark.parametrize("interruption", [ValueError, KeyboardInterrupt])
def test_an_interrupted_block_leaves_the_old_file(tmp_path: Path, interruption: type[BaseException]) -> None:
    target = tmp_path / "talk.mp4"
    target.write_bytes(b"old")
    with pytest.raises(interruption), atomic_path(target) as part:
        part.write_bytes(b"half of the n")
        raise interruption
    assert names(tmp_path) == ["talk.mp4"]
    assert target.read_bytes() == b"old"


def test_missing_folders_are_made(tmp_path: Path) -> None:
    atomic_write_text(tmp_path / "a" / "b" / "note.txt", "¿qué tal?\n")
    assert (tmp_path / "a" / "b" / "note.txt").read_bytes() == "¿qué tal?\n".encode()


def test_a_link_is_followed_and_stays_a_link(tmp_path: Path) -> None:
    target, link = tmp_path / "real.txt", tmp_path / "link.txt"
    target.write_text("old")
    link.symlink_to(target)
    atomic_write_text(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_json_comes_back_and_refuses_not_a_number(tmp_path: Path) -> None:
    target = tmp_path / "person.json"
    content = {"name": "Ñandú", "fps": "30000/1001", "loss": [0.5, 1]}
    atomic_write_json(target, content)
    assert json.loads(target.read_text("utf-8")) == content
    with pytest.raises(ValueError, match="Out of range"):
        atomic_write_json(target, {"loss": float("nan")})
    assert json.loads(target.read_text("utf-8")) == content


def test_what_json_holds_is_read_again(tmp_path: Path) -> None:
    deepest: dict[str, Any] = {"name": "Zoë 😀", "fps": "30000/1001", "share": 0.25, "big": 2**63, "none": None}
    for _ in range(31):
        deepest = {"in": deepest}
    atomic_write_json(tmp_path / "a.json", deepest)
    assert read_json(tmp_path / "a.json") == deepest


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "Expecting value"),
        ("[1]", r"an object in braces is needed, got \[1\]"),
        ('{"a": NaN}', "not finite: NaN"),
        ('{"a": -1e999}', "not finite: -1e999"),
        ('{"a": 123456789012345678901}', "a number of 21 digits, allowed are 20"),
        ('{"a": ["\\ud800"]}', "half a surrogate pair"),
        ('{"\\udfff": 1}', "half a surrogate pair"),
        ('{"a":' * 32 + "{}" + "}" * 32, "nested too deep, allowed are 32"),
        ('{"a":' * 100_000, "nested too deep, allowed are 32"),
    ],
)
def test_json_that_is_refused(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError, match=says) as caught:
        read_json(tmp_path / "a.json")
    assert "\n" not in str(caught.value)


def test_sha256_is_the_published_one_of_abc(tmp_path: Path) -> None:
    # FIPS 180-4, the examples' one-block message.
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256_of(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_sha256_does_not_depend_on_how_the_file_is_read(tmp_path: Path) -> None:
    import hashlib

    content = bytes(range(256)) * 9000
    (tmp_path / "long").write_bytes(content)
    assert sha256_of(tmp_path / "long") == hashlib.sha256(content).hexdigest()


def check_refused(path: Path, says: str) -> None:
    with pytest.raises(OutputError, match=says) as caught:
        ensure_output_path(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs Linux's /proc")
def test_a_place_where_no_file_can_be_made_is_named_though_permissions_allow_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: True)
    check_refused(Path("/proc/o.mp4"), "cannot be written")


def test_asking_leaves_nothing_behind(tmp_path: Path) -> None:
    ensure_output_path(tmp_path / "talk.mp4")
    assert names(tmp_path) == []


@pytest.mark.skipif(os.name != "posix", reason="names are bytes on POSIX")
@pytest.mark.parametrize(
    "stem", [b"x" * 251, "\u00e9".encode() * 125, b"caf\xe9"], ids=["255 bytes", "utf-8", "latin-1"]
)
def test_every_name_that_the_file_system_takes(tmp_path: Path, stem: bytes) -> None:
    target = tmp_path / os.fsdecode(stem + b".mp4")
    with atomic_path(target) as part:
        part.write_bytes(b"new")
        assert part.name.startswith(".")
        assert part.name.endswith(f".{os.getpid()}.part.mp4")
        part.name.encode("utf-8")
        # The signing makes a sibling of the sibling.
        with atomic_path(part) as deeper:
            deeper.write_bytes(b"newer")
    assert names(tmp_path) == [target.name]
    assert target.read_bytes() == b"newer"


def test_a_name_that_is_too_long_is_named(tmp_path: Path) -> None:
    check_refused(tmp_path / ("x" * 252 + ".mp4"), "too long")


def test_places_that_cannot_be_written_are_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    check_refused(tmp_path, "got a directory")
    check_refused(tmp_path / "file" / "talk.mp4", "Not a directory|File exists")
    check_refused(Path(os.devnull), "regular file")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    with pytest.raises(OutputError, match="not writable"):
        ensure_output_path(folder / "talk.mp4")


def test_permissions_are_asked_even_when_nothing_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    with pytest.raises(OutputError, match="output folder is not writable"):
        ensure_output_path(tmp_path / "talk.mp4")
    (tmp_path / "kept.mp4").write_bytes(b"old")
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) == tmp_path)
    with pytest.raises(OutputError, match="exists and is not writable"):
        ensure_output_path(tmp_path / "kept.mp4")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_said_and_leaves_the_old_file(tmp_path: Path, number: int) -> None:
    target = tmp_path / "talk.mp4"
    target.write_bytes(b"old")
    with pytest.raises(OutputError, match="no space left"), atomic_path(target) as part:
        part.write_bytes(b"half")
        raise OSError(number, os.strerror(number))
    assert names(tmp_path) == ["talk.mp4"]
    assert target.read_bytes() == b"old"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the always-full device of Linux")
def test_a_write_that_really_runs_out_of_space_is_said(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no space left"), atomic_path(tmp_path / "talk.mp4"):
        Path("/dev/full").write_bytes(b"x")


def test_an_unreadable_input_inside_the_block_is_not_blamed_on_the_output(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="absent"), atomic_path(tmp_path / "copy.bin") as part:
        part.write_bytes((tmp_path / "absent.bin").read_bytes())


def test_writing_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"), atomic_path(tmp_path / "talk.mp4"):
        pass
    assert names(tmp_path) == []


def test_bytes_replace_an_older_file(tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(b"a longer old content")
    atomic_write_bytes(tmp_path / "weights.bin", b"new")
    assert (tmp_path / "weights.bin").read_bytes() == b"new"


def test_a_system_without_locks_on_folders_works_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)
    with locked(tmp_path):
        pass
