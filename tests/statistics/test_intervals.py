"""Intervals of means and of their differences: held to other people's code, and to slow obvious ways."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.rates import confint_poisson

from bench.statistics import intervals
from bench.statistics.clusters import spread, totals
from tests.benchmarks import means
from tests.helpers.clustered import CLOSE, clustered


def events(gains: int, losses: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Clusters of one query: so many gain a hit, so many lose one."""
    sums = np.zeros(n)
    sums[:gains], sums[gains : gains + losses] = 1.0, -1.0
    return sums, np.ones(n)


class TestStudent:
    def test_of_equal_clusters_it_is_statsmodels(self):
        """
        Where clusters hold equally many queries, it is that of a cluster-robust regression on a constant.
        """
        differences, labels = clustered([5] * 24)
        fit = statsmodels.api.OLS(differences, np.ones(120)).fit(
            cov_type="cluster", cov_kwds={"groups": np.repeat(np.arange(24), 5), "use_correction": True}, use_t=True
        )

        found = intervals.student(*totals(differences, labels))

        assert pytest.approx(tuple(fit.conf_int(0.05)[0]), **CLOSE) == found

    def test_of_equal_clusters_it_is_scipys_of_their_means(self):
        """
        It is Student's t on the means of the clusters, at whatever level.
        """
        differences, labels = clustered([4] * 9)
        expected = stats.ttest_1samp(differences.reshape(9, 4).mean(axis=1), 0.0).confidence_interval(0.9)

        assert pytest.approx(tuple(expected), **CLOSE) == intervals.student(*totals(differences, labels), 0.9)


class TestPValue:
    @pytest.mark.parametrize("mean", [0.02, 0.05, -0.1])
    def test_of_student_it_is_scipys(self, mean):
        """
        The p that agrees with Student's t is that of its test.
        """
        values = np.random.default_rng(4).normal(mean, 0.2, 50)

        found = intervals.p_value(lambda level: intervals.student(values, np.ones(50), level))

        assert pytest.approx(stats.ttest_1samp(values, 0.0).pvalue, rel=1e-4) == found

    @given(st.lists(st.integers(-100, 100), min_size=2, max_size=60).filter(any))
    @settings(max_examples=200, deadline=None)
    def test_where_the_interval_begins_to_hold_0(self, hundredths):
        """
        An interval that may miss a little more than p excludes 0, and one that may miss a little less does not.
        """
        sums, sizes = np.array(hundredths) / 100, np.ones(len(hundredths))

        p = float(intervals.p_value(lambda level: intervals.of_difference(sums, sizes, level)))

        def excludes(alpha: float) -> bool:
            low, high = intervals.of_difference(sums, sizes, 1 - alpha)
            return bool(low > 0 or high < 0)

        assert intervals.FINEST <= p <= 1
        assert 1.001 * p >= 1 or excludes(1.001 * p)
        assert p < 1.001 * intervals.FINEST or not excludes(0.999 * p)

    def test_many_at_once(self):
        """
        Of many samples each has the p that it has alone.
        """
        sums, sizes = np.random.default_rng(5).exponential(0.1, (3, 4, 30)) - 0.08, np.ones(30)

        found = intervals.p_value(lambda level: intervals.of_difference(sums, sizes, level))

        alone = [
            intervals.p_value(lambda level, own=own: intervals.of_difference(own, sizes, level))
            for own in sums.reshape(-1, 30)
        ]
        assert (3, 4) == found.shape
        assert pytest.approx(alone, rel=1e-12) == found.ravel().tolist()


class TestSkewed:
    def test_it_is_the_cubic_that_hall_gives(self):
        """
        Each end is the mean less its error times the t at which Hall's cubic of the skewness is the quantile.
        """
        values = np.random.default_rng(2).exponential(1.0, 40)
        mean, error, freedom = spread(values, np.ones(40))
        skewness = stats.skew(values) / np.sqrt(40)
        quantile = stats.t.ppf(0.975, freedom)

        def cubic(t: float) -> float:
            return t + skewness * t**2 / 3 + skewness**2 * t**3 / 27 + skewness / 6

        low, high = (
            mean - error * optimize.brentq(lambda t, at=at: cubic(t) - at, -50, 50) for at in (quantile, -quantile)
        )

        assert pytest.approx((low, high), **CLOSE) == intervals.skewed(values, np.ones(40))

    def test_without_skewness_it_is_students(self):
        """
        Of symmetric differences it is Student's t.
        """
        values = np.array([-0.3, -0.1, 0.0, 0.1, 0.3])

        assert pytest.approx(intervals.student(values, np.ones(5)), **CLOSE) == intervals.skewed(values, np.ones(5))


class TestFewEvents:
    @pytest.mark.parametrize("losses", [0, 1, 3, 29])
    def test_losses_alone_are_bounded_as_a_count_is(self, losses):
        """
        Where nothing is gained, the bound of the loss is that of a Poisson count, as Garwood has it.
        """
        low, _ = intervals.few_events(*events(0, losses, 300))
        _, expected = confint_poisson(losses, 1, method="exact-c")

        assert pytest.approx(-expected / 300, **CLOSE) == low

    def test_gains_and_losses_mirror_each_other(self):
        """
        What is gained and what is lost are bounded alike.
        """
        sums, sizes = events(5, 2, 100)
        low, high = intervals.few_events(sums, sizes)

        assert pytest.approx((-high, -low), **CLOSE) == intervals.few_events(-sums, sizes)

    def test_nothing_changed_is_bounded_too(self):
        """
        Where no query of 10,000 changed, a loss of more than 3.7 queries would have shown.
        """
        low, high = intervals.few_events(*events(0, 0, 10_000))

        assert pytest.approx(-np.log(40) / 10_000, **CLOSE) == low == -high


