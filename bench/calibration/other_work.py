"""What else a machine does: other processes' share of its cores, what its host takes, and how long work waits."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import psutil

PRESSURE = Path("/proc/pressure/cpu")
NAMED = 3  # of the busiest processes
LEAST_SHARE = 0.02  # of a core, for a process to be named
_BUSY = ("user", "nice", "system", "irq", "softirq")


class Shares(NamedTuple):
    """How much of some time went to other work."""

    others: float  # of all cores' time, to other processes
    stolen: float | None = None  # of one core's time, to the host of a virtual machine; None: not known
    waiting: float | None = None  # of the time, in which a process that was ready had no core; None: not known
    busiest: tuple[tuple[str, float], ...] = ()  # names of other processes, and the share of a core that each took

    @property
    def contention(self) -> float:
        """How much of the time a process of ours may have been without a core."""
        waiting = self.others if self.waiting is None else self.waiting
        return max(waiting, self.stolen or 0.0)


class _Seconds(NamedTuple):
    """Since the machine started."""

    clock: float
    busy: float
    own: float
    stolen: float | None
    waiting: float | None
    processes: Mapping[int, tuple[str, float]]  # name and seconds of each process that is not this one


class OtherWork:
    """Other work on the machine from this object's making on. Work of children counts as ours once they have ended."""

    def __init__(self, *, named: bool = False) -> None:
        """named: look at every process, to name the busiest."""
        self._named = named
        self._before = _seconds(named=named)

    def shares(self) -> Shares:
        """What it came to so far."""
        return between(self._before, _seconds(named=self._named), psutil.cpu_count() or 1)


def between(before: _Seconds, after: _Seconds, cores: int) -> Shares:
    """The shares of the time between two readings."""
    seconds = max(after.clock - before.clock, 1e-9)
    others = (after.busy - before.busy) - (after.own - before.own)
    return Shares(
        others=min(max(others / (seconds * cores), 0.0), 1.0),
        stolen=_share(before.stolen, after.stolen, seconds),
        waiting=_share(before.waiting, after.waiting, seconds),
        busiest=_busiest(before.processes, after.processes, seconds),
    )


def _share(before: float | None, after: float | None, seconds: float) -> float | None:
    return None if before is None or after is None else max(after - before, 0.0) / seconds


def _busiest(
    before: Mapping[int, tuple[str, float]], after: Mapping[int, tuple[str, float]], seconds: float
) -> tuple[tuple[str, float], ...]:
    taken = [
        (name, (spent - before[pid][1]) / seconds)
        for pid, (name, spent) in after.items()
        if pid in before and before[pid][0] == name
    ]
    found = sorted((each for each in taken if each[1] >= LEAST_SHARE), key=lambda each: -each[1])
    return tuple(found[:NAMED])


def _seconds(*, named: bool) -> _Seconds:
    times = psutil.cpu_times()
    own = os.times()
    return _Seconds(
        clock=time.perf_counter(),
        busy=sum(getattr(times, name, 0.0) for name in _BUSY),
        own=own.user + own.system + own.children_user + own.children_system,
        stolen=getattr(times, "steal", None),
        waiting=waited(PRESSURE),
        processes=dict(_processes()) if named else {},
    )


def waited(path: Path) -> float | None:
    """Seconds so far in which some process waited for a core (pressure stall information); None: not known."""
    with contextlib.suppress(OSError, ValueError, StopIteration):
        some = next(line for line in path.read_text().splitlines() if line.startswith("some "))
        return int(some.rpartition("total=")[2]) / 1e6
    return None


def _processes() -> Iterable[tuple[int, tuple[str, float]]]:
    for process in psutil.process_iter(["name", "cpu_times"]):
        times = process.info["cpu_times"]
        if process.pid != os.getpid() and times is not None:
            yield process.pid, (process.info["name"] or "", times.user + times.system)
