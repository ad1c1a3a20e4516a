"""
At which volume of queries two cells cost the same, and where the frontier of quality and price changes.

A month costs a fixed part and a part for each query (`bench.analysis.prices`), so two cells cost the same where

    fixed + queries * query = other fixed + queries * other query
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple, TypeAlias

from bench.analysis.prices import Interval, Price

ROUNDING = 1e-9  # share by which costs at one volume may differ and be equal


@dataclass(frozen=True)
class PriceCrossing:
    """Which of two cells costs less, the first (0) or the second (1), and from which volume on it is the other."""

    below: int  # while fewer queries are asked
    above: int  # the same as below where they never cost the same
    queries: float | None = None  # a month at which they do; None: never
    interval: Interval | None = None  # of it, within the intervals of both times; inf: they may never


PairCrossing: TypeAlias = tuple[tuple[int, int], PriceCrossing]  # positions of two cells, and where they cross


class _Cost(NamedTuple):
    """A price of which both parts are known."""

    fixed: float  # a month
    query: float  # each
    interval: Interval | None  # of `query`

    def at(self, queries: float) -> float:
        return self.fixed + queries * self.query


def crossing(one: Price, other: Price) -> PriceCrossing | None:
    """
    Which of two cells costs less, and from which volume on it is the other.

    None where a price is not known, and where they cost the same whatever is asked.
    """
    first, second = _cost(one), _cost(other)
    return None if first is None or second is None else _crossing(first, second)


def frontier_crossings(quality: Sequence[float], prices: Sequence[Price]) -> list[PairCrossing]:
    """
    The pairs of cells at whose crossing the frontier of quality and price changes: no third cell beats either there.

    On one side of it the two are on the frontier together, or each is on one side alone.

    Args:
        quality: of each cell, higher is better.
        prices: of each cell; those that are not known cross nothing.
    """
    known = {place: cost for place, price in enumerate(prices) if (cost := _cost(price)) is not None}
    kept = {
        place: cost
        for place, cost in known.items()
        if not any(_dominates((quality[k], *other[:2]), (quality[place], *cost[:2])) for k, other in known.items())
    }
    found = []
    for pair in combinations(kept, 2):
        met = _crossing(kept[pair[0]], kept[pair[1]])
        if met is not None and met.queries is not None and not _is_beaten(pair, met.queries, quality, kept):
            found.append((pair, met))
    return found


def _cost(price: Price) -> _Cost | None:
    if price.fixed is None or price.query is None:
        return None
    return _Cost(price.fixed, price.query, price.query_interval)


def _crossing(one: _Cost, other: _Cost) -> PriceCrossing | None:
    if one[:2] == other[:2]:
        return None
    first = 0 if one[:2] < other[:2] else 1  # costs less while hardly anything is asked
    few, many = (one, other) if first == 0 else (other, one)
    gap, slope = many.fixed - few.fixed, few.query - many.query
    queries = gap / slope if gap > 0 and slope > 0 else math.inf
    if not 0 < queries < math.inf:
        return PriceCrossing(first, first)
    return PriceCrossing(first, 1 - first, queries, _interval(few, many))


def _interval(few: _Cost, many: _Cost) -> Interval | None:
    """Volumes that the ends of both intervals give; both at their worst together, so that it is rather too wide."""
    if few.interval is None or many.interval is None:
        return None
    gap = many.fixed - few.fixed
    least, most = few.interval[0] - many.interval[1], few.interval[1] - many.interval[0]
    return gap / most if most > 0 else math.inf, gap / least if least > 0 else math.inf


def _is_beaten(pair: tuple[int, int], queries: float, quality: Sequence[float], kept: Mapping[int, _Cost]) -> bool:
    """Whether a third cell is as good as one of two and costs less at a volume; of equal cost none is better."""
    return any(
        quality[k] >= quality[mine] and other.at(queries) < kept[mine].at(queries) * (1 - ROUNDING)
        for k, other in kept.items()
        if k not in pair
        for mine in pair
    )


def _dominates(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """Whether a cell is as good at no more of any cost, and better in something: its quality, then its costs."""
    no_worse = one[0] >= other[0] and all(mine <= theirs for mine, theirs in zip(one[1:], other[1:], strict=True))
    return no_worse and one != other
