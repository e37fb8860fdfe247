"""Rules of the house that no linter knows: what library code never does, and what the repository never holds."""

from __future__ import annotations

import ast
import configparser
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from text2face.voice import programs

ROOT = Path(__file__).resolve().parent.parent

PICKLING = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
"""Modules whose files run code when they are read."""

KERAS_METHODS = {"build", "call", "compute_output_shape", "get_config"}
"""Methods of a Keras layer; Keras says what they do."""

MAX_FILE = 45_000_000
"""Bytes. The default person stays below 40 MB; nothing else comes near."""

HEAVY = {"tensorflow", "keras", "dlib", "librosa", "matplotlib", "av", "cv2", "sklearn", "c2pa"}
"""Libraries that `import obamanet` must not load; each takes from a tenth of a second to many."""


def library_files() -> list[Path]:
    """Return the Python files that a person runs; tests and benchmarks may print."""
    files = [path for package in ("obamanet", "text2face") for path in sorted((ROOT / package).rglob("*.py"))]
    return [*files, *sorted(ROOT.glob("run.py"))]


def is_command_line(path: Path) -> bool:
    """Say whether the file belongs to the command line, which alone may print."""
    parts = path.relative_to(ROOT).parts
    return parts in {("run.py",), ("obamanet", "cli.py")} or parts[:2] == ("obamanet", "cli")


def faults(tree: ast.AST, may_print: bool) -> Iterator[str]:
    """Yield ``line: what`` for everything in the code that the house does not do."""
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        match node:
            case ast.Import(names=names):
                yield from (f"{line}: import {n.name}" for n in names if n.name.split(".")[0] in PICKLING)
            case ast.ImportFrom(module=str(module)) if module.split(".")[0] in PICKLING:
                yield f"{line}: from {module}"
            case ast.ImportFrom(module="os", names=names):
                yield from (f"{line}: os.{n.name}" for n in names if n.name in {"system", "popen"})
            case ast.Attribute(value=ast.Name(id="os"), attr="system" | "popen"):
                yield f"{line}: os.{node.attr}"
            case ast.keyword(arg="allow_pickle" | "shell", value=value):
                if not (isinstance(value, ast.Constant) and value.value is False):
                    yield f"{value.lineno}: {node.arg} other than False"
            case ast.keyword(arg="safe_mode", value=ast.Constant(value=False)):
                yield f"{node.value.lineno}: safe_mode=False"
            case ast.Call(func=ast.Attribute(value=ast.Name(id="tf"), attr="function"), keywords=keywords):
                # Autograph writes generated code into the folder for temporary files, where a killed run leaves it.
                if not any(
                    word.arg == "autograph" and isinstance(word.value, ast.Constant) and word.value.value is False
                    for word in keywords
                ):
                    yield f"{line}: tf.function without autograph=False"
            case ast.ExceptHandler(type=None):
                yield f"{line}: bare except"
            case ast.Call(func=ast.Name(id="print")) if not may_print:
                yield f"{line}: print"
            case ast.Call(func=ast.Name(id="eval" | "exec")):
                yield f"{line}: {node.func.id}"


def undocumented(tree: ast.Module) -> Iterator[str]:
    """Yield ``line: name`` of each public module, class, function and method without a docstring."""
    if tree.body and not ast.get_docstring(tree):
        yield "1: the module"
    rooms: list[tuple[str, list[ast.stmt]]] = [("", tree.body)]
    while rooms:
        prefix, body = rooms.pop()
        for node in body:
            if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            is_keras = bool(prefix) and node.name in KERAS_METHODS
            if node.name.startswith("_") or is_keras:
                continue
            if not ast.get_docstring(node):
                yield f"{node.lineno}: {prefix}{node.name}"
            if isinstance(node, ast.ClassDef):
                rooms.append((f"{node.name}.", node.body))


def test_no_module_name_stands_twice() -> None:
    modules = [path for path in library_files() if not is_command_line(path) and not path.stem.startswith("__")]
    names = [path.stem for path in modules if path.name != "cli.py"]
    assert not {name for name in names if names.count(name) > 1}


