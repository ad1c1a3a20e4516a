"""
How sure a mean over queries is, or a difference of two means: intervals over clusters.

Each function takes one sample or many at once, (..., n_clusters). How often they hold the truth is measured by
tests/benchmarks/intervals.py, and of means by tests/benchmarks/means.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from bench.statistics.clusters import NOISE, Floats, spread

LEVEL = 0.95
FEW = 30  # clusters that differ; with fewer, and
RARE = 0.25  # no more than this share of them, differences are rare events, of whose spread too little was seen
FEW_FAILING = 60  # clusters of which a mean is short of 1, or above 0; of fewer, and no more than half,
ALIKE = 0.05  # is the least correlation: R@10 above .97 of BM25 and TF-IDF has 0 to .12 in articles of seven sets
FLAT = 1e-9  # skewness below which its correction is lost in rounding
FINEST, HALVINGS = 1e-5, 20  # the least p that is told of an interval, and how closely it is found

Level: TypeAlias = float | Floats


def of_difference(sums: Floats, sizes: Floats, level: Level = LEVEL) -> tuple[Floats, Floats]:
    """
    The interval of a mean difference, lower and upper ends: (...,) each.

    sums: (..., n_clusters), of the differences; sizes: (n_clusters,), at least two; level: one for all, or (...,). As
    far as either of two reaches: Student's t (`spread`), and Hall's transformation, which knows that differences are
    skewed. Where few clusters differ, or all do by the same, as far as `few_events` does too, which needs no spread to
    be seen.
    """
    discordant = np.count_nonzero(sums, axis=-1)
    rare = (discordant < FEW) & (discordant <= RARE * len(sizes)) | ~(spread(sums, sizes)[1] > NOISE)
    (low, high), (skewed_low, skewed_high) = student(sums, sizes, level), skewed(sums, sizes, level)
    low, high = np.minimum(low, skewed_low), np.maximum(high, skewed_high)
    few_low, few_high = few_events(sums, sizes, level)
    return np.where(rare, np.minimum(low, few_low), low), np.where(rare, np.maximum(high, few_high), high)


def p_value(interval: Callable[[Level], tuple[Level, Level]]) -> Floats:
    """
    The two-sided p that agrees with an interval, to FINEST: the least share that it may miss and still exclude 0.

    interval: of (...,) levels, or of one for all, lower and upper ends: (...,) each; those of higher levels hold those
    of lower ones. Found by halving.
    """
    low, high = interval(LEVEL)
    least, most = np.full(np.shape(low), np.log(FINEST)), np.zeros(np.shape(low))
    for _ in range(HALVINGS):
        middle = (least + most) / 2
        low, high = interval(-np.expm1(middle))
        excludes = (np.asarray(low) > 0) | (np.asarray(high) < 0)
        least, most = np.where(excludes, least, middle), np.where(excludes, middle, most)
    found: Floats = np.exp(most)
    return found


def of_mean(sums: Floats, sizes: Floats, level: float = LEVEL) -> tuple[Floats, Floats]:
    """
    The interval of the mean of values from 0 to 1, inside that range: (...,) each.

    sums: (..., n_clusters), of the values; sizes: (n_clusters,), at least two. Clopper and Pearson's, of as many
    independent queries as would have the clustered error of `spread`, fewer by the square of what its degrees
    of freedom make of Student's t: E. Korn, B. Graubard 1998, "Confidence intervals for proportions with small expected
    number of positive counts estimated from survey data", Survey Methodology 24. Where few clusters fail, or few
    succeed, the queries of one are taken to correlate by at least ALIKE: so few do not show it. A mean of exactly 0 or
    1 is that of so many clusters.
    """
    from scipy.special import stdtrit  # imported late: the quantile of Student's t

    n_clusters, n_queries = len(sizes), float(sizes.sum())
    mean, error, freedom = spread(sums, sizes)
    within = np.clip(mean * (1 - mean), 0.0, None)
    telling = np.minimum((sizes - sums > NOISE).sum(axis=-1), (sums > NOISE).sum(axis=-1))
    few = (telling < FEW_FAILING) & (telling <= n_clusters / 2)
    others = float((sizes**2).sum()) / n_queries - 1  # queries in a query's cluster, on average over queries
    single = within / (n_queries - 1)  # squared error of as many queries that do not hang together
    least = np.where(few, ALIKE * others * single, 0.0)
    known = (error > NOISE) & (within > 0)
    n = np.where(known, n_queries * single / np.maximum(np.where(known, error, 1.0) ** 2, least), float(n_clusters))
    reach = stdtrit(np.where(known, freedom, n_clusters - 1.0), (1 + level) / 2)
    return _proportion(mean, n * (stdtrit(n_queries - 1, (1 + level) / 2) / reach) ** 2, level)


def few_events(sums: Floats, sizes: Floats, level: Level = LEVEL, unseen: float = 1.0) -> tuple[Floats, Floats]:
    """
    The interval of a mean difference of which few clusters tell: gains and losses are rare events, each of some weight.

    The bounds of a weighted sum of Poisson counts: M. Fay, E. Feuer 1997, "Confidence intervals for directly
    standardized rates: a method based on the gamma distribution", Statistics in Medicine 16; of equal weights they are
    the exact ones (F. Garwood 1936, Biometrika 28). An event not seen yet may weigh as much as the greatest seen, and
    at least as so many whole queries. Of gains less losses by the method of variance estimates recovery: G. Zou, A.
    Donner 2008, "Construction of confidence limits about effect measures", Statistics in Medicine 27.
    """
    n_queries = sizes.sum()
    greatest = np.maximum(np.abs(sums).max(axis=-1), unseen) / n_queries
    gain, gain_low, gain_high = _rare(np.maximum(sums, 0.0) / n_queries, greatest, level)
    loss, loss_low, loss_high = _rare(np.maximum(-sums, 0.0) / n_queries, greatest, level)
    low = gain - loss - np.hypot(gain - gain_low, loss_high - loss)
    high = gain - loss + np.hypot(gain_high - gain, loss - loss_low)
    return low, high


def student(sums: Floats, sizes: Floats, level: Level = LEVEL) -> tuple[Floats, Floats]:
    """The mean of `spread`, and so many of its errors to either side as Student's t says."""
    from scipy.special import stdtrit

    mean, error, freedom = spread(sums, sizes)
    reach = stdtrit(freedom, (1 + level) / 2) * error
    return mean - reach, mean + reach


