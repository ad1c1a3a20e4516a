"""
What the sparse storages share: the matrix they are made of, their files and facts, the search of lists and of rows.

A matrix of passages is positions and values (`impacts.py`). Positions are held in the smallest unsigned integers that
fit.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import ClassVar, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, get_index_dtype

from retrievers.contract import Fact, Hits, Spelled, Unsupported, Vectors, spell, top_k
from retrievers.storages import kernels
from retrievers.storages.flat import block_length, check_dims, read_facts, unbuilt, write_facts
from retrievers.storages.impacts import (
    DTYPES,
    Array,
    Dtype,
    Impacts,
    check_dtype,
    column_scales,
    information_bounds,
    quantised,
    smallest_uint,
)
from retrievers.storages.kernels import Offsets, Postings

__all__ = [  # what is done with values is told in impacts.py, and had from here too
    "DTYPES",
    "Array",
    "Dtype",
    "Impacts",
    "Postings",
    "SparseStorage",
    "check_dtype",
    "column_scales",
    "information_bounds",
    "quantised",
    "smallest_uint",
    "top_k_of_lists",
    "top_k_of_rows",
]

ROW_BLOCK = 32  # queries that go through the rows together: beyond, what they add to leaves the processor's cache
PLAIN_ROWS = 2**16  # that scipy is handed at a time, in its own types


# Queries, lists and rows


class Terms(NamedTuple):
    """Queries as their non-zeros: query i has terms splits[i] to before splits[i + 1]."""

    columns: Array  # (terms,) int32 or int64
    weights: NDArray[np.float32]  # (terms,)
    splits: NDArray[np.int64]  # (n_queries + 1,)


Lists: TypeAlias = Callable[[Array], Postings]  # columns (terms,), any of them twice -> their lists, in that order


def terms_of(queries: Vectors, scales: NDArray[np.uint8] | None = None) -> Terms:
    """The non-zeros of queries, float32; each times its column's scale where there are any."""
    if isinstance(queries, csr_array):
        columns, weights = queries.indices, queries.data.astype(np.float32)
        splits = queries.indptr.astype(np.int64)
    else:
        rows, columns = np.nonzero(queries)
        weights = queries[rows, columns].astype(np.float32)
        splits = np.searchsorted(rows, np.arange(len(queries) + 1))
    if scales is not None:
        weights *= column_scales(scales[columns])
    return Terms(columns, weights, splits)


def top_k_of_lists(
    lists: Lists,
    queries: Vectors,
    k: int,
    *,
    n: int,
    sparse: bool,
    scales: NDArray[np.uint8] | None = None,
    block: int = 1024,
) -> Hits:
    """
    The top k of queries over inverted lists of n passages: float32 sums in the order of a query's terms.

    lists: columns -> their lists; it is asked for the terms of `block` queries at once, maybe by several threads.
    sparse: only scores above 0 are hits. scales: (dims,) steps of LADDER where the values are codes.
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
    scales: NDArray[np.uint8] | None = None,
) -> Hits:
    """
    The top k of queries over n rows of non-zeros, every one of which is visited: float32 sums in the order of a row.

    offsets: the rows first to before last have the non-zeros from offsets(first, last)[i] to before [i + 1], of which
    indices are the columns. sparse, scales: as above.
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


# Storages


def canonical(vectors: Vectors) -> csr_array:
    """
    The vectors as float32, columns ascending, none twice, no zero stored: the one place where dense becomes sparse.

    A matrix that is so already is not copied; one that is not is left as it was.
    """
    matrix = vectors if isinstance(vectors, csr_array) else csr_array(np.asarray(vectors, np.float32))
    # A new frame round the same arrays: what scipy notes in it, or trims, is not the caller's.
    matrix = csr_array((matrix.data.astype(np.float32, copy=False), matrix.indices, matrix.indptr), shape=matrix.shape)
    if not matrix.has_canonical_format:
        matrix = matrix.copy()
        matrix.sum_duplicates()
    if np.count_nonzero(matrix.data) < matrix.nnz:
        matrix = matrix.copy()
        matrix.eliminate_zeros()
    return matrix


def frozen(array: Array) -> Array:
    """A view that can not be written to, without gaps. What kernels are handed is so, mapped from a file or not."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


def save_arrays(folder: Path, arrays: Mapping[str, Array]) -> None:
    """Each as NAME.npy."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)


def load_arrays(folder: Path, names: tuple[str, ...], read: Callable[[Path], Array]) -> dict[str, Array]:
    """What save_arrays wrote, read-only."""
    return {name: frozen(read(folder / f"{name}.npy")) for name in names}


