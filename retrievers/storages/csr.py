"""Sparse vectors row by row, as scipy holds them: the plain sparse storage."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
from scipy.sparse import csr_array, get_index_dtype

from retrievers.contract import Hits, Spelled, Vectors, search_blocks, top_k
from retrievers.storages.flat import block_length, check_dims, dense_rows, read_facts, unbuilt, write_facts

# What the ledger and the files call the arrays that scipy names data, indices and indptr.
PARTS = {"values": "data", "indices": "indices", "offsets": "indptr"}
# Queries a product: beyond, the scores it adds to leave the processor's cache, and a query takes longer, not shorter.
BLOCK = 32


@dataclass(repr=False)
class CSR(Spelled):
    """
    Exact search in sparse vectors: every stored number is visited for every query, by a matrix product.

    float32 values; indices and offsets of 4 bytes while they fit, else 8. Dense vectors are held too, without their
    zeros; their hits may then have any score. A matrix of these types already is kept, not copied.
    """

    exact: ClassVar[bool] = True
    search_options: ClassVar[tuple[str, ...]] = ()
    matrix: csr_array | None = field(init=False, default=None, compare=False)  # (n, dims)
    sparse: bool = field(init=False, default=False, compare=False)  # whether build was handed a sparse matrix

    def build(self, vectors: Vectors) -> None:
        self.sparse = isinstance(vectors, csr_array)
        self.matrix = sparse_rows(vectors)

    def search(self, queries: Vectors, k: int) -> Hits:
        """RuntimeError before `build` or `load`; ValueError for queries of other dimensions."""
        if self.matrix is None:
            raise unbuilt(self)
        matrix, sparse = self.matrix, self.sparse
        n, dims = matrix.shape
        check_dims(self, queries, dims)

        def best(rows: slice) -> Hits:
            scores = matrix @ dense_rows(queries, rows).T  # (n, rows)
            return top_k(np.ascontiguousarray(scores.T), k, positive=sparse)

        return search_blocks(best, queries.shape[0], min(BLOCK, block_length(n, dims)), k)

    def save(self, folder: Path) -> None:
        if self.matrix is None:
            raise unbuilt(self)
        write_facts(folder, sparse=self.sparse, shape=self.matrix.shape)
        for name, part in PARTS.items():
            np.save(folder / f"{name}.npy", getattr(self.matrix, part))

    def load(self, folder: Path) -> None:
        facts = read_facts(folder)
        values, indices, offsets = (np.load(folder / f"{name}.npy", allow_pickle=False) for name in PARTS)
        n, dims = facts["shape"]
        self.sparse = facts["sparse"]
        self.matrix = csr_array((values, indices, offsets), shape=(n, dims))

    def ledger(self) -> dict[str, int]:
        if self.matrix is None:
            return dict.fromkeys(PARTS, 0)
        return {name: getattr(self.matrix, part).nbytes for name, part in PARTS.items()}

    def predict_ledger(self, n: int, dims: int, nonzeros: int | None) -> dict[str, int]:
        stored = n * dims if nonzeros is None else nonzeros
        index = index_type(n, dims, stored).itemsize
        return {"values": stored * np.dtype(np.float32).itemsize, "indices": stored * index, "offsets": (n + 1) * index}


def sparse_rows(vectors: Vectors) -> csr_array:
    """The vectors as CSR, float32, with the smallest indices scipy has: the one place where dense becomes sparse."""
    matrix = vectors if isinstance(vectors, csr_array) else csr_array(vectors)
    n, dims = matrix.shape
    index = index_type(n, dims, matrix.nnz)
    values = matrix.data.astype(np.float32, copy=False)
    indices, offsets = (part.astype(index, copy=False) for part in (matrix.indices, matrix.indptr))
    # A new frame round the same arrays: what scipy later notes in it, or trims, is not the caller's.
    return csr_array((values, indices, offsets), shape=(n, dims))


def index_type(n: int, dims: int, nonzeros: int) -> np.dtype[np.int32 | np.int64]:
    smallest: np.dtype[np.int32 | np.int64] = np.dtype(get_index_dtype(maxval=max(n, dims, nonzeros)))
    return smallest
