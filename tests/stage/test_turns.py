"""Two sides that take turns: never both at once, query by query in step, and whoever is left goes on alone."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from bench.stage import turns
from bench.stage.turns import ENDED, START, Turns


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def alternating(
    sides: tuple[Turns, Turns], loops: Sequence[Sequence[str]], slices: tuple[float, float] = (1.5, 1.5)
) -> list[str]:
    """
    What two sides do, in the order in which it was done: `a1`, `b1`, ... the number of the query of either.

    loops: of each side the loop of each of its queries. slices: how long each takes.
    """
    done: list[str] = []
    at_work: set[str] = set()

    def work(name: str, own: Turns, of_queries: Sequence[str], slices: float) -> None:
        clock = Clock()
        own = own._replace(behind=own.take(START))
        switch = own.between(clock)
        for number, loop in enumerate(of_queries, start=1):
            assert not at_work, f"{name} works while {at_work} does"
            at_work.add(name)
            time.sleep(0.001)
            done.append(f"{name}{number}")
            at_work.discard(name)
            clock.now += slices * turns.SLICE_SECONDS
            switch(loop)
        own.give((1, 0, 0))
        turns.end(own)

    threads = [
        threading.Thread(target=work, args=(name, own, of_queries, of_slice), daemon=True)
        for name, own, of_queries, of_slice in zip("ab", sides, loops, slices, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads), f"they wait for each other after {done}"
    return done


def test_they_alternate(tmp_path):
    """
    The first begins; whoever has caught up goes on ahead for a slice, so that each is first by turns.
    """
    with turns.both(tmp_path / "turns") as sides:
        done = alternating(sides, (["x"] * 6, ["x"] * 6))

    assert ["a1", "a2", "b1", "b2", "b3", "a3", "a4", "b4", "b5", "a5", "a6", "b6"] == done


@pytest.mark.parametrize("slices", [(0.3, 0.3), (0.3, 0.7), (1.0, 0.1), (0.01, 3.0)])
def test_each_query_is_asked_at_nearly_one_moment(tmp_path, slices):
    """
    However much longer one side takes, neither is ahead by more than a slice of queries.
    """
    with turns.both(tmp_path / "turns") as sides:
        done = alternating(sides, (["x"] * 300, ["x"] * 300), slices)

    ahead, most = 0, 0
    for step in done:
        ahead += 1 if step[0] == "a" else -1
        most = max(most, abs(ahead))
    assert most <= 1 / min(slices) + 2


def test_another_number_of_passes(tmp_path):
    """
    A side that goes on to its next loop earlier waits there, until the other one is as far.
    """
    with turns.both(tmp_path / "turns") as sides:
        done = alternating(sides, (["x"] * 5 + ["y"] * 9, ["x"] * 20 + ["y"] * 9))

    third = done.index("a8")  # of its loop: a slice holds two
    assert done.index("b20") < third < done.index("b25")


@pytest.mark.parametrize(("counts", "left"), [((2, 9), "b"), ((9, 2), "a"), ((0, 5), "b"), ((5, 0), "a")])
def test_whoever_is_left_goes_on_alone(tmp_path, counts, left):
    """
    A side that ends earlier, or at once, keeps the other from nothing.
    """
    with turns.both(tmp_path / "turns") as sides:
        done = [step[0] for step in alternating(sides, tuple(["x"] * count for count in counts))]

    assert counts == (done.count("a"), done.count("b"))
    assert left * 3 == "".join(done[-3:])


def test_a_slice_has_as_many_queries_as_it_has_room_for(tmp_path):
    """
    Nothing is handed on before a slice is over, so that short queries cost no switch each.
    """
    handed = []

    class Counted(Turns):
        def give(self, place) -> None:
            handed.append(place)

        def take(self, place):
            clock.now += 5.0  # the other side's slice counts for nothing
            return place

    clock = Clock()
    switch = Counted("own", "other", str(tmp_path / "alone")).between(clock)
    for _ in range(110):
        clock.now += turns.SLICE_SECONDS / 10
        switch("x")

    assert 9 <= len(handed) <= 10


def test_a_turn_outlives_the_process_that_had_it(tmp_path):
    """
    What one process of a side has given is there for the other whenever it looks: nothing is lost in between.
    """
    with turns.both(tmp_path / "turns") as (first, second):
        assert START == first.take(START)
        first.give((0, 1, 7))
        time.sleep(0.01)
        assert (0, 1, 7) == second.take(START)
        second.give((0, 1, 9))
        assert (0, 1, 9) == first.take((0, 1, 7))

    assert not Path(first.alone).exists()


def test_beside_one_that_has_ended(tmp_path):
    """
    Whose other side has ended takes every turn at once, and hands none on.
    """
    with turns.both(tmp_path / "turns") as (first, second):
        turns.end(first)

        assert [ENDED, ENDED] == [second.take(START), second.take((3, 1, 1))]


def test_both_use_one_core(tmp_path):
    """
    A process keeps to the core that its turns name; without one it keeps what it has.
    """
    before = os.sched_getaffinity(0)
    with turns.both(tmp_path / "turns", max(before)) as (first, second):
        try:
            turns.on_core(first._replace(core=None))
            assert before == os.sched_getaffinity(0)
            turns.on_core(second)
            assert {max(before)} == os.sched_getaffinity(0)
            turns.on_core(second._replace(core=10**6))  # gone since: it goes on where it is
            assert {max(before)} == os.sched_getaffinity(0)
        finally:
            os.sched_setaffinity(0, before)


def test_what_is_allocated_lies_elsewhere():
    """
    Blocks of every size that CPython keeps in pools, as many as are drawn each time, none of another size.
    """
    one, other = (Counter(map(sys.getsizeof, turns.elsewhere())) for _ in range(2))

    steps = {-(-size // turns.STEP) * turns.STEP for size in one}
    assert steps <= set(range(turns.STEP, turns.LARGEST + 1, turns.STEP))
    assert len(steps) > 20
    assert all(n < turns.POOL // size for size, n in one.items())
    assert one != other
