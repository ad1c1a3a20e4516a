"""What was tried on a share, told of all: a range, and nothing from one size alone."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.progress import Range
from bench.run import rates
from bench.run.extrapolation import NOTHING, extrapolated, seconds_of
from bench.stage import blocks
from bench.stage.blocks import UnderWay


def facts(cost, *sizes: int) -> dict[str, float]:
    return {f"make {size}": cost(size) for size in sizes}


COSTS = {
    "straight": lambda n: 0.06 * n,
    "with something to set up": lambda n: 3.0 + 0.02 * n,
    "n log n": lambda n: 1e-4 * n * math.log(n),
    "a power": lambda n: 1e-4 * n**1.2,
    "the same whatever the size": lambda n: 0.7,
}


@pytest.mark.parametrize("cost", COSTS.values(), ids=COSTS)
@pytest.mark.parametrize(("sizes", "size"), [((8, 16), 40_000), ((512, 1024), 40_000), ((4096, 8192), 300_000)])
def test_the_truth_lies_within(cost, sizes, size):
    """
    Whether it is flat, straight or grows faster, what all of them take lies between the bounds.
    """
    found = extrapolated(facts(cost, *sizes), "make", size)

    assert found.low <= cost(size) <= found.high
    assert found.low <= found.likely <= found.high


@pytest.mark.parametrize("cost", [COSTS["straight"], COSTS["with something to set up"]])
def test_a_straight_line_is_told_within_a_factor(cost):
    """
    Of what is straight, bounds from a few hundred passages are within a factor of 1.5 for 40,000.
    """
    found = extrapolated(facts(cost, 256, 512), "make", 40_000)

    assert found.high / cost(40_000) < 1.5
    assert cost(40_000) / found.low < 1.5


def test_one_size_tells_no_more_than_itself():
    """
    From one size nothing is known of a larger one, but that it takes no less.
    """
    assert Range(2.5, None, None) == extrapolated({"make 64": 2.5}, "make", 40_000)
    assert Range.exactly(2.5) == extrapolated({"make 64": 2.5}, "make", 64)


def test_what_was_not_tried_takes_nothing():
    """
    A part that has no such step adds nothing.
    """
    assert NOTHING == extrapolated({"make 64": 2.5}, "every", 40_000)


@given(first=st.floats(1e-6, 1e3), second=st.floats(1e-6, 1e3), size=st.integers(200, 10**7))
def test_bounds_are_in_order(first, second, size):
    """
    Whatever was measured, also where more took less, the bounds are numbers and in order, none below what was tried.
    """
    found = extrapolated({"make 64": first, "make 128": second}, "make", size)

    assert second <= found.low <= found.likely <= found.high < math.inf


def test_what_other_work_took_may_end():
    """
    Of a rehearsal that had the cores for a quarter of the time, a quarter is the least that the whole takes; what is
    likely stays, as if the other work went on.
    """
    tried = facts(COSTS["straight"], 256, 512)
    alone, beside = (seconds_of(tried | {"without_core": share}, "make", 40_000) for share in (0.0, 0.75))

    assert extrapolated(tried, "make", 40_000) == alone
    assert (alone.likely, alone.high) == (beside.likely, beside.high)
    assert alone.low / 4 == pytest.approx(beside.low)


@pytest.mark.parametrize("cost", COSTS.values(), ids=COSTS)
@pytest.mark.parametrize("moment", [0.6, 1.7])
@pytest.mark.parametrize("slow", [64, 128, 256, 512])
def test_one_moment_that_was_another(cost, moment, slow):
    """
    One size that was tried in a slow moment, or a quick one, turns neither line nor power: what all take lies within
    the bounds, and less than a factor of 2 from what is likely; so it does where that size is the largest.
    """
    tried = facts(cost, 32, 64, 128, 256, 512)
    tried[f"make {slow}"] *= moment

    found = seconds_of(tried, "make", 40_000)

    assert found.low <= cost(40_000) <= found.high
    assert 0.5 < found.likely / cost(40_000) < 2


def test_moments_that_were_not_alike():
    """
    The range is as wide as the largest sizes lie off what all tell; of what lies on a line it is no wider.
    """
    alike = facts(COSTS["straight"], 32, 64, 128, 256, 512)
    unlike = alike | {"make 256": 1.5 * alike["make 256"]}
    told, wide = extrapolated(alike, "make", 40_000), seconds_of(unlike, "make", 40_000)

    assert told == pytest.approx(seconds_of(alike, "make", 40_000))
    assert (told.low / 1.5, told.likely, told.high * 1.5) == pytest.approx((wide.low, wide.likely, wide.high), rel=0.1)


def test_sizes_far_apart_or_none():
    """
    A range is never wider by more than a factor of two to either side; what was tried itself is exact, and from one
    size no more is told.
    """
    tried = {"one 64": 1.0, "one 128": 9.0, "one 256": 1.0}
    told, wide = extrapolated(tried, "one", 300), seconds_of(tried, "one", 300)

    assert Range.exactly(1.0) == seconds_of(tried, "one", 256)
    assert (told.low / 2, told.high * 2) == (wide.low, wide.high)
    assert Range(1.0, None, None) == seconds_of({"one 64": 1.0}, "one", 300)
    assert NOTHING == seconds_of(tried, "make", 300)


def test_a_total_of_what_is_not_known():
    """
    A sum is known where all of its parts are; else it is at least the sum of what they take at least.
    """
    known, unknown = Range(1, 2, 3), Range(4, None, None)

    assert Range(2, 4, 6) == Range.total([known, known])
    assert Range(5, None, None) == Range.total([known, unknown])
    assert Range(2, 4, 6) == known.times(2)
    assert Range(8, None, None) == unknown.times(2)
    assert (2, 4) == (known.at_least, unknown.at_least)
    assert NOTHING == Range.total([])


class TestRates:
    @pytest.fixture(autouse=True)
    def _cache(self, monkeypatch, tmp_path):
        monkeypatch.setenv("SPARRING_CACHE", str(tmp_path))

    def test_the_last_time_tells_the_next(self):
        """
        By the characters: twice as long texts take twice as long.
        """
        rates.keep("one", ["x" * 100] * 200, 20.0)

        found = rates.predicted(rates.of("one"), ["x" * 200] * 1000)

        assert 200.0 == pytest.approx(found.likely)
        assert found.low < 200 < found.high
        assert rates.of("another") is None

    def test_other_work_may_end(self):
        """
        Of what was at work for half of the time, half is the least that it takes again.
        """
        rates.keep("one", ["x" * 100] * 200, 20.0)
        rates.keep("two", ["x" * 100] * 200, 20.0, 0.5)

        one, two = (rates.predicted(rates.of(name), ["x" * 100] * 1000) for name in ("one", "two"))

        assert (one.low / 2, one.likely, one.high) == pytest.approx(two)

    def test_what_is_left_of_an_encoding(self, monkeypatch):
        """
        An encoding that was ended tells how fast it was, of as many passages as it has; what it has is not done again.
        """
        passages = ["x" * 100] * 400
        assert rates.left("one", "matrix", passages) is None

        monkeypatch.setattr(
            blocks, "under_way", lambda folder, passages: UnderWay(passages[:300], passages[300:], 600.0)
        )
        assert 200.0 == pytest.approx(rates.left("one", "matrix", passages).likely)

        rates.keep("one", passages, 40.0)
        assert 200.0 == pytest.approx(rates.left("one", "matrix", passages).likely)
        monkeypatch.setattr(
            blocks, "under_way", lambda folder, passages: UnderWay(passages[:100], passages[100:], 600.0)
        )
        assert 30.0 == pytest.approx(rates.left("one", "matrix", passages).likely)

    def test_few_passages_tell_nothing(self):
        """
        Where setting up was most of it, nothing is remembered; nor does a small set replace what a large one told.
        """
        rates.keep("one", ["x"] * 99, 20.0)
        assert rates.of("one") is None

        rates.keep("one", ["x"] * 1000, 20.0)
        rates.keep("one", ["x"] * 200, 1.0)
        assert 1000 == rates.of("one").passages

    def test_what_cannot_be_read_or_written(self, tmp_path, monkeypatch):
        """
        A torn file is none, and a cache that takes nothing is no error.
        """
        rates.keep("one", ["x"] * 1000, 20.0)
        next(tmp_path.rglob("*.json")).write_text("{")
        assert rates.of("one") is None

        (tmp_path / "file").write_text("")
        monkeypatch.setenv("SPARRING_CACHE", str(tmp_path / "file"))
        rates.keep("one", ["x"] * 1000, 20.0)
        assert rates.of("one") is None
