"""
How much of a mean difference is missing where it is taken over a part of the queries alone.

E. Fieller 1954, "Some problems in interval estimation", Journal of the Royal Statistical Society B 16: the shares that
the queries do not contradict are those at which what is left, mean of the part - (1 - share) mean of all, may be 0.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from bench.statistics import intervals
from bench.statistics.clusters import Floats, totals

Interval: TypeAlias = tuple[float, float]

FIRST, DOUBLINGS = 0.125, 12  # how far from the share its ends are looked for, up to 512: beyond, nothing is known
HALVINGS = 30


def missing_share(differences: Floats, part: NDArray[np.bool_]) -> float:
    """
    1 - the mean of a part / the mean of all: 0 where both are as large, 1 where the part's is 0, above 1 of other sign.

    differences: (n_queries,) of a mean that is not 0; part: (n_queries,), at least one of them.
    """
    return 1 - float(differences[part].mean()) / float(differences.mean())


def interval(
    differences: Floats, part: NDArray[np.bool_], clusters: Sequence[Hashable] | None = None
) -> Interval | None:
    """
    The 95 % interval of `missing_share`: every share at which the clustered interval of what is left holds 0.

    clusters: (n_queries,) labels; None: each query is its own. The part is taken as given, as thirds of these very
    queries are. None of fewer than two clusters, and where an end is out of reach, since the mean of all may be 0.
    """
    share = missing_share(differences, part)
    sizes = totals(differences, clusters)[1]
    if len(sizes) < 2:
        return None
    inside, weight = differences[part].mean(), len(differences) / int(part.sum())
    around = np.where(part, (differences - inside) * weight, 0.0) + inside  # mean of the part, by what moves it

    def holds_0(share: float) -> bool:
        left = totals(around - (1 - share) * differences, clusters)[0]
        low, high = intervals.of_difference(left, sizes)
        return bool(low <= 0 <= high)

    low, high = (_end(share, sign, holds_0) for sign in (-1, 1))
    return None if low is None or high is None else (low, high)


def _end(share: float, sign: int, holds_0: Callable[[float], bool]) -> float | None:
    """The share farthest to one side at which what is left may be 0, by halving; None where there is no such end."""
    reaches = (FIRST * 2**power for power in range(DOUBLINGS + 1))
    beyond = next((reach for reach in reaches if not holds_0(share + sign * reach)), None)
    if beyond is None:
        return None
    within = 0.0
    for _ in range(HALVINGS):
        middle = (within + beyond) / 2
        within, beyond = (middle, beyond) if holds_0(share + sign * middle) else (within, middle)
    return share + sign * within
