"""Latency under load: the open loop on a clock that only moves when told, held to what queueing theory says of it."""

from __future__ import annotations

import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.calibration.waits import lindley
from bench.errors import InputError
from bench.instruments import latency
from bench.instruments import load as rate
from tests.helpers.clock import MS, SECOND, Clock


def served(clock: Clock, intended: list[int] | np.ndarray, queries: list[int] | None = None) -> np.ndarray:
    """The open loop on a clock that only moves when told."""
    arrived = np.asarray(intended, np.int64)
    asked = np.arange(len(arrived)) if queries is None else np.asarray(queries)
    return rate.open_loop(clock.ask, arrived, asked, clock=clock, sleep=clock.sleep, spin_ns=0)


def slow_waits(intended: list[int], service: list[int]) -> list[int]:
    """Lindley's recursion as it is written."""
    waits = [0]
    for n in range(len(intended) - 1):
        waits.append(max(0, waits[n] + service[n] - (intended[n + 1] - intended[n])))
    return waits


class TestOpenLoop:
    def test_a_query_starts_when_it_arrives_or_when_the_one_before_it_ends(self):
        """
        One server, first come first served: a query starts at its intended arrival, or later by what it has to wait.
        """
        clock = Clock(3 * MS, 1 * MS, 1 * MS)

        found = served(clock, [1 * MS, 2 * MS, 9 * MS], [7, 5, 7])

        assert [[1 * MS, 1 * MS, 3 * MS], [2 * MS, 4 * MS, 1 * MS], [9 * MS, 9 * MS, 1 * MS]] == found.tolist()
        assert [7, 5, 7] == clock.asked

    @settings(deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9)), min_size=1, max_size=60))
    def test_waits_are_those_of_the_recursion(self, steps):
        """
        Each wait is Lindley's recursion on the recorded arrivals and service times, to the nanosecond.
        """
        gaps, service = zip(*steps, strict=True)
        intended = np.cumsum(gaps)

        found = served(Clock(*service), intended)

        known = slow_waits(found[:, 0].tolist(), found[:, 2].tolist())
        assert known == (found[:, 1] - found[:, 0]).tolist()
        assert known == lindley(found[:, 0], found[:, 2]).tolist()

    @pytest.mark.slow
    @pytest.mark.parametrize("load", [0.5, 0.8])
    def test_the_mean_wait_is_that_of_theory(self, load):
        """
        Of 200,000 Poisson arrivals and one constant service time the mean wait is M/D/1's, load / (2 (1 - load)) of it.

        Waits of neighbours go together, the more the higher the load: one seed alone is up to 3 % off at 80 %, so ten
        are averaged.
        """
        means = []
        for seed in range(10):
            intended, _ = rate.arrivals(load * 1000, 1e9, 1, [seed])
            found = served(Clock(MS), intended)
            means.append(float((found[:, 1] - found[:, 0]).mean()) / MS)

        assert (200_000, 3) == found.shape
        assert load / (2 * (1 - load)) == pytest.approx(np.mean(means), rel=0.02)

    def test_what_cannot_be_served_is_left(self):
        """
        Where twice the arrivals' span has gone by the rest is left: a server that is overrun ends all the same.
        """
        found = served(Clock(10 * MS), np.arange(1, 101) * MS)

        assert (20, 3) == found.shape  # done at 11, 21 ... 201 ms, the first after 200

    def test_a_gpu_is_waited_for(self, monkeypatch):
        """
        Work on a GPU is finished before the stamp: it is part of what the next query waits for.
        """
        clock = Clock(MS)
        cuda = SimpleNamespace(is_initialized=lambda: True, synchronize=lambda: clock.sleep(0.007))
        monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))

        assert [[MS, MS, 8 * MS], [5 * MS, 9 * MS, 8 * MS]] == served(clock, [MS, 5 * MS]).tolist()

    def test_on_the_real_clock(self):
        """
        No query starts before it arrives, and none before the one before it has ended.
        """
        intended, queries = rate.arrivals(2_000, 0.05, 7, [1])

        intended, start, service = rate.open_loop(lambda query: None, intended, queries).T

        assert (start >= intended).all()
        assert (start[1:] >= start[:-1] + service[:-1]).all()


