"""
Hold intervals and tests to known truth: `python -m tests.benchmarks.intervals`, a benchmark and not a test.

Synthetic differences of known mean, clustered as real ones are, go through bench.statistics.paired thousands of times.
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

from bench.statistics import paired

SIMULATIONS, AT_ONCE = 20_000, 4_000
SEED = 20
BOOTSTRAPS = 1_000
COVERS, REJECTS = (0.93, 0.97), (0.04, 0.06)  # what is asked of intervals and of tests
RARELY = 0.05  # of the samples allow a verdict: the rates of those are shown, and held to no rule
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

    reaches: Flags  # enough discordant clusters for a verdict
    covers: Flags  # the interval holds the true mean
    naive: Flags  # so does the one that takes queries for independent
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
    mean, error, freedom = paired.spread(sums, sizes)
    reach90, reach95 = (stdtrit(freedom, at) * error for at in (0.95, 0.975))
    naive = stdtrit(n_queries - 1, 0.975) * np.sqrt((squares / n_queries - mean**2) / (n_queries - 1))
    low, high = percentiles(sums, sizes)
    verdicts = [
        paired.verdict(int(differ), int(clusters), (m - r90, m + r90), (m - r95, m + r95))
        for differ, clusters, m, r90, r95 in zip(squares > 0, discordant, mean, reach90, reach95, strict=True)
    ]
    untrue = {"better": effect <= 0, "worse": effect >= 0, "equivalent": abs(effect) >= paired.MARGIN}
    return Outcome(
        reaches=discordant >= paired.FEWEST_DISCORDANT,
        covers=np.abs(mean - effect) <= reach95,
        naive=np.abs(mean - effect) <= naive,
        percentile=(low <= effect) & (effect <= high),
        wrong=np.array([untrue.get(verdict, False) for verdict in verdicts]),
        rejects=paired.flipped(sums) < 0.05,
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


def held(flags: Flags, reaches: Flags, rule: tuple[float, float]) -> tuple[str, bool]:
    """The rate where a verdict may be given, and whether its rule holds."""
    found = flags[reaches]
    if reaches.mean() < RARELY:
        return f"*{rate(found)}*" if len(found) else "–", True
    well = rule[0] <= found.mean() <= rule[1]
    return rate(found) if well else f"**{rate(found)}**", bool(well)


def rows() -> tuple[list[list[str]], list[list[str]], bool]:
    """The lines of the tables, of intervals and of tests, and whether every rule holds."""
    intervals, tests, well = [], [], True
    for shape, equal, discordant in itertools.product(SHAPES, (True, False), DISCORDANT):
        regime = [
            f"{shape.n_clusters} × {shape.size}",
            "equal" if equal else "uneven",
            "continuous" if discordant is None else f"0/1, {discordant:.0%}",
        ]
        for effect in (0.0, 0.01 if discordant == 0.02 else 0.02):
            found = simulate(shape, discordant, effect, equal=equal)
            covers, fine = held(found.covers, found.reaches, COVERS)
            reaches = f"{100 * found.reaches.mean():.1f}"
            intervals.append(
                [*regime, f"{effect:g}", reaches, covers]
                + [rate(flags) for flags in (found.covers, found.naive, found.percentile, found.wrong)]
            )
            if not effect:
                rejects, fair = held(found.rejects, found.reaches, REJECTS)
                tests.append([*regime, reaches, rejects, rate(found.rejects), rate(found.rejects_naive)])
                well &= fair
            well &= fine
            sys.stderr.write(f"{' '.join(intervals[-1])}\n")
    return intervals, tests, well


def table(heads: list[str], lines: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, ["---"] * len(heads), *lines))


def main() -> int:
    intervals, tests, well = rows()
    least = paired.FEWEST_DISCORDANT
    regime = ["clusters × queries", "sizes", "differences"]
    alike = ", ".join(f"{shape.alike:g} ({shape.n_clusters} × {shape.size})" for shape in SHAPES)
    uneven = ", ".join(f"{shape.uneven:g}" for shape in SHAPES)
    covers, rejects = (f"{100 * low:.0f} to {100 * high:.0f}" for low, high in (COVERS, REJECTS))
    print(
        f"""\
{SIMULATIONS:,} simulations a line, seed {SEED}; per cent, with Clopper-Pearson's 95 % bounds. Differences of two
queries of one cluster correlate by {alike}. Uneven sizes are
log-normal, with a standard deviation of {uneven} of the mean, as paragraphs and articles of SQuAD, XQuAD
and KorQuAD have it. "0/1, 2%": 2 % of the queries change their outcome. A verdict needs {least} clusters that differ.
The rule: among samples that have them intervals cover {covers} and the test rejects {rejects}; **bold** is outside it.
*Italic*: fewer than {100 * RARELY:.0f} % of the samples have them, and no rule is held; such a sample drew more
discordance than there is, so its difference looks larger than it is, though hardly ever of the wrong sign (last
column). Where the true difference is the margin itself, {paired.MARGIN:g}, each verdict "equivalent" is wrong.

How often the 95 % interval holds the true mean difference:
"""
    )
    heads = ["true", f"{least} differ", f"covers, {least} differ", "covers, all", "naive", "percentile bootstrap"]
    print(table([*regime, *heads, "wrong verdicts, of all"], intervals))
    print("\nHow often a test finds a difference at 5 % where there is none:\n")
    print(table([*regime, f"{least} differ", f"sign-flip, {least} differ", "sign-flip, all", "t over queries"], tests))
    print(f"\n{'Every rate lies within its rule.' if well else 'Not every rate lies within its rule.'}")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
