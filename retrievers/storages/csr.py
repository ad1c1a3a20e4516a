"""Sparse vectors row by row: the plain sparse storage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from retrievers.contract import Hits, Vectors
from retrievers.storages._sparse import Finding, SparseStorage, offsets_found, positions_found
from retrievers.storages.codecs.impacts import Array, Impacts, quantised, smallest_uint
from retrievers.storages.search.searches import top_k_of_rows


@dataclass(repr=False)
class CSR(SparseStorage):
    """
    Rows of columns and values, one after the other, and where each begins. A query visits every stored number.

    indices and offsets are the smallest unsigned integers that fit.
    """

    components: ClassVar[tuple[str, ...]] = ("values", "indices", "offsets")

    def _lay_out(self, matrix: csr_array) -> tuple[dict[str, Array], Impacts]:
        dims = matrix.shape[1]
        positions = {
            "indices": matrix.indices.astype(smallest_uint(dims - 1)),
            "offsets": matrix.indptr.astype(smallest_uint(matrix.nnz)),
        }
        return positions, quantised(matrix.data, matrix.indices, dims, self.dtype)

    def _positions(self, n: int, dims: int, postings: int) -> dict[str, int]:
        return {
            "indices": postings * smallest_uint(dims - 1).itemsize,
            "offsets": (n + 1) * smallest_uint(postings).itemsize,
        }

    def _inspect(self, arrays: Mapping[str, Array], n: int, dims: int, *, whole: bool) -> Iterator[Finding]:
        postings = len(arrays["values"])
        yield from offsets_found(arrays["offsets"], n, postings, whole=whole)
        yield from positions_found("indices", arrays["indices"], dims, postings, whole=whole)

    def _search(self, queries: Vectors, k: int, n: int) -> Hits:
        indices, values = self.arrays["indices"], self.arrays["values"]
        return top_k_of_rows(self._offsets, indices, values, queries, k, n=n, sparse=self.sparse, scales=self._scales)

    def _offsets(self, first: int, last: int) -> NDArray[np.int64]:
        return self.arrays["offsets"][first : last + 1].astype(np.int64)
