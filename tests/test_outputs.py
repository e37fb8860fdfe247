"""No output replaces an input, another output of the same command, or a file that the program did not make."""

from __future__ import annotations

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile

from obamanet.cli.app import obamanet_app
from obamanet.cli.boundary import call
from obamanet.cli.outputs import check_outputs, is_ours
from obamanet.errors import ObamanetError, OptionError, OutputError
from obamanet.person import Person
from obamanet.video.writer import VideoWriter

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def obamanet(capsys: pytest.CaptureFixture[str]) -> Run:
    """Return what runs ``obamanet`` in this process: exit code and standard error."""

    def run(*arguments: object) -> tuple[int, str]:
        code = call(obamanet_app(), [str(argument) for argument in arguments], "obamanet")
        return code, capsys.readouterr().err

    return run


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def sound(path: Path) -> Path:
    soundfile.write(path, np.random.default_rng(1).normal(0, 0.1, 16_000), 16_000)
    return path


def text(path: Path) -> Path:
    path.write_text("Hello there.")
    return path


class TestVerbs:
    @pytest.mark.parametrize(
        ("verb", "file", "option"),
        [
            ("timeline", "a.json", "--out"),
            ("timeline", "a.tsv", "--out"),
            ("timeline", "a.wav", "--voice-out"),
            ("say", "a.vtt", "--timeline"),
            ("say", "a.mp4", "--out"),
            ("say", "a.npz", "--keypoints-out"),
        ],
    )
    def test_a_text_file_is_not_replaced(
        self, obamanet: Run, tiny_person: Person, tmp_path: Path, verb: str, file: str, option: str
    ) -> None:
        text(tmp_path / file)
        out = {"timeline": ["--out", tmp_path / "t.json"], "say": ["--out", tmp_path / "o.mp4"]}[verb]
        out = [] if option == "--out" else out
        person = ["--person", tiny_person.folder] if verb == "say" else []
        code, said = obamanet(verb, "--text-file", tmp_path / file, *out, option, tmp_path / file, *person)
        assert code == 2
        assert f"output would replace what it is made from, {tmp_path / file}" in said
        assert contents(tmp_path) == {file: b"Hello there."}

    def test_a_recording_is_not_replaced_by_its_timeline(self, obamanet: Run, tmp_path: Path) -> None:
        recording = sound(tmp_path / "said.wav").rename(tmp_path / "said.json")
        before = contents(tmp_path)
        code, said = obamanet("timeline", "Hello", "--recording", recording, "--out", recording)
        assert code == 2
        assert "output would replace" in said
        assert contents(tmp_path) == before

    def test_a_persons_files_are_not_replaced(self, obamanet: Run, tiny_inpaint_person: Person, tmp_path: Path) -> None:
        speech, footage = sound(tmp_path / "speech.wav"), tiny_inpaint_person.footage
        before = footage.read_bytes()
        code, said = obamanet("speak", speech, "--person", tiny_inpaint_person.folder, "--out", footage)
        assert code == 2
        assert f"output would replace what it is made from, {footage}" in said
        assert footage.read_bytes() == before

    def test_two_outputs_are_two_files(self, obamanet: Run, tmp_path: Path) -> None:
        (tmp_path / "link.json").symlink_to(tmp_path / "a.json")
        for other in ("a.json", "link.json", "./a.json"):
            code, said = obamanet("timeline", "Hello", "--out", tmp_path / "a.json", "--out", f"{tmp_path}/{other}")
            assert code == 2
            assert "two outputs would be one file" in said
        assert not (tmp_path / "a.json").exists()

    def test_a_strange_folder_does_not_become_a_corpus(self, obamanet: Run, tmp_path: Path) -> None:
        folder = tmp_path / "mine"
        folder.mkdir()
        (folder / "manifest.json").write_text('{"mine": 1}')
        (tmp_path / "talk.srt").write_text("1\n00:00:00,000 --> 00:00:00,400\nHello\n")
        with VideoWriter(tmp_path / "talk.mp4", (16, 16), Fraction(25)) as writer:
            for _ in range(12):
                writer.write(np.zeros((16, 16, 3), np.uint8))
        code, said = obamanet("corpus", tmp_path / "talk.mp4", tmp_path / "talk.srt", "--out", folder)
        assert code == 1
        assert f"folder is no corpus, but holds manifest.json: {folder}" in said
        assert contents(folder) == {"manifest.json": b'{"mine": 1}'}

    def test_what_the_program_made_is_replaced(self, obamanet: Run, tmp_path: Path) -> None:
        names = ["a.json", "a.tsv", "a.vtt"]
        outputs = [argument for name in names for argument in ("--out", tmp_path / name)]
        written = []
        for words in ("Hello", "Good morning"):
            code, said = obamanet("timeline", words, *outputs, "--voice-out", tmp_path / "a.wav", "--quiet")
            assert (code, said) == (0, "")
            written.append(contents(tmp_path))
        assert sorted(written[0]) == sorted([*names, "a.wav"])
        assert all(written[0][name] != written[1][name] for name in written[0])


