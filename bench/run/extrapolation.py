"""What was tried on a share of the passages -> what all of them will take, and between which bounds."""

from __future__ import annotations

import math
from collections.abc import Mapping

from bench.progress import Range
from bench.records.schema import Fact
from bench.stage.rehearsal import WITHOUT_CORE, points

SPREAD = 1.1  # of what is measured twice on one machine
PER_STEP = 0.05  # and so much more, as a power, for how many times larger than what was tried it is
STRAIGHT = 1.02  # an exponent above it is no measuring error: it may well grow on


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
    """`extrapolated` of a time, which is shorter once other work has ended."""
    return undisturbed(extrapolated(facts, what, size), without_core(facts))


def without_core(facts: Mapping[str, Fact]) -> float:
    """What share of a rehearsal other work had the cores; 0 where nobody looked."""
    found = facts.get(WITHOUT_CORE)
    return found if isinstance(found, float) else 0.0


def extrapolated(facts: Mapping[str, Fact], what: str, size: int) -> Range:
    """
    Seconds or bytes of `what` at a size, from the two largest sizes tried.

    Likely is the greater of the straight line through both and of the power law through both: what has to be set up
    first looks flatter than it is, and a graph grows faster than its passages. Where it does, n log n through the
    largest is a bound too. One size alone tells nothing of a larger one, but that it takes no less.
    """
    found = points(facts, what)
    if not found:
        return NOTHING
    last, value = found[-1]
    if size <= last:
        return Range.exactly(value)
    if len(found) == 1:
        return Range(value, None, None)
    before, earlier = found[-2]
    line = value + max(0.0, value - earlier) / (last - before) * (size - last)
    exponent = math.log(value / earlier) / math.log(last / before) if min(value, earlier) > 0 else 1.0
    power = value * (size / last) ** min(max(exponent, 0.0), 2.0)
    likely = max(line, power)
    log = value * size * math.log(size) / (last * math.log(last)) if exponent > STRAIGHT and last > 1 else 0.0
    spread = SPREAD * (size / last) ** PER_STEP
    return Range(max(value, line / spread), likely, max(likely, log) * spread)