@dataclass(repr=False)
class SparseStorage(ABC, Spelled):
    """
    Exact search in what is held: float32 as given, float16 rounded, or uint8 impacts with a scale a column.

    Dense vectors are held too, without their zeros; their hits may then have any score. Unsupported at `build` for
    numbers that the dtype does not hold: beyond 65504 (float16), negative or beyond 957,000 (uint8). mmap: `load`
    maps the files instead of reading them.
    """

    dtype: Dtype = "float32"
    mmap: bool = field(default=False, kw_only=True)
    search_options: ClassVar[tuple[str, ...]] = ("mmap",)
    components: ClassVar[tuple[str, ...]]  # names in the ledger, of the arrays and of their files, without scales
    arrays: dict[str, Array] = field(init=False, default_factory=dict, compare=False)  # by those names; read-only
    shape: tuple[int, int] | None = field(init=False, default=None, compare=False)  # (n, dims); None: nothing held
    sparse: bool = field(init=False, default=False, compare=False)  # whether build was handed a sparse matrix
    mapped: bool = field(init=False, default=False, compare=False)
    bounds: dict[str, float] = field(init=False, default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        check_dtype(self, self.dtype)

    @property
    def exact(self) -> bool:
        return self.dtype == "float32"

    @abstractmethod
    def _lay_out(self, matrix: csr_array) -> tuple[dict[str, Array], Impacts]:
        """The arrays of positions of a canonical matrix, and its values in the same order."""

    @abstractmethod
    def _positions(self, n: int, dims: int, postings: int) -> dict[str, int]:
        """What the arrays of positions will weigh, in bytes."""

    @abstractmethod
    def _search(self, queries: Vectors, k: int, n: int) -> Hits: ...

    def build(self, vectors: Vectors) -> None:
        matrix = canonical(vectors)
        n, dims = matrix.shape
        try:
            arrays, (values, scales) = self._lay_out(matrix)
        except Unsupported as error:
            raise Unsupported(f"{spell(self)}: {error}") from error
        arrays["values"] = values
        if scales is not None:
            arrays["scales"] = scales
        self.arrays = {name: frozen(arrays[name]) for name in self._names}
        self.bounds = information_bounds(np.bincount(matrix.indices, minlength=dims), n, values)
        self.shape, self.sparse, self.mapped = (n, dims), isinstance(vectors, csr_array), False

    def search(self, queries: Vectors, k: int) -> Hits:
        """RuntimeError before `build` or `load`; ValueError for queries of other dimensions."""
        if self.shape is None:
            raise unbuilt(self)
        n, dims = self.shape
        check_dims(self, queries, dims)
        return self._search(queries, k, n)

    def save(self, folder: Path) -> None:
        if self.shape is None:
            raise unbuilt(self)
        write_facts(folder, dtype=self.dtype, shape=self.shape, sparse=self.sparse, bounds=self.bounds)
        save_arrays(folder, self.arrays)

    def load(self, folder: Path) -> None:
        """ValueError where the folder was saved with another dtype."""
        facts = read_facts(folder)
        if facts["dtype"] != self.dtype:
            raise ValueError(
                f"{folder} was expected to be saved by {spell(self)}, found values of {facts['dtype']}: "
                f"load it into a storage of the same dtype, or build anew"
            )
        self.arrays = load_arrays(folder, self._names, self._mapped if self.mmap else np.load)
        n, dims = facts["shape"]
        self.shape, self.sparse, self.mapped = (n, dims), facts["sparse"], self.mmap
        self.bounds = facts["bounds"]

    def ledger(self) -> dict[str, int]:
        return {name: self.arrays[name].nbytes if self.shape else 0 for name in self._names}

    def predict_ledger(self, n: int, dims: int, nonzeros: int | None) -> dict[str, int]:
        postings = n * dims if nonzeros is None else nonzeros
        scales = {"scales": dims} if self.dtype == "uint8" else {}
        values = {"values": postings * np.dtype(self.dtype).itemsize}
        return self._positions(n, dims, postings) | values | scales

    def describe(self) -> dict[str, Fact]:
        """The information bounds in bits a posting, None before there are any; and whether the files are mapped."""
        bounds = self.bounds or information_bounds(np.empty(0), 0, np.empty(0, np.uint8))
        facts: dict[str, Fact] = {name: bound if self.shape else None for name, bound in bounds.items()}
        return facts | {"memory_mapped": 1} if self.mapped else facts

    def _mapped(self, path: Path) -> Array:
        """An array that is read from one end to the other: the system may read ahead."""
        return np.asarray(np.load(path, mmap_mode="r"))

    @property
    def _names(self) -> tuple[str, ...]:
        return (*self.components, "scales") if self.dtype == "uint8" else self.components

    @property
    def _scales(self) -> NDArray[np.uint8] | None:
        return self.arrays.get("scales")
