"""
The exact top k of sparse vectors in any layout: over inverted lists, over rows of non-zeros.

By the loops of `kernels.py` where there is numba, else plainly, by numpy and scipy: the same hits, slower.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, get_index_dtype

from retrievers.contract import Hits, Vectors, top_k
from retrievers.storages._shared import block_length
from retrievers.storages.codecs.impacts import Array, Scales
from retrievers.storages.search import kernels
from retrievers.storages.search.kernels import Offsets, Postings

ROW_BLOCK = 32  # queries that go through the rows together: beyond, what they add to leaves the processor's cache
PLAIN_ROWS = 2**16  # that scipy is handed at a time, in its own types


class Terms(NamedTuple):
    """Queries as their non-zeros: query i has terms splits[i] to before splits[i + 1]."""

    columns: Array  # (terms,) int32 or int64
    weights: NDArray[np.float32]  # (terms,)
    splits: NDArray[np.int64]  # (n_queries + 1,)


Lists: TypeAlias = Callable[[Array], Postings]  # columns (terms,), any of them twice -> their lists, in that order


def terms_of(queries: Vectors, scales: Scales | None = None) -> Terms:
    """The non-zeros of queries, float32; each times its column's scale where there are any."""
    if isinstance(queries, csr_array):
        columns, weights = queries.indices, queries.data.astype(np.float32)
        splits = queries.indptr.astype(np.int64)
    else:
        rows, columns = np.nonzero(queries)
        weights = queries[rows, columns].astype(np.float32)
        splits = np.searchsorted(rows, np.arange(len(queries) + 1))
    if scales is not None:
        weights *= scales.of(columns)
    return Terms(columns, weights, splits)


def top_k_of_lists(
    lists: Lists,
    queries: Vectors,
    k: int,
    *,
    n: int,
    sparse: bool,
    scales: Scales | None = None,
    block: int = 1024,
) -> Hits:
    """
    The top k of queries over inverted lists of n passages: float32 sums in the order of a query's terms.

    Args:
        lists: columns -> their lists; called with the terms of `block` queries at once, maybe by several threads.
        queries: (n_queries, dims).
        k: hits for each.
        n: passages.
        sparse: only scores above 0 are hits.
        scales: of the columns, where the values are codes.
        block: queries whose lists are held at once.
    """
    columns, weights, splits = terms_of(queries, scales)
    search = kernels.best_of_lists if kernels.available() else _best_of_lists

    def best(first: int, last: int) -> Hits:
        start, end = splits[first], splits[last]
        postings = lists(columns[start:end])
        return search(postings, weights[start:end], splits[first : last + 1] - start, k, n, sparse)

    return kernels.in_parts(best, len(splits) - 1, block, k)


def _best_of_lists(
    postings: Postings, weights: NDArray[np.float32], splits: NDArray[np.int64], k: int, n: int, sparse: bool
) -> Hits:
    """The plain path: a list is added to the scores of its passages in one go."""
    rows, values, starts, ends = postings
    scores = np.zeros((1, n), np.float32)
    found = []
    for first, last in pairwise(splits):
        scores[:] = 0
        for term in range(first, last):
            part = slice(starts[term], ends[term])
            scores[0, rows[part]] += weights[term] * values[part].astype(np.float32)
        found.append(top_k(scores, k, positive=sparse))
    return Hits(np.concatenate([hits.rows for hits in found]), np.concatenate([hits.scores for hits in found]))


def top_k_of_rows(
    offsets: Offsets,
    indices: Array,
    values: Array,
    queries: Vectors,
    k: int,
    *,
    n: int,
    sparse: bool,
    scales: Scales | None = None,
) -> Hits:
    """
    The top k of queries over n rows of non-zeros, every one of which is visited: float32 sums in the order of a row.

    Args:
        offsets: the rows first to before last have the non-zeros from offsets(first, last)[i] to before [i + 1].
        indices: the column of each non-zero.
        values: the non-zeros.
        queries: (n_queries, dims).
        k: hits for each.
        n: rows.
        sparse: only scores above 0 are hits.
        scales: of the columns, where the values are codes.
    """
    columns, weights, splits = terms_of(queries, scales)
    search = kernels.best_of_rows if kernels.available() else _best_of_rows

    def best(first: int, last: int) -> Hits:
        part = slice(splits[first], splits[last])
        asked = np.zeros((queries.shape[1], last - first), np.float32)  # (dims, queries): numbers of a column together
        query = np.repeat(np.arange(last - first), np.diff(splits[first : last + 1]))
        np.add.at(asked, (columns[part], query), weights[part])
        return search(offsets, indices, values, asked, k, n, sparse)

    scored = 0 if kernels.available() else n  # all of whose scores are held at once
    block = min(ROW_BLOCK, block_length(scored, queries.shape[1]))
    return kernels.in_parts(best, len(splits) - 1, block, k)


def _best_of_rows(
    offsets: Offsets, indices: Array, values: Array, asked: NDArray[np.float32], k: int, n: int, sparse: bool
) -> Hits:
    """The plain path: scipy's product, of what it can take of some rows at a time."""
    dims, n_queries = asked.shape
    scores = np.empty((n_queries, n), np.float32)
    for base in range(0, n, PLAIN_ROWS):
        limit = min(base + PLAIN_ROWS, n)
        bounds = offsets(base, limit)
        part = slice(bounds[0], bounds[-1])
        index = get_index_dtype(maxval=max(dims, int(bounds[-1] - bounds[0])))
        rows = csr_array(
            (
                values[part].astype(np.float32, copy=False),
                indices[part].astype(index),
                (bounds - bounds[0]).astype(index),
            ),
            shape=(limit - base, dims),
        )
        scores[:, base:limit] = (rows @ asked).T
    return top_k(scores, k, positive=sparse)
