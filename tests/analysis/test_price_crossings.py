"""The volume at which two cells cost the same, and where the frontier of quality and price changes."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bench.analysis.price_crossings import PriceCrossing, crossing, frontier_crossings
from bench.analysis.prices import Price
from bench.statistics import pareto

AMOUNTS = st.integers(0, 10**6)


def of(fixed: float | None, query: float | None, interval=None) -> Price:
    return Price(1_000.0, fixed=fixed, query=query, query_interval=interval)


class TestTwoCells:
    def test_by_hand(self):
        """
        1 and .003 a query cost what 4 and .001 a query do at 1,500 queries: 5.50. Above it the second costs less.
        """
        found = crossing(of(1.0, 0.003), of(4.0, 0.001))

        assert PriceCrossing(0, 1, pytest.approx(1_500.0)) == found
        assert PriceCrossing(1, 0, pytest.approx(1_500.0)) == crossing(of(4.0, 0.001), of(1.0, 0.003))

    @pytest.mark.parametrize(
        ("one", "other", "cheaper"),
        [
            ((1.0, 0.001), (4.0, 0.003), 0),
            ((4.0, 0.003), (1.0, 0.001), 1),
            ((1.0, 0.001), (1.0, 0.003), 0),
            ((4.0, 0.001), (1.0, 0.001), 1),
        ],
    )
    def test_one_costs_less_at_any_volume(self, one, other, cheaper):
        """
        What stands ready for less, and takes no more for a query, costs less whatever is asked.
        """
        assert PriceCrossing(cheaper, cheaper) == crossing(of(*one), of(*other))

    def test_nothing_to_tell(self):
        """
        Equal prices do not cross, nor does one that is not known.
        """
        assert crossing(of(1.0, 0.001), of(1.0, 0.001)) is None
        assert crossing(of(1.0, 0.001), of(None, 0.001)) is None
        assert crossing(of(1.0, None), of(1.0, 0.001)) is None

    def test_its_interval(self):
        """
        Of .0025 to .0035 against .0005 to .0015 a query the volume is 3 / .003 to 3 / .001; of intervals that overlap
        it has no end.
        """
        few, many = of(1.0, 0.003, (0.0025, 0.0035)), of(4.0, 0.001, (0.0005, 0.0015))
        wide = of(1.0, 0.003, (0.0005, 0.0055))

        assert (1_000.0, 3_000.0) == pytest.approx(crossing(few, many).interval)
        assert (1_000.0, 3_000.0) == pytest.approx(crossing(many, few).interval)
        assert (pytest.approx(600.0), math.inf) == crossing(wide, many).interval
        assert crossing(few, of(4.0, 0.001)).interval is None

    @given(AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS)
    def test_there_they_cost_the_same(self, fixed, query, other_fixed, other_query):
        """
        At the volume both cost the same, below it one and above it the other; where there is none one never costs more.
        """
        one, other = of(float(fixed), query / 1e3), of(float(other_fixed), other_query / 1e3)
        assume((fixed, query) != (other_fixed, other_query))
        both = one, other

        found = crossing(one, other)

        if found.queries is None:
            assert all(both[found.below].at(q) <= both[1 - found.below].at(q) for q in (0.0, 1.0, 1e3, 1e9))
        else:
            assert one.at(found.queries) == pytest.approx(other.at(found.queries), rel=1e-9)
            assert 1 - found.below == found.above
            for side, volume in ((found.below, found.queries * 0.5), (found.above, found.queries * 2)):
                assert both[side].at(volume) < both[1 - side].at(volume)


class TestTheFrontier:
    def test_two_that_are_as_good(self):
        """
        Of two cells with one quality, each is on the frontier on its side of the volume alone.
        """
        assert [((0, 1), PriceCrossing(0, 1, pytest.approx(1_500.0)))] == frontier_crossings(
            [0.5, 0.5], [of(1.0, 0.003), of(4.0, 0.001)]
        )

    def test_what_a_third_beats_is_left_out(self):
        """
        Where a third cell costs less there and is as good, nothing of the frontier changes; where it is worse, it does.
        """
        two, third = [of(1.0, 0.003), of(4.0, 0.001)], of(1.0, 0.001)

        assert [] == frontier_crossings([0.5, 0.5, 0.5], [*two, third])
        assert [(0, 1)] == [pair for pair, _ in frontier_crossings([0.5, 0.5, 0.4], [*two, third])]
        assert [(0, 1)] == [pair for pair, _ in frontier_crossings([0.5, 0.5, 0.9], [*two, of(None, 0.001)])]

    @given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9), st.integers(0, 9)), max_size=5))
    def test_between_its_volumes_the_frontier_stays(self, cells):
        """
        The frontier at any volume is that of the volume before, but where a crossing lies between the two.
        """
        quality, prices = [float(value) for value, _, _ in cells], [of(float(a), float(b)) for _, a, b in cells]
        volumes = sorted({met.queries for _, met in frontier_crossings(quality, prices)})
        edges = [0.0, *volumes, 2 * max(volumes, default=1.0) + 1]

        for low, high in itertools.pairwise(edges):
            inside = [low + share * (high - low) for share in (0.1, 0.5, 0.9)]
            found = [pareto.frontier(quality, [price.at(volume) for price in prices]) for volume in inside]
            assert [found[0]] * 3 == found
