"""
The exact top k, compiled where numba is installed (extra `fast`): over inverted lists, over rows, over dense vectors.

`compiled.py` holds the loops. Here is what calls them, and the threads.
"""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from retrievers.contract import Hits, no_hits
from retrievers.storages.codecs.impacts import Dtype

Offsets: TypeAlias = Callable[
    [int, int], NDArray[np.int64]
]  # first, last -> where rows first to last - 1 begin, and end
FLOOR = {True: np.float32(0), False: np.float32(-np.inf)}  # hits of sparse vectors, of dense ones, score above
FEW = 16  # dense queries; more are worth the matrix product of a library, which needs many to pay
CACHE_BYTES = 2**18  # of dense vectors that few queries go through together: they stay in the second cache
ROWS, QUERIES = 2**12, 2**9  # of one matrix product; 8 MiB of scores


class Postings(NamedTuple):
    """Some inverted lists: list i is rows[starts[i] : ends[i]], ascending, none twice, and values at those places."""

    rows: NDArray[Any]  # Any: unsigned integers
    values: NDArray[Any]  # Any: float32, float16 or uint8
    starts: NDArray[np.int64]  # (lists,)
    ends: NDArray[np.int64]  # (lists,)


@functools.cache
def available() -> bool:
    """Whether numba can be imported; tried once."""
    try:
        import numba  # noqa: F401
    except ImportError:
        return False
    return True


@functools.cache
def threads() -> int:
    """As many as numba is told to use by the environment (NUMBA_NUM_THREADS)."""
    if not available():
        return 1
    import numba

    return int(numba.config.NUMBA_NUM_THREADS)


