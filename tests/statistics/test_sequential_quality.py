"""When the queries of a comparison may be left off."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.statistics import intervals
from bench.statistics.paired import Margins
from bench.statistics.sequential_quality import FEWEST, bounds, looks, order, stop


def test_looks_double():
    """
    Each look has twice as many clusters, rounded up, the last one all; each takes its new clusters' part of alpha.
    """
    found = looks(300)

    assert [19, 38, 75, 150, 300] == [look.n_clusters for look in found]
    assert pytest.approx([1 - 0.05 * n / 300 for n in (19, 19, 37, 75, 150)]) == [look.level for look in found]


@pytest.mark.parametrize("n_clusters", [2, FEWEST, 2 * FEWEST - 2])
def test_few_clusters_are_looked_at_once(n_clusters):
    """
    Where half of the clusters would be fewer than the first look has, all are asked, at the whole level.
    """
    assert ((n_clusters, 0.95),) == looks(n_clusters)


@given(st.integers(1, 5000), st.floats(0.001, 0.2))
def test_looks_share_alpha(n_clusters, alpha):
    """
    All looks together take alpha, whatever the number of clusters, and end at all of them.
    """
    found = looks(n_clusters, alpha)

    assert pytest.approx(alpha) == sum(1 - look.level for look in found)
    assert n_clusters == found[-1].n_clusters
    assert sorted({look.n_clusters for look in found}) == [look.n_clusters for look in found]


def test_the_order_is_seeded():
    """
    A seed gives one order of all clusters; another seed another.
    """
    assert sorted(range(50)) == sorted(order(50, 3).tolist())
    assert order(50, 3).tolist() == order(50, 3).tolist() != order(50, 4).tolist()


def test_the_last_look_is_what_is_said_of_a_whole_set():
    """
    At all clusters the bounds are the clustered interval, at the level that is left.
    """
    sums = np.random.default_rng(5).normal(0.1, 0.3, 100)

    *_, (look, low, high) = bounds(sums, np.ones(100))

    assert (100, 1 - 0.05 / 2) == look
    assert [low, high] == [*intervals.of_difference(sums, np.ones(100), look.level)]


def test_a_loss_that_was_not_seen_is_allowed_for():
    """
    Small gains of every query asked decide nothing while a rare loss may still come, however alike they are.
    """
    gains = np.random.default_rng(6).exponential(0.02, 300)

    first, *_ = bounds(gains, np.ones(300))

    look, low, _ = first
    assert intervals.of_difference(gains[: look.n_clusters], np.ones(look.n_clusters), look.level)[0] > 0
    assert low < 0


def test_queries_of_a_cluster_that_are_lost_together_are_allowed_for():
    """
    Where queries come in clusters, a loss that was not seen may be that of several: a tenth of a query's cluster.
    """
    gains, sizes = np.random.default_rng(6).exponential(0.2, 60), np.where(np.arange(60) % 3, 11.0, 41.0)

    (look, low, _), *_ = bounds(gains, sizes)

    asked, of_size = gains[: look.n_clusters], sizes[: look.n_clusters]
    own = (of_size**2).sum() / of_size.sum()  # queries in a query's cluster
    expected, _ = intervals.few_events(asked, of_size, look.level, 1 + (own - 1) / 10)
    single, _ = intervals.few_events(asked, of_size, look.level)
    assert pytest.approx(expected) == low
    assert low < single


@pytest.mark.parametrize(("mean", "expected"), [(0.3, "better"), (-0.3, "worse")])
def test_a_clear_difference_stops_early(mean, expected):
    """
    A large difference is decided at an early look, and what was asked by then is told.
    """
    sums = np.random.default_rng(7).normal(mean, 0.3, 320)

    found = stop(sums, np.ones(320))

    assert (expected, 40, 40, 0.125, 2, 5) == (
        *(found.verdict, found.n_queries, found.n_clusters, found.share),
        *(found.n_looks, found.planned_looks),
    )
    assert pytest.approx(sums[order(320)][:40].mean()) == found.difference


def test_the_share_is_of_queries():
    """
    Of clusters of unlike sizes, it is the queries that are counted.
    """
    sizes = np.arange(1.0, 65.0)
    sums = sizes * np.random.default_rng(8).normal(0.5, 0.1, 64)

    found = stop(sums, sizes, seed=3)

    asked = sizes[order(64, 3)][: found.n_clusters].sum()
    assert (32, int(asked), asked / sizes.sum()) == (found.n_clusters, found.n_queries, found.share)


def test_few_changes_are_soon_equivalent():
    """
    One loss in 4,000 queries is equivalent long before all of them were asked, and non-inferior sooner.
    """
    sums = np.zeros(4000)
    sums[order(4000)[10]] = -1.0

    found, accepted = stop(sums, np.ones(4000)), stop(sums, np.ones(4000), margins=Margins(0.001, 0.02))

    assert ("equivalent", "non-inferior") == (found.verdict, accepted.verdict)
    assert accepted.share < found.share < 1


def test_what_is_not_decided_takes_all():
    """
    Where nothing is decided, every query was asked, and the verdict says so.
    """
    sums = np.where(np.arange(300) % 2, 0.5, -0.5)

    found = stop(sums, np.ones(300))

    assert ("undecided", 1.0, 300) == (found.verdict, found.share, found.n_queries)


def test_several_retrievers_share_alpha():
    """
    Each of ten retrievers gets a tenth of alpha: its bounds are wider at every look.
    """
    sums = np.random.default_rng(9).normal(0.1, 0.3, 100)

    one, ten = (list(bounds(sums, np.ones(100), alpha)) for alpha in (0.05, 0.005))

    assert all(wide[1] < low and high < wide[2] for (_, low, high), wide in zip(one, ten, strict=True))


def test_one_cluster_decides_nothing():
    """
    Of a single cluster there is no interval, and so no stop.
    """
    assert stop(np.array([3.0]), np.array([9.0])) is None


@given(st.lists(st.integers(-100, 100), min_size=2, max_size=80), st.integers(0, 5))
@settings(deadline=None, max_examples=50)
def test_swapping_the_sides(hundredths, seed):
    """
    Old against new stops where new against old does, with the other verdict.
    """
    other = {"better": "worse", "worse": "better"}
    sums, sizes = np.array(hundredths) / 100, np.ones(len(hundredths))

    one, two = stop(sums, sizes, seed=seed), stop(-sums, sizes, seed=seed)

    assert one.n_queries == two.n_queries
    assert one.verdict == other.get(two.verdict, two.verdict)


def test_alike_retrievers_are_let_be():
    """
    Of 2,000 seeded pairs that are alike, looked at five times, at most one in twenty is called better or worse.
    """
    sums = np.random.default_rng(10).choice([-1.0, 0.0, 1.0], (2000, 300), p=[0.15, 0.7, 0.15])

    missed = np.zeros(2000, bool)
    for _, low, high in bounds(sums, np.ones(300)):
        missed |= (low > 0) | (high < 0)

    assert 20 < missed.sum() <= 100
