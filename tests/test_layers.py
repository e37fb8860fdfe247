"""Imports go downward only: the contracts in pyproject.toml hold, and each of them notices when it is broken."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

CHECK = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"


def check_layers(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the contracts of the project in ``folder``, in a fresh interpreter so that its own package is found."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, "-c", CHECK],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_imports_go_downward() -> None:
    result = check_layers(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("obamanet/timing.py", "import obamanet.training", "Imports go downward only"),
        ("obamanet/render/__init__.py", "from obamanet import face", "Imports go downward only"),
        ("obamanet/keypoints/__init__.py", "def late():\n    import obamanet.video", "Imports go downward only"),
        ("obamanet/unlisted.py", "", "Imports go downward only"),
        ("obamanet/types.py", "import text2face", "obamanet does not know text2face"),
        ("text2face/__init__.py", "import obamanet.cli", "text2face stays below the tools and the command line"),
        ("obamanet/networks/__init__.py", "import tensorflow", "Networks are written in keras.ops alone"),
    ],
    ids=[
        "upward",
        "sideways",
        "inside a function",
        "module without a place",
        "obamanet to text2face",
        "text2face to the command line",
        "tensorflow in networks",
    ],
)
def test_a_planted_import_is_noticed(tmp_path: Path, module: str, line: str, contract: str) -> None:
    for package in ("obamanet", "text2face"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "obamanet" / "cli.py").touch()
    with open(tmp_path / module, "a") as file:
        file.write(f"\n{line}\n")
    result = check_layers(tmp_path)
    assert result.returncode == 1, result.stdout + result.stderr
    plain = re.sub(r"\x1b\[[0-9;]*m", "", result.stdout)
    assert f"{contract} BROKEN" in plain
