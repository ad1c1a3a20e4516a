"""Whether one of two becomes slower: what interleaved pairs of rounds decide, asked again after each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Decision: TypeAlias = Literal["slower", "pass", "undecided"]


class Level(NamedTuple):
    """How sure it has to be that a figure is slower."""

    alpha: float  # of each look, one-sided
    beyond_noise: Mapping[int, float]  # so few pairs decide where each of them is so many times as slow


FEWEST_ROUNDS = 5
TRIMMED, TRIMMED_ROUNDS = 0.2, 8  # share of the rounds that is left out at either end, of so many rounds or more
STEADY = Level(0.0002, {3: 2.0, 4: 1.5})
NOISY = Level(0.00003, {3: 3.0, 4: 2.0})  # figures that vary by more than the smallest difference: tails, batches
PASS_ALPHA = 0.01
TOO_MANY = 1_000  # pairs of rounds, that nobody waits for


def decision_of(ratios: ArrayLike, slower: float, level: Level = STEADY) -> tuple[Decision, tuple[float, float] | None]:
    """
    What the log ratios (new / old) of some pairs of rounds decide, and the lower and the upper bound that it goes by.

    `slower` where the lower bound is above 0 and the median at least log(1 + slower); `pass` where both the upper bound
    and the median are below that. Asked after each pair from FEWEST_ROUNDS on; sooner where each pair lies
    beyond any noise, and then the bounds are the least and the greatest of them. The bounds are the tighter ones of
    two means: the plain one by Student's t, which tells most of few rounds, and from TRIMMED_ROUNDS on the one trimmed
    at both ends with the winsorised spread (Tukey & McLaughlin 1963), which a neighbour's bursts do not move: of fewer
    rounds what is left may well be alike by chance. A level alone, asked again and again, would cry wolf: the second
    condition of `slower` is what keeps A/A quiet.

    Resampled 40,000 times from 1,300 real pairs of alike rounds on two cores that other work used too (in half of them
    a loop kept one busy; half of the p50 differ by more than 12 %, of the p95 by more than 28 %), within 16 pairs: A/A
    is called slower in .028 % of p50, .020 % of p95, .003 % of new queries and .017 % of batches; of p50 +20 % is
    caught in 35 %, +50 % in 96 %, x2.35 in all, and in 97 % within 8. Normal noise of 2 % (40,000 times): A/A never,
    +10 % in 91 % within 6 and in all within 8; of 4 %: .022 %, and 68 % within 8, all within 16; of 8 %: .22 %, and
    68 % within 16; of 3 % with bursts (40 %, either way) in every tenth pair: never, and 99 % within 16. Rounds that
    vary more tell later: results/trust.md has recordings of several minutes one by one.
    """
    found = np.sort(np.asarray(ratios, np.float64))
    beyond = max(level.beyond_noise.get(len(found), np.inf), 1 + slower)
    if len(found) and found[0] >= np.log(beyond):
        return "slower", (float(found[0]), float(found[-1]))
    if len(found) < FEWEST_ROUNDS:
        return "undecided", None
    cuts = (0, int(TRIMMED * len(found))) if len(found) >= TRIMMED_ROUNDS else (0,)
    pairs = [_bounds(found, cut, level.alpha) for cut in cuts]
    low, high = max(low for low, _ in pairs), min(high for _, high in pairs)
    median, limit = float(np.median(found)), float(np.log1p(slower))
    if low > 0 and median >= limit:
        return "slower", (low, high)
    return ("pass" if max(high, median) < limit else "undecided"), (low, high)


def rounds_needed(ratios: ArrayLike, slower: float, level: Level = STEADY) -> int | None:
    """
    About how many pairs decide, were the next ones as those so far (at least two); None for a thousand.

    As many as bring the bound of the plain mean, by Student's t, past what it has to pass: then every other does.
    """
    from scipy.special import stdtrit

    found = np.asarray(ratios, np.float64)
    median, limit, spread = float(np.median(found)), float(np.log1p(slower)), float(found.std(ddof=1))
    away, alpha = (median, level.alpha) if median >= limit else (limit - median, PASS_ALPHA)
    n = np.arange(FEWEST_ROUNDS, TOO_MANY)
    enough = n[-stdtrit(n - 1, alpha) * spread <= away * np.sqrt(n)]
    return int(enough[0]) if len(enough) else None


def _bounds(found: NDArray[np.float64], cut: int, alpha: float) -> tuple[float, float]:
    """The lower and the upper bound of the mean of sorted values, `cut` of them left out at either end."""
    from scipy.special import stdtrit

    n = len(found)
    kept = found[cut : n - cut]
    error = float(np.clip(found, kept[0], kept[-1]).std(ddof=1)) / ((1 - 2 * cut / n) * np.sqrt(n))
    mean, freedom = float(kept.mean()), len(kept) - 1
    return mean + error * float(stdtrit(freedom, alpha)), mean - error * float(stdtrit(freedom, PASS_ALPHA))
