"""The obvious storage: every number of every vector, in one array. All others are held to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from retrievers.contract import Fact, Hits, Spelled, Vectors, no_hits, search_blocks, top_k
from retrievers.storages import _shared

VECTORS_FILE = "vectors.npy"


@dataclass(repr=False)
class Flat(Spelled):
    """
    Exact search in dense vectors, by matrix products.

    A sparse matrix is held dense, at its full n * dims * 4 bytes; its hits still need a score above 0. An array that
    is float32 and C-ordered already is kept, not copied.

    mmap: `load` maps the file of the vectors instead of reading it: they are read from disk as they are searched, and
    the system may let go of them at any time. What `build` was handed is held as it is.
    """

    mmap: bool = field(default=False, kw_only=True)
    exact: ClassVar[bool] = True
    search_options: ClassVar[tuple[str, ...]] = ("mmap",)
    vectors: NDArray[np.float32] | None = field(init=False, default=None, compare=False)  # (n, dims)
    sparse: bool = field(init=False, default=False, compare=False)  # whether build was handed a sparse matrix
    mapped: bool = field(init=False, default=False, compare=False)  # whether the vectors lie in a file

    def __post_init__(self) -> None:
        _shared.check_mmap(self, self.mmap)

    def prepare(self) -> None:
        """Search toys, one query and many, so that libraries, their threads and what is compiled are there."""
        toy = np.ones((64, 64), np.float32)
        for queries in (toy[:1], toy):
            best_products(queries, toy, 1, sparse=False)

    def build(self, vectors: Vectors) -> None:
        self.sparse, self.mapped = isinstance(vectors, csr_array), False
        self.vectors = _shared.dense_rows(vectors)

    def search(self, queries: Vectors, k: int) -> Hits:
        """RuntimeError before `build` or `load`; ValueError for queries of other dimensions."""
        if self.vectors is None:
            raise _shared.unbuilt(self)
        vectors, sparse = self.vectors, self.sparse
        _shared.check_dims(self, queries, vectors.shape[1])

        def best(rows: slice) -> Hits:
            return best_products(_shared.dense_rows(queries, rows), vectors, k, sparse=sparse)

        return search_blocks(best, queries.shape[0], _shared.block_length(0, vectors.shape[1]), k)

    def save(self, folder: Path) -> None:
        if self.vectors is None:
            raise _shared.unbuilt(self)
        _shared.write_facts(folder, sparse=self.sparse)
        np.save(folder / VECTORS_FILE, self.vectors)

    def load(self, folder: Path) -> None:
        self.sparse, self.mapped = _shared.read_facts(folder)["sparse"], self.mmap
        mode: Literal["r"] | None = "r" if self.mmap else None
        # As a plain array, also where it is mapped: numpy's class for files takes longer to cut.
        self.vectors = np.asarray(np.load(folder / VECTORS_FILE, mmap_mode=mode, allow_pickle=False))

    def describe(self) -> dict[str, Fact]:
        """`memory_mapped: 1` where the vectors lie in a file that is mapped."""
        return {"memory_mapped": 1} if self.mapped else {}

    def ledger(self) -> dict[str, int]:
        return {"vectors": 0 if self.vectors is None else self.vectors.nbytes}

    def predict_ledger(self, n: int, dims: int, nonzeros: int | None) -> dict[str, int]:  # noqa: ARG002  # zeros are held too
        return {"vectors": n * dims * np.dtype(np.float32).itemsize}


def best_products(queries: NDArray[np.float32], vectors: NDArray[np.float32], k: int, *, sparse: bool) -> Hits:
    """
    The top k of vectors (n, dims) for queries (n_queries, dims), both C-ordered float32, ties by position.

    sparse: only scores above 0 are hits. Compiled where numba is there, else by numpy, with at most BLOCK_BYTES or one
    query of scores at a time; nothing of the size of the vectors is made beside them.
    """
    from retrievers.storages.search import kernels

    if k == 0 or not len(vectors):
        return no_hits(len(queries), k)
    if kernels.available():
        return kernels.best_of_vectors(queries, vectors, k, sparse)

    def best(rows: slice) -> Hits:
        return top_k(queries[rows] @ vectors.T, k, positive=sparse)

    return search_blocks(best, len(queries), _shared.block_length(*vectors.shape), k)
