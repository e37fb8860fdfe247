"""Look-alike pairs of faces: a planted near-duplicate is found, and the pairs are written as data."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from made import foreign_files

from obamanet.errors import OptionError
from obamanet.pix2pix.pictures import list_pictures, read_picture
from obamanet.sources import Sources, add_sources, read_sources
from obamanet.swap.look_alikes import PAIRS_FILE, find_look_alikes, write_look_alikes


@pytest.fixture
def sides(tmp_path: Path) -> tuple[Path, Path]:
    """Return folders of five and seven random faces; the third of A is, darker and noisy, the fifth of B too."""
    random = np.random.default_rng(1)
    for side, count in (("a", 5), ("b", 7)):
        (tmp_path / side).mkdir()
        for number in range(count):
            face = cv2.resize(random.integers(0, 200, (6, 6, 3)).astype(np.uint8), (64, 64))
            cv2.imwrite(str(tmp_path / side / f"{number}.png"), face)
    planted = read_picture(tmp_path / "a" / "2.png") * 0.7 + random.normal(20, 3, (64, 64, 3))
    cv2.imwrite(str(tmp_path / "b" / "4.png"), planted.clip(0, 255).astype(np.uint8))
    return tmp_path / "a", tmp_path / "b"


def test_a_planted_near_duplicate_is_found(sides: tuple[Path, Path]) -> None:
    found = find_look_alikes(*sides, count=2)
    nearest = min(found, key=lambda pair: pair.distance)
    assert (nearest.a.name, nearest.b.name) == ("2.png", "4.png")
    assert nearest.distance < 0.3
    assert sorted(pair.distance for pair in found)[1] > 2 * nearest.distance
    assert len(found) == 10


def test_pairs_are_written_side_by_side_with_their_list(sides: tuple[Path, Path], tmp_path: Path) -> None:
    add_sources(sides[1], Sources(frozenset(["ab" * 32])))
    assert write_look_alikes(*sides, tmp_path / "pairs") == 5
    lines = [json.loads(line) for line in (tmp_path / "pairs" / PAIRS_FILE).read_text().splitlines()]
    assert [path.name for path in list_pictures(tmp_path / "pairs")] == [line["pair"] for line in lines]
    assert foreign_files(tmp_path / "pairs") == []
    assert read_sources(tmp_path / "pairs").videos == {"ab" * 32}
    third = lines[2]
    pair = read_picture(tmp_path / "pairs" / third["pair"])
    assert np.array_equal(pair[:, :64], read_picture(sides[0] / "2.png"))
    assert np.array_equal(pair[:, 64:], read_picture(sides[1] / third["b"]))
    assert third["b"] == "4.png"


def test_more_neighbours_than_faces_are_refused(sides: tuple[Path, Path]) -> None:
    with pytest.raises(OptionError, match="from 1 to the 7 faces"):
        find_look_alikes(*sides, count=8)
