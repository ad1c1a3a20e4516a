"""A mean over passage sets, held to other people's code and to slow ways to reckon it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bench.statistics.over_sets import FEWEST_SETS, SetValues, of_mean, over_sets
from bench.statistics.paired import Margins, paired

EXACT = {"rel": 1e-9, "abs": 1e-12}


def even(mean: float, n_queries: int, seed: int = 1) -> np.ndarray:
    """Differences that lie evenly about their mean: without any skewness."""
    half = np.random.default_rng(seed).normal(0.0, 0.2, n_queries // 2)
    return mean + np.concatenate([half, -half])


def changed(*differences: np.ndarray, clusters=None) -> list[SetValues]:
    """A set of each array of differences, old all 0."""
    return [SetValues(np.zeros(len(one)), np.asarray(one, np.float64), clusters) for one in differences]


class TestAgreement:
    """With independent implementations, to 1e-9."""

    def test_the_interval_adds_up_scipys(self):
        """
        Each end lies as far from the mean as the root of the summed squares of the sets' own distances, over their
        number; the sets' own intervals are scipy's Student's t.
        """
        sets = [even(0.1, 40), even(-0.03, 60, seed=2), even(0.0, 200, seed=3)]

        found = over_sets(changed(*sets))

        own = [stats.ttest_1samp(one, 0.0).confidence_interval() for one in sets]
        middle = sum(one.sum() / len(one) for one in sets) / 3
        low = middle - sum((one.mean() - bounds.low) ** 2 for one, bounds in zip(sets, own, strict=True)) ** 0.5 / 3
        high = middle + sum((bounds.high - one.mean()) ** 2 for one, bounds in zip(sets, own, strict=True)) ** 0.5 / 3
        assert pytest.approx((middle, low, high), **EXACT) == (found.difference, *found.interval)

    def test_the_interval_is_of_clusters(self):
        """
        Of equal clusters a set's interval is scipy's of their means.
        """
        clusters = np.repeat(np.arange(20), 3).tolist()
        shared = even(0.1, 20)
        sets = [SetValues(np.zeros(60), np.repeat(shared, 3), clusters)] * 2

        found = over_sets(sets)

        own = stats.ttest_1samp(shared, 0.0).confidence_interval()
        assert pytest.approx((own.high - own.low) / 2**0.5, **EXACT) == found.interval[1] - found.interval[0]

    def test_p_is_that_of_every_pattern_of_signs(self):
        """
        Of few clusters every pattern of all sets' signs is taken once, each cluster weighed as its set is; a mean just
        as far out counts half.
        """
        sets = [np.array([0.5, 0.25, 0.1, -0.3]), np.array([0.2, -0.05, 0.6, 0.3, 0.3, 0.9])]

        found = over_sets(changed(*sets))

        observed, out = abs(sum(one.mean() for one in sets)), 0.0
        for signs in itertools.product((-1, 1), repeat=10):
            total = abs(np.dot(signs[:4], sets[0]) / 4 + np.dot(signs[4:], sets[1]) / 6)
            out += 0.5 if abs(total - observed) < 1e-12 else float(total > observed)
        assert pytest.approx(out / 2**10, **EXACT) == found.p
        assert not found.p_is_least

    def test_sets_as_a_sample_are_scipys_t(self):
        """
        With enough sets a second interval is that of the sets' differences, by Student's t; with fewer there is none.
        """
        sets = [even(mean, 50, seed=2) for mean in (0.3, -0.1, 0.05, 0.2, 0.0)]

        found, fewer = over_sets(changed(*sets)), over_sets(changed(*sets[1:]))

        expected = stats.ttest_1samp([one.mean() for one in sets], 0.0).confidence_interval()
        assert pytest.approx((expected.low, expected.high), **EXACT) == found.interval_of_sample
        assert (FEWEST_SETS, None) == (found.n_sets, fewer.interval_of_sample)


def test_sets_that_happen_to_be_close_are_no_surer():
    """
    As a sample they are never surer than as they are.
    """
    found = over_sets(changed(*[even(0.1, 50, seed=seed) for seed in range(6)]))

    assert found.interval == found.interval_of_sample


def test_sets_count_alike_however_large():
    """
    The mean is over sets, not over queries; wins, ties and losses are sets by the sign of their difference.
    """
    found = over_sets(changed(np.full(1_000, 0.1), np.full(10, -0.3), np.zeros(20)))

    assert pytest.approx((-0.2 / 3, -0.2 / 3, 0.0), **EXACT) == (found.difference, found.new, found.old)
    assert (3, 1, 1, 1) == (found.n_sets, found.wins, found.ties, found.losses)


def test_of_one_set_all_is_its_own():
    """
    The mean over one set has its interval, its p and its verdict.
    """
    one = SetValues(np.linspace(0, 0.8, 60), np.linspace(0, 0.8, 60) ** 2 + 0.1, [n // 2 for n in range(60)])

    found, own = over_sets([one]), paired(*one)

    assert pytest.approx(own.interval, **EXACT) == found.interval
    assert (own.p, own.verdict, own.difference) == (found.p, found.verdict, pytest.approx(found.difference))
    assert pytest.approx(own.p_interval, rel=1e-4) == found.p_interval


def test_a_set_without_any_difference_is_not_sure():
    """
    Where no query of one set differs, another draw of its queries might: the mean is less sure than half of the other.
    """
    other = even(0.3, 50)

    both, alone = over_sets(changed(other, np.zeros(50))), over_sets(changed(other))

    assert (alone.interval[1] - alone.interval[0]) / 2 < both.interval[1] - both.interval[0]


def test_what_cannot_be_told_is_none():
    """
    One cluster in a set has no interval, and no mean with it has; all identical needs none.
    """
    single = over_sets(changed(even(0.3, 50), np.array([0.5])))
    same = over_sets(changed(np.zeros(30), np.zeros(30)))

    assert (None, None, "undecided") == (single.interval, single.p, single.verdict)
    assert (None, 1.0, "identical") == (same.interval, same.p, same.verdict)
    assert of_mean([], []) is None


def test_the_margin_is_that_of_the_mean():
    """
    Equivalent: the interval of the mean lies within the margin; a loss that is accepted is non-inferior.
    """
    sets = changed(even(-0.02, 400), even(0.0, 400, seed=2))

    assert "equivalent" == over_sets(sets, margins=Margins(0.1)).verdict
    assert "non-inferior" == over_sets(sets, margins=Margins(0.001, 0.1)).verdict


@pytest.mark.parametrize("sets", [[], changed(np.zeros(0)), [SetValues(np.zeros(2), np.zeros(3))]])
def test_what_are_no_sets_is_refused(sets):
    """
    No sets, one without queries, and sides of other lengths are a caller's mistake.
    """
    with pytest.raises(ValueError, match="over_sets: expected one set or more"):
        over_sets(sets)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.0, 0.25, 1.0]), min_size=1, max_size=12), min_size=1))
def test_swapping_old_and_new_mirrors_all(sets):
    """
    Old and new exchanged: the same p, the interval and the sets won and lost mirrored; the mean lies inside.
    """
    there = over_sets(changed(*map(np.array, sets)))
    back = over_sets([SetValues(one.new, one.old) for one in changed(*map(np.array, sets))])

    assert (there.wins, there.ties, there.losses, there.p) == (back.losses, back.ties, back.wins, back.p)
    if there.interval is not None:
        assert pytest.approx((-there.interval[1], -there.interval[0]), **EXACT) == back.interval
        low, high = there.interval
        assert low < there.difference or there.difference == -1 == low
        assert there.difference < high or there.difference == 1 == high


def test_no_mean_of_measures_lies_beyond_1():
    """
    Where two clusters a set tell next to nothing, the interval still ends where a difference of measures does.
    """
    sets = [SetValues(np.zeros(3), np.array([0.1, 0.9, 1.0])), SetValues(np.zeros(3), np.array([0.0, 0.8, 1.0]))]

    low, high = over_sets(sets).interval

    assert (True, 1.0) == (low < 0.5, high)
