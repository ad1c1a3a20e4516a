"""
Two sides of a comparison that take turns: one times its queries for some milliseconds while the other waits.

A machine is quicker at one time and slower at another, for seconds on end: so both meet the same. There is one turn,
a byte in the pipe of the side whose turn it is; it goes on between the processes of a side, and to the other whenever a
slice is over. A side that ends leaves the other alone, which then waits no more.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

SLICE_SECONDS = 0.04  # long beside what a switch costs, short beside how a machine changes
TURN, ENDED = b"t", b"e"


class Turns(NamedTuple):
    """Where one side's turn comes from, and goes to."""

    own: str  # a named pipe
    other: str
    alone: str  # a file that is there once the other side has ended

    def take(self) -> None:
        """Wait for the turn."""
        if not Path(self.alone).exists():
            with _opened(self.own) as pipe:
                os.read(pipe, 1)

    def give(self) -> None:
        """Hand it to the other side."""
        if not Path(self.alone).exists():
            with _opened(self.other) as pipe:
                os.write(pipe, TURN)

    def between(self, clock: Callable[[], float] = time.perf_counter) -> Callable[[], None]:
        """What is called between two queries: it gives the turn away once a slice is over, and waits for it."""
        begun = clock()

        def switch() -> None:
            nonlocal begun
            if clock() - begun >= SLICE_SECONDS:
                self.give()
                self.take()
                begun = clock()

        return switch


@contextlib.contextmanager
def both(folder: Path) -> Iterator[tuple[Turns, Turns]]:
    """The turns of two sides, in a folder of their own; the first has the first one."""
    folder.mkdir(parents=True)
    pipes = [folder / name for name in ("first", "second")]
    for pipe in pipes:
        os.mkfifo(pipe, 0o600)
    first, second, alone = str(pipes[0]), str(pipes[1]), str(folder / "alone")
    # Held open on both ends, so that nobody waits for the other end, and what was written stays.
    with _opened(first) as kept, _opened(second):
        os.write(kept, TURN)
        yield Turns(first, second, alone), Turns(second, first, alone)


def end(turns: Turns) -> None:
    """Tell the other side of the one that has ended that it is alone."""
    Path(turns.alone).touch()
    with _opened(turns.other) as pipe:
        os.write(pipe, ENDED)


@contextlib.contextmanager
def _opened(path: str) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
