"""Axes of the pictures."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.report.charts import axes


@pytest.mark.parametrize(
    ("values", "options", "expected"),
    [
        ([], {}, (0, 0.2, 0.4, 0.6, 0.8, 1)),
        ([0.645, 0.678], {"least": 0.1}, (0.6, 0.62, 0.64, 0.66, 0.68, 0.7, 0.72)),
        ([0.99], {"within": (0, 1), "least": 0.1}, (0.94, 0.96, 0.98, 1)),
        ([5], {}, (4.4, 4.6, 4.8, 5, 5.2, 5.4, 5.6)),
        ([0, 62], {}, (0, 20, 40, 60, 80)),
    ],
)
def test_linear_ticks(values, options, expected):
    """
    Ticks are round, reach beyond the values but not beyond what there is, and one value has an axis too.
    """
    assert expected == axes.linear(values, 0, 100, **options).ticks


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], (1, 2, 5, 10)),
        ([1.0], (0.5, 1, 2)),
        ([0.386, 17.5], (0.2, 0.5, 1, 2, 5, 10, 20, 50)),
        ([0.01, 900], (0.01, 0.1, 1, 10, 100, 1000)),
    ],
)
def test_logarithmic_ticks(values, expected):
    """
    Ticks are 1, 2 and 5 times powers of ten, or over many decades the powers alone; one value has room on both sides.
    """
    assert expected == axes.logarithmic(values, 0, 100).ticks


def test_nothing_below_zero_on_a_logarithmic_axis():
    """
    A value that has no logarithm is refused.
    """
    with pytest.raises(ValueError, match=r"expected values above 0 for a logarithmic axis, found 0"):
        axes.logarithmic([0.0, 1.0], 0, 100)


@settings(deadline=None)
@given(st.lists(st.floats(1e-4, 1e6), min_size=1, max_size=5), st.booleans())
def test_every_value_is_on_its_axis(values, log):
    """
    Every value lies between the ends of its axis, and the ends at the ends of the field.
    """
    axis = (axes.logarithmic if log else axes.linear)(values, 10, 110)

    places = [axis.place(value) for value in values]

    assert all(10 - 1e-6 <= place <= 110 + 1e-6 for place in places)
    assert [10, 110] == pytest.approx([axis.place(axis.low), axis.place(axis.high)])
    assert 2 <= len(axis.ticks) <= 12


@pytest.mark.parametrize(("value", "expected"), [(1, 1), (4.9, 2), (5, 5), (7_961_088, 5e6), (0.3, 0.2)])
def test_the_round_number_below(value, expected):
    """
    A size in a legend is a round number that the picture reaches.
    """
    assert expected == axes.below_or_at(value)


def test_a_tight_axis_ends_at_its_values():
    """
    An axis can end at its values, and then has the ticks between them.
    """
    axis = axes.linear([0, 62], 0, 100, tight=True)

    assert (0, 62, (0, 20, 40, 60)) == (axis.low, axis.high, axis.ticks)


@pytest.mark.parametrize(
    ("values", "sign", "expected"),
    [
        ([0.645, 0.678], "", [".64", ".66", ".68"]),
        ([-0.02, 0.01], "+", ["-.02", "-.01", ".00", "+.01"]),
        ([0, 1], "", [".0", ".5", "1.0"]),
    ],
)
def test_shares_have_the_decimals_that_they_need(values, sign, expected):
    """
    The ticks of an axis of shares are written alike, without a leading zero, with no decimal too many.
    """
    axis = axes.linear(values, 0, 100)
    written = axes.decimals(axis, sign)

    assert set(expected) <= {written(tick) for tick in axis.ticks} | {".5"}
    assert len({len(written(tick).lstrip("+-1")) for tick in axis.ticks}) == 1


@pytest.mark.parametrize(("size", "expected"), [(5e6, "5 MB"), (1e4, "10 kB"), (100, "100 B"), (1e5, "100 kB")])
def test_a_round_size_has_no_decimals(size, expected):
    """
    A size in a legend is written as the round number that it is.
    """
    assert expected == axes.rounded(size)
