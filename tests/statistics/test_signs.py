"""Flips of signs: held to scipy's and to slow obvious ways."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from bench.statistics import signs
from tests.helpers.clustered import CLOSE, clustered


def every_total(sums: np.ndarray) -> np.ndarray:
    """The totals under every pattern of signs, one after the other: (n_rows, n_patterns)."""
    return np.array([sums @ pattern for pattern in itertools.product([-1.0, 1.0], repeat=sums.shape[1])]).T


class TestSigned:
    @pytest.mark.parametrize("n_clusters", [1, 7, 8, 9, 13])
    def test_few_clusters_have_every_pattern_once(self, n_clusters):
        """
        Where there are no more patterns than flips, each is taken once, the same for all rows.
        """
        sums = np.random.default_rng(n_clusters).normal(0, 1, (3, n_clusters))

        found = signs.signed(sums)

        order, expected = np.lexsort(found), every_total(sums)
        assert pytest.approx(expected[:, np.lexsort(expected)], **CLOSE) == found[:, order]

    def test_drawn_patterns_are_fair(self):
        """
        Of many clusters patterns are drawn: each cluster's sign is as often + as -, whatever the others have.
        """
        rows = np.eye(20)

        found = signs.signed(rows)

        assert (20, signs.FLIPS) == found.shape
        assert {-1.0, 1.0} == set(np.unique(found))
        assert np.abs(found @ found.T / signs.FLIPS - rows).max() < 0.05
        assert np.abs(found.mean(axis=1)).max() < 0.05


class TestFlipped:
    @pytest.mark.parametrize("sums", [[0.3, -0.1, 0.7, 0.2, 0.05, -0.4, 0.9, 0.33], [1, 1, -1, 2, 0, 1, 1, 3, -1, 1]])
    def test_it_is_scipys(self, sums):
        """
        Of few clusters every pattern of signs is taken: those further out whole, those equally far half.
        """
        flips = stats.permutation_test((np.array(sums),), np.sum, permutation_type="samples", n_resamples=np.inf)
        out = np.abs(flips.null_distribution) - abs(sum(sums))
        expected = np.mean(out > 1e-9) + np.mean(np.abs(out) <= 1e-9) / 2

        assert pytest.approx(expected, **CLOSE) == signs.flipped(np.array(sums, np.float64))
        assert flips.pvalue >= expected

    def test_drawn_flips_are_near_all_flips(self):
        """
        Where patterns are drawn, p lies within five standard errors of the p of all of them.
        """
        sums = clustered([1] * 13, seed=4)[0] - 0.2
        exact = signs.flipped(sums, flips=2**13)

        drawn = signs.flipped(sums, flips=2**13 - 1)

        assert 0.05 < exact < 0.95
        assert exact != drawn
        assert abs(exact - drawn) < 5 * np.sqrt(exact * (1 - exact) / 2**13)

    def test_what_was_observed_counts_whole(self):
        """
        No drawn pattern lies as far out as the clearest change: p is one of all that were looked at, and never less.
        """
        assert 1 / 10_001 == signs.LEAST == signs.flipped(np.ones(200))

    def test_order_and_direction_do_not_matter(self):
        """
        Neither another order of the clusters nor swapping old and new changes p.
        """
        sums = clustered([1] * 40)[0] - 0.05

        assert signs.flipped(sums) == signs.flipped(sums[::-1].copy()) == signs.flipped(-sums)

    def test_nothing_differs(self):
        """
        Where no cluster differs p is 1.
        """
        assert 1.0 == signs.flipped(np.zeros(5))


class TestAllPairs:
    def test_by_hand(self):
        """
        Each pair's p is how often the greatest statistic of all pairs, under one pattern of signs, is as far out.
        """
        sums = np.random.default_rng(5).normal([[0.0], [0.3], [0.6]], 1.0, (3, 9))
        pairs = list(itertools.combinations(range(3), 2))
        scales = [np.sqrt(((sums[a] - sums[b]) ** 2).sum()) for a, b in pairs]
        totals = every_total(sums)
        greatest = np.max(
            [np.abs(totals[a] - totals[b]) / scale for (a, b), scale in zip(pairs, scales, strict=True)], axis=0
        )

        found = signs.all_pairs(sums)

        for (a, b), scale in zip(pairs, scales, strict=True):
            expected = np.mean(greatest >= abs(sums[a].sum() - sums[b].sum()) / scale - 1e-9)
            assert pytest.approx(expected, **CLOSE) == found[a, b] == found[b, a]

    def test_identical_ones_are_no_pair(self):
        """
        A copy of a retriever changes no p of the others, and does not differ from it.
        """
        sums = np.random.default_rng(6).normal([[0.0], [0.4]], 1.0, (2, 60))

        found = signs.all_pairs(sums[[0, 1, 0]])

        assert signs.all_pairs(sums)[0, 1] == pytest.approx(found[0, 1], abs=1e-9)
        assert 1.0 == found[0, 2]
        assert np.ones((2, 2)).tolist() == signs.all_pairs(np.zeros((2, 4))).tolist()

    def test_more_retrievers_are_told_apart_less(self):
        """
        The same pair has a larger p among more retrievers.
        """
        sums = np.random.default_rng(7).normal(0.0, 1.0, (12, 100))
        sums[1] += 0.4

        assert 3 * signs.all_pairs(sums[:2])[0, 1] < signs.all_pairs(sums)[0, 1] < 1
