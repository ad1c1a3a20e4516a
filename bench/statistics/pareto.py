"""The Pareto frontier of quality and cost: what no other beats in one without losing in the other."""

from __future__ import annotations

import math
from collections.abc import Sequence


def frontier(quality: Sequence[float], cost: Sequence[float]) -> list[bool]:
    """
    Which of some candidates no other beats: none is at least as good at no more cost, and better in one of the two.

    Those that are equal in both stand or fall together.

    Args:
        quality: of each, higher is better.
        cost: of each, lower is better.
    """
    on = [False] * len(quality)
    best, paid = -math.inf, math.inf  # the best so far, and what it costs
    for index in sorted(range(len(quality)), key=lambda index: (cost[index], -quality[index])):
        if quality[index] > best:
            best, paid = quality[index], cost[index]
        on[index] = (quality[index], cost[index]) == (best, paid)
    return on
