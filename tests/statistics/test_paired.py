"""Paired differences and their verdicts: held to other people's code, and to simulated truth."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from bench.statistics.clusters import spread
from bench.statistics.intervals import FEW
from bench.statistics.paired import Margins, Paired, holm, interval, paired, sign_flip, verdict
from tests.benchmarks.intervals import COVERS, ERRS, Shape, bounds, simulate
from tests.helpers.clustered import CLOSE, clustered


def changed(wins: int, losses: int, n_queries: int = 100) -> Paired:
    """Each query a cluster of its own: so many go from 0 to 1, so many from 1 to 0, the others stay at 0."""
    old, new = np.zeros(n_queries), np.zeros(n_queries)
    new[:wins], old[wins : wins + losses] = 1.0, 1.0
    return paired(old, new)


class TestAgreement:
    """With independent implementations, to 1e-6."""

    def test_paired_t_is_scipys(self):
        """
        The exploratory p takes queries for independent, as ttest_rel does.
        """
        old = np.random.default_rng(3).random(50)
        new = old + clustered([5] * 10)[0]

        found = paired(old, new)

        assert pytest.approx(stats.ttest_rel(new, old).pvalue, **CLOSE) == found.p_t

    def test_sign_flip_of_outcomes_is_mcnemars_mid_p(self):
        """
        Of queries that only win or lose it is the binomial test with the observed outcome counted half.
        """
        wins, losses = 9, 3
        exact = stats.binomtest(wins, wins + losses).pvalue
        at = stats.binom.pmf(wins, wins + losses, 0.5)

        assert pytest.approx(exact - at, **CLOSE) == changed(wins, losses).p

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
        error = spread(np.repeat([1.0, -1.0, 0.0], [20, 18, 162]), np.ones(200))[1]
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

    def test_rounding_is_a_tie(self):
        """
        What floating point leaves of equal values is no difference, of a query or of a cluster.
        """
        noisy = paired([0.3, 0.5], [0.1 + 0.2, 0.5])
        cancelling = paired([0.0, 0.0, 0.3], [0.1, 0.2, 0.0], ["a", "a", "a"])

        assert ("identical", 2, 0) == (noisy.verdict, noisy.ties, noisy.discordant_clusters)
        assert 0 == cancelling.discordant_clusters

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
            assert (None, None, None) == (found.interval, found.p, found.detectable)
            assert "undecided" == found.verdict
            assert found.difference > 0

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
            (lambda: paired([1.0], [1.0], margins=Margins(-0.1)), "margin of 0 or more, found -0.1"),
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
    @pytest.mark.parametrize(
        ("wins", "losses", "n_queries", "expected"),
        [
            (0, 29, 300, "worse"),
            (0, 24, 495, "worse"),
            (6, 0, 100, "better"),
            (5, 0, 100, "undecided"),
            (15, 14, 300, "undecided"),
            (0, 1, 10_000, "equivalent"),
            (0, 29, 10_000, "equivalent"),
            (1, 0, 100, "undecided"),
        ],
    )
    def test_few_queries_decide_where_they_can(self, wins, losses, n_queries, expected):
        """
        Losses that nothing makes up for are worse, however few; one of 10,000 is equivalent; a handful is undecided.
        """
        assert expected == changed(wins, losses, n_queries).verdict

    @pytest.mark.parametrize(
        ("differing", "around", "p", "expected"),
        [
            (0, None, 1.0, "identical"),
            (9, None, None, "undecided"),
            (9, (-0.009, 0.009), 0.001, "equivalent"),
            (9, (-0.009, 0.01), 0.001, "undecided"),
            (9, (0.001, 0.02), 0.049, "better"),
            (9, (0.001, 0.02), 0.05, "undecided"),
            (9, (-0.02, -0.001), 0.049, "worse"),
            (9, (-0.001, 0.02), 0.001, "undecided"),
        ],
    )
    def test_of_interval_and_p(self, differing, around, p, expected):
        """
        Equivalent needs the whole interval inside the margin; better and worse need the interval and the p.
        """
        assert expected == verdict(differing, around, p)

    @pytest.mark.parametrize("differing", [FEW - 1, FEW])
    def test_nothing_is_detectable_where_too_few_differ(self, differing):
        """
        Of fewer discordant clusters too little of their spread was seen: no difference is named.
        """
        found = changed(differing, 0)

        assert (differing >= FEW) == (found.detectable is not None)

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
        Better or worse is where the 95 % interval leaves out 0, from above or from below, and p is small.
        """
        assert expected == changed(wins, losses).verdict

    def test_equivalent_goes_before_better(self):
        """
        A difference surely there and surely of no interest is equivalent; of interest from a smaller margin on, better.
        """
        old = np.zeros(400)
        new = np.where(np.arange(400) % 2, 0.005, 0.003)

        assert "equivalent" == paired(old, new).verdict
        assert "better" == paired(old, new, margins=Margins(0.001)).verdict
        assert "better" == paired(old, new, margins=Margins(0.0)).verdict


