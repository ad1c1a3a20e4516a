"""The highest rate whose p99 keeps a time: the search for it, on a clock that only moves when told."""

from __future__ import annotations

import numpy as np
import pytest

from bench.errors import InputError
from bench.instruments import load as rate
from tests.helpers.clock import MS, SECOND, Clock


class TestHighestRate:
    @pytest.fixture
    def on_a_test_clock(self, monkeypatch):
        """A server of 1 ms a query, on a clock that only moves when told."""
        real = rate.open_loop

        def told(_ask, intended: np.ndarray, queries: np.ndarray, **_: object) -> np.ndarray:
            clock = Clock(MS)
            return real(clock.ask, intended, queries, clock=clock, sleep=clock.sleep, spin_ns=0)

        monkeypatch.setattr(rate, "open_loop", told)

    @pytest.mark.parametrize(
        ("asked", "nanoseconds"), [("10ms", 10 * MS), (" 0.5 s", SECOND // 2), ("1.5 ms", 1.5 * MS)]
    )
    def test_a_time_has_a_unit(self, asked, nanoseconds):
        """
        A time is in milliseconds or seconds: its unit says which.
        """
        assert nanoseconds == rate.longest_ns(asked)

    @pytest.mark.parametrize("asked", ["10", "0ms", "-1ms", "10 minutes", "", "1e3ms", "10us"])
    def test_any_other_time(self, asked):
        """
        A number without a unit could be either, and is refused, as is what is no time at all.
        """
        with pytest.raises(InputError, match=r'p99: expected a time such as "10ms" or "0\.5s", found'):
            rate.longest_ns(asked)

    @pytest.mark.usefixtures("on_a_test_clock")
    @pytest.mark.parametrize("p99", ["2ms", "5ms", "20ms"])
    def test_it_is_the_theory_s(self, p99):
        """
        The rate found keeps the time on other arrivals too, and a rate that the search could tell from it does not.
        """
        offer, closed = rate.Offer("70%", 20.0, (7, 0)), np.full((1, 100), MS)

        found = rate.highest_held(rate.bisect_rate(len, 100, offer, p99, closed))

        def tail(offered: float) -> float:
            arrived, start, service = rate.open_loop(len, *rate.arrivals(offered, 100.0, 100, [99])).T
            return float(np.quantile(start - arrived + service, 0.99))

        step = 1_000 / 2**rate.TRIES
        assert tail(found - 2 * step) <= rate.longest_ns(p99) <= tail(found + 3 * step)

    @pytest.mark.usefixtures("on_a_test_clock")
    def test_each_try_is_told(self):
        """
        Six rates, each half way between the highest held and the lowest that was not; no arrivals come twice.
        """
        found = rate.bisect_rate(len, 100, rate.Offer("70%", 1.0, (7, 0)), "3ms", np.full((1, 100), MS))

        low, high = 0.0, 1_000.0
        for gap, p99, held in found.tolist():
            assert (low + high) / 2 == pytest.approx(1e9 / gap, rel=1e-5)
            assert held == (p99 <= 3 * MS)
            low, high = (1e9 / gap, high) if held else (low, 1e9 / gap)
        assert rate.TRIES == len(found)
        assert low == rate.highest_held(found)

    def test_nothing_is_tried_in_vain(self):
        """
        Where one query after the other takes longer already no wait makes it less: nothing is tried, and no rate held.
        """
        found = rate.bisect_rate(len, 100, rate.Offer("70%", 1.0, (7, 0)), "3ms", np.full((1, 100), 4 * MS))

        assert ((0, 3), 0.0) == (found.shape, rate.highest_held(found))

    @pytest.mark.usefixtures("on_a_test_clock")
    def test_a_backlog_is_not_held(self, monkeypatch):
        """
        A server that cannot keep up holds no rate, however long a wait is allowed: a short look would miss its backlog.
        """
        monkeypatch.setattr(rate, "utilisation", lambda served, offered: 1.0)

        found = rate.bisect_rate(len, 100, rate.Offer("70%", 1.0, (7, 0)), "9s", np.full((1, 100), MS))

        assert [0] * rate.TRIES == found[:, 2].tolist()

    def test_the_median_of_the_rounds_counts(self):
        """
        The rate held is the median over rounds; without a search there is none.
        """
        closed, loaded = np.full((1, 20), MS), np.array([[10, 10, 1], [20, 20, 1]]) * MS
        held = [np.array([[gap * MS, MS, 1]]) for gap in (2, 4, 5)]

        found, without = (rate.under_load([loaded] * 3, [closed] * 3, "10%", 20, each) for each in (held, []))

        assert (250.0, None) == (found.held_qps, without.held_qps)
