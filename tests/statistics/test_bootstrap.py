"""One bootstrap of rounds and queries, held to the plain one; Student's t held to scipy's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bench.statistics import bootstrap
from tests.helpers.tiny import MS, noisy


def slow_interval(rounds: list[np.ndarray], p: float, draws: int, *, crossed: bool) -> list[float]:
    """The bootstrap as it is said: draw rounds, draw queries, take the percentile of each, their median."""
    rng = np.random.default_rng(bootstrap.SEED)
    n_rounds, n_queries = len(rounds), rounds[0].shape[1]
    chosen = rng.integers(n_rounds, size=(draws, n_rounds))
    rng = np.random.default_rng([bootstrap.SEED, n_queries])
    queries = [rng.integers(n_queries, size=(draws, n_queries)) for _ in range(1 if crossed else n_rounds)]
    medians = [
        np.median(
            [
                np.quantile(rounds[number][:, queries[0 if crossed else slot][draw]], p)
                for slot, number in enumerate(chosen[draw])
            ]
        )
        for draw in range(draws)
    ]
    return [float(bound) for bound in np.quantile(medians, [0.025, 0.975])]


class TestIntervals:
    @pytest.mark.parametrize("crossed", [True, False])
    @pytest.mark.parametrize(("n_rounds", "n_passes"), [(1, 1), (1, 3), (3, 1), (3, 2), (2, 5)])
    def test_they_are_those_of_the_plain_bootstrap(self, crossed, n_rounds, n_passes):
        """
        Where a round has no more samples near a percentile than are looked at, the interval is the plain bootstrap's.
        """
        rounds = noisy(n_passes, 20, n_rounds)

        found = bootstrap.intervals(rounds, [0.5, 0.95], crossed=crossed, n_draws=60)

        for p, interval in zip((0.5, 0.95), found, strict=True):
            assert slow_interval(rounds, p, 60, crossed=crossed) == pytest.approx(list(interval))

    def test_many_samples_are_looked_at_near_the_percentile(self):
        """
        Of more samples the interval's ends lie within a twentieth of its width of the plain bootstrap's.
        """
        rounds = noisy(20, 200)

        found = bootstrap.intervals(rounds, [0.5, 0.95], n_draws=100)

        for p, (low, high) in zip((0.5, 0.95), found, strict=True):
            assert slow_interval(rounds, p, 100, crossed=True) == pytest.approx([low, high], abs=(high - low) / 20)

    def test_rounds_may_have_each_its_own_number(self):
        """
        Batches are asked again and again for so long, not so many times: rounds of unlike length have an interval too.
        """
        rounds = [np.full((1, n), 3 * MS) + np.arange(n) for n in (2, 3, 41)]

        ((low, high),) = bootstrap.intervals(rounds, [0.5], crossed=False)

        assert 3 * MS <= low <= bootstrap.percentile(rounds, 0.5) <= high <= 3 * MS + 40

    def test_equal_times_have_no_width(self):
        """
        Where every query takes the same time there is nothing to be unsure of.
        """
        assert [(3.0 * MS, 3.0 * MS)] == bootstrap.intervals([np.full((2, 20), 3 * MS)] * 3, [0.5])

    def test_passes_of_a_query_go_together(self):
        """
        More passes of the same queries tell no more of other queries: the interval is as wide.
        """
        (rounds,) = noisy(1, 50, 1)

        once, often = (bootstrap.intervals([np.repeat(rounds, n, axis=0)], [0.5])[0] for n in (1, 40))

        assert once == pytest.approx(often, rel=0.02)

    def test_rounds_share_their_queries(self):
        """
        More rounds over the same queries do not average away what is due to the choice of queries.
        """
        (samples,) = noisy(1, 50, 1)

        one, three = (bootstrap.intervals([samples] * n, [0.5])[0] for n in (1, 3))

        assert one == pytest.approx(three, rel=0.1)


@given(
    st.lists(
        st.lists(st.lists(st.integers(1, 9), min_size=5, max_size=5), min_size=1, max_size=3), min_size=1, max_size=4
    ),
    st.sampled_from([0.5, 0.9, 0.95]),
)
@settings(deadline=None, max_examples=20)
def test_draws_are_those_of_a_plain_bootstrap(rounds, p):
    """
    Each draw is the median, over rounds drawn with replacement, of the percentile of queries drawn with replacement.
    """
    samples = [np.array(one, np.int64) for one in rounds]

    drawn = bootstrap.draws(samples, [p, 0.5], rounds_seed=1, columns_seed=2)

    chosen = np.random.default_rng(1).integers(len(samples), size=(bootstrap.DRAWS, len(samples)))
    places = np.random.default_rng([2, 5]).integers(5, size=(bootstrap.DRAWS, 5))
    expected = [
        np.median([np.quantile(samples[one][:, queries], p) for one in numbers])
        for numbers, queries in zip(chosen[:50], places[:50], strict=True)
    ]
    assert expected == pytest.approx(drawn[0, :50].tolist())
    assert (2, bootstrap.DRAWS) == drawn.shape


def test_student_is_scipys():
    """
    Rounds of their own are told apart by Welch's t, shared ones by the paired t; what has no logarithm by none.
    """
    old, new = np.array([1.0, 1.1, 0.9, 1.05]), np.array([1.2, 1.5, 1.1, 1.3])

    apart, shared = (bootstrap.student(old, new, alike=alike) for alike in (False, True))

    welch = stats.ttest_ind(np.log(new), np.log(old), equal_var=False).confidence_interval(0.95)
    assert tuple(np.exp(welch)) == pytest.approx(apart)
    assert tuple(np.exp(stats.ttest_rel(np.log(new), np.log(old)).confidence_interval(0.95))) == pytest.approx(shared)
    assert bootstrap.student(old, new * 0, alike=True) is None
    assert bootstrap.student(old[:1], new[:1], alike=True) is None
