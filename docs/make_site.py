"""Puts the pages of the site together in build/docs, of which `zensical build` makes HTML.

    python docs/make_site.py [FOLDER]

Pages are those of docs, those that lie elsewhere in the repository (PAGES), and one per group of commands, made of the
table that the commands themselves are made of. A line that is a link and ends in INCLUDE stands for the text of that
section, so that nothing is told twice. Links between files are changed to where the files are on the site.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import typer

from obamanet.cli.app import OBAMANET, RUN_PY, TEXT2FACE
from obamanet.cli.verbs import Group, Verb
from obamanet.evaluation.catalogue import METRICS

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"

PAGES = {
    "README.md": "overview.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "CODE_OF_CONDUCT.md": "conduct.md",
    "THIRD_PARTY.md": "third-party.md",
    "benchmarks/README.md": "benchmarks.md",
    "benchmarks/RESULTS.md": "results.md",
    "checkpoints/README.md": "persons.md",
    "data/README.md": "sample-sounds.md",
}
"""Files outside docs that are pages of the site, by their place in the repository."""

PICTURES = {".png", ".jpg", ".webp", ".gif", ".svg", ".css"}
"""Files of docs that are copied as they are."""

INCLUDE = "<!-- include -->"
"""End of a line that the section takes the place of that it links to."""

METRICS_TABLE = "<!-- metrics -->"
"""End of a line that the table of metrics follows."""

OTHERS = "More tools"
"""Heading of commands that name none."""

FENCE = re.compile(r"^ {0,3}(```|~~~)")
HEADING = re.compile(r"^(#{1,6}) +(.+?) *#*$")
LINK = re.compile(r"(\[(?:[^\[\]]|\[[^\]]*\])*\]\()([^()\s]+)(\))")


def main(arguments: Sequence[str]) -> int:
    """Makes the folder build/docs, or the one that is named, anew."""
    stage(Path(arguments[0]) if arguments else ROOT / "build" / "docs")
    return 0


def stage(folder: Path) -> None:
    """Writes the configuration and all pages of the site into ``folder``, which is emptied before."""
    if folder.exists():
        shutil.rmtree(folder)
    pages = folder / "pages"
    pages.mkdir(parents=True)
    for name in ("zensical.toml", "docstring_roles.py"):
        shutil.copy(DOCS / name, folder)
    for path in sorted(DOCS.iterdir()):
        if path.suffix in PICTURES:
            shutil.copy(path, pages)
    for source, target in sorted(site_pages().items()):
        text = moved_links(with_sections((ROOT / source).read_text("utf-8"), source), source)
        (pages / target).write_text(text, "utf-8", newline="\n")
    for name, text in command_pages():
        (pages / name).write_text(text, "utf-8", newline="\n")


def site_pages() -> dict[str, str]:
    """Returns the page of each Markdown file, both as paths: of the repository and of the site."""
    own = {f"docs/{path.name}": path.name for path in DOCS.glob("*.md")}
    return own | {source: target for source, target in PAGES.items() if (ROOT / source).is_file()}


def slug(title: str) -> str:
    """Returns the anchor of a heading, as GitHub and the site have it."""
    words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title)
    return re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")


def headings(text: str) -> Iterator[tuple[int, int, str]]:
    """Yields line, level and title of each heading outside code."""
    fenced = False
    for number, line in enumerate(text.splitlines()):
        if FENCE.match(line):
            fenced = not fenced
        elif not fenced and (match := HEADING.match(line)):
            yield number, len(match[1]), match[2]


def section(text: str, anchor: str) -> str:
    """Returns what is below the heading of ``anchor``, without the heading; raises KeyError where there is none."""
    lines = text.splitlines()
    found = None
    for number, level, title in headings(text):
        if found is not None and level <= found[1]:
            return "\n".join(lines[found[0] + 1 : number]).strip("\n")
        if found is None and slug(title) == anchor:
            found = (number, level)
    if found is None:
        raise KeyError(f"no section #{anchor}")
    return "\n".join(lines[found[0] + 1 :]).strip("\n")


def with_sections(text: str, source: str) -> str:
    """Returns the page ``source`` with the sections and tables that its marks stand for."""
    lines = []
    for line in text.splitlines():
        if line.endswith(METRICS_TABLE):
            lines += [line.removesuffix(METRICS_TABLE).rstrip(), "", *metric_rows()]
            continue
        match = LINK.search(line) if line.endswith(INCLUDE) else None
        if match is None:
            lines.append(line)
            continue
        place, _, anchor = match[2].partition("#")
        path = (ROOT / source).parent / place
        home = path.resolve().relative_to(ROOT).as_posix()
        lines.append(_links(section(path.read_text("utf-8"), anchor), partial(_seen_from, home=home)))
    return "\n".join(lines) + "\n"


def metric_rows() -> Iterator[str]:
    """Yields the lines of a table of what is measured."""
    yield "| metric | unit | better | what it is |"
    yield "|---|---|---|---|"
    for metric in METRICS:
        yield f"| {cell(metric.title)} | {cell(metric.unit)} | {metric.better.value} | {cell(metric.about)} |"


def _seen_from(link: str, home: str) -> str:
    """Returns a link of the file ``home`` as one of a file in docs."""
    place, hash_, anchor = link.partition("#")
    target = (ROOT / home).parent / place if place else ROOT / home
    relative = target.resolve().relative_to(ROOT).as_posix()
    return (relative.removeprefix("docs/") if relative.startswith("docs/") else f"../{relative}") + hash_ + anchor


def moved_links(text: str, source: str) -> str:
    """Returns the page ``source`` with links to other files changed to their pages; to files without one, taken off."""
    pages = site_pages()

    def moved(link: str) -> str | None:
        place, hash_, anchor = link.partition("#")
        if not place:
            return link
        target = ((ROOT / source).parent / place).resolve()
        name = target.relative_to(ROOT).as_posix()
        if target.parent == DOCS and target.suffix in PICTURES:
            return target.name
        if target.is_dir():
            name += "/README.md"
        return pages[name] + hash_ + anchor if name in pages else None

    return _links(text, moved)


def _links(text: str, moved: Any) -> str:
    """Returns ``text`` with each link outside code to a file as ``moved`` has it; None leaves the words alone."""

    def replaced(match: re.Match[str]) -> str:
        if re.match(r"[a-z]+:", match[2]):
            return match[0]
        link = moved(match[2])
        return f"{match[1]}{link}{match[3]}" if link is not None else match[1][1:-2]

    lines, fenced = [], False
    for line in text.splitlines():
        if FENCE.match(line):
            fenced = not fenced
        lines.append(line if fenced or line.startswith("    ") else LINK.sub(replaced, line))
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Entry:
    """A command of the site: its full name, its line in the list, and its function; None for a group."""

    path: str
    verb: Verb | Group
    function: Any


def command_pages() -> Iterator[tuple[str, str]]:
    """Yields name and text of the pages about commands: a list, and one page per heading of that list."""
    panels: dict[str, list[str]] = {}
    for name, verb in OBAMANET.verbs.items():
        panels.setdefault(verb.panel or OTHERS, []).append(name)
    overview = [
        "# All commands\n",
        "These pages are made of the commands themselves. `obamanet COMMAND --help` tells the same in a terminal.\n",
    ]
    for panel, names in panels.items():
        page = f"commands-{slug(panel.replace(',', ''))}.md"
        overview += [f"## {panel}\n", "| command | what it makes |", "|---|---|"]
        parts = [f"# {panel}\n"]
        for entry in (entry for name in names for entry in entries(f"obamanet {name}", OBAMANET.verbs[name])):
            overview.append(f"| [`{entry.path}`]({page}#{slug(entry.path)}) | {cell(entry.verb.summary)} |")
            parts.append(described(entry))
        overview.append("")
        yield page, "\n".join(parts)
    same = ", ".join(f"`{name}`" for name in TEXT2FACE.verbs)
    overview += [
        "## Other names\n",
        f"`text2face` is a program of its own for what begins with a text or with subtitles: its commands {same} are "
        "those of `obamanet`. `python -m obamanet` and `python -m text2face` are the same programs.\n",
        *(described(entry) for entry in entries("python run.py", RUN_PY)),
    ]
    yield "commands.md", "\n".join(overview)


def entries(path: str, verb: Verb | Group) -> Iterator[Entry]:
    """Yields a command and those below it."""
    if isinstance(verb, Group):
        yield Entry(path, verb, None)
        for name, below in verb.verbs.items():
            yield from entries(f"{path} {name}", below)
    else:
        module, _, name = verb.home.partition(":")
        yield Entry(path, verb, getattr(import_module(f"obamanet.cli.{module}"), name))


def described(entry: Entry) -> str:
    """Returns the section about a command: what it does, how it is called, its options, examples."""
    command = typer.main.get_command(entry.verb.app(entry.path))
    lines = [f"## {entry.path}\n"]
    if entry.function is None:
        listed = "\n".join(f"- `{entry.path} {name}`: {verb.summary}" for name, verb in entry.verb.verbs.items())
        return "\n".join([*lines, f"{command.help}\n", f"{listed}\n"])
    help_text = (entry.function.__doc__ or "").strip()
    lines += ["\n\n".join(escaped(" ".join(part.split())) for part in help_text.split("\n\n")) + "\n"]
    lines += ["```sh", *(f"{entry.path} {example}".rstrip() for example in entry.function.examples), "```\n"]
    for kind in ("argument", "option"):
        parameters = [parameter for parameter in command.params if parameter.param_type_name == kind]
        if parameters:
            lines += [f"| {kind} | what it is | default |", "|---|---|---|"]
            lines += [row(parameter) for parameter in parameters]
            lines.append("")
    return "\n".join(lines)


def row(parameter: Any) -> str:
    """Returns the row of a table about an argument or option."""
    if parameter.param_type_name == "argument":
        shown = f"`{parameter.metavar}`"
    else:
        names = [*parameter.opts, *(name for name in parameter.secondary_opts if name not in parameter.opts)]
        shown = " ".join([", ".join(f"`{name}`" for name in names), value_of(parameter)]).strip()
    return f"| {shown} | {cell(parameter.help or '')} | {default_of(parameter)} |"


def value_of(parameter: Any) -> str:
    """Returns what follows an option: its choices, or a word for its value; "" for a flag."""
    if parameter.is_flag:
        return ""
    if choices := getattr(parameter.type, "choices", None):
        return " or ".join(f"`{getattr(choice, 'value', choice)}`" for choice in choices)
    is_text = str(getattr(parameter.type, "name", "")).lower() in {"text", "str"}
    return escaped(parameter.metavar or ("TEXT" if is_text else "NUMBER"))


def default_of(parameter: Any) -> str:
    """Returns the default of an argument or option in words."""
    shown, value = getattr(parameter, "show_default", None), parameter.default
    if parameter.required:
        return "needed"
    if isinstance(shown, str):
        return escaped(shown)
    if getattr(parameter, "is_flag", False):
        return f"`{parameter.opts[0]}`" if value is True else ""
    return "" if value is None or callable(value) else f"`{getattr(value, 'value', value)}`"


def escaped(text: str) -> str:
    """Returns ``text`` so that Markdown leaves it as it is."""
    return re.sub(r"([\\`*_\[\]<>])", r"\\\1", text)


def cell(text: str) -> str:
    """Returns ``text`` as the cell of a table."""
    return escaped(" ".join(text.split())).replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