def names_of(module: Path) -> set[str]:
    """Return what the file ``module`` defines or imports at its top."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.ImportFrom | ast.Import):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return names


def test_benchmarks_and_pictures_use_names_that_exist() -> None:
    missing = []
    for path in (*sorted((ROOT / "benchmarks").glob("*.py")), *sorted((ROOT / "docs").glob("*.py"))):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.ImportFrom) or not str(node.module).startswith(("obamanet.", "text2face.")):
                continue
            place = ROOT / str(node.module).replace(".", "/")
            module = place.with_suffix(".py") if place.with_suffix(".py").is_file() else place / "__init__.py"
            there = names_of(module) | {child.stem for child in place.glob("*.py")}
            missing += [f"{path.name}: {node.module}.{name.name}" for name in node.names if name.name not in there]
    assert not missing


def test_library_code_keeps_the_rules() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{fault}"
        for path in library_files()
        for fault in faults(ast.parse(path.read_text("utf-8")), may_print=is_command_line(path))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "import joblib.numpy_pickle",
        "from pickle import loads",
        "np.load(path, allow_pickle=True)",
        "np.load(path, allow_pickle=maybe)",
        "subprocess.run(line, shell=True)",
        "os.system(line)",
        "from os import system",
        "keras.saving.load_model(path, safe_mode=False)",
        "try:\n    work()\nexcept:\n    pass",
        "def f():\n    print('here')",
        "eval(text)",
        "tf.function(step, jit_compile=True)",
    ],
)
def test_each_rule_notices_its_breach(code: str) -> None:
    assert len(list(faults(ast.parse(code), may_print=False))) == 1


@pytest.mark.parametrize(
    "code",
    [
        "np.load(path, allow_pickle=False)",
        "subprocess.run([program], shell=False)",
        "try:\n    work()\nexcept OSError:\n    pass",
        "console.print('here')",
        "import os.path",
    ],
)
def test_the_rules_leave_good_code_alone(code: str) -> None:
    assert not list(faults(ast.parse(code), may_print=False))


def test_what_is_public_has_a_docstring() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{name}"
        for path in sorted((ROOT / "obamanet").rglob("*.py"))
        for name in undocumented(ast.parse(path.read_text("utf-8")))
    ]
    assert not found, "\n".join(found)


def test_missing_docstrings_are_noticed() -> None:
    code = "class A:\n    def b(self): ...\n    def _c(self): ...\n    def call(self): ...\ndef d(): ...\ndef _e(): ..."
    assert sorted(undocumented(ast.parse(code))) == ["1: A", "1: the module", "2: A.b", "5: d"]


def test_importing_the_package_is_light() -> None:
    code = "import json, sys, obamanet; print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert result.returncode == 0, result.stderr
    loaded = set(json.loads(result.stdout))
    assert "obamanet" in loaded
    assert not loaded & HEAVY


def test_no_tracked_file_is_large() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: what is tracked cannot be asked")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    sizes = {name: (ROOT / name).stat().st_size for name in listed.stdout.split("\0") if (ROOT / name).is_file()}
    large = {name: size for name, size in sizes.items() if size > MAX_FILE}
    assert not large


def dependencies() -> list[str]:
    """Return the name of every package that setup.cfg asks for, extras included, but for its own other extras."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", "utf-8")
    lists = [setup["options"]["install_requires"], *setup["options.extras_require"].values()]
    lines = [line.strip() for text in lists for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith(("#", "obamanet["))]
    return [re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0] for line in lines]


def test_extras_name_extras_that_are_there() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", "utf-8")
    extras = setup["options.extras_require"]
    named = {name for text in extras.values() for part in re.findall(r"obamanet\[(.+?)\]", text)
             for name in part.split(",")}  # fmt: skip
    assert {"train", "align"} <= named
    assert named <= set(extras)


