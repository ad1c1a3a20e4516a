"""
Hold intervals and tests to known truth: `python -m tests.benchmarks.intervals`, a benchmark and not a test.

Synthetic differences of known mean, clustered as real ones are, go through bench.statistics thousands of times.
Prints, as Markdown, how often the intervals hold the true mean and how often the tests find a difference where there is
none.
Exits with 1 where a rate lies outside its rule.
"""

from __future__ import annotations

import itertools
import sys
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit
from scipy.stats import beta

from bench.statistics import intervals, paired, signs
from bench.statistics.clusters import spread

SIMULATIONS, AT_ONCE = 20_000, 4_000
SEED = 20
BOOTSTRAPS = 1_000
COVERS = (0.93, 0.97)  # what is asked of intervals
ERRS = 0.055  # and of tests and verdicts, at most: they promise 5 %
MOSTLY = (
    0.1  # of the samples bound rare events, with ends that are exact and so wider: they may hold the truth more often
)
SPREAD = 0.2  # standard deviation of continuous differences

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Shape(NamedTuple):
    """
    Clusters of queries.

    uneven: standard deviation of the clusters' sizes / their mean. alike: correlation of the differences of two
    queries of one cluster. Both as measured on SQuAD, XQuAD and KorQuAD: sizes vary by .34 to .46 (paragraphs) and .35
    to 1.23 (articles); queries of BM25 against TF-IDF, against other options of its own and against a bi-encoder
    correlate by 0 to .19 (paragraphs, mostly .1) and 0 to .06 (articles, mostly .01 to .03).
    """

    n_clusters: int
    size: int  # queries, on average
    uneven: float
    alike: float


SHAPES = (Shape(48, 5, 0.43, 0.10), Shape(48, 25, 0.35, 0.03), Shape(240, 5, 0.43, 0.10), Shape(140, 41, 1.23, 0.03))
DISCORDANT = (None, 0.02, 0.10, 0.30)  # share of queries whose 0/1 outcome changes; None: differences are continuous


class Samples(NamedTuple):
    """Many simulations, reduced to what every method needs."""

    sums: Floats  # (n_simulations, n_clusters)
    sizes: Floats  # (n_clusters,)
    squares: Floats  # (n_simulations,): of all differences, summed


class Outcome(NamedTuple):
    """What came of each simulation: (n_simulations,) bool."""

    few: Flags  # so few clusters differ that rare events are bounded
    covers: Flags  # the interval holds the true mean
    student: Flags  # so does Student's t alone
    naive: Flags  # and the one that takes queries for independent
    percentile: Flags  # and the percentiles of a bootstrap of clusters
    wrong: Flags  # the verdict is not true of the mean
    rejects: Flags  # sign-flip finds a difference
    rejects_naive: Flags  # so does the paired t over queries


def sizes_of(shape: Shape, *, equal: bool) -> Floats:
    """Queries of each cluster: all alike, or the quantiles of a log-normal distribution as uneven as the real ones."""
    if equal:
        return np.full(shape.n_clusters, float(shape.size))
    sigma = np.sqrt(np.log1p(shape.uneven**2))
    at = (np.arange(shape.n_clusters) + 0.5) / shape.n_clusters
    return np.maximum(1.0, np.round(shape.size * np.exp(sigma * ndtri(at) - sigma**2 / 2)))


def continuous(rng: np.random.Generator, n: int, sizes: Floats, alike: float, effect: float) -> Samples:
    """A normal part that the queries of a cluster share, and a Laplace part of each query's own."""
    own = rng.laplace(0.0, SPREAD * np.sqrt((1 - alike) / 2), (n, int(sizes.sum())))
    shared = rng.normal(effect, SPREAD * np.sqrt(alike), (n, len(sizes)))
    differences = own + np.repeat(shared, sizes.astype(np.int64), axis=1)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
    return Samples(np.add.reduceat(differences, starts, axis=1), sizes, (differences**2).sum(axis=1))


