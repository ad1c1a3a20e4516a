"""
What timed queries were answered: kept beside the clock, and held to what is judged once it has stopped.

An answer is copied as soon as its stamp is taken: what a thread fills in later, and what is computed when it is read,
is no answer. Of each query the first answer is kept, and the first one that is not the same: no pass goes unseen.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from retrievers.contract import Hits, Vectors

SAME_SCORE = 1e-4  # of the largest score of a query: one alone and a batch are added up in another order
SAME_VECTOR = 1e-4  # of a vector's length: what a text alone and a text in a batch may differ by in 32 bits

Arrays: TypeAlias = tuple[NDArray[Any], ...]  # a copy: of a dense array itself; of a csr_array data, indices, indptr


class Answers(Protocol):
    """The answers of one loop."""

    asked: NDArray[np.bool_]  # (n_queries,) whether it has an answer
    broken: dict[int, str]  # query -> what it was answered instead

    def one(self, query: int, answer: object) -> None:
        """Keep the answer to the query of that position."""

    def every(self, query: int, answer: object) -> None:
        """Keep the answer to all queries at once, from that position on: the first one."""

    @property
    def taken_bytes(self) -> int:
        """What keeping has taken since it was made."""


# Hits


class KeptHits:
    """The hits of each query: rows (n_queries, k) int64 and scores (n_queries, k) float32."""

    def __init__(self, n_queries: int, k: int) -> None:
        self.k = k
        self.rows = np.full((n_queries, k), -1, np.int64)  # filled: memory that is touched now is no adapter's
        self.scores = np.full((n_queries, k), np.nan, np.float32)
        self.asked = np.zeros(n_queries, np.bool_)
        self.others: dict[int, Hits] = {}  # from which query on: the first hits that are not those of before
        self.broken: dict[int, str] = {}

    def one(self, query: int, answer: object) -> None:
        self._keep(query, 1, answer)

    def every(self, query: int, answer: object) -> None:
        self._keep(query, len(self.rows), answer)

    def _keep(self, first: int, n: int, answer: Any) -> None:  # Any: what an adapter gave back
        places = slice(first, first + n)
        if not _are_hits(answer, n, self.k):
            self.broken.setdefault(first, _described(answer))
        elif not self.asked[places].all():
            self.rows[places], self.scores[places], self.asked[places] = answer.rows, answer.scores, True
        elif first not in self.others and not (
            _alike(answer.rows, self.rows[places]) and _alike(answer.scores, self.scores[places])
        ):
            self.others[first] = Hits(answer.rows.copy(), answer.scores.copy())

    @property
    def taken_bytes(self) -> int:
        return sum(sys.getsizeof(part) for hits in self.others.values() for part in hits)

    def changed(self, change: Callable[[Hits, int], Hits]) -> KeptHits:
        """The same answers, of which each is changed. change: of hits, and the query that they begin with."""
        found = copy.copy(self)
        found.rows, found.scores = change(Hits(self.rows, self.scores), 0)
        found.others = {first: change(hits, first) for first, hits in self.others.items()}
        return found


def _alike(one: NDArray[Any], other: NDArray[Any]) -> bool:  # Any: of whatever numbers
    """Bit by bit; what is not may still be the same answer."""
    return one.tobytes() == other.tobytes()


def _are_hits(answer: Any, n_queries: int, k: int) -> bool:  # Any: what an adapter gave back
    """Whether it is Hits and nothing that only looks so, of two plain arrays of that shape."""
    return bool(
        type(answer) is Hits
        and type(answer.rows) is np.ndarray
        and type(answer.scores) is np.ndarray
        and answer.rows.shape == answer.scores.shape == (n_queries, k)
        and answer.rows.dtype == np.int64
        and answer.scores.dtype == np.float32
    )


def _described(answer: object) -> str:
    if type(answer) is not Hits:
        return type(answer).__name__
    arrays = (f"{type(each).__name__} {getattr(each, 'dtype', '')}{getattr(each, 'shape', '')}" for each in answer)
    return f"Hits of {' and '.join(arrays)}"


class JudgedHits(NamedTuple):
    """What timed hits are held to."""

    top: Hits  # for the k that is timed: (n_queries, k)
    deep: Hits  # for the depth; what is equally good stands here where the cut at k left it out


def differing_hits(kept: KeptHits, judged: JudgedHits, tolerance: float = SAME_SCORE) -> Iterator[tuple[int, str]]:
    """
    The queries whose timed hits are not the judged ones, each with what differs. What was not asked does not differ.

    Passages whose scores are equal, within `tolerance` of the query's largest, may swap, also at the cut.
    """
    for query, answer in sorted(kept.broken.items()):
        yield query, f"expected Hits of rows int64 and scores float32, {kept.k} of each for a query, found {answer}"
    told = set(kept.broken)
    for first, hits in ((0, Hits(kept.rows, kept.scores)), *sorted(kept.others.items())):
        places = slice(first, first + len(hits.rows))
        part = JudgedHits(*(Hits(of.rows[places], of.scores[places]) for of in judged))
        for query, what in _differing(hits, part, tolerance):
            if kept.asked[first + query] and first + query not in told:
                told.add(first + query)
                yield first + query, what


def _differing(hits: Hits, judged: JudgedHits, tolerance: float) -> Iterator[tuple[int, str]]:
    top, deep = judged
    scores = np.where(top.rows >= 0, top.scores, 0)
    slack = tolerance * np.maximum(np.abs(scores).max(axis=1, initial=0), np.finfo(np.float32).tiny)[:, None]
    found = hits.rows >= 0
    other_scores = ~(np.abs(np.where(found, hits.scores, 0) - scores) <= slack) | (found != (top.rows >= 0))
    other_rows = hits.rows != top.rows
    for query in np.flatnonzero((other_scores | other_rows).any(axis=1)).tolist():
        known = dict(zip(deep.rows[query].tolist(), deep.scores[query].tolist(), strict=True))
        known |= dict(zip(top.rows[query].tolist(), top.scores[query].tolist(), strict=True))
        for rank in np.flatnonzero(other_rows[query] | other_scores[query]).tolist():
            row, expected = int(hits.rows[query, rank]), float(scores[query, rank])
            swaps = row in known and abs(known[row] - expected) <= slack[query, 0]
            if other_scores[query, rank] or not swaps:
                yield (
                    query,
                    (
                        f"expected passage {int(top.rows[query, rank])} with score {top.scores[query, rank]:.6g} "
                        f"at rank {rank + 1}, found {row} with {hits.scores[query, rank]:.6g}"
                    ),
                )
                break


# Vectors


class KeptVectors:
    """
    The vectors of each query, dense or sparse as an example is.

    example: the vectors of some texts, one at least.
    """

    def __init__(self, n_queries: int, example: Any) -> None:  # Any: what an adapter gave back
        self.n = n_queries
        self.is_sparse = isinstance(example, csr_array)
        self.dims = int(example.shape[1]) if isinstance(example, np.ndarray | csr_array) and example.ndim == 2 else 0
        self.dense = np.full((0 if self.is_sparse else n_queries, self.dims), np.nan, np.float32)
        self.sparse: dict[int, Arrays] = {}  # from which query on
        self.asked = np.zeros(n_queries, np.bool_)
        self.others: dict[int, Arrays] = {}  # from which query on: the first vectors that are not those of before
        self.broken: dict[int, str] = {}

    def one(self, query: int, answer: object) -> None:
        self._keep(query, 1, answer)

    def every(self, query: int, answer: object) -> None:
        self._keep(query, self.n, answer)

    def _keep(self, first: int, n: int, answer: Any) -> None:  # Any: as above
        places = slice(first, first + n)
        if not self._fits(answer, n):
            self.broken.setdefault(first, _shape_of(answer))
            return
        arrays = (answer.data, answer.indices, answer.indptr) if self.is_sparse else (answer,)
        if self.asked[places].all():
            before = self.sparse[first] if self.is_sparse else (self.dense[places],)
            if first not in self.others and not all(map(_alike, arrays, before)):
                self.others[first] = tuple(array.copy() for array in arrays)
            return
        self.asked[places] = True
        if self.is_sparse:
            self.sparse[first] = tuple(array.copy() for array in arrays)
        else:
            self.dense[places] = answer

    def _fits(self, answer: Any, n: int) -> bool:  # Any: as above
        kind = csr_array if self.is_sparse else np.ndarray
        return bool(type(answer) is kind and answer.shape == (n, self.dims) and answer.dtype == np.float32)

    def kept(self) -> Iterator[tuple[int, Vectors]]:
        """From which query on, and the vectors, (n, dims) each: the first ones, and those that are not the same."""
        if self.is_sparse:
            yield from ((first, self._restored(arrays)) for first, arrays in sorted(self.sparse.items()))
        else:
            yield 0, self.dense
        yield from ((first, self._restored(arrays)) for first, arrays in sorted(self.others.items()))

    def _restored(self, arrays: Arrays) -> Vectors:
        if not self.is_sparse:
            return np.asarray(arrays[0])
        return csr_array(arrays, shape=(len(arrays[2]) - 1, self.dims))

    @property
    def taken_bytes(self) -> int:
        kept = (*self.sparse.values(), *self.others.values())
        return sum(sys.getsizeof(array) for arrays in kept for array in (arrays, *arrays))


def _shape_of(answer: object) -> str:
    return f"{type(answer).__name__} {getattr(answer, 'dtype', '')}{getattr(answer, 'shape', '')}".strip()


def distances(one: Vectors, other: Vectors) -> NDArray[np.float64]:
    """How far vectors are apart, as shares of the other's lengths: (n,); 0 where both are null, inf where one is."""
    difference: Any = one - other  # Any: scipy has no types here
    if isinstance(other, np.ndarray):
        apart = np.linalg.norm(difference.astype(np.float64), axis=1)
        length = np.linalg.norm(np.asarray(other, np.float64), axis=1)
    else:
        squares = (each.power(2).sum(axis=1) for each in (difference, other))
        apart, length = (np.sqrt(np.asarray(each, np.float64)).ravel() for each in squares)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(apart == 0, 0.0, apart / length)


def differing_vectors(kept: KeptVectors, judged: Vectors, tolerance: float = SAME_VECTOR) -> Iterator[tuple[int, str]]:
    """The queries whose timed vectors lie further than `tolerance` of their length from the judged ones."""
    for query, found in sorted(kept.broken.items()):
        yield query, f"expected vectors as the matrix has them, found {found}"
    told = set(kept.broken)
    for first, vectors in kept.kept():
        apart = distances(vectors, judged[first : first + vectors.shape[0]])
        for place in np.flatnonzero(~(apart <= tolerance)).tolist():
            query = first + place
            if kept.asked[query] and query not in told:
                told.add(query)
                expected = f"expected the vector of the matrix within {tolerance:g} of its length"
                yield query, f"{expected}, found one {apart[place]:.2g} of it away"
