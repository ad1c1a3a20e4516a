"""Times of the same and of other samples of queries."""

from __future__ import annotations

import numpy as np
import pytest

from bench.analysis.compare import compare
from tests.helpers.run_folders import found, timed


def uneven(n_queries: int) -> list[np.ndarray]:
    """Three rounds of two passes, alike, of queries that take from 1 to 5 ms."""
    return [np.tile(np.linspace(1e6, 5e6, n_queries).astype(np.int64), (2, 1)) for _ in range(3)]


def test_fewer_queries_are_another_sample(folders):
    """
    What a run stopped was timed on the queries of the first look: a batch of them is not held to a batch of more, and
    the interval of a single query is drawn apart.
    """
    old = folders.run("old", timed(n_timed=20), times=[uneven(20)], stop="decided")
    new = folders.run("new", timed(n_timed=40), times=[uneven(40)])

    both = compare(old, new)

    batch = found(both, "batch_qps")
    assert ("not compared", "batches of 20 / 40 queries") == (batch.verdict, batch.why)
    low, high = found(both, "single_p50_ms").interval
    assert low < 1 < high


@pytest.mark.parametrize(("stop", "is_same"), [("decided", True), (None, False)])
def test_as_many_are_the_same_sample_of_suites_that_stop_alike(folders, stop, is_same):
    """
    As many queries are the same ones where both suites stop or neither does; else they are others, drawn apart.
    """
    old = folders.run("old", timed(n_timed=20), times=[uneven(20)], stop="decided")
    new = folders.run("new", timed(n_timed=20), times=[uneven(20)], stop=stop)

    low, high = found(compare(old, new), "single_p50_ms").interval

    assert is_same == (pytest.approx((1.0, 1.0)) == (low, high))
    assert low <= 1 <= high


def test_runs_of_before_say_it_by_their_suite(folders):
    """
    A record that does not say how many were timed has as many as its suite allows.
    """
    old = folders.run("old", timed(), times=[uneven(20)], queries=20)
    new = folders.run("new", timed(n_timed=20), times=[uneven(20)], queries=20)

    assert pytest.approx((1.0, 1.0)) == found(compare(old, new), "single_p50_ms").interval
