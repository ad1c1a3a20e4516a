"""Groups of about equal size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.statistics.quantile_groups import quantile_groups


def test_thirds_of_nine():
    """
    Nine different values are three groups of three, the lowest first.
    """
    values = np.array([9, 1, 5, 2, 8, 3, 7, 4, 6], np.float64)

    assert [2, 0, 1, 0, 2, 0, 2, 1, 1] == quantile_groups(values, 3).tolist()


def test_equal_values_stay_together():
    """
    A group that equal values fill takes them all, those that are left are numbered on, and what is unknown is in none.
    """
    values = np.array([0.5, 0.5, 0.5, 0.5, np.nan, 0.7, 0.1])

    assert [0, 0, 0, 0, -1, 1, 0] == quantile_groups(values, 3).tolist()
    assert [0, 0] == quantile_groups(np.ones(2), 10).tolist()
    assert [-1] == quantile_groups(np.array([np.nan]), 3).tolist()
    assert [] == quantile_groups(np.zeros(0), 3).tolist()


def test_no_groups():
    """
    There is one group at least.
    """
    with pytest.raises(ValueError, match="expected at least one group, found 0"):
        quantile_groups(np.ones(2), 0)


@given(values=st.lists(st.integers(0, 12), min_size=1, max_size=60), n=st.integers(1, 12))
def test_groups_are_those_of_counting(values, n):
    """
    A group ends at the smallest value that its share of all values does not exceed, as plain counting finds it.
    """
    found = quantile_groups(np.array(values, np.float64), n).tolist()

    edges = [min(v for v in values if n * sum(w <= v for w in values) >= part * len(values)) for part in range(1, n)]
    slow = [sum(edge < value for edge in edges) for value in values]
    numbers = sorted(set(slow))
    assert [numbers.index(group) for group in slow] == found
