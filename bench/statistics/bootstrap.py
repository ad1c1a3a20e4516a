"""
The percentile of times, and how sure one, or a ratio of two, is: one function for all intervals.

A percentile is numpy's "linear" everywhere, between the two samples next to its rank; so is that of a bootstrap draw.
Two things are unsure: rounds differ, of which there are few, and the queries are a sample. What a draw of queries moves
in every round alike is due to the queries; what it moves in one round and not in another is noise that the spread of
the rounds shows already, and is not counted twice. Draws come from seeds, so that what two retrievers share is drawn
alike for both: where both were asked the same queries, one draw of queries holds for both, and what is due to the
choice of queries leaves their ratio. The same goes for rounds that both were measured in.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Interval: TypeAlias = tuple[float, float]

LEVEL = 0.95
DRAWS = 1_000
SEED = 7
GRID = 256  # values near a percentile at which the distribution is looked at
REACH = 6.0  # standard errors of the percentile's rank that they span
MOST_KEPT = 1_000  # columns of which draws are kept for the next figure: 4 MB of 1,000 draws
ROUNDING = 1e-9  # differences of logarithms that are none
SMALLEST = 1.0  # nanosecond or byte: what is counted in whole ones and reads 0 has a logarithm as if it were one


class DrawnFigure(NamedTuple):
    """One number of each round, and what it is where the columns are drawn anew: times, bytes or their logarithms."""

    rounds: Floats  # (n_rounds,)
    drawn: Floats  # (n_rounds, n_draws): a draw of columns is the same one in each round where rounds share them


def percentile(rounds: Sequence[NDArray[np.int64]], p: float) -> float:
    """The median over rounds of each round's percentile, in the unit of the samples."""
    return float(np.median(by_round(rounds, p)))


def by_round(rounds: Sequence[NDArray[np.int64]], p: float) -> Floats:
    """Each round's percentile, in the unit of the samples: (n_rounds,)."""
    return np.array([np.quantile(samples, p) for samples in rounds], np.float64)


def intervals(
    rounds: Sequence[NDArray[np.int64]], ps: Sequence[float], *, crossed: bool = True, n_draws: int = DRAWS
) -> list[Interval]:
    """
    The 95 % intervals of some percentiles, in the unit of the samples; rounds and crossed as in `figures`.

    One round tells of queries alone.
    """
    return [interval(figure) for figure in figures(rounds, ps, crossed=crossed, n_draws=n_draws)]


def figures(
    rounds: Sequence[NDArray[np.int64]],
    ps: Sequence[float],
    *,
    seed: int = SEED,
    crossed: bool = True,
    n_draws: int = DRAWS,
) -> list[DrawnFigure]:
    """
    Some percentiles of each round, and of each in some bootstrap draws of its columns, in the unit of the samples.

    A draw is read off at GRID values near its percentile: exact where a round has no more samples, and otherwise within
    a twentieth of its standard error.

    Args:
        rounds: each (n_passes, n_columns), of as many columns or not; a column is drawn with all its passes.
        ps: which percentiles, from 0 to 1.
        seed: of the draws of columns: alike for two retrievers where both were asked the same queries.
        crossed: the columns are the same queries in every round, and one draw of them holds for all rounds (drawn anew
            for each, what is due to the choice of queries would average out); else they are drawn anew for each.
        n_draws: how many.
    """
    drawn = np.empty((len(ps), len(rounds), n_draws))
    for number, samples in enumerate(rounds):
        weights = _weights(seed, samples.shape[1], 0 if crossed else number, n_draws)
        for index, p in enumerate(ps):
            drawn[index, number] = _quantile(weights, *_near(samples, p), p * (samples.size - 1))
    return [DrawnFigure(by_round(rounds, p), of_p) for p, of_p in zip(ps, drawn, strict=True)]


def fixed(rounds: Sequence[float], n_draws: int = DRAWS) -> DrawnFigure:
    """One number of each round that has no columns to draw."""
    values = np.array(rounds, np.float64)
    return DrawnFigure(values, np.repeat(values[:, None], n_draws, axis=1))


