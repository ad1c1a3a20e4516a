"""Models of several seeds: the interval over queries and seeds, held to a slow obvious way and to its parts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats

from bench.statistics import intervals, over_seeds, paired
from bench.statistics.clusters import totals

LABELS = [0, 0, 0, 1, 1, 2, 2, 2, 2, 3, 4, 4]
CLOSE = {"rel": 1e-9, "abs": 1e-12}


def drawn(n_seeds: int, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Values of so many seeds of two retrievers, of questions whose clusters are LABELS."""
    rng = np.random.default_rng(seed)
    questions = rng.random(len(LABELS)) * 0.5
    return np.tile(questions, (n_seeds, 1)), questions + rng.random((n_seeds, len(LABELS))) * 0.3


def slow(by_seed: np.ndarray, level: float) -> tuple[float, float]:
    """As the method is told, question by question. by_seed: differences, (n_seeds, n_questions)."""
    n_seeds, n_questions = by_seed.shape
    names, whole = sorted(set(LABELS)), by_seed.mean()
    squares = 0.0
    for row in by_seed:
        for name in names:
            places = [place for place, label in enumerate(LABELS) if label == name]
            cell = sum(row[place] - by_seed[:, place].mean() - (row.mean() - whole) for place in places)
            squares += (cell / n_questions) ** 2
    of_means = sum((row.mean() - whole) ** 2 for row in by_seed) / (n_seeds - 1)
    left = max(of_means - squares / (n_seeds - 1), 0.0)
    alone, beside = (stats.t.ppf((1 + level) / 2, n_seeds - 1) * (each / n_seeds) ** 0.5 for each in (of_means, left))
    low, high = intervals.of_difference(*totals(by_seed.mean(axis=0), LABELS), level)
    return (
        min(whole - alone, whole - ((whole - low) ** 2 + beside**2) ** 0.5),
        max(whole + alone, whole + ((high - whole) ** 2 + beside**2) ** 0.5),
    )


class TestInterval:
    @given(
        arrays.arrays(np.float64, (3, len(LABELS)), elements=st.floats(-1, 1, width=16)), st.sampled_from([0.9, 0.95])
    )
    def test_as_it_is_told(self, by_seed, level):
        """
        The interval is the slow one's, whatever the differences.
        """
        sums = np.stack([totals(row, LABELS)[0] for row in by_seed])

        found = over_seeds.interval(sums, totals(by_seed[0], LABELS)[1], level)

        assert pytest.approx(slow(by_seed, level), **CLOSE) == tuple(map(float, found))

    def test_seeds_that_shift_all_questions_alike(self):
        """
        Where seeds shift all questions by the same, nothing else varies, and it is Student's t over seeds.
        """
        shifts = np.array([0.01, 0.02, 0.06])
        sizes = np.ones(200)

        low, high = over_seeds.interval(np.outer(shifts, sizes), sizes, of_clusters=lambda sums, *_: (sums.mean(),) * 2)

        told = stats.t.interval(0.95, 2, shifts.mean(), stats.sem(shifts))
        assert pytest.approx(told, **CLOSE) == (float(low), float(high))

    def test_many_at_once(self):
        """
        Samples that are told at once are told as each by itself.
        """
        sums = np.random.default_rng(5).normal(size=(4, 3, 12))
        sizes = np.arange(1.0, 13)

        low, high = over_seeds.interval(sums, sizes)

        alone = [over_seeds.interval(each, sizes) for each in sums]
        assert pytest.approx([float(one) for one, _ in alone], **CLOSE) == low.tolist()
        assert pytest.approx([float(other) for _, other in alone], **CLOSE) == high.tolist()


class TestPaired:
    def test_one_seed_has_no_level(self):
        """
        What has one seed, or none, is said as of two retrievers.
        """
        old, new = drawn(1)

        assert paired.paired(old[0], new[0], LABELS) == over_seeds.paired(old, new, LABELS)

    def test_seeds_widen(self):
        """
        The interval is that of the mean over seeds and wider; p of the interval is greater, all else is the same.
        """
        old, new = drawn(3)
        alone = paired.paired(old[0], new.mean(axis=0), LABELS)

        found = over_seeds.paired(old[:1], new, LABELS)

        assert found.interval[0] <= alone.interval[0] < alone.interval[1] <= found.interval[1]
        assert found.p_interval >= alone.p_interval
        assert (alone.difference, alone.p) == (found.difference, found.p)
        assert (3 * len(LABELS), 0, 0) == (found.wins, found.ties, found.losses)
        assert [None] * 3 == [found.p_t, found.effect, found.detectable]
        assert pytest.approx(slow(new - old, 0.95), **CLOSE) == found.interval

    def test_a_difference_that_seeds_alone_make_is_no_verdict(self):
        """
        Models that gain on every question, one seed much and two nothing, are not better: another seed may not be.
        """
        old, new = np.zeros((1, 60)), np.zeros((3, 60))
        new[0, ::2], new[1:, 1] = 1.0, 1.0

        assert "better" == paired.paired(old[0], new.mean(axis=0)).verdict
        assert "undecided" == over_seeds.paired(old, new).verdict

    def test_seeds_whose_mean_is_the_old_one(self):
        """
        Models that differ and whose mean over seeds is what it was, question by question, are not identical.
        """
        old = np.full((1, 40), 0.5)
        new = np.repeat([[0.25], [0.75]], 40, axis=1)

        found = over_seeds.paired(old, new)

        assert ("undecided", 80) == (found.verdict, found.differing)

    def test_gains_that_losses_beside_them_make_up_for(self):
        """
        Where every cluster gains as much as it loses, at every seed, models differ; what that tells is nothing.
        """
        new = np.array([[0.5, -0.5, 0.0, 0.0], [-0.5, 0.5, 0.0, 0.0]])

        found = over_seeds.paired(np.zeros((1, 4)), new, [0, 0, 1, 2])

        assert ("undecided", None, 4) == (found.verdict, found.interval, found.differing)

    def test_identical(self):
        """
        Models of every seed that find what was found before are identical.
        """
        old, _ = drawn(3)

        assert "identical" == over_seeds.paired(old[:1], old, LABELS).verdict

    def test_other_numbers_of_seeds(self):
        """
        Rows are of the same seeds: three held against two are refused.
        """
        with pytest.raises(ValueError, match="expected as many seeds of both, found 3 old and 2 new"):
            over_seeds.paired(np.zeros((3, 4)), np.ones((2, 4)))
