"""
Models trained from several seeds: how sure a difference is, were queries and seeds drawn anew.

A mean over seeds with an interval over queries alone is that of these very models. Another seed gives another model.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeAlias

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from bench.statistics import intervals, signs
from bench.statistics import paired as of_pair
from bench.statistics.clusters import Floats, totals, without_noise
from bench.statistics.intervals import LEVEL, Level
from bench.statistics.paired import MARGINS, Margins, Paired

OfClusters: TypeAlias = Callable[[Floats, Floats, Any], tuple[Floats, Floats]]  # Any: a level, or many


def paired(
    old: ArrayLike,
    new: ArrayLike,
    clusters: Sequence[Hashable] | None = None,
    *,
    margins: Margins = MARGINS,
    seed: int = signs.SEED,
) -> Paired:
    """
    What `paired.paired` says of the means over seeds, with seeds as a level of the interval, its p and the verdict.

    old, new: (n_seeds, n_queries) float64, row by row of the same seed; or (1, n_queries) of what has none, as BM25,
    or the model that all started from. Where neither has seeds, or there is one alone, it is `paired.paired`. Wins,
    ties and losses are of queries at every seed; p_t, effect and detectable, which know of no seeds, are None.
    Raises ValueError as that does, and where both have several seeds and not as many.
    """
    before, after = (np.atleast_2d(np.asarray(values, np.float64)) for values in (old, new))
    rows = {len(values) for values in (before, after)} - {1}
    if len(rows) > 1:
        raise ValueError(f"over_seeds: expected as many seeds of both, found {len(before)} old and {len(after)} new")
    said = of_pair.paired(before.mean(axis=0), after.mean(axis=0), clusters, margins=margins, seed=seed)
    if said.n_clusters < 2 or not rows:
        return said
    differences = without_noise(after - before)
    wins, losses = int((differences > 0).sum()), int((differences < 0).sum())
    by_seed = [totals(difference, clusters) for difference in differences]
    sums, sizes = np.stack([of_one for of_one, _ in by_seed]), by_seed[0][1]
    around, p = None, None
    if sums.any():
        low, high = map(float, interval(sums, sizes))
        around = of_pair.within((low, high), before, after)
        p = float(intervals.p_value(functools.partial(interval, sums, sizes)))
    return msgspec.structs.replace(
        said,
        interval=around,
        p_interval=p,
        wins=wins,
        ties=differences.size - wins - losses,
        losses=losses,
        p_t=None,
        effect=None,
        detectable=None,
        verdict=of_pair.verdict(wins + losses, around, said.p, margins),
    )


def interval(
    sums: Floats, sizes: Floats, level: Level = LEVEL, *, of_clusters: OfClusters = intervals.of_difference
) -> tuple[Floats, Floats]:
    """
    The interval of a mean over queries and seeds, lower and upper ends: (...,) each.

    sums: (..., n_seeds, n_clusters); sizes: (n_clusters,), at least two; at least two seeds. of_clusters: makes that of
    the mean over these seeds, here of a difference. Seeds and clusters are crossed, and what varies from cell to cell
    (S. Searle, G. Casella, C. McCulloch 1992, "Variance Components", chapter 4) is in the spread over either: off that
    over seeds it is taken, by less where sizes are uneven. What is left is joined to `of_clusters` in the manner of
    G. Zou, A. Donner 2008, "Construction of confidence limits about effect measures", Statistics in Medicine 27. Often
    nothing is left of so few seeds: so the interval also reaches as far as Student's t over the seeds' means.
    """
    from scipy.special import stdtrit  # imported late: the quantile of Student's t

    n_seeds, n_queries = sums.shape[-2], sizes.sum()
    over = without_noise(sums.mean(axis=-2))
    means = sums.sum(axis=-1) / n_queries
    mean = means.mean(axis=-1)
    cells = sums - over[..., None, :] - (means - mean[..., None])[..., None] * sizes
    of_cells = (cells**2).sum(axis=(-2, -1)) / n_queries**2 / (n_seeds - 1)
    of_seeds = means.var(axis=-1, ddof=1)
    reach = stdtrit(n_seeds - 1, (1 + level) / 2)
    alone, beside = (reach * np.sqrt(each / n_seeds) for each in (of_seeds, np.maximum(of_seeds - of_cells, 0.0)))
    low, high = of_clusters(over, sizes, level)
    return (
        np.minimum(mean - alone, mean - np.hypot(mean - low, beside)),
        np.maximum(mean + alone, mean + np.hypot(high - mean, beside)),
    )
