"""The site and the repository's own files: no link leads nowhere, and no table tells of a field that is not there."""

from __future__ import annotations

import configparser
import dataclasses
import importlib
import importlib.util
import json
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import yaml

import obamanet
from obamanet.about import VERSION
from obamanet.batch.batch_manifest import Entry, ResultFile
from obamanet.cli.app import OBAMANET
from obamanet.cli.verbs import Group
from obamanet.evaluation.results import Setting
from obamanet.swap.alignments import AlignmentsHead, Face

ROOT = Path(__file__).resolve().parent.parent

WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"

FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("[!c]*.yml"))

LINKED = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")),
          *sorted(ROOT.glob("*/README.md")), ROOT / "benchmarks" / "RESULTS.md"]  # fmt: skip
"""Files whose links must lead somewhere."""


@pytest.fixture(scope="module")
def make_site() -> ModuleType:
    """Return the script that puts the pages together."""
    spec = importlib.util.spec_from_file_location("make_site", ROOT / "docs" / "make_site.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_site"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def staged(make_site: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the site's pages, before they are HTML."""
    folder = tmp_path_factory.mktemp("site") / "docs"
    make_site.stage(folder)
    return folder


def links(text: str) -> Iterator[str]:
    """Yield where the links and pictures of a Markdown text lead, code left out."""
    fences = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
    plain = re.sub(r"`[^`\n]*`", "", re.sub(r"^ {4}.*$", "", fences.sub("", text), flags=re.MULTILINE))
    yield from re.findall(r"\]\(([^()\s]+)\)", plain)


def anchors(text: str, make_site: ModuleType) -> set[str]:
    """Return the anchors of a Markdown text; the second one of a name ends in -1, as on GitHub."""
    found: list[str] = []
    for _, _, title in make_site.headings(text):
        slug = make_site.slug(title)
        found.append(slug if slug not in found else f"{slug}-{found.count(slug)}")
    return set(found)


def dead_links(path: Path, make_site: ModuleType) -> Iterator[str]:
    """Yield each link of a Markdown file to a file, folder or heading that is not there."""
    for link in links(path.read_text("utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        place, _, anchor = link.partition("#")
        target = path.parent / place if place else path
        missing = not target.exists()
        if missing or (anchor and anchor not in anchors(target.read_text("utf-8"), make_site)):
            yield f"{path.name}: {link}"


@pytest.mark.parametrize("path", LINKED, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path: Path, make_site: ModuleType) -> None:
    assert not list(dead_links(path, make_site))


def test_a_dead_link_is_noticed(make_site: ModuleType, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# Two words\n\n[a](#two-words) [b](#none) [c](page.md#two-words) [d](gone.md) `[e](no)` [f](https://x.y)"
    )
    assert list(dead_links(page, make_site)) == ["page.md: #none", "page.md: gone.md"]


def test_links_of_the_sites_pages_lead_somewhere(staged: Path, make_site: ModuleType) -> None:
    assert not [dead for path in sorted((staged / "pages").glob("*.md")) for dead in dead_links(path, make_site)]


def pages_of(nav: Any) -> list[str]:
    """Return the pages in a menu."""
    if isinstance(nav, str):
        return [nav]
    return [page for part in (nav.values() if isinstance(nav, dict) else nav) for page in pages_of(part)]


def test_the_menu_has_every_page_once(staged: Path) -> None:
    config = tomllib.loads((staged / "zensical.toml").read_text("utf-8"))["project"]
    assert sorted(pages_of(config["nav"])) == sorted(path.name for path in (staged / "pages").glob("*.md"))


def test_nothing_is_loaded_from_other_hosts(staged: Path) -> None:
    config = tomllib.loads((staged / "zensical.toml").read_text("utf-8"))["project"]
    assert config["theme"]["font"] is False
    text = "\n".join(path.read_text("utf-8") for path in (staged / "pages").iterdir() if path.suffix in {".md", ".css"})
    assert not re.findall(r"!\[[^\]]*\]\(https?:|<(?:img|script|link|iframe)[^>]*https?:|url\(['\"]?https?:", text)
    assert "```mermaid" not in text


def test_every_command_is_on_a_page(staged: Path) -> None:
    told = "\n".join(path.read_text("utf-8") for path in (staged / "pages").glob("commands*.md"))
    rooms: list[tuple[str, Group]] = [("obamanet", OBAMANET)]
    while rooms:
        path, group = rooms.pop()
        for name, verb in group.verbs.items():
            assert f"## {path} {name}\n" in told
            assert verb.summary in told
            if isinstance(verb, Group):
                rooms.append((f"{path} {name}", verb))
            else:
                about = told.partition(f"## {path} {name}\n")[2].partition("\n## ")[0]
                assert f"\n{path} {name}" in about.partition("```sh")[2], "an example"
    speak = told.partition("## obamanet speak\n")[2].partition("\n## ")[0]
    assert "obamanet speak speech.wav --out talk.mp4 --fps 29.97" in speak
    assert re.search(r"^\| `--out`, `-o` MP4 \| The video to write\. \| out/NAME\.mp4", speak, re.MULTILINE)
    assert "| `--mode` `whole-face` or `inpaint` |" in told


def test_sections_are_taken_in(staged: Path, make_site: ModuleType) -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    page = (staged / "pages" / "index.md").read_text("utf-8")
    row = next(line for line in make_site.section(readme, "how-good-is-it").splitlines() if line.startswith("| SSIM"))
    assert row in page
    assert "[all figures](results.md)" in page
    assert make_site.INCLUDE not in page
    with pytest.raises(KeyError):
        make_site.section(readme, "no-such-heading")


def test_every_public_name_is_in_the_reference() -> None:
    paths = re.findall(r"^::: ([\w.]+)$", (ROOT / "docs" / "api.md").read_text("utf-8"), re.MULTILINE)
    told = {}
    for path in paths:
        module, _, name = path.rpartition(".")
        told[name] = getattr(importlib.import_module(module), name)
    assert set(obamanet.__all__) - {"__version__"} <= set(told)
    assert all(told[name] is getattr(obamanet, name) for name in set(obamanet.__all__) & set(told))


def fields_told(heading: str) -> set[str]:
    """Return the names in the first column of the table in docs/formats.md with that first heading."""
    text = (ROOT / "docs" / "formats.md").read_text("utf-8")
    table = text.partition(f"| {heading} |")[2].partition("\n\n")[0]
    cells = [line.split("|")[1] for line in table.splitlines()[2:]]
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def names_of(kind: Any) -> set[str]:
    """Return the fields of a dataclass."""
    return {field.name for field in dataclasses.fields(kind)}


def test_the_formats_tell_the_fields_that_there_are() -> None:
    card = json.loads((ROOT / "checkpoints" / "grid_s1" / "person.json").read_text("utf-8"))
    assert fields_told("field of `person.json`") == set(card)
    files = fields_told("file") - {"sources.json", "region.npz"}
    assert files <= {path.name for path in (ROOT / "checkpoints" / "grid_s1").iterdir()}
    assert fields_told("field of a job") == names_of(Entry)
    assert fields_told("field of a file") == names_of(ResultFile)
    assert fields_told("field of the head") == names_of(AlignmentsHead) | {"schema"}
    assert fields_told("field of a face") == names_of(Face)
    setting = re.search(r"^\| `setting` \| (.+) \|$", (ROOT / "docs" / "formats.md").read_text("utf-8"), re.MULTILINE)
    assert setting is not None
    assert set(re.findall(r"`(\w+)`", setting[1])) == names_of(Setting)


def test_the_servers_page_tells_its_endpoints() -> None:
    server = pytest.importorskip("obamanet.web.server", reason="there is no obamanet web yet")
    from obamanet.web.request_metrics import Metrics

    api = server.create_app(SimpleNamespace(access=None, limits=None), Metrics()).openapi()
    there = {(method.upper(), path) for path, methods in api["paths"].items() for method in methods}
    text = (ROOT / "docs" / "server.md").read_text("utf-8")
    told = re.findall(r"^\| ([A-Z]+) \| `([^`]+)` \| (.+) \|$", text, re.MULTILINE)
    assert {(method, path) for method, path, _ in told} == there
    fields = api["components"]["schemas"]["Text"]["properties"]
    assert set(re.findall(r"`(\w+)`", next(what for _, path, what in told if path == "/api/say"))) == set(fields)
    paths = [re.sub(r"\{[^}]+\}", "[^/ ]+", path) for _, path in there]
    for asked in re.findall(r"http://(?:127[^/ ]+|server:\d+)(/api\S+)$", text, re.MULTILINE):
        assert any(re.fullmatch(path, asked) for path in paths), asked
    assert set(re.findall(r"^\| (\d{3}) \|", text, re.MULTILINE)) >= {str(code) for code in server.STATUS.values()}


def test_the_pages_tabs_are_told() -> None:
    texts = pytest.importorskip("obamanet.web.page_texts", reason="there is no page yet").TEXTS
    source = (ROOT / "obamanet" / "web" / "page_mount.py").read_text("utf-8")
    tabs = [texts[name][0] for name in re.findall(r'gr\.Tab\(texts\("(\w+)"\)', source)]
    text = (ROOT / "docs" / "page.md").read_text("utf-8")
    assert tabs and re.findall(r"^\| \*\*(.+?)\*\* \|", text, re.MULTILINE) == tabs


def test_the_workflow_says_what_it_runs_on() -> None:
    text = WORKFLOW.read_text("utf-8")
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {"contents": "read"}
    assert set(workflow["jobs"]) == {"lint", "docs", "test", "windows"}
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", "utf-8")
    versions = re.findall(r":: (3\.\d+)$", setup["metadata"]["classifiers"], re.MULTILINE)
    for name in ("test", "windows"):
        assert workflow["jobs"][name]["strategy"]["matrix"]["python"] == versions
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    assert all(("uses" in step) != ("run" in step) for step in steps)
    assert all(re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"]) for step in steps if "uses" in step)
    assert all("timeout-minutes" in job and "runs-on" in job for job in workflow["jobs"].values())
    named = re.findall(r"(?:tests|docs|data)/[\w/]+\.\w+", text)
    assert named and not [name for name in named if not (ROOT / name).is_file()]


def test_the_workflow_lints_as_the_makefile_does() -> None:
    lint = (ROOT / "Makefile").read_text("utf-8").partition("\nlint:")[2].partition("\n\n")[0]
    wanted = re.findall(r"\$\(BIN\)/(?:python -m )?(.+)$", lint, re.MULTILINE)
    runs = [step.get("run", "") for step in yaml.safe_load(WORKFLOW.read_text("utf-8"))["jobs"]["lint"]["steps"]]
    assert len(wanted) == 4
    assert [run.removeprefix("python -m ") for run in runs if run][-4:] == wanted


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_forms_for_issues_are_whole(path: Path) -> None:
    form = yaml.safe_load(path.read_text("utf-8"))
    assert all(isinstance(form[key], str) and form[key] for key in ("name", "description"))
    asked = [part for part in form["body"] if part["type"] != "markdown"]
    assert {part["type"] for part in asked} <= {"textarea", "input", "dropdown", "checkboxes"}
    assert len({part["id"] for part in asked}) == len(asked)
    assert all(part["attributes"]["label"] for part in asked)


def test_whoever_shows_a_face_is_asked_for_consent() -> None:
    assert [path.stem for path in FORMS] == ["bug", "idea", "question"]
    for name in ("bug", "question"):
        form = yaml.safe_load((ROOT / ".github" / "ISSUE_TEMPLATE" / f"{name}.yml").read_text("utf-8"))
        consent = next(part for part in form["body"] if part.get("id") == "consent")
        assert consent["attributes"]["options"][0]["required"] is True


def test_the_citation_is_of_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["version"] == VERSION
    assert citation["license"] == "Apache-2.0"
    assert all("name" in author or "family-names" in author for author in citation["authors"])
