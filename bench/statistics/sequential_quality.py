"""
Which of two finds more, decided while queries are still to come: clusters in a seeded order, looks planned beforehand.

What is decided is of the population that the set's clusters were drawn from, as in `bench.statistics.paired`: clusters
in random order are a sample as the whole set is one. How often it errs is measured by tests/benchmarks/sequential.py,
beside a betting martingale, which is valid at any time and was refused: its bets are bounded by the largest cluster, so
that it decides hardly anything of clusters as uneven as articles.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.statistics import intervals, paired
from bench.statistics.clusters import Floats
from bench.statistics.paired import ALPHA, MARGINS, Interval, Margins, Verdict

FEWEST = 16  # clusters of the first look: of fewer, a mean says too little to be worth its part of alpha
TOGETHER = 0.1  # of a query's fellows in its cluster, those that a loss not seen yet takes with it
SEED = 7


class Look(NamedTuple):
    """A time at which the queries may be left off."""

    n_clusters: int  # that have answered by then
    level: float  # of its bounds


class EarlyStop(msgspec.Struct, frozen=True, kw_only=True):
    """Where the queries can be left off, and what is known by then."""

    verdict: Verdict  # undecided: all queries were asked
    n_queries: int  # asked
    total: int  # queries
    n_clusters: int  # asked
    share: float  # of the queries that were asked
    n_looks: int
    planned_looks: int
    difference: float  # mean of new - old over the queries asked
    interval: Interval
    level: float  # of the interval, so that all looks together err in at most alpha


def order(n_clusters: int, seed: int = SEED) -> NDArray[np.int64]:
    """The places of the clusters, in the order in which they are asked."""
    return np.random.default_rng(seed).permutation(n_clusters)


def looks(n_clusters: int, alpha: float = ALPHA) -> tuple[Look, ...]:
    """
    The looks at so many clusters: each at twice as many as the one before, the last one at all.

    Each takes the part of alpha that its new clusters are of all, so that its bounds fail in no more than that, and
    those of all looks together in no more than alpha (Bonferroni; K. Lan, D. DeMets 1983, "Discrete sequential
    boundaries for clinical trials", Biometrika 70; C. Jennison, B. Turnbull 1989, "Interim analyses: the repeated
    confidence interval approach", Journal of the Royal Statistical Society B 51).
    """
    counts = [n_clusters]
    while (half := -(-counts[-1] // 2)) >= FEWEST:
        counts.append(half)
    counts.reverse()
    new = np.diff([0, *counts])
    return tuple(Look(n, 1 - alpha * float(n_new) / n_clusters) for n, n_new in zip(counts, new, strict=True))


def bounds(sums: Floats, sizes: Floats, alpha: float = ALPHA) -> Iterator[tuple[Look, Floats, Floats]]:
    """
    Each look, with the lower and upper bounds of the mean difference that hold at all looks at once: (...,) each.

    sums: (..., n_clusters), of the differences, clusters as they are asked; sizes: (n_clusters,), at least two.
    """
    planned = looks(len(sizes), alpha)
    for look in planned:
        asked, of_size = sums[..., : look.n_clusters], sizes[: look.n_clusters]
        yield look, *bounds_at(look, asked, of_size, is_last=look is planned[-1])


def bounds_at(look: Look, sums: Floats, sizes: Floats, *, is_last: bool) -> tuple[Floats, Floats]:
    """
    The bounds of one look, of the clusters that were asked by then.

    The intervals are those of `intervals.of_difference`. While clusters are left, as far as `intervals.few_events`
    reaches too: a great loss that one query in fifty has is not seen in the first thirty, and all that is seen then are
    gains. What is not seen yet may take several queries of a cluster: at one, recall of TF-IDF on samples of KorQuAD's
    articles is called equivalent at the margin in 13 % of 400, at TOGETHER in 3 %.
    """
    low, high = intervals.of_difference(sums, sizes, look.level)
    if not is_last:
        unseen = 1 + TOGETHER * float((sizes**2).sum() / sizes.sum() - 1)
        few_low, few_high = intervals.few_events(sums, sizes, look.level, unseen=unseen)
        low, high = np.minimum(low, few_low), np.maximum(high, few_high)
    return low, high


def stop(
    sums: Floats, sizes: Floats, *, margins: Margins = MARGINS, alpha: float = ALPHA, seed: int = SEED
) -> EarlyStop | None:
    """
    The first look that decides, of clusters asked in the seeded order; the last one where none does.

    sums, sizes: (n_clusters,), of the differences new - old, in the order of the set. alpha: how often all looks
    together may err; of several retrievers, each gets its part. None of fewer than two clusters.
    """
    if len(sums) < 2:
        return None
    drawn = order(len(sums), seed)
    asked, of_size = sums[drawn], sizes[drawn]
    found, number = None, 0
    for number, (look, low, high) in enumerate(bounds(asked, of_size, alpha), start=1):
        n_queries = float(of_size[: look.n_clusters].sum())
        around = float(low), float(high)
        found = EarlyStop(
            verdict=verdict(around, margins),
            n_queries=int(n_queries),
            total=int(sizes.sum()),
            n_clusters=look.n_clusters,
            share=n_queries / float(sizes.sum()),
            n_looks=number,
            planned_looks=len(looks(len(sums), alpha)),
            difference=float(asked[: look.n_clusters].sum()) / n_queries,
            interval=around,
            level=look.level,
        )
        if found.verdict != "undecided":
            break
    return found


def verdict(around: Interval, margins: Margins = MARGINS) -> Verdict:
    """What bounds that hold at all looks allow: as of a whole set, but that they themselves are adjusted, and not p."""
    return paired.verdict(1, around, 0.0, margins)
