"""
How sure a ratio of two times is: a bootstrap over rounds and over queries (design, section 7, rule 6).

Draws come from seeds, so that what two retrievers share is drawn alike for both: where both were asked the same
queries, one draw of queries holds for both, and what is due to the choice of queries leaves their ratio. The same goes
for rounds that both were measured in.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

DRAWS = 1_000
LEVEL = 0.95
GRID = 256  # values about a percentile at which the distribution is looked at
REACH = 6.0  # standard errors of the percentile's rank that they span


def draws(
    rounds: Sequence[NDArray[np.int64]], p: float, *, rounds_seed: int, columns_seed: int, crossed: bool = True
) -> NDArray[np.float64]:
    """
    A percentile in each of DRAWS bootstrap draws, in the unit of the samples: (DRAWS,), the median over drawn rounds.

    rounds: each (n_passes, n_columns); a column is drawn with all its passes. crossed: the columns are the same queries
    in every round, and one draw of them holds for all rounds; else they are drawn anew for each round.
    """
    n_rounds = len(rounds)
    chosen = np.random.default_rng(rounds_seed).integers(n_rounds, size=(DRAWS, n_rounds))
    found = np.empty((DRAWS, n_rounds))
    for number, samples in enumerate(rounds):
        weights = _weights(columns_seed + (0 if crossed else number), samples.shape[1])
        found[:, number] = _percentiles(samples, p, weights)
    return np.asarray(np.median(np.take_along_axis(found, chosen, axis=1), axis=1), np.float64)


def interval(old: NDArray[np.float64], new: NDArray[np.float64]) -> tuple[float, float] | None:
    """The 95 % interval of new / old, from the draws of both; None where old may be nothing."""
    if not (old > 0).all():
        return None
    low, high = np.quantile(new / old, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return float(low), float(high)


def student(old: NDArray[np.float64], new: NDArray[np.float64], *, alike: bool) -> tuple[float, float] | None:
    """
    The 95 % interval of new / old by Student's t on the logarithms of one number a round; None of fewer than two.

    old, new: (n_rounds,). alike: both were measured in the same rounds, whose ratios are taken; else the rounds are
    independent: B. Welch 1947, "The generalization of Student's problem when several different population variances
    are involved", Biometrika 34. None too where a number is not above 0, which has no logarithm.
    """
    from scipy.special import stdtrit  # imported late: the quantile of Student's t

    if min(len(old), len(new)) < 2 or not ((old > 0).all() and (new > 0).all()):
        return None
    before, after = np.log(old), np.log(new)
    parts = [after - before] if alike and len(old) == len(new) else [after, before]
    squares = [float(part.var(ddof=1)) / len(part) for part in parts]
    total = sum(squares)
    weight = sum(square**2 / (len(part) - 1) for square, part in zip(squares, parts, strict=True))
    reach = float(stdtrit(total**2 / weight, (1 + LEVEL) / 2)) * total**0.5 if weight > 0 else 0.0
    middle = float(after.mean() - before.mean())
    return float(np.exp(middle - reach)), float(np.exp(middle + reach))


def wider(drawn: tuple[float, float] | None, told: tuple[float, float] | None) -> tuple[float, float] | None:
    """
    As far as either interval reaches; the first where there is no second.

    A bootstrap of few rounds reaches no further than from the least to the greatest: of three that differ by noise of
    2 or 5 % alone it tells 6 to 25 % apart, with Student's t beside it 2 to 5 % (4,000 simulations each).
    """
    if drawn is None or told is None:
        return drawn
    return min(drawn[0], told[0]), max(drawn[1], told[1])


def _weights(seed: int, n: int) -> NDArray[np.float32]:
    """How often each of n columns is in each draw of n with replacement: (DRAWS, n)."""
    places = np.random.default_rng([seed, n]).integers(n, size=(DRAWS, n)) + np.arange(DRAWS)[:, None] * n
    return np.bincount(places.ravel(), minlength=DRAWS * n).reshape(DRAWS, n).astype(np.float32)


def _percentiles(samples: NDArray[np.int64], p: float, weights: NDArray[np.float32]) -> NDArray[np.float64]:
    """
    The percentile of each draw, (DRAWS,): the lowest of some values near it that a share p of the draw does not exceed.

    Exact where a round has no more than GRID samples, else near it by a twentieth of its standard error.
    """
    n_columns, ordered = samples.shape[1], np.sort(samples, axis=None)
    reach = REACH * float(np.sqrt(p * (1 - p) / n_columns)) if samples.size > GRID else 1.0
    ranks = np.linspace(max(0.0, p - reach), min(1.0, p + reach), GRID) * (samples.size - 1)
    values = np.unique(ordered[np.unique(np.rint(ranks).astype(np.int64))])
    places = np.searchsorted(values, samples) + np.arange(n_columns) * (len(values) + 1)
    counts = np.bincount(places.ravel(), minlength=n_columns * (len(values) + 1)).reshape(n_columns, -1)
    not_above = weights @ counts[:, :-1].cumsum(axis=1).astype(np.float32)  # exact to 2**24, far above any round
    place = (not_above < np.floor(p * (samples.size - 1)) + 1).sum(axis=1)
    return np.asarray(values[np.minimum(place, len(values) - 1)], np.float64)
