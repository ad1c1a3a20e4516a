"""
What a number of queries can show: the difference that they find with 80 % power, and how many queries one needs.

It can be told before anything runs, from how the queries are clustered and how far paired differences vary.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np

from bench.statistics.clusters import Floats, spread, totals, without_noise

ALPHA = 0.05  # two-sided
POWER = 0.8
MOST = 10**12  # queries


class Spread(NamedTuple):
    """How the paired differences of two retrievers vary, query by query."""

    deviation: float  # standard deviation
    correlation: float  # of the differences of two queries of one cluster
    discordant: float  # share of the queries that differ


def spread_of(differences: Floats, clusters: Sequence[Hashable] | None = None) -> Spread | None:
    """
    The spread of measured differences; None where they have none, or of fewer than two clusters.

    differences: (n_queries,). The correlation is the one that makes `standard_error` the clustered error of `spread`; 0
    where that is no larger than of independent queries.
    """
    differences = without_noise(differences)
    sums, sizes = totals(differences, clusters)
    if len(sums) < 2 or not np.ptp(differences) > 0:
        return None
    deviation = float(differences.std(ddof=1))
    effect = float(spread(sums, sizes)[1] / deviation) ** 2 * len(differences)
    others = _others(sizes)
    correlation = min(1.0, max(0.0, (effect - 1) / others)) if others > 0 else 0.0
    return Spread(deviation, correlation, float(np.count_nonzero(differences) / len(differences)))


def standard_error(sizes: Floats, assumed: Spread) -> float:
    """
    That of the mean difference over clusters of these sizes: (n_clusters,).

    Correlation makes so many queries count as fewer by the design effect, 1 + correlation times the number of other
    queries in a query's cluster, on average over queries: S. Eldridge, D. Ashby, S. Kerry 2006, "Sample size for
    cluster randomized trials: effect of coefficient of variation of cluster size", Int. Journal of Epidemiology 35.
    """
    return float(assumed.deviation * np.sqrt((1 + assumed.correlation * _others(sizes)) / sizes.sum()))


def detectable(error: float, freedom: float, alpha: float = ALPHA) -> float:
    """H. Bloom 1995, "Minimum detectable effects", Evaluation Review 19: so many standard errors from 0."""
    from scipy.special import stdtrit  # imported late: the quantile of Student's t

    return float((stdtrit(freedom, 1 - alpha / 2) + stdtrit(freedom, POWER)) * error)


def detectable_of(sizes: Floats, assumed: Spread, alpha: float = ALPHA) -> float | None:
    """The smallest mean difference that clusters of these sizes find with 80 % power; None of fewer than two."""
    if len(sizes) < 2:
        return None
    return detectable(standard_error(sizes, assumed), _freedom(sizes), alpha)


def queries_for(difference: float, sizes: Floats, assumed: Spread, alpha: float = ALPHA) -> int | None:
    """
    How many queries find a difference with 80 % power, clustered as these are; None of fewer than two clusters.

    difference: above 0. Were there c times as many clusters of these sizes, the error would be smaller by the root of
    c, and the degrees of freedom c times as many.
    """
    if len(sizes) < 2:
        return None
    error, freedom, given = standard_error(sizes, assumed), _freedom(sizes), float(sizes.sum())

    def found(n: int) -> float:
        return detectable(error * (given / n) ** 0.5, max(1.0, freedom * n / given), alpha)

    return 1 + bisect_left(range(1, MOST), True, key=lambda n: found(n) <= difference)


def _others(sizes: Floats) -> float:
    """How many other queries are in a query's cluster, on average over queries."""
    return float((sizes**2).sum() / sizes.sum() - 1)


def _freedom(sizes: Floats) -> float:
    return spread(np.zeros(len(sizes)), sizes)[2]
