"""How numbers are written."""

from __future__ import annotations

import pytest

from bench.report.numbers import four, share, without_zero


@pytest.mark.parametrize(
    ("written", "expected"),
    [("0.5", ".5"), ("+0.25", "+.25"), ("-0.02", "-.02"), ("+10.25", "+10.25"), ("1.00", "1.00"), ("-20.0", "-20.0")],
)
def test_only_a_zero_that_stands_alone_is_left_out(written, expected):
    """
    The zero before the point goes, and no other: ten and a quarter stays what it is.
    """
    assert expected == without_zero(written)


def test_measures_have_no_zero_before_the_point():
    """
    Shares have three decimals, published figures four; one is written whole.
    """
    assert [".645", "1.000", ".6451", "+.0012"] == [share(0.645), share(1.0), four(0.64514), four(0.00121, "+")]
