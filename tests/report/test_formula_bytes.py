"""What storages take by formula, and from where on a dense array is smaller."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import random_array

from bench.report import formula_bytes, rows
from tests.helpers.records import measurement
from tests.helpers.stored import cell


@pytest.mark.parametrize(("most", "bytes_"), [(0, 1), (255, 1), (256, 2), (65_535, 2), (65_536, 4), (2**32, 8)])
def test_an_index_takes_the_least_that_holds_it(most, bytes_):
    """
    An index takes 1, 2, 4 or 8 bytes, the least that holds the highest number.
    """
    assert bytes_ == formula_bytes.width(most)


@pytest.mark.parametrize("shape", [(3, 20), (20, 300), (300, 3)])
def test_csr_weighs_what_its_arrays_do(shape):
    """
    The formula of CSR is the sum of its three arrays, indices and offsets cast to the smallest type that fits.
    """
    matrix = random_array(shape, density=0.3, format="csr", rng=np.random.default_rng(7), dtype=np.float32)
    indices = matrix.indices.astype(np.min_scalar_type(shape[1] - 1))
    offsets = matrix.indptr.astype(np.min_scalar_type(matrix.nnz))

    assert matrix.data.nbytes + indices.nbytes + offsets.nbytes == formula_bytes.csr_bytes(*shape, matrix.nnz)
    assert matrix.toarray().nbytes == formula_bytes.dense_bytes(*shape)


@pytest.mark.slow
@settings(deadline=None)
@given(st.integers(1, 40), st.one_of(st.integers(1, 40), st.integers(240, 280)))
def test_break_even_is_where_one_more_is_too_many(n, dims):
    """
    Up to the break-even density CSR takes no more than the dense array, and with one non-zero more it does.
    """
    dense = formula_bytes.dense_bytes(n, dims)
    most = max((z for z in range(n * dims + 1) if formula_bytes.csr_bytes(n, dims, z) <= dense), default=0)

    meeting = formula_bytes.break_even_density(n, dims)

    assert most == math.floor(meeting * n * dims + 1e-6)


def test_no_numbers_have_no_break_even():
    """
    Without passages, or without dimensions, there is no density to speak of.
    """
    assert (None, None) == (formula_bytes.break_even_density(0, 10), formula_bytes.break_even_density(10, 0))


def test_a_row_tells_bits_by_what_is_stored():
    """
    Bits go by the non-zeros of sparse vectors and by all numbers of dense ones, whose density is 1.
    """
    ledger = {"values": 6_000}

    sparse, dense = rows.row(cell("A()", ledger=ledger)), rows.row(cell("A()", ledger=ledger, nonzeros=None))

    keys = ("density", "bits_per_posting", "bits_per_dimension", "dense_bytes", "csr_bytes")
    assert [0.02, 16.0, None, 600_000, 3_000 * 6 + 151 * 2] == [sparse[key] for key in keys]
    assert [1.0, None, 0.32, 600_000, 150_000 * 6 + 151 * 4] == [dense[key] for key in keys]
    assert sparse["break_even_density"] == dense["break_even_density"] == pytest.approx((600_000 - 151 * 4) / 6 / 150e3)


def test_a_row_without_vectors_tells_no_sizes():
    """
    Where nothing was encoded, what follows from the shape is null; so are bounds that no storage told.
    """
    row = rows.row(measurement())

    keys = ("density", "dense_bytes", "csr_bytes", "break_even_density", "bits_per_posting", "bits_per_dimension")
    assert [None] * 8 == [row[key] for key in (*keys, "position_bound_bits", "value_bound_bits")]
