"""The program's own JSON and .npz files: what is wrong in one is said in plain words, with its entry and file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from obamanet.card import CardError, read_arrays, read_card
from obamanet.errors import DatasetError, PersonError
from obamanet.person import load_person
from obamanet.training.data.dataset import load_dataset

PYTHONS_WORDS = (
    "Error",
    "argument",
    "object is",
    "NoneType",
    "dict",
    "__init__",
    "ndarray",
    "pickle",
    "Errno",
    "char ",
)


@dataclass(frozen=True)
class Sizes:
    units: int
    rate: float | None = None
    filters: tuple[int, ...] = (1, 2)
    both: bool = False


def card(path: Path, content: str) -> Path:
    path.write_text(content)
    return path


def test_a_dataclass_comes_back(tmp_path: Path) -> None:
    path = card(tmp_path / "a.json", '{"sizes": {"units": 3, "rate": 2, "filters": [4, 5], "both": true}}')
    assert read_card(path).part("sizes").build(Sizes) == Sizes(3, 2, (4, 5), True)
    assert read_card(card(path, '{"units": 3, "rate": null}')).build(Sizes) == Sizes(3)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "line 1 is no JSON"),
        ("[3]", "an object in braces is needed, got [3]"),
        ('{"sizes": {"units": NaN}}', "JSON holds a number that is not finite: NaN"),
        ("[" * 100_000, "nested too deep"),
        ('{"sizes": 3}', "sizes must be an object in braces, got 3"),
        ('{"other": {}}', "sizes is missing"),
        ('{"sizes": {}}', "sizes.units is missing"),
        ('{"sizes": {"units": "many"}}', 'sizes.units must be a whole number, got "many"'),
        ('{"sizes": {"units": true}}', "sizes.units must be a whole number, got true"),
        ('{"sizes": {"units": 3, "rate": []}}', "sizes.rate must be a number, got []"),
        ('{"sizes": {"units": 3, "filters": [1, "2"]}}', 'sizes.filters[1] must be a whole number, got "2"'),
        ('{"sizes": {"units": 3, "speed": 1}}', "sizes.speed is unknown"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, content: str, said: str) -> None:
    path = card(tmp_path / "a.json", content)
    with pytest.raises(CardError) as caught:
        read_card(path).part("sizes").build(Sizes)
    assert str(caught.value).startswith(f"{path}: ")
    assert said in str(caught.value)


def test_arrays_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", there=np.arange(3))
    with pytest.raises(CardError, match=r"a\.npz: the array gone is missing"):
        read_arrays(tmp_path / "a.npz")["gone"]
    np.savez(tmp_path / "a.npz", there=np.array([{}], dtype=object))
    with pytest.raises(CardError, match=r"a\.npz: it is damaged or no \.npz file"):
        read_arrays(tmp_path / "a.npz")
    with pytest.raises(CardError, match="is missing"):
        read_arrays(tmp_path / "gone.npz")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"schema": 1}', '{"schema": [], "clips": 3}', "\x00", "null"])
def test_no_words_of_python_reach_the_user(tmp_path: Path, content: str) -> None:
    said = []
    for name, load, kind in (("person", load_person, PersonError), ("dataset", load_dataset, DatasetError)):
        card(tmp_path / f"{name}.json", content)
        with pytest.raises(kind) as caught:
            load(tmp_path)
        said.append(str(caught.value))
    assert not [word for word in PYTHONS_WORDS for one in said if word in one], said