def outcomes(
    rng: np.random.Generator, n: int, sizes: Floats, alike: float, discordant: float, effect: float
) -> Samples:
    """
    Differences -1, 0 and 1, each cluster with chances of its own, drawn from a Dirichlet distribution.

    Of concentration a, two queries of a cluster correlate by 1 / (1 + a), and the mean over clusters is `effect`.
    """
    a = (1 - alike) / alike
    chances = [
        rng.standard_gamma(a * part, (n, len(sizes))) for part in ((discordant + effect) / 2, (discordant - effect) / 2)
    ]
    rest = rng.standard_gamma(a * (1 - discordant), (n, len(sizes)))
    up, down = chances
    wins = rng.binomial(sizes.astype(np.int64), up / (up + down + rest))
    losses = rng.binomial(sizes.astype(np.int64) - wins, down / (down + rest))
    return Samples((wins - losses).astype(np.float64), sizes, (wins + losses).sum(axis=1).astype(np.float64))


def draw(shape: Shape, discordant: float | None, effect: float, *, equal: bool, n: int, seed: int) -> Samples:
    """The simulations of one regime."""
    rng, sizes = np.random.default_rng(seed), sizes_of(shape, equal=equal)
    if discordant is None:
        return continuous(rng, n, sizes, shape.alike, effect)
    return outcomes(rng, n, sizes, shape.alike, discordant, effect)


def ask(samples: Samples, effect: float) -> Outcome:
    """Every method's answer to every simulation."""
    sums, sizes, squares = samples
    n_queries, discordant = sizes.sum(), (sums != 0).sum(axis=1)
    mean, _, _ = spread(sums, sizes)
    low, high = intervals.of_difference(sums, sizes)
    student_low, student_high = intervals.student(sums, sizes)
    naive = stdtrit(n_queries - 1, 0.975) * np.sqrt((squares / n_queries - mean**2) / (n_queries - 1))
    drawn_low, drawn_high = percentiles(sums, sizes)
    ps = np.array([signs.flipped(row) for row in sums])
    verdicts = [
        paired.verdict(int(differ), (at_least, at_most), p)
        for differ, at_least, at_most, p in zip(squares > 0, low, high, ps, strict=True)
    ]
    untrue = {"better": effect <= 0, "worse": effect >= 0, "equivalent": abs(effect) >= paired.MARGINS.equivalent}
    return Outcome(
        few=(discordant < intervals.FEW) & (discordant <= intervals.RARE * len(sizes)),
        covers=(low <= effect) & (effect <= high),
        student=(student_low <= effect) & (effect <= student_high),
        naive=np.abs(mean - effect) <= naive,
        percentile=(drawn_low <= effect) & (effect <= drawn_high),
        wrong=np.array([untrue.get(verdict, False) for verdict in verdicts]),
        rejects=ps < paired.ALPHA,
        rejects_naive=np.abs(mean) > naive,
    )


def percentiles(sums: Floats, sizes: Floats) -> tuple[Floats, Floats]:
    """The 2.5 and 97.5 % points of the mean when clusters are drawn anew: (n_simulations,) each."""
    rng = np.random.default_rng(SEED)
    weights = rng.multinomial(len(sizes), np.full(len(sizes), 1 / len(sizes)), BOOTSTRAPS).T.astype(np.float64)
    low, high = np.quantile((sums @ weights) / (sizes @ weights), [0.025, 0.975], axis=1)
    return low, high


def simulate(shape: Shape, discordant: float | None, effect: float, *, equal: bool, n: int = SIMULATIONS) -> Outcome:
    """One regime, so many simulations at once."""
    parts = [
        ask(draw(shape, discordant, effect, equal=equal, n=min(AT_ONCE, n - start), seed=SEED + start), effect)
        for start in range(0, n, AT_ONCE)
    ]
    return Outcome(*(np.concatenate(flags) for flags in zip(*parts, strict=True)))


