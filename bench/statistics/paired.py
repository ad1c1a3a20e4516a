"""
Paired values of one measure -> what may be said of the difference.

Queries on one article or paragraph rise and fall together, so the cluster is what was drawn: every interval and p here
is computed from the clusters' sums. Differences below NOISE are ties. How often all of it errs is measured by
tests/benchmarks/intervals.py.
"""

from __future__ import annotations

import functools
from collections.abc import Hashable, Sequence
from typing import Literal, NamedTuple, TypeAlias

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from bench.statistics import intervals, power, signs
from bench.statistics.clusters import NOISE, Floats, spread, totals, without_noise
from bench.statistics.intervals import FEW, LEVEL

Verdict: TypeAlias = Literal["identical", "equivalent", "better", "worse", "non-inferior", "undecided"]
Interval: TypeAlias = tuple[float, float]

ALPHA = power.ALPHA
SATURATED = 0.98


class Margins(NamedTuple):
    """Of a measure: what is too little to matter."""

    equivalent: float = 0.01  # the smallest difference of interest, either way
    non_inferior: float | None = None  # a loss below it is accepted, as of an approximate index; None: none is


MARGINS = Margins()


class Paired(msgspec.Struct, frozen=True, kw_only=True):
    """
    What the values of a measure before and after a change say: every query judged in both, old against new.

    A figure that cannot be told is None: an interval or a p of fewer than two clusters; what is detectable where fewer
    than FEW differ, whose spread says too little; a p_t or an effect of differences without a spread. Where no
    cluster's sum differs from 0, p is 1 and there is no interval.
    """

    n_queries: int
    n_clusters: int
    discordant_clusters: int  # whose summed difference is not 0
    old: float  # means over queries
    new: float
    difference: float  # mean of new - old
    interval: Interval | None  # clustered, 95 %, of the difference
    p: float | None  # clustered sign-flip, two-sided
    p_is_least: bool  # no drawn pattern of signs lies as far out: p is below what is told
    p_interval: float | None  # of the interval: it excludes 0 at every level up to 1 - p
    p_t: float | None  # paired t over queries, as if they were independent: exploratory
    effect: float | None  # mean difference / standard deviation of the differences over queries (Cohen's d_z)
    wins: int  # queries
    ties: int
    losses: int
    detectable: float | None  # smallest difference found at 5 % with 80 % power
    saturated: bool  # both means above SATURATED: what is left to gain is too little to rank by
    verdict: Verdict

    @property
    def differing(self) -> int:
        """Queries whose value differs."""
        return self.wins + self.losses


def paired(
    old: ArrayLike,
    new: ArrayLike,
    clusters: Sequence[Hashable] | None = None,
    *,
    margins: Margins = MARGINS,
    seed: int = signs.SEED,
) -> Paired:
    """
    Everything that is said of a paired difference, and the verdict.

    old, new: (n_queries,) float64, the values of the same queries in the same order. clusters: (n_queries,) labels;
    None: each query is its own. margins: what is too little to matter.

    Raises ValueError for no queries, lengths that differ, values that are no finite numbers, a margin below 0.
    """
    before, after = _values("old", old), _values("new", new)
    if len(before) != len(after) or not len(before):
        raise ValueError(
            f"paired: expected the values of the same queries, at least one, found {len(before)} old and "
            f"{len(after)} new: keep the queries that both judged, in one order"
        )
    for margin in margins:
        if margin is not None and not margin >= 0:
            raise ValueError(f"paired: expected a margin of 0 or more, found {margin}")
    differences = without_noise(after - before)
    sums, sizes = totals(differences, clusters)
    discordant = int(np.count_nonzero(sums))
    wins, losses = int((differences > 0).sum()), int((differences < 0).sum())
    around = _interval(sums, sizes, LEVEL) if discordant else None
    p_interval = (
        None if around is None else float(intervals.p_value(functools.partial(intervals.of_difference, sums, sizes)))
    )
    p = None if len(sums) < 2 else signs.flipped(sums, seed=seed)
    return Paired(
        n_queries=len(differences),
        n_clusters=len(sums),
        discordant_clusters=discordant,
        old=float(before.mean()),
        new=float(after.mean()),
        difference=float(differences.mean()),
        interval=within(around, before, after),
        p=p,
        p_is_least=p is not None and p <= signs.LEAST,
        p_interval=p_interval,
        p_t=_paired_t(differences),
        effect=_effect(differences),
        wins=wins,
        ties=len(differences) - wins - losses,
        losses=losses,
        detectable=_detectable(sums, sizes) if discordant >= FEW else None,
        saturated=bool(before.mean() > SATURATED and after.mean() > SATURATED),
        verdict=verdict(wins + losses, around, p, margins),
    )


def verdict(differing: int, around: Interval | None, p: float | None, margins: Margins = MARGINS) -> Verdict:
    """
    What may be said: identical needs no inference; then equivalent, better or worse, non-inferior, else undecided.

    differing: queries that differ. around: the 95 % interval. Equivalent: it lies within the margin. The 90 % interval
    of two one-sided tests (D. Schuirmann 1987, Journal of Pharmacokinetics and Biopharmaceutics 15) errs in up to 12 %
    of skewed differences and uneven clusters; results/trust.md has where this one errs. p: of sign flips, adjusted for
    all that is compared; better or worse needs it below ALPHA, and the interval to exclude 0. Non-inferior: a loss as
    great as that margin lies below the interval, and a smaller one is accepted (U.S. Food and Drug Administration 2016,
    "Non-inferiority clinical trials to establish effectiveness").
    """
    if not differing:
        return "identical"
    if around is None or p is None:
        return "undecided"
    low, high = around
    if -margins.equivalent < low and high < margins.equivalent:
        return "equivalent"
    if p < ALPHA and low > 0:
        return "better"
    if margins.non_inferior is not None and low > -margins.non_inferior:
        return "non-inferior"
    return "worse" if p < ALPHA and high < 0 else "undecided"