def frozen(array: NDArray[Any]) -> NDArray[Any]:  # Any: any dtype
    """A view, without gaps and read-only: one compiled search then serves arrays that may be written to or not."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


def room(n_queries: int, k: int) -> Hits:
    """Space for hits, to be written to in full."""
    return Hits(np.empty((n_queries, k), np.int64), np.empty((n_queries, k), np.float32))


def in_parts(search: Callable[[int, int], Hits], n_queries: int, block: int, k: int) -> Hits:
    """The hits of queries first to before last by search(first, last), at most `block` at once, in threads()."""
    size = max(1, min(block, -(-n_queries // threads())))
    parts = [(first, min(first + size, n_queries)) for first in range(0, n_queries, size)]
    if len(parts) == 1:
        return search(*parts[0])
    if not parts:
        return no_hits(0, k)
    if threads() == 1:
        found = [search(*part) for part in parts]
    else:
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(threads()) as pool:
            found = list(pool.map(lambda part: search(*part), parts))
    return Hits(np.concatenate([hits.rows for hits in found]), np.concatenate([hits.scores for hits in found]))


def best_of_lists(
    postings: Postings, weights: NDArray[np.float32], splits: NDArray[np.int64], k: int, n: int, sparse: bool
) -> Hits:
    """
    The top k of n passages for queries whose term i has list i of postings and weights[i].

    splits: (n_queries + 1,) where the terms of each query begin.
    """
    from retrievers.storages.search import compiled

    if k == 0:
        return no_hits(len(splits) - 1, k)
    rows, values, starts, ends = postings
    hits = room(len(splits) - 1, k)
    compiled.best_of_lists(rows, _bits(values), starts, ends, weights, splits, n, FLOOR[sparse], hits.scores, hits.rows)
    return hits


def best_of_rows(
    offsets: Offsets,
    indices: NDArray[Any],  # Any: unsigned integers
    values: NDArray[Any],  # Any: float32, float16 or uint8
    asked: NDArray[np.float32],
    k: int,
    n: int,
    sparse: bool,
) -> Hits:
    """The top k of n rows for the queries that are the columns of asked, (dims, n_queries)."""
    from retrievers.storages.search import compiled

    n_queries = asked.shape[1]
    if k == 0:
        return no_hits(n_queries, k)
    hits, sizes = room(n_queries, k), np.zeros(n_queries, np.int64)
    step = max(compiled.RANGE // n_queries, 1)
    found = np.zeros((n_queries, min(step, n)), np.float32)
    any_asked = asked.any(axis=1)
    for base in range(0, n, step):
        compiled.add_rows(
            indices,
            _bits(values),
            offsets(base, min(base + step, n)),
            asked,
            any_asked,
            base,
            FLOOR[sparse],
            found,
            hits.scores,
            hits.rows,
            sizes,
        )
    compiled.settle_all(hits.scores, hits.rows, sizes)
    return hits


def offsets_of(rows: NDArray[Any], first: int, last: int) -> NDArray[np.int64]:  # Any: unsigned integers
    """Where each row from first to before last begins in ascending rows (nnz,), and where the last one ends."""
    start = int(np.searchsorted(rows, rows.dtype.type(first)))  # of the same type, or numpy would copy the rows
    if available():
        from retrievers.storages.search import compiled

        offsets = np.empty(last - first + 1, np.int64)
        compiled.offsets_of(rows, start, first, offsets)
        return offsets
    wanted = np.arange(first, last, dtype=rows.dtype)
    end = int(np.searchsorted(rows, rows.dtype.type(last - 1), side="right"))
    return start + np.append(np.searchsorted(rows[start:end], wanted), end - start)


def best_of_vectors(queries: NDArray[np.float32], vectors: NDArray[np.float32], k: int, sparse: bool) -> Hits:
    """
    The top k >= 1 of vectors (n, dims) for queries (n_queries, dims), both C-ordered float32, ties by position.

    Few queries are compared in threads(), each on its own; many by the threads of numpy's library.
    """
    if len(queries) < FEW:
        return in_parts(lambda a, b: _best_for_few(queries[a:b], vectors, k, sparse), len(queries), FEW, k)
    hits = room(len(queries), k)
    for start in range(0, len(queries), QUERIES):
        part = slice(start, start + QUERIES)
        _best_for_many(queries[part], vectors, Hits(hits.rows[part], hits.scores[part]), sparse)
    return hits


def _best_for_few(queries: NDArray[np.float32], vectors: NDArray[np.float32], k: int, sparse: bool) -> Hits:
    from retrievers.storages.search import compiled

    hits = room(len(queries), k)
    step = max(CACHE_BYTES // max(vectors[:1].nbytes, 4), 1)
    compiled.best_of_vectors(frozen(vectors), frozen(queries), step, FLOOR[sparse], hits.scores, hits.rows)
    return hits


def _best_for_many(queries: NDArray[np.float32], vectors: NDArray[np.float32], hits: Hits, sparse: bool) -> None:
    """One block of queries; its hits are written to where they belong."""
    from retrievers.storages.search import compiled

    sizes = np.zeros(len(queries), np.int64)
    block = np.empty(len(queries) * min(ROWS, len(vectors)), np.float32)
    for base in range(0, len(vectors), ROWS):
        rows = vectors[base : base + ROWS]
        found = block[: len(queries) * len(rows)].reshape(len(queries), len(rows))
        np.matmul(queries, rows.T, out=found)
        compiled.collect_all(found, base, FLOOR[sparse], hits.scores, hits.rows, sizes)
    compiled.settle_all(hits.scores, hits.rows, sizes)


def prepare(dtype: Dtype, *, lists: bool) -> None:
    """Compile what searches values of a dtype will call, over lists or over rows, or load it compiled."""
    if not available():
        return
    for index in (np.uint8, np.uint16, np.uint32):
        positions, values = frozen(np.zeros(1, index)), frozen(np.ones(1, dtype))
        one, none = np.ones(1, np.int64), np.zeros(1, np.int64)
        if lists:
            best_of_lists(
                Postings(positions, values, none, one), one.astype(np.float32), np.append(none, one), 1, 1, True
            )
        else:
            offsets = functools.partial(offsets_of, positions)
            best_of_rows(offsets, positions, values, np.ones((1, 1), np.float32), 1, 1, True)


def compiled_so_far() -> list[str]:
    """
    Each kernel that this process has compiled, or loaded compiled: its name, then the types that it takes, as numba
    writes them, `collect: array(float32, 1d, C); int64`. What kernels call with a constant is compiled with them.
    """
    found = [f"{name}: {'; '.join(map(str, types))}" for name, each in _kernels().items() for types in each.signatures]
    return [written for written in found if "Literal[" not in written]


def compile_again(found: Iterable[str]) -> None:
    """Compile, or load compiled, what another process had `compiled_so_far`; what cannot be is left to who calls it."""
    known = _kernels()
    for name, _, types in (each.partition(": ") for each in found):
        with contextlib.suppress(Exception):
            known[name].compile(tuple(map(_type_of, types.split("; "))))


def _kernels() -> dict[str, Any]:  # Any: numba's dispatchers
    if not available():
        return {}
    from retrievers.storages.search import compiled

    return {name: value for name, value in vars(compiled).items() if hasattr(value, "signatures")}


def _type_of(written: str) -> Any:  # Any: a type of numba's
    """
    A scalar, or an array of them, as numba writes it; ValueError or TypeError for what is neither.

    Not left to numba, which evaluates what it is handed: what was compiled is read from a file.
    """
    import numba

    match = re.fullmatch(r"(readonly )?array\((\w+), (\d)d, ([CFA])\)", written)
    if match is None:
        return numba.from_dtype(np.dtype(written))
    return numba.types.Array(numba.from_dtype(np.dtype(match[2])), int(match[3]), match[4], readonly=bool(match[1]))


def _bits(values: NDArray[Any]) -> NDArray[Any]:  # Any: float32, float16 or uint8
    """Values as numba takes them: it has no float16 on a processor, so that its bits are handed."""
    return values.view(np.uint16) if values.dtype == np.float16 else values
