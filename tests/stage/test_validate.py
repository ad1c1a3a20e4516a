"""What an adapter hands back is checked before it counts."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import coo_array, csr_array

from bench.stage.validate import check_facts, check_ledger, check_vectors


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
