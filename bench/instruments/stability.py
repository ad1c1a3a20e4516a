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
was for its rounds or passes. So contention speaks against tails and throughput, not against the whole cell.
"""

from __future__ import annotations

import contextlib
import re
import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.records.schema import Fact, RecordFields

# What a flag begins with.
UNSTABLE = "unstable: "
REMEMBERS = "remembers: "  # queries that were asked before are answered faster
THREADS = "threads: "  # more of them at work than declared
CONTENDED = "contention: "  # of a figure, never of a cell
OF_TIMES = (UNSTABLE, REMEMBERS, THREADS)  # with any of them a cell's speed is unfit to decide anything
# The keys of JSON that are times of queries asked again and again.
REPEATED = re.compile(r"(single|encode|search|joint|rate|cpu)_p\d+_ms|joint_gap|(search_)?batch_qps|capacity_qps")
OF_NEW = re.compile(r"new_p\d+_ms")
# The figures that contention moves, tails and throughput: key of JSON -> its place in a record.
TOUCHED: Mapping[str, str] = {
    "single_p95_ms": "single.p95",
    "single_p99_ms": "single.p99",
    "search_p95_ms": "search.p95",
    "new_p95_ms": "new.p95",
    "batch_qps": "batch_qps",
    "search_batch_qps": "search_batch_qps",
    "rate_p95_ms": "rate.latency.p95",
    "rate_p99_ms": "rate.latency.p99",
    "capacity_qps": "rate.held_qps",
}
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


def contention(stages: Sequence[dict[str, Fact]], prefix: str = "") -> dict[str, Fact]:
    """
    The median over some stages of each share of `Disturbance.shares`, by its name; none that no stage tells of.

    prefix: UNDER_LOAD for those of the loops under load.
    """
    found: dict[str, Fact] = {}
    for name in (f"{prefix}{WAIT}", f"{prefix}{STEAL}"):
        known = [value for facts in stages if isinstance(value := facts.get(name), float)]
        if known:
            found[name] = statistics.median(known)
    return found


def figure_flags(times: RecordFields, shares: Mapping[str, Fact]) -> dict[str, str]:
    """
    Key of JSON -> what speaks against that figure alone: CPU contention against tails and throughput.

    times: fields of the record; what was not measured has no flag. shares: as `contention` tells them.
    """
    found: dict[str, str] = {}
    for key, place in TOUCHED.items():
        field, *names = place.split(".")
        value = times.get(field)
        for name in names:
            value = None if value is None else getattr(value, name)
        said = _contended(shares, UNDER_LOAD if field == "rate" else "")
        if said and value is not None:
            found[key] = said
    return found


def _contended(shares: Mapping[str, Fact], prefix: str) -> str:
    """What there is to say of contention; empty where there was little."""
    known = ((kind, shares.get(f"{prefix}{name}")) for name, kind in ((WAIT, "CPU wait"), (STEAL, "CPU steal")))
    much = [f"{kind} in {share:.0%}" for kind, share in known if isinstance(share, float) and share >= CONTENTION]
    loops = "loops under load" if prefix else "timed loops"
    return f"{CONTENDED}{' and '.join(much)} of the {loops}: other work ran on the machine" if much else ""


def remembers(flags: Iterable[str]) -> bool:
    """Whether a cell's flags say that queries which were asked before are answered faster."""
    return any(flag.startswith(REMEMBERS) for flag in flags)


def doubts(flags: Iterable[str], figure_flags: Mapping[str, str], key: str) -> list[str]:
    """What speaks against one figure of a cell, by its key of JSON: flags of all its times, and the figure's own."""
    touching: tuple[str, ...] = ()
    if REPEATED.fullmatch(key):
        touching = OF_TIMES
    elif OF_NEW.fullmatch(key):
        touching = (UNSTABLE, THREADS)
    return [flag for flag in flags if flag.startswith(touching)] + [
        said for name, said in figure_flags.items() if name == key
    ]


def warnings(rounds: Sequence[NDArray[np.int64]]) -> list[str]:
    """
    The flags of a cell whose times may be unstable, each beginning with UNSTABLE.

    rounds: (n_passes, n_queries) nanoseconds each, text to ids.
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
    return flags
