"""What the simulations of intervals and tests are made with."""

from __future__ import annotations

import numpy as np
import pytest

from bench.statistics import paired, signs
from tests.benchmarks.intervals import Shape, ask, bounds, draw, flipped, wrong


class TestFlipped:
    @pytest.mark.parametrize(
        ("shape", "discordant"),
        [
            (Shape(48, 5, 0.43, 0.10), None),  # every cluster differs: patterns are drawn
            (Shape(20, 5, 0.43, 0.10), 0.10),  # of some samples every pattern is taken
            (Shape(300, 1, 0.0, 0.0), 0.02),  # none to a dozen differ, by as much
        ],
    )
    def test_each_is_that_of_the_function(self, shape, discordant):
        """
        Many samples at once have the very p that each has by itself.
        """
        sums = draw(shape, discordant, 0.01, equal=False, n=60, seed=(3,)).sums

        found = flipped(sums)

        assert [signs.flipped(row) for row in sums] == found.tolist()

    def test_noise_is_no_difference(self):
        """
        What rounding leaves of a sum that is 0 is none, and a sample without a difference has p 1.
        """
        sums = np.array([[1e-13, 0.0, -1e-13], [0.5, 1e-13, 0.0]])

        assert [1.0, signs.flipped(sums[1])] == flipped(sums).tolist()


class TestWrong:
    def test_of_no_difference(self):
        """
        Where there is none "better" and "worse" are wrong, "equivalent" and "undecided" are not.
        """
        low, high = np.array([[0.02, 0.04], [-0.04, -0.02], [-0.005, 0.005], [-0.1, 0.1]]).T

        found = wrong(np.ones(4, bool), low, high, np.full(4, 0.01), 0.0)

        assert [True, True, False, False] == found.tolist()

    def test_of_a_difference(self):
        """
        Where there is one it is the margin: "equivalent" is wrong, and so is the other direction.
        """
        low, high = np.array([[0.02, 0.06], [-0.06, -0.05], [-0.03, 0.03], [0.0, 0.06]]).T

        found = wrong(np.ones(4, bool), low, high, np.full(4, 0.01), 0.04)

        assert [False, True, True, False] == found.tolist()


class TestAsk:
    def test_it_is_what_paired_says(self):
        """
        A sample's flags are those of `paired` on its queries: interval, verdict, p, and how few clusters differ.
        """
        samples = draw(Shape(40, 1, 0.0, 0.0), 0.4, 0.0, equal=True, n=30, seed=(5,))

        found = ask(samples, 0.0)

        for place, row in enumerate(samples.sums):
            alone = paired.paired(np.zeros(40), row)
            low, high = alone.interval
            assert (low <= 0 <= high) == found.covers[place]
            assert (alone.verdict in ("better", "worse")) == found.wrong[place]
            assert (alone.p < paired.ALPHA) == found.rejects[place]
            assert (low > 0, high < 0) == (found.above[place], found.below[place])

    def test_mean_of_a_regime(self):
        """
        Every kind of difference has the mean that it is said to have.
        """
        for shape, discordant in ((Shape(48, 25, 0.35, 0.03), None), (Shape(48, 5, 0.43, 0.1), 0.1)):
            sums, sizes, _ = draw(shape, discordant, 0.03, equal=False, n=2000, seed=(6,))
            means = sums.sum(axis=1) / sizes.sum()
            assert abs(means.mean() - 0.03) < 5 * means.std() / np.sqrt(2000)

    def test_bounds_of_none(self):
        """
        A rate of none has a bound below 0.2 % after 2,000 simulations, and none below.
        """
        low, high = bounds(0, 2000)

        assert 0.0 == low < high < 0.002
