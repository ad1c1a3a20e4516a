"""Whether one of two becomes slower: what interleaved pairs of rounds decide, asked again after each."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Decision: TypeAlias = Literal["slower", "pass", "undecided"]

FEWEST_ROUNDS = 5  # of which a trimmed mean still has three
BEYOND_NOISE = {3: 2.0, 4: 1.5}  # so few pairs decide where each of them is so many times as slow
TRIMMED = 0.2  # share of the rounds that is left out at either end
SLOWER_ALPHA = 0.001  # of each look, one-sided
NOISY_ALPHA = 0.0001  # the same of figures that vary by more than the smallest difference: tails, batches
PASS_ALPHA = 0.01
TOO_MANY = 1_000  # pairs of rounds, that nobody waits for


def decision_of(
    ratios: ArrayLike, slower: float, alpha: float = SLOWER_ALPHA
) -> tuple[Decision, tuple[float, float] | None]:
    """
    What the log ratios (new / old) of some pairs of rounds decide, and the lower and the upper bound that it goes by.

    `slower` where the lower bound is above 0 and the median at least log(1 + slower); `pass` where both the upper bound
    and the median are below that. Asked after each pair from FEWEST_ROUNDS on; sooner where each pair lies
    beyond any noise, and then the bounds are the least and the greatest of them. The bounds are the tighter ones of
    two means: the plain one by Student's t, which tells most of few rounds, and the one trimmed at both ends with the
    winsorised spread (Tukey & McLaughlin 1963), which a neighbour's bursts do not move. A level alone, asked again
    and again, would cry wolf: the second condition of `slower` is what keeps A/A quiet.

    Resampled 20,000 times from pairs of real rounds of two cells, 150 each on two cores that others used too (their
    spread 1.6 and 2.8 %), and 34 each with a busy loop on the other core as well (2.1 and 3.7 %): A/A is called slower
    in at most 0.01 %; +10 % is caught in 83 to 99.9 % within 6 pairs, 98.5 % and more within 8, all within 16, and
    passes in none; +5 % in 35 to 62 % within 8, 67 to 74 % within 16. Synthetic noise, within 16: normal of 8 %: 0.8 %
    and 88 %; bursts (40 % on average, either way) in every tenth pair: none and 99.8 %, where the plain mean alone
    catches 78 %. Where other jobs came and went (64 pairs of eight cells, which spread by 40 %) each of three was twice
    as slow, or each of four half as slow again, in .05 to .1 % of A/A, figure by figure, and in 56 to 61 % at x2.35.
    Rounds that vary more tell later: results/trust.md has recordings of several minutes one by one.
    """
    found = np.sort(np.asarray(ratios, np.float64))
    beyond = max(BEYOND_NOISE.get(len(found), np.inf), 1 + slower)
    if len(found) and found[0] >= np.log(beyond):
        return "slower", (float(found[0]), float(found[-1]))
    if len(found) < FEWEST_ROUNDS:
        return "undecided", None
    pairs = [_bounds(found, cut, alpha) for cut in (0, max(1, int(TRIMMED * len(found))))]
    low, high = max(low for low, _ in pairs), min(high for _, high in pairs)
    median, limit = float(np.median(found)), float(np.log1p(slower))
    if low > 0 and median >= limit:
        return "slower", (low, high)
    return ("pass" if max(high, median) < limit else "undecided"), (low, high)


def rounds_needed(ratios: ArrayLike, slower: float) -> int | None:
    """
    About how many pairs decide, were the next ones as those so far (at least two); None for a thousand.

    As many as bring the bound of the plain mean, by Student's t, past what it has to pass: then every other does.
    """
    from scipy.special import stdtrit

    found = np.asarray(ratios, np.float64)
    median, limit, spread = float(np.median(found)), float(np.log1p(slower)), float(found.std(ddof=1))
    away, alpha = (median, SLOWER_ALPHA) if median >= limit else (limit - median, PASS_ALPHA)
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