class TestStall:
    def test_a_closed_loop_hides_what_the_open_one_shows(self, monkeypatch):
        """
        A retriever that stalls once for a second has one slow query in a closed loop, and hundreds in the open one.
        """
        service = [MS] * 2500
        service[1200] = SECOND
        closed, opened = Clock(*service), Clock(*service)
        monkeypatch.setattr(latency, "time", SimpleNamespace(perf_counter_ns=closed))
        intended, queries = rate.arrivals(500, 5, 500, [7])

        hidden = latency.single(closed.ask, 500, seconds=2.0)
        shown = served(opened, intended, queries.tolist())

        assert 1.0 == np.quantile(hidden, 0.99) / MS
        assert 1 == (hidden > MS).sum()
        late = shown[:, 1] - shown[:, 0] + shown[:, 2]
        assert np.quantile(late, 0.95) / MS > 500
        assert (late > 100 * MS).sum() > 400

    @pytest.mark.slow
    def test_on_the_real_clock(self):
        """
        All that arrive during a stall start after it, and their latency runs from when they were to arrive.
        """
        asked: list[int] = []

        def stalls_once(query: int) -> None:
            asked.append(query)
            if len(asked) == 20:
                time.sleep(0.1)

        intended, queries = rate.arrivals(1_000, 0.2, 50, [7])
        found = rate.open_loop(stalls_once, intended, queries)

        arrived, start, service = found.T
        end = start[19] + service[19]
        meanwhile = (arrived > start[19]) & (arrived < end)
        assert meanwhile.sum() > 10
        assert (start[meanwhile] >= end).all()


class TestArrivals:
    def test_they_are_seeded(self):
        """
        The same seed gives the same arrivals and queries, another one others.
        """
        one, same, other = (rate.arrivals(100, 5, 10, seed) for seed in ([7, 0], [7, 0], [7, 1]))

        assert all((first == second).all() for first, second in zip(one, same, strict=True))
        assert (one[0] != other[0]).any()
        assert (one[1] != other[1]).any()

    def test_they_are_poisson(self):
        """
        Gaps are exponential: their mean is one over the rate, and so is their standard deviation.
        """
        intended, _ = rate.arrivals(1_000, 200, 1, [3])

        gaps = np.diff(intended) / MS

        assert pytest.approx(1.0, rel=0.01) == gaps.mean()
        assert pytest.approx(1.0, rel=0.02) == gaps.std()

    @given(st.floats(40, 1_000))
    def test_a_slow_round_has_its_thousand(self, offered):
        """
        A round that is too short for 1,000 arrivals has just so many, whatever the rate is rounded to.
        """
        assert 1_000 == len(rate.arrivals(offered, 1, 10, [7])[0])

    def test_queries_come_in_whole_passes(self):
        """
        Every query is asked as often as any other, each pass in an order of its own.
        """
        _, queries = rate.arrivals(1_000, 1, 100, [5])

        passes = queries.reshape(10, 100)
        assert [list(range(100))] * 10 == np.sort(passes, axis=1).tolist()
        assert 10 == len({tuple(order) for order in passes.tolist()})

    @pytest.mark.parametrize(
        ("offered", "seconds", "n"),
        [(1_000.0, 5.0, 5_000), (100.0, 5.0, 1_000), (10.0, 5.0, 300), (10.0, 60.0, 600), (1e6, 5.0, 200_000)],
    )
    def test_how_many(self, offered, seconds, n):
        """
        A round lasts its seconds, longer for 1,000 arrivals, at most 30 s for that, and has at most 200,000.
        """
        intended, queries = rate.arrivals(offered, seconds, 3, [1])

        assert n == len(intended) == len(queries)

    def test_one_at_least(self):
        """
        However low the rate, a query arrives.
        """
        assert 1 == len(rate.arrivals(1e-3, 0.1, 3, [1])[0])