def interval(
    differences: ArrayLike, clusters: Sequence[Hashable] | None = None, level: float = LEVEL
) -> Interval | None:
    """
    The clustered interval of a mean difference; None with fewer than two clusters, and where no cluster's sum is not 0.

    differences: (n_queries,) float64. The method is that of `intervals.of_difference`.
    """
    sums, sizes = totals(without_noise(_values("differences", differences)), clusters)
    return _interval(sums, sizes, level) if sums.any() else None


def interval_of_mean(
    values: ArrayLike, clusters: Sequence[Hashable] | None = None, level: float = LEVEL
) -> Interval | None:
    """
    The clustered interval of a mean over queries; None with fewer than two clusters.

    values: (n_queries,) float64. From 0 to 1, as measures are, the method is that of `intervals.of_mean`, otherwise
    that of `intervals.of_difference`. None, too, where all are one value between 0 and 1: of that nothing is known.
    """
    found = _values("values", values)
    if not len(found):
        return None
    low, high = float(found.min()), float(found.max())
    sums, sizes = totals(found, clusters)
    if high - low <= NOISE and NOISE < high < 1 - NOISE:
        return None
    if low < 0 or high > 1 + NOISE:
        return _interval(sums, sizes, level)
    return None if len(sums) < 2 else _pair(intervals.of_mean(sums, sizes, _checked(level)))


def sign_flip(
    differences: ArrayLike,
    clusters: Sequence[Hashable] | None = None,
    *,
    flips: int = signs.FLIPS,
    seed: int = signs.SEED,
) -> float | None:
    """
    The two-sided p of a mean difference by flipping the signs of whole clusters; None with fewer than two clusters.

    differences: (n_queries,) float64. The method is that of `signs.flipped`. Raises ValueError for no flips.
    """
    if flips < 1:
        raise ValueError(f"sign_flip: expected at least one flip, found {flips}")
    sums, _ = totals(without_noise(_values("differences", differences)), clusters)
    return None if len(sums) < 2 else signs.flipped(sums, flips=flips, seed=seed)


def holm(ps: Sequence[float]) -> list[float]:
    """
    Each p of a family adjusted by Holm's step-down, in the order given: below alpha means found at alpha in the family.

    S. Holm 1979, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6.
    Raises ValueError for what is no probability.
    """
    given = np.asarray(ps, np.float64).reshape(-1)
    if not np.all((given >= 0) & (given <= 1)):
        raise ValueError(f"holm: expected probabilities, found {list(ps)}: leave out what was not tested")
    order = np.argsort(given, kind="stable")
    adjusted = np.empty_like(given)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(given[order] * np.arange(len(given), 0, -1)))
    found: list[float] = adjusted.tolist()
    return found


def _values(name: str, values: ArrayLike) -> Floats:
    """One finite number a query."""
    found = np.asarray(values, np.float64)
    if found.ndim != 1 or not np.isfinite(found).all():
        raise ValueError(
            f"{name}: expected one finite number a query, found "
            f"{f'shape {found.shape}' if found.ndim != 1 else f'{int((~np.isfinite(found)).sum())} that are not'}: "
            f"leave out the queries that were not judged"
        )
    return found


def _interval(sums: Floats, sizes: Floats, level: float) -> Interval | None:
    """The interval of a difference; None of fewer than two clusters."""
    return None if len(sums) < 2 else _pair(intervals.of_difference(sums, sizes, _checked(level)))


def within(around: Interval | None, *sides: Floats) -> Interval | None:
    """The interval of a difference; of values from 0 to 1, as measures are, none lies beyond 1."""
    if around is None or any(side.min() < 0 or side.max() > 1 for side in sides):
        return around
    return max(around[0], -1.0), min(around[1], 1.0)


def _pair(bounds: tuple[Floats, Floats]) -> Interval:
    return float(bounds[0]), float(bounds[1])


def _checked(level: float) -> float:
    if not 0 < level < 1:
        raise ValueError(f"interval: expected a level between 0 and 1, found {level}")
    return level


def _paired_t(differences: Floats) -> float | None:
    """p of Student's paired t."""
    from scipy.special import stdtr

    effect = _effect(differences)
    if effect is None:
        return None
    n_queries = len(differences)
    return float(2 * stdtr(n_queries - 1, -abs(effect) * np.sqrt(n_queries)))


def _effect(differences: Floats) -> float | None:
    """Cohen's d_z: J. Cohen 1988, "Statistical power analysis for the behavioral sciences", section 2.3.5."""
    if len(differences) < 2 or np.ptp(differences) <= NOISE:
        return None
    return float(differences.mean() / differences.std(ddof=1))


def _detectable(sums: Floats, sizes: Floats) -> float:
    _, error, freedom = spread(sums, sizes)
    return power.detectable(float(error), freedom)
