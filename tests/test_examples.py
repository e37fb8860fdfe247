"""Every example in README and docs: Python is run, command lines are parsed by the commands that they call."""

from __future__ import annotations

import configparser
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import create_autospec

import numpy as np
import pytest
import soundfile
import soxr
import typer

import obamanet
from obamanet.cli.app import OBAMANET, RUN_PY, TEXT2FACE
from obamanet.cli.verbs import Group, Verb
from obamanet.erasure.find import Traces

ROOT = Path(__file__).resolve().parent.parent

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

PROGRAMS: dict[str, Verb | Group] = {
    "obamanet": OBAMANET,
    "text2face": TEXT2FACE,
    "python run.py": RUN_PY,
    ".venv/bin/python run.py": RUN_PY,
}

TRAINING = ("prepare", "load_dataset", "split_dataset", "train_keypoints", "train_renderer", "assemble_person", "erase")
"""What takes minutes, needs footage or removes files: examples call it, its arguments are checked, nothing is done."""

WEB_PAGES = {"server.md", "page.md"}

OTHERS_OPTIONS = "porting.md"
"""The page that names options of other programs."""


def needs_server(page: Path) -> None:
    """Skip the test of a page about the server where there is none yet."""
    if page.name in WEB_PAGES and "web" not in OBAMANET.verbs:
        pytest.skip("there is no obamanet web yet")


def code_blocks(text: str) -> Iterator[tuple[str, str]]:
    """Yield language and text of each block of code, "" for indented ones."""
    fence = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    yield from fence.findall(text)
    for block in re.findall(r"(?:(?<=\n\n)|\A)((?: {4}.*\n|\n(?= {4}))+)", fence.sub("", text)):
        yield "", re.sub(r"^ {4}", "", block, flags=re.MULTILINE)


def command_lines(text: str) -> list[str]:
    """Return the lines of all blocks of shell, continued ones joined."""
    blocks = [block for language, block in code_blocks(text) if language in {"", "sh"}]
    return [line.strip() for block in blocks for line in block.replace("\\\n", " ").splitlines() if line.strip()]


def called(line: str) -> tuple[str, list[str]] | None:
    """Return the program of ours that ``line`` calls, and its arguments."""
    name = next((name for name in PROGRAMS if line == name or line.startswith(f"{name} ")), None)
    return None if name is None else (name, shlex.split(line.removeprefix(name), comments=True))


def command_of(name: str, arguments: list[str]) -> tuple[Any, list[str]]:
    """Return the command that is called and what is left for it; KeyError where there is none of that name."""
    verb, path, rest = PROGRAMS[name], name, arguments
    while isinstance(verb, Group) and rest and not rest[0].startswith("-"):
        verb, path, rest = verb.verbs[rest[0]], f"{path} {rest[0]}", rest[1:]
    return typer.main.get_command(verb.app(path)), rest


def options_of(command: Any) -> set[str]:
    """Return the options of ``command``, help included."""
    return {"--help", "-h", *(name for one in command.params for name in (*one.opts, *one.secondary_opts))}


def all_options() -> set[str]:
    """Return the options of all commands."""
    names: set[str] = {"--version"}
    rooms: list[Verb | Group] = [OBAMANET, RUN_PY]
    while rooms:
        verb = rooms.pop()
        if isinstance(verb, Group):
            rooms += verb.verbs.values()
        names |= options_of(typer.main.get_command(verb.app("obamanet")))
    return names


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_command_lines_are_understood(page: Path) -> None:
    needs_server(page)
    for line in command_lines(page.read_text("utf-8")):
        if (call := called(line)) is None:
            continue
        command, rest = command_of(*call)
        try:
            command.make_context(call[0], rest)
        except Exception as error:
            pytest.fail(f"{page.name}: {line}: {error}")


def test_a_wrong_command_line_is_noticed() -> None:
    for line in ("obamanet speak", "obamanet speak a.wav --artculation 2", "obamanet train renderer me --mode face"):
        command, rest = command_of(*called(line))  # type: ignore[misc]
        with pytest.raises(Exception, match=r"[Mm]issing|[Nn]o such option|not one of"):
            command.make_context("obamanet", rest)
    with pytest.raises(KeyError):
        command_of("obamanet", ["spaek", "a.wav"])


def test_there_are_examples_of_each_kind() -> None:
    text = "\n\n".join(page.read_text("utf-8") for page in PAGES)
    lines = [called(line) for line in command_lines(text)]
    assert {call[0] for call in lines if call} >= {"obamanet", ".venv/bin/python run.py"}
    assert len([call for call in lines if call]) > 80
    assert [language for language, _ in code_blocks(text)].count("python") > 12


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_options_in_sentences_exist(page: Path) -> None:
    needs_server(page)
    fences = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
    known = all_options()
    for span in re.findall(r"(?<!`)`([^`\n]+)`(?!`)", fences.sub("", page.read_text("utf-8"))):
        if (call := called(span)) and call[1] and not call[1][0].isupper():
            command, rest = command_of(*call)
            named = [word.partition("=")[0] for word in rest if re.fullmatch(r"--?[a-zA-Z].*", word)]
            assert set(named) <= options_of(command), f"{page.name}: `{span}`"
        elif span.startswith("--") and page.name != OTHERS_OPTIONS:
            assert span.split()[0].partition("=")[0] in known, f"{page.name}: `{span}`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_targets_of_make_and_extras_exist(page: Path) -> None:
    needs_server(page)
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", "utf-8")
    extras = set(setup["options.extras_require"])
    text = page.read_text("utf-8")
    for names in re.findall(r"(?:obamanet|\.)\[([a-z,]+)\]", text):
        assert set(names.split(",")) <= extras, f"{page.name}: [{names}]"
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = [line.split()[1] for line in command_lines(text) if line.startswith("make ")]
    assert set(named) <= targets


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "docs" / "library.md"], ids=lambda page: page.name)
def test_python_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    samples, rate = soundfile.read(ROOT / "data" / "audio" / "hello_en.wav", dtype="float32")
    short = soxr.resample(samples, rate, 16_000)[:8_000]
    for name in ("speech", "first", "second"):
        soundfile.write(f"{name}.wav", short, 16_000)
    person = obamanet.load_person(obamanet.default_person_folder())
    if "driver.mp4" in page.read_text("utf-8"):
        obamanet.speak(Path("speech.wav"), Path("driver.mp4"), person)
    for name in TRAINING:
        monkeypatch.setattr(obamanet, name, create_autospec(getattr(obamanet, name)))
    found = create_autospec(obamanet.find_traces, return_value=Traces(Path("anna"), (), (), (), ()))
    monkeypatch.setattr(obamanet, "find_traces", found)
    names: dict[str, Any] = {"__name__": "example", "microphone": np.array_split(short, 5)}
    for language, block in code_blocks(page.read_text("utf-8")):
        if language == "python":
            exec(compile(block, page.name, "exec"), names)
    assert Path("talk.mp4").is_file()
    assert names["mouth"].shape[1:] == (20, 2)
