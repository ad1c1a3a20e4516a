"""
A search in looks: after each, the child asks whether it goes on, and its parent says so.

The judgments stay with the parent: what the child is told is one byte.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

from bench.stage.job import Job

GoesOn: TypeAlias = Callable[[Job], bool]  # given a job whose files hold the hits so far
ASK, GO_ON, STOP = b"?", b"+", b"."
LOST = "expected to ask whether to go on, found the pipe gone: an adapter must close no file that it did not open"


class Question(NamedTuple):
    """What the parent watches while a child searches in looks."""

    readable: int  # file descriptor: a byte for each look
    answer: Callable[[], None]


class Pipes(NamedTuple):
    """File descriptors between a child and its parent."""

    asked: int  # the parent reads
    ask: int
    hear: int
    say: int  # the parent writes

    @property
    def of_child(self) -> tuple[int, int]:
        return self.ask, self.hear

    def question(self, job: Job, goes_on: GoesOn) -> Question:
        def answer() -> None:
            os.read(self.asked, 1)
            os.write(self.say, GO_ON if goes_on(job) else STOP)

        return Question(self.asked, answer)


@contextlib.contextmanager
def pipes() -> Iterator[Pipes]:
    """Both pipes, closed in this process when the block ends."""
    both = Pipes(*os.pipe(), *os.pipe())
    try:
        yield both
    finally:
        for descriptor in both:
            os.close(descriptor)


def goes_on(job: Job) -> bool:
    """Ask the parent, and wait for its word. EOFError where it is gone, OSError where the pipes are ours no more."""
    if job.pipes is None:
        return True
    ask, hear = job.pipes
    try:
        os.write(ask, ASK)
        heard = os.read(hear, 1)
    except OSError as error:
        raise OSError(f"{LOST}: {error.strerror}") from error
    if not heard:
        raise EOFError("expected to be told whether the search goes on, found the run gone")
    if heard not in (GO_ON, STOP):
        raise OSError(f"{LOST}: {heard!r} was read")
    return heard == GO_ON
