"""Two sides that take turns: never both at once, slice by slice, and whoever is left goes on alone."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from bench.stage import turns
from bench.stage.turns import Turns


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def alternating(sides: tuple[Turns, Turns], counts: tuple[int, int]) -> list[str]:
    """What two sides do, each so many steps of a slice's length, in the order in which it was done."""
    done: list[str] = []
    at_work: set[str] = set()

    def work(name: str, own: Turns, steps: int) -> None:
        clock = Clock()
        own.take()
        switch = own.between(clock)
        for _ in range(steps):
            assert not at_work, f"{name} works while {at_work} does"
            at_work.add(name)
            time.sleep(0.001)
            done.append(name)
            at_work.discard(name)
            clock.now += 2 * turns.SLICE_SECONDS
            switch()
        own.give()
        turns.end(own)

    threads = [
        threading.Thread(target=work, args=(name, own, steps), daemon=True)
        for name, own, steps in zip("ab", sides, counts, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads), f"they wait for each other after {done}"
    return done


def test_they_alternate(tmp_path):
    """
    The first begins, and each slice is the other's.
    """
    with turns.both(tmp_path / "turns") as sides:
        assert "abababab" == "".join(alternating(sides, (4, 4)))


@pytest.mark.parametrize(("counts", "left"), [((2, 9), "b"), ((9, 2), "a"), ((0, 5), "b"), ((5, 0), "a")])
def test_whoever_is_left_goes_on_alone(tmp_path, counts, left):
    """
    A side that ends earlier, or at once, keeps the other from nothing.
    """
    with turns.both(tmp_path / "turns") as sides:
        done = alternating(sides, counts)

    assert counts == (done.count("a"), done.count("b"))
    assert left * 3 == "".join(done[-3:])


def test_a_slice_has_as_many_queries_as_it_has_room_for(tmp_path):
    """
    Nothing is handed on before a slice is over, so that short queries cost no switch each.
    """
    handed = []

    class Counted(Turns):
        def give(self) -> None:
            handed.append(clock.now)

        def take(self) -> None:
            clock.now += 5.0  # the other side's slice counts for nothing

    clock = Clock()
    switch = Counted("own", "other", str(tmp_path / "alone")).between(clock)
    for _ in range(100):
        clock.now += turns.SLICE_SECONDS / 10
        switch()

    assert 9 <= len(handed) <= 10


def test_a_turn_outlives_the_process_that_had_it(tmp_path):
    """
    What one process of a side has given is there for the other whenever it looks: nothing is lost in between.
    """
    with turns.both(tmp_path / "turns") as (first, second):
        first.take()
        first.give()
        time.sleep(0.01)
        second.take()
        second.give()
        first.take()

    assert not Path(first.alone).exists()
