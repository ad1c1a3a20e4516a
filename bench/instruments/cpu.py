"""The CPU instrument: the time that this process and all that it started were at work."""

from __future__ import annotations

import contextlib
import os
import resource
import time
from collections.abc import Iterator
from pathlib import Path

from bench.instruments import processor

STAGE = "SPARRING_STAGE"  # in the environment of all processes of a stage: which one it is
# Of this process, as it was started: what it says of itself later is an adapter's to change.
_MARK = f"{STAGE}={os.environ[STAGE]}".encode() if STAGE in os.environ else None


class Spent:
    """
    What this process and all that it started do from when this is made.

    A process counts its own CPU time to the nanosecond; of descendants that run the kernel tells hundredths of a
    second, and of those that have ended what they took is known once they are waited for. On a machine that is at work
    elsewhere two threads may take turns on one core: time at work does not show that there are two, that and the time
    that they were ready does.
    """

    def __init__(self) -> None:
        self._others, self._ready = _others()  # before the clocks: reading them is no work of a loop
        self._own, self._begin = time.process_time(), time.perf_counter()

    def so_far(self) -> tuple[float, float, float]:
        """Seconds: by the clock, of CPUs at work, and that threads which run now were ready and had no core."""
        wall, own = time.perf_counter() - self._begin, time.process_time() - self._own
        others, ready = _others()
        at_work = own + others - self._others
        # Threads of two libraries that keep every core busy wait for each other: what counts is at most every core.
        left = processor.cores() * wall - at_work
        # a thread that has ended takes its time of waiting along
        return wall, at_work, max(0.0, min(ready - self._ready, left))

    def without_core(self) -> float:
        """The share that other work had of the time that threads which run now could have worked in."""
        _, at_work, ready = self.so_far()
        return ready / (at_work + ready) if at_work + ready > 0 else 0.0


def _others() -> tuple[float, float]:
    """CPU seconds of descendants so far, and those that all threads were ready; 0 where the kernel does not tell."""
    running = descendants()
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    taken = ended.ru_utime + ended.ru_stime + sum(map(_of, running))
    ready = 0
    for process in (os.getpid(), *running):
        with contextlib.suppress(OSError):
            for thread in Path(f"/proc/{process}/task").iterdir():
                with contextlib.suppress(OSError, IndexError, ValueError):
                    ready += int((thread / "schedstat").read_text().split()[1])
    return taken, ready / 1e9


def descendants() -> list[int]:
    """
    The process ids of all that this process started, their own children too; none where the kernel does not tell.

    In a stage also what has left the tree of its processes, as a server does that puts itself in the background.
    """
    found, todo = [], [os.getpid()]
    while todo:
        process = todo.pop()
        with contextlib.suppress(OSError):
            for thread in Path(f"/proc/{process}/task").iterdir():
                children = [int(child) for child in (thread / "children").read_text().split()]
                found += children
                todo += children
    return list(dict.fromkeys([*found, *_marked()]))


def _marked() -> Iterator[int]:
    """The other processes of the stage that this one is of."""
    for folder in Path("/proc").iterdir() if _MARK is not None and Path("/proc").is_dir() else ():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            with contextlib.suppress(OSError):  # it has ended, or is another user's
                if _MARK in (folder / "environ").read_bytes().split(b"\0"):
                    yield int(folder.name)


def _of(process: int) -> float:
    """The CPU seconds of a process, and of its children that have ended; 0 where it has ended itself."""
    try:
        after_name = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, after_name[11:15])) / os.sysconf("SC_CLK_TCK")
