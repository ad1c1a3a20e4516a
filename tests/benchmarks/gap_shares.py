"""
Hold the interval of the share of a gap to known truth: `python -m tests.benchmarks.gap_shares`, and not a test.

Differences of -1, 0 and 1 whose chance to be won rises with word overlap, in clusters, go through bench.statistics; of
each sample whose gap is sure the interval of the share in the lowest third is held to the share that it was drawn with,
beside a percentile bootstrap over clusters.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.statistics import gap_share, paired
from bench.statistics.quantile_groups import quantile_groups

SIMULATIONS, DRAWS, SEED = 1_000, 500, 1
LOST = 0.08  # of the queries, whatever their overlap
SHARED = 0.05  # standard deviation, over clusters, of the chance to be won


class GapRegime(NamedTuple):
    """What is drawn from."""

    n_queries: int
    size: int  # queries of a cluster
    slope: float  # of the chance to be won, from overlap 0 to 1
    won: float  # at overlap .5

    @property
    def share(self) -> float:
        """The share of the gap that is missing in the lowest third."""
        return self.slope / 3 / (self.won - LOST)


REGIMES = (
    GapRegime(300, 1, 0.2, 0.2),
    GapRegime(300, 5, 0.2, 0.2),
    GapRegime(900, 5, 0.3, 0.2),
    GapRegime(300, 1, 0.0, 0.2),
)


class GapSample(NamedTuple):
    """One value per query each."""

    differences: NDArray[np.float64]
    overlap: NDArray[np.float64]
    clusters: NDArray[np.int64]


class IntervalsHeld(NamedTuple):
    """How often intervals held the share, of the samples whose gap was sure."""

    told: int
    fieller: int
    bootstrap: int


def sample(regime: GapRegime, rng: np.random.Generator) -> GapSample:
    """One sample of a regime."""
    n_clusters = regime.n_queries // regime.size
    clusters = np.repeat(np.arange(n_clusters), regime.size)
    overlap = rng.random(regime.n_queries)
    shared = rng.normal(0.0, SHARED, n_clusters)[clusters] if regime.size > 1 else 0.0
    won = np.clip(regime.won + regime.slope * (overlap - 0.5) + shared, 0.0, 1.0)
    drawn = rng.random(regime.n_queries)
    return GapSample(np.where(drawn < won, 1.0, np.where(drawn < won + LOST, -1.0, 0.0)), overlap, clusters)


def drawn_interval(found: GapSample, part: NDArray[np.bool_], rng: np.random.Generator) -> tuple[float, float]:
    """The percentile interval of the share over clusters that are drawn anew."""
    n = int(found.clusters.max()) + 1
    often = rng.multinomial(n, np.full(n, 1 / n), DRAWS)
    totals = [
        often @ np.bincount(found.clusters, weights, n)
        for weights in (found.differences, found.differences * part, np.ones(len(part)), part.astype(float))
    ]
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = 1 - (totals[1] / totals[3]) / (totals[0] / totals[2])
    low, high = np.quantile(shares[np.isfinite(shares)], [0.025, 0.975])
    return float(low), float(high)


def held(regime: GapRegime, n: int = SIMULATIONS, seed: int = SEED) -> IntervalsHeld:
    """How often both intervals held the truth."""
    rng = np.random.default_rng([seed, *map(int, regime[:2]), int(100 * regime.slope)])
    told = fieller = bootstrap = 0
    for _ in range(n):
        found = sample(regime, rng)
        clusters, part = found.clusters.tolist(), quantile_groups(found.overlap, 3) == 0
        gap = paired.interval(found.differences, clusters)
        around = gap_share.interval(found.differences, part, clusters)
        if gap is None or gap[0] <= 0 or around is None:
            continue
        low, high = drawn_interval(found, part, rng)
        told += 1
        fieller += around[0] <= regime.share <= around[1]
        bootstrap += low <= regime.share <= high
    return IntervalsHeld(told, fieller, bootstrap)


if __name__ == "__main__":
    for one in REGIMES:
        print(one, f"share {one.share:.3f}:", held(one), flush=True)