def test_every_dependency_is_in_the_licence_table() -> None:
    table = (ROOT / "THIRD_PARTY.md").read_text("utf-8")
    rows = set(re.findall(r"^\| *([A-Za-z0-9._-]+) *\|", table, flags=re.MULTILINE))
    names = dependencies()
    assert {"tensorflow", "dlib-bin", "pytest", "pre-commit"} <= set(names)
    assert not set(names) - rows


def test_every_shipped_weight_is_in_the_licence_table() -> None:
    told = (ROOT / "THIRD_PARTY.md").read_text("utf-8")
    rows = [row for row in told.splitlines() if row.startswith("| `")]
    rooms, kinds = ("checkpoints", "obamanet"), ("*.h5", "*.onnx")
    weights = [path for room in rooms for kind in kinds for path in (ROOT / room).rglob(kind)]
    assert len(weights) >= 13
    missing = [path.name for path in weights if not any(path.name in row and path.parent.name in row for row in rows)]
    assert not missing


def test_models_and_programs_of_others_are_told() -> None:
    models = {name for path in library_files() for name in re.findall(r'"(\w+\.dat)"', path.read_text("utf-8"))}
    assert len(models) >= 2
    told = (ROOT / "THIRD_PARTY.md").read_text("utf-8")
    assert not [name for name in (*models, programs.FLITE, programs.PICO, programs.PIPER) if name not in told.lower()]


def test_the_encoders_licence_names_those_of_its_sounds() -> None:
    card = json.loads((ROOT / "obamanet" / "speech" / "encoder" / "speech_encoder.json").read_text("utf-8"))
    licences = set(re.findall(r"CC BY(?:-SA)? \d\.\d", card["origin"]))
    assert len(licences) == 3
    told = (ROOT / "THIRD_PARTY.md").read_text("utf-8")
    assert all(licence in card["licence"] and licence in told for licence in licences)


def table_rows(text: str) -> dict[str, list[str]]:
    """Return the cells of each table row of ``text`` by the first one, the first row of a name."""
    rows: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("|"):
            name, *cells = (cell.strip().strip("*") for cell in line.strip("|").split("|"))
            rows.setdefault(name, cells)
    return rows


def test_the_readme_tells_the_finished_videos_figures() -> None:
    results = (ROOT / "benchmarks" / "RESULTS.md").read_text("utf-8")
    video = results.partition("## Generated beside recorded")[2]
    finished = table_rows(video)
    keypoints = table_rows(results)
    told = table_rows((ROOT / "README.md").read_text("utf-8"))

    def shown(words: str) -> list[str]:
        return next(cells for name, cells in told.items() if words in name)

    distance, opening = shown("distance of the 20 mouth points"), shown("correlation of the mouth's opening")
    sharp, words = finished["sharpness, mouth"], finished["lip reader's word error"]
    lmd = next(line for line in video.splitlines() if line.startswith("| mouth LMD, head removed") and "px" in line)
    assert distance[0] == f"{float(lmd.split('|')[2]):.2f} px"
    assert distance[1].startswith(f"{float(keypoints['keypoints: mouth LMD'][0].split()[0]):.2f} px")
    assert opening[0] == f"{float(finished['opening correlation, joined'][0]):.2f}"
    assert opening[1].startswith(f"{float(keypoints['keypoints: opening correlation'][0].strip('*')):.2f}")
    assert shown("SSIM of the mouth")[0].startswith(f"{float(finished['SSIM, mouth'][0]):.2f}")
    assert shown("sharpness of the mouth")[0] == f"{float(sharp[0]) / float(sharp[2]):.2f}"
    assert shown("words wrong")[0].startswith(f"{float(words[0]):.0f} % ({float(words[2]):.0f} %")


def test_every_dependency_has_a_range() -> None:
    setup = (ROOT / "setup.cfg").read_text("utf-8")
    open_ended = [
        name for name in dependencies() if not re.search(rf"^ *{re.escape(name)}>=\S+,<\S+$", setup, re.MULTILINE)
    ]
    assert not open_ended
