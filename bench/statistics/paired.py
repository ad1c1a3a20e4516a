"""
Paired values of one measure -> what may be said of the difference.

Queries on one paragraph or article rise and fall together, so the cluster is what was drawn: every interval and p here
is computed from the clusters' sums. Differences below NOISE are ties. How often all of it errs is measured by
tests/benchmarks/intervals.py.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.statistics.bootstrap import LEVEL

Verdict = Literal["identical", "equivalent", "better", "worse", "undecided"]
Floats = NDArray[np.float64]
Interval = tuple[float, float]

NOISE = 1e-12  # what rounding leaves of two equal values, or of a sum that is 0
MARGIN = 0.01  # the smallest difference of interest
FEWEST_DISCORDANT = 30  # clusters; with fewer, intervals of sparse differences stray from their level
SATURATED = 0.98
POWER = 0.8
FLIPS = 10_000
SIGNS_A_BLOCK = 1 << 21  # signs drawn at once: 16 MiB as float64


class Paired(msgspec.Struct, frozen=True, kw_only=True):
    """
    What the values of a measure before and after a change say: every query judged in both, old against new.

    A figure that cannot be told is None: an interval or a p of fewer than two clusters; what is detectable where fewer
    than FEWEST_DISCORDANT differ, of which no difference would be found; a p_t or an effect of differences without a
    spread. Where no cluster's sum differs from 0, p is 1 and there is no interval.
    """

    n_queries: int
    n_clusters: int
    discordant_clusters: int  # whose summed difference is not 0
    old: float  # means over queries
    new: float
    difference: float  # mean of new - old
    interval: Interval | None  # clustered, 95 %, of the difference
    interval90: Interval | None
    p: float | None  # clustered sign-flip, two-sided
    p_t: float | None  # paired t over queries, as if they were independent: exploratory
    effect: float | None  # mean difference / standard deviation of the differences over queries (Cohen's d_z)
    wins: int  # queries
    ties: int
    losses: int
    detectable: float | None  # smallest difference found at 5 % with 80 % power
    saturated: bool  # both means above SATURATED: what is left to gain is too little to rank by
    verdict: Verdict


def paired(
    old: ArrayLike,
    new: ArrayLike,
    clusters: Sequence[Hashable] | None = None,
    *,
    margin: float = MARGIN,
    seed: int = 7,
) -> Paired:
    """
    Everything that is said of a paired difference, and the verdict.

    old, new: (n_queries,) float64, the values of the same queries in the same order. clusters: (n_queries,) labels;
    None: each query is its own. margin: differences within it are of no interest.

    Raises ValueError for no queries, lengths that differ, values that are no finite numbers, a margin below 0.
    """
    before, after = _values("old", old), _values("new", new)
    if len(before) != len(after) or not len(before):
        raise ValueError(
            f"paired: expected the values of the same queries, at least one, found {len(before)} old and "
            f"{len(after)} new: keep the queries that both judged, in one order"
        )
    if not margin >= 0:
        raise ValueError(f"paired: expected a margin of 0 or more, found {margin}")
    differences = _differences(after - before)
    sums, sizes = totals(differences, clusters)
    discordant = int(np.count_nonzero(sums))
    wins, losses = int((differences > 0).sum()), int((differences < 0).sum())
    inside, outside = (_interval(sums, sizes, level) if discordant else None for level in (0.90, LEVEL))
    return Paired(
        n_queries=len(differences),
        n_clusters=len(sums),
        discordant_clusters=discordant,
        old=float(before.mean()),
        new=float(after.mean()),
        difference=float(differences.mean()),
        interval=outside,
        interval90=inside,
        p=None if len(sums) < 2 else float(flipped(sums[None], seed=seed)[0]),
        p_t=_paired_t(differences),
        effect=_effect(differences),
        wins=wins,
        ties=len(differences) - wins - losses,
        losses=losses,
        detectable=_detectable(sums, sizes) if discordant >= FEWEST_DISCORDANT else None,
        saturated=bool(before.mean() > SATURATED and after.mean() > SATURATED),
        verdict=verdict(wins + losses, discordant, inside, outside, margin),
    )


def interval(
    differences: ArrayLike, clusters: Sequence[Hashable] | None = None, level: float = LEVEL
) -> Interval | None:
    """
    The clustered interval of a mean difference; None with fewer than two clusters, and where no cluster's sum is not 0.

    differences: (n_queries,) float64. The method is interval_of_mean's.
    """
    sums, sizes = totals(_differences(_values("differences", differences)), clusters)
    return _interval(sums, sizes, level) if sums.any() else None


def interval_of_mean(
    values: ArrayLike, clusters: Sequence[Hashable] | None = None, level: float = LEVEL
) -> Interval | None:
    """
    The clustered interval of a mean over queries; None with fewer than two clusters, and where no value differs.

    values: (n_queries,) float64. The mean of `spread`, and so many of its errors to either side as Student's t says. It
    keeps to no range: of a mean near 1 it may reach above.
    """
    found = _values("values", values)
    # Without a spread an interval would have no width: all ones of ten queries do not make 1 certain.
    return None if not len(found) or np.ptp(found) <= NOISE else _interval(*totals(found, clusters), level)


def sign_flip(
    differences: ArrayLike,
    clusters: Sequence[Hashable] | None = None,
    *,
    flips: int = FLIPS,
    seed: int = 7,
) -> float | None:
    """
    The two-sided p of a mean difference by flipping the signs of whole clusters; None with fewer than two clusters.

    differences: (n_queries,) float64. The method is that of `flipped`. Raises ValueError for no flips.
    """
    if flips < 1:
        raise ValueError(f"sign_flip: expected at least one flip, found {flips}")
    sums, _ = totals(_differences(_values("differences", differences)), clusters)
    return None if len(sums) < 2 else float(flipped(sums[None], flips=flips, seed=seed)[0])


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


def verdict(
    differing: int, discordant: int, interval90: Interval | None, interval95: Interval | None, margin: float = MARGIN
) -> Verdict:
    """
    What the intervals allow to say: equivalent, then better or worse, else undecided; identical needs no inference.

    differing: queries that differ; discordant: clusters whose summed difference is not 0. Equivalent by two one-sided
    tests: D. Schuirmann 1987, Journal of Pharmacokinetics and Biopharmaceutics 15.
    """
    if not differing:
        return "identical"
    if interval90 is None or interval95 is None or discordant < FEWEST_DISCORDANT:
        return "undecided"
    if -margin < interval90[0] and interval90[1] < margin:
        return "equivalent"
    if interval95[0] > 0:
        return "better"
    return "worse" if interval95[1] < 0 else "undecided"


def totals(values: Floats, clusters: Sequence[Hashable] | None) -> tuple[Floats, Floats]:
    """
    The sum and the number of the values of each cluster: (n_clusters,) float64 both, clusters as they come first.

    Raises ValueError where there is not one label a value.
    """
    if clusters is None:
        return values, np.ones(len(values))
    if len(clusters) != len(values):
        raise ValueError(
            f"clusters: expected one label a query, {len(values)}, found {len(clusters)}: "
            f"keep the labels of the judged queries"
        )
    position = {label: place for place, label in enumerate(dict.fromkeys(clusters))}
    codes = np.fromiter((position[label] for label in clusters), np.int64, len(values))
    sums: Floats = np.bincount(codes, weights=values, minlength=len(position)).astype(np.float64)
    sums[np.abs(sums) <= NOISE] = 0.0
    return sums, np.bincount(codes, minlength=len(position)).astype(np.float64)


def spread(sums: Floats, sizes: Floats) -> tuple[Floats, Floats, float]:
    """
    The mean over all queries, its standard error, and the degrees of freedom of the t that goes with them.

    sums: (..., n_clusters), of one sample or of many; sizes: (n_clusters,), at least two. Returns (...,), (...,) and a
    number. The cluster-robust error with each cluster's residual scaled up by its share of the queries (CR2), and
    Satterthwaite's degrees of freedom for it: R. Bell, D. McCaffrey 2002, "Bias reduction in standard errors for linear
    regression with multi-stage samples", Survey Methodology 28; G. Imbens, M. Kolesár 2016, "Robust standard errors in
    small samples", Review of Economics and Statistics 98. Of equal clusters it is Student's t on their means; of
    unequal ones (articles of SQuAD hold 96 to 810 questions) it still covers where n_clusters - 1 degrees do not.
    """
    n_queries = sizes.sum()
    mean = sums.sum(axis=-1) / n_queries
    residuals = sums - mean[..., None] * sizes
    left = 1 - sizes / n_queries  # share of the queries outside each cluster
    error = np.sqrt((residuals**2 / left).sum(axis=-1)) / n_queries
    # The squared error is a quadratic form of diag(own) less an outer product: trace squared / trace of the square.
    own, crossed = sizes / left, sizes**2 / left / n_queries
    freedom = n_queries**2 / ((own**2).sum() - 2 * (own * crossed).sum() + crossed.sum() ** 2)
    return mean, error, float(freedom)


def flipped(sums: Floats, *, flips: int = FLIPS, seed: int = 7) -> Floats:
    """
    The two-sided p of each sample's total when the sign of each of its clusters' sums is a coin's: (n_samples,).

    sums: (n_samples, n_clusters). Where no more than `flips` patterns of signs exist, each is taken once; otherwise
    `flips` are drawn, and what was observed is counted as one more, so that p is never 0 (Phipson & Smyth 2010,
    "Permutation p-values should never be zero"). A total as far out as the observed one counts half: differences of 0
    and 1 give many, and counting them whole rejects far less often than it says (the mid-p of Lancaster 1961; for
    pairs of 0 and 1, Fagerland, Lydersen & Laake 2013, "The McNemar test for binary matched-pairs data"). 1 where no
    cluster's sum differs from 0.
    """
    # Only sizes matter, in a fixed order: neither swapping old and new nor the order of the queries changes p.
    sizes = np.sort(np.abs(sums), axis=1)[:, ::-1]
    sizes = sizes[:, : int((sizes > 0).sum(axis=1).max(initial=0))]
    observed, rounding = np.abs(sums.sum(axis=1))[:, None], NOISE * (1 + sizes.sum(axis=1))[:, None]
    n_clusters = sizes.shape[1]
    every = n_clusters < flips.bit_length()  # 2 ** n_clusters <= flips
    drawn, itself = (2**n_clusters, 0) if every else (flips, 1)
    out = np.full(len(sums), itself / 2)
    for signs in _signs(n_clusters, drawn, None if every else seed, max(1, SIGNS_A_BLOCK // max(1, *sizes.shape))):
        beyond = np.abs(sizes @ signs) - observed
        out += (beyond > rounding).sum(axis=1) + (np.abs(beyond) <= rounding).sum(axis=1) / 2
    return np.where(sizes.any(axis=1), out / (drawn + itself), 1.0)


def _signs(n_clusters: int, patterns: int, seed: int | None, a_block: int) -> Iterator[Floats]:
    """Patterns of -1 and 1, (n_clusters, up to a_block) at a time: drawn, or each that there is where seed is None."""
    rng = np.random.default_rng(seed)
    bytes_a_pattern = -(-n_clusters // 8)
    for start in range(0, patterns, a_block):
        here = min(a_block, patterns - start)
        if seed is None:
            bits = (np.arange(start, start + here)[:, None] >> np.arange(n_clusters) & 1).astype(np.uint8)
        else:  # whole bytes a pattern: the size of a block changes none
            drawn = np.frombuffer(rng.bytes(here * bytes_a_pattern), np.uint8).reshape(here, bytes_a_pattern)
            bits = np.unpackbits(drawn, axis=1, count=n_clusters)
        yield bits.T.astype(np.float64) * 2 - 1


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


def _differences(found: Floats) -> Floats:
    """With what is only rounding set to 0."""
    return np.where(np.abs(found) <= NOISE, 0.0, found)


def _interval(sums: Floats, sizes: Floats, level: float) -> Interval | None:
    """The mean of `spread` and what its t reaches to either side."""
    from scipy.special import stdtrit  # imported late: the quantile of Student's t

    if not 0 < level < 1:
        raise ValueError(f"interval: expected a level between 0 and 1, found {level}")
    if len(sums) < 2:
        return None
    mean, error, freedom = spread(sums, sizes)
    reach = stdtrit(freedom, (1 + level) / 2) * error
    return float(mean - reach), float(mean + reach)


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
    """H. Bloom 1995, "Minimum detectable effects", Evaluation Review 19: so many standard errors from 0."""
    from scipy.special import stdtrit

    _, error, freedom = spread(sums, sizes)
    return float((stdtrit(freedom, (1 + LEVEL) / 2) + stdtrit(freedom, POWER)) * error)
