"""What a person's renderer learns from: sketch and picture of a frame, moved together."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import made_landmarks
from made import MadeClip, write_dataset

from obamanet.training.data.dataset import load_dataset, split_dataset
from obamanet.training.renderer.pix2pix_training import Pair
from obamanet.training.renderer.renderer_training import MAX_SHIFT, PersonPairs
from obamanet.types import SketchStyle

SIZE = 64
MOST = round(MAX_SHIFT * SIZE)


@pytest.fixture
def pairs(tmp_path: Path) -> PersonPairs:
    dataset = load_dataset(write_dataset(tmp_path / "d", [MadeClip(name, made_landmarks(50)) for name in "ab"]))
    ramp = np.linspace(0, 255, SIZE)
    picture = np.dstack([ramp[None].repeat(SIZE, 0), ramp[:, None].repeat(SIZE, 1), np.full((SIZE, SIZE), 128)])
    for clip in dataset.clips:
        clip.frame_path(0).parent.mkdir()
        for number in range(50):
            cv2.imwrite(str(clip.frame_path(number)), picture.astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 100])
    return PersonPairs(split_dataset(dataset).train, None, SIZE, SketchStyle.PARTS)


def test_sketch_picture_and_weights_move_together_by_whole_pixels(pairs: PersonPairs) -> None:
    still, shifts = pairs.pair(0, None), set()
    inner = slice(MOST, SIZE - MOST)
    for seed in range(40):
        moved = pairs.pair(0, np.random.default_rng(seed))
        blank_rows, blank_columns = (np.flatnonzero(~moved.weight.any(axis=axis)) for axis in (1, 0))
        right, down = (len(blank) * (1 if 0 in blank else -1) for blank in (blank_columns, blank_rows))
        shifts.add((right, down))
        for one, other in zip(_arrays(moved), _arrays(still), strict=True):
            np.testing.assert_array_equal(one[inner, inner], np.roll(other, (down, right), (0, 1))[inner, inner])
        # What came in at the border has no weight, all else has.
        assert (moved.weight == 0).sum() == SIZE**2 - (SIZE - abs(right)) * (SIZE - abs(down))
        assert np.subtract(moved.foci, still.foci).tolist() == [[down, right]] * len(still.foci)
    assert len(shifts) > 10
    assert np.abs(list(shifts)).max() == MOST


def test_what_validates_stays_where_it_is(pairs: PersonPairs) -> None:
    one, other = pairs.pair(3, None), pairs.pair(3, None)
    for first, second in zip(_arrays(one), _arrays(other), strict=True):
        np.testing.assert_array_equal(first, second)
    assert (one.weight > 0).all()


def _arrays(pair: Pair) -> list[np.ndarray]:
    return [pair.condition, pair.target, pair.weight]
