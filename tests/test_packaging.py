"""The package as others install it: all the files it needs are in it, and it runs away from the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from obamanet.about import VERSION, default_person_folder
from obamanet.person import load_person

ROOT = Path(__file__).resolve().parent.parent

SOURCES = (
    "setup.cfg",
    "pyproject.toml",
    "MANIFEST.in",
    "README.md",
    "LICENSE",
    "THIRD_PARTY.md",
    "obamanet",
    "text2face",
)
"""What a wheel is made of, beside the default person."""


def package_files(folder: Path) -> set[str]:
    """Return the files of both packages in ``folder``, caches left out; links are followed."""
    found = (
        (Path(place) / name).relative_to(folder)
        for package in ("obamanet", "text2face")
        for place, _, names in os.walk(folder / package, followlinks=True)
        for name in names
    )
    return {path.as_posix() for path in found if "__pycache__" not in path.parts}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of an unpacked wheel, built from a copy so that nothing is left in the checkout."""
    place = tmp_path_factory.mktemp("wheel")
    source = place / "source"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "checkpoints", source / "checkpoints")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=ignored)
        else:
            shutil.copy(ROOT / name, source)
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        source,
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "-w",
        place,
    ]
    made = subprocess.run(build, capture_output=True, text=True, timeout=300, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    (wheel,) = place.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place / "unpacked")
    return place / "unpacked"


def run_python(installed: Path, folder: Path, *arguments: str) -> str:
    """Return what Python prints in ``folder`` when the packages are those of the wheel."""
    result = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_a_wheel_has_every_file_of_the_packages_but_what_training_goes_on_from(installed: Path) -> None:
    left_out = package_files(ROOT) - package_files(installed)
    assert package_files(installed) < package_files(ROOT)
    assert {Path(name).parent.as_posix() for name in left_out} == {
        "obamanet/default_person",
        "obamanet/speech/encoder",
        "obamanet/evaluation/judges/weights",
    }
    assert all(name.endswith(".weights.h5") for name in left_out)
    assert {"obamanet/py.typed", "text2face/py.typed"} <= package_files(installed)


def test_the_default_person_comes_with_a_wheel(installed: Path, tmp_path: Path) -> None:
    code = "import obamanet; print(obamanet.default_person_folder())"
    folder = Path(run_python(installed, tmp_path, "-c", code).strip())
    assert folder == installed / "obamanet" / "default_person"
    # Loading compares every file with the card's sha256.
    person = load_person(folder)
    assert person.name == load_person(ROOT / "checkpoints" / "grid_s1").name


def test_training_from_a_wheels_person_says_what_is_missing(installed: Path, tmp_path: Path) -> None:
    code = """
import obamanet
from obamanet.errors import DatasetError
from obamanet.training.loop.trained_networks import trained_predictor, trained_renderer
for trained in (trained_predictor, trained_renderer):
    try:
        trained(obamanet.default_person_folder())
    except DatasetError as error:
        print(error)
"""
    for name, line in zip(
        ("predictor", "renderer"), run_python(installed, tmp_path, "-c", code).splitlines(), strict=True
    ):
        assert f"no training weights to start with: {installed}" in line
        assert f"{name}.weights.h5 is missing" in line


def test_a_checkout_keeps_its_person_once() -> None:
    assert default_person_folder() == ROOT / "checkpoints" / "grid_s1"
    assert (ROOT / "obamanet" / "default_person").is_symlink()


def test_both_packages_run_as_modules(installed: Path, tmp_path: Path) -> None:
    assert run_python(installed, tmp_path, "-m", "obamanet", "--version") == f"{VERSION}\n"
    assert "Usage: text2face" in run_python(installed, tmp_path, "-m", "text2face", "--help")


def test_the_image_is_built_of_files_that_are_there_and_of_all_a_wheel_needs() -> None:
    lines = (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", " ").splitlines()
    copied = [
        name for line in lines if line.startswith("COPY ") and "--from" not in line for name in line.split()[1:-1]
    ]
    assert set(SOURCES) | {"checkpoints/grid_s1"} == set(copied)
    assert all((ROOT / name).exists() for name in copied)
    sent = [line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line.startswith("!")]
    assert set(sent) == set(copied)
    assert "USER obamanet" in lines
    assert any(line.startswith("HEALTHCHECK") and "/health" in line for line in lines)
    assert any("pip install" in line and '".[web]"' in line for line in lines)
