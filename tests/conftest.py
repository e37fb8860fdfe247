"""What several tests share: where the real recordings lie, and small made sounds and pictures."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# TensorFlow's start-up notices would bury a failing test's message.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real recordings beside the project, or skip the test when it is not there."""
    folder = ROOT.parent / "shared" / "data"
    if not (folder / "grid_s1" / "split.json").is_file():
        pytest.skip(f"real recordings are not there: {folder}")
    return folder


@pytest.fixture(scope="session")
def grid_s1(shared_data: Path) -> Path:
    """Return the folder of the GRID talker s1 recordings."""
    return shared_data / "grid_s1"
