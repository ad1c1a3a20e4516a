"""A round: what is called between its queries is called between all of them, and is timed in none."""

from __future__ import annotations

from collections import Counter

import pytest

from bench.instruments import latency
from bench.instruments.modes import Target
from bench.stage import timing
from bench.stage.timing import AGAIN, FRESH, NEW

N_QUERIES, N_FRESH = 7, 4
ANSWER, WAIT = 1, 1_000  # seconds


class Clock:
    """A second goes by whenever it is looked at."""

    def __init__(self) -> None:
        self.now = 0.0

    def seconds(self) -> float:
        self.now += ANSWER
        return self.now

    def nanoseconds(self) -> int:
        return int(self.seconds() * 1e9)


class Nothing:
    """Keeps no answers."""

    taken_bytes = 0

    def one(self, place: int, found: object) -> None:
        pass

    def every(self, place: int, found: object) -> None:
        pass


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(latency.time, "perf_counter", made.seconds)
    monkeypatch.setattr(latency.time, "perf_counter_ns", made.nanoseconds)
    return made


@pytest.mark.parametrize("mode", ["single", "batch"])
def test_what_is_called_between_queries(clock, mode):
    """
    Waiting for another process between two queries is part of no query's time, in no pass and no loop, of which each is
    told by name.
    """
    calls: Counter[str] = Counter()

    def wait(loop: str) -> None:
        clock.now += WAIT
        calls[loop] += 1

    target = Target(
        scope="engine",
        one=lambda place: place,
        every=lambda: None,
        n_queries=N_QUERIES,
        warm_one=lambda place: place,
        warm_every=lambda: None,
        n_warm=2,
        seconds=1.0,
        fresh_one=lambda place: place,
        n_fresh=N_FRESH,
        between=wait,
    )

    found = timing.measured("search", [mode], lambda: 0.0, target, Nothing)

    assert {NEW, FRESH, mode} <= set(found.samples)
    assert all((times == ANSWER * 1e9).all() for times in found.samples.values())
    sizes = {name: times.size for name, times in found.samples.items()}
    assert {NEW: sizes[NEW] + sizes[AGAIN], FRESH: sizes[FRESH], mode: sizes[mode]} == calls