class TestOfDifference:
    def test_it_reaches_as_far_as_either(self):
        """
        Of many differing clusters it is the hull of Student's t and of the skewed one; few are bounded as events too.
        """
        values = np.random.default_rng(2).exponential(1.0, 40)
        parts = np.array([intervals.student(values, np.ones(40)), intervals.skewed(values, np.ones(40))])
        sums, sizes = events(0, 5, 300)
        of_few = np.array(
            [function(sums, sizes) for function in (intervals.student, intervals.skewed, intervals.few_events)]
        )

        assert (parts[:, 0].min(), parts[:, 1].max()) == intervals.of_difference(values, np.ones(40))
        assert (of_few[:, 0].min(), of_few[:, 1].max()) == intervals.of_difference(sums, sizes)
        assert of_few[2, 1] == of_few[:, 1].max()

    def test_a_constant_change_has_a_width(self):
        """
        Where every query changes by the same, there is no spread, and the interval is that of so many events.
        """
        sums, sizes = np.full(40, 1.0), np.ones(40)
        low, high = intervals.of_difference(sums, sizes)

        assert 0.5 < low < 0.9
        assert high > 1.1

    def test_many_samples_at_once(self):
        """
        Many samples together have each the interval that they have alone.
        """
        rng = np.random.default_rng(3)
        sums = rng.normal(0, 1, (4, 50)) * (rng.random((4, 50)) < np.array([[0.02], [0.1], [0.5], [1.0]]))

        low, high = intervals.of_difference(sums, np.ones(50))

        alone = [intervals.of_difference(row, np.ones(50)) for row in sums]
        assert pytest.approx(np.array(alone).T) == np.array([low, high])


class TestOfMean:
    @pytest.mark.parametrize("lost", [0, 1, 3, 50, 99])
    def test_of_single_queries_it_is_clopper_and_pearsons(self, lost):
        """
        Of queries that are found or not, each its own cluster, it is the exact interval of a proportion.
        """
        values = np.repeat([1.0, 0.0], [100 - lost, lost])

        expected = proportion_confint(100 - lost, 100, method="beta")

        assert pytest.approx(expected, **CLOSE) == intervals.of_mean(values, np.ones(100))

    def test_it_is_korn_and_graubards(self):
        """
        Of clusters it is that of the effective number of queries, fewer by the square of what Student's t is larger.
        """
        rng = np.random.default_rng(4)
        sizes = np.repeat([4.0, 6.0], 40)
        sums = rng.binomial(sizes.astype(int), rng.beta(4, 2, 80)).astype(float)
        mean, error, freedom = spread(sums, sizes)
        effective = (
            400 / 399 * mean * (1 - mean) / error**2 * (stats.t.ppf(0.975, 399) / stats.t.ppf(0.975, freedom)) ** 2
        )

        expected = proportion_confint(mean * effective, effective, method="beta")

        assert pytest.approx(expected, **CLOSE) == intervals.of_mean(sums, sizes)

    def test_few_failures_do_not_show_how_alike_they_are(self):
        """
        Where three of 48 articles hold one failure each, queries are taken to correlate by .05 all the same.
        """
        sizes = np.full(48, 41.0)
        sums = sizes - np.repeat([1.0, 0.0], [3, 45])
        mean = sums.sum() / sizes.sum()
        effective = 48 * 41 / (0.05 * 40) * (stats.t.ppf(0.975, 48 * 41 - 1) / stats.t.ppf(0.975, 47)) ** 2

        expected = proportion_confint(mean * effective, effective, method="beta")

        assert pytest.approx(expected, rel=1e-4) == intervals.of_mean(sums, sizes)
        assert pytest.approx(tuple(1 - np.array(expected[::-1])), rel=1e-4) == intervals.of_mean(sizes - sums, sizes)

    @pytest.mark.parametrize("value", [0.0, 1.0])
    def test_a_mean_at_the_end_of_the_range(self, value):
        """
        Where all queries have 1, or 0, that is not certain, and the interval does not leave the range.
        """
        low, high = intervals.of_mean(np.full(30, 5 * value), np.full(30, 5.0))

        assert value in (low, high)
        assert 0.05 < high - low < 0.2

    def test_clusters_widen_it(self):
        """
        Queries that hang together count as fewer.
        """
        values = np.repeat([1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0], 5)
        one = intervals.of_mean(*totals(values, None))
        together = intervals.of_mean(*totals(values, np.repeat(np.arange(8), 5).tolist()))

        assert together[0] < one[0] < one[1] < together[1]

    @pytest.mark.parametrize(
        "shape", [means.Shape(100, 1), means.Shape(48, 25, 0.35, 0.10), means.Shape(140, 41, 1.23, 0.03)], ids=str
    )
    @pytest.mark.parametrize("truth", [0.99, 0.995])
    def test_it_holds_the_mean(self, shape, truth):
        """
        It holds the mean in 93 of 100 samples and more, also of few failures that come together.
        """
        assert means.simulate(means.Regime(shape, graded=False, truth=truth), 6_000).covers >= 0.93
