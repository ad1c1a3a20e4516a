"""
Synthetic differences of known mean, clustered as real ones are, and what bench.statistics makes of them.

`simulate` puts one regime through it thousands of times: how often the intervals hold the true mean, how often a
verdict is wrong, how often a test finds a difference where there is none. tests/benchmarks/trust/ has the regimes and
the rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit
from scipy.stats import beta

from bench.statistics import intervals, paired, signs
from bench.statistics.clusters import NOISE, spread

SIMULATIONS = 20_000
AT_ONCE = 2**22  # differences, or totals of patterns of signs, that are held at once
SEED = 20
COVERS = (0.93, 0.97)  # what is asked of intervals
ERRS = 0.055  # and of tests and verdicts, at most: they promise 5 %
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


class Samples(NamedTuple):
    """Many simulations, reduced to what every method needs."""

    sums: Floats  # (n_simulations, n_clusters)
    sizes: Floats  # (n_clusters,)
    squares: Floats  # (n_simulations,): of all differences, summed


class Outcome(NamedTuple):
    """What came of each simulation: (n_simulations,) bool."""

    few: Flags  # so few clusters differ that rare events are bounded
    covers: Flags  # the interval holds the true mean
    above: Flags  # it lies above it: a loss of the true size, were it the margin, would be accepted
    below: Flags  # it lies below it: so would one of the old, were old and new swapped
    wrong: Flags  # the verdict is not true of the mean; where that is not 0, it is the margin of equivalence itself
    rejects: Flags  # sign-flip finds a difference, where there is none
    student: Flags  # for comparison: Student's t alone holds the true mean
    naive: Flags  # so does the one that takes queries for independent
    rejects_naive: Flags  # the paired t over queries finds a difference


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
    return summed(own + np.repeat(shared, sizes.astype(np.int64), axis=1), sizes)


def summed(differences: Floats, sizes: Floats) -> Samples:
    """Differences, (n_simulations, n_queries), of clusters that lie one behind the other."""
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
    return Samples(np.add.reduceat(differences, starts, axis=1), sizes, (differences**2).sum(axis=1))


def outcomes(
    rng: np.random.Generator, n: int, sizes: Floats, alike: float, discordant: float, effect: float
) -> Samples:
    """
    Differences -1, 0 and 1, each cluster with chances of its own, drawn from a Dirichlet distribution.

    Of concentration a, two queries of a cluster correlate by 1 / (1 + a), and the mean over clusters is `effect`.
    """
    if sizes.max() == 1:
        drawn = rng.random((n, len(sizes)))
        gains, losses = drawn < (discordant + effect) / 2, drawn > 1 - (discordant - effect) / 2
        return Samples(gains.astype(np.float64) - losses, sizes, (gains | losses).sum(axis=1).astype(np.float64))
    a = (1 - alike) / alike
    chances = [
        rng.standard_gamma(a * part, (n, len(sizes))) for part in ((discordant + effect) / 2, (discordant - effect) / 2)
    ]
    rest = rng.standard_gamma(a * (1 - discordant), (n, len(sizes)))
    up, down = chances
    wins = rng.binomial(sizes.astype(np.int64), up / (up + down + rest))
    losses = rng.binomial(sizes.astype(np.int64) - wins, down / (down + rest))
    return Samples((wins - losses).astype(np.float64), sizes, (wins + losses).sum(axis=1).astype(np.float64))


def draw(
    shape: Shape, discordant: float | None, effect: float, *, equal: bool, n: int, seed: int | Sequence[int]
) -> Samples:
    """The simulations of one regime."""
    rng, sizes = np.random.default_rng(seed), sizes_of(shape, equal=equal)
    if discordant is None:
        return continuous(rng, n, sizes, shape.alike, effect)
    return outcomes(rng, n, sizes, shape.alike, discordant, effect)


def ask(samples: Samples, effect: float) -> Outcome:
    """Every method's answer to every simulation."""
    sums, sizes, squares = samples
    n_queries = sizes.sum()
    mean, _, _ = spread(sums, sizes)
    low, high = intervals.of_difference(sums, sizes)
    student_low, student_high = intervals.student(sums, sizes)
    naive = stdtrit(n_queries - 1, 0.975) * np.sqrt((squares / n_queries - mean**2) / (n_queries - 1))
    ps, asked = np.ones(len(sums)), (low > effect) & (low > 0) | (high < effect) & (high < 0)
    if not effect:
        ps = flipped(sums)
    elif asked.any():  # p decides better or worse, and so errs, only where the interval lies beyond 0 and the mean
        ps[asked] = flipped(sums[asked])
    return Outcome(
        few=few(sums),
        covers=(low <= effect) & (effect <= high),
        above=low > effect,
        below=high < effect,
        wrong=wrong(squares > 0, low, high, ps, effect),
        rejects=ps < paired.ALPHA,
        student=(student_low <= effect) & (effect <= student_high),
        naive=np.abs(mean - effect) <= naive,
        rejects_naive=np.abs(mean) > naive,
    )