def total(parts: Sequence[DrawnFigure]) -> DrawnFigure:
    """The sum of some figures, round by round, as far as all have rounds."""
    n_rounds = min(len(part.rounds) for part in parts)
    rounds = np.sum([part.rounds[:n_rounds] for part in parts], axis=0)
    return DrawnFigure(rounds, np.sum([part.drawn[:n_rounds] for part in parts], axis=0))


def interval(figure: DrawnFigure) -> Interval:
    """The 95 % interval of a figure above 0: as far as a bootstrap over rounds and columns or Student's t reaches."""
    return _as_told(_of_logs(logs(figure)))


def ratio_interval(old: DrawnFigure, new: DrawnFigure, *, alike: bool) -> Interval | None:
    """
    The 95 % interval of new / old, as far as a bootstrap or Student's t reaches; None where old may be nothing.

    alike: both were measured in the same rounds, whose ratios are taken; else the rounds are independent.
    """
    if not ((old.rounds > 0).all() and (old.drawn > 0).all()):
        return None
    before, after = logs(old), logs(new)
    if alike and len(before.rounds) == len(after.rounds):
        return _as_told(_of_logs(DrawnFigure(after.rounds - before.rounds, after.drawn - before.drawn)))
    drawn = resampled(after, SEED + 1) - resampled(before)
    return _as_told(wider(central(drawn), student(after.rounds, before.rounds)))


def logs(figure: DrawnFigure) -> DrawnFigure:
    """Rounds are quicker or slower by some share: it is the logarithms that are spread evenly."""
    return DrawnFigure(*(np.log(np.maximum(values, SMALLEST)) for values in figure))


def resampled(figure: DrawnFigure, seed: int = SEED) -> Floats:
    """The median over rounds drawn with replacement, moved as a draw of columns moves them all alike: (n_draws,)."""
    n_rounds, n_draws = figure.drawn.shape
    chosen = np.random.default_rng(seed).integers(n_rounds, size=(n_draws, n_rounds))
    moved = _unbiased(figure.drawn.mean(axis=0) - figure.rounds.mean()) * np.sqrt(_shared(figure.drawn))
    return np.asarray(np.median(figure.rounds[chosen], axis=1) + moved, np.float64)


def central(drawn: Floats) -> Interval:
    """What 95 % of the draws lie between."""
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def student(rounds: Floats, minus: Floats | None = None) -> Interval | None:
    """
    The 95 % interval of a mean over rounds, less that of other rounds, by Student's t; None of fewer than two.

    Of two: B. Welch 1947, "The generalization of Student's problem when several different population variances are
    involved", Biometrika 34.
    """
    from scipy.special import stdtrit  # imported late: the quantile of Student's t

    parts = [rounds] if minus is None else [rounds, minus]
    if min(map(len, parts)) < 2:
        return None
    squares = [float(part.var(ddof=1)) / len(part) for part in parts]
    whole = sum(squares)
    weight = sum(square**2 / (len(part) - 1) for square, part in zip(squares, parts, strict=True))
    reach = float(stdtrit(whole**2 / weight, (1 + LEVEL) / 2)) * whole**0.5 if weight > 0 else 0.0
    middle = float(rounds.mean()) - (0.0 if minus is None else float(minus.mean()))
    return middle - reach, middle + reach


def wider(drawn: Interval, told: Interval | None) -> Interval:
    """
    As far as either interval reaches; the first where there is no second.

    A bootstrap of few rounds reaches no further than from the least to the greatest, and holds the truth of three in 75
    of 100; Student's t knows nothing of what the rounds share.
    """
    return drawn if told is None else (min(drawn[0], told[0]), max(drawn[1], told[1]))


def _of_logs(figure: DrawnFigure) -> Interval:
    return wider(central(resampled(figure)), student(figure.rounds))


def _as_told(bounds: Interval) -> Interval:
    """Of logarithms, as the figure itself is told."""
    return float(np.exp(bounds[0])), float(np.exp(bounds[1]))


