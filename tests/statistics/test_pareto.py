"""The frontier of quality and cost."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.statistics.pareto import frontier


def by_definition(quality, cost):
    """Each candidate held against every other."""
    pairs = list(zip(quality, cost, strict=True))
    return [
        not any(q >= quality_ and c <= cost_ and (q, c) != (quality_, cost_) for q, c in pairs)
        for quality_, cost_ in pairs
    ]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=12))
def test_the_frontier_is_what_no_other_beats(pairs):
    """
    On the frontier is whatever no other candidate equals or beats in both while it beats it in one.
    """
    quality, cost = [q for q, _ in pairs], [c for _, c in pairs]

    assert by_definition(quality, cost) == frontier(quality, cost)


@pytest.mark.parametrize(
    ("quality", "cost", "expected"),
    [
        ([], [], []),
        ([0.5], [1.0], [True]),
        ([0.5, 0.5], [1.0, 1.0], [True, True]),
        ([0.5, 0.5], [1.0, 2.0], [True, False]),
        ([0.5, 0.6], [1.0, 1.0], [False, True]),
        ([0.6, 0.5, 0.7], [2.0, 1.0, 3.0], [True, True, True]),
        ([0.6, 0.5, 0.7], [2.0, 3.0, 1.0], [False, False, True]),
    ],
)
def test_equals_stand_or_fall_together(quality, cost, expected):
    """
    None, one, two that are equal in both, and ties in one of the two.
    """
    assert expected == frontier(quality, cost)
