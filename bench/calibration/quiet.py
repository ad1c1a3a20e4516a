"""
Whether a machine is quiet: what was observed of it -> findings in words, each with a verdict and what to do.

What is measured decides: other work, and how much the same work varies. What is set (governor, turbo) explains, and
makes no machine noisy by itself. Without a core for less than 2 % of the time, nothing was seen in times
(`bench.instruments.stability`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, TypeAlias

import msgspec

from bench.calibration import same_work
from bench.calibration.other_work import OtherWork, Shares
from bench.calibration.same_work import Repeats
from bench.calibration.settings import CpuSettings, settings
from bench.instruments import processor
from bench.instruments.stability import SHORTEST_NS, SPREAD

Verdict: TypeAlias = Literal["quiet", "noisy", "may vary", "unknown"]

WITHOUT_CORE = 0.02  # share of the time, from which on times are seen to grow
OTHERS = 0.05  # share of all cores' time that other processes take
LOAD_PER_CORE = 0.5
DEVIATION = 0.05  # of the same work: half of its repeats lie as far from their median
TAIL = 1.10  # p95 / p50 of the same work
CLOCK_NS = SHORTEST_NS // 50  # 2 % of the shortest time that is told
MORE_ROUNDS = 10


class Observation(NamedTuple):
    """What was observed of a machine."""

    cores: int
    load_average: float | None  # of the last minute, before anything was measured
    other_work: Shares
    repeats: Repeats
    clock_step_ns: int
    settings: CpuSettings


class Noise(msgspec.Struct, frozen=True, kw_only=True):
    """One thing about a machine. value: the number that the verdict follows, None: unknown, or there is none."""

    name: str
    found: str
    verdict: Verdict
    advice: str = ""
    value: float | None = None
    limit: float | None = None  # from which on the value is no longer quiet


def observe() -> Observation:
    """Observe this machine, for about five seconds."""
    load_average = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    others = OtherWork(named=True)
    repeats = same_work.repeated()
    return Observation(
        cores=processor.cores(),
        load_average=load_average,
        other_work=others.shares(),
        repeats=repeats,
        clock_step_ns=same_work.clock_step_ns(),
        settings=settings(),
    )


def findings(seen: Observation) -> list[Noise]:
    """Everything that was observed, in words."""
    return [*_other_work(seen), *_same_work(seen.repeats), *_clock(seen), *_settings(seen.settings)]


def noisy(found: Sequence[Noise]) -> list[str]:
    """The names of what is not quiet."""
    return [finding.name for finding in found if finding.verdict == "noisy"]


def _judged(name: str, found: str, value: float | None, limit: float, advice: str, above: Verdict = "noisy") -> Noise:
    """A finding that is quiet below its limit, and says what to do from there on."""
    if value is None:
        return Noise(name=name, found="unknown", verdict="unknown", limit=limit)
    if value < limit:
        return Noise(name=name, found=found, verdict="quiet", value=value, limit=limit)
    return Noise(name=name, found=found, verdict=above, advice=advice, value=value, limit=limit)


def _other_work(seen: Observation) -> Iterator[Noise]:
    work = seen.repeats
    waited, stolen = work.waited or 0.0, work.stolen or 0.0
    yield _judged(
        "CPU wait", f"{waited:.1%} of the time without a core", work.waited, WITHOUT_CORE, "close other programs"
    )
    yield _judged(
        "CPU steal",
        f"{stolen:.1%} taken by the host",
        work.stolen,
        WITHOUT_CORE,
        "the host runs other machines: take a dedicated one, or compare by --ab, side by side",
    )
    load = seen.load_average
    yield _judged(
        "load average",
        f"{load or 0.0:.2f} on {seen.cores} cores, the last minute",
        None if load is None else load / seen.cores,
        LOAD_PER_CORE,
        "wait until other programs are done",
        "may vary",  # of a minute that is over: what runs now is the next finding
    )
    busiest = ", ".join(f"{name} {share:.0%} of a core" for name, share in seen.other_work.busiest)
    others = seen.other_work.others
    yield _judged(
        "other processes",
        f"{others:.0%} of all cores",
        others,
        OTHERS,
        f"close other programs{f': {busiest}' if busiest else '; none of them can be seen from here'}",
    )


def _same_work(work: Repeats) -> Iterator[Noise]:
    yield _judged(
        "same work",
        f"p50 {work.p50_ms:.3g} ms, median deviation {work.deviation:.1%}",
        work.deviation,
        DEVIATION,
        "close other programs; fix the frequency, where it can be",
    )
    yield _judged(
        "same work p95/p50",
        f"p95 is {work.tail:.2f} times p50",
        work.tail,
        TAIL,
        "compare p50, and p95 only side by side (--ab)",
    )
    yield _judged(
        "same work p95",
        f"moves by {work.tail_moves:.0%} between rounds",
        work.tail_moves,
        SPREAD,
        f"the p95 of this machine moves by {work.tail_moves:.0%}: prefer --rounds {MORE_ROUNDS}",
    )


def _clock(seen: Observation) -> Iterator[Noise]:
    step, source = seen.clock_step_ns, seen.settings.clock_source
    named = f" ({source})" if source else ""
    shortest_us = 50 * step / 1000
    advice = f"read no time below {shortest_us:.3g} µs"
    yield _judged("clock", f"steps of {step:,} ns{named}", float(step), CLOCK_NS, advice)


def _settings(found: CpuSettings) -> Iterator[Noise]:
    """What is set; only what is known to be steady is quiet."""
    governors = ", ".join(found.governors)
    yield _set("governor", governors, governors == "performance", "cpupower frequency-set -g performance")
    turbo = "" if found.turbo is None else {True: "on", False: "off"}[found.turbo]
    yield _set("turbo", turbo, found.turbo is False, "turn it off: speed then does not depend on heat")
    low, high = found.mhz or (0.0, 0.0)
    span = f"{low:,.0f} to {high:,.0f} MHz" if found.mhz else ""
    yield _set("frequency", span, low == high, "set the lowest to the highest: cpupower frequency-set -d")


def _set(name: str, found: str, steady: bool, advice: str) -> Noise:
    if not found:
        return Noise(name=name, found="unknown", verdict="unknown")
    return Noise(name=name, found=found, verdict="quiet" if steady else "may vary", advice="" if steady else advice)
