"""A child process: exec'd afresh, read and watched while it runs, and ended with all it started."""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.stage.idle import Idle
from bench.stage.job import Job
from bench.stage.stopping import Question

LAST_LINES = 30
_LAST_BYTES = 20_000
_PIPE_BYTES = 1 << 20  # so much may be printed before a child has to wait for this process
_PAUSE_SECONDS = 0.01  # this process is not woken for every line that a child prints
_TOLD_SECONDS = 1.0
_IDLE_SECONDS = 15.0  # between two looks at whether a child gets on: each reads all processes of the machine
_POLL_SECONDS = 0.05  # where the kernel does not tell that a process has ended


class Allowed(NamedTuple):
    """What a child may take."""

    threads: int
    memory_bytes: int
    seconds: float = math.inf  # of the whole stage
    idle: float = math.inf  # seconds without any progress


@contextlib.contextmanager
def started(
    module: str, job: Path, environment: Mapping[str, str], descriptors: Sequence[int] = ()
) -> Iterator[ChildOutput]:
    """
    A module of ours in a process of its own, given a file; ended with all of its session when the block ends.

    descriptors: of files, that it inherits.
    """
    with subprocess.Popen(  # noqa: S603  # our own interpreter and module
        [sys.executable, "-P", "-m", module, str(job)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        pass_fds=descriptors,
        start_new_session=True,  # so that it can be ended with all it started
    ) as child:
        try:
            output = ChildOutput(child)
            yield output
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        output.read()


class TimeLimit:
    """So many seconds that a child may take, looked at now and then."""

    def __init__(self, seconds: float) -> None:
        self._end = time.perf_counter() + seconds
        self.over = ""  # which limit it came to

    def looks(self, now: float) -> float:
        """See how the child gets on; until when it need not be looked at again. now: of the performance counter."""
        if now >= self._end:
            self.over = "its time is over"
        return self._end


class StageLimits(TimeLimit):
    """A stage's limits of time, and who is told that it runs."""

    def __init__(self, job: Job, process: int, allowed: Allowed, told: Callable[[], object] | None) -> None:
        super().__init__(allowed.seconds)
        self._stage, self._allowed, self._told = job.stage, allowed, told
        self._idle = Idle(job, process)
        self._next_idle = time.perf_counter() + self._idle_every()
        self._next_told = time.perf_counter() + _TOLD_SECONDS

    def _idle_every(self) -> float:
        return min(self._allowed.idle / 4, _IDLE_SECONDS)

    def looks(self, now: float) -> float:
        """See how the child gets on; until when it need not be looked at again. now: of the performance counter."""
        allowed, end = self._allowed, self._end
        if now >= end:
            lifted_by = "--seconds, limits.seconds of a suite"
            self.over = f"{self._stage} took more than its limit of {allowed.seconds:g} s ({lifted_by})"
        elif now >= self._next_idle:
            self._next_idle = now + self._idle_every()
            if self._idle.seconds() >= allowed.idle:
                self.over = (
                    f"{self._stage} made no progress for {allowed.idle:g} s: no block finished, no file grew, no CPU "
                    "time was taken (--idle, limits.idle of a suite)"
                )
        if self._told is not None and now >= self._next_told:
            self._next_told = now + _TOLD_SECONDS
            self._told()
        return min(end, self._next_idle, self._next_told if self._told is not None else math.inf)


class ChildOutput:
    """
    What a child prints, read while it runs: the last of it is kept, however much there is.

    A file would grow without bound. A child that prints more than the pipe holds waits for this process, up to
    _PAUSE_SECONDS at a time.
    """

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        if child.stdout is None:
            raise ValueError("expected a child's output in a pipe, found none")
        self._child, self._pipe, self._open = child, child.stdout.fileno(), True
        self._last = b""
        self.process = child.pid
        os.set_blocking(self._pipe, False)
        with contextlib.suppress(OSError, AttributeError):  # refused by the kernel, or there is no such request
            fcntl.fcntl(self._pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)

    def read_until_it_ends(self, watch: TimeLimit, question: Question | None = None) -> str:
        """
        Which limit the child came to, in words; none where it ended. What it starts may hold the pipe for longer.

        question: answered whenever the child asks it; the time that takes is the child's.
        Woken by the kernel where it offers that, since `Popen.wait` polls up to 50 ms late.
        """
        told = [os.pidfd_open(self._child.pid)] if hasattr(os, "pidfd_open") else []
        asked = [] if question is None else [question.readable]
        rests_until = 0.0
        try:
            while not self._ended(told):
                now = time.perf_counter()
                deadline = watch.looks(now)
                if watch.over:
                    return watch.over
                resting = self._open and now < rests_until
                wait = max(0.0, min(deadline, rests_until if resting else deadline) - now)
                watched = [*told, self._pipe] if self._open and not resting else told
                ready, _, _ = select.select([*watched, *asked], [], [], wait if told else min(wait, _POLL_SECONDS))
                if question is not None and question.readable in ready:
                    question.answer()
                if self._pipe in ready and self.read() < _PIPE_BYTES // 2:
                    rests_until = time.perf_counter() + _PAUSE_SECONDS
            return ""
        finally:
            for descriptor in told:
                os.close(descriptor)

    def _ended(self, told: list[int]) -> bool:
        """Asked without reaping it where that can be: its number, and its group's, is given to no other until then."""
        return bool(select.select(told, [], [], 0)[0]) if told else self._child.poll() is not None

    def read(self) -> int:
        """Take what there is now; how many bytes that were."""
        try:
            found = os.read(self._pipe, _PIPE_BYTES)
        except BlockingIOError:
            return 0
        self._open = bool(found)  # nothing at all: whoever could print has closed it
        self._last = (self._last + found[-_LAST_BYTES:])[-_LAST_BYTES:]
        return len(found)

    def exit_code(self) -> int:
        """Waits for the end of the child; that of a signal is negative."""
        return self._child.wait()

    def last_lines(self) -> tuple[str, ...]:
        return tuple(self._last.decode("utf-8", "replace").splitlines()[-LAST_LINES:])
