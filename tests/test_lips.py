"""How a mouth is closed, and how lips are kept from crossing."""

from __future__ import annotations

import numpy as np

from obamanet.keypoints.lips import TOWARDS_REST, close_lips, uncross_lips
from obamanet.keypoints.pca import MouthPca
from obamanet.types import Span


class TestClosing:
    def test_a_closed_mouth_is_the_nearest_one_with_its_lips_together(self, four_ways: MouthPca) -> None:
        values = np.random.default_rng(1).normal(size=(50, 4)).astype(np.float32)
        rest = four_ways.mean.reshape(20, 2)
        closed = close_lips(
            four_ways.decode(values / (1 - TOWARDS_REST)), np.arange(50) / 25, [Span(0, 2)], four_ways, rest
        )
        mouths = four_ways.decode(values)  # that far on the way to the mouth at rest, which here is the mean
        gap = np.zeros((20, 2))
        gap[[13, 14, 15], 1], gap[[19, 18, 17], 1] = -1 / 3, 1 / 3
        before = mouths.reshape(50, 40) @ gap.ravel()
        after = closed.reshape(50, 40) @ gap.ravel()
        np.testing.assert_allclose(after, np.minimum(before, 0), atol=1e-6)
        # numpy's own least-norm solution of one equation.
        row = (four_ways.components * four_ways.spread[:, None] @ gap.ravel())[None]
        for value, mouth, wanted in zip(values, closed, -before, strict=True):
            if wanted < 0:
                step = np.linalg.lstsq(row, np.array([wanted]), rcond=None)[0]
                np.testing.assert_allclose(mouth, four_ways.decode((value + step)[None])[0], atol=1e-5)

    def test_far_from_a_closure_nothing_changes(self, four_ways: MouthPca) -> None:
        mouths = four_ways.decode(np.ones((50, 4), np.float32))
        closed = close_lips(mouths, np.arange(50) / 25, [Span(1.0, 1.08)], four_ways, four_ways.mean.reshape(20, 2))
        changed = np.flatnonzero(np.abs(closed - mouths).max(axis=(1, 2)) > 0)
        assert changed.min() >= 24
        assert changed.max() <= 28


class TestUncrossing:
    def test_known_gaps(self) -> None:
        mouths = np.zeros((4, 20, 2), np.float32)
        for mouth, gaps in zip(mouths, ([1, 2, 3], [-1, 1, 3], [-1, 0, 1], [-3, -2, 2]), strict=True):
            mouth[[13, 14, 15], 1], mouth[[19, 18, 17], 1] = 5.0, 5.0 + np.array(gaps)
        apart = uncross_lips(mouths)
        gaps = apart[:, [19, 18, 17], 1] - apart[:, [13, 14, 15], 1]
        # The second one's mean stays, the least gap becomes 0; where the mean is not above 0 all meet.
        np.testing.assert_allclose(gaps, [[1, 2, 3], [0, 1, 2], [0, 0, 0], [0, 0, 0]], atol=1e-6)
        np.testing.assert_array_equal(apart[0], mouths[0])
        middles = [(each[:, [19, 18, 17], 1] + each[:, [13, 14, 15], 1]) / 2 for each in (apart, mouths)]
        np.testing.assert_allclose(*middles, atol=1e-6)
        others = [point for point in range(20) if point not in (13, 14, 15, 17, 18, 19)]
        np.testing.assert_array_equal(apart[:, others], mouths[:, others])
