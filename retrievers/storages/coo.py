"""Sparse vectors as the textbook has them: of every stored number its row, its column and itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from retrievers.contract import Hits, Vectors
from retrievers.storages._sparse import Finding, SparseStorage, positions_found
from retrievers.storages.codecs.impacts import Array, Impacts, quantised, smallest_uint
from retrievers.storages.search import kernels
from retrievers.storages.search.searches import top_k_of_rows


@dataclass(repr=False)
class COO(SparseStorage):
    """
    Rows, columns and values, in the order of rows, then of columns. A query visits every stored number.

    rows and columns are the smallest unsigned integers that fit.
    """

    components: ClassVar[tuple[str, ...]] = ("values", "rows", "columns")

    def _lay_out(self, matrix: csr_array) -> tuple[dict[str, Array], Impacts]:
        n, dims = matrix.shape
        positions = {
            "rows": np.repeat(np.arange(n, dtype=smallest_uint(n - 1)), np.diff(matrix.indptr)),
            "columns": matrix.indices.astype(smallest_uint(dims - 1)),
        }
        return positions, quantised(matrix.data, matrix.indices, dims, self.dtype)

    def _positions(self, n: int, dims: int, postings: int) -> dict[str, int]:
        return {
            "rows": postings * smallest_uint(n - 1).itemsize,
            "columns": postings * smallest_uint(dims - 1).itemsize,
        }

    def _inspect(self, arrays: Mapping[str, Array], n: int, dims: int, *, whole: bool) -> Iterator[Finding]:
        postings = len(arrays["values"])
        yield from positions_found("rows", arrays["rows"], n, postings, whole=whole)
        yield from positions_found("columns", arrays["columns"], dims, postings, whole=whole)

    def _search(self, queries: Vectors, k: int, n: int) -> Hits:
        columns, values = self.arrays["columns"], self.arrays["values"]
        return top_k_of_rows(self._offsets, columns, values, queries, k, n=n, sparse=self.sparse, scales=self._scales)

    def _offsets(self, first: int, last: int) -> NDArray[np.int64]:
        return kernels.offsets_of(self.arrays["rows"], first, last)
