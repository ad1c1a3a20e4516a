"""
Hold the interval of a mean to known truth: `lines()`, for the page of intervals, and not a test.

Values from 0 to 1 of known mean, clustered as real ones are, go through bench.statistics thousands of times. The module
alone, `python -m tests.benchmarks.means`, prints how often the interval holds the mean.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from bench.statistics import intervals

SIMULATIONS, AT_ONCE = 20_000, 2_000
SEED = 30
TRUTHS = (0.5, 0.8, 0.95, 0.97, 0.99, 0.995, 0.999, 1.0)
# What a query scores that does not score 1: nDCG@10 of one relevant passage at the ranks 2 to 10, or 0.
GRADES = np.append(1 / np.log2(np.arange(3, 12)), 0.0)
CHANCES = np.array([0.35, 0.15, 0.10, 0.05, 0.04, 0.03, 0.03, 0.02, 0.02, 0.21])
SHORT = float(1 - GRADES @ CHANCES)  # how far such a query is short of 1, on average

Floats = NDArray[np.float64]


class Shape(NamedTuple):
    """
    Clusters of queries.

    uneven: standard deviation of the clusters' sizes / their mean. alike: correlation of the scores of two queries of
    one cluster. BM25 and TF-IDF have 0 to .12 of R@10 and nDCG@10 in articles of XQuAD (en, de, th), SQuAD, KorQuAD,
    JaQuAD, DRCD and ARCD, whose sizes vary by 0 to 1.23; of nDCG@10 .21 to .36 in those of CMRC 2018, of four queries.
    """

    n_clusters: int
    size: int  # queries, on average
    uneven: float = 0.0
    alike: float = 0.0


SHAPES = (
    *(Shape(n, 1) for n in (50, 100, 300, 1_000, 2_000)),
    Shape(240, 5, 0.43, 0.10),
    Shape(48, 25, 0.35, 0.03),
    Shape(48, 25, 0.35, 0.10),
    Shape(140, 41, 1.23, 0.03),
    Shape(140, 41, 1.23, 0.10),
    Shape(155, 9, 0.00, 0.09),
    Shape(848, 4, 0.25, 0.25),
)


class Regime(NamedTuple):
    """What is drawn from."""

    shape: Shape
    graded: bool  # else every query scores 0 or 1
    truth: float  # the mean

    def __str__(self) -> str:
        (n, size, uneven, alike), graded, truth = self
        return f"{n} × {size}, uneven {uneven:g}, alike {alike:g}, {'graded' if graded else '0/1'}, mean {truth:g}"


class Row(NamedTuple):
    """One regime and what came of it."""

    regime: Regime
    covers: float  # rate at which the interval holds the true mean
    width: float  # of the interval, on average


def sizes_of(shape: Shape) -> Floats:
    """Queries of each cluster: the quantiles of a log-normal distribution as uneven as the real ones."""
    sigma = np.sqrt(np.log1p(shape.uneven**2))
    at = (np.arange(shape.n_clusters) + 0.5) / shape.n_clusters
    return np.maximum(1.0, np.round(shape.size * np.exp(sigma * ndtri(at) - sigma**2 / 2)))


def failures(rng: np.random.Generator, n: int, sizes: Floats, rate: float, alike: float) -> NDArray[np.int64]:
    """How many queries of each cluster fall short, each cluster with a chance of its own: (n, n_clusters)."""
    chances: float | Floats = rate
    if 0 < rate < 1 and alike:
        a = (1 - alike) / alike  # of a beta distribution: two queries of a cluster correlate by 1 / (1 + a)
        chances = rng.beta(a * rate, a * (1 - rate), (n, len(sizes)))
    return rng.binomial(sizes.astype(np.int64), chances, (n, len(sizes)))


def draw(rng: np.random.Generator, n: int, regime: Regime) -> tuple[Floats, Floats]:
    """The sums of the clusters, (n, n_clusters), and their sizes; one that falls short scores 0, or one of GRADES."""
    sizes, alike = sizes_of(regime.shape), regime.shape.alike
    if not regime.graded:
        return sizes - failures(rng, n, sizes, 1 - regime.truth, alike), sizes
    short = failures(rng, n, sizes, (1 - regime.truth) / SHORT, alike)
    lost = np.bincount(
        np.repeat(np.arange(short.size), short.ravel()),
        weights=1 - rng.choice(GRADES, short.sum(), p=CHANCES),
        minlength=short.size,
    )
    return sizes - lost.reshape(short.shape), sizes


def simulate(regime: Regime, n: int = SIMULATIONS) -> Row:
    """One regime, so many simulations."""
    held, width = 0, 0.0
    for start in range(0, n, AT_ONCE):
        samples = draw(np.random.default_rng(SEED + start), min(AT_ONCE, n - start), regime)
        low, high = intervals.of_mean(*samples)
        held += int(((low <= regime.truth) & (regime.truth <= high)).sum())
        width += float((high - low).sum())
    return Row(regime, held / n, width / n)


def lines(n: int = SIMULATIONS) -> list[Row]:
    """Every regime, and the rate of coverage."""
    return [simulate(Regime(*parts), n) for parts in itertools.product(SHAPES, (False, True), TRUTHS)]


def main() -> None:
    print("| regime | covers | width |\n| --- | --- | --- |")
    for regime, covers, width in lines():
        print(f"| {regime} | {100 * covers:.1f} | {width:.4f} |")


if __name__ == "__main__":
    main()