def _shared(drawn: Floats) -> float:
    """
    The share of a mean's variance over draws that its rounds have in common: their mean covariance over its variance.

    1 of one round alone, which has nothing to show its noise by.
    """
    n_rounds = len(drawn)
    whole, alone = float(drawn.mean(axis=0).var()), float(drawn.var(axis=1).mean())
    if n_rounds == 1 or whole == 0:
        return 1.0
    return max(0.0, (n_rounds * whole - alone) / (n_rounds - 1) / whole)


def _unbiased(moved: Floats) -> Floats:
    """
    By how much draws lie from what was found, as if half of them lay on either side: each at a quantile further on.

    The "linear" percentile of few queries lies below the population's, and a draw's below it again: the 95th of 200
    queries by a tenth of its interval. The bias-corrected percentile method: B. Efron 1981, "Nonparametric standard
    errors and confidence intervals", Canadian Journal of Statistics 9.
    """
    from scipy.special import ndtr, ndtri  # imported late: the normal distribution and its quantile

    n = len(moved)
    below = float(((moved < -ROUNDING).mean() + (moved <= ROUNDING).mean()) / 2)
    off = 2 * float(ndtri(np.clip(below, 0.5 / n, 1 - 0.5 / n)))
    places = np.empty(n)
    places[np.argsort(moved, kind="stable")] = (np.arange(n) + 0.5) / n
    return np.asarray(np.quantile(moved, ndtr(ndtri(places) + off)), np.float64)


def _weights(seed: int, n: int, number: int, n_draws: int) -> NDArray[np.float32]:
    """How often each of n things is in each of some draws of n with replacement: (n_draws, n). Not to be written to."""
    return (_kept if n <= MOST_KEPT else _drawn)(seed, n, number, n_draws)


def _drawn(seed: int, n: int, number: int, n_draws: int) -> NDArray[np.float32]:
    places = np.random.default_rng([seed, n, number]).integers(n, size=(n_draws, n)) + np.arange(n_draws)[:, None] * n
    return np.bincount(places.ravel(), minlength=n_draws * n).reshape(n_draws, n).astype(np.float32)


_kept = functools.lru_cache(maxsize=8)(_drawn)  # many cells time as many queries


def _near(samples: NDArray[np.int64], p: float) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """
    Values near a percentile, ascending, and how many samples of each column are no greater: (n_columns, n_values).

    float32 counts to 2**24 exactly, which no round comes near.
    """
    n_columns, ordered = samples.shape[1], np.sort(samples, axis=None)
    reach = REACH * float(np.sqrt(p * (1 - p) / n_columns)) if samples.size > GRID else 1.0
    ranks = np.linspace(max(0.0, p - reach), min(1.0, p + reach), GRID) * (samples.size - 1)
    values = np.unique(ordered[np.unique(np.rint(ranks).astype(np.int64))])
    places = np.searchsorted(values, samples) + np.arange(n_columns) * (len(values) + 1)
    counts = np.bincount(places.ravel(), minlength=n_columns * (len(values) + 1)).reshape(n_columns, -1)
    return values, counts[:, :-1].cumsum(axis=1).astype(np.float32)


def _quantile(
    weights: NDArray[np.float32], values: NDArray[np.int64], counts: NDArray[np.float32], rank: float
) -> NDArray[np.float64]:
    """The value of a rank from 0, between its two neighbours, of each draw: (n_draws,)."""
    below, share = divmod(rank, 1.0)
    moving = counts[:, 0] != counts[:, -1]  # few columns have samples among the values: the others count alike for all
    # (n_draws, n_values): samples of the draw that are no greater than each value
    known = weights[:, moving] @ counts[moving] + (weights[:, ~moving] @ counts[~moving, 0])[:, None]
    low, high = (values[np.minimum((known < place).sum(axis=1), len(values) - 1)] for place in (below + 1, below + 2))
    return np.asarray(low + share * (high - low) if share else low, np.float64)
