"""
Whether the times of a cell may be unstable, after the warnings that pyperf gives (psf/pyperf, pyperf/_cli.py).

pyperf compares the values of one benchmark. Queries differ by nature, so here rounds are compared with rounds and
passes with passes, by their medians, since the figure that is told is a median: a pass in which one query was delayed
is the same pass. Of pyperf's four warnings three have their counterpart:

- the standard deviation of the values is 10 % of their mean or more: asked of the rounds. Of the passes it would be
  decided by the one worst of fifty, which moves no median; so they are unstable where one in five lies 10 % away;
- a value lies 50 % or more from the mean: of rounds that is the first again (three of which one is 50 % off deviate by
  25 % and more);
- the shortest value is too short: a stamp of the clock costs about 0.1 µs, so below 5 µs it is 2 % of what is told;
- too few values for 1 % at 95 %: there is no such number of them here, since the interval beside a percentile tells of
  the choice of queries too, which a comparison over the same queries is free of. What is asked is ROUNDS.

pyperf cannot see what disturbed it. The kernel can: CPU contention, which is how long a process that was ready waited
for a core, and what the host took from a virtual machine (steal). Of 534 rounds of four stages of 16 to 31 µs on a
shared machine, those that waited for less than 2 % of their time were alike; 5 to 15 % went with a p50 up to 3 % and a
p95 2 to 6 % higher, more than 40 % with 3 to 9 % and 10 to 17 %. In threes, 51 of 200 had waited and were flagged; none
was for its rounds or passes.
"""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.records.schema import Fact

UNSTABLE = "unstable: "  # begins each flag that makes a cell's speed unfit to decide anything
SPREAD = 0.10  # standard deviation of the rounds' medians over their mean; how far a pass lies from its round's
FEW_PASSES = 0.20  # share of them that may lie so far away
SHORTEST_NS = 5_000
CONTENTION = 0.05  # share of the timed loops without a core
WAIT, STEAL = "waited_share", "stolen_share"  # facts of a stage
UNDER_LOAD = "rate_"  # begins their names where they are of the loops under load


class Disturbance:
    """CPU contention since it was made: the time that the main thread was ready and had no core (Linux)."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._before = _without_core()

    def shares(self) -> dict[str, Fact]:
        """
        Facts: the share of the time since then that it waited for a CPU (`waited_share`), and of steal, which the host
        took from all cores of the machine (`stolen_share`). Empty where the kernel does not tell.
        """
        seconds = time.perf_counter() - self._start
        after = _without_core()
        return {name: max(0.0, after[name] - self._before[name]) / seconds for name in self._before.keys() & after}


def _without_core() -> dict[str, float]:
    """Seconds so far, by the name of their share."""
    found = {}
    with contextlib.suppress(OSError, IndexError, ValueError):
        found[WAIT] = int(Path("/proc/self/schedstat").read_text().split()[1]) / 1e9
    with contextlib.suppress(OSError, IndexError, ValueError):
        found[STEAL] = int(Path("/proc/stat").read_text().split("\n", 1)[0].split()[8]) / 100  # USER_HZ
    return found


def contention(stages: Sequence[dict[str, Fact]]) -> dict[str, Fact]:
    """The median over some stages of each share of `Disturbance.shares`, by its name; none that no stage tells of."""
    found: dict[str, Fact] = {}
    for name in (WAIT, STEAL):
        known = [value for facts in stages if isinstance(value := facts.get(name), float)]
        if known:
            found[name] = statistics.median(known)
    return found


def warnings(rounds: Sequence[NDArray[np.int64]], shares: dict[str, Fact]) -> list[str]:
    """
    The flags of a cell whose times may be unstable, each beginning with UNSTABLE.

    rounds: (n_passes, n_queries) nanoseconds each, text to ids. shares: of the stages that they were timed in, as
    `contention` tells them: their median counts, as the rounds' median is what is told of a percentile.
    """
    flags = []
    timed = [samples for samples in rounds if samples.size]
    medians = [float(np.median(samples)) for samples in timed]
    spread = statistics.stdev(medians) / statistics.mean(medians) if len(medians) > 1 and any(medians) else 0.0
    if spread >= SPREAD:
        flags.append(f"{UNSTABLE}p50 of the rounds differ: standard deviation {spread:.0%} of their mean")
    passes = [np.median(samples, axis=1) / middle for samples, middle in zip(timed, medians, strict=True) if middle]
    away = float((np.abs(np.concatenate(passes) - 1) >= SPREAD).mean()) if passes else 0.0
    if away >= FEW_PASSES:
        flags.append(f"{UNSTABLE}p50 of {away:.0%} of the passes lies {SPREAD:.0%} or more from that of their round")
    if medians and (shortest := statistics.median(medians)) < SHORTEST_NS:
        flags.append(f"{UNSTABLE}p50 of {shortest / 1e3:.1f} µs: the clock's own stamp is more than 2 % of it")
    for name, kind in ((WAIT, "CPU wait"), (STEAL, "CPU steal")):
        share = shares.get(name)
        if isinstance(share, float) and share >= CONTENTION:
            flags.append(f"{UNSTABLE}{kind} in {share:.0%} of the timed loops: other work ran on the machine")
    return flags