class TestOffer:
    @pytest.mark.parametrize(
        ("asked", "capacity", "offered"),
        [("70%", 1000.0, 700.0), ("110 %", 50.0, 55.0), ("200/s", 7.0, 200.0), (" 0.5/s", 7.0, 0.5)],
    )
    def test_share_or_queries_a_second(self, asked, capacity, offered):
        """
        A rate is a share of the capacity, or queries a second: its unit says which.
        """
        assert pytest.approx(offered) == rate.offered_qps(asked, capacity)

    @pytest.mark.parametrize("asked", ["0.7", "70", "0%", "-5%", "200 qps", "", "1e3/s", "nan%", "9999999999/s"])
    def test_anything_else(self, asked):
        """
        A number without a unit could be either, and is refused, as is what is no rate at all.
        """
        with pytest.raises(InputError, match="rate: expected a share of the cell's own capacity"):
            rate.offered_qps(asked, 1.0)

    def test_the_capacity_is_of_the_mean(self):
        """
        The capacity is one over the mean service time: a stall costs what it costs.
        """
        assert 250.0 == rate.capacity_qps(np.array([[MS, 7 * MS]]))


def simulated(load: float, seed: int, *, spread: bool, n: int = 1_000) -> np.ndarray:
    """Arrivals at a load and their service times of 1 ms on average, alike or exponential, by the recursion."""
    rng = np.random.default_rng([seed, 99])
    intended, _ = rate.arrivals(load * 1_000, n / (load * 1_000), 1, [seed])
    service = (rng.exponential(MS, len(intended)) if spread else np.full(len(intended), MS)).astype(np.int64)
    return np.stack([intended, intended + lindley(intended, service), service], axis=1)


class TestSaturation:
    @pytest.mark.parametrize("spread", [False, True])
    def test_told_at_110_percent_and_not_at_80(self, spread):
        """
        Of 400 rounds of 1,000 arrivals all but 1 % are told at 110 %, with exponential service times too; none at 80 %.
        """
        told = {
            load: sum(rate.utilisation(simulated(load, seed, spread=spread), load * 1_000) >= 1 for seed in range(400))
            for load in (0.8, 1.1)
        }

        assert 0 == told[0.8]
        assert told[1.1] >= 396

    def test_the_time_between_queries_counts(self):
        """
        A query holds the server from when it could have begun, so what delays its start is not lost.
        """
        late = np.array([[10, 12, 6], [20, 20, 8]]) * MS  # 2 ms late, then in time

        assert pytest.approx(0.8) == rate.utilisation(late, 100.0)

    def test_percentiles_are_withheld(self):
        """
        A cell that cannot keep up has no percentiles: its waits grow as long as one looks.
        """
        closed = np.full((1, 200), MS)
        intended, queries = rate.arrivals(1_100, 1, 200, [7])

        found = rate.under_load([served(Clock(MS), intended, queries.tolist())], [closed], "110%", 200)

        assert found.saturated
        assert found.latency is None
        assert pytest.approx(1.1) == found.utilisation
        assert 1.0 == found.service_p50

    def test_what_rounds_come_to(self):
        """
        Rates are medians over rounds, arrivals are counted, a latency is wait and service; p95 needs 200 queries.
        """
        closed = [np.full((1, 20), ms * MS) for ms in (1, 2, 4)]
        rounds = [np.array([[i * 10, i * 10, 1], [i * 10, i * 10 + 1, 1]]) * MS for i in (1, 2, 3)]

        found = rate.under_load(rounds, closed, "10%", 20)

        assert (50.0, 500.0, 6, False) == (found.offered_qps, found.capacity_qps, found.n_arrivals, found.saturated)
        assert pytest.approx(0.001 * (100 + 50 + 25) / 3) == found.utilisation
        assert (1.5, None, 1.0) == (found.latency.p50, found.latency.p95, found.service_p50)

    def test_nothing_measured(self):
        """
        Without rounds there is nothing to tell of load.
        """
        assert rate.under_load([], [], "70%", 20) is None
