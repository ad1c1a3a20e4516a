"""
Two sides of a comparison that take turns: one times its queries for some milliseconds while the other waits.

A core is quicker at one time and slower at another, as its neighbours go, for tens of milliseconds or for seconds, and
each core at its own times: so both sides use the same one, and answer each query at nearly the same moment. There is
one turn, a message in the pipe of the side whose turn it is, which says how far the other one is. Whoever is behind
goes on until it has caught up; whoever has is ahead for a slice.
"""

from __future__ import annotations

import contextlib
import os
import random
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeAlias

SLICE_SECONDS = 0.005  # long beside what a switch costs, short beside how a core changes

STEP, LARGEST, POOL = 16, 512, 2**14  # bytes: CPython keeps what is small in pools, one size each, by steps of 16
OVERHEAD = 33  # of an object of bytes itself

Place: TypeAlias = tuple[int, int, int]  # the stage, the loop within it, and how many of that loop were answered
START: Place = (0, 0, 0)
ENDED: Place = (2**31, 0, 0)  # of a side that has ended: whoever is behind that waits for nobody
_MESSAGE = struct.Struct("<3q")


class Turns(NamedTuple):
    """Where one side's turn comes from, and goes to."""

    own: str  # a named pipe
    other: str
    alone: str  # a file that is there once the other side has ended
    core: int | None = None  # which both use; None: whichever there are
    stage: int = 0  # of those of a round
    behind: Place = START  # how far the other side was when the turn came

    def take(self, place: Place) -> Place:
        """Wait, at a place, for the turn to go on from there; how far the other side is."""
        while not Path(self.alone).exists():
            with _opened(self.own) as pipe:
                found: Place = _MESSAGE.unpack(os.read(pipe, _MESSAGE.size))
            if found >= place:
                return found
            self.give(place)
        return ENDED

    def give(self, place: Place) -> None:
        """Hand it to the other side, and say how far this one is."""
        if not Path(self.alone).exists():
            with _opened(self.other) as pipe:
                os.write(pipe, _MESSAGE.pack(*place))

    def between(self, clock: Callable[[], float] = time.perf_counter) -> Callable[[str], None]:
        """
        What is called after each query with the name of its loop: it gives the turn away where it is to, and waits.

        A slice begins where the other side is, so that each is ahead by turns: what comes first is so on both sides.
        """
        goal, begun, loops, answered = self.behind, 0.0, list[str](), 0
        is_ahead = False

        def switch(loop: str) -> None:
            nonlocal goal, begun, answered, is_ahead
            if loop not in loops:
                loops.append(loop)
                answered = 0
            answered += 1
            place = self.stage, len(loops), answered
            if place < goal:
                return
            if not is_ahead:
                is_ahead, begun = True, clock()
            elif clock() - begun >= SLICE_SECONDS:
                self.give(place)
                is_ahead, goal = False, self.take(place)

        return switch


def on_core(turns: Turns | None) -> None:
    """Keep this process, and what it starts, to the core that both sides use, where there is one."""
    if turns is not None and turns.core is not None and hasattr(os, "sched_setaffinity"):
        with contextlib.suppress(OSError):  # it is this process's no more
            os.sched_setaffinity(0, {turns.core})


def elsewhere() -> list[object]:
    """
    What shifts all that is allocated after it, as long as it is kept: of each size a part of what a pool holds.

    How fast code runs hangs on where its data lie, and that on such things as the length of a path (Mytkowicz et al.
    2009, "Producing wrong data without doing anything obviously wrong!"): drawn anew in each process it is noise, and
    leans to no side. Without it one of two alike sides took .2 to .8 % longer, the same in all rounds of a run.
    """
    drawn = random.Random()  # noqa: S311  # no secret
    blocks: list[object] = []
    for size in range(STEP, LARGEST + 1, STEP):
        blocks += [_block(size) for _ in range(drawn.randrange(POOL // size))]
    return blocks


def _block(size: int) -> object:
    """An object of so many bytes: none of bytes is smaller than three steps."""
    return object() if size == STEP else float(size) if size == 2 * STEP else bytes(size - OVERHEAD)


@contextlib.contextmanager
def both(folder: Path, core: int | None = None) -> Iterator[tuple[Turns, Turns]]:
    """The turns of two sides, in a folder of their own; the first has the first one."""
    folder.mkdir(parents=True)
    pipes = [folder / name for name in ("first", "second")]
    for pipe in pipes:
        os.mkfifo(pipe, 0o600)
    first, second, alone = str(pipes[0]), str(pipes[1]), str(folder / "alone")
    # Held open on both ends, so that nobody waits for the other end, and what was written stays.
    with _opened(first) as kept, _opened(second):
        os.write(kept, _MESSAGE.pack(*START))
        yield Turns(first, second, alone, core), Turns(second, first, alone, core)


def end(turns: Turns) -> None:
    """Tell the other side of the one that has ended that it is alone."""
    Path(turns.alone).touch()
    with _opened(turns.other) as pipe:
        os.write(pipe, _MESSAGE.pack(*ENDED))


@contextlib.contextmanager
def _opened(path: str) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