def few(sums: Floats) -> Flags:
    """Which samples have so few differences that rare events are bounded: as `intervals.of_difference` has it."""
    discordant = np.count_nonzero(sums, axis=-1)
    return (discordant < intervals.FEW) & (discordant <= intervals.RARE * sums.shape[-1])


def wrong(differ: Flags, low: Floats, high: Floats, ps: Floats, effect: float) -> Flags:
    """
    Which verdicts are not true of the mean.

    Where the mean is not 0 it is the margin of equivalence itself, so that each "equivalent" is wrong.
    """
    margins = paired.Margins(equivalent=abs(effect)) if effect else paired.MARGINS
    untrue = {"better": effect <= 0, "worse": effect >= 0, "equivalent": effect != 0}
    verdicts = (
        paired.verdict(int(differs), (at_least, at_most), p, margins)
        for differs, at_least, at_most, p in zip(differ, low, high, ps, strict=True)
    )
    return np.array([untrue.get(verdict, False) for verdict in verdicts])


def flipped(sums: Floats) -> Floats:
    """
    `signs.flipped` of many samples at once: (n_samples,).

    sums: (n_samples, n_clusters). The patterns of signs that are drawn are the same for all samples, and the totals
    under them one product of matrices; tests/benchmarks/test_intervals.py holds every p to that of the function.
    """
    sizes = np.where(np.abs(sums) > NOISE, np.abs(sums), 0.0)
    differing = np.count_nonzero(sizes, axis=1)
    sizes = -np.sort(-sizes, axis=1)[:, : max(1, differing.max(initial=0))]
    observed, ps = np.abs(sums.sum(axis=1)), np.ones(len(sums))
    exact = np.array([signs.is_exact(int(n)) for n in differing], bool)
    for n in np.unique(differing[exact & (differing > 0)]):
        alike = differing == n
        ps[alike] = _share(sizes[alike, :n], observed[alike], signs.signed, 0)
    if not exact.all():
        patterns = signs.signed(np.eye(sizes.shape[1]))
        ps[~exact] = _share(sizes[~exact], observed[~exact], lambda rows: rows @ patterns, 1)
    return ps


def _share(sizes: Floats, observed: Floats, totals_of: Callable[[Floats], Floats], itself: int) -> Floats:
    """The share of patterns whose total is further out than the observed one; those just as far out count half."""
    rounding, ps = NOISE * (1 + sizes.sum(axis=1)), []
    step = max(1, AT_ONCE // signs.FLIPS)
    for at in range(0, len(sizes), step):
        here = slice(at, at + step)
        totals = np.abs(totals_of(sizes[here]))
        beyond = np.count_nonzero(totals > (observed + rounding)[here, None], axis=1)
        as_far = np.count_nonzero(totals >= (observed - rounding)[here, None], axis=1)
        ps.append(((beyond + as_far) / 2 + itself) / (totals.shape[1] + itself))
    return np.concatenate(ps)


def simulate(
    shape: Shape, discordant: float | None, effect: float, *, equal: bool, n: int = SIMULATIONS, seed: int = SEED
) -> Outcome:
    """One regime, so many simulations at once."""
    step = max(1, int(AT_ONCE // sizes_of(shape, equal=equal).sum()))
    return joined(
        ask(draw(shape, discordant, effect, equal=equal, n=min(step, n - start), seed=(seed, start)), effect)
        for start in range(0, n, step)
    )


def joined(parts: Iterable[Outcome]) -> Outcome:
    """The simulations of several goes."""
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


def table(heads: list[str], lines: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, ["---"] * len(heads), *lines))
