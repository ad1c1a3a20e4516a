"""The same work again and again: how much its time varies where nothing but the machine differs."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.instruments.stability import STEAL, WAIT, Disturbance
from bench.statistics import bootstrap

ROUNDS = 10
SECONDS_A_ROUND = 0.5
STEPS = 20_000  # of a linear congruential generator: about a millisecond of plain arithmetic
CLOCK_STAMPS = 10_000


class Repeats(NamedTuple):
    """Times of the same work, round by round, and what disturbed it."""

    rounds: Sequence[NDArray[np.int64]]  # nanoseconds
    waited: float | None = None  # of the time, without a core while ready; None: not known
    stolen: float | None = None  # of the time of one core, by the host

    @property
    def p50_ms(self) -> float:
        return bootstrap.percentile(self.rounds, 0.50) / 1e6

    @property
    def deviation(self) -> float:
        """The median absolute deviation as a share of the median, of the median round."""
        return float(
            np.median([np.median(np.abs(times - np.median(times))) / np.median(times) for times in self.rounds])
        )

    @property
    def tail(self) -> float:
        """p95 / p50."""
        return bootstrap.percentile(self.rounds, 0.95) / bootstrap.percentile(self.rounds, 0.50)

    @property
    def tail_moves(self) -> float:
        """Standard deviation of the rounds' p95, as a share of their mean."""
        tails = bootstrap.by_round(self.rounds, 0.95)
        return float(tails.std(ddof=1) / tails.mean())


def repeated(rounds: int = ROUNDS, seconds: float = SECONDS_A_ROUND) -> Repeats:
    """Do the same work for so many rounds of so many seconds; a round has at least two repeats."""
    disturbance = Disturbance()
    times = [_round(seconds) for _ in range(rounds)]
    shares = disturbance.shares()
    waited, stolen = (shares.get(name) for name in (WAIT, STEAL))
    return Repeats(
        times,
        waited if isinstance(waited, float) else None,
        stolen if isinstance(stolen, float) else None,
    )


def _round(seconds: float) -> NDArray[np.int64]:
    clock = time.perf_counter_ns
    found: list[int] = []
    begin = clock()
    while len(found) < 2 or clock() - begin < seconds * 1e9:
        start = clock()
        _work()
        found.append(clock() - start)
    return np.array(found, np.int64)


def _work() -> int:
    state = 1
    for _ in range(STEPS):
        state = (state * 1_103_515_245 + 12_345) & 0x7FFF_FFFF
    return state


def clock_step_ns() -> int:
    """The smallest step that two stamps of the clock lie apart, where they differ."""
    clock = time.perf_counter_ns
    stamps = [clock() for _ in range(CLOCK_STAMPS)]
    steps = [later - earlier for earlier, later in itertools.pairwise(stamps) if later > earlier]
    return min(steps, default=0)