def bounds(hits: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """The interval of a rate. C. Clopper, E. Pearson 1934, Biometrika 26."""
    low = float(beta.ppf((1 - level) / 2, hits, n - hits + 1)) if hits else 0.0
    high = float(beta.ppf((1 + level) / 2, hits + 1, n - hits)) if hits < n else 1.0
    return low, high


def rate(flags: Flags) -> str:
    """A rate in per cent with its bounds."""
    if not len(flags):
        return "–"
    low, high = bounds(int(flags.sum()), len(flags))
    return f"{100 * flags.mean():.1f} ({100 * low:.1f}–{100 * high:.1f})"


def held(flags: Flags, least: float, most: float) -> tuple[str, bool]:
    """A rate, and whether its bounds reach into its rule; in bold where they do not."""
    low, high = bounds(int(flags.sum()), len(flags))
    well = high >= least and low <= most
    return rate(flags) if well else f"**{rate(flags)}**", well


def rows() -> tuple[list[list[str]], list[list[str]], bool]:
    """The lines of the tables, of intervals and of tests, and whether every rule holds."""
    of_intervals, tests, well = [], [], True
    for shape, equal, discordant in itertools.product(SHAPES, (True, False), DISCORDANT):
        regime = [
            f"{shape.n_clusters} × {shape.size}",
            "equal" if equal else "uneven",
            "continuous" if discordant is None else f"0/1, {discordant:.0%}",
        ]
        for effect in (0.0, 0.01 if discordant == 0.02 else 0.02):
            found = simulate(shape, discordant, effect, equal=equal)
            covers, fine = held(found.covers, COVERS[0], 1.0 if found.few.mean() > MOSTLY else COVERS[1])
            wrong, right = held(found.wrong, 0.0, ERRS)
            others = [rate(flags) for flags in (found.student, found.naive, found.percentile)]
            of_intervals.append([*regime, f"{effect:g}", f"{100 * found.few.mean():.1f}", covers, *others, wrong])
            well &= fine and right
            if not effect:
                rejects, fair = held(found.rejects, 0.0, ERRS)
                tests.append([*regime, rejects, rate(found.rejects_naive)])
                well &= fair
            sys.stderr.write(f"{' '.join(of_intervals[-1])}\n")
    return of_intervals, tests, well


def table(heads: list[str], lines: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, ["---"] * len(heads), *lines))


def main() -> int:
    of_intervals, tests, well = rows()
    regime = ["clusters × queries", "sizes", "differences"]
    alike = ", ".join(f"{shape.alike:g} ({shape.n_clusters} × {shape.size})" for shape in SHAPES)
    uneven = ", ".join(f"{shape.uneven:g}" for shape in SHAPES)
    least, most = (f"{100 * bound:.0f}" for bound in COVERS)
    print(
        f"""\
{SIMULATIONS:,} simulations per line, seed {SEED}; per cent, with Clopper-Pearson's 95 % bounds. Differences of two
queries of one cluster correlate by {alike}. Uneven sizes are
log-normal, with a standard deviation of {uneven} of the mean, as paragraphs and articles of SQuAD, XQuAD
and KorQuAD have it. "0/1, 2%": 2 % of the queries change their outcome. *few*: samples in which fewer than
{intervals.FEW} clusters differ, and at most {intervals.RARE:.0%} of all: rare events, whose bounds are exact and so
wider. The rules: intervals cover {least} to {most}, or more where more than {MOSTLY:.0%} of the samples are such; wrong
verdicts and false finds are at most {100 * ERRS:g}. **Bold**: the bounds lie wholly outside. Where the true difference
is the margin itself, {paired.MARGINS.equivalent:g}, each verdict "equivalent" is wrong.

How often the 95 % interval holds the true mean difference:
"""
    )
    heads = ["true", "few", "covers", "Student's t", "naive", "percentile bootstrap", "wrong verdicts"]
    print(table([*regime, *heads], of_intervals))
    print("\nHow often a test finds a difference at 5 % where there is none:\n")
    print(table([*regime, "sign-flip", "t over queries"], tests))
    print(f"\n{'Every rate lies within its rule.' if well else 'Not every rate lies within its rule.'}")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