class TestCheck:
    def test_one_file_under_two_names_is_one_file(self, tmp_path: Path) -> None:
        source = text(tmp_path / "a.txt")
        os.link(source, tmp_path / "hard.json")
        (tmp_path / "soft.json").symlink_to(source)
        for name in ("hard.json", "soft.json"):
            with pytest.raises(OptionError, match=r"output would replace what it is made from, .*a\.txt"):
                check_outputs([tmp_path / name], [source])

    @pytest.mark.parametrize("suffix", [".json", ".tsv", ".vtt", ".mp4", ".wav", ".npz", ".png", ".keras", ".h5", ".x"])
    @pytest.mark.parametrize("content", [b"mine", b"{}", b"WEBVTT\n\n", b"PK\x03\x04", b"RIFF"])
    def test_a_strange_file_stays(self, tmp_path: Path, suffix: str, content: bytes) -> None:
        path = tmp_path / f"a{suffix}"
        path.write_bytes(content)
        with pytest.raises(OutputError, match=r"there is a file that this program did not make: .*name another one"):
            check_outputs([path])
        assert path.read_bytes() == content

    def test_strange_media_stay(self, tmp_path: Path) -> None:
        from PIL import Image

        with VideoWriter(tmp_path / "a.mp4", (16, 16), Fraction(25), comment="holidays") as writer:
            writer.write(np.zeros((16, 16, 3), np.uint8))
        Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
        np.savez(tmp_path / "a.npz", x=np.zeros(3))
        sound(tmp_path / "a.wav")
        for path in tmp_path.iterdir():
            assert not is_ours(path), path

    def test_nothing_is_lost_with_an_empty_file(self, tmp_path: Path) -> None:
        (tmp_path / "a.json").touch()
        check_outputs([tmp_path / "a.json", None], [None, tmp_path / "missing"])

    def test_asking_makes_no_folder(self, tmp_path: Path) -> None:
        check_outputs([tmp_path / "new" / "folder" / "a.json"])
        assert not (tmp_path / "new").exists()


def test_a_refused_run_leaves_no_folder(obamanet: Run, tiny_person: Person, tmp_path: Path) -> None:
    speech = sound(tmp_path / "speech.wav")
    new = tmp_path / "new" / "folder"
    with VideoWriter(tmp_path / "black.mp4", (64, 64), Fraction(25)) as writer:
        for _ in range(5):
            writer.write(np.zeros((64, 64, 3), np.uint8))
    commands = [
        ("speak", speech, "--person", tiny_person.folder, "--out", new / "a.mp4", "--articulation", 9),
        ("say", "Hello", "--via", "syllables", "--person", tiny_person.folder, "--out", new / "a.mp4"),
        ("timeline", "...", "--out", new / "a.json"),
        ("evaluate", tmp_path / "none.mp4", tmp_path / "none2.mp4", "--out", new),
        ("prepare", speech, "--out", new),
        ("prepare", tmp_path / "black.mp4", "--out", new, "--workers", 1),
    ]
    for command in commands:
        code, said = obamanet(*command)
        assert code in (1, 2), said
        assert not (tmp_path / "new").exists(), command[0]


def test_folders_made_for_a_failed_output_go_again(tmp_path: Path) -> None:
    from obamanet.files import atomic_path, made_folder

    with pytest.raises(ObamanetError), atomic_path(tmp_path / "a" / "b" / "talk.mp4"):
        pass
    assert not (tmp_path / "a").exists()
    with pytest.raises(ValueError, match="full"), made_folder(tmp_path / "a" / "b"):
        (tmp_path / "a" / "kept").touch()
        raise ValueError("full")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["kept"]
