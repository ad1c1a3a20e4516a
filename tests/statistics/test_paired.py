"""Intervals, tests and verdicts: held to other people's code, to slow obvious ways, and to simulated truth."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import statsmodels.api
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg, stats
from statsmodels.stats.multitest import multipletests

from bench.statistics import paired as statistics
from bench.statistics.paired import FEWEST_DISCORDANT, Paired, holm, interval, interval_of_mean, paired, sign_flip
from tests.benchmarks.intervals import COVERS, REJECTS, Shape, bounds, simulate

CLOSE = {"rel": 1e-6, "abs": 1e-12}


def clustered(sizes: list[int], seed: int = 1) -> tuple[np.ndarray, list[str]]:
    """Differences that clusters of these sizes share in part, and the label of each."""
    rng = np.random.default_rng(seed)
    shared = np.repeat(rng.normal(0.1, 0.2, len(sizes)), sizes)
    labels = np.repeat([f"article {cluster}" for cluster in range(len(sizes))], sizes)
    return shared + rng.normal(0.0, 0.3, sum(sizes)), labels.tolist()


def changed(wins: int, losses: int, n_queries: int = 100) -> Paired:
    """Each query a cluster of its own: so many go from 0 to 1, so many from 1 to 0, the others stay at 0."""
    old, new = np.zeros(n_queries), np.zeros(n_queries)
    new[:wins], old[wins : wins + losses] = 1.0, 1.0
    return paired(old, new)


class TestAgreement:
    """With independent implementations, to 1e-6."""

    def test_interval_of_equal_clusters_is_statsmodels(self):
        """
        Where clusters hold equally many queries, the interval is that of a cluster-robust regression on a constant.
        """
        differences, labels = clustered([5] * 24)
        groups = np.repeat(np.arange(24), 5)
        fit = statsmodels.api.OLS(differences, np.ones(120)).fit(
            cov_type="cluster", cov_kwds={"groups": groups, "use_correction": True}, use_t=True
        )

        found = interval(differences, labels)

        assert pytest.approx(tuple(fit.conf_int(0.05)[0]), **CLOSE) == found

    def test_interval_of_equal_clusters_is_scipys_of_their_means(self):
        """
        It is Student's t on the means of the clusters, at whatever level.
        """
        differences, labels = clustered([4] * 9)
        expected = stats.ttest_1samp(differences.reshape(9, 4).mean(axis=1), 0.0).confidence_interval(0.9)

        assert pytest.approx(tuple(expected), **CLOSE) == interval(differences, labels, 0.9)

    def test_error_of_unequal_clusters_is_statsmodels(self):
        """
        Where they are unequal, the standard error is HC2's of the weighted regression of their means on a constant.
        """
        sizes = [1, 2, 3, 5, 8, 40]
        differences, labels = clustered(sizes)
        sums, counts = statistics.totals(differences, labels)
        fit = statsmodels.api.WLS(sums / counts, np.ones(6), weights=counts).fit(cov_type="HC2")

        mean, error, _ = statistics.spread(sums, counts)

        assert pytest.approx((fit.params[0], fit.bse[0]), **CLOSE) == (mean, error)

    def test_spread_of_unequal_clusters_is_that_of_the_whole_matrices(self):
        """
        Error and degrees of freedom are Bell and McCaffrey's as written for any regression, with matrices of queries.
        """
        sizes = [1, 2, 3, 5, 8]
        differences, labels = clustered(sizes)
        n_queries, ones = sum(sizes), np.ones((sum(sizes), 1))
        hat = ones @ ones.T / n_queries
        residuals = differences - differences.mean()
        variance, columns = 0.0, []
        for end, size in zip(np.cumsum(sizes), sizes, strict=True):
            own = slice(end - size, end)
            adjust = linalg.inv(linalg.sqrtm(np.eye(size) - hat[own, own]))
            variance += (ones[own].T @ adjust @ residuals[own]).item() ** 2 / n_queries**2
            columns.append((np.eye(n_queries) - hat)[:, own] @ adjust @ ones[own, 0] / n_queries)
        products = np.array(columns) @ np.array(columns).T

        mean, error, freedom = statistics.spread(*statistics.totals(differences, labels))

        assert pytest.approx((differences.mean(), np.sqrt(variance)), **CLOSE) == (mean, error)
        assert pytest.approx(np.trace(products) ** 2 / np.trace(products @ products), **CLOSE) == freedom

    def test_paired_t_is_scipys(self):
        """
        The exploratory p takes queries for independent, as ttest_rel does.
        """
        old = np.random.default_rng(3).random(50)
        new = old + clustered([5] * 10)[0]

        found = paired(old, new)

        assert pytest.approx(stats.ttest_rel(new, old).pvalue, **CLOSE) == found.p_t
        assert pytest.approx(stats.ttest_rel(new, old).confidence_interval(0.95), **CLOSE) == found.interval

    @pytest.mark.parametrize("sums", [[0.3, -0.1, 0.7, 0.2, 0.05, -0.4, 0.9, 0.33], [1, 1, -1, 2, 0, 1, 1, 3, -1, 1]])
    def test_sign_flip_is_scipys(self, sums):
        """
        Of few clusters every pattern of signs is taken: those further out whole, those equally far half.
        """
        flips = stats.permutation_test((np.array(sums),), np.sum, permutation_type="samples", n_resamples=np.inf)
        out = np.abs(flips.null_distribution) - abs(sum(sums))
        expected = np.mean(out > 1e-9) + np.mean(np.abs(out) <= 1e-9) / 2

        assert pytest.approx(expected, **CLOSE) == sign_flip(sums)
        assert flips.pvalue >= expected

    def test_sign_flip_of_outcomes_is_mcnemars_mid_p(self):
        """
        Of queries that only win or lose it is the binomial test with the observed outcome counted half.
        """
        wins, losses = 9, 3
        exact = stats.binomtest(wins, wins + losses).pvalue
        at = stats.binom.pmf(wins, wins + losses, 0.5)

        assert pytest.approx(exact - at, **CLOSE) == changed(wins, losses).p

    def test_drawn_flips_are_near_all_flips(self):
        """
        Where patterns are drawn, p lies within five standard errors of the p of all of them.
        """
        differences, _ = clustered([1] * 13, seed=4)
        exact = sign_flip(differences - 0.2, flips=2**13)

        drawn = sign_flip(differences - 0.2, flips=2**13 - 1)

        assert 0.05 < exact < 0.95
        assert exact != drawn
        assert abs(exact - drawn) < 5 * np.sqrt(exact * (1 - exact) / 2**13)

    def test_holm_is_statsmodels(self):
        """
        A family's adjusted p values come in the order given.
        """
        ps = [0.04, 0.001, 0.8, 0.012, 0.012, 0.5, 0.0]

        assert pytest.approx(multipletests(ps, method="holm")[1].tolist(), **CLOSE) == holm(ps)
        assert [] == holm([])

    def test_what_is_detectable_is_found_with_80_percent_power(self):
        """
        Were the true difference the detectable one, the t test at 5 % would find it in 80 of 100 samples.
        """
        found = changed(20, 18, n_queries=200)
        error = (found.interval[1] - found.interval[0]) / 2 / stats.t.ppf(0.975, 199)
        power = stats.nct.sf(stats.t.ppf(0.975, 199), 199, found.detectable / error)

        assert pytest.approx(0.8, abs=0.005) == power


class TestPaired:
    def test_figures_by_hand(self):
        """
        Means and counts are over queries, discordance over clusters: one whose queries cancel out is not discordant.
        """
        found = paired([0, 1, 1, 0, 0, 0], [1, 0, 1, 1, 1, 0], ["a", "a", "b", "b", "c", "d"])

        assert (6, 4, 2) == (found.n_queries, found.n_clusters, found.discordant_clusters)
        assert (1 / 3, 2 / 3, 1 / 3) == pytest.approx((found.old, found.new, found.difference))
        assert (3, 2, 1) == (found.wins, found.ties, found.losses)
        assert pytest.approx((1 / 3) / np.std([1, -1, 0, 1, 1, 0], ddof=1)) == found.effect
        assert 0.25 == found.p  # of ++, +-, -+, -- two lie as far out as ++: half of two in four

    def test_clusters_widen_the_interval(self):
        """
        Ten queries that say the same are one observation: the interval is that of the clusters' means.
        """
        differences = np.repeat([0.1, -0.2, 0.3, 0.0, 0.2], 10)

        low, high = interval(differences, np.repeat(np.arange(5), 10).tolist())

        assert pytest.approx(interval([0.1, -0.2, 0.3, 0.0, 0.2]), **CLOSE) == (low, high)

    def test_a_mean_has_the_same_interval_as_a_difference_from_nothing(self):
        """
        The interval of one run's mean is computed as that of a difference, and is there where all values are 0 too.
        """
        values, labels = clustered([3, 4, 5])

        assert interval(values, labels) == interval_of_mean(values, labels)
        assert interval_of_mean(values) != interval_of_mean(values, labels)

    def test_rounding_is_a_tie(self):
        """
        What floating point leaves of equal values is no difference, of a query or of a cluster.
        """
        noisy = paired([0.3, 0.5], [0.1 + 0.2, 0.5])
        cancelling = paired([0.0, 0.0, 0.3], [0.1, 0.2, 0.0], ["a", "a", "a"])

        assert ("identical", 2, 0) == (noisy.verdict, noisy.ties, noisy.discordant_clusters)
        assert 0 == cancelling.discordant_clusters

    def test_a_constant_change_has_an_interval_without_width(self):
        """
        Where every query gains the same, the interval is that gain, and there is no t and no effect size to tell.
        """
        found = paired(np.zeros(40), np.full(40, 0.02))

        assert pytest.approx((0.02, 0.02)) == found.interval
        assert (None, None, "better") == (found.p_t, found.effect, found.verdict)

    @pytest.mark.parametrize(("old", "saturated"), [(0.99, True), (0.97, False)])
    def test_saturated(self, old, saturated):
        """
        A measure is saturated where both means lie above .98.
        """
        assert saturated == paired([old, old], [0.99, 1.0]).saturated

    def test_one_cluster_tells_nothing(self):
        """
        Of one query, or one cluster, there is a difference, and nothing that says how far to trust it.
        """
        for found in (paired([0.0], [1.0]), paired([0.0, 0.5], [1.0, 1.0], ["a", "a"])):
            assert (None, None, None, None) == (found.interval, found.interval90, found.p, found.detectable)
            assert "undecided" == found.verdict
            assert found.difference > 0

    def test_p_is_never_0(self):
        """
        What was observed counts among what may be, so the p of the clearest change is small and no more.
        """
        assert pytest.approx(0.5 / 10_001) == paired(np.zeros(200), np.ones(200)).p

    def test_the_same_seed_gives_the_same_p(self):
        """
        Signs are drawn anew from the seed at every call: the same gives the same, another another.
        """
        differences, labels = clustered([2, 3] * 20)
        differences -= differences.mean() - 0.04

        assert sign_flip(differences, labels) == sign_flip(differences, labels)
        assert sign_flip(differences, labels) != sign_flip(differences, labels, seed=8)

    @pytest.mark.parametrize(
        ("call", "said"),
        [
            (lambda: paired([], []), "at least one, found 0 old and 0 new"),
            (lambda: paired([1.0], [1.0, 0.0]), "found 1 old and 2 new"),
            (
                lambda: paired([1.0, np.nan], [1.0, 0.0]),
                "old: expected one finite number a query, found 1 that are not",
            ),
            (lambda: paired([1.0], [np.inf]), "new: expected one finite number"),
            (lambda: paired([[1.0]], [[1.0]]), r"found shape \(1, 1\)"),
            (lambda: paired([1.0, 0.0], [1.0, 0.0], ["a"]), "expected one label a query, 2, found 1"),
            (lambda: paired([1.0], [1.0], margin=-0.1), "margin of 0 or more, found -0.1"),
            (lambda: interval([1.0, 0.0], level=95), "level between 0 and 1, found 95"),
            (lambda: sign_flip([1.0, 0.0], flips=0), "at least one flip, found 0"),
            (lambda: holm([0.1, float("nan")]), "expected probabilities"),
            (lambda: holm([1.1]), "expected probabilities"),
        ],
    )
    def test_mistakes_are_named(self, call, said):
        """
        Values that are no paired finite numbers, and options that mean nothing, are refused with what was found.
        """
        with pytest.raises(ValueError, match=said):
            call()


class TestVerdict:
    def test_equivalence_is_read_from_the_90_percent_interval(self):
        """
        Where only the 95 % interval leaves the margin, it is equivalent.
        """
        differences = np.linspace(-0.04, 0.05, 100)
        found = paired(np.full(100, 0.5), 0.5 + differences)

        assert found.interval90[1] < 0.0099 < found.interval[1]
        assert "equivalent" == paired(np.full(100, 0.5), 0.5 + differences, margin=0.0099).verdict

    @pytest.mark.parametrize("differing", [FEWEST_DISCORDANT - 1, FEWEST_DISCORDANT])
    def test_nothing_is_detectable_where_too_few_differ(self, differing):
        """
        With fewer discordant clusters than a verdict needs no difference would be found: none is named.
        """
        found = changed(differing, 0)

        assert (differing >= FEWEST_DISCORDANT) == (found.detectable is not None)

    @pytest.mark.parametrize("value", [0.0, 1.0, 0.1])
    def test_a_mean_of_one_value_has_no_interval(self, value):
        """
        Where no value differs, but for rounding, there is no spread to tell how sure the mean is.
        """
        values = np.full(6, value)
        values[0] += 1e-15

        assert interval_of_mean(values) is None
        assert interval_of_mean(values, list("aabbbc")) is None

    def test_identical_comes_first(self):
        """
        Where no query differs at all the verdict is identical, and p is 1.
        """
        found = changed(0, 0)

        assert ("identical", None, 1.0) == (found.verdict, found.interval, found.p)

    @pytest.mark.parametrize(
        ("wins", "losses", "expected"), [(60, 10, "better"), (10, 60, "worse"), (36, 34, "undecided")]
    )
    def test_better_and_worse(self, wins, losses, expected):
        """
        Better or worse is where the 95 % interval leaves out 0, from above or from below.
        """
        assert expected == changed(wins, losses).verdict

    def test_equivalent_goes_before_better(self):
        """
        A difference surely there and surely of no interest is equivalent; of interest from a smaller margin on, better.
        """
        old = np.zeros(400)
        new = np.where(np.arange(400) % 2, 0.004, 0.003)

        assert "equivalent" == paired(old, new).verdict
        assert "better" == paired(old, new, margin=0.001).verdict
        assert "better" == paired(old, new, margin=0.0).verdict

    @pytest.mark.parametrize(
        ("discordant", "expected"), [(FEWEST_DISCORDANT - 1, "undecided"), (FEWEST_DISCORDANT, "better")]
    )
    def test_undecided_below_30_discordant_clusters(self, discordant, expected):
        """
        However clear the interval: with fewer than 30 clusters that differ, nothing is decided.
        """
        assert expected == changed(discordant, 0, n_queries=1000).verdict

    def test_few_discordant_clusters_are_not_equivalent_either(self):
        """
        An interval inside the margin by a handful of queries decides nothing.
        """
        found = changed(3, 2, n_queries=5000)

        assert max(map(abs, found.interval90)) < 0.01
        assert "undecided" == found.verdict


VALUES = st.lists(
    st.tuples(st.sampled_from([0.0, 0.5, 1.0, 0.1, 1 / 3]), st.floats(0, 1, width=16), st.integers(0, 9)), min_size=1
)


class TestSymmetries:
    @settings(deadline=None, max_examples=60)
    @given(VALUES)
    def test_swapping_old_and_new_negates(self, drawn):
        """
        New against old says of the difference what old against new says, the other way round.
        """
        old, new, clusters = zip(*drawn, strict=True)
        mirror = {"better": "worse", "worse": "better"}

        found, back = paired(old, new, clusters), paired(new, old, clusters)

        assert (found.wins, found.ties, found.p) == (back.losses, back.ties, pytest.approx(back.p))
        assert -found.difference == pytest.approx(back.difference)
        assert mirror.get(found.verdict, found.verdict) == back.verdict
        assert (found.interval is None) == (back.interval is None)
        if found.interval and back.interval:
            assert (-found.interval[1], -found.interval[0]) == pytest.approx(back.interval, abs=1e-12)

    @settings(deadline=None, max_examples=60)
    @given(VALUES, st.randoms(use_true_random=False))
    def test_order_and_labels_do_not_matter(self, drawn, random):
        """
        Another order of the queries, and other names of the clusters, change no figure.
        """
        shuffled = random.sample(drawn, len(drawn))
        renamed = {label: f"article {label}" for label in range(10)}

        found = paired(*zip(*drawn, strict=True))
        old, new, clusters = zip(*shuffled, strict=True)
        again = paired(old, new, [renamed[label] for label in clusters])

        for name in Paired.__struct_fields__:
            assert pytest.approx(getattr(found, name), abs=1e-9) == getattr(again, name), name

    @settings(deadline=None, max_examples=30)
    @given(VALUES)
    def test_clusters_of_one_are_no_clusters(self, drawn):
        """
        Each query a cluster of its own is what is taken where none are named.
        """
        old, new, _ = zip(*drawn, strict=True)

        assert paired(old, new) == paired(old, new, list(range(len(old))))

    def test_many_samples_at_once_are_each_on_its_own(self):
        """
        Asking p of many samples together gives each the p that it has alone.
        """
        sums = np.random.default_rng(5).normal(0.1, 1.0, (3, 40))

        together = statistics.flipped(sums)

        assert [statistics.flipped(row[None])[0] for row in sums] == together.tolist()


class TestTruth:
    """A fast part of `tests.benchmarks.intervals`, seeded: 1,000 simulations, so a right 95 % shows as 93 to 97."""

    @pytest.mark.parametrize(
        ("shape", "discordant", "naive"),
        [(Shape(140, 41, 1.23, 0.03), 0.10, 0.80), (Shape(48, 25, 0.35, 0.03), None, 0.90)],
    )
    def test_intervals_cover_and_naive_ones_do_not(self, shape, discordant, naive):
        """
        Of uneven clusters the 95 % interval holds the true difference as often as it says; that of queries does not.
        """
        found = simulate(shape, discordant, 0.02, equal=False, n=1000)

        assert found.reaches.mean() > 0.95
        assert COVERS[0] < found.covers[found.reaches].mean() < COVERS[1]
        assert found.naive[found.reaches].mean() < naive

    @pytest.mark.parametrize("discordant", [None, 0.30])
    def test_sign_flip_finds_nothing_where_nothing_is(self, discordant):
        """
        Without a true difference sign-flip rejects at its level, of continuous differences and of outcomes; t does not.
        """
        found = simulate(Shape(48, 5, 0.43, 0.10), discordant, 0.0, equal=True, n=1000)
        low, high = bounds(int(found.rejects[found.reaches].sum()), int(found.reaches.sum()))

        assert low < REJECTS[1]
        assert high > REJECTS[0]
        assert bounds(int(found.rejects_naive.sum()), 1000)[0] > REJECTS[1]

    def test_bounds_of_a_rate_are_scipys(self):
        """
        A rate's bounds are Clopper and Pearson's, at both ends too.
        """
        for hits, n in itertools.product((0, 1, 13, 20), (20,)):
            expected = stats.binomtest(hits, n).proportion_ci(0.95, "exact")

            assert pytest.approx((expected.low, expected.high)) == bounds(hits, n)
