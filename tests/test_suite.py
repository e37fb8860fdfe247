"""The tests themselves: what is told of those that need recordings, where there are none."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

TESTS = """
import pytest

def test_without(): pass

def test_first(shared_data): pass

def test_second(grid_s1): pass

def test_other(): pytest.skip("for another reason")
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> Path:
    """Return the parent of a project of four tests, two of which need recordings, with this project's conftest."""
    tests = pytester.mkdir("project") / "tests"
    tests.mkdir()
    (tests / "conftest.py").write_text((Path(__file__).parent / "conftest.py").read_text("utf-8"), "utf-8")
    (tests / "test_made.py").write_text(TESTS)
    return pytester.path


@pytest.mark.parametrize("ci", ["true", "false"])
def test_the_last_line_counts_what_was_left_out(
    project: Path, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, ci: str
) -> None:
    monkeypatch.setenv("CI", ci)
    result = pytester.runpytest_inprocess("project", "-p", "no:cacheprovider")
    assert result.ret == 0
    last = result.outlines[-1]
    assert "1 passed, 1 skipped, 2 left out for lack of recordings" in last


def test_in_ci_recordings_that_should_be_there_are_missed(
    project: Path, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "shared").mkdir()
    monkeypatch.setenv("CI", "true")
    result = pytester.runpytest_inprocess("project", "-p", "no:cacheprovider")
    assert result.ret == 1
    result.assert_outcomes(passed=1, skipped=1, errors=2)
    result.stdout.fnmatch_lines(["real recordings are not there: */shared/data"])
    monkeypatch.delenv("CI")
    assert pytester.runpytest_inprocess("project", "-p", "no:cacheprovider").ret == 0


def test_with_recordings_nothing_is_left_out(
    project: Path, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "shared" / "data" / "grid_s1").mkdir(parents=True)
    (project / "shared" / "data" / "grid_s1" / "split.json").write_text("{}")
    monkeypatch.setenv("CI", "true")
    pytester.runpytest_inprocess("project", "-p", "no:cacheprovider").assert_outcomes(passed=3, skipped=1)
