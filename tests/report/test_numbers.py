"""How numbers are written."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.report.numbers import four, share, significant, sized, without_zero


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


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.00001, "<0.0001"),
        (0.04123, "0.0412"),
        (0.9996, "1.00"),
        (3.984, "3.98"),
        (9.996, "10.0"),
        (99.96, "100"),
        (603.4, "603"),
        (12_345.0, "12,300"),
        (-2.5, "-2.50"),
    ],
)
def test_three_significant_digits(value, text):
    """
    Times and sizes have three significant digits, also where rounding reaches the next power of ten.
    """
    assert text == significant(value)


@settings(deadline=None)
@given(st.floats(min_value=-1e12, max_value=1e12))
def test_a_number_reads_back(value):
    """
    What is printed is the value to half a unit of its last place.
    """
    text = significant(value)

    assert (0.0 if text.startswith("<") else float(text.replace(",", ""))) == pytest.approx(
        value, rel=0.00501, abs=5e-5
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [(12, "12 B"), (999.9, "1.00 kB"), (1_500, "1.50 kB"), (404e6, "404 MB"), (12.3e9, "12.3 GB"), (2e13, "20,000 GB")],
)
def test_bytes_have_the_unit_that_suits_them(value, text):
    """
    Bytes are written with three digits, in B, kB, MB or GB.
    """
    assert text == sized(value)