def skewed(sums: Floats, sizes: Floats, level: Level = LEVEL) -> tuple[Floats, Floats]:
    """
    The interval that the same t gives once the skewness of the mean is transformed away.

    P. Hall 1992, "On the removal of skewness by transformation", Journal of the Royal Statistical Society B 54: the t
    of a mean of skewness g is transformed to t + g t^2 / 3 + g^2 t^3 / 27 + g / 6, which is monotone.
    """
    from scipy.special import stdtrit

    mean, error, freedom = spread(sums, sizes)
    residuals = sums - mean[..., None] * sizes
    squares = (residuals**2).sum(axis=-1)
    skewness = (residuals**3).sum(axis=-1) / np.where(squares > 0, squares, 1.0) ** 1.5  # of the mean
    reach = stdtrit(freedom, (1 + level) / 2)
    flat = np.abs(skewness) < FLAT
    safe = np.where(flat, 1.0, skewness)

    def back(t: Level) -> Floats:
        return np.where(flat, t, 3 / safe * (np.cbrt(1 + safe * (t - safe / 6)) - 1))

    return mean - error * back(reach), mean - error * back(-reach)


def _rare(weights: Floats, greatest: Floats, level: Level) -> tuple[Floats, Floats, Floats]:
    """A sum of weights, each of one event or 0 of none, and its gamma bounds."""
    from scipy.special import gammaincinv

    total, squares = weights.sum(axis=-1), (weights**2).sum(axis=-1)
    seen = total > 0
    safe, spread_of = np.where(seen, total, 1.0), np.where(seen, squares, 1.0)
    low = spread_of / safe * gammaincinv(safe**2 / spread_of, (1 - level) / 2)
    more, wider = total + greatest, squares + greatest**2
    return total, np.where(seen, low, 0.0), wider / more * gammaincinv(more**2 / wider, (1 + level) / 2)


def _proportion(mean: Floats, n: Floats, level: float) -> tuple[Floats, Floats]:
    """The exact interval of a proportion of n, whole or not: C. Clopper, E. Pearson 1934, Biometrika 26."""
    from scipy.special import betaincinv

    won, lost = mean * n, (1 - mean) * n
    low = betaincinv(np.maximum(won, NOISE), lost + 1, (1 - level) / 2)
    high = betaincinv(won + 1, np.maximum(lost, NOISE), (1 + level) / 2)
    return np.where(won > NOISE, low, 0.0), np.where(lost > NOISE, high, 1.0)
