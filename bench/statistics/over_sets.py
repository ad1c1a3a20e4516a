"""
A mean over several passage sets, and how sure it is.

Every set counts alike, however many queries it has. The sets are taken as they are: the interval is that of the mean
over these very sets, were other queries drawn for each. Of other sets like them it says nothing; where there are
enough, a second interval takes the sets themselves for a sample.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from bench.statistics import intervals, signs
from bench.statistics.clusters import NOISE, Floats, totals, without_noise
from bench.statistics.intervals import Level
from bench.statistics.paired import MARGINS, Interval, Margins, Verdict, verdict, within

FEWEST_SETS = 5  # as a sample: of fewer Student's t is so wide that it tells nothing


class SetValues(NamedTuple):
    """The values of the same queries of one set, old and new: (n_queries,) each, and their clusters."""

    old: Floats
    new: Floats
    clusters: Sequence[Hashable] | None = None


class MeanOverSets(msgspec.Struct, frozen=True, kw_only=True):
    """
    What several sets say together of a difference, each counted alike.

    Wins, ties and losses are of sets by the sign of their difference, significant or not: J. Demšar 2006, "Statistical
    comparisons of classifiers over multiple data sets", JMLR 7, section 3.1.4. None: what cannot be told, as in
    `paired.Paired`; also an interval and a p where some set has fewer than two clusters.
    """

    n_sets: int
    old: float  # means over sets of the means over queries
    new: float
    difference: float
    interval: Interval | None  # 95 %, of the mean over these sets
    interval_of_sample: Interval | None  # 95 %, of the mean over all sets that these are a sample of
    p: float | None  # sign flips of the clusters of all sets, two-sided
    p_is_least: bool
    p_interval: float | None  # of the interval of these sets
    wins: int  # sets
    ties: int
    losses: int
    differing: int  # queries of all sets whose value differs
    verdict: Verdict


def over_sets(sets: Sequence[SetValues], *, margins: Margins = MARGINS, seed: int = signs.SEED) -> MeanOverSets:
    """
    The mean over sets of a paired difference, and the verdict, as `paired.paired` gives it of one.

    p is that of one set's: the signs of whole clusters are flipped, each cluster weighed as its set is. Raises
    ValueError for no sets, and for one without queries, or whose sides differ in their number.
    """
    if not sets or any(len(one.old) != len(one.new) or not len(one.old) for one in sets):
        raise ValueError("over_sets: expected one set or more, each with the values of the same queries, found others")
    parts, clustered, means, differing = [], [], [], 0
    for one in sets:
        differences = without_noise(one.new - one.old)
        sums, sizes = totals(differences, one.clusters)
        differing += int(np.count_nonzero(differences))
        parts.append(sums / len(differences) / len(sets))
        clustered.append((sums, sizes))
        means.append(float(differences.mean()))
    weighed, signless = np.concatenate(parts), np.abs(means) <= NOISE
    is_known = all(len(sums) > 1 for sums, _ in clustered)

    def interval(level: Level = intervals.LEVEL) -> Interval:
        # Also of a set in which no query differs: another draw of them might.
        return _of_mean(means, [intervals.of_difference(sums, sizes, level) for sums, sizes in clustered])

    whole = interval() if differing and is_known else None
    around = within(whole, *(values for one in sets for values in (one.old, one.new)))
    p = signs.flipped(weighed, seed=seed) if is_known else None
    return MeanOverSets(
        n_sets=len(sets),
        old=float(np.mean([one.old.mean() for one in sets])),
        new=float(np.mean([one.new.mean() for one in sets])),
        difference=float(np.mean(means)),
        interval=around,
        interval_of_sample=_of_sample(means, around),
        p=p,
        p_is_least=p is not None and p <= signs.LEAST,
        p_interval=None if whole is None else float(intervals.p_value(interval)),
        wins=int(((np.array(means) > 0) & ~signless).sum()),
        ties=int(signless.sum()),
        losses=int(((np.array(means) < 0) & ~signless).sum()),
        differing=differing,
        verdict=verdict(differing, around, p, margins),
    )


def of_mean(means: Sequence[float], bounds: Sequence[Interval | None]) -> Interval | None:
    """
    The interval of the mean of independent means, each with its own interval; None where one of them has none.

    Squared distances to the ends add up, upper and lower apart (the method of variance estimates recovery), so that
    what each interval knows of few clusters, skewness and rare differences is kept: G. Zou, A. Donner 2008,
    "Construction of confidence limits about effect measures", Statistics in Medicine 27. Of one mean it is its own.
    """
    known = [one for one in bounds if one is not None]
    if not means or len(known) < len(means):
        return None
    return _of_mean(means, known)


def _of_mean(means: Sequence[float], bounds: Sequence[tuple[ArrayLike, ArrayLike]]) -> Interval:
    found, (low, high) = np.array(means), np.array(bounds).T
    reach = np.hypot.reduce([found - low, high - found], axis=1) / len(found)
    return float(found.mean() - reach[0]), float(found.mean() + reach[1])


def _of_sample(means: Sequence[float], fixed: Interval | None) -> Interval | None:
    """
    Student's t of the sets' differences, at least as wide as the interval of the sets as they are.

    The spread of the differences holds both what sets and what queries differ by: J. IntHout, J. Ioannidis, G. Borm
    2014, "The Hartung-Knapp-Sidik-Jonkman method for random effects meta-analysis is straightforward and considerably
    outperforms the standard DerSimonian-Laird method", BMC Medical Research Methodology 14, here with equal weights;
    where sets happen to lie closer together than their queries allow, never narrower: C. Röver, G. Knapp, T. Friede
    2015, BMC Medical Research Methodology 15.
    """
    if len(means) < FEWEST_SETS or fixed is None:
        return None
    low, high = intervals.student(np.array(means), np.ones(len(means)))
    return min(float(low), fixed[0]), max(float(high), fixed[1])
