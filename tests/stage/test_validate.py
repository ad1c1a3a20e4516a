"""What an adapter hands back is checked before it counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.sparse import coo_array, csr_array

from bench.stage.validate import check_facts, check_hits, check_ledger, check_vectors
from retrievers.contract import Hits, top_k

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
        check_hits(hits(rows, scores), n_queries=1, depth=3, n_passages=4)


def test_the_place_is_named():
    """
    The message says which query breaks the rule, and at which rank.
    """
    broken = hits([[0, 1, 2], [2, 1, 2]], [[3.0, 2.0, 1.0], [3.0, 2.0, 1.0]])

    with pytest.raises(ValueError, match="each passage once; query 1 breaks it at rank 3"):
        check_hits(broken, n_queries=2, depth=3, n_passages=4)


@pytest.mark.parametrize(("rows", "scores"), [("int32", "float32"), ("int64", "float64")])
def test_hits_of_another_type_are_refused(rows, scores):
    """
    Rows are int64 and scores float32, nothing that merely looks like them.
    """
    broken = Hits(np.zeros((1, 1), rows), np.ones((1, 1), scores))

    with pytest.raises(ValueError, match="rows int64 and scores float32"):
        check_hits(broken, n_queries=1, depth=1, n_passages=1)


@pytest.mark.parametrize("found", [None, [[0]], ([[0]], [[1.0]]), Hits([[0]], [[1.0]])])
def test_what_is_no_hits_is_refused(found):
    """
    Something else than Hits of two arrays is refused by its type.
    """
    with pytest.raises(TypeError, match="expected Hits"):
        check_hits(found, n_queries=1, depth=1, n_passages=1)


def test_well_formed_hits_pass():
    """
    Ties by position, negative scores, padding at the end and queries without any hit are in order.
    """
    fine = hits(
        [[1, 3, -1], [-1, -1, -1], [2, 0, 1]],
        [[0.5, 0.5, -INFINITY], [-INFINITY, -INFINITY, -INFINITY], [1.0, -1.0, -1.0]],
    )

    check_hits(fine, n_queries=3, depth=3, n_passages=4)


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

    check_hits(found, n_queries=len(scores), depth=k, n_passages=scores.shape[1])


@pytest.mark.parametrize(
    ("error", "expected", "vectors"),
    [
        (TypeError, "csr_array or an ndarray, found list", [[1.0]]),
        (TypeError, "csr_array or an ndarray, found coo_array", coo_array(np.eye(2, dtype=np.float32))),
        (ValueError, "found float64", np.ones((2, 3))),
        (ValueError, "found float64", csr_array(np.eye(2))),
        (ValueError, r"of shape \(3, 1\)", np.ones((3, 1), np.float32)),
        (ValueError, r"of shape \(2,\)", np.ones(2, np.float32)),
        (ValueError, "NaN or infinity", np.array([[1], [np.nan]], np.float32)),
        (ValueError, "NaN or infinity", csr_array(np.array([[1], [np.inf]], np.float32))),
    ],
)
def test_malformed_vectors_are_refused(error, expected, vectors):
    """
    Vectors of another type, dtype or shape, or that are no finite numbers, are refused with what was found.
    """
    with pytest.raises(error, match=expected):
        check_vectors(vectors, 2, "passages")


def test_nonzeros_are_counted():
    """
    Of sparse vectors the number of non-zeros is told; dense ones have none to tell.
    """
    assert 2 == check_vectors(csr_array(np.eye(2, dtype=np.float32)), 2, "passages")
    assert check_vectors(np.eye(2, dtype=np.float32), 2, "passages") is None


@pytest.mark.parametrize(
    ("error", "expected", "ledger"),
    [
        (TypeError, "expected a dict, found list", [8]),
        (TypeError, "names as str, found 1", {1: 8}),
        (TypeError, "'held' in whole bytes, an int, found 8.0", {"held": 8.0}),
        (TypeError, "'held' in whole bytes, an int, found .*8.0", {"held": np.float64(8.0)}),
        (TypeError, "'held' in whole bytes, an int, found True", {"held": True}),
        (TypeError, "'held' in whole bytes, an int, found None", {"held": None}),
        (ValueError, "'held' not below 0, found -1", {"held": np.int64(-1)}),
    ],
)
def test_malformed_ledgers_are_refused(error, expected, ledger):
    """
    A ledger is a dict of names to whole bytes: anything else is refused with the name and what was found.
    """
    with pytest.raises(error, match=expected):
        check_ledger(ledger)


@pytest.mark.parametrize(
    ("expected", "facts"),
    [
        ("expected a dict, found NoneType", None),
        ("names as str, found 1", {1: "one"}),
        ("'dims' to be str, int, float or None, found ", {"dims": np.zeros(2)}),
        ("'dims' to be str, int, float or None, found 1j", {"dims": np.complex64(1j)}),
    ],
)
def test_malformed_facts_are_refused(expected, facts):
    """
    Facts are a dict of names to plain values: anything else is refused with the name and what was found.
    """
    with pytest.raises(TypeError, match=expected):
        check_facts(facts)


def test_numbers_of_numpy_become_pythons():
    """
    What a record takes are Python's own types, so numpy's are turned into them; true is 1.
    """
    ledger = check_ledger({"values": np.uint16(7), "indices": 0})
    facts = check_facts({"dims": np.int32(3), "share": np.float32(0.5), "unit": np.bool_(True), "none": None, "a": "b"})

    assert {"values": 7, "indices": 0} == ledger
    assert {"dims": 3, "share": 0.5, "unit": 1, "none": None, "a": "b"} == facts
    assert {int} == set(map(type, ledger.values()))
    assert [int, float, int, type(None), str] == list(map(type, facts.values()))
