"""
The best inner products of dense vectors, compiled by numba. Imported late, and only where numba is there.

Scores are made a block of rows at a time and looked through while they lie in the processor's cache: no array of the
size of the vectors arises, nor of all their scores.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from retrievers.contract import Hits
from retrievers.storages import kernels
from retrievers.storages.compiled import Floats, Ints, collect, compiled, settle, settle_all

FEW = 16  # queries; more are worth the matrix product of a library, which needs many to pay
CACHE_BYTES = 2**18  # of vectors that few queries go through together: they stay in the second cache
ROWS, QUERIES = 2**12, 2**9  # of one matrix product; 8 MiB of scores


def best(queries: Floats, vectors: Floats, k: int, *, sparse: bool) -> Hits:
    """
    The top k >= 1 of vectors (n, dims) for queries (n_queries, dims), both C-ordered float32, ties by position.

    Few queries are compared in numba's threads, each on its own; many by the threads of numpy's library.
    """
    if len(queries) < FEW:
        return kernels.in_parts(lambda a, b: _of_few(queries[a:b], vectors, k, sparse), len(queries), FEW, k)
    hits = _room(len(queries), k)
    for start in range(0, len(queries), QUERIES):
        part = slice(start, start + QUERIES)
        _of_many(queries[part], vectors, Hits(hits.rows[part], hits.scores[part]), sparse)
    return hits


def _of_few(queries: Floats, vectors: Floats, k: int, sparse: bool) -> Hits:
    hits = _room(len(queries), k)
    step = max(CACHE_BYTES // max(vectors[:1].nbytes, 4), 1)
    best_of_rows(_frozen(vectors), _frozen(queries), step, kernels.FLOOR[sparse], hits.scores, hits.rows)
    return hits


def _of_many(queries: Floats, vectors: Floats, hits: Hits, sparse: bool) -> None:
    """One block of queries; its hits are written to where they belong."""
    sizes = np.zeros(len(queries), np.int64)
    room = np.empty(len(queries) * min(ROWS, len(vectors)), np.float32)
    for base in range(0, len(vectors), ROWS):
        rows = vectors[base : base + ROWS]
        found = room[: len(queries) * len(rows)].reshape(len(queries), len(rows))
        np.matmul(queries, rows.T, out=found)
        collect_all(found, base, kernels.FLOOR[sparse], hits.scores, hits.rows, sizes)
    settle_all(hits.scores, hits.rows, sizes)


def _room(n_queries: int, k: int) -> Hits:
    """Space for hits, to be written to in full."""
    return Hits(np.empty((n_queries, k), np.int64), np.empty((n_queries, k), np.float32))


def _frozen(array: Floats) -> Floats:
    """Read-only: so one compiled search serves arrays that may be written to and such that may not."""
    view = array.view()
    view.flags.writeable = False
    return view


# In any order of the sums, which lets the processor add several at once. No cache of its own: it goes into its caller.
@njit(nogil=True, fastmath={"reassoc", "contract"})  # type: ignore[untyped-decorator]  # numba has no types
def products(vectors: Floats, query: NDArray[np.float32], out: Floats) -> None:
    for row in range(len(out)):
        total = np.float32(0)
        for column in range(len(query)):
            total += vectors[row, column] * query[column]
        out[row] = total


@compiled
def best_of_rows(vectors: Floats, queries: Floats, step: int, floor: float, out_scores: Floats, out_rows: Ints) -> None:
    """The best rows for each query, `step` rows at a time."""
    sizes = np.zeros(len(queries), np.int64)
    room = np.empty(min(step, len(vectors)), np.float32)
    for base in range(0, len(vectors), step):
        rows = vectors[base : base + step]
        found = room[: len(rows)]
        for query in range(len(queries)):
            products(rows, queries[query], found)
            sizes[query] = collect(found, base, floor, out_scores[query], out_rows[query], sizes[query])
    for query in range(len(queries)):
        settle(out_scores[query], out_rows[query], sizes[query])


@compiled
def collect_all(found: Floats, base: int, floor: float, out_scores: Floats, out_rows: Ints, sizes: Ints) -> None:
    """Keep the best of a block of scores, (n_queries, rows), of the passages from `base`."""
    for query in range(len(found)):
        sizes[query] = collect(found[query], base, floor, out_scores[query], out_rows[query], sizes[query])
