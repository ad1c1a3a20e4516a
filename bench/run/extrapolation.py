"""What was tried on a share of the passages -> what all of them will take, and between which bounds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TypeAlias

from bench.progress import Range
from bench.records.schema import Fact
from bench.stage.rehearsal import WITHOUT_CORE, points

SPREAD = 1.1  # of what is measured twice on one machine
PER_STEP = 0.05  # and so much more, as a power, for how many times larger than what was tried it is
USED = 5  # of the sizes tried, the largest ones: what is small is setting up and noise
LOOKED_AT, MOST_OFF = 3, 2.0  # so many of the largest sizes say how far all may lie off, by this factor at most
STRAIGHT = 1.02  # an exponent above it is no measuring error: it may well grow on

Point: TypeAlias = tuple[int, float]  # a size, and what it took

NOTHING = Range.exactly(0.0)


def measured(value: float) -> Range:
    """What was measured once, measured again."""
    return Range(value / SPREAD, value, value * SPREAD)


def undisturbed(seconds: Range, share: float) -> Range:
    """
    Seconds that were foreseen while other work took the cores, at their least once that has ended.

    share: of the time in which it could have worked, what others had.
    """
    return seconds._replace(low=seconds.low * (1.0 - share))


def seconds_of(facts: Mapping[str, Fact], what: str, size: int) -> Range:
    """
    `extrapolated` of a time: it is shorter once other work has ended, and was tried in moments that are not alike.

    So it is as much wider as the largest sizes tried lie off what all of them tell; by MOST_OFF at most.
    """
    found, tried = extrapolated(facts, what, size), points(facts, what)[-USED:]
    if found.likely is not None and found.high is not None and len(tried) > 1 and size > tried[-1][0]:
        wider = min(max(_off(value, _predicted(tried, at)) for at, value in tried[-LOOKED_AT:]), MOST_OFF)
        found = Range(found.low / wider, found.likely, found.high * wider)
    return undisturbed(found, without_core(facts))


def without_core(facts: Mapping[str, Fact]) -> float:
    """What share of a rehearsal other work had the cores; 0 where nobody looked."""
    found = facts.get(WITHOUT_CORE)
    return found if isinstance(found, float) else 0.0


def extrapolated(facts: Mapping[str, Fact], what: str, size: int) -> Range:
    """
    Seconds or bytes of `what` at a size, from the largest sizes tried.

    Likely is the greater of a straight line and of a power law: what has to be set up first looks flatter than it is,
    and a graph grows faster than its passages. Where it does, n log n is a bound too. Both go through the sizes as the
    median of all pairs of them has it (Theil 1950, Sen 1968), so that one that was tried in a slow moment does not turn
    them. One size alone tells nothing of a larger one, but that it takes no less.
    """
    found = points(facts, what)[-USED:]
    if not found:
        return NOTHING
    last, value = found[-1]
    if size <= last:
        return Range.exactly(value)
    if len(found) == 1:
        return Range(value, None, None)
    likely = max(value, _predicted(found, size))
    log = _predicted(found, last) * size * math.log(size) / (last * math.log(last)) if _grows(found) else 0.0
    spread = SPREAD * (size / last) ** PER_STEP
    return Range(max(value, _line(found, size) / spread), likely, max(likely, log) * spread)


def _off(value: float, told: float) -> float:
    """By which factor one lies off the other."""
    return max(value / told, told / value) if min(value, told) > 0 else MOST_OFF


def _grows(tried: Sequence[Point]) -> bool:
    """Whether it grows faster than the passages, where that can be told."""
    return tried[-1][0] > 1 and min(value for _, value in tried) > 0 and _exponent(tried) > STRAIGHT


def _predicted(tried: Sequence[Point], size: int) -> float:
    """The greater of the straight line and of the power law through some sizes; where one took nothing, the line."""
    line = _line(tried, size)
    if min(value for _, value in tried) <= 0:
        return line
    exponent = min(max(_exponent(tried), 0.0), 2.0)
    powers: list[float] = [value * (size / at) ** exponent for at, value in tried]
    return max(line, statistics.median(powers))


def _line(tried: Sequence[Point], size: int) -> float:
    slope = statistics.median(max(0.0, b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(tried, 2))
    return float(statistics.median(value + slope * (size - at) for at, value in tried))


def _exponent(tried: Sequence[Point]) -> float:
    return statistics.median(math.log(b[1] / a[1]) / math.log(b[0] / a[0]) for a, b in combinations(tried, 2))