VALUES = st.lists(
    st.tuples(st.sampled_from([0.0, 0.5, 1.0, 0.1, 1 / 3]), st.floats(0, 1, width=16), st.integers(0, 9)), min_size=1
)


class TestNonInferior:
    @pytest.mark.parametrize(
        ("around", "p", "loss", "expected"),
        [
            ((-0.004, 0.02), 0.3, 0.005, "non-inferior"),
            ((-0.006, 0.02), 0.3, 0.005, "undecided"),
            ((-0.004, 0.02), 0.3, None, "undecided"),
            ((0.001, 0.02), 0.01, 0.005, "better"),
            ((-0.019, -0.001), 0.01, 0.02, "non-inferior"),
            ((-0.021, -0.001), 0.01, 0.02, "worse"),
            ((-0.004, 0.004), 0.3, 0.005, "equivalent"),
        ],
    )
    def test_a_small_loss_is_accepted(self, around, p, loss, expected):
        """
        What surely loses less than is accepted is non-inferior, and where it gains still better.
        """
        assert expected == verdict(9, around, p, Margins(0.01, loss))


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

        assert COVERS[0] < found.covers.mean() < COVERS[1]
        assert found.naive.mean() < naive

    def test_rare_differences_are_covered(self):
        """
        Where 1 % of 240 queries change, Student's t misses the truth; the interval holds it as often as it says.
        """
        found = simulate(Shape(48, 5, 0.43, 0.10), 0.01, 0.01, equal=True, n=1000)

        assert found.student.mean() < 0.90
        assert found.covers.mean() > COVERS[0]

    @pytest.mark.parametrize("discordant", [None, 0.30])
    def test_sign_flip_finds_nothing_where_nothing_is(self, discordant):
        """
        Without a true difference sign-flip rejects at its level, of continuous differences and of outcomes; t does not.
        """
        found = simulate(Shape(48, 5, 0.43, 0.10), discordant, 0.0, equal=True, n=1000)
        low, high = bounds(int(found.rejects.sum()), 1000)

        assert low < ERRS
        assert high > 0.04
        assert bounds(int(found.rejects_naive.sum()), 1000)[0] > 0.06

    @pytest.mark.parametrize("equal", [True, False])
    def test_equivalence_errs_as_rarely_as_it_says(self, equal):
        """
        Where the true difference is the margin itself, few samples are called equivalent.
        """
        found = simulate(Shape(140, 41, 1.23, 0.03), 0.02, 0.01, equal=equal, n=1000)

        assert bounds(int(found.wrong.sum()), 1000)[0] < ERRS
        assert found.wrong.any()

    def test_bounds_of_a_rate_are_scipys(self):
        """
        A rate's bounds are Clopper and Pearson's, at both ends too.
        """
        for hits, n in itertools.product((0, 1, 13, 20), (20,)):
            expected = stats.binomtest(hits, n).proportion_ci(0.95, "exact")

            assert pytest.approx((expected.low, expected.high)) == bounds(hits, n)
