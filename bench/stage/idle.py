"""
Whether a child still gets on: a stage may take long, and one that does nothing is ended.

Progress is a block that is finished, a file that grows, or CPU time that the child and what it started take.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.stage import reported
from bench.stage.job import Job

BUSY = 1 / 600  # of one core: what a process that waits may take, for its clocks and its threads that poll


class Idle:
    """Since when a child has done nothing, as far as it is looked at now and then."""

    def __init__(self, job: Job, process: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._job, self._process, self._clock = job, process, clock
        self._since = clock()
        self._cpu = self._files = 0.0
        self._done: int | None = None

    def seconds(self) -> float:
        """So long it has done nothing by now."""
        now = self._clock()
        cpu, files, said = self._cpu_seconds(), float(self._bytes()), reported.of(self._job)
        done = None if said is None else said.done
        if cpu - self._cpu > BUSY * (now - self._since) or files != self._files or done != self._done:
            self._since, self._cpu, self._files, self._done = now, cpu, files, done
        return now - self._since

    def _cpu_seconds(self) -> float:
        """Of all processes of its session that are there, and of those that they have waited for."""
        import psutil

        total = 0.0
        with contextlib.suppress(psutil.Error):
            child = psutil.Process(self._process)
            for each in (child, *child.children(recursive=True)):
                with contextlib.suppress(psutil.Error):
                    total += sum(each.cpu_times()[:4])
        return total

    def _bytes(self) -> int:
        """Of all files that it writes."""
        total = 0
        for path in self._written():
            with contextlib.suppress(OSError):
                total += path.stat().st_size
        return total

    def _written(self) -> Iterator[Path]:
        folders = (self._job.out, self._job.query_out, self._job.blocks, str(Path(self._job.result).parent))
        for folder in map(Path, filter(None, folders)):
            with contextlib.suppress(OSError):
                yield from folder.rglob("*")
