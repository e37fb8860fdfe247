"""The public names: all there, described, and the same to a type checker as to a running program."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import obamanet

ROOT = Path(__file__).resolve().parent.parent


def imported_for_types() -> dict[str, str]:
    """Return the module of each name that ``obamanet/__init__.py`` imports for type checkers."""
    tree = ast.parse((ROOT / "obamanet" / "__init__.py").read_text("utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: str(node.module) for node in imports for alias in node.names}


def test_every_public_name_is_there() -> None:
    for name in obamanet.__all__:
        assert getattr(obamanet, name).__doc__ or name == "__version__", name
    assert set(obamanet.__all__) <= set(dir(obamanet))


def test_type_checkers_see_the_same_names() -> None:
    homes = imported_for_types()
    assert {*homes, "ObamanetError", "__version__"} == set(obamanet.__all__)
    for name, module in homes.items():
        assert getattr(obamanet, name).__module__ == module


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'spaek'"):
        _ = obamanet.spaek


def test_each_name_is_loaded_on_first_use_only() -> None:
    code = "import sys, obamanet; obamanet.parse_rate; print('obamanet.timing' in sys.modules, 'keras' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert result.stdout.split() == ["True", "False"]


def test_keras_is_loaded_by_graphs_alone() -> None:
    """Importing every module but the graphs loads no Keras, so that cards and options are checked within a second."""
    code = """
import importlib, json, pkgutil, sys, obamanet, text2face
for package in (obamanet, text2face):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.startswith("obamanet.networks.") or module.name == "obamanet.networks.config":
            importlib.import_module(module.name)
            if {"keras", "tensorflow"} & set(sys.modules):
                sys.exit(f"{module.name} loads Keras")
"""
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 0, result.stderr
