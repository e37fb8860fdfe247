"""Footage: any frame, in any order, is the frame that plain reading gives."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from made import recorded_frames

from obamanet.errors import VideoError
from obamanet.keypoints.reference import fold
from obamanet.video.footage import GROUP, FootageReader, write_footage
from obamanet.video.reader import read_frames

RATES = ["24000/1001", "25", "30000/1001", "50"]


def moving_frames(count: int) -> list[np.ndarray]:
    """Return frames of 64 x 48 pixels in which a bright bar moves on and jumps, so that keyframes also fall at cuts."""
    frames = []
    for number in range(count):
        frame = np.full((48, 64, 3), 30 + 2 * (number // 10 % 2) * 60, np.uint8)
        frame[:, (5 * number) % 56 : (5 * number) % 56 + 8] = (20, 120, 240)
        frame[4:10, 4:10] = 3 * number
        frames.append(frame)
    return frames


@pytest.mark.parametrize("rate", RATES)
def test_any_order_gives_what_plain_reading_gives(tmp_path: Path, rate: str) -> None:
    path, count = tmp_path / "footage.mp4", 3 * GROUP + 5
    assert write_footage(path, moving_frames(count), Fraction(rate)) == count
    plain = [frame.image for frame in read_frames(path)]
    assert len(plain) == count
    random = np.random.default_rng(0).permutation(count)
    with FootageReader(path) as footage:
        for order in (range(count), reversed(range(count)), random, fold(np.arange(3 * count), count)):
            for index in order:
                np.testing.assert_array_equal(footage.frame(int(index)), plain[index])


def test_recorded_footage_is_kept_nearly_as_it_was(grid_s1: Path, tmp_path: Path) -> None:
    recorded = recorded_frames(grid_s1 / "video" / "bbaf2n.mpg", 20)
    write_footage(tmp_path / "footage.mp4", recorded, Fraction(25))
    with FootageReader(tmp_path / "footage.mp4") as footage:
        for index in reversed(range(20)):
            difference = footage.frame(index).astype(int) - recorded[index]
            assert np.abs(difference).mean() < 2
            assert np.abs(difference.mean(axis=(0, 1))).max() < 1, "the colours have shifted"


def test_only_one_group_is_held(tmp_path: Path) -> None:
    write_footage(tmp_path / "footage.mp4", moving_frames(5 * GROUP), Fraction(25))
    with FootageReader(tmp_path / "footage.mp4") as footage:
        for index in (0, 59, 30, 31, 12):
            footage.frame(index)
            assert len(footage._group) <= GROUP


def test_frames_that_are_not_there(tmp_path: Path) -> None:
    write_footage(tmp_path / "footage.mp4", moving_frames(20), Fraction(25))
    with FootageReader(tmp_path / "footage.mp4") as footage:
        for index in (-1, 20, 1000):
            with pytest.raises(VideoError, match=f"no frame {index}"):
                footage.frame(index)
        # A wrong question does not spoil the next one.
        assert footage.frame(19).shape == (48, 64, 3)


def test_no_frames_and_no_footage(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="no frames"):
        write_footage(tmp_path / "footage.mp4", [], Fraction(25))
    assert not list(tmp_path.iterdir())
    (tmp_path / "text.mp4").write_text("no video")
    for name in ("absent.mp4", "text.mp4"):
        with pytest.raises(VideoError, match=name) as caught, FootageReader(tmp_path / name):
            pytest.fail("the block must not be entered")
        assert "\n" not in str(caught.value)
