"""What hits must be, wherever they come from: one check for what adapters give back and what files hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from retrievers.contract import Hits, top_k
from retrievers.ranking import check_hits

INFINITY = np.inf


def hits(rows: list[list[int]], scores: list[list[float]]) -> Hits:
    return Hits(np.array(rows, np.int64), np.array(scores, np.float32))


@pytest.mark.parametrize(
    ("expected", "rows", "scores"),
    [
        ("expected shape", [[0, 1]], [[2.0, 1.0]]),
        ("rows within the passages", [[0, 1, 4]], [[3.0, 2.0, 1.0]]),
        ("rows within the passages", [[0, 1, -2]], [[3.0, 2.0, -INFINITY]]),
        ("padding", [[0, -1, 1]], [[3.0, -INFINITY, 1.0]]),
        ("finite scores", [[0, 1, -1]], [[3.0, np.nan, -INFINITY]]),
        ("finite scores", [[0, 1, -1]], [[INFINITY, 1.0, -INFINITY]]),
        ("finite scores", [[0, 1, 2]], [[3.0, 2.0, -INFINITY]]),
        ("finite scores", [[0, 1, -1]], [[3.0, 2.0, 0.0]]),
        ("finite scores", [[0, 1, -1]], [[3.0, 2.0, np.nan]]),
        ("scores descending", [[0, 1, 2]], [[3.0, 1.0, 2.0]]),
        ("ties by position", [[0, 2, 1]], [[3.0, 2.0, 2.0]]),
        ("each passage once", [[0, 1, 0]], [[3.0, 2.0, 1.0]]),
    ],
)
def test_malformed_hits_are_refused(expected, rows, scores):
    """
    Hits that break a rule of the contract are refused, and the message names the rule.
    """
    with pytest.raises(ValueError, match=expected):
        check_hits(hits(rows, scores), n_queries=1, k=3, n_passages=4)


def test_the_place_is_named():
    """
    The message says which query breaks the rule, and at which rank.
    """
    broken = hits([[0, 1, 2], [2, 1, 2]], [[3.0, 2.0, 1.0], [3.0, 2.0, 1.0]])

    with pytest.raises(ValueError, match="each passage once; query 1 breaks it at rank 3"):
        check_hits(broken, n_queries=2, k=3, n_passages=4)


@pytest.mark.parametrize(("rows", "scores"), [("int32", "float32"), ("int64", "float64")])
def test_hits_of_another_type_are_refused(rows, scores):
    """
    Rows are int64 and scores float32, nothing that merely looks like them.
    """
    broken = Hits(np.zeros((1, 1), rows), np.ones((1, 1), scores))

    with pytest.raises(ValueError, match="rows int64 and scores float32"):
        check_hits(broken, n_queries=1, k=1, n_passages=1)


@pytest.mark.parametrize("found", [None, [[0]], ([[0]], [[1.0]]), Hits([[0]], [[1.0]])])
def test_what_is_no_hits_is_refused(found):
    """
    Something else than Hits of two arrays is refused by its type.
    """
    with pytest.raises(TypeError, match="expected Hits"):
        check_hits(found, n_queries=1, k=1, n_passages=1)


def test_well_formed_hits_pass():
    """
    Ties by position, negative scores, padding at the end and queries without any hit are in order.
    """
    fine = hits(
        [[1, 3, -1], [-1, -1, -1], [2, 0, 1]],
        [[0.5, 0.5, -INFINITY], [-INFINITY, -INFINITY, -INFINITY], [1.0, -1.0, -1.0]],
    )

    check_hits(fine, n_queries=3, k=3, n_passages=4)


@settings(deadline=None)
@given(
    scores=arrays(np.float32, st.tuples(st.integers(0, 4), st.integers(0, 6)), elements=st.integers(-2, 2)),
    k=st.integers(0, 9),
    positive=st.booleans(),
)
def test_the_reference_ranking_passes(scores, k, positive):
    """
    Whatever is ranked by the contract's own top k is in order.
    """
    found = top_k(scores, k, positive=positive)

    check_hits(found, n_queries=len(scores), k=k, n_passages=scores.shape[1])


def test_a_ranking_from_elsewhere():
    """
    Hits of any depth pass where none is given, and ties in an order of their own where they may; queries have names.
    """
    elsewhere = hits([[2, 1]], [[1.0, 1.0]])

    check_hits(elsewhere, n_queries=1, k=None, n_passages=4, ties=False)

    with pytest.raises(ValueError, match="ties by position; query 'q1' breaks it at rank 1"):
        check_hits(elsewhere, n_queries=1, k=None, n_passages=4, names=["q1"])
    with pytest.raises(ValueError, match=r"expected shape \(2, k\), found rows \(1, 2\)"):
        check_hits(elsewhere, n_queries=2, k=None, n_passages=4)
