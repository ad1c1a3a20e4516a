"""Intervals of percentiles: held to the plain bootstrap, to scipy's Student's t, and to simulated truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bench.statistics import bootstrap
from tests.benchmarks.coverage import COVERS, Regime, ask
from tests.benchmarks.intervals import bounds
from tests.helpers.tiny import MS, noisy

PS = (0.5, 0.95)


def plain_draws(rounds: list[np.ndarray], p: float, n_draws: int, *, crossed: bool) -> np.ndarray:
    """Draw queries, take the percentile of each round: (n_rounds, n_draws)."""
    found = []
    for number, samples in enumerate(rounds):
        n_queries = samples.shape[1]
        rng = np.random.default_rng([bootstrap.SEED, n_queries, 0 if crossed else number])
        queries = rng.integers(n_queries, size=(n_draws, n_queries))
        found.append([np.quantile(samples[:, drawn], p) for drawn in queries])
    return np.array(found)


def plain_interval(rounds: list[np.ndarray], p: float, n_draws: int) -> list[float]:
    """The interval as it is said, in logarithms: rounds drawn anew, moved by what queries move in all rounds alike."""
    found = np.log([np.quantile(samples, p) for samples in rounds])
    drawn = np.log(plain_draws(rounds, p, n_draws, crossed=True))
    moved = drawn.mean(axis=0) - found.mean()
    off = 2 * stats.norm.ppf((moved < 0).mean() + (moved == 0).mean() / 2)
    places = (stats.rankdata(moved, "ordinal") - 0.5) / n_draws
    moved = np.quantile(moved, stats.norm.cdf(stats.norm.ppf(places) + off))
    n_rounds = len(rounds)
    if n_rounds > 1:
        covariances = np.cov(drawn, ddof=0)
        shared = covariances[~np.eye(n_rounds, dtype=bool)].mean() / covariances.mean()
        moved *= np.sqrt(max(0, shared))
    chosen = np.random.default_rng(bootstrap.SEED).integers(n_rounds, size=(n_draws, n_rounds))
    low, high = np.quantile(
        [np.median(found[rows]) + by for rows, by in zip(chosen, moved, strict=True)], [0.025, 0.975]
    )
    if n_rounds > 1:
        told = stats.ttest_1samp(found, 0).confidence_interval(0.95)
        low, high = min(low, told.low), max(high, told.high)
    return [float(np.exp(low)), float(np.exp(high))]


class TestDraws:
    @pytest.mark.parametrize("crossed", [True, False])
    @given(
        st.lists(
            st.lists(st.lists(st.integers(1, 9), min_size=5, max_size=5), min_size=1, max_size=3),
            min_size=1,
            max_size=4,
        ),
        st.sampled_from([0.5, 0.9, 0.95]),
    )
    @settings(deadline=None, max_examples=20)
    def test_they_are_those_of_the_plain_bootstrap(self, crossed, rounds, p):
        """
        Each draw is the percentile of queries drawn with replacement: the same ones in every round where rounds share
        them, others in each where they do not.
        """
        samples = [np.array(one, np.int64) for one in rounds]

        figure, _ = bootstrap.figures(samples, [p, 0.5], crossed=crossed, n_draws=30)

        expected = plain_draws(samples, p, 30, crossed=crossed)
        assert expected == pytest.approx(figure.drawn)
        assert [np.quantile(one, p) for one in samples] == figure.rounds.tolist()

    def test_of_rounds_of_unlike_length(self):
        """
        Batches are asked again and again for so long, not so many times: rounds of unlike length have an interval too.
        """
        rounds = [np.full((1, n), 3 * MS) + np.arange(n) for n in (2, 3, 41)]

        ((low, high),) = bootstrap.intervals(rounds, [0.5], crossed=False)

        assert 3 * MS - 60 <= low <= bootstrap.percentile(rounds, 0.5) <= high <= 3 * MS + 60

    def test_what_rounds_share(self):
        """
        What a draw of columns moves in all rounds alike is theirs in common; what it moves in each by itself is not.
        """
        rng = np.random.default_rng(1)
        common, own = rng.normal(size=4000), rng.normal(size=(3, 4000))

        both, alike, apart = (bootstrap._shared(drawn) for drawn in (common + own, np.tile(common, (3, 1)), own))

        assert (0.75, 1.0, 0.0) == pytest.approx((both, alike, apart), abs=0.03)  # 1 of 1 + 1 / 3


class TestIntervals:
    @pytest.mark.parametrize(("n_rounds", "n_passes"), [(1, 1), (1, 3), (3, 1), (3, 2), (2, 5)])
    def test_they_are_as_they_are_said(self, n_rounds, n_passes):
        """
        The wider of two: a bootstrap of rounds, and of what queries move in all of them; and Student's t over rounds.
        """
        rounds = noisy(n_passes, 20, n_rounds)

        found = bootstrap.intervals(rounds, PS, n_draws=60)

        for p, interval in zip(PS, found, strict=True):
            assert plain_interval(rounds, p, 60) == pytest.approx(list(interval))

    def test_many_samples_are_looked_at_near_the_percentile(self):
        """
        Of more samples the interval's ends lie within a twentieth of its width of the plain way's.
        """
        rounds = noisy(20, 200)

        found = bootstrap.intervals(rounds, PS, n_draws=100)

        for p, (low, high) in zip(PS, found, strict=True):
            assert plain_interval(rounds, p, 100) == pytest.approx([low, high], abs=(high - low) / 20)

    def test_they_reach_as_far_as_students_t(self):
        """
        Where queries cost all the same, rounds differ by themselves alone: the interval is that of Student's t.
        """
        speeds = np.array([0.97, 1.0, 1.04])

        ((low, high),) = bootstrap.intervals([np.full((1, 20), int(MS * speed)) for speed in speeds], [0.5])

        told = np.exp(stats.ttest_1samp(np.log(speeds), 0).confidence_interval(0.95))
        assert tuple(MS * told) == pytest.approx((low, high))

    def test_equal_times_have_no_width(self):
        """
        Where every query takes the same time there is nothing to be unsure of.
        """
        ((low, high),) = bootstrap.intervals([np.full((2, 20), 3 * MS)] * 3, [0.5])

        assert (3.0 * MS, 3.0 * MS) == pytest.approx((low, high), rel=1e-12)

    def test_no_time_at_all_has_an_interval(self):
        """
        A clock that tells 0 ns is one that counts in whole ones.
        """
        assert [(1.0, 1.0)] == bootstrap.intervals([np.zeros((1, 20), np.int64)] * 3, [0.5])

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


class TestRatios:
    def test_shared_rounds_are_told_by_their_ratios(self):
        """
        Of rounds that both were measured in, the interval is that of each round's own ratio; of others that of Welch.
        """
        old, new = (bootstrap.fixed(values) for values in ([100.0, 110, 90, 105], [120.0, 150, 110, 130]))

        shared, apart = (bootstrap.ratio_interval(old, new, alike=alike) for alike in (True, False))

        logs = [np.log(figure.rounds) for figure in (new, old)]
        assert tuple(np.exp(stats.ttest_rel(*logs).confidence_interval(0.95))) == pytest.approx(shared)
        low, high = np.exp(stats.ttest_ind(*logs, equal_var=False).confidence_interval(0.95))
        assert (low, high) == pytest.approx(tuple(np.exp(bootstrap.student(*logs))))
        assert apart[0] <= low < high <= apart[1]

    def test_the_choice_of_queries_leaves_the_ratio(self):
        """
        Where both were asked the same queries, one draw of them holds for both.
        """
        rounds = noisy(1, 50, 3)
        (old,), (new,) = (bootstrap.figures([factor * one for one in rounds], [0.5]) for factor in (1, 2))

        assert (2.0, 2.0) == pytest.approx(bootstrap.ratio_interval(old, new, alike=True))

    def test_a_ratio_to_nothing_is_none(self):
        """
        What was nothing has no ratio; what became nothing has one.
        """
        some, none = bootstrap.fixed([2.0, 2.0]), bootstrap.fixed([2.0, 0.0])

        assert bootstrap.ratio_interval(none, some, alike=True) is None
        assert bootstrap.ratio_interval(some, none, alike=True) is not None

    def test_one_round_has_no_students_t(self):
        """
        Of one round Student's t tells nothing, and the bootstrap is all there is.
        """
        assert bootstrap.student(np.array([1.0])) is None
        assert bootstrap.student(np.array([1.0, 2.0]), np.array([1.0])) is None
        assert (3.0, 3.0) == pytest.approx(bootstrap.interval(bootstrap.fixed([3.0])))


@pytest.mark.slow
class TestTruth:
    """A fast part of `tests.benchmarks.coverage`, seeded: each rate is held to the rule by its own 99.9 % bounds."""

    @pytest.mark.parametrize(
        ("regime", "alone"),
        [
            (Regime("equal", 0.10, 200, 3), "bootstrap"),
            (Regime("equal", 0.0, 200, 5), None),
            (Regime("log-normal", 0.0, 200, 3), "student"),
            (Regime("log-normal", 0.03, 200, 5), "student"),
        ],
    )
    def test_intervals_hold_the_population(self, regime, alone):
        """
        The population's p50 and p95 lie in their intervals as often as is said; in one of the two alone they do not.
        """
        n = 200

        found = ask(regime, n, seed=3)

        for held in found.covers.T:
            low, high = bounds(int(held.sum()), n, level=0.999)
            assert low <= COVERS[1]
            assert high >= COVERS[0]
        if alone is not None:
            assert bounds(int(getattr(found, alone)[:, 0].sum()), n, level=0.999)[1] < COVERS[0]
